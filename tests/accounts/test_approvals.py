"""Two people: one asks, another decides."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import AlreadyDecided, AlreadyWaiting, NotYourRole, NotYours
from accounts.models import Approval, AuditEntry, Role, User
from accounts.models.approvals import ApprovalStatus
from accounts.queries import approvals_for
from accounts.services.approvals import approve, refuse, request_approval
from tests.conftest import make_staff


@pytest.fixture
def second(db: None) -> User:
    """A second person in finance, for what takes two."""
    return make_staff("second", Role.FINANCE)


@pytest.fixture
def approval(finance: User, attendee: User, now: dt.datetime) -> Approval:
    return request_approval(
        kind="test.change",
        target=attendee,
        title="Change something",
        role=Role.FINANCE,
        requester=finance,
        at=now,
    )


def test_a_second_person_of_the_role_approves(
    approval: Approval, second: User, now: dt.datetime
) -> None:
    approve(approval=approval, approver=second, at=now)

    approval.refresh_from_db()
    assert (approval.status, approval.decider, approval.decided_at) == ("approved", second, now)
    assert AuditEntry.objects.filter(verb="approval.approved", actor=second).count() == 1


def test_what_waits_is_listed_first_and_then_the_newest_decisions(
    finance: User, attendee: User, coordinator: User, outsider: User, second: User, now: dt.datetime
) -> None:
    older, newer, waits = (
        request_approval(
            kind="test.change",
            target=target,
            title="Change something",
            role=Role.FINANCE,
            requester=finance,
            at=now,
        )
        for target in (attendee, coordinator, outsider)
    )
    later = now + dt.timedelta(hours=1)
    approve(approval=older, approver=second, at=now)
    refuse(approval=newer, approver=second, at=later)

    assert list(approvals_for(second, at=later)) == [waits, newer, older]


def test_a_second_person_refuses(approval: Approval, second: User, now: dt.datetime) -> None:
    refuse(approval=approval, approver=second, at=now)

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.REFUSED


def test_who_asked_cannot_decide(approval: Approval, finance: User, now: dt.datetime) -> None:
    with pytest.raises(NotYours):
        approve(approval=approval, approver=finance, at=now)

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.REQUESTED


def test_another_role_cannot_decide(
    approval: Approval, coordinator: User, now: dt.datetime
) -> None:
    with pytest.raises(NotYourRole):
        approve(approval=approval, approver=coordinator, at=now)

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.REQUESTED


def test_approving_twice_changes_nothing(
    approval: Approval, second: User, now: dt.datetime
) -> None:
    approve(approval=approval, approver=second, at=now)
    approve(approval=approval, approver=second, at=now + dt.timedelta(hours=1))

    approval.refresh_from_db()
    assert approval.decided_at == now
    with pytest.raises(AlreadyDecided):
        refuse(approval=approval, approver=second, at=now)


def test_the_same_thing_cannot_be_asked_twice_at_once(
    approval: Approval, finance: User, attendee: User, second: User, now: dt.datetime
) -> None:
    again = {
        "kind": "test.change",
        "target": attendee,
        "title": "Change something",
        "role": Role.FINANCE,
        "requester": finance,
        "at": now,
    }
    with pytest.raises(AlreadyWaiting):
        request_approval(**again)

    refuse(approval=approval, approver=second, at=now)
    assert request_approval(**again).pk != approval.pk


def test_the_database_refuses_an_unknown_status(
    approval: Approval, second: User, now: dt.datetime
) -> None:
    with pytest.raises(IntegrityError, match="approval_status_is_known"), transaction.atomic():
        Approval.objects.update(status="maybe", decider=second, decided_at=now)


def test_the_database_refuses_an_unknown_role(approval: Approval) -> None:
    with pytest.raises(IntegrityError, match="approval_role_is_known"), transaction.atomic():
        Approval.objects.update(role="king")


def test_the_database_refuses_a_decision_by_nobody(approval: Approval) -> None:
    with pytest.raises(IntegrityError, match="decided_by_somebody"), transaction.atomic():
        Approval.objects.update(status="approved")


def test_the_database_refuses_a_decision_by_who_asked(
    approval: Approval, finance: User, now: dt.datetime
) -> None:
    with pytest.raises(IntegrityError, match="approval_takes_two_people"), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(
            status="approved", decider=finance, decided_at=now
        )


def test_the_database_refuses_a_second_request_for_the_same_thing(approval: Approval) -> None:
    approval.pk = None
    with pytest.raises(IntegrityError, match="approval_one_waiting"), transaction.atomic():
        approval.save(force_insert=True)
