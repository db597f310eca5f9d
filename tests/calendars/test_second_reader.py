"""Thunderbird's parser and Python's read the same from our files."""

import datetime as dt
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from calendars.domain.calendar import render_calendar
from calendars.domain.vevent import CalendarEvent
from tests.calendars.test_vevent import CIRCLE, calendar_of

NODE = shutil.which("node")
READER = Path(__file__).parent / "icaljs" / "read.mjs"

pytestmark = pytest.mark.skipif(
    NODE is None, reason="Node.js is not here to run Thunderbird's parser: install nodejs"
)


def read_by_thunderbird(body: bytes) -> dict[str, Any]:
    assert NODE is not None
    done = subprocess.run([NODE, READER], input=body, capture_output=True, check=True, timeout=60)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def read_by_python(body: bytes) -> list[dict[str, Any]]:
    """The same facts by icalendar, which takes zones from Python and not from the file."""
    return [
        {
            "uid": str(entry["UID"]),
            "sequence": int(entry["SEQUENCE"]),
            "summary": str(entry["SUMMARY"]),
            "description": str(entry["DESCRIPTION"]),
            "location": str(entry["LOCATION"]),
            "status": str(entry["STATUS"]),
            "transp": str(entry["TRANSP"]),
            "url": str(entry["URL"]),
            "starts_at": entry["DTSTART"].dt.timestamp(),
            "ends_at": entry["DTEND"].dt.timestamp(),
            "wall_clock": entry["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%S")
            + ("Z" if entry["DTSTART"].dt.tzname() == "UTC" else ""),
        }
        for entry in icalendar.Calendar.from_ical(body).walk("VEVENT")
    ]


def weekly(zone: str) -> list[CalendarEvent]:
    """Every week for two years at 18:00, and every hour of the days when clocks change."""
    moments = [
        dt.datetime(2026, 1, 8, 18, tzinfo=ZoneInfo(zone)) + dt.timedelta(weeks=week)
        for week in range(104)
    ]
    for day in (
        dt.date(2026, 3, 8),
        dt.date(2026, 3, 29),
        dt.date(2026, 4, 5),
        dt.date(2026, 10, 4),
        dt.date(2026, 10, 25),
        dt.date(2026, 11, 1),
    ):
        midnight = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
        moments += [midnight + dt.timedelta(minutes=30 * half) for half in range(-24, 48)]
    return [
        replace(
            CIRCLE,
            uid=f"{zone}-{number}",
            time_zone=zone,
            starts_at=moment.astimezone(dt.UTC),
            ends_at=moment.astimezone(dt.UTC) + dt.timedelta(minutes=50),
        )
        for number, moment in enumerate(moments)
    ]


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/London",
        "Australia/Sydney",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Casablanca",
        "UTC",
    ],
)
def test_both_read_the_same_times_through_every_change_of_clocks(zone: str) -> None:
    events = weekly(zone)
    body = calendar_of(*events)
    seen = read_by_thunderbird(body)["events"]
    assert seen == read_by_python(body)
    assert [one["starts_at"] for one in seen] == [
        event.starts_at.timestamp() for event in events if isinstance(event.starts_at, dt.datetime)
    ]


def test_both_read_the_same_words() -> None:
    words = [
        "a, b; c \\ d: \"e\" 'f'",
        "two\nlines\n\nand a third, which is long enough to be folded more than once: "
        + "é漢🎧" * 40,
        "BEGIN:VEVENT",
        "اللغة العربية 👩‍🎤",
        "x" * 300,
    ]
    body = calendar_of(
        *(
            replace(CIRCLE, uid=str(n), summary=word, description=word, location=word)
            for n, word in enumerate(words)
        )
    )
    seen = read_by_thunderbird(body)["events"]
    assert seen == read_by_python(body)
    assert [one["summary"] for one in seen] == words


def test_it_reads_an_empty_feed_and_its_name() -> None:
    seen = read_by_thunderbird(render_calendar([], name="Greenroom events"))
    assert seen == {"name": "Greenroom events", "zones": 0, "events": []}
