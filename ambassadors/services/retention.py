"""What an ambassador's time leaves behind, deleted when it has long been over."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from ambassadors.models import Absence, Activity, Delegate, Invitation
from common.erasing import NOWHERE
from notifications.models import Purge


def forget_invitations(invitations: QuerySet[Invitation]) -> int:
    """Take the name and the address out. That somebody was invited, and what came of it, stays."""
    return invitations.exclude(email__endswith=NOWHERE).update(
        email=Concat(Cast("pk", CharField()), Value(NOWHERE)), name="", name_key="", language=""
    )


@transaction.atomic
def forget_programmes(*, at: datetime) -> Purge:
    """Delete what is older than ``PROGRAMME_DAYS``: whom a term that is over had invited, what
    its ambassadors did, when they were away, who handled their dates. Leaves a proof."""
    older_than = at - timedelta(days=settings.PROGRAMME_DAYS)
    day = older_than.date()
    rows = forget_invitations(Invitation.objects.filter(term__ends_on__lt=day))
    over = Q(ended_at__lt=older_than) | Q(until_on__lt=day)
    never_begun = Q(accepted_at__isnull=True, expires_at__lt=older_than)
    for old in (
        Activity.objects.filter(enrolment__term__ends_on__lt=day, on__lt=day),
        Absence.objects.filter(ends_on__lt=day),
        Delegate.objects.filter(over | never_begun),
    ):
        rows += old.delete()[0]
    return Purge.objects.create(at=at, what="programmes", older_than=older_than, rows=rows)
