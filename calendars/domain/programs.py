"""Calendar programs: the links that add a feed to them, and how they introduce themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from calendars.domain.text import utc
from calendars.domain.vevent import CalendarEvent


@dataclass(frozen=True, slots=True)
class SubscribeLinks:
    """One feed, in the form that each kind of program asks for. All give the same bytes."""

    https: str
    webcal: str
    """Opens the calendar program of the device (Apple, Thunderbird, most others)."""
    google: str
    outlook: str
    """Outlook for private accounts."""
    office: str
    """Outlook for accounts of a workplace or school."""


def subscribe_links(url: str, *, name: str) -> SubscribeLinks:
    """The ways to subscribe to the feed at ``url``, which each program will call ``name``."""
    webcal = urlsplit(url)._replace(scheme="webcal").geturl()
    from_web = urlencode({"url": url, "name": name}, quote_via=quote)
    return SubscribeLinks(
        https=url,
        webcal=webcal,
        google=f"https://calendar.google.com/calendar/r?{urlencode({'cid': webcal})}",
        outlook=f"https://outlook.live.com/calendar/0/addfromweb?{from_web}",
        office=f"https://outlook.office.com/calendar/0/addfromweb?{from_web}",
    )


@dataclass(frozen=True, slots=True)
class AddLinks:
    """One date, for the web calendars that take one by an address. They do not follow changes."""

    google: str
    outlook: str
    office: str
    yahoo: str


def add_links(event: CalendarEvent) -> AddLinks:
    """The addresses at which a person's web calendar offers to add ``event``."""
    assert isinstance(event.starts_at, datetime)  # these calendars are given moments
    assert isinstance(event.ends_at, datetime)
    starts, ends = utc(event.starts_at), utc(event.ends_at)
    words = "\n\n".join(part for part in (event.description, event.url) if part)
    google = {
        "action": "TEMPLATE",
        "text": event.summary,
        "dates": f"{starts}/{ends}",
        "ctz": event.time_zone,
        "details": words,
        "location": event.location,
    }
    outlook = urlencode(
        {
            "rru": "addevent",
            "subject": event.summary,
            "startdt": event.starts_at.astimezone(UTC).isoformat(),
            "enddt": event.ends_at.astimezone(UTC).isoformat(),
            "body": words,
            "location": event.location,
        },
        quote_via=quote,
    )
    yahoo = {
        "v": "60",
        "title": event.summary,
        "st": starts,
        "et": ends,
        "desc": words,
        "in_loc": event.location,
    }
    return AddLinks(
        google="https://calendar.google.com/calendar/render?" + urlencode(google, quote_via=quote),
        outlook=f"https://outlook.live.com/calendar/0/action/compose?{outlook}",
        office=f"https://outlook.office.com/calendar/0/action/compose?{outlook}",
        yahoo="https://calendar.yahoo.com/?" + urlencode(yahoo, quote_via=quote),
    )


_INTRODUCTIONS = (
    ("google-calendar-importer", "Google Calendar"),
    ("thunderbird", "Thunderbird"),
    ("microsoft", "Outlook"),
    ("outlook", "Outlook"),
    ("dataaccessd", "Apple Calendar"),
    ("calendaragent", "Apple Calendar"),
    ("fastmail", "Fastmail"),
    ("proton", "Proton Calendar"),
    ("icsx5", "ICSx⁵"),
)


def program_of(user_agent: str) -> str:
    """The name people know the program by, or nothing. What it sent is not kept."""
    sent = user_agent.lower()
    return next((name for mark, name in _INTRODUCTIONS if mark in sent), "")
