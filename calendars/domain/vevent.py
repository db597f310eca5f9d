"""One entry of a calendar as text. The text is a function of what is stored: same facts,
same bytes, whoever asks and whenever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from calendars.domain.text import clean, day, fold, local, quoted, text_line, uri_line, utc

Status = Literal["CONFIRMED", "TENTATIVE", "CANCELLED"]

UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "UCT", "Zulu"})


PartStat = Literal["NEEDS-ACTION", "ACCEPTED", "TENTATIVE", "DECLINED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Who is invited, by whom, and how they have answered so far (RFC 5546).

    Only in a mail to that person: no other file names anybody.
    """

    organizer: str
    """The address that the person's calendar program answers to."""
    attendee: str
    """Nobody where it is only told and not to be answered (PUBLISH)."""
    name: str
    answer: PartStat


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """What a person's calendar is told.

    ``uid`` comes from the database and never changes. ``sequence`` starts at 0 and goes up
    with every change of time, place or cancellation. ``revised_at`` is when these facts last
    changed, not now. Two dates instead of two moments make it last all day, and ``ends_on``
    is then the day after the last one (RFC 5545 §3.6.1).
    """

    uid: str
    sequence: int
    revised_at: datetime
    starts_at: datetime | date
    ends_at: datetime | date
    time_zone: str
    """An IANA name; the wall clock of this zone is what the calendar shows."""
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""
    status: Status = "CONFIRMED"
    transparent: bool = False
    """Whether the time stays free (waitlisted, maybe)."""
    private: bool = False
    conference_url: str | None = None
    """Where to join. Only in calendars of people who are going."""
    color: str = ""
    """A CSS colour name (RFC 7986 §5.9)."""
    alarm_minutes: int | None = None
    """How long before it starts the program reminds; only where the person chose it."""
    invitation: Invitation | None = None
    rrule: str = ""
    """How it repeats (RFC 5545 §3.3.10), on the wall clock of its zone."""
    left_out: tuple[datetime, ...] = ()
    """The wall-clock starts that the rule names and that are not so (EXDATE)."""
    instead_of: datetime | None = None
    """The wall-clock start, by the rule of the entry with the same UID, of the date that this
    one is instead of (RECURRENCE-ID)."""
    comment: str = ""
    """What a person should know of a change, such as why it is cancelled for them."""

    def discreet(self, *, summary: str, url: str = "") -> CalendarEvent:
        """The same entry for a calendar that others can see: when, and nothing of what."""
        return replace(
            self,
            summary=summary,
            description="",
            location="",
            url=url,
            conference_url=None,
            color="",
            comment="",
            private=True,
        )


def render_vevent(event: CalendarEvent) -> str:
    """``event`` as a VEVENT, each line ended and folded."""
    description = "\n\n".join(
        part for part in (event.description, *_links_to_show(event)) if part.strip()
    )
    lines = [
        "BEGIN:VEVENT\r\n",
        text_line("UID", event.uid),
        f"DTSTAMP:{utc(event.revised_at)}\r\n",
        f"LAST-MODIFIED:{utc(event.revised_at)}\r\n",
        f"SEQUENCE:{event.sequence}\r\n",
        *_when(event),
        text_line("SUMMARY", event.summary),
    ]
    if description:
        lines.append(text_line("DESCRIPTION", description))
    if place := event.location or event.conference_url:
        lines.append(text_line("LOCATION", place))
    if event.url:
        lines.append(uri_line("URL", event.url))
    if event.conference_url:
        lines.append(uri_line("CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO", event.conference_url))
    if event.color:
        lines.append(text_line("COLOR", event.color))
    lines.append(f"STATUS:{event.status}\r\n")
    lines.append(f"TRANSP:{'TRANSPARENT' if event.transparent else 'OPAQUE'}\r\n")
    lines.append(f"CLASS:{'PRIVATE' if event.private else 'PUBLIC'}\r\n")
    if event.comment:
        lines.append(text_line("COMMENT", event.comment))
    if event.invitation:
        lines += _people(event.invitation)
    if event.alarm_minutes is not None and event.status != "CANCELLED":
        lines += _alarm(event.summary, event.alarm_minutes)
    lines.append("END:VEVENT\r\n")
    return "".join(lines)


