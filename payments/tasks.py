"""What the scheduler does for payments. All of it is found from rows, and safe to run twice."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from common.batches import batch_after_batch
from payments.services import charges, notices, refunds

# The processor sends a notice again for three days; then it does not come any more.
NOTICES_KEPT = timedelta(days=30)
AT_ONCE = 50


@shared_task
def apply_notices() -> int:
    """Let what the processor told us be so here."""
    return batch_after_batch(notices.apply_notices, limit=AT_ONCE)


@shared_task
def close_pages() -> int:
    """Close payment pages nobody wants any more, and ask about those we heard nothing of."""
    return charges.close_pages(at=timezone.now()) if settings.STRIPE_SECRET_KEY else 0


@shared_task
def send_refunds() -> int:
    """Give back what was asked for."""
    if not settings.STRIPE_SECRET_KEY:
        return 0
    return batch_after_batch(refunds.send_refunds, limit=AT_ONCE)


@shared_task
def forget_notices() -> int:
    return notices.forget_notices(before=timezone.now() - NOTICES_KEPT)
