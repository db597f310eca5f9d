"""An entry as text, read back by a parser that is not ours."""

import datetime as dt
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calendars.domain.calendar import StoredEvent, render_calendar
from calendars.domain.vevent import CalendarEvent, render_again, render_vevent
from tests.conftest import NOW

NEW_YORK = ZoneInfo("America/New_York")
CIRCLE = CalendarEvent(
    uid="0197f7a2-4b1c-7d00-9d6e-2f7a51f0c0de@greenroom.example",
    sequence=0,
    revised_at=dt.datetime(2026, 6, 1, 9, 30, 15, tzinfo=dt.UTC),
    starts_at=dt.datetime(2026, 6, 4, 22, 0, tzinfo=dt.UTC),
    ends_at=dt.datetime(2026, 6, 4, 23, 30, tzinfo=dt.UTC),
    time_zone="America/New_York",
    summary="Evening circle",
    description="Bring a cushion.",
    location="Studio B, 12 Example Street",
    url="https://greenroom.example/events/evening-circle/",
)


def calendar_of(*events: CalendarEvent, name: str = "Greenroom events") -> bytes:
    return render_calendar(
        [StoredEvent(render_vevent(event), event.time_zone) for event in events], name=name
    )


def read(event: CalendarEvent) -> icalendar.Event:
    """``event`` as another program reads it."""
    (parsed,) = icalendar.Calendar.from_ical(calendar_of(event)).walk("VEVENT")
    return parsed


def test_an_entry_says_what_when_where_and_how_often_it_changed() -> None:
    entry = read(CIRCLE)
    assert entry["UID"] == CIRCLE.uid
    assert entry["SUMMARY"] == "Evening circle"
    assert entry["LOCATION"] == "Studio B, 12 Example Street"
    assert entry["URL"] == CIRCLE.url
    assert entry["SEQUENCE"] == 0
    assert entry["STATUS"] == "CONFIRMED"
    assert entry["TRANSP"] == "OPAQUE"
    assert entry["CLASS"] == "PUBLIC"
    assert entry["DTSTAMP"].dt == CIRCLE.revised_at
    assert entry["LAST-MODIFIED"].dt == CIRCLE.revised_at
    assert entry["DTSTART"].dt == dt.datetime(2026, 6, 4, 18, 0, tzinfo=NEW_YORK)
    assert entry["DTEND"].dt == dt.datetime(2026, 6, 4, 19, 30, tzinfo=NEW_YORK)


def test_dtstamp_is_written_in_utc() -> None:
    revised_at = dt.datetime(2026, 6, 1, 5, 30, 15, tzinfo=NEW_YORK)
    assert "\r\nDTSTAMP:20260601T093015Z\r\n" in render_vevent(
        replace(CIRCLE, revised_at=revised_at)
    )


def test_the_link_is_in_the_words_too() -> None:
    assert read(CIRCLE)["DESCRIPTION"] == f"Bring a cushion.\n\n{CIRCLE.url}"


def test_a_link_already_in_the_words_is_not_said_twice() -> None:
    entry = read(replace(CIRCLE, description=f"All about it: {CIRCLE.url}"))
    assert entry["DESCRIPTION"] == f"All about it: {CIRCLE.url}"


def test_where_to_join_stands_in_for_a_place() -> None:
    join = "https://meet.example/abc?x=1;y=2,3"
    entry = read(replace(CIRCLE, location="", conference_url=join))
    assert entry["CONFERENCE"] == join
    assert entry["LOCATION"] == join
    assert join in entry["DESCRIPTION"]


def test_without_a_place_to_join_there_is_no_conference() -> None:
    assert "CONFERENCE" not in read(CIRCLE)


def test_a_waitlisted_entry_leaves_the_time_free() -> None:
    entry = read(replace(CIRCLE, status="TENTATIVE", transparent=True))
    assert (entry["STATUS"], entry["TRANSP"]) == ("TENTATIVE", "TRANSPARENT")


def test_two_dates_last_all_day_and_end_on_the_day_after() -> None:
    text = render_vevent(
        replace(CIRCLE, starts_at=dt.date(2026, 6, 4), ends_at=dt.date(2026, 6, 6))
    )
    assert "\r\nDTSTART;VALUE=DATE:20260604\r\n" in text
    assert "\r\nDTEND;VALUE=DATE:20260606\r\n" in text


def test_an_entry_has_no_alarm_unless_its_person_chose_one() -> None:
    assert "VALARM" not in render_vevent(CIRCLE)
    (alarm,) = read(replace(CIRCLE, alarm_minutes=60)).walk("VALARM")
    assert alarm["TRIGGER"].dt == dt.timedelta(hours=-1)
    assert (alarm["ACTION"], alarm["DESCRIPTION"]) == ("DISPLAY", CIRCLE.summary)


def test_what_is_cancelled_reminds_nobody() -> None:
    cancelled = replace(CIRCLE, alarm_minutes=60, status="CANCELLED")
    assert "VALARM" not in render_vevent(cancelled)


