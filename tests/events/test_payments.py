"""A place with a price: kept until it is paid, never sold twice, and never paid for nothing."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from threading import Event as ThreadEvent
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from pytest_django import Settings

from accounts.models import User
from events.errors import (
    AmountNotAccepted,
    NotReady,
    OfferEnded,
    PaidOneByOne,
    PartyIsPaidFor,
    PayingEnded,
)
from events.forms import EventForm
from events.forms.spreadsheets import read_events
from events.models import Event, Occurrence, Payment, Rsvp, Seats
from events.queries import dates_with_room_and_queue, money_of, seats_that_disagree
from events.services import payments as payments_service
from events.services import rsvps as rsvps_service
from events.services.check_ins import check_in, undo_check_in
from events.services.events import cancel_event, copy_event, edit_event, publish_event
from events.services.payments import (
    give_up_unkept,
    refund_everyone,
    refund_payment,
    return_deposits,
    settle,
    settle_due,
    start_payment,
)
from events.services.rsvps import (
    Guest,
    accept_offer,
    add_rsvp,
    approve_request,
    change_party,
    confirm_rsvp,
    leave,
    place_rsvp,
    release_rsvp,
    say_maybe,
    wake_queue,
)
from events.services.seats import places_of
from events.services.series_rsvps import place_series_rsvp
from events.services.transfers import give_place, take_given_place
from notifications.models import Message
from payments.domain.facts import Returned
from payments.errors import MoreThanWasPaid
from payments.models import Charge, Refund
from payments.services import refunds
from payments.services.charges import close_pages, record_session
from payments.services.refunds import left_of, record_returned, send_refunds
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, publish, state, without_locks, write_mails
from tests.events.test_races import at_once
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory
from tests.processor import Processor, session_of, tell

assert without_locks  # a fixture
PRICE = {"price_kind": "fixed", "currency": "GBP", "price_minor": 1200}


@pytest.fixture
def gig(circle: Occurrence) -> Occurrence:
    """The circle of two places, at £12 each."""
    publish(circle, **PRICE)
    return circle


def come(gig: Occurrence, party_size: int = 1, at: dt.datetime = NOW, **more: Any) -> Rsvp:
    person = more.pop("person", None) or UserFactory()
    return place_rsvp(occurrence=gig, person=person, party_size=party_size, at=at, **more)


def begin(rsvp: Rsvp, at: dt.datetime = NOW, chosen_minor: int | None = None) -> Charge:
    charge = start_payment(rsvp=rsvp, chosen_minor=chosen_minor, at=at)
    assert charge is not None
    return charge


def paid(charge: Charge, at: dt.datetime = NOW) -> Charge:
    """The processor says that it was paid."""
    record_session(session=session_of(charge), at=at)
    charge.refresh_from_db()
    return charge


def pay(rsvp: Rsvp, at: dt.datetime = NOW) -> Charge:
    charge = paid(begin(rsvp, at), at)
    settle_due(at=at)
    charge.refresh_from_db()
    return charge


def mails_to(email: str) -> list[str]:
    write_mails()
    found = Message.objects.filter(to=email).order_by("pk")
    return [one.key.split(":")[2] for one in found]


def test_a_place_is_kept_until_it_is_paid_and_then_it_is_firm(gig: Occurrence) -> None:
    rsvp = come(gig)
    assert (rsvp.status, rsvp.hold_expires_at) == ("paying", minutes(30))
    assert Seats.objects.get(pk=gig.pk).firm == 0
    charge = pay(rsvp)
    assert state(rsvp) == [("going", None)]
    assert (charge.amount_minor, charge.currency, charge.settled_at) == (1200, "GBP", NOW)
    assert mails_to(rsvp.email) == ["paying", "going"]
    mail = Message.objects.get(to=rsvp.email, key__contains=":going")
    assert "Paid: £12.00" in mail.text
    assert charge.reference in mail.text
    assert not seats_that_disagree()


def test_each_person_of_a_party_is_paid_for(gig: Occurrence) -> None:
    assert begin(come(gig, 2)).amount_minor == 2400


def test_nobody_else_gets_a_place_that_waits_for_its_payment(gig: Occurrence) -> None:
    come(gig, 2)
    assert come(gig).status == "waitlisted"


def test_who_does_not_pay_in_time_loses_the_place_to_the_next(gig: Occurrence) -> None:
    late, waiting = come(gig, 2), come(gig, at=minutes(1))
    begin(late)
    assert dates_with_room_and_queue(at=minutes(29)) == []
    assert dates_with_room_and_queue(at=minutes(30)) == [gig.pk]
    wake_queue(occurrence_id=gig.pk, at=minutes(30))
    assert state(late, waiting) == [("declined", None), ("offered", None)]
    assert mails_to(late.email) == ["paying", "unpaid"]
    with pytest.raises(PayingEnded):
        start_payment(rsvp=late, at=minutes(31))
    assert give_up_unkept(at=minutes(31)) == 1, "the payment page is closed too"


def test_paid_after_the_time_is_a_place_if_there_is_one(gig: Occurrence) -> None:
    rsvp = come(gig)
    charge = begin(rsvp)
    wake_queue(occurrence_id=gig.pk, at=minutes(31))
    paid(charge, minutes(32))
    settle_due(at=minutes(32))
    assert state(rsvp) == [("going", None)]
    assert mails_to(rsvp.email) == ["paying", "going"], "that it was over is not said any more"
    assert not Refund.objects.exists()


def test_paid_after_the_time_when_the_place_has_gone_is_given_back(gig: Occurrence) -> None:
    late = come(gig, 2)
    charge = begin(late)
    come(gig, 2, at=minutes(31))
    paid(charge, minutes(32))
    settle_due(at=minutes(32))
    assert state(late) == [("declined", None)]
    [refund] = Refund.objects.all()
    assert (refund.amount_minor, refund.kind) == (2400, "no_place")
    assert set(mails_to(late.email)) == {"paying", "unpaid", "paid_back"}
    settle_due(at=minutes(33))
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("how", ["left", "cancelled"])
def test_paid_by_who_left_or_for_what_was_called_off_is_given_back(
    gig: Occurrence, coordinator: User, how: str
) -> None:
    rsvp = come(gig)
    charge = begin(rsvp)
    if how == "left":
        leave(rsvp=rsvp, at=minutes(1))
    else:
        cancel_event(event=gig.event, note="Sorry.", actor=coordinator, at=minutes(1))
    paid(charge, minutes(2))
    settle_due(at=minutes(2))
    assert Refund.objects.get().amount_minor == 1200
    assert Seats.objects.get(pk=gig.pk).firm == 0


def test_paid_twice_is_given_back_once(gig: Occurrence) -> None:
    publish(gig, price_kind="open", least_minor=500)
    rsvp = come(gig)
    first = begin(rsvp, chosen_minor=1200)
    second = begin(rsvp, minutes(1), chosen_minor=1500)
    assert first.pk != second.pk
    first.refresh_from_db()
    assert first.closing_at == minutes(1)
    paid(first, minutes(2))
    paid(second, minutes(2))
    settle_due(at=minutes(2))
    assert state(rsvp) == [("going", None)]
    assert [one.charge for one in Refund.objects.all()] == [second]


def test_beginning_to_pay_twice_is_one_charge(gig: Occurrence) -> None:
    rsvp = come(gig)
    first = begin(rsvp)
    assert begin(rsvp, minutes(1)) == first
    assert begin(rsvp, minutes(3)) != first, "a page that was never made is begun anew"


def test_people_pay_what_they_want_from_the_least_on(gig: Occurrence) -> None:
    publish(gig, price_kind="open", price_minor=1000, least_minor=500)
    rsvp = come(gig, 2)
    for amount in (999, 0, 1):
        with pytest.raises(AmountNotAccepted):
            start_payment(rsvp=rsvp, chosen_minor=amount, at=NOW)
    assert begin(rsvp, chosen_minor=1000).amount_minor == 1000


def test_where_nothing_is_the_least_people_may_come_for_nothing(gig: Occurrence) -> None:
    publish(gig, price_kind="open", price_minor=None, least_minor=0)
    rsvp = come(gig)
    assert start_payment(rsvp=rsvp, chosen_minor=0, at=NOW) is None
    assert start_payment(rsvp=rsvp, chosen_minor=0, at=NOW) is None
    assert state(rsvp) == [("going", None)]
    with pytest.raises(AmountNotAccepted):
        start_payment(rsvp=come(gig), chosen_minor=10, at=NOW)


def test_a_guest_pays_after_confirming(gig: Occurrence) -> None:
    rsvp = come(gig, person=ANA)
    assert rsvp.status == "pending"
    rsvp = confirm_rsvp(rsvp=rsvp, at=minutes(10))
    assert (rsvp.status, rsvp.hold_expires_at) == ("paying", minutes(40))
    assert mails_to(ANA.email) == ["confirm", "paying"]


def test_a_guest_of_a_full_event_holds_no_place_that_is_not_there(gig: Occurrence) -> None:
    pay(come(gig, 2))
    rsvp = come(gig, person=ANA)
    assert (rsvp.status, rsvp.hold_expires_at) == ("pending", None)
    assert confirm_rsvp(rsvp=rsvp, at=minutes(1)).status == "waitlisted"


def test_a_guest_who_may_hold_no_place_holds_none(gig: Occurrence) -> None:
    rsvp = come(gig, person=ANA, may_hold=False)
    assert (rsvp.status, rsvp.hold_expires_at) == ("pending", None)


def test_who_is_written_to_has_a_day_to_pay(gig: Occurrence, coordinator: User) -> None:
    publish(gig, needs_approval=True)
    asked = approve_request(rsvp=come(gig), actor=coordinator, at=NOW)
    added = add_rsvp(occurrence=gig, guest=Guest("Bo", "bo@example.org"), at=NOW)
    starts = gig.starts_at
    for rsvp in (asked, added):
        assert rsvp.status == "paying"
        assert rsvp.hold_expires_at == min(NOW + dt.timedelta(days=1), starts)


def test_an_offer_that_is_taken_is_kept_until_it_is_paid(gig: Occurrence) -> None:
    first, waiting = come(gig, 2), come(gig, at=minutes(1))
    leave(rsvp=first, at=minutes(2))
    waiting.refresh_from_db()
    assert waiting.status == "offered"
    until = waiting.hold_expires_at
    taken = accept_offer(rsvp=waiting, at=minutes(3))
    assert (taken.status, taken.hold_expires_at) == ("paying", until)
    assert accept_offer(rsvp=waiting, at=minutes(4)).status == "paying"
    with pytest.raises(OfferEnded):
        accept_offer(rsvp=waiting, at=until)


def test_what_is_paid_for_does_not_grow(gig: Occurrence) -> None:
    rsvp = come(gig)
    change_party(rsvp=rsvp, party_size=2, at=NOW)
    charge = pay(rsvp)
    assert charge.amount_minor == 2400
    with pytest.raises(PartyIsPaidFor):
        change_party(rsvp=rsvp, party_size=3, at=NOW)
    change_party(rsvp=rsvp, party_size=1, at=NOW)
    rsvp.refresh_from_db()
    assert money_of(rsvp, at=NOW).paid_minor == 2400, "giving back is an act of its own"


def test_a_maybe_that_becomes_a_yes_is_not_paid_again(gig: Occurrence) -> None:
    rsvp = come(gig)
    pay(rsvp)
    say_maybe(rsvp=rsvp, at=minutes(1))
    assert confirm_rsvp(rsvp=rsvp, at=minutes(2)).status == "going"


def test_a_paid_place_is_given_with_what_was_paid_for_it(gig: Occurrence) -> None:
    rsvp = come(gig)
    pay(rsvp)
    give_place(rsvp=rsvp, to=ANA, at=NOW)
    rsvp.refresh_from_db()
    mine = take_given_place(rsvp=rsvp, person=None, language="en", at=NOW)
    assert (mine.status, money_of(mine, at=NOW).paid_minor) == ("going", 1200)


def test_priced_dates_of_a_series_are_paid_one_by_one(gig: Occurrence) -> None:
    with pytest.raises(PaidOneByOne):
        place_series_rsvp(event=gig.event, person=UserFactory(), at=NOW)


def test_a_free_event_asks_no_statement_more(
    circle: Occurrence, django_assert_num_queries: Any
) -> None:
    person = UserFactory()
    place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    with django_assert_num_queries(12, exact=False):
        place_rsvp(occurrence=circle, person=person, at=NOW)


# --- Deposits and refunds ------------------------------------------------------------------------


@pytest.fixture
def deposit(gig: Occurrence) -> Rsvp:
    """Somebody who has paid a deposit."""
    publish(gig, price_kind="deposit")
    rsvp = come(gig)
    pay(rsvp)
    return rsvp


def test_a_deposit_is_given_back_to_who_came(deposit: Rsvp, coordinator: User) -> None:
    check_in(rsvp=deposit, people_count=1, actor=coordinator, at=NOW)
    assert return_deposits(at=minutes(9)) == 0, "a check-in may be a mistake"
    assert return_deposits(at=minutes(10)) == 1
    assert return_deposits(at=minutes(11)) == 0
    [refund] = Refund.objects.all()
    assert (refund.amount_minor, refund.kind, refund.status) == (1200, "deposit", "waiting")


def test_a_check_in_that_was_undone_gives_nothing_back(deposit: Rsvp, coordinator: User) -> None:
    check_in(rsvp=deposit, people_count=1, actor=coordinator, at=NOW)
    undo_check_in(rsvp=deposit, at=minutes(1))
    assert return_deposits(at=minutes(30)) == 0


def test_whoever_is_given_something_back_is_told_how_much_once(
    gig: Occurrence, coordinator: User
) -> None:
    rsvp = come(gig)
    pay(rsvp)
    for _ in range(2):
        refund_payment(
            payment=rsvp.payments.get(),
            amount_minor=500,
            reason="Fell ill",
            key="1",
            actor=coordinator,
            at=NOW,
        )
    event = cancel_event(event=gig.event, note="Sorry.", actor=coordinator, at=NOW)
    for _ in range(2):
        refund_everyone(event=event, actor=coordinator, at=NOW)
    mails = Message.objects.filter(to=rsvp.email, key__contains=":money_back:").order_by("pk")
    assert ["£5.00 goes back" in mails[0].text, "£7.00 goes back" in mails[1].text] == [True, True]
    assert len(mails) == 2
    assert "Fell ill" not in mails[0].text, "the reason is for who looks at the accounts"
    write_mails()
    cancelled = Message.objects.get(to=rsvp.email, key__contains=":cancelled")
    assert "If you paid, the organisers give it back" in cancelled.text


def test_the_payment_page_of_what_was_called_off_is_closed(
    gig: Occurrence, coordinator: User
) -> None:
    charge = begin(come(gig))
    cancel_event(event=gig.event, note="Sorry.", actor=coordinator, at=NOW)
    assert give_up_unkept(at=NOW) == 1
    charge.refresh_from_db()
    assert charge.closing_at == NOW


def test_a_deposit_is_given_back_when_we_call_it_off(deposit: Rsvp, coordinator: User) -> None:
    cancel_event(event=deposit.occurrence.event, note="Sorry.", actor=coordinator, at=NOW)
    assert return_deposits(at=minutes(10)) == 1


def test_cancelling_gives_nothing_back_by_itself_and_one_act_gives_everybody(
    gig: Occurrence, coordinator: User
) -> None:
    charges = [pay(come(gig)) for _ in range(2)]
    assert refund_everyone(event=gig.event, actor=coordinator, at=NOW) == 0, "it takes place"
    event = cancel_event(event=gig.event, note="Sorry.", actor=coordinator, at=NOW)
    assert not Refund.objects.exists()
    assert refund_everyone(event=event, actor=coordinator, at=NOW) == 2
    assert refund_everyone(event=event, actor=coordinator, at=NOW) == 0
    assert [left_of(one) for one in charges] == [0, 0]


def test_a_deposit_of_which_some_was_given_back_returns_the_rest(
    deposit: Rsvp, coordinator: User
) -> None:
    refund_payment(
        payment=deposit.payments.get(),
        amount_minor=500,
        reason="Sorry",
        key="1",
        actor=coordinator,
        at=NOW,
    )
    check_in(rsvp=deposit, people_count=1, actor=coordinator, at=NOW)
    assert return_deposits(at=minutes(10)) == 1
    assert return_deposits(at=minutes(11)) == 0
    assert given_back() == [("staff", 500), ("deposit", 700)]


@pytest.mark.parametrize("kind", ["fixed", "deposit"])
def test_what_took_place_before_the_event_was_cancelled_is_not_given_back(
    gig: Occurrence, coordinator: User, kind: str
) -> None:
    publish(gig, price_kind=kind)
    pay(come(gig))
    later = OccurrenceFactory(event=gig.event, starts_at=gig.starts_at + dt.timedelta(days=7))
    charge = pay(come(later))
    at = gig.ends_at + dt.timedelta(days=1)
    event = cancel_event(event=gig.event, note="Sorry.", actor=coordinator, at=at)
    if kind == "deposit":
        assert return_deposits(at=at) == 1
    else:
        assert refund_everyone(event=event, actor=coordinator, at=at) == 1
    assert left_of(charge) == 0
    assert [one.charge for one in Refund.objects.all()] == [charge]
    gig.refresh_from_db()
    assert [one.is_cancelled for one in event.occurrences.order_by("starts_at")] == [False, True]


def test_money_given_back_at_the_processor_buys_no_place_and_stops_nobody(
    gig: Occurrence,
) -> None:
    first, second = come(gig), come(gig)
    charge = paid(begin(first))
    paid(begin(second))
    returned = Returned(
        id="re_hand",
        asked_by_key="",
        payment_intent=charge.payment_intent or "",
        amount_minor=1200,
        currency="GBP",
        status="succeeded",
        failure="",
    )
    record_returned(returned=returned, at=NOW)
    assert settle_due(at=NOW) == 2
    assert state(first, second) == [("paying", None), ("going", None)]
    assert given_back() == [("outside", 1200)]


def test_a_price_nobody_can_pay_at_once_is_refused_in_words(gig: Occurrence) -> None:
    publish(gig, price_minor=9_000_000)
    assert begin(come(gig)).amount_minor == 9_000_000
    Occurrence.objects.update(capacity=9)
    with pytest.raises(AmountNotAccepted):
        start_payment(rsvp=come(gig, 2), at=NOW)


def test_a_price_that_somebody_is_about_to_pay_does_not_change_its_kind(
    gig: Occurrence, coordinator: User, settings: Settings
) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    come(gig)
    free = {"price_kind": "free", "currency": "", "price_minor": None}
    with pytest.raises(NotReady):
        edit_event(event=gig.event, version=1, words=free, dates=[], actor=coordinator, at=NOW)


# --- The rule for who leaves ---------------------------------------------------------------------


@pytest.fixture
def ruled(gig: Occurrence) -> Occurrence:
    """The gig, which gives all of it back to who leaves until two hours before."""
    publish(gig, refund_hours=2)
    return gig


def given_back() -> list[tuple[str, int]]:
    return list(Refund.objects.order_by("pk").values_list("kind", "amount_minor"))


def test_who_leaves_in_time_is_given_back_what_they_paid_by_itself_and_once(
    ruled: Occurrence,
) -> None:
    rsvp = come(ruled, 2)
    charge = pay(rsvp)
    just_in_time = ruled.starts_at - dt.timedelta(hours=2, seconds=1)
    leave(rsvp=rsvp, at=just_in_time)
    leave(rsvp=rsvp, at=just_in_time)
    assert given_back() == [("left", 2400)]
    assert mails_to(rsvp.email) == ["paying", "going", "left"]
    mail = Message.objects.get(to=rsvp.email, key__endswith=":left")
    assert "£24.00 goes back to the card that paid" in mail.text
    assert charge.reference in mail.text
    assert left_of(charge) == 0


def test_who_leaves_too_late_is_given_nothing_by_itself(
    ruled: Occurrence, coordinator: User
) -> None:
    rsvp = come(ruled)
    charge = pay(rsvp)
    leave(rsvp=rsvp, at=ruled.starts_at - dt.timedelta(hours=2))
    assert given_back() == []
    assert "goes back" not in Message.objects.get(key__endswith=":left").text
    refund_payment(
        payment=rsvp.payments.get(),
        amount_minor=1200,
        reason="Fell ill",
        key="1",
        actor=coordinator,
        at=NOW,
    )
    assert left_of(charge) == 0, "the organisers can still give back more than the rule says"


def test_without_a_rule_and_for_a_deposit_nothing_goes_back_by_itself(gig: Occurrence) -> None:
    first = come(gig)
    pay(first)
    leave(rsvp=first, at=NOW)
    publish(gig, price_kind="deposit")
    second = come(gig)
    pay(second)
    leave(rsvp=second, at=NOW)
    assert given_back() == []


def test_a_stricter_rule_does_not_bind_who_has_paid_and_a_kinder_one_counts(
    ruled: Occurrence,
) -> None:
    first, second = come(ruled), come(ruled)
    pay(first)
    publish(ruled, refund_hours=None)
    pay(second)
    leave(rsvp=Rsvp.objects.get(pk=first.pk), at=NOW)
    leave(rsvp=Rsvp.objects.get(pk=second.pk), at=NOW)
    assert given_back() == [("left", 1200)], "what they were promised when they paid"
    third = come(ruled)
    pay(third)
    publish(ruled, refund_hours=0)
    leave(rsvp=third, at=ruled.starts_at - dt.timedelta(minutes=1))
    assert given_back() == [("left", 1200)] * 2


def test_a_date_that_moves_takes_nobody_their_time_to_leave(ruled: Occurrence) -> None:
    rsvp = come(ruled)
    pay(rsvp)
    earlier = ruled.starts_at - dt.timedelta(hours=3)
    Occurrence.objects.update(starts_at=earlier)
    leave(rsvp=rsvp, at=earlier - dt.timedelta(minutes=1))
    assert given_back() == [("left", 1200)]


def test_never_once_it_has_begun(ruled: Occurrence) -> None:
    rsvp = come(ruled)
    pay(rsvp)
    Occurrence.objects.update(starts_at=NOW - dt.timedelta(hours=1))
    leave(rsvp=rsvp, at=NOW)
    assert given_back() == []


def test_the_share_of_those_who_stay_away_goes_back_and_each_share_once(ruled: Occurrence) -> None:
    Occurrence.objects.update(capacity=3)
    rsvp = come(ruled, 3)
    charge = pay(rsvp)
    for size in (2, 2, 1):
        change_party(rsvp=rsvp, party_size=size, at=NOW)
    assert given_back() == [("left", 1200)] * 2
    assert mails_to(rsvp.email)[-2:] == ["fewer", "fewer"]
    assert "£12.00 goes back" in Message.objects.filter(key__contains=":fewer").first().text
    with pytest.raises(PartyIsPaidFor):
        change_party(rsvp=rsvp, party_size=2, at=NOW)
    leave(rsvp=rsvp, at=NOW)
    assert given_back() == [("left", 1200)] * 3
    assert left_of(charge) == 0


def test_what_staff_gave_back_before_is_not_given_twice(
    ruled: Occurrence, coordinator: User
) -> None:
    rsvp = come(ruled, 2)
    pay(rsvp)
    refund_payment(
        payment=rsvp.payments.get(),
        amount_minor=1500,
        reason="Sorry",
        key="1",
        actor=coordinator,
        at=NOW,
    )
    change_party(rsvp=rsvp, party_size=1, at=NOW)
    assert given_back() == [("staff", 1500)], "their share was given back already"
    leave(rsvp=rsvp, at=NOW)
    assert given_back() == [("staff", 1500), ("left", 900)]


@pytest.mark.parametrize(
    ("amount", "people", "currency", "shares"),
    [
        (1000, 3, "GBP", [0, 334, 667, 1000]),
        (1000, 3, "JPY", [0, 334, 667, 1000]),
        (1000, 3, "KWD", [0, 340, 670, 1000]),
        (2400, 2, "GBP", [0, 1200, 2400]),
    ],
)
def test_a_share_is_never_less_than_it_costs_and_in_steps_a_card_takes(
    amount: int, people: int, currency: str, shares: list[int]
) -> None:
    charge = Charge(amount_minor=amount, currency=currency)
    payment = Payment(charge=charge, party_size=people)
    assert [payment.share_of(number) for number in range(people + 1)] == shares


def test_staff_who_release_a_place_decide_about_the_money(
    ruled: Occurrence, coordinator: User
) -> None:
    rsvp = come(ruled)
    pay(rsvp)
    release_rsvp(rsvp=rsvp, actor=coordinator, at=NOW)
    assert given_back() == []
    mail = Message.objects.get(to=rsvp.email, key__endswith=":released")
    assert "the organisers decide it" in mail.text
    with time_machine.travel(NOW):
        page = Client().get(rsvp.manage_path).text
    assert "did not get back is for the organisers to decide" in page


@pytest.mark.parametrize(
    ("kind", "said"),
    [("fixed", "The organisers give back what you paid"), ("deposit", "Your deposit goes back")],
)
def test_the_page_of_what_was_called_off_says_what_becomes_of_the_money(
    open_gig: Occurrence, coordinator: User, kind: str, said: str
) -> None:
    now = timezone.now()
    publish(open_gig, price_kind=kind)
    rsvp = come(open_gig, at=now)
    pay(rsvp, now)
    event = cancel_event(event=open_gig.event, note="", actor=coordinator, at=now)
    page = Client().get(rsvp.manage_path).text
    assert said in page
    assert "Add to your calendar" not in page
    return_deposits(at=now)
    refund_everyone(event=event, actor=coordinator, at=now)
    page = Client().get(rsvp.manage_path).text
    assert said not in page
    assert "£12.00 given back, or on its way" in page


def test_an_heir_who_leaves_gives_it_back_to_the_card_that_paid(ruled: Occurrence) -> None:
    rsvp = come(ruled)
    charge = pay(rsvp)
    give_place(rsvp=rsvp, to=ANA, at=minutes(2))
    rsvp.refresh_from_db()
    mine = take_given_place(rsvp=rsvp, person=None, language="en", at=minutes(3))
    assert money_of(mine, at=minutes(3)).is_by_another
    assert money_of(mine, at=minutes(3)).back_minor == 1200
    leave(rsvp=mine, at=minutes(4))
    assert left_of(charge) == 0
    page = Client().get(mine.manage_path).content.decode()
    assert charge.reference not in page, "it stands on somebody else's statement"


def test_a_maybe_that_is_given_up_is_given_back_too(ruled: Occurrence) -> None:
    rsvp = come(ruled)
    pay(rsvp)
    say_maybe(rsvp=rsvp, at=NOW)
    assert given_back() == []
    leave(rsvp=rsvp, at=NOW)
    assert given_back() == [("left", 1200)]


def test_who_leaves_between_paying_and_the_news_of_it_is_given_back_once(
    ruled: Occurrence,
) -> None:
    rsvp = come(ruled)
    charge = paid(begin(rsvp))
    leave(rsvp=rsvp, at=NOW)
    settle_due(at=NOW)
    assert given_back() == [("no_place", 1200)]
    assert left_of(charge) == 0


def test_who_takes_back_people_while_they_pay_is_given_back_what_is_too_much(
    gig: Occurrence,
) -> None:
    rsvp = come(gig, 2)
    charge = begin(rsvp)
    change_party(rsvp=rsvp, party_size=1, at=NOW)
    charge.refresh_from_db()
    assert charge.closing_at == NOW, "the payment page asks for too much"
    paid(charge)  # and somebody was faster than its closing
    settle_due(at=NOW)
    assert state(rsvp) == [("going", None)]
    assert given_back() == [("no_place", 1200)]


@pytest.mark.parametrize(
    "changed",
    [
        {"price_kind": "deposit"},
        {"price_kind": "free", "currency": "", "price_minor": None},
        {"refund_hours": 337},
    ],
)
def test_the_database_refuses_a_rule_that_says_nothing(
    ruled: Occurrence, changed: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError, match="event_gives_back_what_is_paid"):
        Event.objects.filter(pk=ruled.event_id).update(**changed)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_leaving_many_times_at_once_beside_a_refund_of_staff_gives_back_once(
    ruled: Occurrence, coordinator: User
) -> None:
    rsvp = come(ruled)
    charge = pay(rsvp)
    payment = rsvp.payments.get()

    def give_back() -> Refund:
        return refund_payment(
            payment=payment, amount_minor=500, reason="Late", key="1", actor=coordinator, at=NOW
        )

    outcomes = at_once([*[lambda: leave(rsvp=rsvp, at=NOW)] * 4, give_back])
    assert all(isinstance(one, Rsvp) for one in outcomes[:4]), "leaving is never refused"
    assert left_of(charge) == 0
    assert sum(amount for _kind, amount in given_back()) == 1200
    assert [kind for kind, _amount in given_back()].count("left") == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_locks_leaving_beside_a_refund_is_refused(
    ruled: Occurrence,
    coordinator: User,
    without_locks: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rsvp = come(ruled)
    pay(rsvp)
    payment, gate = rsvp.payments.get(), Barrier(2)
    original = refunds.left_of

    def left(charge: Charge) -> int:
        found = original(charge)
        with suppress(BrokenBarrierError):
            gate.wait(timeout=2)  # both have looked before anybody writes
        return found

    monkeypatch.setattr(refunds, "left_of", left)
    monkeypatch.setattr(payments_service, "left_of", left)

    def give_back() -> Refund:
        return refund_payment(
            payment=payment, amount_minor=500, reason="Late", key="1", actor=coordinator, at=NOW
        )

    outcomes = at_once([lambda: leave(rsvp=rsvp, at=NOW), give_back])
    assert any(isinstance(one, (IntegrityError, MoreThanWasPaid)) for one in outcomes)


# --- The event -----------------------------------------------------------------------------------


def test_without_a_processor_nothing_priced_is_published(coordinator: User, settings) -> None:
    date = OccurrenceFactory(
        event__status="draft",
        event__published_at=None,
        **{f"event__{name}": value for name, value in PRICE.items()},
    )
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(NotReady) as refusal:
        publish_event(event=date.event, actor=coordinator, at=NOW)
    assert set(refusal.value.missing) == {"price_kind"}
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    assert publish_event(event=date.event, actor=coordinator, at=NOW).status == "published"


def test_a_copy_costs_the_same(gig: Occurrence, coordinator: User) -> None:
    copied = copy_event(event=gig.event, actor=coordinator, at=NOW)
    assert (copied.price_kind, copied.currency, copied.price_minor) == ("fixed", "GBP", 1200)
    publish(gig, refund_hours=48)
    assert copy_event(event=gig.event, actor=coordinator, at=NOW).refund_hours == 48


def test_a_price_somebody_has_paid_may_change_and_its_kind_may_not(
    gig: Occurrence, coordinator: User, settings
) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    pay(come(gig))
    event = gig.event

    def change(**words: object) -> Event:
        return edit_event(
            event=event, version=event.version, words=words, dates=[], actor=coordinator, at=NOW
        )

    free = {"price_kind": "free", "currency": "", "price_minor": None}
    with pytest.raises(NotReady):
        change(**free)


@pytest.mark.parametrize(
    "changed",
    [
        {"price_kind": "gift"},
        {"price_kind": "free"},
        {"currency": ""},
        {"currency": "gbp"},
        {"price_minor": None},
        {"price_minor": 0},
        {"least_minor": 1},
        {"price_kind": "open"},
        {"price_kind": "open", "least_minor": 1201},
    ],
)
def test_the_database_refuses_half_a_price(gig: Occurrence, changed: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match="event_price_is_whole"):
        Event.objects.filter(pk=gig.event_id).update(**changed)


def test_the_database_refuses_a_payment_for_nobody(gig: Occurrence) -> None:
    rsvp = come(gig)
    charge = begin(rsvp)
    with pytest.raises(IntegrityError, match="payment_is_for_somebody"):
        Payment.objects.filter(charge=charge).update(party_size=0)


# --- At once -------------------------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_one_payment_told_many_times_at_once_is_one_place(gig: Occurrence) -> None:
    rsvp = come(gig)
    charge = paid(begin(rsvp))
    outcomes = at_once([lambda: settle(charge=charge, at=NOW)] * 6)
    assert outcomes == [None] * 6
    assert mails_to(rsvp.email) == ["paying", "going"]
    assert Seats.objects.get(pk=gig.pk).firm == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_late_payment_and_somebody_new_for_the_last_place(gig: Occurrence) -> None:
    """Whoever is first: one place, and either the place or the money for who has paid."""
    RsvpFactory(occurrence=gig)
    late = come(gig)
    charge = paid(begin(late), minutes(31))
    person = UserFactory()
    at_once(
        [
            lambda: settle(charge=charge, at=minutes(31)),
            lambda: place_rsvp(occurrence=gig, person=person, at=minutes(31)),
            lambda: wake_queue(occurrence_id=gig.pk, at=minutes(31)),
        ]
    )
    late.refresh_from_db()
    new = Rsvp.objects.get(user=person)
    with places_of(gig.pk, at=minutes(31)) as places:
        assert places.free == 0
    if late.is_going:
        assert (new.status, Refund.objects.count()) == ("waitlisted", 0)
    else:
        assert (new.status, Refund.objects.get().amount_minor) == ("paying", 1200)
    assert not seats_that_disagree()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_late_payments_for_one_place_are_one_place_and_one_refund(gig: Occurrence) -> None:
    first = [come(gig), come(gig)]
    charges = [paid(begin(one), minutes(31)) for one in first]
    RsvpFactory(occurrence=gig)
    at_once([lambda one=one: settle(charge=one, at=minutes(31)) for one in charges])
    assert sorted(one.status for one in Rsvp.objects.filter(pk__in=[r.pk for r in first])) == [
        "declined",
        "going",
    ]
    assert Refund.objects.count() == 1
    assert Seats.objects.get(pk=gig.pk).firm == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_the_database_alone_keeps_it_from_overselling(
    gig: Occurrence, without_locks: None
) -> None:
    first = [come(gig), come(gig)]
    charges = [paid(begin(one), minutes(31)) for one in first]
    RsvpFactory(occurrence=gig)
    outcomes = at_once([lambda one=one: settle(charge=one, at=minutes(31)) for one in charges])
    assert Seats.objects.get(pk=gig.pk).firm <= 2
    assert all(one is None or isinstance(one, IntegrityError) for one in outcomes)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_who_give_everybody_their_money_back_give_it_back_once(
    gig: Occurrence, coordinator: User
) -> None:
    charges = [pay(come(gig)) for _ in range(2)]
    event = cancel_event(event=gig.event, note="Sorry.", actor=coordinator, at=NOW)
    outcomes = at_once([lambda: refund_everyone(event=event, actor=coordinator, at=NOW)] * 4)
    assert sorted(outcomes) == [0, 0, 0, 2]
    assert [left_of(one) for one in charges] == [0, 0]
    assert Refund.objects.count() == 2


def grow_while_paying(gig: Occurrence, monkeypatch: pytest.MonkeyPatch) -> tuple[Rsvp, Charge]:
    """Somebody begins to pay in one tab while they bring one more in another."""
    rsvp = come(gig)
    looked, begun = ThreadEvent(), ThreadEvent()
    original = rsvps_service._is_being_paid

    def is_being_paid(rsvp: Rsvp) -> bool:
        found = original(rsvp)
        looked.set()
        begun.wait(timeout=1)
        return found

    def pay_now() -> None:
        looked.wait(timeout=10)
        begin(rsvp)
        begun.set()

    monkeypatch.setattr(rsvps_service, "_is_being_paid", is_being_paid)
    at_once([lambda: change_party(rsvp=rsvp, party_size=2, at=NOW), pay_now])
    rsvp.refresh_from_db()
    return rsvp, Charge.objects.get()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_party_that_grows_while_it_is_paid_for_is_paid_for_as_a_whole(
    gig: Occurrence, monkeypatch: pytest.MonkeyPatch
) -> None:
    rsvp, charge = grow_while_paying(gig, monkeypatch)
    assert (rsvp.party_size, charge.amount_minor) == (2, 2400)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_one_of_two_is_paid_for(
    gig: Occurrence, monkeypatch: pytest.MonkeyPatch, without_locks: None
) -> None:
    rsvp, charge = grow_while_paying(gig, monkeypatch)
    assert (rsvp.party_size, charge.amount_minor) == (2, 1200)


# --- With the processor, and in pages ------------------------------------------------------------


@pytest.fixture
def open_gig(db: None) -> Occurrence:
    """On the real clock, as the processor is."""
    occurrence: Occurrence = OccurrenceFactory(
        capacity=2, starts_at=NOW.replace(year=2096), event__max_plus_ones=1
    )
    publish(occurrence, **PRICE)
    return occurrence


def test_the_whole_way_from_yes_to_paid(
    open_gig: Occurrence, attendee: User, processor: Processor, client: Client
) -> None:
    client.force_login(attendee)
    page = client.get(open_gig.page_path).content.decode()
    assert "£12.00" in page
    answer = client.post(f"/events/{open_gig.event.slug}/rsvp/", {"party_size": 2})
    rsvp = Rsvp.objects.get(user=attendee)
    assert answer["Location"] == rsvp.manage_path
    assert "Pay £24.00" in client.get(rsvp.manage_path).content.decode()
    away = client.post(rsvp.manage_path, {"act": "pay"})
    charge = Charge.objects.get()
    assert away["Location"] == charge.page_url
    session = processor.session(charge)
    assert (session["amount_total"], session["title"]) == (2400, open_gig.event.title)
    back = client.get(session["success_url"].partition("8000")[2] or f"{rsvp.manage_path}paid/")
    assert back["Location"] == rsvp.manage_path
    assert state(rsvp) == [("paying", None)], "nothing was paid so far"
    processor.pay(charge)
    client.get(f"{rsvp.manage_path}paid/")
    assert state(rsvp) == [("going", None)]
    shown = client.get(rsvp.manage_path).content.decode()
    assert "£24.00 paid" in shown
    assert charge.reference in shown
    for event in processor.events(charge.reference):
        tell(event)
    assert [one.status for one in Rsvp.objects.all()] == ["going"]


def test_what_is_discreet_has_a_neutral_title_at_the_processor(
    open_gig: Occurrence, attendee: User, processor: Processor
) -> None:
    now = timezone.now()
    rsvp = come(open_gig, at=now, person=attendee)
    Rsvp.objects.update(is_discreet=True)
    assert begin(rsvp, now).description == "A place at an event"


def test_a_place_that_is_not_kept_any_more_closes_its_payment_page(
    open_gig: Occurrence, attendee: User, processor: Processor, client: Client
) -> None:
    client.force_login(attendee)
    rsvp = come(open_gig, at=timezone.now(), person=attendee)
    client.post(rsvp.manage_path, {"act": "pay"})
    client.post(rsvp.manage_path, {"act": "leave"})
    assert give_up_unkept(at=timezone.now()) == 1
    assert close_pages(at=timezone.now()) == 1
    assert processor.session(Charge.objects.get())["status"] == "expired"


def test_money_without_a_place_goes_back_to_the_card(
    open_gig: Occurrence, attendee: User, processor: Processor, client: Client
) -> None:
    client.force_login(attendee)
    rsvp = come(open_gig, at=timezone.now(), person=attendee)
    client.post(rsvp.manage_path, {"act": "pay"})
    charge = Charge.objects.get()
    leave(rsvp=rsvp, at=timezone.now())
    processor.pay(charge)
    client.get(f"{rsvp.manage_path}paid/")
    send_refunds(limit=10, at=timezone.now())
    charge.refresh_from_db()
    assert [one["amount"] for one in processor.refunds(charge)] == [1200]


def test_a_processor_that_is_away_is_said_kindly(
    open_gig: Occurrence, attendee: User, client: Client, settings
) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = "sk_test_x", "http://127.0.0.1:9"
    client.force_login(attendee)
    rsvp = come(open_gig, at=timezone.now(), person=attendee)
    page = client.post(rsvp.manage_path, {"act": "pay"})
    assert page.status_code == 200
    assert "does not answer right now" in page.content.decode()
    assert state(rsvp) == [("paying", None)]


@pytest.mark.parametrize(
    ("typed", "said"),
    [("a tenner", "amount in numbers"), ("0.10", "The least that can be paid here is £0.30")],
)
def test_an_amount_nobody_can_pay_is_met_with_words(
    open_gig: Occurrence, attendee: User, client: Client, typed: str, said: str
) -> None:
    publish(open_gig, price_kind="open", price_minor=None, least_minor=0)
    client.force_login(attendee)
    rsvp = come(open_gig, at=timezone.now(), person=attendee)
    page = client.post(rsvp.manage_path, {"act": "pay", "amount": typed}).content.decode()
    assert said in page
    client.post(rsvp.manage_path, {"act": "pay", "amount": "0"})
    assert state(rsvp) == [("going", None)]


def test_programs_and_search_engines_read_the_price(open_gig: Occurrence, client: Client) -> None:
    found = client.get(f"/api/v1/events/{open_gig.event.slug}").json()
    assert found["price"] == {
        "kind": "fixed",
        "currency": "GBP",
        "amount_minor": 1200,
        "least_minor": None,
        "refund_hours": None,
    }
    page = client.get(open_gig.page_path).content.decode()
    assert '"price": "12.00", "priceCurrency": "GBP"' in page


def test_the_rule_is_shown_before_paying_and_before_leaving(
    open_gig: Occurrence, attendee: User, client: Client
) -> None:
    now = timezone.now()
    client.force_login(attendee)
    assert "the organisers decide whether you get it back" in client.get(open_gig.page_path).text
    publish(open_gig, refund_hours=24)
    promise = "all of it goes back to your card by itself when you leave until:"
    assert promise in client.get(open_gig.page_path).text
    rsvp = come(open_gig, 2, at=now, person=attendee)
    assert promise in client.get(rsvp.manage_path).text
    pay(rsvp, now)
    page = client.get(rsvp.manage_path).text
    assert "If you leave now, £24.00 goes back to the card that paid" in page
    assert '<option value="3"' not in page, "what is paid for does not grow"
    assert "Whoever comes besides says yes on the event" in page
    client.post(rsvp.manage_path, {"act": "change", "party_size": "1", "companions": ""})
    page = client.get(rsvp.manage_path).text
    assert "If you leave now, £12.00 goes back" in page
    assert "£12.00 given back, or on its way" in page
    with time_machine.travel(open_gig.starts_at - dt.timedelta(hours=1)):
        page = client.get(rsvp.manage_path).text
        assert "Leaving gave the money back by itself until:" in page
        assert (
            "The time to leave and get it back by itself is over"
            in Client().get(open_gig.page_path).text
        )


def test_a_guest_reads_the_rule_in_every_mail_about_money(gig: Occurrence) -> None:
    publish(gig, refund_hours=2)
    rsvp = come(gig)
    pay(rsvp)
    for mail in Message.objects.filter(to=rsvp.email):
        assert "leave until Thu 4 June, 16:00" in mail.text, mail.key
    late = gig.starts_at - dt.timedelta(hours=1)
    late_rsvp = come(gig, at=late)
    mail = Message.objects.get(to=late_rsvp.email)
    assert "The time to leave and get it back by itself is over" in mail.text


def test_whoever_is_given_a_paid_place_is_told_whose_card_it_goes_back_to(
    open_gig: Occurrence, client: Client
) -> None:
    now = timezone.now()
    publish(open_gig, refund_hours=24)
    rsvp = come(open_gig, at=now)
    pay(rsvp, now)
    give_place(rsvp=rsvp, to=ANA, at=now)
    rsvp.refresh_from_db()
    page = client.get(f"/rsvp/given/{rsvp.heir_token}/").text
    assert "goes to the card that paid and not to you" in page


# --- The pages of staff --------------------------------------------------------------------------


@pytest.fixture
def bought(open_gig: Occurrence, attendee: User, settings: Settings) -> Charge:
    """The attendee has paid £24 for two."""
    settings.REQUIRE_MFA = False
    return pay(come(open_gig, 2, at=timezone.now(), person=attendee), timezone.now())


def payments_path(gig: Occurrence, rest: str = "") -> str:
    return f"/staff/events/{gig.event.slug}/payments/{rest}"


def test_finance_sees_amounts_and_references_and_never_names(
    open_gig: Occurrence, bought: Charge, finance: User, coordinator: User, client: Client
) -> None:
    for person, sees_names in ((finance, False), (coordinator, True)):
        client.force_login(person)
        for path in ("", f"{bought.reference}/"):
            page = client.get(payments_path(open_gig, path)).content.decode()
            assert "£24.00" in page
            assert bought.reference in page
            assert ("Attendee" in page) is sees_names
    assert open_gig.event.title in client.get("/staff/payments/").content.decode()


def test_a_refund_needs_a_reason_and_two_clicks_are_one(
    open_gig: Occurrence, bought: Charge, coordinator: User, client: Client
) -> None:
    client.force_login(coordinator)
    path = payments_path(open_gig, f"{bought.reference}/")
    form = client.get(path).context["form"]
    assert form["amount"].value() == "24.00"
    typed = {"key": str(form["key"].value()), "amount": "12", "reason": ""}
    assert "required" in client.post(path, typed).content.decode()
    typed["reason"] = "One of the two cannot come"
    for _ in range(2):
        assert client.post(path, typed).status_code == 302
    [refund] = Refund.objects.all()
    assert (refund.amount_minor, refund.asked_by) == (1200, coordinator)
    typed |= {"key": "0b7bb4ea-9d5c-4f0e-9a2e-8f0a7b1e6c3d", "amount": "12.01"}
    assert "more than what is left" in client.post(path, typed).content.decode()
    assert left_of(bought) == 1200


def test_after_cancelling_everybody_can_be_given_their_money_in_one_act(
    open_gig: Occurrence, bought: Charge, coordinator: User, client: Client
) -> None:
    client.force_login(coordinator)
    answer = client.post(f"/staff/events/{open_gig.event.slug}/cancel/", {"note": "Sorry."})
    assert answer["Location"] == payments_path(open_gig)
    assert "not everybody has their money back" in client.get("/staff/").content.decode()
    assert (
        "£24.00 was paid for what does not" in client.get(payments_path(open_gig)).content.decode()
    )
    everyone = payments_path(open_gig, "everyone/")
    assert "£24.00" in client.get(everyone).content.decode()
    for _ in range(2):
        client.post(everyone)
    assert Refund.objects.get().amount_minor == 2400
    assert "money back" not in client.get("/staff/").content.decode()


def test_the_act_of_staff_says_what_became_of_place_and_money(
    open_gig: Occurrence, bought: Charge, coordinator: User, client: Client
) -> None:
    client.force_login(coordinator)
    Occurrence.objects.update(capacity=9)
    people = f"/staff/events/{open_gig.event.slug}/people/"
    rsvp = Rsvp.objects.get()
    page = client.post(f"{people}{rsvp.reference}/", {"act": "release"}, follow=True).text
    assert "is not given back by that: see Payments" in page
    publish(open_gig, needs_approval=True)
    asked = come(open_gig, at=timezone.now())
    page = client.post(f"{people}{asked.reference}/", {"act": "approve"}, follow=True).text
    assert "until it is paid, for a day at most" in page
    added = {"name": "Bo", "email": "bo@example.org", "party_size": "1", "companions": ""}
    door = f"/staff/events/{open_gig.event.slug}/door/add/"
    page = client.post(door, {"date": open_gig.page_day, **added}, follow=True).text
    assert "A place is kept for them until it is paid" in page


def test_part_of_a_payment_that_was_called_off_still_waits_for_staff(
    open_gig: Occurrence, bought: Charge, attendee: User, coordinator: User, client: Client
) -> None:
    """What went back before, by the rule or by staff, is not what is due now."""
    publish(open_gig, refund_hours=24)
    change_party(rsvp=Rsvp.objects.get(), party_size=1, at=timezone.now())
    cancel_event(event=open_gig.event, note="", actor=coordinator, at=timezone.now())
    client.force_login(coordinator)
    assert "not everybody has their money back" in client.get("/staff/").text
    client.post(payments_path(open_gig, "everyone/"))
    assert left_of(bought) == 0
    assert "not everybody has their money back" not in client.get("/staff/").text


def test_a_refund_that_a_card_cannot_take_is_met_with_words(
    open_gig: Occurrence, attendee: User, coordinator: User, client: Client, settings: Settings
) -> None:
    settings.REQUIRE_MFA = False
    publish(open_gig, currency="KWD", price_minor=12000)
    charge = pay(come(open_gig, at=timezone.now(), person=attendee), timezone.now())
    client.force_login(coordinator)
    path = payments_path(open_gig, f"{charge.reference}/")
    typed = {"key": "0b7bb4ea-9d5c-4f0e-9a2e-8f0a7b1e6c3d", "amount": "1.234", "reason": "Sorry"}
    assert "end it with a 0" in client.post(path, typed).text
    assert client.post(path, typed | {"amount": "1.230"}).status_code == 302


def test_what_went_wrong_with_money_waits_for_finance(
    open_gig: Occurrence, bought: Charge, finance: User, client: Client
) -> None:
    client.force_login(finance)
    assert open_gig.event.title not in client.get("/staff/").content.decode()
    Charge.objects.update(dispute="open")
    assert "a payment is disputed" in client.get("/staff/").content.decode()
    Charge.objects.update(dispute="won")
    refund = Refund.objects.create(
        charge=bought,
        kind="deposit",
        amount_minor=1,
        status="failed",
        asked_by_key="x",
        asked_at=NOW,
        next_attempt_at=NOW,
    )
    assert "a refund has failed" in client.get("/staff/").content.decode()
    client.post(payments_path(open_gig, f"{bought.reference}/"), {"seen": refund.pk})
    assert "a refund has failed" not in client.get("/staff/").content.decode()


def test_the_lists_of_payments_ask_as_much_for_three_as_for_one(
    open_gig: Occurrence, bought: Charge, coordinator: User, client: Client
) -> None:
    client.force_login(coordinator)

    def statements() -> list[int]:
        counts = []
        for path in ("/staff/payments/", payments_path(open_gig)):
            with CaptureQueriesContext(connection) as asked:
                client.get(path)
            counts.append(len(asked))
        return counts

    statements()  # the first visit makes the session
    one = statements()
    for _ in range(2):
        other = OccurrenceFactory(starts_at=open_gig.starts_at, capacity=5)
        publish(other, **PRICE)
        pay(come(other, at=timezone.now()), timezone.now())
        Event.objects.filter(pk=open_gig.event_id).update(max_plus_ones=5)
    Occurrence.objects.filter(pk=open_gig.pk).update(capacity=20)
    open_gig.refresh_from_db()
    for _ in range(2):
        pay(come(open_gig, at=timezone.now()), timezone.now())
    assert statements() == one


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"price_kind": "fixed", "currency": "", "price_minor": "12"}, "currency", "Choose the"),
        ({"price_kind": "fixed", "currency": "GBP", "price_minor": ""}, "price_minor", "Say the"),
        ({"price_kind": "fixed", "currency": "GBP", "price_minor": "0"}, "price_minor", "nothing"),
        ({"price_kind": "fixed", "currency": "JPY", "price_minor": "1.5"}, "price_minor", "digits"),
        ({"price_kind": "fixed", "currency": "GBP", "price_minor": "x"}, "price_minor", "numbers"),
        (
            {"price_kind": "deposit", "currency": "GBP", "price_minor": "0.1"},
            "price_minor",
            "£0.30",
        ),
        (
            {"price_kind": "open", "currency": "GBP", "price_minor": "5", "least_minor": "9"},
            "price_minor",
            "least",
        ),
    ],
)
def test_half_a_price_is_met_with_words(coordinator: User, typed, field, said) -> None:
    form = EventForm(typed, instance=Event(), editor=coordinator, at=NOW)
    form.is_valid()
    assert said in str(form.errors[field])


def test_a_rule_for_who_leaves_belongs_to_a_price(coordinator: User) -> None:
    rules = {}
    for kind in ("fixed", "open", "deposit", "free"):
        typed = {"price_kind": kind, "currency": "GBP", "price_minor": "12", "refund_hours": "24"}
        form = EventForm(typed, instance=Event(), editor=coordinator, at=NOW)
        form.is_valid()
        rules[kind] = form.cleaned_data["refund_hours"]
    assert rules == {"fixed": 24, "open": 24, "deposit": None, "free": None}


def test_a_price_is_read_and_shown_in_the_persons_language(coordinator: User) -> None:
    typed = {"price_kind": "open", "currency": "EUR", "price_minor": "12,50", "least_minor": ""}
    with override("es"):
        form = EventForm(typed, instance=Event(), editor=coordinator, at=NOW)
        form.is_valid()
        data = form.cleaned_data
        assert (data["price_minor"], data["least_minor"]) == (1250, 0)
        event = Event(price_kind="open", currency="EUR", price_minor=1250, least_minor=0)
        assert event.price_words == "Paga lo que quieras, se sugiere: 12,50\u00a0€"
        again = EventForm(instance=event, editor=coordinator, at=NOW)
        assert again["price_minor"].value() == "12,50"


def test_a_price_is_a_part_of_the_spreadsheet(coordinator: User) -> None:
    text = (
        "title,time_zone,date,starts,ends,price_kind,currency,price,least,refund_hours\n"
        "Sound bath,UTC,2096-01-01,18:00,19:00,open,GBP,10,5.50,48\n"
        "Wrong,UTC,2096-01-01,18:00,19:00,fixed,GBP,ten,,\n"
    )
    [good, bad], wrong = read_events(text, editor=coordinator, at=NOW)
    assert not wrong
    assert (good.words["price_minor"], good.words["least_minor"]) == (1000, 550)
    assert (good.words["refund_hours"], bad.words.get("refund_hours")) == (48, None)
    assert bad.errors == ["Line 3, price: Write an amount in numbers, such as 12 or 12.50."]
