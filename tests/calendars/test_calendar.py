"""The file around the entries."""

import icalendar

from calendars.domain.calendar import StoredEvent, render_calendar, render_message
from calendars.domain.vevent import render_vevent
from tests.calendars.test_vevent import CIRCLE, calendar_of


def test_a_feed_says_its_name_and_how_often_to_ask() -> None:
    body = render_calendar([], name="Greenroom, events", time_zone="Europe/London")
    calendar = icalendar.Calendar.from_ical(body)
    assert calendar["VERSION"] == "2.0"
    assert calendar["CALSCALE"] == "GREGORIAN"
    # Of these the parser keeps only the bytes.
    assert b"\r\nNAME:Greenroom\\, events\r\n" in body
    assert b"\r\nX-WR-CALNAME:Greenroom\\, events\r\n" in body
    assert b"\r\nX-WR-TIMEZONE:Europe/London\r\n" in body
    assert b"\r\nX-PUBLISHED-TTL:PT1H\r\n" in body
    assert b"\r\nREFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in body


def test_version_and_product_are_said_once() -> None:
    body = calendar_of(CIRCLE)
    assert body.count(b"\r\nVERSION:2.0\r\n") == 1
    assert body.count(b"\r\nPRODID:") == 1


def test_a_feed_has_no_method_and_an_invitation_has_the_mails() -> None:
    assert b"METHOD" not in calendar_of(CIRCLE)
    stored = [StoredEvent(render_vevent(CIRCLE), CIRCLE.time_zone)]
    message = render_message(stored, method="REQUEST")
    assert b"\r\nMETHOD:REQUEST\r\n" in message
    # Nobody subscribes to a mail.
    for property_of_a_feed in (b"\r\nNAME:", b"REFRESH-INTERVAL", b"X-PUBLISHED-TTL"):
        assert property_of_a_feed not in message


def test_a_calendar_has_a_colour_of_its_own() -> None:
    body = render_calendar([], name="x")
    assert b"\r\nCOLOR:seagreen\r\n" in body
    assert b"\r\nX-APPLE-CALENDAR-COLOR:#2E8B57\r\n" in body


def test_an_empty_feed_is_valid() -> None:
    body = render_calendar([], name="Nothing yet")
    assert body.startswith(b"BEGIN:VCALENDAR\r\n")
    assert body.endswith(b"\r\nEND:VCALENDAR\r\n")
    assert icalendar.Calendar.from_ical(body).walk("VEVENT") == []


def test_two_renders_are_byte_identical() -> None:
    assert calendar_of(CIRCLE) == calendar_of(CIRCLE)
