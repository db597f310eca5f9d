"""Random histories of one date: never over, never an unsold place that somebody waits for, and
where it has a price, never a place without its money or money without its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from events.errors import NotEnoughPlaces, OfferEnded, PartyIsPaidFor
from events.models import Event, Occurrence, Payment, Rsvp, Seats
from events.queries import dates_with_room_and_queue, seats_that_disagree
from events.services import seats
from events.services.payments import settle_due, start_payment
from events.services.rsvps import (
    Guest,
    accept_offer,
    change_party,
    confirm_rsvp,
    decline_offer,
    leave,
    place_rsvp,
    wake_queue,
)
from payments.models import Charge
from payments.services.charges import record_session
from tests.events.conftest import minutes
from tests.factories import OccurrenceFactory, UserFactory
from tests.processor import session_of

# With the rule in memory (test_queue_rule.py) more than a thousand histories are tried each time.
RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "10"))


class OneDate(RuleBasedStateMachine):
    """People come, go, shrink, grow and hesitate while the room changes its size."""

    @initialize(
        capacity=st.integers(0, 6),
        offer_hours=st.sampled_from([0, 1]),
        skips_large=st.booleans(),
        price=st.sampled_from([None, None, 1200, 1000]),
        has_rule=st.booleans(),
    )
    def open(
        self,
        capacity: int,
        offer_hours: int,
        skips_large: bool,
        price: int | None,
        has_rule: bool,
    ) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.is_priced, self.has_rule = price is not None, has_rule
        words = {"price_kind": "fixed", "currency": "GBP", "price_minor": price}
        words["refund_hours"] = 0 if has_rule else None
        priced = {f"event__{name}": value for name, value in words.items()}
        self.occurrence = OccurrenceFactory(
            capacity=capacity,
            event__max_plus_ones=3,
            event__offer_hours=offer_hours,
            event__skips_large_parties=skips_large,
            **(priced if self.is_priced else {}),
        )
        self.skips_large = skips_large
        self.capacity = capacity
        self.minute = 0.0
        self.people: list[Rsvp] = []

    def teardown(self) -> None:
        if hasattr(self, "transaction"):
            if hasattr(self, "occurrence"):
                assert seats_that_disagree() == []
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
        is_waiting = rsvp.is_waiting
        try:
            change_party(rsvp=rsvp, party_size=party_size, at=minutes(self.minute))
        except NotEnoughPlaces:
            assert party_size > before, "shrinking is never refused"
            assert not is_waiting, "who waits may change their party"
        except PartyIsPaidFor:
            assert party_size > before, "shrinking is never refused"
            assert self.is_priced

    @rule(capacity=st.integers(0, 8))
    def the_room_changes(self, capacity: int) -> None:
        self.tick()
        self.capacity = capacity
        Occurrence.objects.filter(pk=self.occurrence.pk).update(capacity=capacity)
        wake_queue(occurrence_id=self.occurrence.pk, at=minutes(self.minute))

    @precondition(lambda self: self.people)
    @rule(number=st.integers(0, 50), is_yes=st.booleans())
    def an_offer_is_answered(self, number: int, is_yes: bool) -> None:
        self.tick()
        offers = list(Rsvp.objects.filter(status=Rsvp.Status.OFFERED).order_by("pk"))
        if not offers:
            return
        rsvp = offers[number % len(offers)]
        if not is_yes:
            decline_offer(rsvp=rsvp, at=minutes(self.minute))
            return
        try:
            answered = accept_offer(rsvp=rsvp, at=minutes(self.minute))
        except OfferEnded:
            assert rsvp.has_lapsed(at=minutes(self.minute))
        else:
            is_taken = answered.is_paying if self.is_priced else answered.is_going
            assert is_taken, "what is held is there to be taken"

    @precondition(lambda self: self.people and self.is_priced)
    @rule(number=st.integers(0, 50))
    def somebody_begins_to_pay(self, number: int) -> None:
        self.tick()
        rsvp = self.pick(number)
        if rsvp.is_paying and not rsvp.has_lapsed(at=minutes(self.minute)):
            start_payment(rsvp=rsvp, at=minutes(self.minute))

    @precondition(lambda self: self.is_priced)
    @rule(number=st.integers(0, 50))
    def a_payment_page_is_paid(self, number: int) -> None:
        """At once, or long after the place was given up, went elsewhere or became smaller."""
        self.tick()
        begun = list(Charge.objects.unpaid().order_by("pk"))
        if begun:
            charge = begun[number % len(begun)]
            record_session(session=session_of(charge), at=minutes(self.minute))
            settle_due(at=minutes(self.minute))

    @rule(skips_large=st.booleans())
    def the_rule_changes(self, skips_large: bool) -> None:
        self.tick()
        self.skips_large = skips_large
        Event.objects.filter(pk=self.occurrence.event_id).update(skips_large_parties=skips_large)
        self.occurrence.event.refresh_from_db()
        wake_queue(occurrence_id=self.occurrence.pk, at=minutes(self.minute))

    @rule(minute=st.sampled_from([16, 61]))
    def time_passes(self, minute: float) -> None:
        self.tick(minute)
        # What the scheduler does each minute.
        for pk in dates_with_room_and_queue(at=minutes(self.minute)):
            wake_queue(occurrence_id=pk, at=minutes(self.minute))

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "occurrence"):
            return
        now = minutes(self.minute)
        counted = Seats.objects.get(pk=self.occurrence.pk)
        rsvps = list(Rsvp.objects.order_by("pk"))
        held = sum(r.party_size for r in rsvps if r.is_holding(at=now))
        assert counted.firm == sum(r.party_size for r in rsvps if r.is_going)
        assert counted.capacity == self.capacity
        free = self.capacity - counted.firm - held
        # More people than places only where the room was made smaller under them.
        if free < 0:
            assert self.was_lowered(counted.firm, held)
            offered = [r for r in rsvps if r.is_offered and r.is_holding(at=now)]
            assert not offered, "an offer of a place that is not there"
        self.last = (counted.firm, held)
        waiting = sorted(
            (r for r in rsvps if r.is_waiting), key=lambda r: (r.queued_at or now, r.pk)
        )
        assert not any(r.has_lapsed(at=now) for r in rsvps), "an offer ran out, not passed on"
        if self.skips_large:
            assert all(rsvp.party_size > free for rsvp in waiting), "somebody waiting would fit"
        elif waiting:
            assert waiting[0].party_size > free, "the first in line would fit"
        self.nobody_was_passed({r.pk: r for r in rsvps})
        self.queue = [r.pk for r in waiting]

    def nobody_was_passed(self, now: dict[int, Rsvp]) -> None:
        """Who was served since the last look was before all who wait still, or they are too large
        for what was free where such are passed over."""
        before = getattr(self, "queue", [])
        for number, pk in enumerate(before):
            served = now[pk]
            if not (served.is_going or served.is_offered):
                continue
            for earlier in (now[pk] for pk in before[:number]):
                if earlier.is_waiting:
                    assert self.skips_large, "somebody passed the first in line"
                    assert earlier.party_size > served.party_size, "somebody passed who would fit"

    @invariant()
    def money_and_places_agree(self) -> None:
        if not getattr(self, "is_priced", False):
            return
        paid_for: dict[int, int] = {}
        back = Coalesce(Sum("charge__refunds__amount_minor"), 0)
        payments = Payment.objects.paid().select_related("charge", "rsvp")
        for payment in payments.annotate(back=back):
            rsvp, left = payment.rsvp, payment.charge.amount_minor - payment.back
            paid_for[rsvp.pk] = paid_for.get(rsvp.pk, 0) + (left > 0)
            if rsvp.is_going and left and self.has_rule:
                assert left == payment.share_of(rsvp.party_size)
            elif not rsvp.is_going and self.has_rule:
                assert left == 0, "money that is kept for nothing"
        going = Rsvp.objects.going().values_list("pk", flat=True)
        assert all(paid_for.get(pk) == 1 for pk in going), "each place is paid for, once"

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


@pytest.mark.django_db
def test_control_a_queue_that_is_served_from_its_end_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = seats.next_served

    def from_the_end(turns: Sequence[tuple[int, int]], *free: Any, **rules: Any) -> list[int]:
        return original(turns[::-1], *free, **rules)

    monkeypatch.setattr(seats, "next_served", from_the_end)
    date = OneDate()
    date.open(capacity=1, offer_hours=0, skips_large=False, price=None, has_rule=False)
    for _ in range(3):
        date.somebody_comes(party_size=1)
    date.the_books_are_right()
    date.somebody_leaves(number=0)
    with pytest.raises(AssertionError, match="passed the first in line"):
        date.the_books_are_right()
    date.teardown()
