"""Other people's calendars, as they really are, become drafts once."""

import datetime as dt
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.asserts import assertContains, assertRedirects

from accounts.models import User
from events.domain.foreign_calendars import (
    ForeignEvent,
    NotACalendar,
    iana_name,
    read_calendar,
)
from events.forms.imports import as_content
from events.models import Event, ImportedEvent
from events.services.events import edit_event
from events.services.imports import import_entries, note_in_words, plan_import
from tests.conftest import NOW

BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*lines: str, around: str = "") -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN", *around.splitlines()]
    return "\r\n".join([*head, *lines, "END:VCALENDAR", ""]).encode()


def entry(*lines: str, uid: str = "one@elsewhere.example", title: str = "Breath work") -> str:
    facts = [f"UID:{uid}", "DTSTAMP:20260101T000000Z", f"SUMMARY:{title}", *lines]
    return "\r\n".join(["BEGIN:VEVENT", *facts, "END:VEVENT"])


def read(body: bytes, zone: str = "Europe/London") -> ForeignEvent:
    (found,) = read_calendar(body, default_zone=zone, at=NOW)
    return found


def starts(found: ForeignEvent) -> list[str]:
    zone = ZoneInfo(found.time_zone)
    return [f"{one.starts_at.astimezone(zone):%Y-%m-%d %H:%M}" for one in found.dates]


def codes(found: ForeignEvent) -> list[str]:
    return [note.code for note in found.notes]


ONE_DAY = "DTSTART;TZID=Europe/Berlin:20260610T180000\r\nDTEND;TZID=Europe/Berlin:20260610T193000"
WEEKLY = f"{ONE_DAY}\r\nRRULE:FREQ=WEEKLY;COUNT=4"


# --- Reading -----------------------------------------------------------------------


def test_a_plain_entry_is_read_whole() -> None:
    found = read(
        calendar(
            entry(
                ONE_DAY,
                "DESCRIPTION:An hour to land.\\nBring a mat\\, please.",
                "LOCATION:Studio Nord\\, Nordstrasse 3\\, Berlin",
            )
        )
    )
    assert (found.uid, found.title) == ("one@elsewhere.example", "Breath work")
    assert found.description == "An hour to land.\nBring a mat, please."
    assert found.location == "Studio Nord, Nordstrasse 3, Berlin"
    (date,) = found.dates
    assert date.starts_at == dt.datetime(2026, 6, 10, 18, 0, tzinfo=BERLIN)
    assert date.ends_at == dt.datetime(2026, 6, 10, 19, 30, tzinfo=BERLIN)
    assert found.notes == []


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Eastern Standard Time", "America/New_York"),
        ("/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/America/New_York", "America/New_York"),
        ('"Europe/Berlin"', "Europe/Berlin"),
        ("Customized Time Zone", None),
        ("", None),
    ],
)
def test_a_zone_is_known_by_whatever_name_a_program_gives_it(said: str, name: str | None) -> None:
    assert iana_name(said) == name


def test_outlooks_zone_without_its_definition_is_understood() -> None:
    found = read(calendar(entry("DTSTART;TZID=W. Europe Standard Time:20260610T180000")))
    assert starts(found) == ["2026-06-10 18:00"]
    assert found.time_zone == "Europe/Berlin"


def test_a_zone_only_the_file_describes_gives_the_right_moments() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000"
        "\r\nTZOFFSETFROM:+0530\r\nTZOFFSETTO:+0530\r\nEND:STANDARD\r\nEND:VTIMEZONE"
    )
    line = "DTSTART;TZID=Customized Time Zone:20260610T180000"
    found = read(calendar(zone, entry(line)))
    assert found.dates[0].starts_at == dt.datetime(2026, 6, 10, 12, 30, tzinfo=dt.UTC)
    assert "zone_by_rules" in codes(found)


def test_a_zone_nobody_knows_and_no_zone_at_all_are_the_chosen_one_and_said() -> None:
    unknown = read(calendar(entry("DTSTART;TZID=Mars/Base:20260610T180000")))
    floating = read(calendar(entry("DTSTART:20260610T180000")))
    for found, code in ((unknown, "zone_unknown"), (floating, "floating")):
        assert found.dates[0].starts_at == dt.datetime(2026, 6, 10, 17, 0, tzinfo=dt.UTC)
        assert code in codes(found)


