"""Calendar programs: the links that add a feed to them, and how they introduce themselves."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


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
