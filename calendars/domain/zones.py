"""VTIMEZONE: what a zone's clock does, told by rules rather than by lists of dates.

Google and Outlook read rules best. The rules are found by looking at what ``zoneinfo``
does over a whole cycle of weekdays, so they are those of the machine's zone data and not a
second copy of it. A zone whose clock follows no yearly rule in those years (Morocco, a
country that has just changed its mind) is written change by change instead.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from calendars.domain.text import fold, local

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Weekdays and dates meet again after 28 years: long enough to tell "the second Sunday"
# from "the Sunday after the 8th".
_CYCLE_YEARS = 28
# No clock is changed and changed back in less.
_STEP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Change:
    """The clock goes from one offset to another. ``at`` is the wall-clock time before it."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def kind(self) -> str:
        return "DAYLIGHT" if self.after > self.before else "STANDARD"


@lru_cache(maxsize=256)
def render_vtimezone(name: str, first_year: int, last_year: int) -> str:
    """The VTIMEZONE of IANA zone ``name``, right for two years before and after these years."""
    first, last = first_year - 2, last_year + 2
    changes = _changes(name, first, first + _CYCLE_YEARS)
    if not changes:
        observances = _fixed(name, first)
    else:
        observances = _yearly(changes) or _one_by_one(name, first, last)
    return "".join(["BEGIN:VTIMEZONE\r\n", fold(f"TZID:{name}"), *observances, "END:VTIMEZONE\r\n"])


def _changes(name: str, first_year: int, last_year: int) -> list[_Change]:
    """Every change of the clock from the start of one year to the end of another."""
    zone = ZoneInfo(name)
    low = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    changes = []
    while low < end:
        high = min(low + _STEP, end)
        if _offset(low, zone) != _offset(high, zone):
            changes.append(_change_between(low, high, zone))
        low = high
    return changes


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> _Change:
    before = _offset(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    moment = high.replace(microsecond=0)
    return _Change(
        at=(moment + before).replace(tzinfo=None),
        before=before,
        after=_offset(moment, zone),
        name=moment.astimezone(zone).tzname() or "",
    )


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # an aware moment always has one
    return offset


def _fixed(name: str, year: int) -> list[str]:
    moment = datetime(year, 1, 1, tzinfo=UTC)
    zone = ZoneInfo(name)
    offset = _offset(moment, zone)
    change = _Change(datetime(1970, 1, 1), offset, offset, moment.astimezone(zone).tzname() or "")  # noqa: DTZ001 - wall-clock time, as DTSTART wants it
    return [_observance("STANDARD", change)]


def _yearly(changes: list[_Change]) -> list[str] | None:
    """Two observances with a rule each, or nothing where the clock keeps no yearly rule."""
    kinds: dict[str, list[_Change]] = defaultdict(list)
    for change in changes:
        kinds[change.kind].append(change)
    observances = []
    for kind in ("DAYLIGHT", "STANDARD"):
        of_kind = kinds[kind]
        rule = _rule(of_kind) if len(of_kind) == _CYCLE_YEARS + 1 else None
        if rule is None:
            return None
        start = datetime.combine(_first_day(of_kind[0], rule), of_kind[0].at.time())
        change = _Change(start, of_kind[0].before, of_kind[0].after, of_kind[0].name)
        observances.append(_observance(kind, change, rule))
    return observances


def _rule(changes: list[_Change]) -> str | None:
    """The RRULE that gives all of ``changes``, one a year."""
    first = changes[0]
    alike = {(c.at.month, c.at.weekday(), c.at.time(), c.before, c.after, c.name) for c in changes}
    years = [c.at.year for c in changes]
    if len(alike) > 1 or years != list(range(years[0], years[0] + len(years))):
        return None
    weekday = _WEEKDAYS[first.at.weekday()]
    days = {c.at.day for c in changes}
    prefix = f"FREQ=YEARLY;BYMONTH={first.at.month}"
    if all(_is_last_of_month(c.at) for c in changes):
        return f"{prefix};BYDAY=-1{weekday}"
    weeks = {(number - 1) // 7 + 1 for number in days}
    if len(weeks) == 1:
        return f"{prefix};BYDAY={weeks.pop()}{weekday}"
    if max(days) - min(days) <= 6:  # "the Sunday on or after the 2nd"
        window = ",".join(str(number) for number in range(min(days), min(days) + 7))
        return f"{prefix};BYDAY={weekday};BYMONTHDAY={window}"
    return None


def _is_last_of_month(moment: datetime) -> bool:
    return (moment + timedelta(days=7)).month != moment.month


def _first_day(change: _Change, rule: str) -> date:
    """The first day from 1970 on that fits the rule: DTSTART must be one of its own dates."""
    days = [date(1970, change.at.month, 1) + timedelta(days=number) for number in range(31)]
    days = [d for d in days if d.month == change.at.month and d.weekday() == change.at.weekday()]
    if "BYDAY=-1" in rule:
        return days[-1]
    if "BYMONTHDAY=" in rule:
        first = int(rule.rpartition("=")[2].partition(",")[0])
        return next(d for d in days if d.day >= first)
    return days[(change.at.day - 1) // 7]


def _one_by_one(name: str, first_year: int, last_year: int) -> list[str]:
    """An observance for each change, after one for the clock as it stood before them."""
    zone = ZoneInfo(name)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    offset = _offset(start, zone)
    before = _Change(
        (start + offset).replace(tzinfo=None), offset, offset, start.astimezone(zone).tzname() or ""
    )
    later = _changes(name, first_year, last_year)
    return [
        _observance("STANDARD", before),
        *(_observance(change.kind, change) for change in later),
    ]


def _observance(kind: str, change: _Change, rule: str | None = None) -> str:
    return "".join(
        [
            f"BEGIN:{kind}\r\n",
            f"DTSTART:{local(change.at)}\r\n",
            f"TZOFFSETFROM:{_written(change.before)}\r\n",
            f"TZOFFSETTO:{_written(change.after)}\r\n",
            f"TZNAME:{change.name}\r\n",
            fold(f"RRULE:{rule}") if rule else "",
            f"END:{kind}\r\n",
        ]
    )


def _written(offset: timedelta) -> str:
    """An offset as in ``-0330`` (RFC 5545 §3.3.14)."""
    minutes, seconds = divmod(abs(int(offset.total_seconds())), 60)
    sign = "-" if offset < timedelta(0) else "+"
    return f"{sign}{minutes // 60:02}{minutes % 60:02}" + (f"{seconds:02}" if seconds else "")