def render_again(
    text: str, *, sequence: int, revised_at: datetime, status: Status, transparent: bool
) -> str:
    """What ``render_vevent`` would make of the entry that it made ``text`` of, with these facts
    instead of its own, at a small part of the cost. Only a real line begins after a line break.
    """
    head, _line, rest = text.partition("\r\nDTSTAMP:")
    _stamps, _line, rest = rest.partition("\r\nDTSTART")
    body, _line, rest = rest.rpartition("\r\nSTATUS:")
    _free, _line, tail = rest.partition("\r\nCLASS:")
    stamp = utc(revised_at)
    return (
        f"{head}\r\nDTSTAMP:{stamp}\r\nLAST-MODIFIED:{stamp}\r\nSEQUENCE:{sequence}"
        f"\r\nDTSTART{body}\r\nSTATUS:{status}"
        f"\r\nTRANSP:{'TRANSPARENT' if transparent else 'OPAQUE'}\r\nCLASS:{tail}"
    )


def _people(invitation: Invitation) -> list[str]:
    organizer = uri_line(f"ORGANIZER;CN={quoted('Greenroom')}", f"mailto:{invitation.organizer}")
    if not invitation.attendee:
        return [organizer]
    attendee = (
        f"ATTENDEE;CN={quoted(invitation.name or invitation.attendee)};CUTYPE=INDIVIDUAL;"
        f"ROLE=REQ-PARTICIPANT;PARTSTAT={invitation.answer};RSVP=TRUE"
    )
    return [organizer, uri_line(attendee, f"mailto:{invitation.attendee}")]


def _alarm(summary: str, minutes: int) -> list[str]:
    return [
        "BEGIN:VALARM\r\n",
        "ACTION:DISPLAY\r\n",
        text_line("DESCRIPTION", summary),
        f"TRIGGER:-PT{minutes}M\r\n",
        "END:VALARM\r\n",
    ]


def _links_to_show(event: CalendarEvent) -> list[str]:
    """Links as words too: Thunderbird hides URL, and few programs know CONFERENCE."""
    links = (event.conference_url or "", event.url)
    return [clean(link) for link in links if link and link not in event.description]


def _when(event: CalendarEvent) -> list[str]:
    if not isinstance(event.starts_at, datetime) or not isinstance(event.ends_at, datetime):
        return [
            f"DTSTART;VALUE=DATE:{day(event.starts_at)}\r\n",
            f"DTEND;VALUE=DATE:{day(event.ends_at)}\r\n",
        ]
    zone = ZoneInfo(event.time_zone)
    starts_at = event.starts_at.astimezone(zone)
    ends_at = event.ends_at.astimezone(zone)
    if event.rrule:
        return [*_local_times(event, starts_at, ends_at), *_recurrence(event)]
    named = _instead_of(event) if event.instead_of else []
    # In the hour that happens twice, a wall-clock time means its first pass (RFC 5545 §3.3.5),
    # but Thunderbird reads the second. Both passes in UTC are read alike by everybody.
    if event.time_zone in UTC_NAMES or _happens_twice(starts_at) or _happens_twice(ends_at):
        return [f"DTSTART:{utc(starts_at)}\r\n", f"DTEND:{utc(ends_at)}\r\n", *named]
    return [*_local_times(event, starts_at, ends_at), *named]


def _local_times(event: CalendarEvent, starts_at: datetime, ends_at: datetime) -> list[str]:
    return [
        fold(f"DTSTART{_wall(event, starts_at)}"),
        fold(f"DTEND{_wall(event, ends_at)}"),
    ]


def _wall(event: CalendarEvent, moment: datetime) -> str:
    """A wall-clock time of the entry's zone, as it stands behind the name of a property."""
    if event.time_zone in UTC_NAMES:
        return f":{local(moment)}Z"
    return f";TZID={event.time_zone}:{local(moment)}"


def _recurrence(event: CalendarEvent) -> list[str]:
    lines = [fold(f"RRULE:{event.rrule}")]
    # One line for each: a list in one is read by everybody too, but is never told apart in a diff.
    lines += [fold(f"EXDATE{_wall(event, moment)}") for moment in event.left_out]
    return lines


def _instead_of(event: CalendarEvent) -> list[str]:
    assert event.instead_of is not None  # asked by whoever calls
    return [fold(f"RECURRENCE-ID{_wall(event, event.instead_of)}")]


def _happens_twice(moment: datetime) -> bool:
    return moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
