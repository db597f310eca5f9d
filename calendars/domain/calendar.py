"""A calendar file: stored entries joined, with the zones they use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from calendars.domain.text import text_line
from calendars.domain.zones import render_vtimezone

# The colour a program may give the whole calendar: a CSS name (RFC 7986 §5.9), which Apple's
# reads as a number instead.
_COLOR = "seagreen"
_COLOR_AS_HEX = "#2E8B57"

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


class StoredEvent(NamedTuple):
    """An entry as its owner keeps it: the text ``render_vevent`` made, and its zone."""

    text: str
    time_zone: str


def render_calendar(
    vevents: Iterable[StoredEvent],
    *,
    name: str,
    time_zone: str = "UTC",
) -> bytes:
    """A whole feed, or a file to keep.

    Nothing is rendered here: a feed of thousands of entries is one join of stored text.
    """
    return _file(
        vevents,
        text_line("NAME", name),
        text_line("X-WR-CALNAME", name),
        text_line("X-WR-TIMEZONE", time_zone),
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n",
        "X-PUBLISHED-TTL:PT1H\r\n",
        f"COLOR:{_COLOR}\r\n",
        f"X-APPLE-CALENDAR-COLOR:{_COLOR_AS_HEX}\r\n",
    )


def render_message(vevents: Iterable[StoredEvent], *, method: Method) -> bytes:
    """A scheduling message (RFC 5546): the file in a mail that asks for something to be done."""
    return _file(vevents, f"METHOD:{method}\r\n")


def _file(vevents: Iterable[StoredEvent], *properties: str) -> bytes:
    texts = []
    years: dict[str, tuple[str, str]] = {}
    for text, zone in vevents:
        texts.append(text)
        year = _year_in_zone(text, zone)
        if year is not None:
            first, last = years.get(zone, (year, year))
            years[zone] = (min(first, year), max(last, year))
    return "".join(
        [
            "BEGIN:VCALENDAR\r\n",
            "VERSION:2.0\r\n",
            "PRODID:-//Greenroom//Greenroom 1.0//EN\r\n",
            "CALSCALE:GREGORIAN\r\n",
            *properties,
            *(
                render_vtimezone(zone, int(first), int(last))
                for zone, (first, last) in sorted(years.items())
            ),
            *texts,
            "END:VCALENDAR\r\n",
        ]
    ).encode()


def _year_in_zone(text: str, zone: str) -> str | None:
    """The year an entry starts in, if it is written in its zone's wall-clock time.

    Only a real line begins right after a line break, so no title can pretend to be one.
    """
    line = f"\r\nDTSTART;TZID={zone}:"
    start = text.find(line)
    return None if start < 0 else text[start + len(line) :][:4]
