"""check_ledger proves the books, and finds them wrong when they are."""

from __future__ import annotations

import os
import resource
import time
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

SOAK_TRANSFERS = int(os.environ.get("SOAK_TRANSFERS", "10000000"))


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


# --- A large ledger ----------------------------------------------------------

# For each lot ten transfers: given six, four times held and used, and two that expired.
LOTS = """
INSERT INTO therapy_credits_account
    (pool_id, kind, bounded, subject, priority, effective_at, expires_at,
     credits_posted, debits_posted, debits_pending, credits_pending)
SELECT %(pool)s, 'lot', true, gen_random_uuid(), 50, %(at)s, %(at)s + interval '90 days', 6, 6, 0, 0
  FROM generate_series(1, %(lots)s)
"""
OTHERS = """
INSERT INTO therapy_credits_account
    (pool_id, kind, bounded, practice_id,
     credits_posted, debits_posted, debits_pending, credits_pending)
SELECT %(pool)s, 'practice', true, n, 4 * %(lots)s / 1000, 0, 0, 0
  FROM generate_series(0, 999) AS n;
UPDATE therapy_credits_account SET debits_posted = 6 * %(lots)s
 WHERE pool_id = %(pool)s AND kind = 'pool';
UPDATE therapy_credits_account SET credits_posted = 2 * %(lots)s
 WHERE pool_id = %(pool)s AND kind = 'expired';
"""
HISTORIES = """
INSERT INTO therapy_credits_transfer
    (id, pool_id, phase, code, debit_id, credit_id, amount, pending_id, pending_amount, "group",
     timeout_at, actor, request_hash, made_at)
SELECT md5(lot.n || ' ' || step)::uuid, %(pool)s, phase, code,
       CASE step WHEN 0 THEN pool.id ELSE lot.id END,
       CASE step WHEN 0 THEN lot.id WHEN 9 THEN expired.id ELSE practice.id END,
       CASE step WHEN 0 THEN 6 WHEN 9 THEN 2 ELSE 1 END,
       CASE phase WHEN 'post' THEN md5(lot.n || ' ' || step - 1)::uuid END,
       CASE phase WHEN 'post' THEN 1 END, md5(lot.n || 'g' || (step + 1) / 2)::uuid,
       CASE phase WHEN 'pending' THEN %(at)s + interval '30 days' END, %(actor)s,
       '\\x00'::bytea, %(at)s + step * interval '1 day'
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM therapy_credits_account
         WHERE pool_id = %(pool)s AND kind = 'lot') AS lot
  JOIN therapy_credits_account AS pool ON pool.pool_id = %(pool)s AND pool.kind = 'pool'
  JOIN therapy_credits_account AS expired
    ON expired.pool_id = %(pool)s AND expired.kind = 'expired'
  JOIN therapy_credits_account AS practice
    ON practice.pool_id = %(pool)s AND practice.practice_id = lot.n %% 1000
 CROSS JOIN generate_series(0, 9) AS step
 CROSS JOIN LATERAL (SELECT CASE WHEN step IN (0, 9) THEN 'single'
                                 WHEN step %% 2 = 1 THEN 'pending' ELSE 'post' END AS phase,
                            CASE step WHEN 0 THEN 'ALLOCATE' WHEN 9 THEN 'EXPIRE'
                                      ELSE CASE WHEN step %% 2 = 1 THEN 'HOLD' ELSE 'REDEEM' END
                            END AS code) AS what
"""


def peak_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.soak
def test_ten_million_transfers_are_proved_in_minutes_and_constant_memory(paid_pool: Pool) -> None:
    """``make soak``; SOAK_TRANSFERS for another number."""
    assert list(differences()) == []  # whatever the first time loads is loaded
    before = peak_memory_mb()
    facts = {"pool": paid_pool.pk, "at": NOW, "actor": STAFF, "lots": SOAK_TRANSFERS // 10}
    ledger.fund(pool=paid_pool, units=facts["lots"] * 6, transfer_id=uuid7(), actor=STAFF, at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in (LOTS, OTHERS, "ANALYZE therapy_credits_account", HISTORIES):
            cursor.execute(statement, facts)
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE therapy_credits_transfer")

    began = time.perf_counter()
    found = list(differences())
    took = time.perf_counter() - began
    # Paid for were the first hundred sessions only; every counter is what its transfers say.
    assert [line for line in found if "account" in line] == []
    assert len(found) == 2
    assert took < 300

    # Where every account of ten is wrong, each is named, and none is kept in memory.
    one_more = "UPDATE therapy_credits_account SET credits_posted = credits_posted + 1"
    tamper(f"{one_more} WHERE mod(id, 10) = 0")
    wrong = sum("account" in line for line in differences())
    assert wrong > SOAK_TRANSFERS // 200
    grown = peak_memory_mb() - before
    print(f"{SOAK_TRANSFERS:,} transfers: {took:.0f} s, {grown:.1f} MB more at the peak")  # noqa: T201
    assert grown < 20
