"""What the database itself refuses. Every test goes round the code, with bare SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from tests.conftest import NOW
from tests.therapy_credits.conftest import DAY, STAFF, account_of, counters, give, hold, make_pool
from therapy_credits.models import Account, Kind, Pool, Transfer
from therapy_credits.services import ledger

pytestmark = pytest.mark.django_db

COLUMNS = (
    "id, pool_id, phase, code, debit_id, credit_id, amount, pending_id, pending_amount, "
    'reverses_id, "group", timeout_at, actor, request_hash, made_at'
)


def book(debit: Account, credit: Account, code: str, phase: str = "single", **facts: Any) -> UUID:
    """INSERT one transfer as somebody at a database prompt would."""
    row = {
        "id": uuid4(),
        "pool_id": debit.pool_id,
        "phase": phase,
        "code": code,
        "debit_id": debit.pk,
        "credit_id": credit.pk,
        "amount": 1,
        "pending_id": None,
        "pending_amount": None,
        "reverses_id": None,
        "group": uuid4(),
        "timeout_at": NOW + 30 * DAY if phase == "pending" else None,
        "actor": STAFF,
        "request_hash": b"",
        "made_at": NOW,
        **facts,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO therapy_credits_transfer ({COLUMNS}) "
            f"VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )
    return row["id"]


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@contextmanager
def refused_by(rule: str) -> Iterator[None]:
    """The block is refused by exactly this rule, and the books are as they were."""
    accounts = list(Account.objects.order_by("pk").values())
    transfers = Transfer.objects.count()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        yield
    assert refusal.value.__cause__.diag.constraint_name == rule, refusal.value  # type: ignore[union-attr]
    assert list(Account.objects.order_by("pk").values()) == accounts
    assert Transfer.objects.count() == transfers


@pytest.fixture
def lot(pool: Pool, ana: UUID) -> Account:
    """Three sessions of Ana's, good for 180 days."""
    return give(pool, ana, 3)


@pytest.fixture
def practice(pool: Pool) -> Account:
    return ledger.practice_account(pool_id=pool.pk, practice_id=7)


def of(pool: Pool, kind: Kind) -> Account:
    return account_of(pool, kind)


def held(lot: Account, practice: Account, amount: int = 2, **facts: Any) -> dict[str, Any]:
    """A hold, and what a resolution must say about it."""
    pending = book(lot, practice, "HOLD", "pending", amount=amount, **facts)
    return {"pending_id": pending, "pending_amount": amount, "amount": amount}


def test_a_lot_cannot_be_overdrawn(lot: Account, practice: Account) -> None:
    with refused_by("account_not_overdrawn"):
        book(lot, practice, "HOLD", "pending", amount=4)


def test_what_is_held_counts_as_gone(pool: Pool, lot: Account, practice: Account) -> None:
    book(lot, practice, "HOLD", "pending", amount=2)
    with refused_by("account_not_overdrawn"):
        book(lot, of(pool, Kind.POOL), "CLAWBACK", amount=2)


def test_what_is_promised_cannot_be_spent(pool: Pool, lot: Account, practice: Account) -> None:
    book(lot, practice, "HOLD", "pending", amount=2)
    with refused_by("account_not_overdrawn"):
        book(practice, of(pool, Kind.SETTLED), "SETTLE", amount=1)


def test_a_pool_cannot_give_more_than_it_was_paid(pool: Pool, lot: Account) -> None:
    with refused_by("account_not_overdrawn"):
        book(of(pool, Kind.POOL), lot, "ALLOCATE", amount=98)


def test_a_funder_may_owe(pool: Pool) -> None:
    book(of(pool, Kind.FUNDER), of(pool, Kind.POOL), "FUND", amount=5)
    assert counters(of(pool, Kind.FUNDER)) == (-105, 0, 105)


