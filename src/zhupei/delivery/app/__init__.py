"""The candidate's door as a bare ASGI application: HTTP in, one engine call, a page or JSON out.

::

    ExamApp(engine, identify=lambda id_number: "...id_hash...")

``engine`` may also be a function that gives the engine or None (then every page says that the hall is not ready).
Mount it anywhere; ``scope["root_path"]`` is honoured. One process serves one engine.

Addresses (all under the root path)
    GET  /                  sign-in form; goes on by itself when signed in
    POST /enter             slip_no, id_number: sets the cookie
    GET  /wait              identity, rules, start button once the room is open
    POST /start             starts the time (again: same receipt)
    GET  /paper?subject=&n= the page of slot n;  GET /paper.json?subject= the whole subject for the script
    POST /save              a form (answers of one page and where to go) or JSON (one answer) → acknowledgement
    POST /heartbeat         JSON → state and time
    GET/POST /next-subject  summary, then on to the next subject
    GET/POST /hand-in       summary, then hand in
    GET  /result            both scores
    POST /leave             sign out of this machine (after hand-in)
    POST /warning-read      a form or JSON: the invigilator's warnings up to ``count`` were read
    POST /cross             from another server of the hall: carry token and unsaved answers (see ``crossing``)
    GET  /alive.gif         an image where an engine is active
    GET  /media/<digest>    an image of an item, to a candidate who is sitting it
    GET  /photo /look /static/... /health

Modules
    ``application``  ``ExamApp``: finds the route, turns faults into pages
    ``http``         request and response; ``visit`` (cookie, form token) ``static`` (files)
    ``quick``        saves and heartbeats of the script, which come by the thousand
    ``entrance`` ``answering`` ``onward`` ``extras``  the routes, by where a candidate is
    ``crossing``  going on at the other server of the hall

**Cookies.** ``zhupei_sitting``: the random token, HttpOnly, SameSite=Strict, Secure over https, a session cookie valid until the
sitting moves, is voided or the machine signs out. ``zhupei_carry``: the token to go on with at another server of the
hall, readable by the script, SameSite=Strict, used once. ``zhupei_look``: language and display settings.

**Forgery.** A write needs the Strict cookie, an Origin (or Referer) of this host where the browser sends one, and the form
token, which is derived from the cookie's token. So a page of one candidate left open cannot write for the next.
"""
