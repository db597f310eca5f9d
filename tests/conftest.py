"""The cast, each person with one line of purpose. An app adds its own in its conftest.py."""

import datetime as dt

import pytest

from accounts.models import User

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
