"""Rehearsal: candidates played over real HTTP against a hall. Also the load test, and what drills stand on.

Modules
    ``bundles``    a plan, and the synthetic bundles, candidates and keys that follow from it
    ``app``        what a hall mounts at ``/rehearsal``: the exam application on an engine of its own, and the rehearsal's pages
    ``wire``       a lean HTTP/1.1 client for thousands of connections
    ``player``     plays candidates; ``account`` compares what was acknowledged with what the hall holds
    ``report``     figures, limits, verdict
    ``drills``     what may go wrong meanwhile: server or database killed, disk full, clock stepped
    ``servers``    ``HallProcess``: the hall's server as a process that can be started, killed, measured

A rehearsal never touches a real test: folder, journal, engine and candidates are its own, and nothing in it is secret.
"""
