"""Giving money back: asked for as a row, sent by a task, and never twice."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum

from accounts.models import User
from accounts.services import audit
from common.hints import hint
from payments import gateway
from payments.domain.facts import Returned
from payments.errors import MoreThanWasPaid, NothingWasPaid, ProcessorAway, ProcessorRefused
from payments.models import Charge, Refund

logger = logging.getLogger(__name__)

# So long the processor knows the key of a question. Later it is looked up instead.
KEY_IS_KNOWN_FOR = timedelta(hours=23)
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=1)
# A worker that has died with a refund in its hands is taken over after this.
LEASE = timedelta(minutes=2)


@transaction.atomic
def ask_refund(
    *,
    charge: Charge,
    kind: str,
    key: str,
    at: datetime,
    amount_minor: int | None = None,
    reason: str = "",
    actor: User | None = None,
) -> Refund:
    """Give back ``amount_minor`` of a payment, or all that is left of it.

    ``key`` names what asked for it (a form shown once, a party checked in): the same again
    changes nothing and returns the first. Raises NothingWasPaid and MoreThanWasPaid.
    """
    charge = Charge.objects.select_for_update().get(pk=charge.pk)
    if standing := Refund.objects.filter(asked_by_key=key).first():
        return standing
    left = left_of(charge)
    amount_minor = left if amount_minor is None else amount_minor
    if not charge.is_paid:
        raise NothingWasPaid
    if not 0 < amount_minor <= left:
        raise MoreThanWasPaid
    refund = Refund.objects.create(
        charge=charge,
        kind=kind,
        amount_minor=amount_minor,
        reason=reason,
        asked_by_key=key,
        asked_by=actor,
        asked_at=at,
        next_attempt_at=at,
    )
    audit.record(actor, "refund.asked", refund, at)
    hint("refunds-due")
    return refund


def left_of(charge: Charge) -> int:
    """What of a payment was not given back, and is not on its way."""
    if not charge.is_paid:
        return 0
    back = charge.refunds.standing().aggregate(total=Sum("amount_minor"))["total"] or 0
    return int(charge.amount_minor - back)


def send_refunds(*, limit: int, at: datetime) -> int:
    """Send what is due; how many the processor has taken or refused."""
    due = Refund.objects.to_send(at=at).values_list("pk", flat=True)[:limit]
    return sum(_send(pk, at) for pk in list(due))


def _send(pk: int, at: datetime) -> bool:
    refund, is_to_find = _take(pk, at)
    if refund is None:
        return False
    charge = refund.charge
    try:
        returned = gateway.find_refund(refund, charge) if is_to_find else None
        if returned is None:
            if is_to_find:
                _renew_key(refund, at)
            returned = gateway.send_refund(refund, charge)
    except ProcessorAway:
        logger.info("the processor is away; refund %s is sent later", pk)
        _wait(pk, at)
        return False
    except ProcessorRefused as refusal:
        logger.warning("refund %s was refused: %s", pk, refusal.detail)
        _fail(pk, refusal.detail or str(refusal))
        return True
    record_returned(returned=returned, at=at)
    return True


@transaction.atomic
def _take(pk: int, at: datetime) -> tuple[Refund | None, bool]:
    """Take a refund to send it, with its key saved before anybody is asked; and whether it must
    be looked for first, since its key is too old to be known."""
    waiting = Refund.objects.select_for_update(skip_locked=True, of=("self",))
    refund = waiting.to_send(at=at).filter(pk=pk).select_related("charge").first()
    if refund is None:
        return None, False
    if refund.idempotency_key is None:
        refund.idempotency_key, refund.key_made_at = uuid.uuid4(), at
    assert refund.key_made_at is not None
    is_to_find = at - refund.key_made_at >= KEY_IS_KNOWN_FOR
    refund.attempts = min(refund.attempts + 1, 32_000)
    refund.next_attempt_at = at + LEASE
    refund.save(update_fields=["idempotency_key", "key_made_at", "attempts", "next_attempt_at"])
    return refund, is_to_find


@transaction.atomic
def _renew_key(refund: Refund, at: datetime) -> None:
    """The processor has never heard of it: ask anew."""
    refund.idempotency_key, refund.key_made_at = uuid.uuid4(), at
    refund.save(update_fields=["idempotency_key", "key_made_at"])


@transaction.atomic
def _wait(pk: int, at: datetime) -> None:
    refund = Refund.objects.select_for_update().get(pk=pk)
    delay = min(FIRST_DELAY * 2 ** min(refund.attempts, 10), LONGEST_DELAY)
    Refund.objects.filter(pk=pk, status=Refund.Status.WAITING).update(next_attempt_at=at + delay)


@transaction.atomic
def _fail(pk: int, why: str) -> None:
    Refund.objects.filter(pk=pk, status=Refund.Status.WAITING).update(
        status=Refund.Status.FAILED, failure=why[:240]
    )


@transaction.atomic
def record_returned(*, returned: Returned, at: datetime) -> Refund | None:
    """Note what the processor says of a refund, ours or one made there by hand.

    Told in any order: sent, then given back, and that it failed outlives both (a bank may send
    back what was given). None where the payment is not ours.
    """
    charge = (
        Charge.objects.select_for_update().filter(payment_intent=returned.payment_intent).first()
    )
    if charge is None:
        return None
    refund = Refund.objects.filter(processor_id=returned.id).first()
    if refund is None and returned.asked_by_key:
        refund = Refund.objects.filter(charge=charge, asked_by_key=returned.asked_by_key).first()
    has_failed = returned.status in ("failed", "canceled")
    if refund is None:
        if has_failed:
            return None
        refund = _made_outside(charge, returned, at)
    if refund.is_failed and refund.processor_id == returned.id:
        return refund
    refund.processor_id = returned.id
    if has_failed:
        refund.status, refund.failure = Refund.Status.FAILED, returned.failure[:240]
    elif returned.status == "succeeded":
        refund.status, refund.done_at = Refund.Status.DONE, refund.done_at or at
    elif refund.status == Refund.Status.WAITING:
        refund.status = Refund.Status.SENT
    refund.save()
    return refund


def _made_outside(charge: Charge, returned: Returned, at: datetime) -> Refund:
    """Somebody gave it back at the processor. What of ours no longer fits has failed: the
    processor would refuse it as well."""
    waiting = charge.refunds.filter(status=Refund.Status.WAITING).order_by("-pk")
    for one in waiting:
        if left_of(charge) >= returned.amount_minor:
            break
        _fail(one.pk, "given back at the processor")
    return Refund(
        charge=charge,
        kind=Refund.Kind.OUTSIDE,
        amount_minor=returned.amount_minor,
        asked_by_key=f"outside:{returned.id}",
        asked_at=at,
        next_attempt_at=at,
    )


@transaction.atomic
def look_after(*, refund: Refund, actor: User, at: datetime) -> None:
    """Staff have seen that it failed, and have settled it another way or asked again."""
    failed = Refund.objects.filter(pk=refund.pk, status=Refund.Status.FAILED, seen_at=None)
    if failed.update(seen_at=at):
        audit.record(actor, "refund.looked_after", refund, at)
