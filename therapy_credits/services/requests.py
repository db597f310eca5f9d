"""What every request begins with that would hold or take something: once, and by whom it may be."""

from __future__ import annotations

import datetime as dt
from typing import TypeVar
from uuid import UUID

from django.db import connection

from accounts.models import User
from ambassadors.queries import has_health_consent
from therapy_credits.errors import AdultsOnly, ConsentMissing, RequestReused
from therapy_credits.models import Booking, FitCall, Practitioner
from therapy_credits.queries.bookings import has_said_adult

Taken = TypeVar("Taken", Booking, FitCall)


def one_at_a_time(request_id: UUID) -> None:
    """Two posts of one form follow one another; the second finds what the first did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(request_id)])


def taken_before(
    kind: type[Taken], request_id: UUID, practitioner: Practitioner, starts_at: dt.datetime
) -> Taken | None:
    """What the same form took when it was sent before. RequestReused where it said another time."""
    one_at_a_time(request_id)
    earlier = kind.objects.filter(request_id=request_id).first()
    if earlier and (earlier.practitioner_id, earlier.starts_at) != (practitioner.pk, starts_at):
        raise RequestReused
    return earlier


def check_may_begin(user: User, *, at: dt.datetime) -> None:
    """Care begins with consent to health data, and for adults. ConsentMissing, AdultsOnly."""
    if not has_health_consent(user, at=at):
        raise ConsentMissing
    if not has_said_adult(user):
        raise AdultsOnly
