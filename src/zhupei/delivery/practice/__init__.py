"""Practice for anyone: a small sample paper on the pages and with the script of the test, kept in memory alone.

``PracticeApp`` is mounted at ``/practice``. Nobody is asked for anything; nothing is written down; who comes is forgotten two
hours later. The items (``items``) are invented for it and stand in no bank.

Modules
    ``items``   the questions with right answers and explanations
    ``sheets``  a bundle of one person made of them
    ``app``     who comes and goes; the routes that differ from the test's
    ``pages``   the first page, and the scores with answers and explanations
"""

from zhupei.delivery.practice.app import PracticeApp

__all__ = ["PracticeApp"]
