"""By when something promised "within so many working days" is due.

A working day is a day on which the care desk has hours, in its own zone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from therapy_credits.domain.slots import DayException, Window, windows_on

ONE_DAY = dt.timedelta(days=1)
# Nobody is closed for longer: then the week counts as it usually is.
LONGEST_CLOSED = 60


@dataclass(frozen=True)
class Week:
    """The hours of a desk: every week, and on single days."""

    zone: ZoneInfo
    windows: tuple[Window, ...]
    exceptions: tuple[DayException, ...] = field(default=())

    def opens(self, day: dt.date) -> dt.datetime | None:
        """When it opens on ``day``; None on a day on which it does not."""
        return self._at(day, min, 0)

    def closes(self, day: dt.date) -> dt.datetime | None:
        return self._at(day, max, 1)

    def _at(self, day: dt.date, which: Callable[..., dt.time], end: int) -> dt.datetime | None:
        open_ = windows_on(day, self.windows, self.exceptions)
        if not open_:
            return None
        return dt.datetime.combine(day, which(one[end] for one in open_), tzinfo=self.zone)


# While nothing is published.
USUAL = Week(ZoneInfo("UTC"), tuple(Window(day, dt.time(9), dt.time(18)) for day in range(5)))


def due_after(at: dt.datetime, days: int, week: Week = USUAL) -> dt.datetime:
    """The same time of day, ``days`` working days after ``at``, within that day's hours.

    What comes in while the desk is closed counts from when it opens next.
    """
    week = _that_opens(at, week)
    start = _first_open_moment(at, week)
    day = start.date()
    for _ in range(days):
        day = _next_open_day(day + ONE_DAY, week)
    opens, closes = week.opens(day), week.closes(day)
    assert opens is not None
    assert closes is not None
    due = dt.datetime.combine(day, start.time(), tzinfo=week.zone)
    return min(max(due, opens), closes).astimezone(dt.UTC)


def same_working_day(at: dt.datetime, week: Week = USUAL) -> dt.datetime:
    """When the desk closes that day, or an hour from now where that is later; on a day on which
    it is closed, when it closes on its next."""
    week = _that_opens(at, week)
    day = _next_open_day(at.astimezone(week.zone).date(), week)
    closes = week.closes(day)
    assert closes is not None
    return max(closes.astimezone(dt.UTC), at + dt.timedelta(hours=1))


def _first_open_moment(at: dt.datetime, week: Week) -> dt.datetime:
    local = at.astimezone(week.zone)
    day = _next_open_day(local.date(), week)
    closes = week.closes(day)
    if day == local.date() and closes is not None and local > closes:
        day = _next_open_day(day + ONE_DAY, week)
    opens = week.opens(day)
    assert opens is not None
    return max(opens, local)


def _next_open_day(day: dt.date, week: Week) -> dt.date:
    while week.opens(day) is None:
        day += ONE_DAY
    return day


def _that_opens(at: dt.datetime, week: Week) -> Week:
    """``week``, or the usual one where it has no hours, or not in a long time."""
    first = at.astimezone(week.zone).date()
    is_open = any(week.opens(first + n * ONE_DAY) for n in range(LONGEST_CLOSED))
    return week if week.windows and is_open else USUAL
