"""check_ledger proves the books, and finds them wrong when they are."""

from __future__ import annotations

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from uuid6 import uuid7

from accounts.models import User
from accounts.services import approvals
from tests.conftest import NOW
from tests.therapy_credits.conftest import DAY, STAFF, give, hold, make_pool
from therapy_credits.models import Pool
from therapy_credits.queries.books import differences
from therapy_credits.services import expiry, funding, ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid_pool(finance: User, admin_user: User) -> Pool:
    """A hundred sessions, paid for at 70 pounds each, with a bit of everything booked."""
    pool = make_pool(units=0)
    request = funding.request_funding(
        pool=pool,
        units=100,
        amount_minor=700_000,
        reference="Agreement 7",
        request_id=uuid7(),
        requester=finance,
        at=NOW,
    )
    approval = approvals.Approval.objects.get(target_id=str(request.pk))
    approvals.approve(approval=approval, approver=admin_user, at=NOW)
    funding.book_decided(at=NOW)
    return pool


@pytest.fixture
def busy_pool(paid_pool: Pool, ana: UUID, ben: UUID) -> Pool:
    give(paid_pool, ana, 6)
    give(paid_pool, ben, 2, days=10)
    for n in range(4):
        booking = hold(ana)
        if n % 2:
            ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    ledger.release_hold(group=hold(ana).group, actor=STAFF, at=NOW)
    ledger.post_hold(group=hold(ana, practice_id=None).group, practice_id=8, actor=STAFF, at=NOW)
    ledger.settle(
        pool=paid_pool, practice_id=8, units=1, statement=uuid7(), transfer_id=uuid7(),
        actor=STAFF, at=NOW,
    )  # fmt: skip
    ledger.hand_back(pool=paid_pool, units=10, transfer_id=uuid7(), actor=STAFF, at=NOW)
    expiry.expire_lots(at=NOW + 20 * DAY)
    return paid_pool


def tamper(statement: str, *values: object) -> None:
    """Change the books with every guard asleep, as only a superuser or a bad disk could."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_the_books_are_right(busy_pool: Pool) -> None:
    out = StringIO()
    call_command("check_ledger", stdout=out)
    assert out.getvalue() == "The books are right.\n"


@pytest.mark.parametrize(
    ("kind", "counter"),
    [("lot", "credits_posted"), ("practice", "credits_pending"), ("expired", "credits_posted")],
)
def test_a_tampered_counter_is_found(busy_pool: Pool, kind: str, counter: str) -> None:
    tamper(
        f"UPDATE therapy_credits_account SET {counter} = {counter} + 1 WHERE id ="
        " (SELECT min(id) FROM therapy_credits_account WHERE kind = %s)",
        kind,
    )
    (line,) = differences()
    assert f"{kind} account" in line
    with pytest.raises(CommandError) as stop:
        call_command("check_ledger", stderr=StringIO())
    assert stop.value.returncode == 1


@pytest.mark.parametrize("code", ["ALLOCATE", "RELEASE", "REDEEM"])
def test_a_transfer_that_vanished_is_found_on_both_its_accounts(busy_pool: Pool, code: str) -> None:
    tamper(
        "DELETE FROM therapy_credits_transfer WHERE id ="
        " (SELECT id FROM therapy_credits_transfer WHERE code = %s LIMIT 1)",
        code,
    )
    assert len(list(differences())) == 2


def test_sessions_without_money_are_found(busy_pool: Pool) -> None:
    ledger.fund(pool=busy_pool, units=1, transfer_id=uuid7(), actor=STAFF, at=NOW)
    assert list(differences()) == [
        f"pool {busy_pool.pk}: 101 sessions were funded, 100 were paid for",
        f"pool {busy_pool.pk}: 630000 is needed in minor units, 623000 is there",
    ]


def test_a_raised_ceiling_price_that_the_money_does_not_cover_is_found(busy_pool: Pool) -> None:
    Pool.objects.update(ceiling_price_minor=7001)
    (line,) = differences()
    assert "is needed in minor units" in line