def test_one_statement_cannot_overdraw_either(pool: Pool, lot: Account, practice: Account) -> None:
    row = f"""SELECT gen_random_uuid(), {pool.pk}, 'pending', 'HOLD', {lot.pk}, {practice.pk},
              1, NULL, NULL, NULL, gen_random_uuid(), now() + '1 day', gen_random_uuid(), '', %s
              FROM generate_series(1, %s)"""
    with refused_by("account_not_overdrawn"):
        sql(f"INSERT INTO therapy_credits_transfer ({COLUMNS}) {row}", NOW, 4)
    sql(f"INSERT INTO therapy_credits_transfer ({COLUMNS}) {row}", NOW, 3)
    assert counters(lot) == (0, 3, 0)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_than_nothing_do_not_move(
    lot: Account, practice: Account, amount: int
) -> None:
    with refused_by("transfer_amount_positive"):
        book(lot, practice, "HOLD", "pending", amount=amount)


def test_an_account_cannot_pay_itself(lot: Account) -> None:
    with refused_by("transfer_between_two_accounts"):
        book(lot, lot, "GRACE")


def test_no_transfer_crosses_pools(lot: Account) -> None:
    elsewhere = ledger.practice_account(pool_id=make_pool("Southlight").pk, practice_id=7)
    with refused_by("transfer_within_one_pool"):
        book(lot, elsewhere, "HOLD", "pending")
    with refused_by("transfer_within_one_pool"):
        book(lot, elsewhere, "HOLD", "pending", pool_id=elsewhere.pool_id)


def test_a_transfer_names_accounts_that_exist(lot: Account) -> None:
    with refused_by("transfer_account_exists"):
        book(lot, Account(pk=10**12, pool_id=lot.pool_id), "HOLD", "pending")


def test_the_same_id_is_used_once(lot: Account, practice: Account) -> None:
    first = book(lot, practice, "HOLD", "pending")
    with refused_by("therapy_credits_transfer_pkey"):
        book(lot, practice, "HOLD", "pending", id=first)


@pytest.mark.parametrize(
    ("code", "phase"),
    [("HOLD", "single"), ("ALLOCATE", "pending"), ("FUND", "post"), ("X", "void")],
)
def test_a_code_has_its_phase(lot: Account, practice: Account, code: str, phase: str) -> None:
    hold = held(lot, practice) if phase in ("post", "void") else {}
    with refused_by("transfer_code_fits_phase"):
        book(lot, practice, code, phase, **hold)


@pytest.mark.parametrize(
    ("debit", "credit", "code"),
    [
        (Kind.FUNDER, Kind.LOT, "FUND"),
        (Kind.POOL, Kind.EXPIRED, "EXPIRE"),
        (Kind.POOL, Kind.SETTLED, "SETTLE"),
        (Kind.LOT, Kind.SETTLED, "SETTLE"),
        (Kind.LOT, Kind.FUNDER, "RETURN"),
        (Kind.LOT, Kind.PRACTICE, "ASSIGN"),
        (Kind.POOL, Kind.PRACTICE, "ALLOCATE"),
    ],
)
def test_only_known_flows_are_booked(
    pool: Pool, lot: Account, practice: Account, debit: Kind, credit: Kind, code: str
) -> None:
    with refused_by("transfer_follows_a_known_flow"):
        book(of(pool, debit), of(pool, credit), code)


def test_a_hold_is_resolved_once(lot: Account, practice: Account) -> None:
    hold = held(lot, practice)
    book(lot, practice, "REDEEM", "post", **hold)
    with refused_by("therapy_credits_transfer_pending_id_key"):
        book(lot, practice, "RELEASE", "void", **hold)


def test_a_post_is_at_most_what_was_held(lot: Account, practice: Account) -> None:
    hold = held(lot, practice)
    with refused_by("transfer_resolution_within_its_hold"):
        book(lot, practice, "REDEEM", "post", **hold | {"amount": 3})
    book(lot, practice, "REDEEM", "post", **hold | {"amount": 1})
    assert counters(lot) == (2, 0, 1)


