"""What the scheduler does for events. All of it is found from rows, and safe to run twice."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from common.batches import batch_after_batch
from events.errors import Busy
from events.queries import (
    CONFIRM_WITHIN,
    dates_with_room_and_queue,
    events_with_regulars,
    series_to_extend,
)
from events.services import mailings, payments, replies, series_rsvps
from events.services.answers import purge_answers
from events.services.due_mails import write_due
from events.services.events import complete_events
from events.services.incidents import purge_incidents
from events.services.retention import forget_attendance
from events.services.rsvps import drop_unconfirmed, wake_queue
from events.services.series import WINDOW, extend_series
from events.services.series_rsvps import drop_unconfirmed_series, join_due
from events.services.transfers import forget_heirs

logger = logging.getLogger(__name__)

# So many are written in one transaction: half a second of work.
MAILS_AT_ONCE = 100
ATTENDANCE_AT_ONCE = 500


@shared_task
def serve_queues() -> int:
    """Give to those who wait what became free by the clock: holds that ran out."""
    at = timezone.now()
    served = 0
    for occurrence_id in dates_with_room_and_queue(at=at):
        try:
            served += wake_queue(occurrence_id=occurrence_id, at=at)
        except Busy:
            logger.info("a date is busy; its queue is served with the next run")
    return served


@shared_task
def settle_payments() -> int:
    """Give places to those who have paid, and their money back where there is none."""
    at = timezone.now()
    payments.give_up_unkept(at=at)
    return payments.settle_due(at=at)


@shared_task
def return_deposits() -> int:
    """Give back the deposits of those who came, and of what we called off."""
    return payments.return_deposits(at=timezone.now())


@shared_task
def apply_replies() -> int:
    """Let what people answered in their own calendars be their answer here."""
    return replies.apply_replies(at=timezone.now())


@shared_task
def tidy() -> None:
    """Forget answers nobody confirmed and places nobody took over; mark what is over."""
    at = timezone.now()
    forget_heirs(at=at)
    drop_unconfirmed(before=at - CONFIRM_WITHIN)
    drop_unconfirmed_series(before=at - CONFIRM_WITHIN)
    complete_events(at=at)


@shared_task
def extend_all_series() -> int:
    """Make the dates of series that have come within the window since the last run."""
    at = timezone.now()
    return sum(
        len(extend_series(series=series, at=at))
        for series in series_to_extend(until=(at + WINDOW).date())
    )


@shared_task
def join_regulars() -> int:
    """Let people who come every time join dates they could not yet: before RSVPs opened, or
    when a crash came between."""
    at = timezone.now()
    joined = 0
    for event in events_with_regulars():
        try:
            joined += join_due(event=event, at=at)
        except Busy:
            logger.info("a date is busy; who comes every time joins with the next run")
    return joined


@shared_task
def follow_choices() -> int:
    """Let calendars have what repeats in the form that people chose."""
    return series_rsvps.follow_choices(at=timezone.now())


@shared_task
def forget_answers() -> int:
    """Delete what people answered once its time is over."""
    return purge_answers(at=timezone.now()).rows


@shared_task
def forget_incidents() -> int:
    """Delete incidents that were looked after long ago."""
    return purge_incidents(at=timezone.now()).rows


@shared_task
def forget_who_came() -> int:
    """Forget who answered for dates that are long over; how many came is kept."""
    return batch_after_batch(forget_attendance, limit=ATTENDANCE_AT_ONCE)


@shared_task
def remind() -> int:
    """Remind of what is near, hosts first, and ask those who came how it was."""
    at = timezone.now()
    reminded = mailings.remind_hosts(at=at) + mailings.send_reminders(at=at)
    return reminded + mailings.send_surveys(at=at)


@shared_task
def send_notes() -> int:
    """Send what hosts wrote to people."""
    return mailings.send_notes(at=timezone.now())


@shared_task
def write_due_mails() -> int:
    """Write the mails that were promised while a date was locked."""
    return batch_after_batch(write_due, limit=MAILS_AT_ONCE)
