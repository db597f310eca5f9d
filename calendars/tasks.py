"""What the scheduler does for mail that came in."""

from celery import shared_task
from django.utils import timezone

from calendars.services.inbound import forget_contents


@shared_task
def forget_mail() -> int:
    """Delete the contents of mail that has been settled for 30 days."""
    return forget_contents(at=timezone.now())
