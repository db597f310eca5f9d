"""A place with a price: kept until it is paid, never sold twice, and never paid for nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
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
from events.services.check_ins import check_in, undo_check_in
from events.services.events import cancel_event, copy_event, edit_event, publish_event
from events.services.payments import (
    give_up_unkept,
    refund_everyone,
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
    say_maybe,
    wake_queue,
)
from events.services.seats import places_of
from events.services.series_rsvps import place_series_rsvp
from events.services.transfers import give_place, take_given_place
from notifications.models import Message
from payments.domain.facts import Session
from payments.models import Charge, Refund
from payments.services.charges import close_pages, record_session
from payments.services.refunds import left_of, send_refunds
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, publish, state, without_locks, write_mails
from tests.events.test_races import at_once
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory
from tests.processor import Processor, tell

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
    session = Session(
        id=f"cs_{charge.reference}",
        reference=charge.reference,
        status="complete",
        is_paid=True,
        payment_intent=f"pi_{charge.reference}",
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        url="",
    )
    record_session(session=session, at=at)
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
    rsvp = come(gig)
    first = begin(rsvp)
    Payment.objects.update(party_size=2)  # as after a change of the party: a new charge is due
    second = begin(rsvp, minutes(1))
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
    assert money_of(rsvp).paid_minor == 2400, "giving back is an act of its own"


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
    assert (mine.status, money_of(mine).paid_minor) == ("going", 1200)


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
    }
    page = client.get(open_gig.page_path).content.decode()
    assert '"price": "12.00", "priceCurrency": "GBP"' in page


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
    assert "nobody has their money back yet" in client.get("/staff/").content.decode()
    assert (
        "£24.00 was paid for what does not" in client.get(payments_path(open_gig)).content.decode()
    )
    everyone = payments_path(open_gig, "everyone/")
    assert "£24.00" in client.get(everyone).content.decode()
    for _ in range(2):
        client.post(everyone)
    assert Refund.objects.get().amount_minor == 2400
    assert "money back yet" not in client.get("/staff/").content.decode()


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
        "title,time_zone,date,starts,ends,price_kind,currency,price,least\n"
        "Sound bath,UTC,2096-01-01,18:00,19:00,open,GBP,10,5.50\n"
        "Wrong,UTC,2096-01-01,18:00,19:00,fixed,GBP,ten,\n"
    )
    [good, bad], wrong = read_events(text, editor=coordinator, at=NOW)
    assert not wrong
    assert (good.words["price_minor"], good.words["least_minor"]) == (1000, 550)
    assert bad.errors == ["Line 3, price: Write an amount in numbers, such as 12 or 12.50."]
