"""Paying for a place, and what becomes of the place once it is paid or not.

The processor's news arrive in ``payments``; here each charge that is over is acted on once, under
the lock of the date's places: a place for who has paid, or else their money back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.utils.translation import gettext

from accounts.models import User
from accounts.services import audit
from common.text import speaking
from events.errors import AmountNotAccepted, Busy, DateIsCancelled, PayingEnded
from events.models import Event, Payment, Rsvp
from events.models.payments import PaymentQuerySet
from events.queries import standing_rsvp
from events.services.mails import prepare, tell
from events.services.seats import Places, claim, places_of
from notifications.services.messages import queue_all
from payments.domain.currencies import is_chargeable
from payments.errors import MoreThanWasPaid
from payments.models import Charge, Refund
from payments.services.charges import give_up_charge, start_charge
from payments.services.refunds import ask_refund, left_of

logger = logging.getLogger(__name__)

# The processor keeps a page open for half an hour at least: one begun longer ago cannot be made
# any more, and is begun anew.
PAGE_CAN_BE_MADE_FOR = timedelta(minutes=2)
# A check-in may be a mistake; a deposit is given back after this.
DEPOSIT_AFTER = timedelta(minutes=10)


def amount_due(rsvp: Rsvp, chosen_minor: int | None) -> int:
    """What this party pays: the price for each, or what they choose for all of them.

    Raises AmountNotAccepted. Needs ``occurrence.event``.
    """
    event = rsvp.occurrence.event
    if not event.is_price_open:
        amount = (event.price_minor or 0) * rsvp.party_size
        if amount and not is_chargeable(amount, event.currency):
            raise AmountNotAccepted
        return amount
    least = (event.least_minor or 0) * rsvp.party_size
    amount = least if chosen_minor is None else chosen_minor
    if amount < least or (amount and not is_chargeable(amount, event.currency)):
        raise AmountNotAccepted
    return amount


def start_payment(*, rsvp: Rsvp, chosen_minor: int | None = None, at: datetime) -> Charge | None:
    """Begin to pay for places that are kept: the charge whose page is opened next.

    The same again is the same charge. None where they chose to pay nothing: then they are going.
    Raises PayingEnded, DateIsCancelled and AmountNotAccepted.
    """
    amount = amount_due(rsvp, chosen_minor)
    if amount == 0:
        _go_for_nothing(rsvp, at)
        return None
    with transaction.atomic():
        rsvp = (
            Rsvp.objects.select_for_update(of=("self",))
            .select_related("occurrence__event")
            .get(pk=rsvp.pk)
        )
        event = rsvp.occurrence.event
        if rsvp.occurrence.is_cancelled:
            raise DateIsCancelled
        if not rsvp.is_paying or rsvp.has_lapsed(at=at):
            raise PayingEnded
        amount = amount_due(rsvp, chosen_minor)
        for begun in Payment.objects.unpaid().filter(rsvp=rsvp, charge__closing_at=None):
            charge = begun.charge
            is_same = (charge.amount_minor, charge.currency) == (amount, event.currency)
            lasts = charge.closes_at if charge.page_url else charge.started_at
            is_usable = at < lasts + (timedelta(0) if charge.page_url else PAGE_CAN_BE_MADE_FOR)
            if is_same and is_usable and begun.party_size == rsvp.party_size:
                return charge
            give_up_charge(charge=charge, at=at)
        charge = start_charge(
            purpose=Charge.Purpose.EVENT,
            amount_minor=amount,
            currency=event.currency,
            description=_title(rsvp),
            at=at,
        )
        Payment.objects.create(
            rsvp=rsvp,
            charge=charge,
            party_size=rsvp.party_size,
            is_deposit=event.has_deposit,
            refundable_until=rsvp.occurrence.refundable_until,
        )
        return charge


def _title(rsvp: Rsvp) -> str:
    """What the payment page and its receipt say. Of what is discreet they say nothing."""
    event = rsvp.occurrence.event
    with speaking(rsvp.language):
        if rsvp.is_discreet or event.is_restricted:
            return gettext("A place at an event")
        return event.title


def _go_for_nothing(rsvp: Rsvp, at: datetime) -> None:
    with places_of(rsvp.occurrence_id, at=at, leaving_out=rsvp) as places:
        rsvp = places.reread(rsvp)
        if rsvp.is_going:
            return
        if places.occurrence.is_cancelled:
            raise DateIsCancelled
        if not rsvp.is_paying or rsvp.has_lapsed(at=at) or not places.fits(rsvp.party_size):
            raise PayingEnded
        places.take(rsvp.party_size)
        _go(places, rsvp, at)


def _go(places: Places, rsvp: Rsvp, at: datetime, charge: Charge | None = None) -> None:
    if rsvp.status == Rsvp.Status.DECLINED:
        # Their calendar may have been told that it is off: this is an entry of its own.
        rsvp.uid_generation += 1
    rsvp.status, rsvp.queued_at, rsvp.hold_expires_at = Rsvp.Status.GOING, None, None
    rsvp.changed_at = at
    rsvp.save(
        update_fields=["status", "queued_at", "hold_expires_at", "changed_at", "uid_generation"]
    )
    tell(rsvp, "going", at=at, once=charge.reference if charge else at.isoformat(), charge=charge)
    places.told.append(rsvp)


# --- What became of a charge ---------------------------------------------------------------------


def settle(*, charge: Charge, at: datetime) -> None:
    """Act on what became of a charge, once: paid is a place, or the money back. Again changes
    nothing."""
    payment = Payment.objects.select_related("rsvp").get(charge=charge)
    with places_of(payment.rsvp.occurrence_id, at=at, leaving_out=payment.rsvp) as places:
        # The answer before the charge, as by everybody who holds both.
        rsvp = places.reread(payment.rsvp)
        charge = Charge.objects.select_for_update().get(pk=charge.pk)
        if charge.settled_at is not None or charge.is_unpaid:
            return
        if charge.is_paid:
            # What somebody has given back at the processor already buys nothing.
            left = left_of(charge)
            if left and _seat_who_paid(places, rsvp, payment, at):
                _give_back_surplus(payment, charge, rsvp, at)
                _go(places, rsvp, at, charge)
            elif left:
                kind = Refund.Kind.NO_PLACE
                ask_refund(charge=charge, kind=kind, key=f"no-place:{charge.reference}", at=at)
                tell(rsvp, "paid_back", at=at, once=charge.reference, charge=charge)
        charge.settled_at = at
        charge.save(update_fields=["settled_at"])


def _seat_who_paid(places: Places, rsvp: Rsvp, payment: Payment, at: datetime) -> bool:
    """Take the places that were paid for, if there is any way to."""
    occurrence = places.occurrence
    if occurrence.is_cancelled or occurrence.is_over(at=at):
        return False
    if payment.party_size < rsvp.party_size:
        return False
    if rsvp.is_paying and rsvp.is_holding(at=at) and places.fits(rsvp.party_size):
        places.take(rsvp.party_size)
        return True
    # Too late: the clock has ended it, written down or not. If nobody else has the place, it is
    # theirs all the same. Who left, or has answered anew since, gets their money back.
    is_late = rsvp.is_paying or rsvp.status == Rsvp.Status.DECLINED
    if not is_late or rsvp.is_refused:
        return False
    standing = standing_rsvp(occurrence, user=rsvp.user, email=rsvp.email)
    if standing is not None and standing.pk != rsvp.pk:
        return False
    return claim(places, rsvp.party_size, at=at)


def _give_back_surplus(payment: Payment, charge: Charge, rsvp: Rsvp, at: datetime) -> None:
    """Who made their party smaller while the payment page was open has paid for too many."""
    surplus = left_of(charge) - payment.share_of(rsvp.party_size)
    if surplus > 0:
        ask_refund(
            charge=charge,
            kind=Refund.Kind.NO_PLACE,
            key=f"surplus:{charge.reference}",
            amount_minor=surplus,
            at=at,
        )


def settle_due(*, at: datetime) -> int:
    """Act on every charge of ours that is over; on how many. One that fails stops no other."""
    done = 0
    for charge in Charge.objects.to_settle(Charge.Purpose.EVENT)[:500]:
        try:
            settle(charge=charge, at=at)
            done += 1
        except Busy:
            logger.info("a date is busy; its payment is settled with the next run")
        except DatabaseError:
            logger.exception("%s cannot be settled", charge)
    return done


def give_up_unkept(*, at: datetime) -> int:
    """Close the payment pages of places that are not kept any more; how many."""
    found = list(Payment.objects.out_of_hand(at=at).select_related("charge")[:500])
    for payment in found:
        give_up_charge(charge=payment.charge, at=at)
    return len(found)


# --- Giving back ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class GivenBack:
    """What goes back by itself to the card of somebody who leaves, or comes with fewer."""

    amount_minor: int
    currency: str
    references: tuple[str, ...]


def give_back_by_rule(rsvp: Rsvp, *, at: datetime) -> GivenBack | None:
    """Give back what the rule of the event promises to who has left, or comes with fewer.

    Asked for in the transaction of the leaving, so the two are one. It is what was paid for those
    who do not come any more, as far as it was not given back before; again gives back nothing.
    Needs ``occurrence.event``.
    """
    if not rsvp.occurrence.event.is_priced:
        return None
    people = rsvp.party_size if rsvp.is_active else 0
    # What is not settled so far finds nobody to seat, and goes back as a whole by that.
    paid = Payment.objects.paid().filter(rsvp=rsvp, charge__settled_at__isnull=False)
    charges = Charge.objects.filter(pk__in=paid.values("charge")).order_by("pk")
    list(charges.select_for_update())  # nobody gives back of these meanwhile
    refunds = []
    for payment in paid.select_related("charge").order_by("charge_id"):
        charge, until = payment.charge, payment.goes_back_until(rsvp.occurrence)
        amount = left_of(charge) - payment.share_of(people)
        if until is not None and at < until and amount > 0:
            refunds.append(
                ask_refund(
                    charge=charge,
                    kind=Refund.Kind.LEFT,
                    key=f"left:{charge.reference}:{people}",
                    amount_minor=amount,
                    at=at,
                )
            )
    if not refunds:
        return None
    return GivenBack(
        amount_minor=sum(one.amount_minor for one in refunds),
        currency=refunds[0].charge.currency,
        references=tuple(one.charge.reference for one in refunds),
    )


def return_deposits(*, at: datetime) -> int:
    """Give back the deposits of everybody who was checked in, and of dates that we called off.

    Found from the rows: a crash leaves nothing out, and the key lets nothing happen twice.
    """
    due = _with_person(Payment.objects.deposits_to_return(at=at - DEPOSIT_AFTER))
    found = list(due[:500])
    for payment in found:
        charge = payment.charge
        kind = Refund.Kind.DEPOSIT
        try:
            with transaction.atomic():
                key = f"deposit:{charge.reference}"
                refund = ask_refund(charge=charge, kind=kind, key=key, at=at)
                _tell_of_refunds([(payment, refund)], at)
        except MoreThanWasPaid:
            logger.info("somebody gave %s back a moment ago", charge)
    return len(found)


@transaction.atomic
def refund_payment(
    *, payment: Payment, amount_minor: int, reason: str, key: str, actor: User, at: datetime
) -> Refund:
    """Staff give back some or all of what was paid, and the person is told. ``key`` is the form's
    own: sent twice, it gives back once. Raises MoreThanWasPaid and NothingWasPaid."""
    refund = ask_refund(
        charge=payment.charge,
        kind=Refund.Kind.STAFF,
        key=f"form:{payment.charge.reference}:{key}",
        amount_minor=amount_minor,
        reason=reason,
        actor=actor,
        at=at,
    )
    [payment] = _with_person(Payment.objects.filter(pk=payment.pk))
    _tell_of_refunds([(payment, refund)], at)
    return refund


@transaction.atomic
def refund_everyone(*, event: Event, actor: User, at: datetime) -> int:
    """Give back all that is left of every payment for dates of this event that were called off;
    how many are given something, who are told. Again gives back nothing."""
    refunded: list[tuple[Payment, Refund]] = []
    payments = cancelled_payments(event)
    charges = Charge.objects.filter(pk__in=[one.charge_id for one in payments]).order_by("pk")
    list(charges.select_for_update())  # nobody gives back of these meanwhile
    for payment in payments:
        if left_of(payment.charge):
            key = f"cancelled:{payment.charge.reference}:{payment.charge.refunds.count()}"
            kind = Refund.Kind.CANCELLED
            refund = ask_refund(charge=payment.charge, kind=kind, key=key, actor=actor, at=at)
            refunded.append((payment, refund))
    if refunded:
        _tell_of_refunds(refunded, at)
        audit.record(actor, "event.refunded", event, at)
    return len(refunded)


def _with_person(payments: PaymentQuerySet) -> PaymentQuerySet:
    """With all that a mail about them says."""
    return payments.select_related("charge", "rsvp__user", "rsvp__occurrence__event")


def _tell_of_refunds(refunds: Sequence[tuple[Payment, Refund]], at: datetime) -> None:
    """Say to whoever has the place what goes back: one mail for each refund, however often."""
    queue_all(
        [
            prepare(
                payment.rsvp,
                "money_back",
                at=at,
                once=refund.pk,
                given_back=GivenBack(
                    refund.amount_minor, payment.charge.currency, (payment.charge.reference,)
                ),
            )
            for payment, refund in refunds
            if payment.rsvp.email
        ]
    )


def cancelled_payments(event: Event) -> Sequence[Payment]:
    """What was paid for dates of this event that do not take place, and is not given back."""
    paid = Payment.objects.with_money_left().called_off().filter(rsvp__occurrence__event=event)
    return list(_with_person(paid).order_by("charge_id"))
