"""Other people's calendar files, read as they really are.

Outlook names its zones after Windows, Thunderbird puts a path before them, some files leave the
VTIMEZONE out and some times name no zone at all. What is understood becomes dates; what is not
becomes a note, never a guess in silence.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from html import unescape
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import rrulestr
from icalendar import Calendar
from icalendar.error import BrokenCalendarProperty
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

MAX_BYTES = 1_000_000
MAX_ENTRIES = 500
MAX_DATES = 60
AHEAD = timedelta(days=366)
_EARLIEST = datetime(1990, 1, 1)  # noqa: DTZ001 - wall-clock time
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_ZONES = available_timezones()
_LINK = re.compile(r"https?://[^\s<>\"]+")


class NotACalendar(ValueError):
    """The file is none that a calendar program wrote."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know about what was read. ``code`` names it."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ForeignDate:
    starts_at: datetime
    ends_at: datetime


@dataclass(slots=True, kw_only=True)
class ForeignEvent:
    """One entry of a calendar, with every date still to come that it stands for."""

    uid: str
    title: str
    description: str
    location: str
    online_url: str
    time_zone: str
    dates: list[ForeignDate]
    is_cancelled: bool
    digest: str
    """Of what the file says: the same entry, the same digest, whenever it is read."""
    notes: list[Note] = field(default_factory=list)


def read_calendar(body: bytes, *, default_zone: str, at: datetime) -> list[ForeignEvent]:
    """Every event in ``body``, in the order of the file. Raises NotACalendar.

    ``default_zone`` is where times without a zone are meant. Dates from ``at`` on, for a year.
    """
    try:
        calendars = Calendar.from_ical(_decoded(body), multiple=True)
    except Exception as error:  # whatever a parser makes of what is no calendar
        raise NotACalendar from error
    found: list[ForeignEvent] = []
    for calendar in calendars:
        if getattr(calendar, "name", "") != "VCALENDAR":
            raise NotACalendar
        zones = _Zones(calendar, default_zone)
        by_uid: dict[str, list[Any]] = defaultdict(list)
        for number, entry in enumerate(calendar.walk("VEVENT")):
            if number >= MAX_ENTRIES:
                break
            by_uid[_text(entry, "UID")[:200] or f"entry-{number}"].append(entry)
        found += [_event(uid, entries, zones, at) for uid, entries in by_uid.items()]
    if not calendars:
        raise NotACalendar
    return found


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Some programs fold in the middle of a character. Unfolded, the octets are whole again.
        unfolded = re.sub(rb"\r?\n[ \t]", b"", body)
        try:
            return unfolded.decode("utf-8-sig")
        except UnicodeDecodeError:
            return body.decode("cp1252", "replace")


# --- Zones ------------------------------------------------------------------------


class _Zones:
    """What the zone names of one file mean."""

    def __init__(self, calendar: Any, default_zone: str) -> None:
        self.default = default_zone
        said = _text(calendar, "X-WR-TIMEZONE")
        self.of_calendar = iana_name(said) or default_zone
        self.locations = {
            _text(zone, "TZID"): _text(zone, "X-LIC-LOCATION")
            for zone in calendar.walk("VTIMEZONE")
        }

    def name_of(self, tzid: str) -> str | None:
        return iana_name(tzid) or iana_name(self.locations.get(tzid, ""))


def iana_name(said: str) -> str | None:
    """The IANA name of a zone, whatever the program called it; None when nobody knows."""
    said = said.strip().strip('"')
    if said in _ZONES:
        return said
    if said in WINDOWS_TO_OLSON:
        return WINDOWS_TO_OLSON[said]
    steps = [step for step in said.split("/") if step]
    for start in range(1, len(steps)):
        name = "/".join(steps[start:])
        if "/" in name and name in _ZONES:
            return name
    return None


# --- Entries ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _When:
    """A moment as the file says it: a wall clock, and whose."""

    wall: datetime
    zone: tzinfo
    name: str
    is_all_day: bool
    notes: tuple[Note, ...] = ()

    @property
    def moment(self) -> datetime:
        return self.wall.replace(tzinfo=self.zone).astimezone(UTC)


