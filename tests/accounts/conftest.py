from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from accounts.services.people import add_person
from notifications.models import Message

PASSWORD = "a long enough phrase"


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    """Each test starts with no attempts counted."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ann(db: None) -> User:
    """Has an account with a confirmed address and a password."""
    return add_person(email="ann@example.org", name="Ann", password=PASSWORD)


@pytest.fixture
def visitor() -> Client:
    """A browser that nobody has signed in to."""
    return Client()


def last_mail() -> Message:
    return Message.objects.latest("pk")


def code_in(message: Message) -> str:
    """The code in a mail: the paragraph that is nothing else."""
    found = re.search(r"^([A-Z0-9]{3,8}(?:-[A-Z0-9]{3,8})*)$", message.text, re.MULTILINE)
    assert found, message.text
    return found.group(1)


Ask = Callable[[str], tuple[int, str, str]]
