"""By when something promised "within so many working days" is due."""

from __future__ import annotations

import datetime as dt

SATURDAY = 5


def due_after(at: dt.datetime, days: int) -> dt.datetime:
    """The same time of day, ``days`` working days after ``at``.

    What comes in on a weekend counts from Monday, as if it had come first thing.
    """
    due = _first_working_moment(at)
    for _ in range(days):
        due = _first_working_moment(due + dt.timedelta(days=1), keep_time=True)
    return due


def _first_working_moment(at: dt.datetime, *, keep_time: bool = False) -> dt.datetime:
    while at.weekday() >= SATURDAY:
        at += dt.timedelta(days=1)
        if not keep_time:
            at = at.replace(hour=9, minute=0, second=0, microsecond=0)
    return at
