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

**Refusals** are ``zhupei.kernel.errors.Refusal`` with a code that ``texts`` has words for where a
candidate can meet it (HTTP status in ``status``); the message is plain English with the fact in it, pages translate by code.

Modules
    ``doors``      ``Engine``: all of the following on one hall
    ``core``       the state in memory, the lock, time, writing; ``people`` (candidates with papers) ``checks`` (saying no)
    ``loading``    bundles in and out of memory; ``sharing`` (one copy of what papers have in common)
    ``staff``      the staff door's acts; ``watching`` (looking on) ``returns`` (closing a bundle)
    ``candidate``  the candidate door
    ``hand_in``    scoring and receipt, for candidate, staff and clock alike
    ``clockwork``  hand-in when time is over
    ``replies``    what the engine answers
"""
