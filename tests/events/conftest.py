"""Who else comes to events."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.query import QuerySet

from common.prepared import Prepared
from events.models import Event, Occurrence, Rsvp
from events.queries import queue_position
from events.services import at_once, seats
from events.services.due_mails import write_due
from events.services.rsvps import Guest, place_rsvp
from tests.conftest import NOW
from tests.factories import OccurrenceFactory, UserFactory

ANA = Guest("Ana Guest", "ana@example.org")


def minutes(count: float) -> dt.datetime:
    """A moment so many minutes after NOW."""
    return NOW + dt.timedelta(minutes=count)


@pytest.fixture
def circle(db: None) -> Occurrence:
    """A circle tomorrow with two places, where everybody may bring two."""
    occurrence: Occurrence = OccurrenceFactory(capacity=2, event__max_plus_ones=2)
    return occurrence


@pytest.fixture
def join(circle: Occurrence) -> Callable[..., Rsvp]:
    """Somebody new with an account says yes to the circle."""

    def say_yes(party_size: int = 1, at: dt.datetime = NOW) -> Rsvp:
        return place_rsvp(occurrence=circle, person=UserFactory(), party_size=party_size, at=at)

    return say_yes


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a control: no row is locked, also not by the query that is kept. A moment passes between
    looking and writing, so that several are there at once and chance decides nothing.
    """
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    monkeypatch.setattr(seats, "_seats", Prepared(seats._seats.build))
    monkeypatch.setattr(at_once, "LOCK", at_once.LOCK.removesuffix("FOR UPDATE"))
    monkeypatch.setattr(at_once, "ROOM", f"{at_once.ROOM} AND pg_sleep(0.02) IS NOT NULL")
    look = seats._places

    def look_and_wait(*facts: Any) -> seats.Places:
        found = look(*facts)
        time.sleep(0.02)
        return found

    monkeypatch.setattr(seats, "_places", look_and_wait)


def state(*rsvps: Rsvp) -> list[tuple[str, int | None]]:
    """Status and queue position of each, as the database has it."""
    for rsvp in rsvps:
        rsvp.refresh_from_db()
    return [(rsvp.status, queue_position(rsvp)) for rsvp in rsvps]


def publish(occurrence: Occurrence, **fields: object) -> Event:
    Event.objects.filter(pk=occurrence.event_id).update(**fields)
    occurrence.event.refresh_from_db()
    return occurrence.event


def write_mails() -> int:
    """Write the mails that were promised under a lock; how many."""
    return write_due(limit=10_000, at=NOW)
