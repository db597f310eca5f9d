"""Real threads on the real database: many people, few places."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from events.errors import OfferEnded
from events.models import CheckIn, Occurrence, Rsvp, Seats
from events.queries import seats_that_disagree
from events.services.check_ins import Scan, scan
from events.services.rsvps import accept_offer, change_party, leave, place_rsvp, wake_queue
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import minutes
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def at_once(acts: list[Callable[[], Any]], threads: int = 16) -> list[Any]:
    """Do all of ``acts``, ``threads`` at a time, the first ones released together."""
    gate = threading.Barrier(min(threads, len(acts)))

    def run(number: int, act: Callable[[], Any]) -> Any:
        try:
            if number < gate.parties:
                gate.wait(timeout=60)
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(len(acts)), acts))


def rush(occurrence: Occurrence, people: int) -> list[Any]:
    """So many people say yes at once."""
    users = UserFactory.create_batch(people)
    return at_once(
        [lambda user=user: place_rsvp(occurrence=occurrence, person=user, at=NOW) for user in users]
    )


def test_a_hundred_people_for_the_last_ten_places() -> None:
    occurrence = OccurrenceFactory(capacity=50)
    RsvpFactory.create_batch(40, occurrence=occurrence)
    answers = rush(occurrence, 100)
    assert Counter(answer.status for answer in answers) == {"going": 10, "waitlisted": 90}
    assert Rsvp.objects.going().count() == 50
    assert Seats.objects.get(pk=occurrence.pk).firm == 50
    assert Message.objects.count() == 100
    assert seats_that_disagree() == []


def test_without_the_lock_the_same_rush_oversells(without_locks: None) -> None:
    """The control: it is the lock that keeps the rule, and the database stands behind it."""
    occurrence = OccurrenceFactory(capacity=50)
    RsvpFactory.create_batch(40, occurrence=occurrence)
    # Threads have connections of their own: the trigger is taken out for all of them.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_seats DISABLE TRIGGER USER")
    try:
        rush(occurrence, 40)
        assert Rsvp.objects.going().count() > 50
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE events_seats ENABLE TRIGGER USER")


def test_without_the_lock_the_database_still_refuses(without_locks: None) -> None:
    occurrence = OccurrenceFactory(capacity=50)
    RsvpFactory.create_batch(40, occurrence=occurrence)
    answers = rush(occurrence, 40)
    assert any(isinstance(answer, Exception) for answer in answers)
    assert Rsvp.objects.going().count() == 50


def test_a_freed_place_goes_to_the_queue_and_not_to_who_comes_that_moment() -> None:
    occurrence = OccurrenceFactory(capacity=4)
    going = [place_rsvp(occurrence=occurrence, person=UserFactory(), at=NOW) for _ in range(4)]
    waiting = [
        place_rsvp(occurrence=occurrence, person=UserFactory(), at=minutes(n)) for n in range(1, 5)
    ]
    newcomers = UserFactory.create_batch(8)
    at_once(
        [lambda rsvp=rsvp: leave(rsvp=rsvp, at=minutes(10)) for rsvp in going]
        + [
            lambda user=user: place_rsvp(occurrence=occurrence, person=user, at=minutes(10))
            for user in newcomers
        ]
    )
    for rsvp in waiting:
        rsvp.refresh_from_db()
    assert [rsvp.status for rsvp in waiting] == ["going"] * 4
    assert Rsvp.objects.filter(user__in=newcomers, status="waitlisted").count() == 8
    assert seats_that_disagree() == []


def test_a_double_click_is_one_yes_and_one_mail() -> None:
    occurrence = OccurrenceFactory(capacity=5)
    user = UserFactory()
    answers = at_once(
        [lambda: place_rsvp(occurrence=occurrence, person=user, at=NOW)] * 8, threads=8
    )
    assert {answer.pk for answer in answers} == {Rsvp.objects.get().pk}
    assert Message.objects.count() == 1
    assert Seats.objects.get(pk=occurrence.pk).firm == 1


def test_a_larger_room_races_leaving_shrinking_and_coming() -> None:
    occurrence = OccurrenceFactory(capacity=6, event__max_plus_ones=2)
    couples = [
        place_rsvp(occurrence=occurrence, person=UserFactory(), party_size=2, at=NOW)
        for _ in range(3)
    ]
    for number in range(6):
        place_rsvp(
            occurrence=occurrence,
            person=UserFactory(),
            party_size=1 + number % 2,
            at=minutes(number),
        )

    def grow() -> None:
        Occurrence.objects.filter(pk=occurrence.pk).update(capacity=8)
        wake_queue(occurrence_id=occurrence.pk, at=minutes(20))

    users = UserFactory.create_batch(6)
    outcomes = at_once(
        [
            grow,
            lambda: leave(rsvp=couples[0], at=minutes(20)),
            lambda: change_party(rsvp=couples[1], party_size=1, at=minutes(20)),
            *[
                lambda user=user: place_rsvp(occurrence=occurrence, person=user, at=minutes(20))
                for user in users
            ],
        ]
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    seats = Seats.objects.get(pk=occurrence.pk)
    assert (seats.capacity, seats.firm) == (8, 8)
    assert seats_that_disagree() == []


def offers_about_to_end(dates: int) -> list[tuple[Occurrence, Rsvp, Rsvp]]:
    """So many dates with one place, offered until minute 60 to one person; another one waits."""
    found = []
    for _ in range(dates):
        occurrence = OccurrenceFactory(capacity=1, event__offer_hours=1)
        offered = RsvpFactory(
            occurrence=occurrence, status="offered", queued_at=NOW, hold_expires_at=minutes(60)
        )
        waiting = RsvpFactory(occurrence=occurrence, status="waitlisted", queued_at=minutes(1))
        found.append((occurrence, offered, waiting))
    return found


def race_the_clock(dates: list[tuple[Occurrence, Rsvp, Rsvp]]) -> list[Any]:
    """Each offer is taken at its last moment, while its end is swept for the next in line."""
    acts: list[Callable[[], Any]] = []
    for occurrence, offered, _waiting in dates:
        acts += [
            lambda rsvp=offered: accept_offer(rsvp=rsvp, at=minutes(59.999)),
            lambda pk=occurrence.pk: wake_queue(occurrence_id=pk, at=minutes(60)),
        ]
    return at_once(acts, threads=8)


def taken(occurrence: Occurrence) -> int:
    """Places taken at minute 60, offers included."""
    going = Rsvp.objects.going().filter(occurrence=occurrence).count()
    return going + Rsvp.objects.holding(at=minutes(60)).filter(occurrence=occurrence).count()


def test_an_offer_taken_in_its_last_moment_is_not_also_passed_on() -> None:
    dates = offers_about_to_end(12)
    outcomes = race_the_clock(dates)
    assert not [o for o in outcomes if isinstance(o, Exception) and not isinstance(o, OfferEnded)]
    for occurrence, offered, waiting in dates:
        assert taken(occurrence) == 1
        offered.refresh_from_db()
        waiting.refresh_from_db()
        assert (offered.status, waiting.status) in {
            ("going", "waitlisted"),
            ("declined", "offered"),
        }
    assert seats_that_disagree() == []


def test_without_the_lock_one_place_is_taken_and_passed_on(without_locks: None) -> None:
    """The control: neither side sees the other, and the same place has two owners."""
    for _attempt in range(20):
        dates = offers_about_to_end(12)
        race_the_clock(dates)
        if any(taken(occurrence) > 1 for occurrence, _offered, _waiting in dates):
            return
    pytest.fail("the race was never lost, so the test above proves nothing")


def test_the_last_offer_is_taken_once_however_often_it_is_pressed() -> None:
    occurrence = OccurrenceFactory(capacity=1, event__offer_hours=1)
    rsvp = RsvpFactory(
        occurrence=occurrence, status="offered", queued_at=NOW, hold_expires_at=minutes(60)
    )
    others = [
        RsvpFactory(occurrence=occurrence, status="waitlisted", queued_at=minutes(1))
        for _ in range(3)
    ]
    outcomes = at_once(
        [lambda: accept_offer(rsvp=rsvp, at=minutes(5))] * 8
        # The others press as well: the page of an offer that is not theirs.
        + [lambda other=other: accept_offer(rsvp=other, at=minutes(5)) for other in others],
        threads=11,
    )
    assert [o.status for o in outcomes[:8]] == ["going"] * 8
    assert all(isinstance(outcome, OfferEnded) for outcome in outcomes[8:])
    assert Seats.objects.get(pk=occurrence.pk).firm == 1
    assert Message.objects.count() == 1


def two_doors_read(rsvps: list[Rsvp]) -> list[Any]:
    """Each code is read at two doors at the same moment."""
    host = UserFactory()

    def read(rsvp: Rsvp) -> Scan:
        return scan(
            occurrence=rsvp.occurrence,
            reference=rsvp.reference,
            people_count=None,
            scan_id=uuid4(),
            actor=host,
            seen_at=NOW,
            at=NOW,
        )

    return at_once([lambda rsvp=rsvp: read(rsvp) for rsvp in rsvps for _door in range(2)], 8)


def test_of_two_doors_that_read_one_code_the_second_is_told() -> None:
    rsvps = RsvpFactory.create_batch(10, occurrence=OccurrenceFactory())
    outcomes = two_doors_read(rsvps)
    assert Counter(outcome.outcome for outcome in outcomes) == {"in": 10, "again": 10}
    assert CheckIn.objects.standing().count() == 10


def test_without_the_lock_the_database_still_lets_a_code_in_once(without_locks: None) -> None:
    """The control: both doors think they are first, and the database refuses one of them."""
    for _attempt in range(20):
        rsvps = RsvpFactory.create_batch(10, occurrence=OccurrenceFactory())
        outcomes = two_doors_read(rsvps)
        assert CheckIn.objects.standing().filter(rsvp__in=rsvps).count() == 10
        if any(isinstance(outcome, Exception) for outcome in outcomes):
            return
    pytest.fail("the race was never lost, so the test above proves nothing")
