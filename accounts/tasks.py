"""What accounts does by the clock. Safe to run at any time and twice."""

from celery import shared_task
from django.utils import timezone

from accounts.services import api_keys, seals


@shared_task
def forget_api_replies() -> int:
    """Delete answers to programs that are too old to be asked for again; how many."""
    return api_keys.forget_replies(at=timezone.now())


@shared_task
def seal_audit() -> int:
    """Seal the new rows of the logs; the number of seals made."""
    return len(seals.seal_all(at=timezone.now()))
