"""Clocks: what a subscriber's program makes of our zones is what ``zoneinfo`` says."""

import datetime as dt
import io
from dataclasses import replace
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.rrule import rrulestr
from dateutil.tz import tzical

from calendars.domain.calendar import StoredEvent, render_calendar
from calendars.domain.vevent import render_vevent
from calendars.domain.zones import render_vtimezone
from tests.calendars.test_vevent import CIRCLE, calendar_of

WITH_RULES = [
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Sydney",
    "Australia/Lord_Howe",  # half an hour
    "America/Santiago",  # the Sunday on or after the 2nd, southern
    "America/St_Johns",
]
WITHOUT_CHANGES = ["Asia/Kolkata", "America/Sao_Paulo", "Africa/Lagos", "Asia/Kathmandu"]
WITHOUT_A_YEARLY_RULE = ["Africa/Casablanca", "Asia/Gaza", "Africa/Cairo"]


@pytest.mark.parametrize("name", [*WITH_RULES, *WITHOUT_CHANGES, *WITHOUT_A_YEARLY_RULE])
def test_offsets_equal_zoneinfo_for_two_years_either_side(name: str) -> None:
    text = f"BEGIN:VCALENDAR\r\n{render_vtimezone(name, 2026, 2026)}END:VCALENDAR\r\n"
    theirs = tzical(io.StringIO(text)).get()
    zone = ZoneInfo(name)
    moment = dt.datetime(2024, 1, 1, 0, 30, tzinfo=zone).astimezone(dt.UTC)
    while moment.year < 2029:
        wall = moment.astimezone(zone)
        if not wall.fold:  # the second pass is written in UTC, see below
            assert theirs.utcoffset(wall.replace(tzinfo=None)) == wall.utcoffset(), wall
        moment += dt.timedelta(hours=3)


@pytest.mark.parametrize("name", WITH_RULES)
def test_a_zone_that_changes_has_both_observances_with_a_rule(name: str) -> None:
    text = render_vtimezone(name, 2026, 2027)
    assert text.count("BEGIN:STANDARD\r\n") == 1
    assert text.count("BEGIN:DAYLIGHT\r\n") == 1
    assert text.count("\r\nRRULE:FREQ=YEARLY;") == 2
    assert "RDATE" not in text


@pytest.mark.parametrize("name", WITHOUT_CHANGES)
def test_a_zone_that_never_changes_has_one_observance(name: str) -> None:
    text = render_vtimezone(name, 2026, 2027)
    assert text.count("BEGIN:STANDARD\r\n") == 1
    assert "DAYLIGHT" not in text
    assert "RRULE" not in text


def test_new_york_changes_on_the_second_sunday_of_march_and_the_first_of_november() -> None:
    text = render_vtimezone("America/New_York", 2026, 2026)
    assert "\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\r\n" in text
    assert "\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\r\n" in text


@pytest.mark.parametrize("name", WITH_RULES)
def test_an_observance_starts_on_one_of_its_own_dates(name: str) -> None:
    calendar = icalendar.Calendar.from_ical(
        f"BEGIN:VCALENDAR\r\n{render_vtimezone(name, 2026, 2026)}END:VCALENDAR\r\n"
    )
    for observance in calendar.walk("STANDARD") + calendar.walk("DAYLIGHT"):
        start = observance["DTSTART"].dt
        rule = rrulestr(observance["RRULE"].to_ical().decode(), dtstart=start)
        assert rule[0] == start


def wall_clock_of(event_text: str, zone: str) -> dt.datetime:
    """When the entry starts, as read by a parser that knows only the file's own zones."""
    body = render_calendar([StoredEvent(event_text, zone)], name="x").decode()
    vtimezone = body[body.index("BEGIN:VTIMEZONE") : body.index("BEGIN:VEVENT")]
    theirs = tzical(io.StringIO(f"BEGIN:VCALENDAR\r\n{vtimezone}END:VCALENDAR\r\n")).get()
    (entry,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    return entry["DTSTART"].dt.replace(tzinfo=theirs)


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/London",
        "Australia/Sydney",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
    ],
)
def test_a_weekly_evening_stays_at_six_all_year(zone: str) -> None:
    first = dt.date(2026, 1, 8)
    for week in range(0, 104):
        starts_at = dt.datetime.combine(
            first + dt.timedelta(weeks=week), dt.time(18), tzinfo=ZoneInfo(zone)
        )
        event = replace(
            CIRCLE,
            time_zone=zone,
            starts_at=starts_at.astimezone(dt.UTC),
            ends_at=starts_at.astimezone(dt.UTC) + dt.timedelta(hours=1),
        )
        read = wall_clock_of(render_vevent(event), zone)
        assert read.time() == dt.time(18)
        assert read.astimezone(dt.UTC) == event.starts_at


def start_line(moment: dt.datetime) -> str:
    event = replace(CIRCLE, starts_at=moment, ends_at=moment + dt.timedelta(minutes=20))
    return next(line for line in render_vevent(event).split("\r\n") if line.startswith("DTSTART"))


def test_an_event_in_the_spring_gap_starts_when_the_clock_has_jumped() -> None:
    # 02:30 does not exist in New York on 8 March 2026; read as if the clock had not jumped.
    in_the_gap = dt.datetime(2026, 3, 8, 2, 30, tzinfo=ZoneInfo("America/New_York"))
    moment = in_the_gap.astimezone(dt.UTC)
    assert start_line(moment) == "DTSTART;TZID=America/New_York:20260308T033000"


@pytest.mark.parametrize(
    ("hour", "line"),
    [
        (4, "DTSTART;TZID=America/New_York:20261101T003000"),
        (5, "DTSTART:20261101T053000Z"),  # 01:30, daylight saving time
        (6, "DTSTART:20261101T063000Z"),  # 01:30 again, standard time
        (7, "DTSTART;TZID=America/New_York:20261101T023000"),
    ],
)
def test_both_passes_of_the_autumn_hour_are_written_in_utc(hour: int, line: str) -> None:
    # Readers disagree about which pass a wall-clock time means: Thunderbird takes the second.
    assert start_line(dt.datetime(2026, 11, 1, hour, 30, tzinfo=dt.UTC)) == line


def test_there_is_one_definition_of_each_zone_used_and_of_no_other() -> None:
    second_pass = dt.datetime(2026, 11, 1, 6, 30, tzinfo=dt.UTC)
    body = calendar_of(
        CIRCLE,
        replace(CIRCLE, uid="2", summary="DTSTART;TZID=Asia/Tokyo:20260101T000000"),
        replace(CIRCLE, uid="3", time_zone="Europe/London"),
        replace(CIRCLE, uid="4", time_zone="UTC"),
        replace(
            CIRCLE, uid="5", time_zone="America/Toronto", starts_at=second_pass, ends_at=second_pass
        ),
    )
    zones = [zone["TZID"] for zone in icalendar.Calendar.from_ical(body).walk("VTIMEZONE")]
    assert zones == ["America/New_York", "Europe/London"]
    assert b"DTSTART:20260604T220000Z" in body
