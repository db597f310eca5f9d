"""What coordinators press for events that come back, and what people then see."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from events.forms.dates import SeriesForm
from events.models import Event, Occurrence
from events.services.rsvps import place_rsvp
from tests.conftest import NOW
from tests.factories import EventFactory, OccurrenceFactory, UserFactory

pytestmark = pytest.mark.django_db
ASKED = {
    "starts_on": "2026-06-04",
    "starts": "18:00",
    "ends": "19:30",
    "how": "weekly",
    "weekdays": ["3"],
    "interval": "1",
    "ending": "after",
    "count": "3",
    "capacity": "10",
    "without": "",
}


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def event(db: None) -> Event:
    found: Event = EventFactory(slug="circle")
    return found


@pytest.fixture
def staff(client: Client, coordinator: User) -> Client:
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    return client


def press(client: Client, event: Event, query: str = "", **fields: Any) -> str:
    event.refresh_from_db()
    path = f"/staff/events/circle/dates/repeat/{query}"
    answer = client.post(path, ASKED | {"version": event.version} | fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def days(event: Event) -> list[str]:
    dates = event.occurrences.filter(cancelled_at=None).order_by("starts_on")
    return [str(day) for day in dates.values_list("starts_on", flat=True)]


def test_a_series_is_shown_before_it_is_made(staff: Client, event: Event) -> None:
    page = press(staff, event)
    assert "What will happen" in page
    assert page.count("New date") == 3
    assert days(event) == []
    page = press(staff, event, confirm="1")
    assert days(event) == ["2026-06-04", "2026-06-11", "2026-06-18"]
    assert "Every Thursday, 18:00–19:30, 3 times" in page


def test_wrong_rules_are_met_with_help(staff: Client, event: Event) -> None:
    assert "Say the last day." in press(staff, event, ending="on")
    assert "before the first" in press(staff, event, ending="on", ends_on="2026-06-01")
    assert "Say how many dates." in press(staff, event, count="")
    assert "“Xmas” is not a day" in press(staff, event, without="Xmas")
    assert "No date would be left" in press(staff, event, starts_on="2026-05-07", confirm="1")
    assert days(event) == []


@pytest.mark.parametrize(
    ("how", "starts_on", "rrule"),
    [
        ("weekly", "2026-06-04", "FREQ=WEEKLY;BYDAY=TH"),
        ("month_week", "2026-06-18", "FREQ=MONTHLY;BYDAY=3TH"),
        ("month_week", "2026-07-30", "FREQ=MONTHLY;BYDAY=-1TH"),
        ("month_last", "2026-06-04", "FREQ=MONTHLY;BYDAY=-1TH"),
        ("month_day", "2026-06-15", "FREQ=MONTHLY;BYMONTHDAY=15"),
        ("month_end", "2026-06-15", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("daily", "2026-06-15", "FREQ=DAILY"),
    ],
)
def test_what_is_chosen_becomes_a_rule(how: str, starts_on: str, rrule: str) -> None:
    asked = {"how": how, "starts_on": starts_on, "weekdays": [], "ending": "never", "version": "1"}
    form = SeriesForm(ASKED | asked)
    assert form.is_valid(), form.errors
    rule = form.plan.rule
    assert rule.text(starts_at=form.plan.starts_clock, zone=dt.UTC) == rrule  # type: ignore[arg-type]  # any zone


def test_a_time_over_midnight_lasts_into_the_next_day() -> None:
    form = SeriesForm(ASKED | {"starts": "22:00", "ends": "01:00", "version": "1"})
    assert form.is_valid()
    assert form.plan.minutes == 180


def test_what_a_hand_changed_is_shown_and_kept(staff: Client, event: Event) -> None:
    press(staff, event, confirm="1")
    event.refresh_from_db()
    date = {"on": "2026-06-11", "starts": "19:00", "ends": "20:30", "capacity": "10"}
    staff.post(
        "/staff/events/circle/dates/2026-06-11/",
        date | {"note": "Guest host", "version": event.version},
    )
    kept = event.occurrences.get(starts_on="2026-06-11")
    place_rsvp(occurrence=kept, person=UserFactory(), at=NOW)
    later = {"starts": "20:00", "ends": "21:30"}
    page = press(staff, event, "?from=2026-06-04", **later)
    assert "Keep: another time, a note" in page.replace("\n", " ")
    assert f'value="{kept.pk}" checked' in page
    press(staff, event, "?from=2026-06-04", **later, keep=[kept.pk], confirm="1")
    hours = {str(date.starts_on): date.starts_at.hour for date in event.occurrences.all()}
    assert hours == {"2026-06-04": 18, "2026-06-11": 17, "2026-06-18": 18}


def test_one_date_is_called_off_on_its_page(staff: Client, event: Event) -> None:
    press(staff, event, confirm="1")
    event.refresh_from_db()
    answer = staff.post(
        "/staff/events/circle/dates/2026-06-11/",
        {"act": "cancel", "note": "The room floods.", "version": event.version},
        follow=True,
    )
    assert "Cancelled" in answer.content.decode()
    assert days(event) == ["2026-06-04", "2026-06-18"]
    public = Client().get("/events/circle/?date=2026-06-11").content.decode()
    assert "The room floods." in public


def test_the_second_of_two_editors_keeps_what_was_typed(staff: Client, event: Event) -> None:
    press(staff, event, confirm="1")
    fields = {"on": "2026-06-11", "starts": "19:00", "ends": "20:30", "note": "Mine"}
    answer = staff.post("/staff/events/circle/dates/2026-06-11/", fields | {"version": "1"})
    page = answer.content.decode()
    assert "has changed this event since you opened it" in page
    assert 'value="Mine"' in page
    assert event.occurrences.get(starts_on="2026-06-11").note == ""
    page = press(staff, event, "?from=2026-06-04", version="1", confirm="1", interval="2")
    assert "Somebody else has changed this event meanwhile" in page
    assert len(days(event)) == 3


def test_a_date_of_another_event_or_no_day_is_not_found(staff: Client, event: Event) -> None:
    OccurrenceFactory()
    for day in ("2026-06-04", "thursday"):
        assert staff.get(f"/staff/events/circle/dates/{day}/").status_code == 404
    assert staff.get("/staff/events/circle/dates/repeat/?from=2026-06-04").status_code == 404


def test_the_public_page_says_how_it_comes_back_and_what_is_different(
    staff: Client, event: Event, client: Client
) -> None:
    press(staff, event, confirm="1")
    Occurrence.objects.filter(starts_on="2026-06-11").update(
        other_place="The garden", note="Bring a coat."
    )
    page = client.get("/events/circle/?date=2026-06-11").content.decode()
    for words in ("Every Thursday, 18:00–19:30", "The garden", "Bring a coat."):
        assert words in page
    assert "The garden" not in client.get("/events/circle/?date=2026-06-04").content.decode()


def test_the_page_of_dates_asks_as_much_for_three_as_for_one(staff: Client, event: Event) -> None:
    press(staff, event, count="1", confirm="1")

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert staff.get("/staff/events/circle/dates/").status_code == 200
        return len(queries)

    one = count()
    press(staff, event, "?from=2026-06-04", count="3", confirm="1")
    assert len(days(event)) == 3
    assert count() == one


def test_the_editor_shows_the_series_apart_from_single_dates(staff: Client, event: Event) -> None:
    press(staff, event, confirm="1")
    page = staff.get("/staff/events/circle/").content.decode()
    assert "Every Thursday, 18:00–19:30, 3 times" in page
    assert 'value="2026-06-11"' not in page
