"""The cast, each person with one line of purpose. An app adds its own in its conftest.py."""

import datetime as dt

import pgtrigger
import pytest
from django.test import TransactionTestCase

from accounts.models import Role, User
from accounts.services.grants import give_role

# History tables refuse TRUNCATE. After a test with real transactions the database is
# emptied all the same, so for that one statement, and only here, the triggers look away.
_empty = TransactionTestCase._fixture_teardown


def _empty_with_history(case: TransactionTestCase) -> None:
    with pgtrigger.ignore():
        _empty(case)


TransactionTestCase._fixture_teardown = _empty_with_history

# A Wednesday noon, clear of every daylight-saving change. Tests that need "now" use this.
NOW = dt.datetime(2026, 6, 3, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def now() -> dt.datetime:
    return NOW


def make_user(name: str, **fields: object) -> User:
    return User.objects.create_user(
        f"{name}@example.org", "greenroom-test", name=name.title(), **fields
    )


@pytest.fixture
def attendee(db: None) -> User:
    """Comes to events. Enrolled nowhere."""
    return make_user("attendee")


@pytest.fixture
def outsider(db: None) -> User:
    """Has an account and nothing else: must see nothing of anybody."""
    return make_user("outsider")


def make_staff(name: str, *roles: Role) -> User:
    user = make_user(name)
    for role in roles:
        give_role(user=user, role=role, giver=None, at=NOW)
    return user


@pytest.fixture
def coordinator(db: None) -> User:
    """Runs events and enrols ambassadors. Never sees who is in therapy."""
    return make_staff("coordinator", Role.COORDINATOR)


@pytest.fixture
def care_coordinator(db: None) -> User:
    """Helps people reach care. Each look is written down and shown to the person."""
    return make_staff("care", Role.CARE)


@pytest.fixture
def finance(db: None) -> User:
    """Sees amounts and references, never names."""
    return make_staff("finance", Role.FINANCE)


@pytest.fixture
def analyst(db: None) -> User:
    """Reads published reports, never rows."""
    return make_staff("analyst", Role.ANALYST)


@pytest.fixture
def admin_user(db: None) -> User:
    """Sets up and gives roles. Sees no bookings."""
    return make_staff("admin", Role.ADMIN)
