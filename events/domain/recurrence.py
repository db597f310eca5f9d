"""Which days an event comes back on, as people say it, and as RFC 5545 writes it.

A rule is about days: "every second Thursday", "the last Friday of the month". The hour is kept
on the wall clock of the event's zone, so it is the same before and after the clocks change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule
from dateutil.rrule import weekday as nth_weekday

from events.domain.clock_times import HappensTwiceError, NoSuchTimeError, moment

Frequency = Literal["daily", "weekly", "monthly"]
_FREQUENCIES: dict[Frequency, Literal[1, 2, 3]] = {
    "daily": DAILY,
    "weekly": WEEKLY,
    "monthly": MONTHLY,
}
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# A date that moves by less than this is the same date on another day ("from Thursday to Tuesday").
SAME_DATE_WITHIN = timedelta(days=4)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When something happens again. Weekdays are 0 (Monday) to 6."""

    frequency: Frequency
    starts_on: date
    """The first day; a day the rule itself does not name is not one of its days."""
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    month_week: int | None = None
    """Monthly on a weekday: the 1st to 4th of the month, or -1 for the last."""
    month_day: int | None = None
    """Monthly on a day of the month, or -1 for the last day. Months without it are left out."""
    ends_on: date | None = None
    """The last day it may be; None together with ``count`` None: it never ends."""
    count: int | None = None

    def days(self, *, after: date | None = None) -> Iterator[date]:
        """Its days in order, those later than ``after``. Without an end they never stop."""
        for found in self._rrule():
            day = found.date()
            if after is None or day > after:
                yield day

    def days_until(self, last: date, *, after: date | None = None) -> list[date]:
        """Its days up to and with ``last``."""
        return list(takewhile(lambda day: day <= last, self.days(after=after)))

    def count_before(self, day: date) -> int:
        return len(self.days_until(day - timedelta(days=1)))

    def _rrule(self) -> rrule:
        byweekday: list[nth_weekday] | None = None
        if self.frequency == "weekly":
            byweekday = [nth_weekday(number) for number in self.weekdays]
        elif self.month_week is not None:
            byweekday = [nth_weekday(number, self.month_week) for number in self.weekdays]
        return rrule(
            _FREQUENCIES[self.frequency],
            dtstart=datetime.combine(self.starts_on, time()),
            interval=self.interval,
            byweekday=byweekday,
            bymonthday=self.month_day,
            until=self.ends_on and datetime.combine(self.ends_on, time()),
            count=self.count,
            wkst=0,
        )

    def text(self, *, starts_at: time, zone: ZoneInfo) -> str:
        """The value of RRULE (RFC 5545 §3.3.10) for dates that start at ``starts_at``.

        UNTIL is in UTC, as it must be where DTSTART names a zone.
        """
        parts = [f"FREQ={self.frequency.upper()}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.frequency == "weekly":
            parts.append("BYDAY=" + ",".join(_CODES[number] for number in self.weekdays))
        elif self.month_week is not None:
            days = ",".join(f"{self.month_week}{_CODES[number]}" for number in self.weekdays)
            parts.append(f"BYDAY={days}")
        elif self.month_day is not None:
            parts.append(f"BYMONTHDAY={self.month_day}")
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        elif self.ends_on is not None:
            until = start_on(self.ends_on, starts_at, zone).starts_at.astimezone(UTC)
            parts.append(f"UNTIL={until:%Y%m%dT%H%M%SZ}")
        return ";".join(parts)


ClockNote = Literal["", "skipped", "twice"]


@dataclass(frozen=True)
class Start:
    """When a date of a series starts. ``note`` is why that is not simply what the clock says."""

    starts_at: datetime
    note: ClockNote = ""


def start_on(day: date, clock: time, zone: ZoneInfo) -> Start:
    """When a date of that day starts, also in the two nights in which the clocks change.

    A time the clocks jump over is as much later as they jump (RFC 5545 §3.3.5: the offset
    before the gap). Of a time that happens twice it is the first.
    """
    try:
        return Start(moment(day, clock, zone))
    except NoSuchTimeError as skipped:
        return Start(skipped.instead.astimezone(UTC), "skipped")
    except HappensTwiceError:
        return Start(moment(day, clock, zone, is_second=False), "twice")


def pair_days(old: Iterable[date], new: Iterable[date]) -> dict[date, date]:
    """Which of the ``new`` days each ``old`` day becomes when the rule changes.

    A day that stays is itself. Then each goes to the nearest one left, in order, if that is
    near enough to be the same date on another day. Those not in the answer end, and the new
    days nobody came to are new dates.
    """
    old, new = sorted(set(old)), sorted(set(new))
    pairs = {day: day for day in old if day in set(new)}
    free = [day for day in new if day not in pairs]
    for day in old:
        if day in pairs:
            continue
        near = [other for other in free if abs(other - day) < SAME_DATE_WITHIN]
        if near:
            pairs[day] = min(near, key=lambda other: (abs(other - day), other))
            free.remove(pairs[day])
    return pairs