def test_a_void_is_all_that_was_held(lot: Account, practice: Account) -> None:
    hold = held(lot, practice)
    with refused_by("transfer_resolution_within_its_hold"):
        book(lot, practice, "RELEASE", "void", **hold | {"amount": 1})
    book(lot, practice, "RELEASE", "void", **hold)
    assert counters(lot) == (3, 0, 0)


def test_a_resolution_cannot_lie_about_its_hold(pool: Pool, lot: Account, ben: UUID) -> None:
    practice = ledger.practice_account(pool_id=pool.pk, practice_id=7)
    other_practice = ledger.practice_account(pool_id=pool.pk, practice_id=8)
    other_lot = give(pool, ben, 3)
    hold = held(lot, practice)
    held(other_lot, other_practice)
    rule = "transfer_resolution_repeats_its_hold"
    with refused_by(rule):
        book(lot, practice, "RELEASE", "void", **hold | {"pending_amount": 1, "amount": 1})
    with refused_by(rule):
        book(lot, practice, "REDEEM", "post", **hold | {"pending_amount": 3, "amount": 3})
    with refused_by(rule):
        book(lot, other_practice, "REDEEM", "post", **hold)
    with refused_by(rule):
        book(other_lot, practice, "REDEEM", "post", **hold)


def test_only_a_hold_can_be_resolved(pool: Pool, lot: Account, practice: Account) -> None:
    allocation = Transfer.objects.get(code="ALLOCATE")
    lie = {"pending_id": allocation.pk, "pending_amount": 3, "amount": 3}
    with refused_by("transfer_resolves_a_hold"):
        book(lot, practice, "REDEEM", "post", **lie)
    with refused_by("transfer_resolves_a_hold"):
        book(lot, practice, "REDEEM", "post", **lie | {"pending_id": uuid4()})


@pytest.mark.parametrize(
    ("phase", "code", "facts"),
    [
        ("post", "REDEEM", {}),
        ("void", "RELEASE", {"pending_amount": 1}),
        ("single", "GRACE", {"pending_amount": 1}),
    ],
)
def test_a_resolution_names_its_hold_and_nothing_else_does(
    lot: Account, practice: Account, phase: str, code: str, facts: dict[str, Any]
) -> None:
    with refused_by("transfer_resolution_names_its_hold"):
        book(lot, practice, code, phase, **facts)


def test_a_hold_times_out_after_it_was_made(lot: Account, practice: Account) -> None:
    rule = "transfer_only_a_hold_times_out"
    for timeout_at in (None, NOW):
        with refused_by(rule):
            book(lot, practice, "HOLD", "pending", timeout_at=timeout_at)
    hold = held(lot, practice)
    with refused_by(rule):
        book(lot, practice, "REDEEM", "post", **hold, timeout_at=NOW + DAY)


def test_a_hold_does_not_time_out_early(lot: Account, practice: Account) -> None:
    hold = held(lot, practice, timeout_at=NOW + DAY)
    with refused_by("transfer_times_out_only_when_due"):
        book(lot, practice, "TIMEOUT", "void", **hold, made_at=NOW + DAY - dt.timedelta(seconds=1))
    book(lot, practice, "TIMEOUT", "void", **hold, made_at=NOW + DAY)
    assert counters(lot) == (3, 0, 0)


def test_a_charge_is_reversed_once(lot: Account, practice: Account) -> None:
    charge = book(lot, practice, "REDEEM", "post", **held(lot, practice))
    book(practice, lot, "REVERSAL", reverses_id=charge)
    with refused_by("therapy_credits_transfer_reverses_id_key"):
        book(practice, lot, "REVERSAL", reverses_id=charge)