def test_a_time_in_utc_is_shown_in_the_calendars_zone() -> None:
    line = "DTSTART:20260610T160000Z\r\nDURATION:PT90M"
    found = read(calendar(entry(line), around="X-WR-TIMEZONE:Europe/Berlin"))
    assert (starts(found), found.time_zone) == (["2026-06-10 18:00"], "Europe/Berlin")
    assert found.dates[0].ends_at - found.dates[0].starts_at == dt.timedelta(minutes=90)


def test_words_folded_inside_a_character_are_whole_again() -> None:
    title = "Atmen für Müde 🎧 und alle"
    body = calendar(entry(ONE_DAY, title=title))
    cut = body.index("ü".encode()) + 1
    found = read(body[:cut] + b"\r\n " + body[cut:])
    assert found.title == title


def test_a_day_without_hours_lasts_from_midnight_to_midnight_and_says_so() -> None:
    found = read(calendar(entry("DTSTART;VALUE=DATE:20260610\r\nDTEND;VALUE=DATE:20260612")))
    (date,) = found.dates
    london = ZoneInfo("Europe/London")
    assert date.starts_at == dt.datetime(2026, 6, 10, tzinfo=london)
    assert date.ends_at == dt.datetime(2026, 6, 12, tzinfo=london)
    assert codes(found) == ["all_day"]


def test_a_rule_keeps_the_hour_when_the_clocks_change() -> None:
    line = "DTSTART;TZID=America/New_York:20261022T180000\r\nRRULE:FREQ=WEEKLY;COUNT=4"
    found = read(calendar(entry(line)))
    assert [when[-5:] for when in starts(found)] == ["18:00"] * 4
    assert found.dates[2].starts_at - found.dates[1].starts_at == dt.timedelta(days=7, hours=1)


@pytest.mark.parametrize(
    "until", ["20260624T160000Z", "20260624T180000", "20260624", "20260624T235959Z"]
)
def test_an_end_of_a_rule_is_understood_however_it_is_written(until: str) -> None:
    found = read(calendar(entry(ONE_DAY, f"RRULE:FREQ=WEEKLY;UNTIL={until}")))
    assert starts(found) == ["2026-06-10 18:00", "2026-06-17 18:00", "2026-06-24 18:00"]


def test_dates_taken_out_added_moved_and_cancelled_are_followed() -> None:
    override = "\r\n".join(
        [
            "RECURRENCE-ID;TZID=Europe/Berlin:20260617T180000",
            "DTSTART;TZID=Europe/Berlin:20260618T200000",
            "DTEND;TZID=Europe/Berlin:20260618T210000",
        ]
    )
    cancelled = "\r\n".join(
        [
            "RECURRENCE-ID:20260624T160000Z",  # the same moment, said in UTC
            "DTSTART:20260624T160000Z",
            "STATUS:CANCELLED",
        ]
    )
    found = read(
        calendar(
            entry(
                WEEKLY,
                "EXDATE;TZID=Europe/Berlin:20260701T180000",
                "RDATE;TZID=Europe/Berlin:20260703T120000",
            ),
            entry(override),
            entry(cancelled),
        )
    )
    assert starts(found) == ["2026-06-10 18:00", "2026-06-18 20:00", "2026-07-03 12:00"]
    assert {"date_moved", "date_cancelled"} <= set(codes(found))


def test_a_rule_without_an_end_is_followed_for_a_year_and_says_so() -> None:
    found = read(calendar(entry(ONE_DAY, "RRULE:FREQ=WEEKLY")))
    assert len(found.dates) == 52
    assert "never_ends" in codes(found)
    daily = read(calendar(entry(ONE_DAY, "RRULE:FREQ=DAILY")))
    assert len(daily.dates) == 60
    assert "too_many" in codes(daily)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("DTSTART:20250610T160000Z", "past"),
        ("DTSTART:nonsense", "no_start"),
        ("X-NOTHING:1", "no_start"),
        (f"{ONE_DAY}\r\nRRULE:FREQ=SECONDLY", "rule_unknown"),
        (f"{ONE_DAY}\r\nRRULE:FREQ=NEVER", "rule_unknown"),
        ("DTSTART:19000101T000000Z\r\nRRULE:FREQ=DAILY", "too_old"),
        (f"{ONE_DAY}\r\nRDATE;TZID=Europe/Berlin:20260610T200000", "twice_a_day"),
    ],
)
def test_what_is_not_understood_is_said_in_words(lines: str, code: str) -> None:
    found = read(calendar(entry(lines)))
    assert code in codes(found)
    assert all(note_in_words(note.code, note.detail) for note in found.notes)


