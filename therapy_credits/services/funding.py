"""Money into a pool: one person asks, a second approves, then the books are funded."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Approval, Role, User
from accounts.services import approvals
from therapy_credits.errors import FundingTooSmall, RequestReused
from therapy_credits.models import Funding, Pool
from therapy_credits.services import ledger, subjects

KIND = "pool-funding"


@transaction.atomic
def request_funding(
    *,
    pool: Pool,
    units: int,
    amount_minor: int,
    reference: str,
    request_id: UUID,
    requester: User,
    at: datetime,
) -> Funding:
    """Ask an administrator to approve that ``amount_minor`` buys ``units`` for ``pool``.

    The money must cover the units at the pool's ceiling price, so that every
    session in the books can be paid for. ``request_id`` becomes the id of the
    transfer: the same request again is the same funding.
    """
    if amount_minor < units * pool.ceiling_price_minor:
        raise FundingTooSmall
    funding, is_new = Funding.objects.get_or_create(
        id=request_id,
        defaults={
            "pool": pool,
            "units": units,
            "amount_minor": amount_minor,
            "ceiling_price_minor": pool.ceiling_price_minor,
            "reference": reference,
            "requested_at": at,
        },
    )
    if not is_new:
        same = (funding.pool_id, funding.units, funding.amount_minor, funding.reference)
        if same != (pool.pk, units, amount_minor, reference):
            raise RequestReused
        return funding
    approvals.request_approval(
        kind=KIND,
        target=funding,
        title=_("Fund “%(pool)s” with %(units)d sessions") % {"pool": pool, "units": units},
        role=Role.ADMIN,
        requester=requester,
        at=at,
        url=reverse("therapy_credits:pool", kwargs={"pk": pool.pk}),
    )
    return funding


def book_decided(*, at: datetime) -> int:
    """Fund the pools whose funding was approved, and close what was refused. How many it closed.

    Decisions are pulled from the approvals, so it does not matter where they
    were given, or whether the worker died in between.
    """
    waiting = Funding.objects.filter(funded_at__isnull=True, refused_at__isnull=True)
    ids = [str(funding_id) for funding_id in waiting.values_list("pk", flat=True)]
    decided = Approval.objects.filter(kind=KIND, target_id__in=ids).exclude(status="requested")
    return sum(_book(approval, at) for approval in decided.select_related("decider"))


@transaction.atomic
def _book(approval: Approval, at: datetime) -> bool:
    funding = Funding.objects.select_for_update().get(pk=approval.target_id)
    if funding.funded_at or funding.refused_at:
        return False
    assert approval.decider is not None
    if approval.status == "approved":
        ledger.fund(
            pool=funding.pool,
            units=funding.units,
            transfer_id=funding.pk,
            actor=subjects.actor_token(approval.decider),
            at=at,
        )
        funding.funded_at = at
    else:
        funding.refused_at = at
    funding.save(update_fields=["funded_at", "refused_at"])
    return True
