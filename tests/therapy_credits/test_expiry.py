"""What time ends."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.conftest import NOW
from tests.notifications.test_faults import database_url
from tests.therapy_credits.conftest import DAY, STAFF, account_of, counters, give, hold, make_pool
from therapy_credits.errors import HoldResolved
from therapy_credits.models import Code, Kind, Pool, Transfer
from therapy_credits.queries.books import differences
from therapy_credits.services import expiry, ledger

pytestmark = pytest.mark.django_db


def test_what_is_free_expires_at_the_end_of_its_life(pool: Pool, ana: UUID, ben: UUID) -> None:
    over, running = give(pool, ana, 3, days=10), give(pool, ben, 3, days=11)
    assert expiry.expire_lots(at=NOW + 10 * DAY - dt.timedelta(seconds=1)) == 0
    assert expiry.expire_lots(at=NOW + 10 * DAY) == 3
    assert expiry.expire_lots(at=NOW + 10 * DAY) == 0
    assert (counters(over), over.closed_at) == ((0, 0, 3), NOW + 10 * DAY)
    assert (counters(running), running.closed_at) == ((3, 0, 0), None)
    assert account_of(pool, Kind.EXPIRED).left == 3


def test_what_is_held_stays_and_expires_when_it_comes_back(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 3, days=10)
    booking = hold(ana, 2)
    assert expiry.expire_lots(at=NOW + 10 * DAY) == 1
    assert (counters(lot), lot.closed_at) == ((0, 2, 1), None)
    ledger.post_hold(group=booking.group, units=1, actor=STAFF, at=NOW + 11 * DAY)
    assert expiry.expire_lots(at=NOW + 12 * DAY) == 1
    assert (counters(lot), lot.closed_at) == ((0, 0, 3), NOW + 12 * DAY)


def test_a_lot_used_up_is_closed_when_it_is_over(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 1, days=10)
    ledger.post_hold(group=hold(ana).group, actor=STAFF, at=NOW)
    assert expiry.expire_lots(at=NOW + 10 * DAY) == 0
    assert (counters(lot), lot.closed_at) == ((0, 0, 1), NOW + 10 * DAY)


def test_a_reversal_into_a_closed_lot_passes_through_it(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 1, days=10)
    booking = hold(ana)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    expiry.expire_lots(at=NOW + 10 * DAY)
    back = ledger.reverse_charge(group=booking.group, actor=STAFF, at=NOW + 11 * DAY)
    assert len(back.grace_lot_ids) == 1
    assert (counters(lot), lot.closed_at) == ((0, 0, 2), NOW + 10 * DAY)


def test_many_lots_of_many_pools_expire_batch_by_batch(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    other = make_pool("Southlight")
    for _ in range(3):
        give(pool, uuid4(), 2, days=10)
        give(other, uuid4(), 1, days=10)
    waiting = uuid4()
    give(pool, waiting, 1, days=10)
    hold(waiting)
    assert expiry.expire_lots(at=NOW + 20 * DAY) == 9
    assert (account_of(pool, Kind.EXPIRED).left, account_of(other, Kind.EXPIRED).left) == (6, 3)


def test_a_hold_nobody_resolved_comes_back_after_its_time_out(pool: Pool, ana: UUID) -> None:
    lot, second = give(pool, ana, 1, days=100), give(pool, ana, 1)
    booking = hold(ana, 2)
    assert expiry.time_out_holds(at=NOW + 30 * DAY - dt.timedelta(seconds=1)) == []
    assert expiry.time_out_holds(at=NOW + 30 * DAY) == [booking.group]
    assert expiry.time_out_holds(at=NOW + 31 * DAY) == []
    assert (counters(lot), counters(second)) == ((1, 0, 0), (1, 0, 0))
    assert Transfer.objects.filter(code=Code.TIMEOUT, group=booking.group).count() == 2
    with pytest.raises(HoldResolved):
        ledger.post_hold(group=booking.group, actor=STAFF, at=NOW + 31 * DAY)


def test_a_late_confirmation_counts_until_the_hold_has_timed_out(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1)
    booking = hold(ana)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW + 31 * DAY)
    assert expiry.time_out_holds(at=NOW + 32 * DAY) == []


def test_a_hold_confirmed_while_the_time_out_looked_is_left_alone(
    pool: Pool, ana: UUID, ben: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the list of due holds was made: it wins, and the next hold goes on."""
    give(pool, ana, 1)
    give(pool, ben, 1)
    confirmed, due = hold(ana), hold(ben, at=NOW + DAY)
    release = ledger.release_hold

    def confirm_first(*, group: UUID, **how: object) -> ledger.Resolution:
        if group == confirmed.group:
            ledger.post_hold(group=group, actor=STAFF, at=NOW + 40 * DAY)
        return release(group=group, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "release_hold", confirm_first)
    assert expiry.time_out_holds(at=NOW + 40 * DAY) == [due.group]
    assert not Transfer.objects.filter(code=Code.TIMEOUT, group=confirmed.group).exists()


# Expires lot by lot, and is killed by the operating system in the middle of the fourth.
IN_ONE_PIECE = "expiry._expire_batch"
STATEMENT_BY_STATEMENT = "expiry._expire_batch.__wrapped__"
KILLED_IN_THE_MIDDLE = """
import datetime as dt, os, signal
import django
django.setup()
from django.db import models
from therapy_credits.services import expiry

expiry.BATCH = 1
expiry._expire_batch = {batch}
close, done = models.QuerySet.update, []

def closing(self, **values):
    done.append(values)
    if len(done) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return close(self, **values)

models.QuerySet.update = closing
expiry.expire_lots(at=dt.datetime.fromisoformat("{at}"))
"""


def kill_in_the_middle(batch: str, at: dt.datetime) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE.format(batch=batch, at=at.isoformat())],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "DATABASE_URL": database_url()}
        | {"DJANGO_SETTINGS_MODULE": "config.settings.base", "DEBUG": "1"},
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.fault
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_has_lost_nothing_and_done_nothing_twice() -> None:
    pool = make_pool()
    lots = [give(pool, uuid4(), 2, days=10) for _ in range(8)]
    at = NOW + 10 * DAY
    kill_in_the_middle(IN_ONE_PIECE, at)
    # Three are whole; the fourth, in whose middle it died, was not begun.
    assert account_of(pool, Kind.EXPIRED).left == 6
    assert sum(counters(lot) == (0, 0, 2) and lot.closed_at == at for lot in lots) == 3
    assert sum(counters(lot) == (2, 0, 0) for lot in lots) == 5
    assert expiry.expire_lots(at=at) == 10
    assert expiry.expire_lots(at=at) == 0
    assert account_of(pool, Kind.EXPIRED).left == 16
    assert Transfer.objects.filter(code=Code.EXPIRE).count() == 8
    assert list(differences_of_counters()) == []


@pytest.mark.fault
@pytest.mark.django_db(transaction=True)
def test_control_without_the_transaction_the_fourth_is_left_half_done() -> None:
    """Its sessions are gone and it is still open: what the worker died in is neither nor."""
    pool = make_pool()
    lots = [give(pool, uuid4(), 2, days=10) for _ in range(4)]
    kill_in_the_middle(STATEMENT_BY_STATEMENT, NOW + 10 * DAY)
    assert account_of(pool, Kind.EXPIRED).left == 8
    assert sum(counters(lot) == (0, 0, 2) and lot.closed_at is None for lot in lots) == 1


def differences_of_counters() -> list[str]:
    return [line for line in differences() if "account" in line]
