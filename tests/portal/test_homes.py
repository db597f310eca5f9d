import datetime as dt

from django.test import Client
from django.urls import resolve
from django.utils import timezone

from accounts.models import User
from portal.queries import PRACTICE_DOORS, STAFF_DOORS, needs_you
from tests.factories import EventFactory, OccurrenceFactory, RsvpFactory


def test_home_shows_the_next_date_a_person_goes_to(client: Client, attendee: User) -> None:
    soon = timezone.now() + dt.timedelta(days=3)
    occurrence = OccurrenceFactory(event=EventFactory(title="Quiet hour"), starts_at=soon)
    RsvpFactory(occurrence=occurrence, user=attendee)
    client.force_login(attendee)
    assert "Quiet hour" in client.get("/me/").content.decode()


def test_home_shows_nothing_of_anybody_else(client: Client, outsider: User) -> None:
    soon = timezone.now() + dt.timedelta(days=3)
    RsvpFactory(
        occurrence=OccurrenceFactory(event=EventFactory(title="Quiet hour"), starts_at=soon)
    )
    client.force_login(outsider)
    page = client.get("/me/").content.decode()
    assert "Quiet hour" not in page
    assert "Nothing planned yet" in page


def test_a_draft_that_starts_soon_needs_its_coordinator(coordinator: User, outsider: User) -> None:
    now = timezone.now()
    event = EventFactory(status="draft", published_at=None)
    OccurrenceFactory(event=event, starts_at=now + dt.timedelta(days=5))
    assert [need.kind for need in needs_you(coordinator, at=now)] == ["event"]
    assert needs_you(outsider, at=now) == []


def test_every_door_of_the_consoles_leads_somewhere() -> None:
    for door in (*STAFF_DOORS, *PRACTICE_DOORS):
        assert resolve(door.url)