def _event(uid: str, entries: list[Any], zones: _Zones, at: datetime) -> ForeignEvent:
    masters = [entry for entry in entries if "RECURRENCE-ID" not in entry]
    master = masters[-1] if masters else entries[0]
    notes: list[Note] = []
    try:
        start = _when(master.get("DTSTART"), zones)
        dates = _dates(master, entries, start, zones, at, notes)
        notes += start.notes
        time_zone = start.name
    except _NotUnderstood as problem:
        notes.append(problem.note)
        dates, time_zone = [], zones.default
    except BrokenCalendarProperty as broken:
        notes.append(Note("rule_unknown" if "RRULE" in str(broken) else "no_start"))
        dates, time_zone = [], zones.default
    except (OverflowError, ValueError, TypeError, AttributeError):
        # Times beyond every calendar, or lists where there is one value.
        notes.append(Note("no_start"))
        dates, time_zone = [], zones.default
    description = _words(_text(master, "DESCRIPTION"))
    location = _text(master, "LOCATION")
    online_url = _online_url(master, location)
    title = " ".join(_text(master, "SUMMARY").split())
    is_cancelled = _text(master, "STATUS").upper() == "CANCELLED"
    if not title:
        notes.append(Note("no_title"))
    if not dates and not is_cancelled and not any(n.code in _NO_DATES for n in notes):
        notes.append(Note("past"))
    return ForeignEvent(
        uid=uid,
        title=title,
        description=description,
        location="" if location == online_url else location,
        online_url=online_url,
        time_zone=time_zone,
        dates=dates,
        is_cancelled=is_cancelled,
        digest=_digest(entries, zones),
        notes=list(dict.fromkeys(notes)),
    )


# What programs write anew with each export, though nothing has changed.
_OF_THE_EXPORT = re.compile(r"(DTSTAMP|LAST-MODIFIED|CREATED|SEQUENCE|X-[A-Z-]*)[;:]")