def test_a_reversal_mirrors_its_charge(pool: Pool, lot: Account, ben: UUID) -> None:
    practice = ledger.practice_account(pool_id=pool.pk, practice_id=7)
    other_lot = give(pool, ben, 3)
    charge = book(lot, practice, "REDEEM", "post", **held(lot, practice))
    book(other_lot, practice, "REDEEM", "post", **held(other_lot, practice))
    rule = "transfer_reversal_mirrors_its_charge"
    with refused_by(rule):
        book(practice, other_lot, "REVERSAL", reverses_id=charge)
    with refused_by(rule):
        book(practice, lot, "REVERSAL", reverses_id=charge, amount=3)


def test_only_a_charge_is_reversed(lot: Account, practice: Account) -> None:
    hold = held(lot, practice)
    book(lot, practice, "REDEEM", "post", **hold)
    for reverses in (hold["pending_id"], uuid4()):
        with refused_by("transfer_reverses_a_charge"):
            book(practice, lot, "REVERSAL", reverses_id=reverses)


def test_a_reversal_names_its_charge_and_nothing_else_does(lot: Account, practice: Account) -> None:
    charge = book(lot, practice, "REDEEM", "post", **held(lot, practice))
    with refused_by("transfer_only_a_reversal_reverses"):
        book(practice, lot, "REVERSAL")
    with refused_by("transfer_only_a_reversal_reverses"):
        book(practice, lot, "ADJUST", reverses_id=charge)


def test_nothing_is_held_or_gifted_outside_the_life_of_a_lot(
    pool: Pool, lot: Account, practice: Account, ben: UUID
) -> None:
    bens = give(pool, ben, 1)
    rule = "transfer_within_the_life_of_its_lot"
    for made_at in (NOW - dt.timedelta(seconds=1), NOW + 180 * DAY):
        with refused_by(rule):
            timeout_at = made_at + DAY
            book(lot, practice, "HOLD", "pending", made_at=made_at, timeout_at=timeout_at)
        with refused_by(rule):
            book(lot, bens, "GIFT", made_at=made_at)


def test_what_was_held_in_time_is_honoured_after_expiry(
    pool: Pool, lot: Account, practice: Account
) -> None:
    last_moment = NOW + 180 * DAY - dt.timedelta(seconds=1)
    hold = held(lot, practice, amount=3, made_at=last_moment, timeout_at=NOW + 220 * DAY)
    with refused_by("account_not_overdrawn"):
        book(lot, of(pool, Kind.EXPIRED), "EXPIRE", made_at=NOW + 181 * DAY)
    book(lot, practice, "REDEEM", "post", **hold, made_at=NOW + 190 * DAY)
    assert counters(lot) == (0, 0, 3)


def test_nothing_expires_early(pool: Pool, lot: Account) -> None:
    with refused_by("transfer_expires_only_what_is_over"):
        book(lot, of(pool, Kind.EXPIRED), "EXPIRE", made_at=NOW + 179 * DAY)


def test_a_gift_keeps_its_expiry(pool: Pool, lot: Account, ben: UUID) -> None:
    longer, same = give(pool, ben, 1, days=181), give(pool, ben, 1)
    with refused_by("transfer_gift_keeps_its_expiry"):
        book(lot, longer, "GIFT")
    book(lot, same, "GIFT")
    assert (counters(lot)[0], counters(same)[0]) == (2, 2)


def test_grace_stays_with_the_person(pool: Pool, lot: Account, ben: UUID) -> None:
    bens = give(pool, ben, 1)
    with refused_by("transfer_grace_stays_with_the_person"):
        book(lot, bens, "GRACE")


def test_a_transfer_is_never_changed_deleted_or_truncated(lot: Account) -> None:
    with refused_by("transfer_is_for_good"):
        sql("UPDATE therapy_credits_transfer SET amount = 2")
    with refused_by("transfer_is_for_good"):
        sql("DELETE FROM therapy_credits_transfer")
    with refused_by("transfers_are_for_good"):
        sql("TRUNCATE therapy_credits_transfer")


