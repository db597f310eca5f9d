"""Reads that join several apps for one page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User
from accounts.rules import roles_of
from events.models import Occurrence
from therapy_credits.models import PracticeMembership


@dataclass(frozen=True)
class Door:
    """A page of a console, and the staff roles it opens for (all of them when none is named)."""

    label: str | Promise
    url: str
    icon: str
    roles: frozenset[str] = frozenset()


STAFF_DOORS = (
    Door(_("Today"), "/staff/", "home"),
    Door(_("Events"), "/staff/events/", "calendar", frozenset({Role.COORDINATOR})),
    Door(_("Programmes"), "/staff/programmes/", "people", frozenset({Role.COORDINATOR})),
    Door(_("Practices"), "/staff/practices/", "door", frozenset({Role.CARE, Role.ADMIN})),
    Door(_("Pools"), "/staff/pools/", "wallet", frozenset({Role.FINANCE})),
    Door(
        _("Reports"),
        "/staff/reports/",
        "chart",
        frozenset({Role.COORDINATOR, Role.FINANCE, Role.ANALYST}),
    ),
    Door(_("Audit"), "/staff/audit/", "lock", frozenset({Role.ADMIN})),
)
PRACTICE_DOORS = (
    Door(_("Today"), "/practice/", "home"),
    Door(_("Confirm"), "/practice/confirm/", "check"),
    Door(_("Bookings"), "/practice/bookings/", "calendar"),
    Door(_("Hours"), "/practice/hours/", "clock"),
    Door(_("Statements"), "/practice/statements/", "wallet"),
)


def staff_doors(user: User | AnonymousUser, *, at: datetime) -> list[Door]:
    """The pages of the staff console this person's roles open; none for who is not staff."""
    roles = roles_of(user, at=at)
    return [door for door in STAFF_DOORS if roles and (not door.roles or door.roles & roles)]


def practice_doors(user: User | AnonymousUser) -> list[Door]:
    """The pages of the practice portal; none for who works for no practice."""
    if not isinstance(user, User):
        return []
    works = PracticeMembership.objects.current().filter(user=user).exists()
    return list(PRACTICE_DOORS) if works else []


def next_occurrences(*, at: datetime, limit: int = 4) -> QuerySet[Occurrence]:
    """What is on next, for everybody."""
    return (
        Occurrence.objects.visible_to(AnonymousUser())
        .listed()
        .upcoming(at=at)
        .filter(cancelled_at=None, event__status="published")
        .select_related("event")[:limit]
    )
