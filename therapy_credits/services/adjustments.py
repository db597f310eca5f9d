"""Putting the books right by hand: finance asks, an administrator approves, then it is booked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Approval, Role, User
from accounts.services import approvals
from therapy_credits.errors import (
    NotEnoughSessions,
    NothingToReverse,
    ReferenceUnknown,
    RequestReused,
    TherapyCreditsError,
)
from therapy_credits.models import Adjustment, Booking, Pool, SessionCode
from therapy_credits.queries.charges import charged_units, is_settled
from therapy_credits.queries.pools import most_to_hand_back
from therapy_credits.services import care_mail, ledger, subjects

KIND = "pool-adjustment"


@transaction.atomic
def request_return(
    *, pool: Pool, units: int, ground: str, request_id: UUID, requester: User, at: datetime
) -> Adjustment:
    """Ask that ``units`` nobody was given go back to the partner. The same request again is one.

    Raises NotEnoughSessions when it would touch what is kept for goodwill and
    finishing care while anybody still has sessions.
    """
    if earlier := _asked_before(request_id, pool, Adjustment.Kind.RETURN, units):
        return earlier
    if units > most_to_hand_back(pool):
        raise NotEnoughSessions
    adjustment = Adjustment(
        id=request_id, pool=pool, kind=Adjustment.Kind.RETURN, units=units, ground=ground
    )
    title = _("Hand %(units)d sessions of “%(pool)s” back") % {"units": units, "pool": pool}
    return _ask(adjustment, title, requester, at)


@transaction.atomic
def request_reversal(
    *,
    pool: Pool,
    reference: str,
    units: int,
    ground: str,
    request_id: UUID,
    requester: User,
    at: datetime,
) -> Adjustment:
    """Ask that ``units`` charged for a booking or code be given back to the person.

    Also after it was settled: then it comes back from settled first, and the
    practice's next statement has a correction. Raises ReferenceUnknown,
    NothingToReverse, NotEnoughSessions.
    """
    if earlier := _asked_before(request_id, pool, Adjustment.Kind.REVERSE, units):
        return earlier
    wanted = {"pool": pool, "reference": reference}
    booking = Booking.objects.filter(**wanted).first()
    code = None if booking else SessionCode.objects.filter(**wanted).first()
    undone = booking or code
    if undone is None:
        raise ReferenceUnknown
    charged = charged_units(undone.hold_group)
    if not charged:
        raise NothingToReverse
    if units > charged:
        raise NotEnoughSessions
    adjustment = Adjustment(
        id=request_id,
        pool=pool,
        kind=Adjustment.Kind.REVERSE,
        units=units,
        ground=ground,
        booking=booking,
        code=code,
    )
    title = _("Undo the charge of %(reference)s in “%(pool)s”") % {
        "reference": undone.reference,
        "pool": pool,
    }
    return _ask(adjustment, title, requester, at)


def book_decided(*, at: datetime) -> int:
    """Book what was approved, and close what was refused. How many it closed.

    Pulled from the approvals, as ``services.funding`` does.
    """
    waiting = Adjustment.objects.filter(booked_at=None, refused_at=None, failed_at=None)
    ids = [str(pk) for pk in waiting.values_list("pk", flat=True)]
    decided = Approval.objects.filter(kind=KIND, target_id__in=ids).exclude(status="requested")
    return sum(_close(approval, at) for approval in decided.select_related("decider"))


@transaction.atomic
def _close(approval: Approval, at: datetime) -> bool:
    adjustment = Adjustment.objects.select_for_update(of=("self",)).get(pk=approval.target_id)
    if adjustment.booked_at or adjustment.refused_at or adjustment.failed_at:
        return False
    assert approval.decider is not None
    if approval.status == "approved":
        try:
            with transaction.atomic():
                _book(adjustment, subjects.actor_token(approval.decider), at)
            adjustment.booked_at = at
        except TherapyCreditsError:
            # Between asking and approving the books moved on. Nothing was booked.
            adjustment.failed_at = at
    else:
        adjustment.refused_at = at
    adjustment.save(update_fields=["booked_at", "refused_at", "failed_at"])
    return True


def _book(adjustment: Adjustment, actor: UUID, at: datetime) -> None:
    if adjustment.kind == Adjustment.Kind.RETURN:
        if adjustment.units > most_to_hand_back(adjustment.pool):
            raise NotEnoughSessions
        ledger.hand_back(
            pool=adjustment.pool,
            units=adjustment.units,
            transfer_id=adjustment.pk,
            actor=actor,
            at=at,
        )
        return
    if adjustment.booking_id:
        booking = Booking.objects.select_for_update(no_key=True).get(pk=adjustment.booking_id)
        _reverse(booking.hold_group, adjustment.units, is_settled(booking=booking), actor, at)
        booking.status, booking.resolved_at = Booking.Status.REVERSED, at
        booking.save(update_fields=["status", "resolved_at"])
        care_mail.tell_put_right(booking, at)
        return
    assert adjustment.code_id is not None
    codes = SessionCode.objects.select_for_update(of=("self",), no_key=True)
    code = codes.get(pk=adjustment.code_id)
    _reverse(code.hold_group, adjustment.units, is_settled(code=code), actor, at)
    code.status, code.resolved_at = SessionCode.Status.UNDONE, at
    code.save(update_fields=["status", "resolved_at"])


def _reverse(group: UUID, units: int, settled: bool, actor: UUID, at: datetime) -> None:
    ledger.reverse_charge(group=group, units=units, is_settled=settled, actor=actor, at=at)


def _asked_before(request_id: UUID, pool: Pool, kind: str, units: int) -> Adjustment | None:
    earlier = Adjustment.objects.filter(pk=request_id).first()
    if earlier and (earlier.pool_id, earlier.kind, earlier.units) != (pool.pk, kind, units):
        raise RequestReused
    return earlier


def _ask(adjustment: Adjustment, title: str, requester: User, at: datetime) -> Adjustment:
    adjustment.requested_at = at
    adjustment.save(force_insert=True)
    approvals.request_approval(
        kind=KIND,
        target=adjustment,
        title=title,
        role=Role.ADMIN,
        requester=requester,
        at=at,
        url=reverse("therapy_credits:pool", kwargs={"pk": adjustment.pool_id}),
    )
    return adjustment
