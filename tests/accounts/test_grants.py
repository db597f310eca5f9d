"""Roles: given by an administrator, until a day or for good, and taken away again."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts.errors import LastAdministrator, NotYourself, RolesApart
from accounts.models import AuditEntry, Role, StaffGrant, User
from accounts.rules import has_role
from accounts.services.grants import give_role, withdraw_role
from tests.conftest import make_staff


def test_a_role_holds_until_the_end_of_its_last_day(
    attendee: User, admin_user: User, now: dt.datetime
) -> None:
    give_role(user=attendee, role=Role.CARE, giver=admin_user, at=now, until_on=now.date())

    assert has_role(attendee, Role.CARE, at=now.replace(hour=23, minute=59))
    assert not has_role(attendee, Role.CARE, at=now + dt.timedelta(days=1))
    assert not has_role(attendee, Role.CARE, at=now - dt.timedelta(seconds=1))


def test_one_role_is_not_another(coordinator: User, now: dt.datetime) -> None:
    assert has_role(coordinator, Role.COORDINATOR, at=now)
    assert has_role(coordinator, Role.CARE, Role.COORDINATOR, at=now)
    assert not has_role(coordinator, Role.CARE, Role.FINANCE, Role.ADMIN, at=now)


def test_nobody_is_coordinator_and_care_coordinator_at_once(
    coordinator: User, admin_user: User, now: dt.datetime
) -> None:
    with pytest.raises(RolesApart):
        give_role(user=coordinator, role=Role.CARE, giver=admin_user, at=now)
    with pytest.raises(CommandError, match="at once"):
        call_command("grant_role", coordinator.email, "care")
    with (
        pytest.raises(IntegrityError, match="staff_grant_coordinator_or_care"),
        transaction.atomic(),
    ):
        StaffGrant.objects.create(user=coordinator, role=Role.CARE, granted_at=now)
    withdraw_role(grant=coordinator.staff_grants.get(), withdrawer=admin_user, at=now)
    give_role(user=coordinator, role=Role.CARE, giver=admin_user, at=now)
    assert has_role(coordinator, Role.CARE, at=now)


def test_without_naming_a_role_any_will_do(
    coordinator: User, attendee: User, now: dt.datetime
) -> None:
    assert has_role(coordinator, at=now)
    assert not has_role(attendee, at=now)


def test_who_cannot_sign_in_has_no_role(coordinator: User, now: dt.datetime) -> None:
    coordinator.is_active = False
    assert not has_role(coordinator, Role.COORDINATOR, at=now)


def test_giving_a_role_again_keeps_one_grant_and_takes_the_new_day(
    coordinator: User, admin_user: User, now: dt.datetime
) -> None:
    until = now.date() + dt.timedelta(days=30)
    give_role(user=coordinator, role=Role.COORDINATOR, giver=admin_user, at=now, until_on=until)

    assert StaffGrant.objects.get(user=coordinator).until_on == until


def test_a_withdrawn_role_ends_at_once_and_stays_in_the_books(
    coordinator: User, admin_user: User, now: dt.datetime
) -> None:
    grant = coordinator.staff_grants.get()
    withdraw_role(grant=grant, withdrawer=admin_user, at=now)

    assert not has_role(coordinator, Role.COORDINATOR, at=now)
    assert coordinator.staff_grants.get().withdrawn_by == admin_user
    assert AuditEntry.objects.filter(verb="role.withdraw", actor=admin_user).count() == 1


def test_nobody_changes_their_own_roles(admin_user: User, now: dt.datetime) -> None:
    with pytest.raises(NotYourself):
        give_role(user=admin_user, role=Role.FINANCE, giver=admin_user, at=now)
    with pytest.raises(NotYourself):
        withdraw_role(grant=admin_user.staff_grants.get(), withdrawer=admin_user, at=now)

    assert [grant.role for grant in StaffGrant.objects.active(at=now)] == [Role.ADMIN]


def test_the_last_administrator_stays(admin_user: User, now: dt.datetime) -> None:
    second = make_staff("second", Role.ADMIN)
    withdraw_role(grant=admin_user.staff_grants.get(), withdrawer=second, at=now)
    with pytest.raises(LastAdministrator):
        withdraw_role(grant=second.staff_grants.get(), withdrawer=admin_user, at=now)

    assert has_role(second, Role.ADMIN, at=now)


def test_the_database_refuses_an_unknown_role(coordinator: User) -> None:
    with pytest.raises(IntegrityError, match="staff_grant_role_is_known"), transaction.atomic():
        StaffGrant.objects.filter(user=coordinator).update(role="king")


def test_the_database_refuses_a_withdrawal_without_a_time(coordinator: User) -> None:
    with pytest.raises(IntegrityError, match="needs_a_time"), transaction.atomic():
        StaffGrant.objects.filter(user=coordinator).update(withdrawn_by=coordinator)


def test_the_database_refuses_two_open_grants_of_one_role(
    coordinator: User, now: dt.datetime
) -> None:
    StaffGrant.objects.create(user=coordinator, role=Role.ADMIN, granted_at=now)
    with pytest.raises(IntegrityError, match="staff_grant_one_open_per_role"):
        StaffGrant.objects.create(user=coordinator, role=Role.ADMIN, granted_at=now)
