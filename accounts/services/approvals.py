"""Asking for, giving and refusing a second person's approval."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Model

from accounts import rules
from accounts.errors import AlreadyDecided, AlreadyWaiting, NotYourRole, NotYours
from accounts.models import Approval, User
from accounts.models.approvals import ApprovalStatus
from accounts.services import audit
from common.hints import hint


@transaction.atomic
def request_approval(
    *,
    kind: str,
    target: Model,
    title: str,
    role: str,
    requester: User,
    at: datetime,
    url: str = "",
) -> Approval:
    """Ask a second person of ``role`` to approve ``kind`` for ``target``.

    ``title`` is what they will read; ``url`` is the page (a path) that shows what it is about.
    """
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                kind=kind,
                target_type=target._meta.label_lower,
                target_id=str(target.pk),
                title=title,
                url=url,
                role=role,
                requester=requester,
                requested_at=at,
            )
    except IntegrityError as error:
        raise AlreadyWaiting from error
    audit.record(requester, "approval.request", approval, at)
    return approval


def approve(*, approval: Approval, approver: User, at: datetime) -> Approval:
    """Approve. The app that asked pulls it; hint ``approval-decided`` makes that soon."""
    return _decide(approval, ApprovalStatus.APPROVED, approver, at)


def refuse(*, approval: Approval, approver: User, at: datetime) -> Approval:
    """Refuse. Nothing else happens; the person may ask again."""
    return _decide(approval, ApprovalStatus.REFUSED, approver, at)


@transaction.atomic
def _decide(approval: Approval, status: ApprovalStatus, user: User, at: datetime) -> Approval:
    row = Approval.objects.select_for_update().get(pk=approval.pk)
    if row.requester_id == user.pk:
        raise NotYours
    if not rules.can_decide(user, row, at=at):
        raise NotYourRole
    if row.status == status and row.decider_id == user.pk:
        return row
    if row.status != ApprovalStatus.REQUESTED:
        raise AlreadyDecided
    row.status = status
    row.decider = user
    row.decided_at = at
    row.save(update_fields=["status", "decider", "decided_at"])
    audit.record(user, f"approval.{status.value}", row, at, fields=["status"])
    hint("approval-decided")
    return row
