"""The dates of a series as one entry that repeats (RFC 5545 §3.8.5), with what is different.

A rule, the days it leaves out (EXDATE), and an entry of its own for each date that is not as the
rule says (RECURRENCE-ID). Programs that do not get this right are given single entries instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calendars.domain.vevent import CalendarEvent, render_vevent
from events.domain.recurrence import Rule


@dataclass(frozen=True, kw_only=True)
class Repeating:
    """What repeats: the entry, by which rule, and up to which day its dates are known."""

    master: CalendarEvent
    """Its start and end are those of any date; the first one is found here."""
    rule: Rule
    clock: time
    length: timedelta
    known_until: date
    later_left_out: frozenset[date] = frozenset()
    """Days after it on which somebody does not come."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.master.time_zone)


def render_repeating(what: Repeating, dates: Mapping[date, CalendarEvent | None]) -> list[str]:
    """The entries of somebody who has ``dates``: by the day the rule names, the entry where it
    is different from the master, None where it is not. Other days up to ``known_until`` are left
    out; later ones follow the rule. Nothing, when the rule ends before somebody's first date."""
    first = min(dates) if dates else next(what.rule.days(after=what.known_until), None)
    if first is None:
        return []
    rule = _from(what.rule, first)
    known_until = max([what.known_until, *dates])
    left_out = [
        day
        for day in rule.days_until(max([known_until, *what.later_left_out]))
        if day not in dates and (day <= known_until or day in what.later_left_out)
    ]
    starts_at = datetime.combine(first, what.clock, what.zone)
    master = replace(
        what.master,
        starts_at=starts_at,
        ends_at=starts_at.astimezone(ZoneInfo("UTC")) + what.length,
        rrule=rule.text(starts_at=what.clock, zone=what.zone),
        left_out=tuple(datetime.combine(day, what.clock) for day in left_out),
    )
    others = [
        replace(entry, uid=master.uid, instead_of=datetime.combine(day, what.clock))
        for day, entry in sorted(dates.items())
        if entry is not None
    ]
    return [render_vevent(entry) for entry in (master, *others)]


def _from(rule: Rule, first: date) -> Rule:
    """The same rule from one of its days on."""
    count = None if rule.count is None else rule.count - rule.count_before(first)
    return replace(rule, starts_on=first, count=count)
