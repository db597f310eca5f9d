"""Pools and people of the ledger. People are tokens here, as in the books."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import pytest
from uuid6 import uuid7

from tests.conftest import NOW
from therapy_credits.models import Account, Kind, Limits, Pool
from therapy_credits.services import ledger

STAFF = UUID("0192a000-0000-7000-8000-00000000aaaa")  # whoever did it; the books keep a token only
DAY = dt.timedelta(days=1)


def make_pool(name: str = "Northlight", units: int = 100, **terms: object) -> Pool:
    """A pool of an invented partner with ``units`` paid in and nothing given out."""
    pool = Pool.objects.create(
        name=name,
        partner=f"{name} Records",
        country="GB",
        currency="GBP",
        ceiling_price_minor=7000,
        opened_at=NOW,
        **terms,
    )
    ledger.open_pool(pool=pool)
    if units:
        ledger.fund(pool=pool, units=units, transfer_id=uuid7(), actor=STAFF, at=NOW)
    return pool


def give(
    pool: Pool,
    subject: UUID,
    units: int,
    *,
    days: int = 180,
    priority: int = 50,
    since: dt.datetime = NOW,
    group: UUID | None = None,
    limits: Limits | None = None,
) -> Account:
    """A lot of ``units`` for the person, good for ``days`` from ``since``."""
    return ledger.allocate(
        pool=pool,
        subject=subject,
        units=units,
        priority=priority,
        effective_at=since,
        expires_at=since + days * DAY,
        transfer_id=uuid7(),
        actor=STAFF,
        at=since,
        group=group,
        limits=limits,
    )


def hold(
    subject: UUID,
    units: int = 1,
    *,
    practice_id: int | None = 7,
    pool: Pool | None = None,
    group: UUID | None = None,
    at: dt.datetime = NOW,
) -> ledger.Hold:
    return ledger.hold_units(
        subject=subject,
        units=units,
        practice_id=practice_id,
        pool=pool,
        group=group or uuid4(),
        timeout_at=at + 30 * DAY,
        transfer_id=uuid7(),
        actor=subject,
        at=at,
    )


def counters(account: Account) -> tuple[int, int, int]:
    """(left, held, gone out) of an account, fresh from the database."""
    account.refresh_from_db()
    return account.left, account.debits_pending, account.debits_posted


def account_of(pool: Pool, kind: Kind, **which: object) -> Account:
    return Account.objects.get(pool=pool, kind=kind, **which)


@pytest.fixture
def pool(db: None) -> Pool:
    """A funded pool: 100 sessions."""
    return make_pool()


@pytest.fixture
def ana() -> UUID:
    """An ambassador, as the books know her."""
    return uuid4()


@pytest.fixture
def ben() -> UUID:
    """Another ambassador, to whom nothing of Ana's may happen."""
    return uuid4()
