"""Real threads on the real database: two people, one session."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection, transaction
from uuid6 import uuid7

from tests.conftest import NOW
from tests.therapy_credits.conftest import DAY, STAFF, account_of, counters, give, hold, make_pool
from therapy_credits.models import Account, Code, Kind, Phase, Pool, Transfer
from therapy_credits.services import expiry, ledger

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

NOT_OVERDRAWN = """
    ALTER TABLE therapy_credits_account ADD CONSTRAINT account_not_overdrawn CHECK
        (NOT bounded OR credits_posted >= debits_pending + debits_posted)
"""


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Do all of ``acts`` at the same moment, a thread and a connection each."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(timeout=30)
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def kinds(answers: list[Any]) -> Counter[str]:
    return Counter(type(answer).__name__ for answer in answers)


def twenty_bookings_for_the_last_session(ana: UUID) -> list[Any]:
    ledger.practice_account(pool_id=Pool.objects.get().pk, practice_id=7)
    return at_once([lambda: hold(ana) for _ in range(20)])


@contextmanager
def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody waits for anybody, and everybody has looked before anybody writes."""
    looked = threading.Barrier(20)
    write = ledger._write

    def write_when_all_have_looked(transfers: Any) -> None:
        looked.wait(timeout=30)
        write(transfers)

    with monkeypatch.context() as patch:
        unlocked = ledger.LOCK_FOR_BOOKING.replace("FOR NO KEY UPDATE", "")
        patch.setattr(ledger, "LOCK_FOR_BOOKING", unlocked)
        patch.setattr(ledger, "_write", write_when_all_have_looked)
        yield


def test_twenty_bookings_for_the_last_session(ana: UUID) -> None:
    lot = give(make_pool(), ana, 1)
    answers = twenty_bookings_for_the_last_session(ana)
    assert kinds(answers) == {"Hold": 1, "NotEnoughSessions": 19}
    assert counters(lot) == (0, 1, 0)


