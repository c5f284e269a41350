"""The engine: decides what may happen, writes it to the journal, and tells it once it is on disk.

One engine holds all sittings of one hall in memory, in one process, under one lock. Two doors lead in:

- the **staff door** (Django views of the hall room, any thread): ``load``, ``admit``, ``open_session``,
  ``pause`` ...; these calls return when what they did is on disk;
- the **candidate door** (the ASGI application): ``enter``, ``start``, ``save`` ...; these return a ``Ticket``
  at once, whose value may be told when it is on disk.

Events are applied to the state when they are decided and journalled in the same order. If the journal fails,
nothing of it was acknowledged; the state is folded anew from disk before the next act, and candidates' pages
send their answers again.

**Start and restart.** ``Engine(journal)`` folds the journal. Papers and keys are never in the journal: after
a restart the hall room loads the bundle again (``load`` is idempotent) and all sittings go on with the time
they had left.

**Refusals** are ``zhupei.kernel.errors.Refusal`` with a code of ``texts.REFUSALS`` (HTTP status in
``status``); the message is plain English with the fact in it, pages translate by code.
"""
