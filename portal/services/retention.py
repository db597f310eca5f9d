"""What is deleted by its age and belongs to apps that keep no proof of their own."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.services import seals
from notifications.models import Purge


@transaction.atomic
def forget_logs(*, at: datetime) -> int:
    """Delete what stands in the audit trail and the access log for longer than ``LOG_DAYS``, and
    leave a row that proves it. How many rows."""
    older_than = at - timedelta(days=settings.LOG_DAYS)
    rows = sum(seals.forget_old(log, older_than=older_than) for log in seals.SEALED)
    Purge.objects.create(at=at, what="logs", older_than=older_than, rows=rows)
    return rows
