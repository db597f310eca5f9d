"""Four events with a price: paid for, half paid, given back, and called off.

The payments say that they are of the demo: the stand-in for the processor knows them by that, so
they can be given back there. Without a processor nothing priced can be published, nor is it here.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounts.models import User
from events.domain.plans import DatePlan
from events.models import Event, Occurrence, Payment, Rsvp
from events.services import check_ins
from events.services.events import cancel_event, draft_event, publish_event
from events.services.payments import refund_payment, return_deposits, settle_due, start_payment
from events.services.rsvps import leave, place_rsvp
from payments.domain.facts import Returned, Session
from payments.models import Charge, Refund
from payments.rules import can_charge
from payments.services.charges import record_session
from payments.services.refunds import record_returned
from portal.management.demo.happenings import words_of
from portal.management.demo.words import Listing
from portal.management.demo.world import World

RETREAT = Listing(
    "A Day for Songwriters", "Write, walk, eat together. Nobody has to play anything.",
    "Europe/London", (12,), 10, 420, ("creativity", "community"),
    place=("The Old Chapel", "14 Mill Lane, Hebden Bridge"), capacity=24, plus_ones=1,
    hosts="Juniper Vale",
)  # fmt: skip
BATH = Listing(
    "Sound Bath by the River", "An hour on your back, with gongs. Pay what fits you.",
    "Europe/Berlin", (8,), 19, 60, ("sleep", "stress"),
    place=("Bootshaus", "Uferweg 3, Berlin"), capacity=40, hosts="Mila Harbor",
)  # fmt: skip
BREATH = Listing(
    "Breathwork at Dawn", "Forty minutes before the day begins. The deposit comes back to you.",
    "America/New_York", (-3, 11), 7, 40, ("stress", "stage"),
    place=("Pier House", "Pier 5, Brooklyn"), capacity=16, hosts="Rosa Kestrel",
)  # fmt: skip
OFF = Listing(
    "Voice Care Masterclass", "Warm up, cool down, and know when to stop.",
    "Europe/London", (6,), 18, 120, ("stage",), capacity=30,
    place=("Studio Four", "8 Canal Street, Manchester"), hosts="The Lanterns",
)  # fmt: skip
PRICES: tuple[tuple[Listing, dict[str, Any]], ...] = (
    (RETREAT, {"price_kind": "fixed", "currency": "GBP", "price_minor": 1800}),
    (
        BATH,
        {
            "price_kind": "open",
            "currency": "EUR",
            "price_minor": 1500,
            "least_minor": 500,
            "refund_hours": 24,
        },
    ),
    (BREATH, {"price_kind": "deposit", "currency": "USD", "price_minor": 1000}),
    (OFF, {"price_kind": "fixed", "currency": "GBP", "price_minor": 2500}),
)


def stage(world: World) -> None:
    if not can_charge():
        return
    for listing, price in PRICES:
        event = _write(world, listing, price)
        for date in event.occurrences.order_by("starts_at"):
            date.event = event
            _come_and_pay(world, date)
        if listing is RETREAT:
            _give_back(world, event)
        elif listing is OFF:
            note = "The house is closed that evening. We look for another."
            cancel_event(
                event=event, note=note, actor=world.users["coordinator"], at=world.ago(hours=6)
            )
    return_deposits(at=world.at)
    for refund in Refund.objects.filter(kind=Refund.Kind.DEPOSIT).select_related("charge"):
        _returned(refund, "succeeded", world.ago(days=2))


def _write(world: World, listing: Listing, price: dict[str, Any]) -> Event:
    actor, at = world.users["coordinator"], world.ago(days=30)
    plans = [
        DatePlan(starts_at=starts, ends_at=starts + dt.timedelta(minutes=listing.minutes),
                 capacity=listing.capacity)
        for starts in (world.local(listing.zone, day, listing.hour) for day in listing.days)
    ]  # fmt: skip
    words = {**words_of(world, listing, {}), **price}
    event = draft_event(words=words, dates=plans, actor=actor, at=at)
    return publish_event(event=event, actor=actor, at=at + dt.timedelta(hours=2))


def _come_and_pay(world: World, date: Occurrence) -> None:
    """Most have paid at once. Of a date to come, one is at it right now."""
    dice, is_over = world.random, date.ends_at <= world.at
    people = dice.sample(world.attendees, min(len(world.attendees), 9))
    for number, person in enumerate(people):
        at = world.ago(days=6 if is_over else dice.randrange(1, 6), hours=dice.randrange(20))
        is_at_it = number == 0 and not is_over
        rsvp = _come(date, person, dice.choice((1, 1, 2)), world.ago(minutes=4) if is_at_it else at)
        if not is_at_it and rsvp.is_paying:
            _pay(rsvp, at)
        if is_over and number % 4:
            check_ins.check_in(
                rsvp=rsvp,
                people_count=rsvp.party_size,
                actor=world.users["coordinator"],
                at=date.starts_at,
            )


def _come(date: Occurrence, person: User, people: int, at: dt.datetime) -> Rsvp:
    size = min(people, date.event.largest_party)
    language = person.language
    return place_rsvp(occurrence=date, person=person, party_size=size, language=language, at=at)


def _pay(rsvp: Rsvp, at: dt.datetime) -> None:
    event = rsvp.occurrence.event
    chosen = (event.price_minor or 0) * rsvp.party_size if event.is_price_open else None
    charge = start_payment(rsvp=rsvp, chosen_minor=chosen, at=at)
    assert charge is not None  # nobody in the demo chooses nothing
    paid_at = at + dt.timedelta(minutes=2)
    record_session(session=_session(charge), at=paid_at)
    settle_due(at=paid_at)
    rsvp.refresh_from_db()


def _session(charge: Charge) -> Session:
    name = f"{charge.currency.lower()}_{charge.amount_minor}_{charge.reference}"
    return Session(
        id=f"cs_demo_{name}",
        reference=charge.reference,
        status="complete",
        is_paid=True,
        payment_intent=f"pi_demo_{name}",
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        url="",
    )


def _give_back(world: World, event: Event) -> None:
    """Some of it, all of it, one that the bank sent back, and one who left and waits for theirs."""
    actor, at = world.users["coordinator"], world.ago(hours=20)
    paid = Payment.objects.paid().filter(rsvp__occurrence__event=event).order_by("charge_id")
    payments = list(paid.select_related("charge", "rsvp"))[:4]
    acts = (
        ("succeeded", 2, "One of the two cannot come"),
        ("succeeded", 1, "Fell ill, and told us in time"),
        ("failed", 1, "Moved to another town"),
    )
    for number, (payment, (status, part, reason)) in enumerate(zip(payments, acts, strict=False)):
        refund = refund_payment(
            payment=payment,
            amount_minor=payment.charge.amount_minor // part,
            reason=reason,
            key=f"demo-{number}",
            actor=actor,
            at=at,
        )
        _returned(refund, status, at)
    for payment in payments[3:]:
        leave(rsvp=payment.rsvp, at=at)


def _returned(refund: Refund, status: str, at: dt.datetime) -> None:
    returned = Returned(
        id=f"re_demo_{refund.pk}",
        asked_by_key=refund.asked_by_key,
        payment_intent=refund.charge.payment_intent or "",
        amount_minor=refund.amount_minor,
        currency=refund.charge.currency,
        status=status,
        failure="expired_or_canceled_card" if status == "failed" else "",
    )
    record_returned(returned=returned, at=at)
