"""What a person has."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import NOW
from tests.factories import TermFactory, UserFactory
from tests.therapy_credits.conftest import DAY, STAFF, give, hold, make_pool
from therapy_credits.models import Expiry, Pool
from therapy_credits.queries.balances import Balance, balance_of, parts_of
from therapy_credits.services import expiry, ledger
from therapy_credits.services.pools import add_policy

pytestmark = pytest.mark.django_db


def post(group: UUID) -> None:
    ledger.post_hold(group=group, actor=STAFF, at=NOW)


def test_two_left_one_booked_three_used(pool: Pool, ana: UUID, ben: UUID) -> None:
    give(pool, ben, 6)
    lot = give(pool, ana, 6)
    for _ in range(3):
        post(hold(ana).group)
    hold(ana)
    assert balance_of([ana], at=NOW) == Balance(
        left=2,
        booked=1,
        used=3,
        allocated=6,
        received=0,
        gifted=0,
        expired=0,
        returned=0,
        expires_at=lot.expires_at,
    )


def test_the_earliest_expiry_is_of_what_is_left(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1, days=10)
    later = give(pool, ana, 1, days=20)
    hold(ana)
    assert balance_of([ana], at=NOW).expires_at == later.expires_at


def test_what_is_over_counts_as_expired_before_it_is_swept_and_after(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 3, days=10)
    hold(ana)
    for _ in range(2):
        has = balance_of([ana], at=NOW + 10 * DAY)
        assert (has.left, has.booked, has.expired, has.expires_at) == (0, 1, 2, None)
        expiry.expire_lots(at=NOW + 10 * DAY)


def test_an_undone_charge_is_not_used_even_when_it_came_back_as_grace(
    pool: Pool, ana: UUID
) -> None:
    give(pool, ana, 1, days=10)
    group = hold(ana).group
    post(group)
    ledger.reverse_charge(group=group, actor=STAFF, at=NOW + 11 * DAY)
    has = balance_of([ana], at=NOW + 11 * DAY)
    assert (has.left, has.used, has.allocated, has.expired) == (1, 0, 1, 0)


def test_goodwill_is_not_use(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1)
    ledger.excuse_hold(group=hold(ana).group, actor=STAFF, at=NOW)
    assert (balance_of([ana], at=NOW).left, balance_of([ana], at=NOW).used) == (1, 0)


def test_all_tokens_of_a_person_count_together(pool: Pool, ana: UUID) -> None:
    last_year = uuid4()
    give(pool, ana, 2)
    give(pool, last_year, 3)
    assert balance_of([ana, last_year], at=NOW).left == 5


def test_who_was_never_given_anything_has_nothing(pool: Pool, ana: UUID) -> None:
    for tokens in ([], [ana]):
        has = balance_of(tokens, at=NOW)
        assert (has.left, has.has_ever_had_any, has.expires_at) == (0, False, None)


def test_a_balance_takes_two_queries_whatever_the_history(ana: UUID) -> None:
    pool = make_pool(units=1000)
    for n in range(1, 42):
        give(pool, ana, 2)
        post(hold(ana).group)
        if n in (1, 41):
            with CaptureQueriesContext(connection) as queries:
                assert balance_of([ana], at=NOW).used == n
            assert len(queries) == 2


def test_what_two_terms_gave_stays_apart_and_a_gift_names_no_programme(
    pool: Pool, ana: UUID, ben: UUID
) -> None:
    spring, autumn = (
        add_policy(
            pool=pool,
            term=TermFactory(name=name),
            units=2,
            expiry=Expiry.ALLOCATION,
            expiry_days=90,
            priority=priority,
            is_paused=False,
            author=UserFactory(),
            at=NOW,
        )
        for name, priority in (("Spring", 20), ("Autumn", 10))
    )
    for policy in (spring, autumn):
        give(pool, ana, policy.units, priority=policy.priority, group=policy.pk)
    give(pool, ben, 1, days=30)
    ledger.give_units(subject=ben, recipient=ana, units=1, group=uuid4(), actor=STAFF, at=NOW)
    hold(ana)
    assert [
        (part.term and part.term.name, part.is_gift, part.left, part.booked)
        for part in parts_of([ana], at=NOW)
    ] == [
        ("Autumn", False, 1, 1),
        ("Spring", False, 2, 0),
        (None, True, 1, 0),
    ]
    with CaptureQueriesContext(connection) as captured:
        parts_of([ana], at=NOW)
    assert len(captured) == 4
