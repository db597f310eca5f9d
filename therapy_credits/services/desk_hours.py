"""When the care desk is open, and who looks after whose cases while somebody is away."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import audit
from therapy_credits.errors import AwayAlready, CannotCover, NotYourCase
from therapy_credits.models import CareCase, CareDesk, DeskAbsence, DeskException, DeskHours
from therapy_credits.queries.desk import care_staff, desk_week
from therapy_credits.services.cases import hand_over

ONE_DAY = dt.timedelta(days=1)


@transaction.atomic
def set_zone(*, time_zone: str, by: User, at: dt.datetime) -> CareDesk:
    """The zone in which the hours are meant."""
    desk, _ = CareDesk.objects.update_or_create(id=1, defaults={"time_zone": time_zone})
    audit.record(by, "desk.zone", desk, at, ["time_zone"])
    return desk


@transaction.atomic
def add_hours(*, hours: DeskHours, by: User, at: dt.datetime) -> DeskHours:
    """A window of every week. What was promised before stays due when it was."""
    hours.save()
    audit.record(by, "desk.hours", hours, at, ["weekday", "starts", "ends"])
    return hours


@transaction.atomic
def add_days(
    *,
    first_on: dt.date,
    last_on: dt.date,
    starts: dt.time | None,
    ends: dt.time | None,
    by: User,
    at: dt.datetime,
) -> int:
    """Days that differ, in place of what was said of them before. Without times: closed."""
    days = [first_on + n * ONE_DAY for n in range((last_on - first_on).days + 1)]
    DeskException.objects.filter(on_date__in=days).delete()
    rows = DeskException.objects.bulk_create(
        DeskException(on_date=day, starts=starts, ends=ends) for day in days
    )
    audit.record(by, "desk.days", rows[0], at, ["on_date", "starts", "ends"])
    return len(rows)


@transaction.atomic
def remove(*, row: DeskHours | DeskException, by: User, at: dt.datetime) -> None:
    audit.record(by, "desk.remove", row, at)
    row.delete()


@transaction.atomic
def name_cover(
    *, user: User, cover: User, first_on: dt.date, last_on: dt.date, at: dt.datetime
) -> DeskAbsence:
    """``user`` is away, and ``cover`` looks after what falls due meanwhile.

    Where the absence has begun, it is handed over now. Raises CannotCover for who is not of
    the care staff or is away too, and AwayAlready for days that are part of another absence.
    """
    if cover not in care_staff(at=at) or cover == user:
        raise CannotCover
    # One after the other, so that two do not leave their cases to each other for the same days.
    list(
        User.objects.filter(pk__in=[user.pk, cover.pk])
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    around = DeskAbsence.objects.overlapping(first_on, last_on)
    if around.filter(user=cover).exists() or around.filter(cover=user).exists():
        raise CannotCover
    absence = DeskAbsence(user=user, cover=cover, first_on=first_on, last_on=last_on, named_at=at)
    try:
        with transaction.atomic():
            absence.save()
    except IntegrityError as refusal:
        raise AwayAlready from refusal
    audit.record(user, "desk.cover", absence, at, ["cover", "first_on", "last_on"])
    _hand_over_due(absence, at)
    return absence


@transaction.atomic
def end_absence(*, absence: DeskAbsence, by: User, at: dt.datetime) -> None:
    """They are back, or do not go. What was handed over stays where it is."""
    audit.record(by, "desk.back", absence, at)
    absence.delete()


def hand_to_covers(*, at: dt.datetime) -> int:
    """Give what falls due while somebody is away to who covers for them. How many cases."""
    today = at.astimezone(desk_week().zone).date()
    absences = DeskAbsence.objects.on(today).select_related("user", "cover").order_by("pk")
    return sum(_hand_over_due(absence, at) for absence in absences)


def _hand_over_due(absence: DeskAbsence, at: dt.datetime) -> int:
    zone = desk_week().zone
    if at.astimezone(zone).date() < absence.first_on:
        return 0
    if absence.cover not in care_staff(at=at):
        return 0
    back_at = dt.datetime.combine(absence.last_on + ONE_DAY, dt.time(), tzinfo=zone)
    due = CareCase.objects.waiting().filter(taken_by=absence.user, due_at__lt=back_at)
    handed = 0
    for case in due:
        try:
            hand_over(case=case, to=absence.cover, by=absence.user, at=at)
        except NotYourCase:  # closed or handed on meanwhile
            continue
        handed += 1
    return handed
