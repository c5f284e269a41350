"""The hours ledger: append-only; a correction is a new entry that reverses an old one."""