def test_the_alarm_of_a_discreet_entry_tells_nothing() -> None:
    discreet = replace(CIRCLE, alarm_minutes=15).discreet(summary="Busy")
    (alarm,) = read(discreet).walk("VALARM")
    assert alarm["DESCRIPTION"] == "Busy"


def test_a_discreet_entry_tells_when_and_nothing_else() -> None:
    plain = replace(CIRCLE, conference_url="https://meet.example/abc", color="seagreen")
    entry = read(plain.discreet(summary="Busy"))
    assert entry["SUMMARY"] == "Busy"
    assert entry["CLASS"] == "PRIVATE"
    assert entry["UID"] == CIRCLE.uid
    assert entry["DTSTART"].dt == CIRCLE.starts_at
    assert set(entry) == {
        "UID",
        "DTSTAMP",
        "LAST-MODIFIED",
        "SEQUENCE",
        "DTSTART",
        "DTEND",
        "SUMMARY",
        "STATUS",
        "TRANSP",
        "CLASS",
    }


def test_the_same_facts_are_the_same_bytes() -> None:
    assert render_vevent(CIRCLE) == render_vevent(replace(CIRCLE))


# --- What people type -------------------------------------------------------

HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=[]),  # surrogates and controls included
        st.sampled_from('\r\n\t\\;,:"\x00\x07\x0b\x1b\x7f\x85\u2028éß漢字🎧👩‍🎤‏اBEGIND'),
    ),
    max_size=300,
)


@given(summary=HOSTILE, description=HOSTILE, location=HOSTILE, name=HOSTILE)
def test_whatever_people_type_the_file_stays_whole(
    summary: str, description: str, location: str, name: str
) -> None:
    event = replace(CIRCLE, summary=summary, description=description, location=location)
    body = calendar_of(event, name=name)
    assert body.startswith(b"BEGIN:VCALENDAR\r\n")
    assert body.endswith(b"\r\nEND:VCALENDAR\r\n")
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert b"\r" not in body.replace(b"\r\n", b"")
    for line in body.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()  # no fold splits a character
        assert not any(octet < 32 and octet != 9 for octet in line)
    unfolded = body.replace(b"\r\n ", b"").decode().split("\r\n")
    assert unfolded.count("BEGIN:VEVENT") == 1
    assert sum(line.startswith("SUMMARY:") for line in unfolded) == 1
    assert len(icalendar.Calendar.from_ical(body).walk("VEVENT")) == 1


@given(summary=st.text(st.characters(categories=["L", "N", "P", "S", "M"]), min_size=1))
def test_what_people_type_is_read_back_as_they_typed_it(summary: str) -> None:
    assert str(read(replace(CIRCLE, summary=f"“{summary}”"))["SUMMARY"]) == f"“{summary}”"


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("a, b; c", "SUMMARY:a\\, b\\; c"),
        ("back\\slash", "SUMMARY:back\\\\slash"),
        ("two\r\nlines\rand\nmore", "SUMMARY:two\\nlines\\nand\\nmore"),
        ("bell\x07 and null\x00", "SUMMARY:bell and null"),
        ("x\r\nEND:VEVENT", "SUMMARY:x\\nEND:VEVENT"),
        ("half \ud83c a pair", "SUMMARY:half  a pair"),
    ],
)
def test_text_is_escaped_and_controls_are_taken_out(typed: str, line: str) -> None:
    assert f"\r\n{line}\r\n" in render_vevent(replace(CIRCLE, summary=typed))


def test_a_link_with_a_space_or_a_line_break_stays_one_link() -> None:
    text = render_vevent(replace(CIRCLE, url="https://greenroom.example/a b\r\nX-EVIL:1"))
    assert "\r\nURL:https://greenroom.example/a%20b%0AX-EVIL:1\r\n" in text


@pytest.mark.parametrize("letter", ["a", "é", "漢", "🎧"])
@pytest.mark.parametrize("length", range(60, 80))
def test_a_fold_never_splits_a_character(letter: str, length: int) -> None:
    text = render_vevent(replace(CIRCLE, summary=letter * length))
    for line in text.encode().split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    assert f"SUMMARY:{letter * length}\r\n" in text.replace("\r\n ", "")


@given(summary=HOSTILE, location=HOSTILE, sequence=st.integers(0, 99))
def test_an_entry_made_again_from_its_text_is_the_one_rendered_anew(
    summary: str, location: str, sequence: int
) -> None:
    event = replace(CIRCLE, summary=summary, description=summary, location=location)
    for status, transparent in (("CONFIRMED", False), ("TENTATIVE", True), ("CANCELLED", True)):
        facts: dict[str, Any] = {
            "sequence": sequence,
            "revised_at": NOW + dt.timedelta(days=sequence),
            "status": status,
            "transparent": transparent,
        }
        assert render_again(render_vevent(event), **facts) == render_vevent(replace(event, **facts))
