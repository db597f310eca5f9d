"""What the scheduler does for calendar links and for mail that came in."""

from celery import shared_task
from django.utils import timezone

from calendars.services import fetches
from calendars.services.inbound import forget_contents


@shared_task
def write_down_fetches() -> int:
    """Keep when calendar links were last used, should the cache forget it."""
    return fetches.write_down_fetches(at=timezone.now())


@shared_task
def forget_mail() -> int:
    """Delete the contents of mail that has been settled for 30 days."""
    return forget_contents(at=timezone.now())
