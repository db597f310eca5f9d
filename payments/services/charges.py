"""Asking for money, and learning whether it came.

What changes rows and what talks to the processor are apart: no call is made inside a transaction.
Whoever owns the charge (``Charge.purpose``) acts on what became of it, and says so by ``settled``.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from common.hints import hint
from payments import gateway
from payments.domain.facts import Disputed, Session
from payments.errors import ProcessorAway, ProcessorRefused
from payments.models import Charge, ProcessorEvent, new_charge_reference

logger = logging.getLogger(__name__)

# The processor keeps a page open for half an hour at least; two minutes more, so that asking for
# it again after a crash is still asking for half an hour.
PAGE_OPEN_FOR = timedelta(minutes=32)
# So long after its page has closed, we ask what became of a charge if nobody has told us.
ASK_AFTER = timedelta(minutes=3)


@transaction.atomic
def start_charge(
    *, purpose: str, amount_minor: int, currency: str, description: str, at: datetime
) -> Charge:
    """Note that somebody is asked to pay. Its payment page is made by ``open_page``."""
    return Charge.objects.create(
        purpose=purpose,
        reference=new_charge_reference(),
        amount_minor=amount_minor,
        currency=currency,
        description=description[:120],
        idempotency_key=uuid.uuid4(),
        started_at=at,
        closes_at=at + PAGE_OPEN_FOR,
    )


def open_page(*, charge: Charge, success_url: str, cancel_url: str, language: str) -> str:
    """The address of the page where it is paid; the same one each time.

    Raises ProcessorAway (try again) and ProcessorRefused, after which the charge has ended.
    """
    if charge.page_url:
        return charge.page_url
    try:
        session = gateway.open_session(
            charge, success_url=success_url, cancel_url=cancel_url, language=language
        )
    except ProcessorRefused as refusal:
        # An answer, and it is no: there is no page, so nobody can pay.
        logger.warning("no payment page for %s: %s", charge, refusal.detail)
        with transaction.atomic():
            _unpaid(charge.pk).filter(session_id__isnull=True).update(status=Charge.Status.ENDED)
            hint("charges-changed")
        raise
    with transaction.atomic():
        # A notice may have been faster, and then says more than that there is a page.
        Charge.objects.filter(pk=charge.pk).update(
            session_id=session.id,
            page_url=session.url,
            status=Case(
                When(status=Charge.Status.STARTED, then=Value(Charge.Status.OPEN)),
                default=F("status"),
            ),
        )
    charge.refresh_from_db()
    return session.url


@transaction.atomic
def give_up_charge(*, charge: Charge, at: datetime) -> None:
    """Its owner wants it no more. The page is closed by ``close_pages``; whoever was faster and
    has paid, has paid. Again changes nothing."""
    changed = _unpaid(charge.pk).filter(closing_at__isnull=True).update(closing_at=at)
    if changed:
        hint("charges-to-close")


def look_up(*, charge: Charge, at: datetime) -> Charge:
    """Ask the processor what became of a charge that waits, and note it. Raises ProcessorAway."""
    if charge.status == Charge.Status.OPEN and charge.session_id:
        record_session(session=gateway.find_session(charge.session_id), at=at)
        charge.refresh_from_db()
    return charge


def close_pages(*, at: datetime) -> int:
    """Close the payment pages that nobody wants any more, and ask about those that must have
    closed without our hearing of it; how many charges are over that were not."""
    late = at - ASK_AFTER
    due = Charge.objects.unpaid().filter(Q(closing_at__isnull=False) | Q(closes_at__lte=late))
    return sum(_close(charge, at) for charge in due.order_by("pk")[:200])


def _close(charge: Charge, at: datetime) -> bool:
    if charge.session_id is None:
        # Nobody was ever given the address of a page, so nobody can pay. While somebody may be
        # opening it at this moment, it is left alone.
        if charge.closes_at > at - ASK_AFTER:
            return False
        with transaction.atomic():
            _unpaid(charge.pk).filter(session_id__isnull=True).update(status=Charge.Status.ENDED)
            hint("charges-changed")
        return True
    try:
        try:
            session = gateway.close_session(charge.session_id)
        except ProcessorRefused:
            # It is over already, one way or the other.
            session = gateway.find_session(charge.session_id)
    except ProcessorAway:
        logger.info("the processor is away; %s is closed with the next run", charge)
        return False
    except ProcessorRefused as refusal:
        logger.warning("%s has no page at the processor: %s", charge, refusal.detail)
        return False
    record_session(session=session, at=at)
    return True


@transaction.atomic
def record_session(*, session: Session, at: datetime) -> Charge | None:
    """Note what became of a payment page: paid, or over without. Told twice is told once, and
    that it was paid outlives every other news. None where it is not a page of ours."""
    charge = Charge.objects.select_for_update().filter(reference=session.reference).first()
    if charge is None or charge.is_paid:
        return charge
    if session.is_paid:
        if (session.amount_minor, session.currency) != (charge.amount_minor, charge.currency):
            logger.error("%s was paid with another amount than it asked for", charge)
            return charge
        charge.status, charge.paid_at = Charge.Status.PAID, at
        charge.payment_intent = session.payment_intent
        # Its owner may have acted on its end before it was paid after all.
        charge.settled_at = None
    elif session.status == "expired":
        charge.status = Charge.Status.ENDED
    else:
        return charge
    charge.session_id = session.id
    charge.save(update_fields=["status", "paid_at", "payment_intent", "settled_at", "session_id"])
    if charge.is_paid:
        # News of this payment that came before this: nobody could tell then whose it was.
        early = ProcessorEvent.objects.filter(facts__payment_intent=charge.payment_intent)
        if early.exclude(kind__startswith="checkout.").update(applied_at=None):
            hint("processor-told")
    hint("charges-changed")
    return charge


@transaction.atomic
def record_dispute(*, disputed: Disputed) -> None:
    """Somebody told their bank that it was not them, or how that ended. An end is final."""
    over = {"won": Charge.Dispute.WON, "lost": Charge.Dispute.LOST}
    state = over.get(disputed.status, Charge.Dispute.OPEN)
    if disputed.status == "warning_closed":
        state = Charge.Dispute.WON
    standing = Charge.objects.filter(payment_intent=disputed.payment_intent)
    standing.exclude(dispute__in=over.values()).update(dispute=state)


def _unpaid(pk: int) -> QuerySet[Charge]:
    return Charge.objects.unpaid().filter(pk=pk)
