"""Reminders: to a person the day before, to a practice that has not said what took place."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from therapy_credits.models import Booking, FitCall, Practice, SessionCode
from therapy_credits.services import care_mail
from therapy_credits.services.cases import TOLD_BY_PRACTICE

# Days after a session on which its practice is asked.
ASK_AFTER_DAYS = (1, 3, 7, 14)
DAY = dt.timedelta(days=1)
# A practice that mistyped puts it right within minutes; then the person need not be asked.
QUIET = dt.timedelta(minutes=30)


def remind_people(*, at: dt.datetime) -> int:
    """Tell everybody whose booking begins within a day. Says how many there are.

    The key of the mail makes it one reminder, however often this runs.
    """
    soon = Booking.objects.filter(
        status=Booking.Status.BOOKED,
        starts_at__gt=at,
        starts_at__lte=at + DAY,
        # Who books today for tomorrow knows.
        booked_at__lt=at - DAY / 2,
    ).order_by("starts_at")
    for booking in soon:
        with transaction.atomic():
            care_mail.remind_person(booking, at)
    return len(soon)


def remind_of_calls(*, at: dt.datetime) -> int:
    """The same for calls. Says how many there are."""
    soon = FitCall.objects.kept().filter(
        starts_at__gt=at, starts_at__lte=at + DAY, booked_at__lt=at - DAY / 2
    )
    for call in soon.order_by("starts_at"):
        with transaction.atomic():
            care_mail.remind_of_call(call, at)
    return len(soon)


def ask_people(*, at: dt.datetime) -> int:
    """Ask "was this right?" once of what a practice told in the last day. Says how many."""
    lately = {"resolved_at__gt": at - DAY, "resolved_at__lte": at - QUIET, "agreed_at": None}
    bookings = Booking.objects.filter(
        status__in=TOLD_BY_PRACTICE, resolved_by__isnull=False, **lately
    )
    codes = SessionCode.objects.filter(status=SessionCode.Status.REDEEMED, **lately)
    told = [*bookings.order_by("resolved_at"), *codes.order_by("resolved_at")]
    for source in told:
        with transaction.atomic():
            care_mail.ask_if_right(source, at)
    return len(told)


def remind_practices(*, at: dt.datetime) -> int:
    """Ask each practice with a session that ended 1, 3, 7 or 14 days ago. Says how many."""
    asked = 0
    for practice in Practice.objects.exclude(status=Practice.Status.ENDED):
        today = at.astimezone(practice.zone).date()
        waiting = Booking.objects.filter(practice=practice).to_confirm(at=at)
        ages = {
            (today - ends_at.astimezone(practice.zone).date()).days
            for ends_at in waiting.values_list("ends_at", flat=True)
        }
        if ages.intersection(ASK_AFTER_DAYS):
            with transaction.atomic():
                care_mail.remind_practice(practice, count=waiting.count(), day=today, at=at)
            asked += 1
    return asked
