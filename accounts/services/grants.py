"""Giving and withdrawing roles."""

from __future__ import annotations

from datetime import date, datetime

from allauth.usersessions.models import UserSession
from django.db import transaction

from accounts.errors import LastAdministrator, NotYourself, RolesApart
from accounts.models import Role, StaffGrant, User
from accounts.services import audit

# Of these, one person has one at most.
APART = (Role.COORDINATOR, Role.CARE)


@transaction.atomic
def give_role(
    *,
    user: User,
    role: str,
    giver: User | None,
    at: datetime,
    until_on: date | None = None,
    all_programmes: bool | None = None,
) -> StaffGrant:
    """Give ``user`` the role until the end of ``until_on`` (UTC), or for good.

    A role they hold already keeps its row and takes the new last day, and the new reach where
    one is named: a new last day never widens what a grant reaches.
    ``giver`` is nobody when a command does it. Nobody changes their own roles, and nobody is
    coordinator and care coordinator at once (RolesApart).
    """
    if giver is not None and giver.pk == user.pk:
        raise NotYourself
    User.objects.select_for_update().get(pk=user.pk)
    grant = StaffGrant.objects.filter(user=user, role=role, withdrawn_at__isnull=True).first()
    others = StaffGrant.objects.filter(user=user, role__in=APART, withdrawn_at__isnull=True)
    if role in APART and others.exclude(role=role).exists():
        raise RolesApart
    if grant is None:
        grant = StaffGrant.objects.create(
            user=user,
            role=role,
            until_on=until_on,
            all_programmes=all_programmes is not False,
            granted_at=at,
            granted_by=giver,
        )
        audit.record(giver, "role.give", grant, at, fields=["role", "until_on"])
        _sign_out_everywhere(user)
        return grant
    if all_programmes is None:
        all_programmes = grant.all_programmes
    if (grant.until_on, grant.all_programmes) != (until_on, all_programmes):
        grant.until_on, grant.all_programmes = until_on, all_programmes
        grant.save(update_fields=["until_on", "all_programmes"])
        audit.record(giver, "role.change", grant, at, fields=["until_on", "all_programmes"])
    return grant


@transaction.atomic
def withdraw_role(*, grant: StaffGrant, withdrawer: User, at: datetime) -> StaffGrant:
    """Take the role away, now. The last administrator keeps theirs."""
    if withdrawer.pk == grant.user_id:
        raise NotYourself
    # Every administrator's grant is locked, so that two people cannot each remove the other's.
    admins = list(
        StaffGrant.objects.active(at=at)
        .filter(role=Role.ADMIN)
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    row = StaffGrant.objects.select_for_update().get(pk=grant.pk)
    if row.withdrawn_at is not None:
        return row
    if row.role == Role.ADMIN and [admin.pk for admin in admins] == [row.pk]:
        raise LastAdministrator
    row.withdrawn_at, row.withdrawn_by = at, withdrawer
    row.save(update_fields=["withdrawn_at", "withdrawn_by"])
    audit.record(withdrawer, "role.withdraw", row, at, fields=["withdrawn_at"])
    _sign_out_everywhere(row.user)
    return row


def _sign_out_everywhere(user: User) -> None:
    """So that the limits of the new roles hold from the next sign-in, for every device."""
    for session in UserSession.objects.filter(user=user):
        session.end()
