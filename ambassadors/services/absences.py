"""Saying when one is on tour or on leave. Nothing else changes: no place, no session."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from ambassadors.errors import TooManyAbsences
from ambassadors.models import Absence

MOST = 50


@transaction.atomic
def add_absence(
    *,
    user: User,
    kind: str,
    starts_on: date,
    ends_on: date,
    time_zone: str,
    by: User,
    at: datetime,
) -> Absence:
    """Note that ``user`` is away; ``by`` is the person or somebody who handles their dates."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if user.absences.count() >= MOST:
        raise TooManyAbsences
    absence, created = Absence.objects.get_or_create(
        user=user,
        starts_on=starts_on,
        ends_on=ends_on,
        defaults={"kind": kind, "time_zone": time_zone, "said_by": by},
    )
    if created:
        audit.record(by, "absence.add", absence, at)
    return absence


@transaction.atomic
def remove_absence(*, absence: Absence, by: User, at: datetime) -> None:
    audit.record(by, "absence.remove", absence, at)
    absence.delete()
