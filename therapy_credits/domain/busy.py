"""When somebody is busy, from the calendar they export: the times, and nothing else of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar

Span = tuple[dt.datetime, dt.datetime]
# More than anybody has in a few months; a file with more is not a calendar of a person.
MOST_SPANS = 2000


class NotACalendar(ValueError):
    """What was uploaded cannot be read as iCalendar, or holds more than a calendar would."""


def read_busy(data: bytes, *, zone: ZoneInfo, since: dt.datetime, until: dt.datetime) -> list[Span]:
    """The busy times of an .ics file between ``since`` and ``until``, in UTC and in order.

    Cancelled and transparent ones are free. A day without a time is the whole
    day in ``zone``; a time without a zone is in ``zone`` too. Repetition is
    followed by RFC 5545, with EXDATE and changed instances.
    """
    try:
        # A property is one of some thirty types; what does not fit is not a calendar.
        events: list[Any] = list(Calendar.from_ical(data).walk("VEVENT"))
        changed = {_instance(event, zone) for event in events if "RECURRENCE-ID" in event}
        spans: set[Span] = set()
        for event in events:
            if _is_free(event):
                continue
            for starts_at, ends_at in _instances(event, changed, zone, until):
                if ends_at > since and starts_at < until:
                    spans.add((starts_at, ends_at))
                if len(spans) > MOST_SPANS:
                    raise NotACalendar
    except NotACalendar:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as trouble:
        raise NotACalendar from trouble
    return sorted(spans)


def _is_free(event: Any) -> bool:
    transparent = str(event.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT"
    return transparent or str(event.get("STATUS", "")).upper() == "CANCELLED"


def _instances(
    event: Any, changed: set[tuple[str, dt.datetime]], zone: ZoneInfo, until: dt.datetime
) -> Iterator[Span]:
    starts = event["DTSTART"].dt
    length = _length(event, starts, zone)
    first = _wall(starts, zone)
    if "RRULE" not in event or "RECURRENCE-ID" in event:
        yield _span(first, length)
        return
    # On the wall clock, so that ten stays ten when the clocks change.
    rule = rrulestr(
        _without_zone(event["RRULE"].to_ical().decode()), dtstart=first.replace(tzinfo=None)
    )
    left_out = {_wall(one, zone) for one in _dates(event, "EXDATE")}
    uid = str(event.get("UID", ""))
    for number, wall in enumerate(rule):
        start = wall.replace(tzinfo=first.tzinfo)
        if number > 10_000:
            raise NotACalendar
        if start > until:
            return
        if start not in left_out and (uid, start.astimezone(dt.UTC)) not in changed:
            yield _span(start, length)


def _without_zone(rule: str) -> str:
    """UNTIL in UTC does not compare with a wall clock; a day more or less changes no session."""
    parts = [
        part.removesuffix("Z") if part.upper().startswith("UNTIL=") else part
        for part in rule.split(";")
    ]
    return ";".join(parts)


def _instance(event: Any, zone: ZoneInfo) -> tuple[str, dt.datetime]:
    moment = _wall(event["RECURRENCE-ID"].dt, zone)
    return str(event.get("UID", "")), moment.astimezone(dt.UTC)


def _length(event: Any, starts: dt.date, zone: ZoneInfo) -> dt.timedelta:
    if "DTEND" in event:
        return _wall(event["DTEND"].dt, zone) - _wall(starts, zone)
    if "DURATION" in event:
        duration: dt.timedelta = event["DURATION"].dt
        return duration
    return dt.timedelta(0) if isinstance(starts, dt.datetime) else dt.timedelta(days=1)


def _dates(event: Any, name: str) -> Iterator[dt.date]:
    found = event.get(name, [])
    for group in found if isinstance(found, list) else [found]:
        for one in group.dts:
            yield one.dt


def _wall(moment: dt.date, zone: ZoneInfo) -> dt.datetime:
    if not isinstance(moment, dt.datetime):
        return dt.datetime.combine(moment, dt.time(), zone)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _span(start: dt.datetime, length: dt.timedelta) -> Span:
    begins = start.astimezone(dt.UTC)
    return begins, begins + length
