"""What the scheduler does. Each task finds its work in rows and is safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from therapy_credits.services.bookings import time_out_bookings
from therapy_credits.services.reminders import remind_people, remind_practices
from therapy_credits.services.session_codes import expire_codes


@shared_task
def time_out_holds() -> None:
    """Give back what no practice confirmed in time, and what unused codes hold."""
    now = timezone.now()
    time_out_bookings(at=now)
    expire_codes(at=now)


@shared_task
def remind_of_sessions() -> None:
    """Mails for tomorrow, and to practices with something to confirm."""
    now = timezone.now()
    remind_people(at=now)
    remind_practices(at=now)