def test_a_rule_that_fits_no_day_comes_to_an_end() -> None:
    found = read(calendar(entry(ONE_DAY, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2")))
    assert starts(found) == ["2026-06-10 18:00"]


def test_a_link_to_join_and_html_are_understood() -> None:
    found = read(
        calendar(
            entry(
                ONE_DAY,
                "LOCATION:https://meet.example/room-7",
                "DESCRIPTION:<p>An hour<br>to land.</p><b>Free</b>",
            )
        )
    )
    assert (found.online_url, found.location) == ("https://meet.example/room-7", "")
    assert found.description == "An hour\nto land.\nFree"


@pytest.mark.parametrize("body", [b"", b"hello", b"BEGIN:VCARD\r\nEND:VCARD\r\n", b"\xff\xfe\x00"])
def test_what_is_no_calendar_is_refused(body: bytes) -> None:
    with pytest.raises(NotACalendar):
        read_calendar(body, default_zone="UTC", at=NOW)


HOSTILE = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from('\r\n;,:="\\\x00TZ0123456789')
    ),
    max_size=60,
)


@given(start=HOSTILE, rule=HOSTILE, words=HOSTILE)
def test_whatever_a_file_says_it_is_read_or_refused(start: str, rule: str, words: str) -> None:
    body = calendar(entry(f"DTSTART{start}", f"RRULE:{rule}", f"DESCRIPTION:{words}", title=words))
    try:
        for found in read_calendar(body, default_zone="UTC", at=NOW):
            assert len(found.dates) <= 60
            assert "\x00" not in found.title + found.description
    except NotACalendar:
        pass


# --- Making ------------------------------------------------------------------------


def make(body: bytes, actor: User | None = None) -> list[str]:
    entries = read_calendar(body, default_zone="Europe/London", at=NOW)
    plans = import_entries(entries=entries, programme=None, language="en", actor=actor, at=NOW)
    return [plan.what for plan in plans]


@pytest.mark.django_db
def test_an_entry_becomes_a_draft_with_its_dates() -> None:
    body = calendar(entry(WEEKLY, "LOCATION:Studio Nord\\, Nordstrasse 3", "DESCRIPTION:An hour."))
    assert make(body) == ["new"]
    event = Event.objects.get()
    assert (event.status, event.title, event.summary) == ("draft", "Breath work", "An hour.")
    assert (event.place_name, event.address) == ("Studio Nord", "Nordstrasse 3")
    assert (event.time_zone, event.format) == ("Europe/Berlin", "in_person")
    assert event.occurrences.count() == 4


@pytest.mark.django_db
def test_the_same_file_twice_changes_nothing() -> None:
    body = calendar(entry(WEEKLY), entry(ONE_DAY, uid="two@x", title="Two"))
    assert make(body) == ["new", "new"]
    before = list(Event.objects.order_by("pk").values())
    later = body.replace(b"DTSTAMP:20260101T000000Z", b"DTSTAMP:20260202T000000Z")
    assert make(later) == ["same", "same"]
    assert list(Event.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_a_newer_file_brings_a_draft_up_to_date_that_nobody_edited(coordinator: User) -> None:
    make(calendar(entry(WEEKLY)))
    newer = calendar(entry(WEEKLY.replace("COUNT=4", "COUNT=2"), title="Breathing"))
    assert make(newer) == ["changed"]
    event = Event.objects.get()
    assert (event.title, event.occurrences.count()) == ("Breathing", 2)
    edit_event(
        event=event,
        version=event.version,
        words={"title": "Ours"},
        dates=[],
        actor=coordinator,
        at=NOW,
    )
    assert make(calendar(entry(WEEKLY, title="Theirs"))) == ["edited"]
    assert Event.objects.get().title == "Ours"


@pytest.mark.django_db
def test_what_is_published_or_cancelled_is_left_alone() -> None:
    make(calendar(entry(ONE_DAY)))
    assert make(calendar(entry(ONE_DAY, "STATUS:CANCELLED"))) == ["cancelled"]
    assert make(calendar(entry(ONE_DAY, "STATUS:CANCELLED", uid="x@y"))) == ["cancelled"]
    Event.objects.update(
        status="published",
        safety_lead="a",
        host_briefing="b",
        emergency_number="1",
        quiet_space="c",
        emergency_address="d",
        published_at=NOW,
    )
    assert make(calendar(entry(WEEKLY))) == ["published"]
    assert Event.objects.get().occurrences.count() == 1


@pytest.mark.django_db
def test_the_database_makes_each_entry_once() -> None:
    make(calendar(entry(ONE_DAY), entry(ONE_DAY, uid="two@x")))
    with (
        pytest.raises(IntegrityError, match="source_uid"),
        transaction.atomic(),
    ):
        ImportedEvent.objects.update(source_uid="same")


@pytest.mark.django_db
def test_looking_writes_nothing() -> None:
    entries = read_calendar(calendar(entry(ONE_DAY)), default_zone="UTC", at=NOW)
    assert [plan.what for plan in plan_import(entries)] == ["new"]
    assert not Event.objects.exists()


# --- The page and the command ---------------------------------------------------------

PAGE = "/staff/events/new/from-calendar/"


@pytest.fixture
def console(client: Client, coordinator: User, settings: Any) -> Client:
    settings.REQUIRE_MFA = False
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    return client


def sent(**more: object) -> dict[str, object]:
    return {"time_zone": "Europe/London", "language": "en", "programme": "", **more}


@pytest.mark.django_db
def test_a_person_sees_what_would_be_made_and_then_makes_it(
    console: Client, tmp_path: Path
) -> None:
    body = calendar(entry(WEEKLY), entry("DTSTART:20260610T180000", uid="2@x", title="Floating"))
    path = tmp_path / "theirs.ics"
    path.write_bytes(body)
    with time_machine.travel(NOW, tick=False):
        assertContains(console.get(PAGE), "Look at it")
        with path.open("rb") as file:
            shown = console.post(PAGE, sent(file=file))
        assertContains(shown, "2 drafts would be written")
        assertContains(shown, "Its time names no zone. It was read in the zone you chose.")
        assert not Event.objects.exists()
        done = console.post(PAGE, sent(content=as_content(body), make="1"))
        assertRedirects(done, "/staff/events/", fetch_redirect_response=False)
        again = console.post(PAGE, sent(content=as_content(body)))
    assert Event.objects.count() == 2
    assertContains(again, "0 drafts would be written")
    assertContains(again, "There already")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "That is no calendar file."),
        (b"", "Choose a file."),
        (calendar(), "There is no event in this file."),
    ],
)
def test_a_wrong_file_is_met_with_help(console: Client, content: bytes, said: str) -> None:
    assertContains(console.post(PAGE, sent(content=as_content(content))), said)


