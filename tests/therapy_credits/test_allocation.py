"""Everybody is given what the policy says, once; what leavers left behind comes back."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.db import connection
from uuid6 import uuid7

from ambassadors.models import Enrolment, Term
from ambassadors.services import enrolments
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, TermFactory
from tests.therapy_credits.conftest import DAY, STAFF, account_of, give, hold, make_pool
from therapy_credits import tasks
from therapy_credits.models import Account, Code, Expiry, Kind, Policy, Pool, Transfer
from therapy_credits.services import allocation, ledger, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture
def term(db: None) -> Term:
    """The whole of 2026, in London."""
    return TermFactory()


@pytest.fixture
def policy(pool: Pool, term: Term) -> Policy:
    """Six sessions for each, good for 90 days."""
    return Policy.objects.create(pool=pool, term=term, units=6, expiry_days=90)


def lots_of(enrolment: Enrolment) -> list[Account]:
    return list(Account.objects.lots(*subjects.own_tokens(enrolment.user)).order_by("pk"))


def test_everybody_active_is_given_what_the_policy_says(policy: Policy, term: Term) -> None:
    active = [EnrolmentFactory(term=term) for _ in range(3)]
    others = [EnrolmentFactory(term=term, status=s) for s in ("invited", "paused", "alumni")]
    elsewhere = EnrolmentFactory()
    assert allocation.allocate_due(at=NOW) == 3
    for enrolment in active:
        (lot,) = lots_of(enrolment)
        assert (lot.left, lot.priority, lot.effective_at) == (6, 50, NOW)
        # To the end of the 90th day after, as London counts days.
        assert lot.expires_at == dt.datetime(2026, 9, 1, 23, 0, tzinfo=dt.UTC)
    assert [lots_of(e) for e in (*others, elsewhere)] == [[], [], [], []]
    transfers = Transfer.objects.filter(code=Code.ALLOCATE)
    assert set(transfers.values_list("group", "actor")) == {(policy.pk, ledger.SYSTEM)}


def test_again_gives_nothing_and_a_newcomer_is_given_theirs(policy: Policy, term: Term) -> None:
    EnrolmentFactory(term=term)
    assert allocation.allocate_due(at=NOW) == 1
    assert allocation.allocate_due(at=NOW + DAY) == 0
    EnrolmentFactory(term=term)
    assert allocation.allocate_due(at=NOW + DAY) == 1
    assert account_of(policy.pool, Kind.POOL).left == 88


def test_a_changed_policy_touches_only_what_is_given_later(policy: Policy, term: Term) -> None:
    first = EnrolmentFactory(term=term)
    allocation.allocate_due(at=NOW)
    Policy.objects.update(units=2, priority=9, expiry_days=10)
    second = EnrolmentFactory(term=term)
    allocation.allocate_due(at=NOW)
    assert [(lot.left, lot.priority) for lot in lots_of(first)] == [(6, 50)]
    assert [(lot.left, lot.priority) for lot in lots_of(second)] == [(2, 9)]


def test_a_paused_policy_gives_nothing(policy: Policy, term: Term) -> None:
    EnrolmentFactory(term=term)
    Policy.objects.update(paused_at=NOW)
    assert allocation.allocate_due(at=NOW) == 0


def test_the_term_can_set_the_expiry(policy: Policy, term: Term) -> None:
    Policy.objects.update(expiry=Expiry.TERM_END, expiry_days=60)
    enrolment = EnrolmentFactory(term=term)
    allocation.allocate_due(at=NOW)
    assert lots_of(enrolment)[0].expires_at == dt.datetime(2027, 3, 2, tzinfo=dt.UTC)


def test_a_pool_that_cannot_serve_everybody_serves_those_who_came_first(
    pool: Pool, policy: Policy, term: Term
) -> None:
    """100 paid in, 5 kept back: 15 people, and 5 sessions over."""
    enrolments = [EnrolmentFactory(term=term) for _ in range(17)]
    assert allocation.allocate_due(at=NOW) == 15
    assert [len(lots_of(e)) for e in enrolments] == [1] * 15 + [0] * 2
    assert account_of(pool, Kind.POOL).left == 10
    ledger.fund(pool=pool, units=20, transfer_id=uuid7(), actor=STAFF, at=NOW)
    assert allocation.allocate_due(at=NOW) == 2


def test_one_person_in_two_terms_of_a_year_is_given_both_under_one_token(
    pool: Pool, policy: Policy, term: Term
) -> None:
    second = TermFactory(programme=term.programme)
    Policy.objects.create(pool=pool, term=second, units=1)
    enrolment = EnrolmentFactory(term=term)
    EnrolmentFactory(term=second, user=enrolment.user)
    assert allocation.allocate_due(at=NOW) == 2
    assert sorted(lot.left for lot in lots_of(enrolment)) == [1, 6]
    assert len({lot.subject for lot in lots_of(enrolment)}) == 1


def test_consent_is_not_asked_for_because_that_would_tell(policy: Policy, term: Term) -> None:
    enrolment = EnrolmentFactory(term=term)
    assert not enrolment.user.consents.exists()
    assert allocation.allocate_due(at=NOW) == 1


def test_giving_takes_the_same_number_of_statements_for_one_as_for_fifty(
    term: Term, django_assert_num_queries: Callable[..., object]
) -> None:
    policy = Policy.objects.create(pool=make_pool(units=1000), term=term, units=1)
    for people in (1, 50):
        for _ in range(people):
            EnrolmentFactory(term=term)
        with django_assert_num_queries(15):
            allocation.allocate_due(at=NOW)
    assert Account.objects.filter(kind=Kind.LOT, pool=policy.pool).count() == 51


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_runs_at_the_same_time_give_once() -> None:
    term = TermFactory()
    pool = make_pool(units=1000)
    Policy.objects.create(pool=pool, term=term, units=6)
    for _ in range(20):
        EnrolmentFactory(term=term)
    start, given, errors = threading.Barrier(6), [], []

    def run() -> None:
        try:
            start.wait()
            given.append(allocation.allocate_due(at=NOW))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(given) == [0, 0, 0, 0, 0, 20]
    assert account_of(pool, Kind.POOL).left == 1000 - 120
    assert Account.objects.filter(kind=Kind.LOT).count() == 20


def test_who_becomes_active_is_given_theirs_at_once(
    policy: Policy,
    term: Term,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    """The enrolment hints; the worker does, and the schedule would."""
    enrolment = EnrolmentFactory(term=term, status="paused")
    enrolment.status_by = enrolment.user
    enrolment.save(update_fields=["status_by"])
    sent: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **_: sent.append(name))
    with django_capture_on_commit_callbacks(execute=True):
        enrolments.resume(enrolment=enrolment, user=enrolment.user, at=NOW)
    assert sent == [tasks.allocate_due.name]
    allocation.allocate_due(at=NOW)
    assert [lot.left for lot in lots_of(enrolment)] == [6]


# --- People who leave --------------------------------------------------------


def leave(enrolment: Enrolment, *, at: dt.datetime = NOW) -> None:
    enrolment.status, enrolment.status_at = "removed", at
    enrolment.save(update_fields=["status", "status_at"])


def test_what_leavers_left_comes_back_after_sixty_days(policy: Policy, term: Term) -> None:
    leaver, stayer = EnrolmentFactory(term=term), EnrolmentFactory(term=term)
    allocation.allocate_due(at=NOW)
    leave(leaver)
    assert allocation.claw_back_due(at=NOW + 60 * DAY - dt.timedelta(seconds=1)) == 0
    assert allocation.claw_back_due(at=NOW + 60 * DAY) == 1
    assert allocation.claw_back_due(at=NOW + 61 * DAY) == 0
    (lot,) = lots_of(leaver)
    assert (lot.left, lot.closed_at) == (0, NOW + 60 * DAY)
    assert [lot.left for lot in lots_of(stayer)] == [6]
    assert account_of(policy.pool, Kind.POOL).left == 94


def test_what_a_leaver_has_booked_stays_booked(policy: Policy, term: Term) -> None:
    leaver = EnrolmentFactory(term=term)
    allocation.allocate_due(at=NOW)
    leave(leaver)
    (lot,) = lots_of(leaver)
    assert lot.subject is not None
    booking = hold(lot.subject, 2, at=NOW + 59 * DAY)
    allocation.claw_back_due(at=NOW + 60 * DAY)
    lot.refresh_from_db()
    assert (lot.left, lot.debits_pending, lot.closed_at) == (0, 2, None)
    ledger.release_hold(group=booking.group, actor=STAFF, at=NOW + 61 * DAY)
    assert allocation.claw_back_due(at=NOW + 62 * DAY) == 1
    lot.refresh_from_db()
    assert (lot.left, lot.closed_at) == (0, NOW + 62 * DAY)


def test_who_is_still_in_another_term_of_the_year_has_not_left(policy: Policy, term: Term) -> None:
    leaver = EnrolmentFactory(term=term)
    EnrolmentFactory(term=TermFactory(programme=term.programme), user=leaver.user)
    allocation.allocate_due(at=NOW)
    leave(leaver)
    assert allocation.claw_back_due(at=NOW + 90 * DAY) == 0
    assert [lot.left for lot in lots_of(leaver)] == [6]


def test_who_left_is_not_given_again_by_the_same_policy(policy: Policy, term: Term) -> None:
    leaver = EnrolmentFactory(term=term)
    allocation.allocate_due(at=NOW)
    leave(leaver)
    allocation.claw_back_due(at=NOW + 60 * DAY)
    for status in ("onboarding", "active"):
        leaver.status = status
        leaver.save(update_fields=["status"])
    assert allocation.allocate_due(at=NOW + 61 * DAY) == 0


def test_nothing_of_others_is_touched(pool: Pool, policy: Policy, term: Term) -> None:
    stranger = give(pool, uuid4(), 3)
    leaver = EnrolmentFactory(term=term)
    leave(leaver)
    allocation.claw_back_due(at=NOW + 90 * DAY)
    stranger.refresh_from_db()
    assert stranger.left == 3
