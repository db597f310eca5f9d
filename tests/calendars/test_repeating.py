"""One entry that repeats: two readers find every date of two years where it is."""

import datetime as dt
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import time_machine
from dateutil.rrule import rrulestr
from django.test import Client

from accounts.models import User
from calendars.domain.calendar import StoredEvent, render_calendar
from calendars.domain.vevent import CalendarEvent
from calendars.models import FeedToken
from calendars.services.links import choose_what_it_shows, personal_link
from events.domain.plans import DatePlan
from events.domain.recurrence import Rule, start_on
from events.domain.repeating import Repeating, render_repeating
from events.models import Event, Occurrence, Rsvp
from events.services.rsvps import leave, place_rsvp
from events.services.series import cancel_date, change_one_date, start_series
from events.services.series_rsvps import end_series_rsvp, follow_choices, place_series_rsvp
from tests.calendars.test_second_reader import NODE, read_by_thunderbird, read_file
from tests.calendars.test_vevent import CIRCLE
from tests.conftest import NOW
from tests.events.conftest import minutes
from tests.events.test_series import weekly
from tests.factories import EventFactory, UserFactory

Instance = list[Any]

ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Sydney",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "UTC",
]
THURSDAYS = Rule(frequency="weekly", weekdays=(3,), starts_on=dt.date(2026, 1, 8))
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not here: install nodejs")


def read_by_python(body: bytes, many: int) -> list[Instance]:
    """The same by icalendar and dateutil: each date, with those that are instead of one."""
    found = list(read_file(body).walk("VEVENT"))
    masters = [entry for entry in found if "RRULE" in entry]
    return [one for master in masters for one in _dates_of(master, found, many)]


def _dates_of(master: icalendar.Event, found: list[icalendar.Event], many: int) -> list[Instance]:
    own = [one for one in found if one["UID"] == master["UID"]]
    instead = {one["RECURRENCE-ID"].dt: one for one in own if "RECURRENCE-ID" in one}
    lists = master.get("EXDATE", [])
    left_out = {
        one.dt for each in (lists if isinstance(lists, list) else [lists]) for one in each.dts
    }
    first = master["DTSTART"].dt
    rule = master["RRULE"].copy()
    if "UNTIL" in rule:
        rule["UNTIL"] = [rule["UNTIL"][0].astimezone(first.tzinfo).replace(tzinfo=None)]
    instances: list[Instance] = []
    for wall in rrulestr(rule.to_ical().decode(), dtstart=first.replace(tzinfo=None)):
        when = wall.replace(tzinfo=first.tzinfo)
        if when in left_out:
            continue
        entry = instead.get(when)
        starts = entry["DTSTART"].dt if entry else when
        said = entry or master
        instances.append([int(starts.timestamp()), str(said["SUMMARY"]), str(said["STATUS"])])
        if len(instances) == many:
            break
    return instances


@needs_node
@pytest.mark.parametrize("zone", ZONES)
def test_two_readers_find_the_dates_of_two_years(zone: str) -> None:
    clock, length = dt.time(18), dt.timedelta(minutes=90)
    days = THURSDAYS.days_until(dt.date(2028, 1, 8))
    moved, cancelled, left_out = days[10], days[40], days[70]
    at = {day: start_on(day, clock, ZoneInfo(zone)).starts_at for day in days}
    dates: dict[dt.date, CalendarEvent | None] = {day: None for day in days if day != left_out}
    later = at[moved] + dt.timedelta(days=1, hours=3)
    one = replace(CIRCLE, time_zone=zone)
    dates[moved] = replace(one, summary="Moved", starts_at=later, ends_at=later + length)
    dates[cancelled] = replace(
        one, status="CANCELLED", starts_at=at[cancelled], ends_at=at[cancelled] + length
    )
    what = Repeating(master=one, rule=THURSDAYS, clock=clock, length=length, known_until=days[-1])
    entries = [StoredEvent(text, zone) for text in render_repeating(what, dates)]
    body = render_calendar(entries, name="x")
    expected: list[Instance] = [
        [
            int((later if day == moved else at[day]).timestamp()),
            "Moved" if day == moved else CIRCLE.summary,
            "CANCELLED" if day == cancelled else "CONFIRMED",
        ]
        for day in days
        if day != left_out
    ]
    assert read_by_thunderbird(body, instances=len(expected))["instances"] == expected
    assert read_by_python(body, len(expected)) == expected


def test_a_rule_that_is_followed_from_later_on_ends_when_it_did() -> None:
    rule = replace(THURSDAYS, count=10)
    days = rule.days_until(dt.date(2030, 1, 1))
    what = Repeating(
        master=CIRCLE,
        rule=rule,
        clock=dt.time(18),
        length=dt.timedelta(hours=1),
        known_until=days[-1],
    )
    (text,) = render_repeating(what, dict.fromkeys(days[4:]))
    assert "RRULE:FREQ=WEEKLY;BYDAY=TH;COUNT=6\r\n" in text
    assert "EXDATE" not in text
    assert "DTSTART;TZID=America/New_York:20260205T180000\r\n" in text


# --- In a person's own calendar --------------------------------------------------------


