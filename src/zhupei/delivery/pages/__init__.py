"""The candidate's pages as HTML. They read a ``View`` and never change anything.

Each page stands alone without script; ``static/exam.js`` finds its places by the ``id`` and ``data-`` attributes written here.
"""
