"""Settings that rule one another out, and those that are probably not meant."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from events.errors import NotReady
from events.models import Event, Occurrence, Series
from events.queries import ahead_of
from events.rules import SURVEY_SHOWN_FROM, impossible_settings, odd_settings
from events.services.events import publish_event
from events.services.series import start_series
from reports.domain.disclosure import THRESHOLD
from tests.conftest import NOW
from tests.events.test_pages import form_of
from tests.events.test_series import weekly
from tests.factories import EnrolmentFactory, EventFactory, OccurrenceFactory, ProgrammeFactory

pytestmark = pytest.mark.django_db
WEEK = dt.timedelta(weeks=1)


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def staff(client: Client, coordinator: User) -> Client:
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    return client


@pytest.fixture
def event(db: None) -> Event:
    """Three weekly dates of twenty places, the first in a week; nothing about it is odd."""
    event: Event = EventFactory(status="draft", published_at=None)
    for week in (1, 2, 3):
        OccurrenceFactory(event=event, capacity=20, starts_at=NOW + week * WEEK)
    return event


def said(event: Event, **changes: Any) -> dict[str, str]:
    """What is said about an event that was changed so: errors and hints by their fields."""
    Event.objects.filter(pk=event.pk).update(**changes)
    event = Event.objects.get(pk=event.pk)
    ahead = ahead_of(event, at=NOW)
    return impossible_settings(event, ahead) | dict(odd_settings(event, ahead, at=NOW))


def test_an_event_as_most_are_has_nothing_odd(event: Event) -> None:
    usual = {"rsvp_opens_at": NOW, "rsvp_closes_at": NOW + WEEK - dt.timedelta(days=1)}
    assert said(event, **usual, survey="short", offer_hours=24, max_plus_ones=2) == {}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"rsvp_opens_at": NOW + 3 * WEEK}, "rsvp_opens_at", "nobody could say yes"),
        ({"rsvp_opens_at": NOW + 2 * WEEK}, "rsvp_opens_at", "begins before RSVPs open"),
        ({"rsvp_closes_at": NOW}, "rsvp_closes_at", "have closed already"),
        ({"rsvp_closes_at": NOW + 2 * WEEK}, "rsvp_closes_at", "close for every date"),
        ({"rsvp_closes_at": NOW + 4 * WEEK}, "rsvp_closes_at", "this is later"),
        ({"max_plus_ones": 24}, "max_plus_ones", "a party of 25 would wait for it in vain"),
        (
            {"max_plus_ones": 24, "skips_large_parties": False},
            "skips_large_parties",
            "wait behind them for ever",
        ),
        ({"format": "online", "place_name": "Studio"}, "place_name", "Nobody is shown the place"),
        (
            {"format": "in_person", "online_url": "https://rooms.example.org/1"},
            "online_url",
            "Nobody is shown the online link",
        ),
        ({"visibility": "ambassadors"}, "visibility", "Nobody would see it"),
        ({"minimum_age": 16, "survey": "health"}, "survey", "under 18"),
        (
            {"rsvp_opens_at": NOW + 2.5 * WEEK, "reminder_hours": [168, 24]},
            "reminder_hours",
            "“A week before” is before RSVPs open",
        ),
        (
            {"rsvp_opens_at": NOW + 3 * WEEK - dt.timedelta(hours=30), "offer_hours": 48},
            "offer_hours",
            "less time is left than an offer lasts",
        ),
        (
            {
                "rsvp_opens_at": NOW + 2.5 * WEEK,
                "price_kind": "fixed",
                "currency": "GBP",
                "price_minor": 1200,
                "refund_hours": 168,
            },
            "refund_hours",
            "the time to leave and get it back is over already",
        ),
    ],
)
def test_settings_at_odds_are_named_with_what_to_do(
    event: Event, changes: dict[str, Any], field: str, words: str
) -> None:
    assert words in said(event, **changes)[field]


def test_who_sees_it_and_who_may_come_fit_together(event: Event) -> None:
    enrolment = EnrolmentFactory()
    programme = enrolment.term.programme
    for_all = said(event, visibility="ambassadors", programme=programme, max_plus_ones=1)
    assert "every programme" in for_all["visibility"]
    assert "bring people who are none" in for_all["max_plus_ones"]
    assert said(event, visibility="programme", max_plus_ones=0) == {}
    elsewhere = said(event, visibility="programme", programme=ProgrammeFactory())
    assert "Nobody would see it" in elsewhere["visibility"]


def test_places_fit_what_is_asked_of_them(event: Event) -> None:
    Occurrence.objects.update(capacity=10)
    assert SURVEY_SHOWN_FROM == THRESHOLD
    assert "at least 11 people" in said(event, survey="short")["survey"]
    Occurrence.objects.update(capacity=None)
    without_limit = said(event, offer_hours=24)
    assert list(without_limit) == ["offer_hours"]
    assert "No date has a limit" in without_limit["offer_hours"]
    Occurrence.objects.filter(starts_at=NOW + WEEK).update(
        capacity=0, ends_at=NOW + WEEK + dt.timedelta(days=8)
    )
    dates = [words for field, words in odd(event) if field == "dates"]
    assert "has no places at all" in dates[0]
    assert "is not over when the next date begins" in dates[1]


def odd(event: Event) -> list[tuple[str, str]]:
    event = Event.objects.get(pk=event.pk)
    return odd_settings(event, ahead_of(event, at=NOW), at=NOW)


def test_a_series_without_an_end_opens_some_time_and_never_closes_for_all(
    event: Event, coordinator: User
) -> None:
    plan = weekly(capacity=20, count=None)
    start_series(event=event, version=1, plan=plan, actor=coordinator, at=NOW)
    assert Series.objects.filter(count=None, ends_on=None).exists()
    assert said(event, rsvp_opens_at=NOW + 60 * WEEK) == {}
    closing = said(event, rsvp_opens_at=None, rsvp_closes_at=NOW + dt.timedelta(days=2))
    assert "close for every date" in closing["rsvp_closes_at"]


def test_what_cannot_be_is_not_published_and_nothing_changes(
    event: Event, coordinator: User
) -> None:
    Event.objects.update(rsvp_opens_at=NOW + 3 * WEEK)
    with pytest.raises(NotReady) as refused:
        publish_event(event=event, actor=coordinator, at=NOW)
    assert set(refused.value.missing) == {"rsvp_opens_at"}
    event.refresh_from_db()
    assert (event.status, event.version) == ("draft", 1)


def test_the_form_the_preview_and_publishing_say_it(staff: Client, event: Event) -> None:
    path = f"/staff/events/{event.slug}/"
    Event.objects.update(max_plus_ones=24, skips_large_parties=False)
    for page in (staff.get(path), staff.get(f"{path}preview/")):
        assert "wait behind them for ever" in page.content.decode()
        assert "#id_skips_large_parties" in page.content.decode()
    refused = staff.post(f"{path}publish/", follow=True).content.decode()
    assert "The list is at the top of the page." in refused
    Event.objects.update(skips_large_parties=True)
    published = staff.post(f"{path}publish/", follow=True)
    assert published.redirect_chain[-1][0] == path
    page = published.content.decode()
    assert "Some settings are worth another look" in page
    assert "Worth another look" in page
    assert "would wait for it in vain" in page
    Event.objects.update(max_plus_ones=0)
    assert "Worth another look" not in staff.get(path).content.decode()
    assert "Worth another look" not in Client().get(f"/events/{event.slug}/").content.decode()


def test_a_minimum_age_that_nobody_reaches_is_refused(staff: Client, event: Event) -> None:
    form = form_of(event, minimum_age="180")
    page = staff.post(f"/staff/events/{event.slug}/", form).content.decode()
    assert "Write an age up to 99" in page
    event.refresh_from_db()
    assert event.minimum_age == 18
