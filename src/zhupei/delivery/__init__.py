"""The exam engine: papers in, answers kept, scores out. No Django in here; only ``zhupei.kernel`` below.

Its door is ``zhupei.delivery.api``; the candidate's pages are its ``ExamApp`` (ASGI).

Modules
    ``formats/``   what travels: ``papers`` (and keys) ``bundles`` ``events`` (the journal) ``scores`` ``returns``
    ``sealing``    bundle and return as files: SM4-GCM, SM2, every fault its own code
    ``scoring``    exact marks from raw answers; the hall and the centre call the same function
    ``journal``    append-only, acknowledged after fsync; SQLite with group commit
    ``state``      sittings folded from events; time and deadlines
    ``engine/``    decides, journals, tells: the staff's and the candidate's door
    ``app/``       HTTP: routes, cookie, forgery checks
    ``pages/``     the candidate's pages as HTML; ``texts`` (words) ``html`` (escaping)
    ``practice/``  the same pages for anyone, with a sample paper, kept in memory alone
    ``attempts``   slows down guessing at the sign-in
    ``static/``    style and script, for old browsers too; every page works without the script

Life of a test
    1. The centre fills a ``Bundle``, calls ``complete`` and ``seal_bundle``; the hall ``open_bundle`` and ``Engine.load``.
    2. Desk: ``admit`` after the identity check. Machine: the candidate signs in and waits.
    3. Invigilator: ``open_session``. Candidate: starts; from here the engine holds his deadline.
    4. Every answer is one event with a sequence number, on disk before it is acknowledged. ``pause``, ``resume``,
       ``add_time``, ``move_seat``, ``allow_entry``, ``force_hand_in``, ``void`` act on sittings; ``status`` shows them.
    5. Hand-in, or deadline and grace: both subjects are scored and shown at once.
    6. ``build_return`` and ``seal_return``; the centre opens it and scores the raw answers again.

Time
    Deadlines run on the engine's own clock (``tick``): the machine's monotonic clock while the program runs, standing still
    while it doesn't. A wall clock that jumps changes nothing; after a crash every sitting goes on with the time it had, at most
    two seconds more. Silence of a page that had been heard becomes a ``Proposal``; time is added only by two persons.

Restart
    The journal holds no paper and no key. After a restart the hall room opens the sealed bundle again (the key comes from
    where the hall room keeps it), calls ``load``, and all sittings, sign-ins and answers are as they were.

Processes
    One engine holds one folder (``engine.lock``) in one process; Django views in other threads of it use the staff door. Run the
    application with one worker.
"""
