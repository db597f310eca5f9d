"""Who works at the care desk, when it is open, and what it can promise."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from accounts.models import Role, StaffGrant, User
from therapy_credits.domain.slots import DayException, Window
from therapy_credits.domain.working_days import USUAL, Week, due_after
from therapy_credits.models import (
    CareCase,
    CareDesk,
    DeskAbsence,
    DeskException,
    DeskHours,
    WeeklyWindow,
)

# More open cases at a time nobody looks after well.
MOST_CASES = 20
# In working days.
FIND_ANSWERED_IN = 2
# Days that differ are told of so long before.
TELL_AHEAD = dt.timedelta(days=30)


def care_staff(*, at: dt.datetime) -> QuerySet[User]:
    """Who can look after a case."""
    grants = StaffGrant.objects.active(at=at).filter(role=Role.CARE)
    return User.objects.filter(pk__in=grants.values("user"), is_active=True).order_by("name", "pk")


def staff_at_the_desk(*, at: dt.datetime) -> QuerySet[User]:
    """Of the care staff, who is not away today."""
    today = at.astimezone(desk_week().zone).date()
    away = DeskAbsence.objects.on(today).values("user")
    return care_staff(at=at).exclude(pk__in=away)


def desk_week() -> Week:
    """The published hours; the usual ones of a working week while none are."""
    desk = CareDesk.objects.first()
    rows = DeskHours.objects.order_by("weekday", "starts")
    windows = [Window(one.weekday, one.starts, one.ends) for one in rows]
    if desk is None or not windows:
        return USUAL
    return Week(
        ZoneInfo(desk.time_zone),
        tuple(windows),
        tuple(
            DayException(one.on_date, one.starts, one.ends)
            for one in DeskException.objects.order_by("on_date", "starts")
        ),
    )


@dataclass(frozen=True)
class DeskShown:
    """What people are told of the desk."""

    zone: ZoneInfo
    # Days with the same hours, together: first day, last day, from and to.
    lines: list[tuple[str, str, list[tuple[dt.time, dt.time]]]]
    days_that_differ: list[DeskException]
    # By when who asks now has an answer.
    answer_by: dt.datetime
    # Whether it can take longer just now: the honest word about the wait.
    is_stretched: bool


def desk_shown(*, at: dt.datetime) -> DeskShown | None:
    """The published hours and an honest wait; None while no hours are published."""
    week = desk_week()
    if week is USUAL:
        return None
    today = at.astimezone(week.zone).date()
    soon = DeskException.objects.filter(on_date__gte=today, on_date__lte=today + TELL_AHEAD)
    return DeskShown(
        week.zone,
        _lines(week),
        list(soon.order_by("on_date", "starts")),
        due_after(at, FIND_ANSWERED_IN, week).astimezone(week.zone),
        _is_stretched(at),
    )


def _lines(week: Week) -> list[tuple[str, str, list[tuple[dt.time, dt.time]]]]:
    found: list[tuple[str, str, list[tuple[dt.time, dt.time]]]] = []
    for day in WeeklyWindow.Weekday:
        times = [(one.starts, one.ends) for one in week.windows if one.weekday == day]
        name = str(day.label)
        if found and found[-1][2] == times:
            found[-1] = (found[-1][0], name, times)
        else:
            found.append((name, name, times))
    return [line for line in found if line[2]]


def _is_stretched(at: dt.datetime) -> bool:
    """Whether somebody waits longer than was promised, or nobody has room for one more."""
    searches = CareCase.objects.filter(kind__in=[CareCase.Kind.FIND, CareCase.Kind.ENDING])
    if searches.waiting().filter(due_at__lt=at).exists():
        return True
    full = (
        CareCase.objects.waiting()
        .filter(taken_by__isnull=False)
        .order_by()
        .values("taken_by")
        .annotate(n=Count("pk"))
        .filter(n__gte=MOST_CASES)
        .values("taken_by")
    )
    return not staff_at_the_desk(at=at).exclude(Q(pk__in=full)).exists()
