"""What a person's calendar program answers (RFC 5546 §3.2.3), read without trusting any of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from icalendar import Calendar

MAX_BYTES = 200_000
_UID_LENGTH = 200
_WORDS_LENGTH = 2000
_LARGEST_SEQUENCE = 2**31 - 1


class NotAReply(ValueError):
    """There is no answer to be read in it. ``str()`` of it is a code, for the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarReply:
    """One person's answer about one entry, as their program wrote it."""

    method: str
    uid: str
    recurrence_id: str
    """Which date of a series, as it is written there; "" for all of it."""
    sequence: int
    stamped_at: datetime
    attendee: str
    """Their address, in lower case."""
    answer: str
    comment: str


def read_reply(body: bytes) -> CalendarReply:
    """The one answer in a ``text/calendar`` part. Raises NotAReply, and nothing else."""
    if len(body) > MAX_BYTES:
        raise NotAReply("too_large")
    try:
        return _read(body)
    except NotAReply:
        raise
    except Exception as error:  # what a parser makes of hostile text is its own affair
        raise NotAReply("unreadable") from error


def _read(body: bytes) -> CalendarReply:
    calendars = Calendar.from_ical(body, multiple=True)
    if len(calendars) != 1:
        raise NotAReply("unreadable")
    calendar = calendars[0]
    method = _word(calendar, "METHOD")
    if method not in ("REPLY", "COUNTER"):
        raise NotAReply("other_method")
    entries = calendar.walk("VEVENT")
    if len(entries) != 1:
        # Several dates of a series in one answer are several answers; programs send them apart.
        raise NotAReply("not_one_entry")
    (entry,) = entries
    attendees = _all(entry, "ATTENDEE")
    if len(attendees) != 1:
        raise NotAReply("not_one_attendee")
    (attendee,) = attendees
    stamp = entry.decoded("DTSTAMP")
    if not isinstance(stamp, datetime):
        raise NotAReply("unreadable")
    sequence = int(entry.get("SEQUENCE", 0))
    uid = str(entry["UID"])
    if not 0 <= sequence <= _LARGEST_SEQUENCE or not 0 < len(uid) <= _UID_LENGTH or "\x00" in uid:
        raise NotAReply("unreadable")
    return CalendarReply(
        method=method,
        uid=uid,
        recurrence_id=_recurrence_id(entry),
        sequence=sequence,
        stamped_at=stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC),
        attendee=re.sub(r"(?i)^mailto:", "", str(attendee)).strip().lower()[:254],
        answer=str(attendee.params.get("PARTSTAT", "NEEDS-ACTION")).upper()[:20],
        comment="\n".join(_text(value) for value in _all(entry, "COMMENT"))[:_WORDS_LENGTH],
    )


def _all(component: Any, name: str) -> list[Any]:
    value = component.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _word(component: Any, name: str) -> str:
    values = _all(component, name)
    return str(values[0]).upper() if len(values) == 1 else ""


def _text(value: object) -> str:
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()


def _recurrence_id(entry: Any) -> str:
    """The moment of the date that is meant, in UTC, or its day; "" when none is named."""
    if "RECURRENCE-ID" not in entry:
        return ""
    value = entry.decoded("RECURRENCE-ID")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat()
        return value.astimezone(UTC).isoformat()
    assert isinstance(value, date)
    return value.isoformat()
