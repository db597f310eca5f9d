"""A calendar file: stored entries joined, with the zones they use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from calendars.domain.text import text_line
from calendars.domain.zones import render_vtimezone


class StoredEvent(NamedTuple):
    """An entry as its owner keeps it: the text ``render_vevent`` made, and its zone."""

    text: str
    time_zone: str


def render_calendar(
    vevents: Iterable[StoredEvent],
    *,
    name: str,
    time_zone: str = "UTC",
    method: str | None = None,
) -> bytes:
    """A whole calendar file. A feed has no ``method``; an invitation has the mail's.

    Nothing is rendered here: a feed of thousands of entries is one join of stored text.
    """
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
            f"METHOD:{method}\r\n" if method else "",
            text_line("NAME", name),
            text_line("X-WR-CALNAME", name),
            text_line("X-WR-TIMEZONE", time_zone),
            "REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n",
            "X-PUBLISHED-TTL:PT1H\r\n",
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
