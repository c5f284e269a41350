"""The append-only record of every act: who, for which organisation, what, before and after, from where."""
