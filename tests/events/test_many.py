"""The numbers that are promised of events, measured: by hand and nightly, with ``make soak``.

Each says what it took: ``pytest -m soak -s tests/events/test_many.py`` is the measurement.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from common.batches import batch_after_batch
from events.models import DueMail, Occurrence, Rsvp, Seats
from events.queries import seats_that_disagree
from events.services import mailings
from events.services.due_mails import write_due
from events.services.rsvps import wake_queue
from events.tasks import MAILS_AT_ONCE
from notifications.models import Message
from tests.ambassadors.test_many import peak_megabytes, say, timed
from tests.conftest import NOW
from tests.events.test_pages import signed_in
from tests.factories import OccurrenceFactory

pytestmark = [pytest.mark.soak, pytest.mark.django_db]

COMING, QUEUED, REMINDED = 5_000, 1_000, 20_000


def guests(occurrence: Occurrence, people: int, **fields: Any) -> None:
    """So many people with one place, or one turn, each."""
    at = NOW - dt.timedelta(days=3)
    fields = {"status": "going", "placed_at": at, "changed_at": at} | fields
    Rsvp.objects.bulk_create(
        [
            Rsvp(
                occurrence=occurrence,
                guest_name=f"Person {number}",
                guest_email=f"p{number}@example.org",
                reference=f"R{number:09}",
                **fields,
            )
            for number in range(people)
        ],
        batch_size=1_000,
    )


def test_the_door_of_a_full_house_of_five_thousand_opens_in_one_page(
    coordinator: User, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    occurrence = OccurrenceFactory(capacity=COMING)
    guests(occurrence, COMING)
    client = signed_in(coordinator)
    path = f"/staff/events/{occurrence.event.slug}"
    with time_machine.travel(NOW, tick=False):
        client.get(f"{path}/door/?q=Person")
        for page, most in ((f"{path}/door/?q=Person", 16), (f"{path}/people/", 16)):
            with CaptureQueriesContext(connection) as captured, timed(page) as took:
                answer = client.get(page)
            assert len(answer.context["page"].object_list) == 100
            assert answer.context["page"].paginator.count == COMING
            assert len(captured) <= most
            assert took[0] < 2
            say(f"  {len(captured)} statements, {len(answer.content) // 1024} KB")
        with timed("one of them found") as took:
            assert len(client.get(f"{path}/door/?q=R000004321").context["page"]) == 1
        assert took[0] < 1


def test_a_larger_room_gives_a_thousand_their_places_in_seconds() -> None:
    occurrence = OccurrenceFactory(capacity=10)
    guests(occurrence, QUEUED, status="waitlisted", queued_at=NOW)
    Occurrence.objects.filter(pk=occurrence.pk).update(capacity=QUEUED)
    with CaptureQueriesContext(connection) as captured, timed("promotion") as took:
        assert wake_queue(occurrence_id=occurrence.pk, at=NOW) == QUEUED
    assert took[0] < 2
    assert len(captured) < 15
    assert Seats.objects.get(pk=occurrence.pk).firm == QUEUED
    assert seats_that_disagree() == []
    assert DueMail.objects.count() == QUEUED
    with timed("their mails") as took:
        assert batch_after_batch(write_due, limit=MAILS_AT_ONCE) == QUEUED
    assert took[0] < 30
    assert Message.objects.filter(key__endswith=f":promoted:{int(NOW.timestamp())}").count() == (
        QUEUED
    )


def test_reminders_for_twenty_thousand_are_streamed() -> None:
    def remind(people: int) -> None:
        occurrence = OccurrenceFactory(capacity=None)
        guests(occurrence, people)
        at = occurrence.starts_at - dt.timedelta(hours=24)
        with timed(f"{people} reminders"):
            assert mailings.send_reminders(at=at) == people
        Message.objects.all().delete()
        Rsvp.objects.all().delete()

    remind(2 * mailings.BATCH)
    before = peak_megabytes()
    remind(REMINDED)
    grown = peak_megabytes() - before
    # At once they would be some 350 MB of text. A connection keeps its last hundred statements.
    say(f"  {grown:.0f} MB more than for {2 * mailings.BATCH}")
    assert grown < 150