def test_without_the_lock_the_database_still_sells_it_once(
    ana: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot = give(make_pool(), ana, 1)
    with without_the_lock(monkeypatch):
        answers = twenty_bookings_for_the_last_session(ana)
    assert kinds(answers) == {"Hold": 1, "NotEnoughSessions": 19}
    assert counters(lot) == (0, 1, 0)


def test_without_the_constraint_as_well_it_is_sold_to_everybody(
    ana: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: it is these two that keep the rule."""
    lot = give(make_pool(), ana, 1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE therapy_credits_account DROP CONSTRAINT account_not_overdrawn")
    try:
        with without_the_lock(monkeypatch):
            answers = twenty_bookings_for_the_last_session(ana)
        assert kinds(answers)["Hold"] == 20
        assert counters(lot) == (-19, 20, 0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("DELETE FROM therapy_credits_transfer")
            cursor.execute("DELETE FROM therapy_credits_account")
            cursor.execute("SET session_replication_role = origin")
            cursor.execute(NOT_OVERDRAWN)


def test_the_same_request_twenty_times_at_once_holds_once(ana: UUID) -> None:
    lot = give(make_pool(), ana, 5)
    request = {
        "subject": ana, "units": 1, "practice_id": 7, "group": uuid4(),
        "timeout_at": NOW + 30 * DAY, "transfer_id": uuid7(), "actor": ana, "at": NOW,
    }  # fmt: skip
    answers = at_once([lambda: ledger.hold_units(**request)] * 20)
    assert kinds(answers) == {"Hold": 20}
    assert len(set(answers)) == 1
    assert counters(lot) == (4, 1, 0)


def test_confirm_cancel_and_time_out_at_once_have_one_outcome(ana: UUID) -> None:
    lot = give(make_pool(), ana, 3)
    for _ in range(3):
        group = hold(ana).group
        late = {"group": group, "actor": STAFF, "at": NOW + 40 * DAY}
        answers = at_once(
            [
                lambda late=late: ledger.post_hold(**late),
                lambda late=late: ledger.release_hold(**late),
                lambda late=late: ledger.release_hold(**late, code=Code.TIMEOUT),
                lambda late=late: ledger.excuse_hold(**late),
            ]
        )
        assert kinds(answers) == {"Resolution": 1, "HoldResolved": 3}
        ends = Transfer.objects.filter(group=group, phase__in=[Phase.POST, Phase.VOID])
        assert [end.code for end in ends] == [a.code for a in answers if hasattr(a, "code")]
    assert counters(lot)[1] == 0


def test_two_practices_that_redeem_one_code_at_once(ana: UUID) -> None:
    pool = make_pool()
    give(pool, ana, 1)
    code = hold(ana, practice_id=None).group
    answers = at_once(
        [
            lambda practice_id=practice_id: ledger.post_hold(
                group=code, practice_id=practice_id, actor=STAFF, at=NOW
            )
            for practice_id in (7, 8)
        ]
    )
    assert kinds(answers) == {"Resolution": 1, "HoldResolved": 1}
    paid = Account.objects.filter(pool=pool, kind=Kind.PRACTICE, credits_posted=1)
    assert paid.count() == 1
    assert account_of(pool, Kind.ISSUED).left == 0


# --- Whoever waited for somebody else goes on with what is there now -------------------------


WAITS_FOR_US = """
SELECT count(*) FROM pg_locks
 WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
"""
AS_IN_LARGE_TABLES = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
)


def while_another_booking_is_written(ana: UUID, act: Callable[[], Any]) -> Any:
    """What becomes of ``act`` when it comes to the accounts while a booking of one unit has them,
    and goes on when that is committed.

    Rows are found through their indexes, as in tables larger than these: how a statement goes
    about it decides what it makes of a row that it had to wait for.
    """

    def come_later() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(AS_IN_LARGE_TABLES)
        return act()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic(), connection.cursor() as cursor:
            hold(ana, 1)
            answer = other.submit(lambda: at_once([come_later])[0])
            waiting = 0
            while not waiting and not answer.done():
                cursor.execute(WAITS_FOR_US)
                (waiting,) = cursor.fetchone()
        return answer.result(timeout=30)


@pytest.mark.parametrize("practice_id", [7, None], ids=["booking", "code"])
def test_a_booking_that_waited_finds_what_the_other_left(
    ana: UUID, practice_id: int | None
) -> None:
    pool = make_pool()
    first, second = give(pool, ana, 2, days=10), give(pool, ana, 2, days=20)
    hold(ana, 1)  # so that the practice has its account
    waited = while_another_booking_is_written(ana, lambda: hold(ana, 2, practice_id=practice_id))
    assert [lot for _, lot, _ in waited.parts] == [second.pk]
    assert counters(first) == (0, 2, 0)


@pytest.mark.parametrize("practice_id", [7, None], ids=["booking", "code"])
def test_a_word_of_a_practice_that_waited_is_heard(ana: UUID, practice_id: int | None) -> None:
    pool = make_pool()
    lot = give(pool, ana, 4)
    group = hold(ana, 1, practice_id=practice_id).group
    hold(ana, 1)
    said = {"group": group, "practice_id": 7, "actor": STAFF, "at": NOW}
    waited = while_another_booking_is_written(ana, lambda: ledger.post_hold(**said))
    assert waited.units_charged == 1
    assert counters(lot) == (1, 2, 1)


def test_a_sweep_that_waited_takes_what_is_over(ana: UUID) -> None:
    pool = make_pool()
    lot = give(pool, ana, 4, days=10)
    later = NOW + 20 * DAY
    swept = while_another_booking_is_written(ana, lambda: expiry.expire_lots(at=later))
    assert swept == 3
    assert counters(lot) == (0, 1, 3)


# --- Deadlock: GOODWILL takes practice, lot and pool, CLAWBACK takes lot and pool ------------


def single(debit: Account, credit: Account, code: Code, **more: Any) -> Transfer:
    return Transfer(
        id=uuid7(),
        pool_id=debit.pool_id,
        debit=debit,
        credit=credit,
        code=code,
        actor=STAFF,
        request_hash=b"",
        made_at=NOW,
        **{"phase": Phase.SINGLE, "amount": 1, **more},
    )


def take_back(lot: Account, pool: Pool) -> None:
    Transfer.objects.bulk_create([single(lot, account_of(pool, Kind.POOL), Code.CLAWBACK)])


def test_goodwill_against_allocation_and_taking_back_never_deadlocks() -> None:
    pool = make_pool(units=500)
    acts: list[Callable[[], Any]] = []
    for _ in range(8):
        person = uuid4()
        lot = give(pool, person, 2)
        group = hold(person).group
        acts += [
            lambda group=group: ledger.excuse_hold(group=group, actor=STAFF, at=NOW),
            lambda lot=lot: take_back(lot, pool),
            lambda: give(pool, uuid4(), 1),
        ]
    answers = at_once(acts)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert account_of(pool, Kind.POOL).left == 500 - 16 - 8 - 8 + 8


def test_in_two_statements_without_locking_first_they_do(ana: UUID) -> None:
    """The control: each transfer locks its own accounts in order, and that is not enough."""
    pool = make_pool()
    lot = give(pool, ana, 2)
    pending = Transfer.objects.get(id=hold(ana).id)
    practice = Account.objects.get(pk=pending.credit_id)
    has_locked_the_lot, pool_is_locked = threading.Event(), threading.Event()

    def goodwill() -> None:
        with transaction.atomic():
            void = {"phase": Phase.VOID, "pending": pending, "pending_amount": 1}
            single(lot, practice, Code.GOODWILL, **void).save(force_insert=True)
            has_locked_the_lot.set()
            pool_is_locked.wait(timeout=1)
            single(account_of(pool, Kind.POOL), practice, Code.GOODWILL).save(force_insert=True)

    def clawback() -> None:
        has_locked_the_lot.wait(timeout=30)
        with transaction.atomic():
            threading.Timer(0.5, pool_is_locked.set).start()
            take_back(lot, pool)

    answers = at_once([goodwill, clawback])
    failed = [answer for answer in answers if isinstance(answer, OperationalError)]
    assert len(failed) == 1
    assert "deadlock" in str(failed[0])


def test_the_last_of_the_pool_is_given_once() -> None:
    pool = make_pool(units=100)
    answers = at_once([lambda: give(pool, uuid4(), 90) for _ in range(6)])
    assert kinds(answers) == {"Account": 1, "NotEnoughSessions": 5}
    assert account_of(pool, Kind.POOL).left == 10
