"""From opening hours to times one can book.

Hours are wall-clock times in the practice's zone; a slot is an instant. A slot
starts on the clock at the window's start and every ``step`` minutes after it, so
that "every Thursday at 14:00" stays 14:00 when the clocks change. A time the
clocks skip is no slot; of an hour that comes twice, the first is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

Span = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True)
class Window:
    """A weekly window: 0 is Monday."""

    weekday: int
    starts: dt.time
    ends: dt.time


@dataclass(frozen=True)
class DayException:
    """A day that differs. Without times it is closed; with times, only they count."""

    on_date: dt.date
    starts: dt.time | None = None
    ends: dt.time | None = None


@dataclass(frozen=True)
class Rules:
    """How a practice spaces its sessions."""

    minutes: int
    buffer_minutes: int = 10
    lead: dt.timedelta = dt.timedelta(hours=12)
    step_minutes: int = 30


def open_slots(
    *,
    hours: Sequence[Window],
    exceptions: Sequence[DayException],
    busy: Iterable[Span],
    zone: ZoneInfo,
    rules: Rules,
    at: dt.datetime,
    until: dt.datetime,
) -> list[dt.datetime]:
    """Starts, in UTC and in order, between ``at`` plus the lead time and ``until``."""
    earliest = at + rules.lead
    taken = sorted(busy)
    length = dt.timedelta(minutes=rules.minutes)
    gap = dt.timedelta(minutes=rules.buffer_minutes)
    found: set[dt.datetime] = set()
    for day in _days(earliest.astimezone(zone).date(), until.astimezone(zone).date()):
        for starts, ends in windows_on(day, hours, exceptions):
            closes = _instant(day, ends, zone)
            for start in _starts(day, starts, ends, rules.step_minutes, zone):
                end = start + length
                if start < earliest or start > until or end > closes:
                    continue
                if all(end + gap <= s or start >= e + gap for s, e in taken):
                    found.add(start)
    return sorted(found)


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    day = first
    while day <= last:
        yield day
        day += dt.timedelta(days=1)


def windows_on(
    day: dt.date, hours: Sequence[Window], exceptions: Sequence[DayException]
) -> list[tuple[dt.time, dt.time]]:
    """From when to when it is open on ``day``: a day that differs counts in place of the week."""
    special = [exception for exception in exceptions if exception.on_date == day]
    if special:
        return [(e.starts, e.ends) for e in special if e.starts and e.ends]
    return [(h.starts, h.ends) for h in hours if h.weekday == day.weekday()]


def _starts(
    day: dt.date, starts: dt.time, ends: dt.time, step_minutes: int, zone: ZoneInfo
) -> Iterator[dt.datetime]:
    wall = dt.datetime.combine(day, starts)
    last = dt.datetime.combine(day, ends)
    step = dt.timedelta(minutes=step_minutes)
    first = _instant(day, starts, zone)
    is_there = first.astimezone(zone).replace(tzinfo=None) == wall
    if is_there and last - wall == _instant(day, ends, zone) - first:
        # No change of the clocks in between, as on nearly every day: steps need no zone.
        yield from (first + n * step for n in range(-(-(last - wall) // step)))
        return
    while wall < last:
        instant = wall.replace(tzinfo=zone).astimezone(dt.UTC)
        # In the hour the clocks skip, the way back does not lead to where we came from.
        if instant.astimezone(zone).replace(tzinfo=None) == wall:
            yield instant
        wall += step


def _instant(day: dt.date, time: dt.time, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, time, tzinfo=zone).astimezone(dt.UTC)
