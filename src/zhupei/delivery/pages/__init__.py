"""The candidate's pages as HTML. They read a ``View`` and never change anything.

Each page stands alone without script; the scripts of ``static`` find their places by the ``id`` and ``data-`` attributes.
"""