def test_an_account_is_never_deleted_or_truncated(lot: Account) -> None:
    with refused_by("account_is_for_good"):
        sql("DELETE FROM therapy_credits_account")
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # or PostgreSQL itself says no for what is still open
    with refused_by("accounts_are_for_good"):
        sql("TRUNCATE therapy_credits_account")


@pytest.mark.parametrize(
    "change",
    [
        "credits_posted = credits_posted + 1",
        "debits_pending = 1",
        "kind = 'funder', bounded = false",
        "expires_at = expires_at + interval '1 day'",
        "subject = gen_random_uuid()",
    ],
)
def test_only_transfers_change_an_account(lot: Account, change: str) -> None:
    with refused_by("account_changes_only_by_transfer"):
        sql(f"UPDATE therapy_credits_account SET {change} WHERE id = %s", lot.pk)


def test_an_account_starts_at_nothing(pool: Pool) -> None:
    with refused_by("account_starts_at_nothing"):
        Account.objects.create(
            pool=pool, kind=Kind.PRACTICE, practice_id=9, bounded=True, credits_posted=1
        )


def test_counters_cannot_go_below_zero(lot: Account) -> None:
    """Reached only with the guard asleep, as a restore or a superuser could."""
    with refused_by("account_counters_not_negative"), transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")
        sql("UPDATE therapy_credits_account SET debits_pending = -1 WHERE id = %s", lot.pk)


def test_a_lot_is_closed_only_when_it_is_empty(lot: Account) -> None:
    with refused_by("account_closed_is_empty"):
        sql("UPDATE therapy_credits_account SET closed_at = %s WHERE id = %s", NOW, lot.pk)


def test_nothing_stays_in_a_closed_lot(pool: Pool, lot: Account, practice: Account) -> None:
    book(lot, of(pool, Kind.POOL), "CLAWBACK", amount=3)
    sql("UPDATE therapy_credits_account SET closed_at = %s WHERE id = %s", NOW, lot.pk)
    with refused_by("account_closed_is_empty"):
        book(of(pool, Kind.POOL), lot, "ALLOCATE")


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("account_kind_known", {"kind": "vault", "bounded": True}),
        ("account_only_the_funder_is_unbounded", {"kind": "pool", "bounded": False}),
        ("account_only_the_funder_is_unbounded", {"kind": "funder", "bounded": True}),
        ("account_one_of_each_in_a_pool", {"kind": "pool", "bounded": True}),
        ("account_practice_has_a_practice", {"kind": "practice", "bounded": True}),
        ("account_lot_has_terms", {"kind": "lot", "bounded": True}),
        (
            "account_one_for_each_practice_in_a_pool",
            {"kind": "practice", "bounded": True, "practice_id": 7},
        ),
    ],
)
def test_an_account_is_one_of_the_kinds_there_are(
    pool: Pool, practice: Account, rule: str, facts: dict[str, Any]
) -> None:
    with refused_by(rule), transaction.atomic():
        Account.objects.create(pool=pool, **facts)


def test_the_rules_are_kept_for_many_transfers_as_for_one(pool: Pool, ana: UUID) -> None:
    """One good hold and one outside its lot's life in a statement: neither is booked."""
    give(pool, ana, 1)
    practice = ledger.practice_account(pool_id=pool.pk, practice_id=7)
    good = Transfer.objects.get(id=hold(ana).id)
    over = give(pool, ana, 1, days=1)
    rows = [
        Transfer(
            id=uuid4(),
            pool=pool,
            phase="pending",
            code="HOLD",
            debit=lot,
            credit=practice,
            amount=1,
            timeout_at=NOW + 30 * DAY,
            actor=STAFF,
            request_hash=b"",
            made_at=NOW + 2 * DAY,
        )
        for lot in (give(pool, ana, 1), over)
    ]
    with refused_by("transfer_within_the_life_of_its_lot"), transaction.atomic():
        Transfer.objects.bulk_create(rows)
    assert Transfer.objects.filter(code="HOLD").get() == good
