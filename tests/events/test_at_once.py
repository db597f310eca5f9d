"""The ordinary yes in one statement: that it is no other way than the careful one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from calendars.models import FeedRevision
from calendars.queries import personal_feed_key
from events.models import Event, Occurrence, Rsvp, Seats
from events.queries import seats_that_disagree
from events.services import at_once, rsvps
from events.services.at_once import take_at_once
from events.services.mails import prepare
from events.services.rsvps import place_rsvp
from events.services.seats import places_of
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import minutes
from tests.events.test_series_races import in_thread, let_run
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory

in_one_hand = pytest.mark.django_db


def place_carefully(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> Rsvp:
    with monkeypatch.context() as patch:
        patch.setattr(rsvps, "take_at_once", lambda **_: False)
        return place_rsvp(**facts)


def written_of(person: User) -> list[dict[str, Any]]:
    """What the database holds of ``person``'s yes, without what is each one's own."""
    rows = [
        *Rsvp.objects.filter(user=person).values(),
        *Message.objects.filter(to=person.email).values(),
        *FeedRevision.objects.filter(key=personal_feed_key(person.pk)).values(),
    ]
    own = {"id", "user_id", "key", "message_id", "to", "text", "html", "attachments"}
    reference = Rsvp.objects.get(user=person).reference
    return [
        {
            name: "…" if name == "reference" else value
            for name, value in row.items()
            if name not in own
        }
        | {"of": [str(row.get(name, "")).count(reference) for name in sorted(own)]}
        for row in rows
    ]


@in_one_hand
@pytest.mark.parametrize("capacity", [None, 5])
def test_the_short_way_writes_what_the_careful_way_writes(
    monkeypatch: pytest.MonkeyPatch, capacity: int | None
) -> None:
    date = OccurrenceFactory(capacity=capacity, event__max_plus_ones=2)
    facts = {"party_size": 2, "companions": ["Bo"], "language": "es", "at": NOW}
    short, careful = UserFactory(name="Ana"), UserFactory(name="Ana")
    for at in (NOW, minutes(5)):  # a second time as well: who left and comes back
        one = place_rsvp(occurrence=date, person=short, **{**facts, "at": at})
        place_carefully(monkeypatch, occurrence=date, person=careful, **{**facts, "at": at})
        assert Rsvp.objects.get(pk=one.pk) == one
        if at == NOW:
            assert written_of(short) == written_of(careful)
            for person in (short, careful):
                rsvps.leave(rsvp=Rsvp.objects.get(user=person), at=minutes(1))
    again = [Rsvp.objects.filter(user=one).latest("pk") for one in (short, careful)]
    assert [(one.status, one.uid_generation) for one in again] == [("going", 1)] * 2
    assert Seats.objects.get(pk=date.pk).firm == 4
    assert seats_that_disagree() == []


def a_yes(date: Occurrence, person: User, people: int = 1) -> Callable[[], bool]:
    rsvp = Rsvp(
        occurrence=date,
        user=person,
        status=Rsvp.Status.GOING,
        party_size=people,
        reference="ATONCE0",
        placed_at=NOW,
        changed_at=NOW,
    )
    mail = prepare(rsvp, "going", at=NOW)
    return lambda: take_at_once(rsvp=rsvp, mail=mail, at=NOW)


def nobody_waits_but_one(date: Occurrence) -> None:
    RsvpFactory(occurrence=date, status="waitlisted", queued_at=NOW, party_size=2)


def an_offer_has_lapsed(date: Occurrence) -> None:
    RsvpFactory(occurrence=date, status="offered", queued_at=NOW, hold_expires_at=NOW)


def all_but_one_are_held(date: Occurrence) -> None:
    RsvpFactory(occurrence=date, status="pending", hold_expires_at=minutes(9), party_size=2)


def the_event_was_edited(date: Occurrence) -> None:
    Event.objects.filter(pk=date.event_id).update(version=date.event.version + 1)


def the_date_was_moved(date: Occurrence) -> None:
    Occurrence.objects.filter(pk=date.pk).update(revised_at=minutes(1))


@in_one_hand
@pytest.mark.parametrize(
    "what",
    [
        nobody_waits_but_one,
        an_offer_has_lapsed,
        all_but_one_are_held,
        the_event_was_edited,
        the_date_was_moved,
    ],
)
def test_what_is_not_ordinary_is_left_to_the_careful_way(
    attendee: User, what: Callable[[Occurrence], None]
) -> None:
    date = Occurrence.objects.select_related("event").get(pk=OccurrenceFactory(capacity=3).pk)
    yes = a_yes(date, attendee, people=2)
    what(date)
    assert not yes()
    assert not Rsvp.objects.filter(user=attendee).exists()
    assert not Message.objects.filter(to=attendee.email).exists()
    assert not FeedRevision.objects.filter(key=personal_feed_key(attendee.pk)).exists()


@in_one_hand
def test_there_is_room_to_the_last_place_and_no_further(attendee: User) -> None:
    date = OccurrenceFactory(capacity=3)
    assert not a_yes(date, UserFactory(), people=4)()
    assert a_yes(date, attendee, people=3)()
    assert Seats.objects.get(pk=date.pk).firm == 3


@in_one_hand
def test_a_second_yes_within_a_transaction_does_not_end_it(attendee: User) -> None:
    date = OccurrenceFactory(capacity=3)
    with transaction.atomic():
        place_rsvp(occurrence=date, person=attendee, at=NOW)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rsvps, "last_rsvp", lambda *_, **__: None)  # a double click sees none
            again = place_rsvp(occurrence=date, person=attendee, at=NOW)
        assert again.is_going
    assert Rsvp.objects.filter(user=attendee).count() == 1


def one_queues_while_another_says_yes() -> Rsvp:
    """A party of four, who do not fit, begin to wait while somebody alone is at the door."""
    date = OccurrenceFactory(capacity=5, event__skips_large_parties=False)
    RsvpFactory.create_batch(3, occurrence=date)
    person = UserFactory()
    with places_of(date.pk, at=NOW):
        at_the_door = in_thread(lambda: place_rsvp(occurrence=date, person=person, at=minutes(1)))
        let_run(at_the_door)
        assert at_the_door.is_alive()
        RsvpFactory(occurrence=date, status="waitlisted", queued_at=NOW, party_size=4)
    at_the_door.join(timeout=30)
    return Rsvp.objects.get(user=person)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_nobody_passes_who_began_to_wait_meanwhile() -> None:
    assert one_queues_while_another_says_yes().is_waiting


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_a_look_of_its_own_the_statement_sees_what_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: asked beside the lock and not by a function, it is as before the wait."""
    monkeypatch.setattr(
        at_once,
        "ROOM",
        "NOT EXISTS (SELECT FROM events_rsvp WHERE occurrence_id = %(occurrence)s"
        " AND status = 'waitlisted') AND %(people)s <= seats.capacity - seats.firm"
        " AND (%(revised_at)s::timestamptz, %(version)s::integer, %(at)s) IS NOT NULL",
    )
    assert one_queues_while_another_says_yes().is_going
