"""What travels: papers, keys, the bundle into a hall, the journal's events, and the return out of it.

Every struct is a frozen ``msgspec.Struct``; files carry ``format`` (see ``BUNDLE_FORMAT``, ``RETURN_FORMAT``)
and a reader refuses a number it does not know. A new optional field keeps the number, anything else raises
it.

**Units and slots.** A paper is a list of *units*. A unit of kind ``case`` (综合题) has a stem and children,
each answered and marked on its own; every other unit is answered itself. A thing that takes one answer is a
*slot*; its key is the item's uid, or ``uid#n`` for child *n* (from 1) of a case: ``slot_key("Q12", 3) ==
"Q12#3"``. Answers, keys and scores are kept by ``(subject, slot key)``. An answer is the list of chosen
**option ids** (the bank's own, not the letters shown: letters follow the order on this candidate's paper).
Order of units and options in ``Paper`` is final, with anchored options already in place.

**Texts.** Stems and options are texts as ``zhupei.kernel.richtext`` has them: plain, with images, tables and
formulas marked up in them. The images that they name travel once, in ``Bundle.media``.

**Numbers.** Marks are ``Decimal`` and travel as strings. Moments (``at``) are whole milliseconds since 1970
UTC, for the record only. ``tick`` is milliseconds of the engine's own clock, which alone decides deadlines
(see ``state``).

**Secrets.** A ``Paper`` never holds a right answer; ``Key`` does, and lives only in ``Bundle.keys``. ID
numbers never travel: ``id_masked`` is for the eye, ``id_hash`` (HMAC-SM3 under a key of the
bundle's own) for equality.
"""