@pytest.fixture
def event(coordinator: User) -> Event:
    """Every Thursday without end, in Berlin, one place on each date."""
    event = EventFactory(slug="circle", time_zone="Europe/Berlin")
    start_series(event=event, version=1, plan=weekly(capacity=1), actor=coordinator, at=NOW)
    return Event.objects.get(pk=event.pk)


@pytest.fixture
def link(event: Event, attendee: User) -> FeedToken:
    """The attendee comes every time, and sees it as one entry."""
    place_series_rsvp(event=event, person=attendee, at=NOW)
    return personal_link(user=attendee, at=NOW)


def fetch(link: FeedToken) -> bytes:
    with time_machine.travel(minutes(30), tick=False):
        return bytes(Client().get(f"/calendar/{link.secret}.ics").content)


def entries(body: bytes) -> list[icalendar.Event]:
    return list(read_file(body).walk("VEVENT"))


def dates(event: Event) -> list[Occurrence]:
    return list(event.occurrences.select_related("event", "series").order_by("starts_at"))


@pytest.mark.django_db
def test_what_one_comes_to_every_time_is_one_entry(event: Event, link: FeedToken) -> None:
    (entry,) = entries(fetch(link))
    series = event.series.get()
    assert (entry["UID"], entry["RRULE"].to_ical()) == (series.uid, b"FREQ=WEEKLY;BYDAY=TH")
    found = read_by_python(fetch(link), len(dates(event)))
    assert [when for when, *_rest in found] == [int(d.starts_at.timestamp()) for d in dates(event)]


@pytest.mark.django_db
def test_who_asks_for_it_has_each_date_by_itself(event: Event, link: FeedToken) -> None:
    choose_what_it_shows(
        link=link, wants_plain_titles=False, shows_busy=False, wants_single_dates=True, at=NOW
    )
    follow_choices(at=minutes(1))
    found = entries(fetch(FeedToken.objects.get()))
    assert [entry["DTSTART"].dt for entry in found] == [date.starts_at for date in dates(event)]
    assert not [entry for entry in found if "RRULE" in entry or "RECURRENCE-ID" in entry]
    assert {int(entry["SEQUENCE"]) for entry in found} == {0}


@needs_node
@pytest.mark.django_db
def test_what_is_different_on_a_date_is_an_entry_of_its_own(
    event: Event, link: FeedToken, attendee: User, coordinator: User
) -> None:
    moved, cancelled, left, *_others = dates(event)
    later = moved.starts_at + dt.timedelta(hours=1)
    plan = DatePlan(later, later + dt.timedelta(minutes=90), 1, moved.pk)
    change_one_date(
        occurrence=moved, plan=plan, version=event.version, actor=coordinator, at=minutes(1)
    )
    event.refresh_from_db()
    cancel_date(
        occurrence=cancelled, note="", version=event.version, actor=coordinator, at=minutes(2)
    )
    leave(rsvp=Rsvp.objects.get(occurrence=left, user=attendee), at=minutes(3))
    body = fetch(link)
    master, *others = entries(body)
    assert [str(one["STATUS"]) for one in others] == ["CONFIRMED", "CANCELLED"]
    assert {one["UID"] for one in others} == {master["UID"]}
    assert [one["RECURRENCE-ID"].dt.date() for one in others] == [
        moved.recurrence_on,
        cancelled.recurrence_on,
    ]
    assert left.starts_at in [one.dt for one in master["EXDATE"].dts]
    found = read_by_python(body, 20)
    assert found[0][0] == int(later.timestamp())
    assert int(left.starts_at.timestamp()) not in [when for when, *_rest in found]
    assert read_by_thunderbird(body, instances=20)["instances"] == found


@pytest.mark.django_db
def test_a_date_on_which_one_waits_is_tentative(coordinator: User) -> None:
    event = EventFactory(slug="circle", time_zone="Europe/Berlin")
    start_series(event=event, version=1, plan=weekly(capacity=1), actor=coordinator, at=NOW)
    event = Event.objects.get(pk=event.pk)
    full = dates(event)[1]
    place_rsvp(occurrence=full, person=UserFactory(), at=NOW)
    person = UserFactory()
    place_series_rsvp(event=event, person=person, at=minutes(1))
    link = personal_link(user=person, at=NOW)
    _master, waiting = entries(fetch(link))
    assert (waiting["STATUS"], waiting["TRANSP"]) == ("TENTATIVE", "TRANSPARENT")
    assert waiting["RECURRENCE-ID"].dt == full.starts_at


@pytest.mark.django_db
def test_plain_titles_hide_what_repeats_too(
    event: Event, link: FeedToken, django_assert_num_queries: Any
) -> None:
    User.objects.update(wants_plain_titles=True)
    (entry,) = entries(fetch(link))
    assert (entry["SUMMARY"], entry["CLASS"]) == ("Busy", "PRIVATE")
    assert "LOCATION" not in entry
    with django_assert_num_queries(5):  # one more than single dates, however many
        fetch(link)


@pytest.mark.django_db
def test_what_one_no_longer_comes_to_is_cancelled_as_one_entry(
    event: Event, link: FeedToken, attendee: User
) -> None:
    end_series_rsvp(series_rsvp=event.series_rsvps.get(), at=minutes(5))
    (entry,) = entries(fetch(link))
    assert (entry["STATUS"], entry["SEQUENCE"]) == ("CANCELLED", 1)
