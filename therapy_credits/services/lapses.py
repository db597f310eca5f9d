"""When somebody may no longer practise somewhere: warnings before, and what is booked after."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from therapy_credits.domain.matching import Authority, may_practise
from therapy_credits.models import Booking, FitCall, Licence, Practitioner
from therapy_credits.services import care_mail
from therapy_credits.services.bookings import release_unlicensed
from therapy_credits.services.fit_calls import call_off

WARN_BEFORE_DAYS = (30, 14)


def withdraw_licence(*, licence: Licence, by: User, at: dt.datetime) -> int:
    """It no longer counts, whatever its date. What is booked under it is released at no cost to
    anybody's client. How many bookings. Again changes nothing."""
    with transaction.atomic():
        licence = Licence.objects.select_for_update(no_key=True).get(pk=licence.pk)
        if licence.withdrawn_at is None:
            licence.withdrawn_at = at
            licence.save(update_fields=["withdrawn_at"])
            practice = licence.practitioner.practice
            audit.record(by, "licence.withdraw", practice, at, ["licences"])
    return release_uncovered(at=at, of=licence.practitioner)


def warn_of_lapses(*, at: dt.datetime) -> int:
    """Tell practices of licences that end within 30 and within 14 days, once each. How many."""
    today = at.date()
    ending = Licence.objects.verified().filter(
        expires_on__gte=today, expires_on__lte=today + dt.timedelta(days=max(WARN_BEFORE_DAYS))
    )
    warned = 0
    for licence in ending.select_related("practitioner__practice").order_by("pk"):
        left = (licence.expires_on - today).days
        step = min(days for days in WARN_BEFORE_DAYS if left <= days)
        with transaction.atomic():
            care_mail.warn_of_lapse(licence, days=step, at=at)
        warned += 1
    return warned


def release_uncovered(*, at: dt.datetime, of: Practitioner | None = None) -> int:
    """Release every booking to come that no verified licence covers on its day. How many.

    Calls that none covers are called off as well.
    """
    to_come = {"starts_at__gt": at} | ({"practitioner": of} if of else {})
    related = "practitioner__practice"
    for call in FitCall.objects.kept().filter(**to_come).select_related(related).order_by("pk"):
        if not _is_covered(call):
            call_off(call=call, at=at)
    bookings = Booking.objects.filter(status=Booking.Status.BOOKED, **to_come)
    return sum(
        release_unlicensed(booking=booking, at=at)
        for booking in bookings.select_related(related)
        .prefetch_related("practitioner__licences")
        .order_by("starts_at")
        if not _is_covered(booking)
    )


def _is_covered(one: Booking | FitCall) -> bool:
    """Whether a verified licence counts where the person will be, on that day at the practice."""
    authorities = [
        Authority(licence.country, licence.region, licence.expires_on)
        for licence in one.practitioner.licences.all()
        if licence.is_verified
    ]
    day = one.starts_at.astimezone(one.practitioner.practice.zone).date()
    return may_practise(authorities, one.country, one.region, day) is not None
