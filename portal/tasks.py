"""What the scheduler does that joins several apps."""

from celery import shared_task
from django.utils import timezone

from portal.services import letters, retention


@shared_task
def answer_letters() -> int:
    """Tell who wrote to us that it came, and where help is now."""
    return letters.answer_letters(at=timezone.now())


@shared_task
def forget_logs() -> int:
    """Delete what the logs have held for six years."""
    return retention.forget_logs(at=timezone.now())
