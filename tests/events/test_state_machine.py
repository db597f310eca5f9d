"""Random histories of one date: never over, never an unsold place that somebody waits for."""

from __future__ import annotations

import os

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from events.errors import NotEnoughPlaces
from events.models import Occurrence, Rsvp, Seats
from events.queries import dates_with_room_and_queue, seats_that_disagree
from events.services.rsvps import Guest, change_party, confirm_rsvp, leave, place_rsvp, wake_queue
from tests.events.conftest import minutes
from tests.factories import OccurrenceFactory, UserFactory

RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "10"))


class OneDate(RuleBasedStateMachine):
    """People come, go, shrink, grow and hesitate while the room changes its size."""

    @initialize(capacity=st.integers(0, 6))
    def open(self, capacity: int) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.occurrence = OccurrenceFactory(capacity=capacity, event__max_plus_ones=3)
        self.capacity = capacity
        self.minute = 0.0
        self.people: list[Rsvp] = []

    def teardown(self) -> None:
        if hasattr(self, "transaction"):
            connection.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    def tick(self, minute: float = 0.1) -> None:
        self.minute += minute

    def pick(self, number: int) -> Rsvp:
        rsvp = self.people[number % len(self.people)]
        rsvp.refresh_from_db()
        return rsvp

    @rule(party_size=st.integers(1, 4))
    def somebody_comes(self, party_size: int) -> None:
        self.tick()
        self.people.append(
            place_rsvp(
                occurrence=self.occurrence,
                person=UserFactory(),
                party_size=party_size,
                at=minutes(self.minute),
            )
        )

    @rule(party_size=st.integers(1, 4))
    def a_guest_asks(self, party_size: int) -> None:
        self.tick()
        guest = Guest("Guest", f"guest{len(self.people)}@example.org")
        self.people.append(
            place_rsvp(
                occurrence=self.occurrence,
                person=guest,
                party_size=party_size,
                at=minutes(self.minute),
            )
        )

    @precondition(lambda self: self.people)
    @rule(number=st.integers(0, 50))
    def a_guest_confirms(self, number: int) -> None:
        self.tick()
        rsvp = self.pick(number)
        if rsvp.is_pending:
            confirm_rsvp(rsvp=rsvp, at=minutes(self.minute))

    @precondition(lambda self: self.people)
    @rule(number=st.integers(0, 50))
    def somebody_leaves(self, number: int) -> None:
        self.tick()
        leave(rsvp=self.pick(number), at=minutes(self.minute))

    @precondition(lambda self: self.people)
    @rule(number=st.integers(0, 50), party_size=st.integers(1, 4))
    def a_party_changes(self, number: int, party_size: int) -> None:
        self.tick()
        rsvp = self.pick(number)
        before = rsvp.party_size
        if not rsvp.is_active:
            return
        try:
            change_party(rsvp=rsvp, party_size=party_size, at=minutes(self.minute))
        except NotEnoughPlaces:
            assert party_size > before, "shrinking is never refused"

    @rule(capacity=st.integers(0, 8))
    def the_room_changes(self, capacity: int) -> None:
        self.tick()
        self.capacity = capacity
        Occurrence.objects.filter(pk=self.occurrence.pk).update(capacity=capacity)
        wake_queue(occurrence_id=self.occurrence.pk, at=minutes(self.minute))

    @rule()
    def a_quarter_of_an_hour_passes(self) -> None:
        self.tick(16)
        # What the scheduler does each minute.
        for pk in dates_with_room_and_queue(at=minutes(self.minute)):
            wake_queue(occurrence_id=pk, at=minutes(self.minute))

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "occurrence"):
            return
        now = minutes(self.minute)
        seats = Seats.objects.get(pk=self.occurrence.pk)
        held = sum(r.party_size for r in Rsvp.objects.holding(at=now))
        assert seats_that_disagree() == []
        free = self.capacity - seats.firm - held
        # More people than places only where the room was made smaller under them.
        if free < 0:
            assert self.was_lowered(seats.firm, held)
        self.last = (seats.firm, held)
        waiting = list(Rsvp.objects.waiting())
        assert all(rsvp.party_size > free for rsvp in waiting), "somebody waiting would fit"
        assert [r.queued_at for r in waiting] == sorted(r.queued_at for r in waiting)

    def was_lowered(self, firm: int, held: int) -> bool:
        """Being over is never made worse by anything but the size of the room."""
        before = getattr(self, "last", (0, 0))
        return firm + held <= sum(before)


@pytest.mark.machine
@pytest.mark.django_db
def test_any_history_of_a_date_keeps_the_rules() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        OneDate,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=25,
            deadline=None,
            derandomize="STATE_MACHINE_RUNS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
