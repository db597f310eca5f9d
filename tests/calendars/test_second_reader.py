"""Thunderbird's parser and Python's read the same from our files."""

import datetime as dt
import functools
import json
import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calendars.domain.calendar import Method, StoredEvent, render_calendar, render_message
from calendars.domain.vevent import CalendarEvent, Invitation, render_vevent
from tests.calendars.test_vevent import CIRCLE, HOSTILE, calendar_of

NODE = shutil.which("node")
READER = Path(__file__).parent / "icaljs" / "read.mjs"
# One file is asked several things, one after the other.
read_file = functools.lru_cache(maxsize=1)(icalendar.Calendar.from_ical)

pytestmark = pytest.mark.skipif(
    NODE is None, reason="Node.js is not here to run Thunderbird's parser: install nodejs"
)


def read_by_thunderbird(body: bytes, *, instances: int = 0) -> dict[str, Any]:
    """What it sees, and of what repeats so many dates."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, READER, str(instances)], input=body, capture_output=True, check=True, timeout=60
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def each_read_by_thunderbird(
    files: list[bytes | list[Any]], *, instances: int
) -> list[dict[str, Any]]:
    """The same of many files, text or jCal, by one process."""
    assert NODE is not None
    sources = [one.decode() if isinstance(one, bytes) else one for one in files]
    done = subprocess.run(
        [NODE, READER, str(instances), "--each"],
        input=json.dumps(sources).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    return seen


def read_by_python(body: bytes) -> list[dict[str, Any]]:
    """The same facts by icalendar, which takes zones from Python and not from the file."""
    return [
        {
            "uid": str(entry["UID"]),
            "sequence": int(entry["SEQUENCE"]),
            "summary": str(entry["SUMMARY"]),
            "description": str(entry["DESCRIPTION"]) if "DESCRIPTION" in entry else None,
            "location": str(entry["LOCATION"]) if "LOCATION" in entry else None,
            "status": str(entry["STATUS"]),
            "transp": str(entry["TRANSP"]),
            "url": str(entry["URL"]) if "URL" in entry else None,
            "attendee": str(entry["ATTENDEE"]) if "ATTENDEE" in entry else None,
            "answer": entry["ATTENDEE"].params["PARTSTAT"] if "ATTENDEE" in entry else None,
            "name": entry["ATTENDEE"].params["CN"] if "ATTENDEE" in entry else None,
            "organizer": str(entry["ORGANIZER"]) if "ORGANIZER" in entry else None,
            "alarms": len(entry.walk("VALARM")),
            "starts_at": entry["DTSTART"].dt.timestamp(),
            "ends_at": entry["DTEND"].dt.timestamp(),
            "wall_clock": entry["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%S")
            + ("Z" if entry["DTSTART"].dt.tzname() == "UTC" else ""),
            "instead_of": (
                entry["RECURRENCE-ID"].dt.timestamp() if "RECURRENCE-ID" in entry else None
            ),
        }
        for entry in read_file(body).walk("VEVENT")
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
        "America/Sao_Paulo",
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
    nothing = {"zones": 0, "events": [], "instances": []}
    assert seen == {"name": "Greenroom events", "method": None, **nothing}


ANA = Invitation(
    organizer="reply+abc@greenroom.example",
    attendee="ana.o'neil+music@example.org",
    name='Ana "Q"; O’Neil, 🎧: x',
    answer="ACCEPTED",
)
EVERY_STATE = [
    replace(
        CIRCLE,
        uid=f"state-{number}",
        status=status,
        transparent=status != "CONFIRMED",
        sequence=number,
        conference_url=conference_url,
        alarm_minutes=alarm_minutes,
        invitation=replace(ANA, answer=answer) if answer else None,
    )
    for number, (status, conference_url, alarm_minutes, answer) in enumerate(
        product(
            ["CONFIRMED", "TENTATIVE", "CANCELLED"],
            [None, "https://meet.example/a?x=1;y=2,3"],
            [None, 60],
            [None, "ACCEPTED", "TENTATIVE", "DECLINED", "NEEDS-ACTION"],
        )
    )
]


def test_both_read_the_same_of_every_state_an_entry_can_be_in() -> None:
    discreet = [one.discreet(summary="Busy", url=CIRCLE.url) for one in EVERY_STATE]
    body = calendar_of(*EVERY_STATE, *(replace(one, uid=f"d-{one.uid}") for one in discreet))
    seen = read_by_thunderbird(body)["events"]
    assert seen == read_by_python(body)
    assert len(seen) == 120
    assert {one["attendee"] for one in seen} == {None, f"mailto:{ANA.attendee}"}
    assert {one["name"] for one in seen} == {None, "Ana 'Q'; O’Neil, 🎧: x"}


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_both_read_a_message_of_every_kind(method: Method) -> None:
    invited = [one for one in EVERY_STATE if one.invitation]
    stored = [StoredEvent(render_vevent(one), one.time_zone) for one in invited]
    body = render_message(stored, method=method)
    seen = read_by_thunderbird(body)
    assert (seen["method"], seen["zones"]) == (method, 1)
    assert seen["events"] == read_by_python(body)


@given(st.lists(HOSTILE, min_size=20, max_size=40))
@settings(max_examples=4, deadline=None)
def test_both_read_the_same_whatever_people_type(words: list[str]) -> None:
    body = calendar_of(
        *(
            replace(CIRCLE, uid=str(number), summary=f"<{word}>", description=f"<{word}>")
            for number, word in enumerate(words)
        )
    )
    assert read_by_thunderbird(body)["events"] == read_by_python(body)
