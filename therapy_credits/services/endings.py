"""When a practice cannot go on with somebody."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from therapy_credits.domain.working_days import due_after
from therapy_credits.models import Booking, CareCase, FitCall, PracticeMembership
from therapy_credits.queries.desk import desk_week
from therapy_credits.services.bookings import practice_cancel
from therapy_credits.services.cases import ENDING_ANSWERED_IN, open_case
from therapy_credits.services.fit_calls import practice_cancel_fit_call


@transaction.atomic
def end_care(*, booking: Booking, membership: PracticeMembership, at: dt.datetime) -> CareCase:
    """The practice cannot go on with a client. No reason is asked.

    Every booking and call to come with that practitioner is cancelled by the practice, which
    costs the client nothing, and the care desk looks for somebody within one working
    day. Again gives the same case.
    """
    to_come = Booking.objects.filter(
        subject=booking.subject,
        practitioner=booking.practitioner,
        status=Booking.Status.BOOKED,
        starts_at__gt=at,
    )
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
    endings = booking.cases.filter(kind=CareCase.Kind.ENDING)
    if earlier := endings.first():
        return earlier
    case = open_case(
        CareCase.Kind.ENDING, booking, due_after(at, ENDING_ANSWERED_IN, desk_week()), at
    )
    for one in to_come.order_by("pk"):
        practice_cancel(booking=one, membership=membership, at=at)
    calls = FitCall.objects.kept().filter(
        subject=booking.subject, practitioner=booking.practitioner, starts_at__gt=at
    )
    for call in calls.order_by("pk"):
        practice_cancel_fit_call(call=call, membership=membership, at=at)
    return case
