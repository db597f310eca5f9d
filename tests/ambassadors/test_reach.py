"""How far a staff grant reaches."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import Role, StaffGrant, User
from accounts.services.grants import give_role
from ambassadors import rules
from ambassadors.models import Enrolment, Programme, ProgrammeGrant
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, ProgrammeFactory, TermFactory


@pytest.fixture
def local_coordinator(db: None) -> User:
    """Coordinates one programme and no other."""
    user = make_user("local")
    give_role(user=user, role=Role.COORDINATOR, giver=None, at=NOW, all_programmes=False)
    return user


def reach(user: User, programme: Programme) -> None:
    ProgrammeGrant.objects.create(grant=StaffGrant.objects.get(user=user), programme=programme)


def test_a_grant_for_all_reaches_every_programme(coordinator: User) -> None:
    programmes = [ProgrammeFactory(), ProgrammeFactory()]
    assert set(rules.programmes_for(coordinator, Role.COORDINATOR, at=NOW)) == set(programmes)


def test_a_limited_grant_reaches_what_it_names(local_coordinator: User) -> None:
    mine, other = ProgrammeFactory(), ProgrammeFactory()
    reach(local_coordinator, mine)
    assert list(rules.programmes_for(local_coordinator, Role.COORDINATOR, at=NOW)) == [mine]
    assert rules.can_coordinate(local_coordinator, mine, at=NOW)
    assert not rules.can_coordinate(local_coordinator, other, at=NOW)
    assert not rules.can_create_programmes(local_coordinator, at=NOW)


def test_a_grant_reaches_nothing_before_after_or_for_another_role(coordinator: User) -> None:
    ProgrammeFactory()
    assert not rules.programmes_for(coordinator, Role.FINANCE, at=NOW)
    StaffGrant.objects.update(until_on=NOW.date())
    assert rules.programmes_for(coordinator, at=NOW)
    assert not rules.programmes_for(coordinator, at=NOW + dt.timedelta(days=1))
    assert not rules.programmes_for(coordinator, at=NOW - dt.timedelta(days=1))


def test_enrolments_are_seen_by_their_person_and_their_coordinator(
    local_coordinator: User, outsider: User, attendee: User
) -> None:
    mine = EnrolmentFactory(user=attendee)
    other = EnrolmentFactory(term=TermFactory())
    reach(local_coordinator, mine.term.programme)
    assert list(Enrolment.objects.visible_to(attendee, at=NOW)) == [mine]
    assert list(Enrolment.objects.visible_to(local_coordinator, at=NOW)) == [mine]
    assert not Enrolment.objects.visible_to(outsider, at=NOW)
    assert list(Enrolment.objects.visible_to(other.user, at=NOW)) == [other]


def test_an_unlisted_programme_is_read_by_those_in_it(outsider: User, attendee: User) -> None:
    listed = ProgrammeFactory()
    quiet = ProgrammeFactory(is_listed=False)
    mine = EnrolmentFactory(user=attendee, term__programme=quiet)
    EnrolmentFactory(term=mine.term, status="removed")
    assert list(Programme.objects.visible_to(outsider)) == [listed]
    assert set(Programme.objects.visible_to(attendee)) == {listed, quiet}
    Enrolment.objects.filter(pk=mine.pk).update(status="removed")
    assert list(Programme.objects.visible_to(attendee)) == [listed]
