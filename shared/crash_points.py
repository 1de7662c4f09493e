"""Named moments at which a process can be told to die as by `kill -9`, for tests: W4R_CRASH_AT names one.

They stand where a crash hurts most: between a commit and what follows it, between a word given and its being written
down. Disarmed, as everywhere but in tests, passing one costs the comparison of two values.
"""

import os
from enum import StrEnum

CRASHED = 86


class CrashPoint(StrEnum):
    AFTER_CLAIM = "after-claim"  # letters are ours, by the database, and nothing was said to anybody
    BEFORE_MAIL = "before-mail"  # a connection is open
    AFTER_DOT = "after-dot"  # the letter has left us whole; what the server says is not read yet
    BEFORE_RECORD = "before-record"  # the server said what it thinks, and nothing is written down
    AFTER_RECORD = "after-record"  # it is, and nobody here knows
    BEFORE_PLAN = "before-plan"  # letters are planned, and their transaction still open
    AFTER_PLAN = "after-plan"  # committed, and the broker not told
    BEFORE_PUBLISHED = "before-published"  # the broker has the events, and the outbox does not know


_armed: CrashPoint | None = None


def arm(point: CrashPoint | None) -> None:
    """Once, when a process begins."""
    global _armed
    _armed = point


def crash_point(point: CrashPoint) -> None:
    """Die here, at once and without a word, if this is the one."""
    if point is _armed:
        os._exit(CRASHED)