def _digest(entries: list[Any], zones: _Zones) -> str:
    lines = [zones.default, zones.of_calendar]
    for entry in entries:
        text = entry.to_ical().decode("utf-8", "replace").replace("\r\n ", "")
        lines += [line for line in text.splitlines() if not _OF_THE_EXPORT.match(line)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


_NO_DATES = frozenset({"no_start", "rule_unknown", "too_old"})


class _NotUnderstood(Exception):
    def __init__(self, code: str, detail: str = "") -> None:
        self.note = Note(code, detail)


def _when(prop: Any, zones: _Zones) -> _When:
    value = getattr(prop, "dt", None)
    if isinstance(value, datetime):
        return _moment(value, str(prop.params.get("TZID", "")), zones)
    if isinstance(value, date):
        midnight = datetime.combine(value, time())
        zone = ZoneInfo(zones.of_calendar)
        return _When(midnight, zone, zones.of_calendar, True, (Note("all_day"),))
    raise _NotUnderstood("no_start")


def _moment(value: datetime, tzid: str, zones: _Zones) -> _When:
    wall = value.replace(tzinfo=None)
    if tzid and (name := zones.name_of(tzid)):
        return _When(wall, ZoneInfo(name), name, False)
    if value.tzinfo is not None and not tzid:
        # In UTC, which says when and not where: shown on the wall clock of the calendar's zone.
        return _When(wall, UTC, zones.of_calendar, False)
    if value.tzinfo is not None:
        note = Note("zone_by_rules", tzid)
        return _When(wall, value.tzinfo, zones.default, False, (note,))
    note = Note("zone_unknown", tzid) if tzid else Note("floating")
    return _When(wall, ZoneInfo(zones.default), zones.default, False, (note,))


def _length(entry: Any, start: _When, zones: _Zones, notes: list[Note]) -> timedelta:
    if "DTEND" in entry:
        end = _when(entry["DTEND"], zones)
        length = end.wall - start.wall if end.zone == start.zone else end.moment - start.moment
    elif "DURATION" in entry:
        length = entry["DURATION"].dt
    else:
        length = timedelta(days=1) if start.is_all_day else timedelta()
    if length <= timedelta() or length > timedelta(days=31):
        notes.append(Note("no_length"))
        return timedelta(days=1) if start.is_all_day else timedelta(hours=1)
    return length


def _dates(
    master: Any,
    entries: list[Any],
    start: _When,
    zones: _Zones,
    at: datetime,
    notes: list[Note],
) -> list[ForeignDate]:
    """The dates from ``at`` on: by the rule, without those taken out, with those moved."""
    length = _length(master, start, zones, notes)
    changed: dict[datetime, ForeignDate | None] = {}
    for entry in entries:
        if entry is master or "RECURRENCE-ID" not in entry:
            continue
        instead = _when(entry["RECURRENCE-ID"], zones)
        is_off = _text(entry, "STATUS").upper() == "CANCELLED"
        moved = _when(entry.get("DTSTART"), zones)
        changed[_instance(instead, start)] = (
            None if is_off else _date(moved, _length(entry, moved, zones, notes))
        )
        notes.append(Note("date_cancelled" if is_off else "date_moved", f"{instead.wall:%Y-%m-%d}"))
    taken_out = {_instance(when, start) for when in _listed(master, "EXDATE", zones)}
    found: list[ForeignDate] = []
    for wall in _walls(master, start, zones, at, notes):
        if wall in taken_out:
            continue
        one = _When(wall, start.zone, start.name, start.is_all_day)
        when = changed.pop(wall, _date(one, length))
        if when is not None:
            found.append(when)
    found += [when for when in changed.values() if when is not None]
    return _kept(found, ZoneInfo(start.name), at, notes)


def _date(start: _When, length: timedelta) -> ForeignDate:
    ends = _When(start.wall + length, start.zone, start.name, start.is_all_day)
    # By the stopwatch for a time of day, by the calendar for whole days.
    ends_at = ends.moment if start.is_all_day else start.moment + length
    return ForeignDate(start.moment, ends_at)


def _instance(when: _When, start: _When) -> datetime:
    """The same moment on the wall clock of the master, as its rule names it."""
    if when.is_all_day or when.zone == start.zone:
        return (
            datetime.combine(when.wall.date(), start.wall.time()) if when.is_all_day else when.wall
        )
    return when.moment.astimezone(start.zone).replace(tzinfo=None)


def _listed(entry: Any, name: str, zones: _Zones) -> Iterator[_When]:
    lists = entry.get(name, [])
    for one in lists if isinstance(lists, list) else [lists]:
        for prop in getattr(one, "dts", []):
            prop.params.update(one.params)
            yield _when(prop, zones)


def _walls(
    master: Any, start: _When, zones: _Zones, at: datetime, notes: list[Note]
) -> Iterable[datetime]:
    """When it starts each time, on the wall clock, within the year to come."""
    walls = {start.wall}
    edge = (at + AHEAD).replace(tzinfo=None)
    if "RRULE" in master:
        rules = master["RRULE"]
        if isinstance(rules, list) or start.wall < _EARLIEST:
            raise _NotUnderstood("too_old" if start.wall < _EARLIEST else "rule_unknown")
        if str(rules.get("FREQ", [""])[0]).upper() not in _FREQUENCIES:
            raise _NotUnderstood("rule_unknown", rules.to_ical().decode()[:80])
        walls |= set(_by_rule(rules, start, edge))
        if "COUNT" not in rules and "UNTIL" not in rules:
            notes.append(Note("never_ends"))
    walls |= {_instance(when, start) for when in _listed(master, "RDATE", zones)}
    return sorted(walls)


def _by_rule(rules: Any, start: _When, edge: datetime) -> Iterator[datetime]:
    rules = rules.copy()
    until = rules.pop("UNTIL", [None])[0]
    count = rules.pop("COUNT", [None])[0]
    last = edge
    if isinstance(until, datetime):
        wall = until.astimezone(start.zone) if until.tzinfo else until
        last = min(edge, wall.replace(tzinfo=None))
    elif isinstance(until, date):
        last = min(edge, datetime.combine(until, time.max))
    try:
        # Ended at the edge in any case: a rule that fits no day must not be searched for ever.
        rule = rrulestr(
            f"{rules.to_ical().decode()};UNTIL={last:%Y%m%dT%H%M%S}", dtstart=start.wall
        )
        yield from islice(rule, count)
    except (ValueError, TypeError, KeyError) as error:
        raise _NotUnderstood("rule_unknown", rules.to_ical().decode()[:80]) from error


def _kept(
    found: list[ForeignDate], zone: ZoneInfo, at: datetime, notes: list[Note]
) -> list[ForeignDate]:
    """Those to come, one a day, and not more than an event can have at once."""
    by_day: dict[date, ForeignDate] = {}
    for one in sorted(found, key=lambda one: one.starts_at):
        day = one.starts_at.astimezone(zone).date()
        if one.ends_at <= at:
            continue
        if day in by_day:
            notes.append(Note("twice_a_day", day.isoformat()))
            continue
        by_day[day] = one
    kept = list(by_day.values())
    if len(kept) > MAX_DATES:
        notes.append(Note("too_many", str(len(kept) - MAX_DATES)))
    return kept[:MAX_DATES]


# --- Words ----------------------------------------------------------------------------


def _text(component: Any, name: str) -> str:
    value = component.get(name, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode()
    return re.sub(r"[\x01-\x08\x0b\x0c\x0e-\x1f]", "", text).replace("\r\n", "\n").strip()


def _words(text: str) -> str:
    """What people read of a description: some programs write HTML there."""
    if re.search(r"(?i)<(html|p|br|div|span|b|a)\b[^>]*>", text):
        text = re.sub(r"(?i)<(br|/p|/div|/li)\b[^>]*>", "\n", text)
        text = unescape(re.sub(r"<[^>]*>", "", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _online_url(entry: Any, location: str) -> str:
    names = ("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL")
    for said in (*(_text(entry, name) for name in names), location):
        if found := _LINK.match(said):
            return found[0][:500]
    return ""
