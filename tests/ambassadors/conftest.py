"""The cast of programmes."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import User
from ambassadors.models import Enrolment, Invitation, Term
from ambassadors.services.agreements import ensure_texts
from ambassadors.services.invitations import invite_person
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, TermFactory


@pytest.fixture
def term(db: None) -> Term:
    """A running term of a programme that mail may name; there is an agreement to read."""
    ensure_texts(at=NOW)
    return TermFactory(name="Spring", programme__name="Open Door", programme__slug="open-door")


@pytest.fixture
def invitation(term: Term, coordinator: User) -> Invitation:
    """Ada is asked to the term, by mail, an hour ago."""
    return invite_person(
        term=term,
        email="Ada@Example.org",
        name="Ada Lumen",
        language="en",
        by=coordinator,
        at=NOW - dt.timedelta(hours=1),
    )


@pytest.fixture
def ambassador(term: Term) -> User:
    """Active in the term."""
    user = make_user("ambassador")
    EnrolmentFactory(term=term, user=user)
    return user


@pytest.fixture
def enrolment(ambassador: User) -> Enrolment:
    return ambassador.enrolments.get()