@pytest.mark.django_db
def test_the_command_says_what_it_would_do_and_does_it(tmp_path: Path) -> None:
    path = tmp_path / "theirs.ics"
    path.write_bytes(calendar(entry("DTSTART:20960610T180000")))
    out = StringIO()
    with time_machine.travel(dt.datetime(2096, 6, 1, tzinfo=dt.UTC)):
        call_command("import_events", path, dry_run=True, zone="Europe/Berlin", stdout=out)
        assert not Event.objects.exists()
        call_command("import_events", path, zone="Europe/Berlin", stdout=out)
        call_command("import_events", path, zone="Europe/Berlin", stdout=out)
    assert Event.objects.get().time_zone == "Europe/Berlin"
    for line in (
        "Breath work: a new draft",
        "2096-06-10 16:00 UTC",
        "! Its time names no zone.",
        "1 of 1 would be written.",
        "Breath work: is there already, unchanged",
        "0 of 1 written.",
    ):
        assert line in out.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("absent.ics", {}, "cannot be read"),
        ("no.ics", {}, "is no calendar file"),
        ("no.ics", {"zone": "Mars/Base"}, "Nobody knows the zone"),
        ("no.ics", {"programme": "none"}, "There is no programme"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, name: str, options: dict[str, str], said: str
) -> None:
    (tmp_path / "no.ics").write_bytes(b"hello")
    with pytest.raises(CommandError, match=said):
        call_command("import_events", tmp_path / name, **options)
