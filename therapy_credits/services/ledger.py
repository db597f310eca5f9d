"""Moving sessions: the one place that writes transfers.

Every command here

* locks all the accounts it touches in one statement, in the order of their
  ids, then looks, then writes all its transfers in one INSERT;
* can be repeated: the transfer's ``id`` is the idempotency key. The same id
  with the same facts gives the first result again, with other facts it raises
  ``RequestReused``. ``at`` and ``actor`` are not part of the facts, because a
  retry comes later and may come from another hand;
* derives the ids of what follows a hold from the hold's own id, so that a hold
  has one resolution, one goodwill payment and one reversal, whoever retries.

What the books themselves refuse is refused by the database; here is only what
makes a request into transfers, and a refusal into words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from operator import attrgetter
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from therapy_credits.domain.draw_down import fill_in_order
from therapy_credits.errors import (
    BooksRefused,
    HoldResolved,
    HoldUnknown,
    NotEnoughSessions,
    NothingToReverse,
    RequestReused,
    WrongPractice,
)
from therapy_credits.models import (
    CHARGES,
    VOIDS,
    Account,
    Code,
    Kind,
    Limits,
    Phase,
    Pool,
    Transfer,
)

GRACE_LIFE = timedelta(days=30)
# What is given away must have this long to live, or nobody could claim it in time.
LEAST_GIFT_LIFE = timedelta(days=3)
# Who did it, where no person did: the schedule.
SYSTEM = uuid5(NAMESPACE_URL, "greenroom:schedule")


@dataclass(frozen=True)
class Hold:
    """Sessions held for one booking or code. ``parts`` is (transfer, lot, units) as drawn down."""

    id: UUID
    group: UUID
    pool_id: int
    units: int
    timeout_at: datetime
    parts: tuple[tuple[UUID, int, int], ...] = field(repr=False)


@dataclass(frozen=True)
class Resolution:
    """How a hold ended: who was charged how much. A replay gives an equal one."""

    group: UUID
    code: Code
    units_charged: int
    units_returned: int
    # Paid to the practice by the pool (GOODWILL). Zero when even its reserve
    # was empty: then the practice's line waits for finance.
    units_paid_by_pool: int = 0


@dataclass(frozen=True)
class Given:
    """Units set aside for somebody else, in lots of their own."""

    group: UUID
    pool_id: int
    units: int
    # When the first of them expires: the terms of a lot travel with its units.
    expires_at: datetime


@dataclass(frozen=True)
class Reversal:
    """Units that went back to the person; ``grace_lot_ids`` where the old lot was over."""

    group: UUID
    units: int
    grace_lot_ids: tuple[int, ...]


# --- Pools -------------------------------------------------------------------


@transaction.atomic
def open_pool(*, pool: Pool) -> None:
    """Give ``pool`` its own accounts. Again changes nothing."""
    kinds = [Kind.FUNDER, Kind.POOL, Kind.ISSUED, Kind.SETTLED, Kind.EXPIRED]
    Account.objects.bulk_create(
        [Account(pool=pool, kind=kind, bounded=kind != Kind.FUNDER) for kind in kinds],
        ignore_conflicts=True,
    )


def practice_account(*, pool_id: int, practice_id: int) -> Account:
    """The account of ``practice_id`` in the pool, opened when there is none."""
    account, _ = Account.objects.get_or_create(
        pool_id=pool_id, kind=Kind.PRACTICE, practice_id=practice_id, defaults={"bounded": True}
    )
    return account


def goodwill_reserve(*, pool: Pool, percent: int | None = None) -> int:
    """Units that allocations leave in the pool, for goodwill and for finishing care.

    ``percent`` may ask for more than the pool does, never for less.
    """
    funder = Account.objects.get(pool=pool, kind=Kind.FUNDER)
    return ceil(-funder.left * max(pool.goodwill_percent, percent or 0) / 100)


def fund(*, pool: Pool, units: int, transfer_id: UUID, actor: UUID, at: datetime) -> None:
    """The partner adds ``units`` to ``pool``. Two people stand behind it: see services.funding."""
    _move_in_pool(pool, Kind.FUNDER, Kind.POOL, Code.FUND, units, None, transfer_id, actor, at)


def hand_back(*, pool: Pool, units: int, transfer_id: UUID, actor: UUID, at: datetime) -> None:
    """Hand ``units`` that were never allocated back to the partner."""
    _move_in_pool(pool, Kind.POOL, Kind.FUNDER, Code.RETURN, units, None, transfer_id, actor, at)


def _move_in_pool(
    pool: Pool,
    debit_kind: Kind,
    credit_kind: Kind,
    code: Code,
    units: int,
    group: UUID | None,
    transfer_id: UUID,
    actor: UUID,
    at: datetime,
) -> None:
    facts = _digest(code, pool.pk, units, group)
    with _in_one_piece():
        pair = Account.objects.filter(pool=pool, kind__in=[debit_kind, credit_kind]).locked()
        accounts = {account.kind: account for account in pair}
        if _is_done(transfer_id, facts):
            return
        _write(
            [
                Transfer(
                    id=transfer_id,
                    pool=pool,
                    phase=Phase.SINGLE,
                    code=code,
                    debit=accounts[debit_kind],
                    credit=accounts[credit_kind],
                    amount=units,
                    group=group,
                    actor=actor,
                    request_hash=facts,
                    made_at=at,
                )
            ]
        )


@transaction.atomic
def allocate(
    *,
    pool: Pool,
    subject: UUID,
    units: int,
    priority: int,
    effective_at: datetime,
    expires_at: datetime,
    transfer_id: UUID,
    actor: UUID,
    at: datetime,
    group: UUID | None = None,
    limits: Limits | None = None,
) -> Account:
    """Give ``units`` to one person as a lot of their own, and return the lot.

    For one person by hand. ``services.allocation.allocate_due`` does everybody
    in one statement. Raises NotEnoughSessions when it would touch the pool's
    goodwill reserve.
    """
    facts = _digest(
        Code.ALLOCATE, pool.pk, subject, units, priority, effective_at, expires_at, group
    )
    source = Account.objects.filter(pool=pool, kind=Kind.POOL).locked().get()
    if _is_done(transfer_id, facts):
        return Account.objects.get(credits__id=transfer_id)
    if source.left - units < goodwill_reserve(pool=pool):
        raise NotEnoughSessions
    lot = Account.objects.create(
        pool=pool,
        kind=Kind.LOT,
        bounded=True,
        subject=subject,
        priority=priority,
        effective_at=effective_at,
        expires_at=expires_at,
        limits=limits,
    )
    _write(
        [
            Transfer(
                id=transfer_id,
                pool=pool,
                phase=Phase.SINGLE,
                code=Code.ALLOCATE,
                debit=source,
                credit=lot,
                amount=units,
                group=group,
                actor=actor,
                request_hash=facts,
                made_at=at,
            )
        ]
    )
    lot.refresh_from_db()
    return lot


# --- Holding -----------------------------------------------------------------


def first_hold_of(group: UUID) -> UUID:
    """The id of the (first) transfer that holds units for a booking or code."""
    return uuid5(group, "transfer")


def hold_units(
    *,
    subject: UUID,
    units: int,
    practice_id: int | None,
    group: UUID,
    timeout_at: datetime,
    transfer_id: UUID,
    actor: UUID,
    at: datetime,
    pool: Pool | None = None,
    limits: Limits | None = None,
) -> Hold:
    """Hold ``units`` of the person's sessions for one booking or code.

    ``practice_id`` is the practice booked, or None for a code whose practice is
    not known yet. ``group`` is the booking's or the code's own UUID; one group
    has one hold, for good. Lots are drawn down by priority, then soonest
    expiry, effective date and id. A hold never spans pools, nor lots with other
    limits: without ``pool``, the first in draw-down order that can cover all of it
    is taken; with it, the lots of that pool that have these ``limits``.

    ``timeout_at`` gives the units back by itself (30 days after the session's
    time). It is part of the facts of the request: derive it from the booking,
    never from the clock.

    Raises NotEnoughSessions and changes nothing when no pool covers it, and
    RequestReused when ``transfer_id`` or ``group`` was used with other facts.
    The same call again returns the first Hold.
    """
    source = _source(pool, limits)
    facts = _digest(Code.HOLD, subject, units, practice_id, group, timeout_at, *source)
    with _in_one_piece():
        lots, towards = _lock_for_hold(subject, practice_id, pool)
        if done := _held_before(transfer_id, group, facts):
            return done
        lots = [lot for lot in lots if _is_live(lot, at) and _is_of(lot, pool, limits)]
        drawn = _draw_down(lots, units)
        pool_id = drawn[0][0].pool_id
        credit = towards.get(pool_id)
        if credit is None:
            assert practice_id is not None  # every pool has an account for its issued codes
            credit = practice_account(pool_id=pool_id, practice_id=practice_id)
        transfers = [
            Transfer(
                id=transfer_id if n == 0 else uuid5(transfer_id, f"part {n}"),
                pool_id=pool_id,
                phase=Phase.PENDING,
                code=Code.HOLD,
                debit=lot,
                credit=credit,
                amount=share,
                group=group,
                timeout_at=timeout_at,
                actor=actor,
                request_hash=facts,
                made_at=at,
            )
            for n, (lot, share) in enumerate(drawn)
        ]
        _write(transfers)
        return _as_hold(transfers)


# All locks of a hold at once, in the order of ids: the person's lots, in whatever pool, and the
# accounts in those pools that the units may go to. The ids are an array, found before the first
# lock. With "IN (SELECT …)", PostgreSQL looks again whether a row that it had to wait for belongs
# to the answer; joined in some ways, it then finds that it does not, and the row is missing.
LOCK_FOR_HOLD = """
WITH lots AS (
    SELECT id, pool_id FROM therapy_credits_account
     WHERE kind = 'lot' AND subject = %(subject)s AND closed_at IS NULL
       AND (%(pool)s::bigint IS NULL OR pool_id = %(pool)s)
)
SELECT * FROM therapy_credits_account
 WHERE id = ANY (ARRAY(
    SELECT id FROM lots
     UNION ALL
    SELECT there.id FROM therapy_credits_account AS there
     WHERE there.pool_id IN (SELECT pool_id FROM lots) AND {towards}))
 ORDER BY id
   FOR NO KEY UPDATE
"""
LOCK_FOR_BOOKING = LOCK_FOR_HOLD.format(
    towards="there.kind = 'practice' AND there.practice_id = %(practice)s"
)
LOCK_FOR_CODE = LOCK_FOR_HOLD.format(towards="there.kind = 'issued'")


def _lock_for_hold(
    subject: UUID, practice_id: int | None, pool: Pool | None
) -> tuple[list[Account], dict[int, Account]]:
    """The person's lots; and by pool, the practice's or the issued account, where there is one."""
    sql = LOCK_FOR_CODE if practice_id is None else LOCK_FOR_BOOKING
    facts = {"subject": subject, "practice": practice_id, "pool": pool.pk if pool else None}
    locked = list(Account.objects.raw(sql, facts))
    lots = [account for account in locked if account.kind == Kind.LOT]
    return lots, {a.pool_id: a for a in locked if a.kind != Kind.LOT}


def _draw_down(lots: Iterable[Account], units: int) -> list[tuple[Account, int]]:
    """The lots to take ``units`` from, and how many from each, in draw-down order.

    Of those of one pool and the same limits that can cover all of it, the ones whose lot
    comes first.
    """
    alike: dict[tuple[int, int | None], list[Account]] = {}
    for lot in sorted(lots, key=_draw_down_key):
        alike.setdefault((lot.pool_id, lot.limits_id), []).append(lot)
    for those in alike.values():
        shares = fill_in_order(units, [lot.left for lot in those])
        if units >= 1 and sum(shares) == units:
            return [(lot, share) for lot, share in zip(those, shares, strict=True) if share]
    raise NotEnoughSessions


def _source(pool: Pool | None, limits: Limits | None) -> list[int | None]:
    """From where units are wanted, among the facts of a request."""
    return [pool.pk if pool else None, *([limits.pk] if limits else [])]


def _is_of(lot: Account, pool: Pool | None, limits: Limits | None) -> bool:
    return pool is None or (lot.pool_id, lot.limits_id) == (pool.pk, limits.pk if limits else None)


EARLIER_HOLD = """
SELECT * FROM therapy_credits_transfer
 WHERE phase = 'pending' AND (id = %(transfer)s OR "group" = %(group)s)
"""


def _held_before(transfer_id: UUID, group: UUID, facts: bytes) -> Hold | None:
    """The hold an earlier call made with this id; RequestReused when the facts differ."""
    ids = {"transfer": transfer_id, "group": group}
    earlier = list(Transfer.objects.raw(EARLIER_HOLD, ids))
    if not earlier:
        return None
    parts = _in_draw_down_order(earlier)
    if parts[0].id != transfer_id or any(bytes(part.request_hash) != facts for part in parts):
        raise RequestReused
    return _as_hold(parts)


def _as_hold(parts: Sequence[Transfer]) -> Hold:
    first = parts[0]
    assert first.group is not None
    assert first.timeout_at is not None
    return Hold(
        id=first.id,
        group=first.group,
        pool_id=first.pool_id,
        units=sum(part.amount for part in parts),
        timeout_at=first.timeout_at,
        parts=tuple((part.id, part.debit_id, part.amount) for part in parts),
    )


# --- Ending a hold -----------------------------------------------------------


def post_hold(
    *,
    group: UUID,
    actor: UUID,
    at: datetime,
    outcome: Code = Code.REDEEM,
    units: int | None = None,
    practice_id: int | None = None,
) -> Resolution:
    """Charge the person for what was held: it took place, or was missed and is charged.

    ``outcome`` is REDEEM, NO_SHOW or LATE_CANCEL. ``units`` (default: all that
    was held) fills the lots in draw-down order; what is not charged goes back.
    A code needs ``practice_id``: its units go to the issued account and on to
    that practice in the same statement. For a booking ``practice_id`` may be
    given, and must then be the practice booked.

    A hold can be posted after its time-out as long as nothing has released it.
    Raises HoldUnknown, WrongPractice, NotEnoughSessions (more than was held)
    and HoldResolved (it has ended in another way). The same call again returns
    an equal Resolution and changes nothing.
    """
    if outcome not in CHARGES:
        raise ValueError(f"{outcome} does not charge anybody")
    with _in_one_piece():
        parts, ends, accounts = _lock_hold(group, practice_id)
        practice = _practice_paid(parts, accounts, practice_id)
        held = sum(part.amount for part in parts)
        charged = held if units is None else units
        facts = _digest(outcome, group, charged, practice.practice_id)
        resolution = Resolution(group, outcome, charged, held - charged)
        if _is_resolved(ends, facts):
            return resolution
        if not 1 <= charged <= held:
            raise NotEnoughSessions
        shares = fill_in_order(charged, [part.amount for part in parts])
        transfers = [
            _resolve(part, outcome, share, facts, actor, at)
            if share
            else _resolve(part, Code.RELEASE, part.amount, facts, actor, at)
            for part, share in zip(parts, shares, strict=True)
        ]
        if parts[0].credit_id != practice.pk:
            transfers.append(
                _follow(parts[0], "assign", Code.ASSIGN, parts[0].credit, practice, charged)
            )
        _write(_stamped(transfers, facts, actor, at))
        return resolution


# The ordinary end of an ordinary hold, to be part of one statement with whatever it ends: all that
# was held from one lot is charged, and goes to the practice it was held for. ``open`` is the
# caller's query, which has locked what the hold is for: its group, units and practice_id. A hold
# that is anything else is not found: nothing moves then, and post_hold looks closer and says why.
# The accounts are locked by the trigger of the transfers, in the order of their ids.
WHOLE_HOLD = """
SELECT hold.* FROM open
  JOIN therapy_credits_transfer AS hold
    ON hold.id = %(hold)s AND hold.phase = 'pending'
   AND hold."group" = open."group" AND hold.amount = open.units
  JOIN therapy_credits_account AS paid
    ON paid.id = hold.credit_id AND paid.practice_id = open.practice_id
"""
POST_WHOLE_HOLD = """
INSERT INTO therapy_credits_transfer (id, pool_id, phase, code, debit_id, credit_id, amount,
    pending_id, pending_amount, "group", actor, request_hash, made_at)
SELECT %(post)s, hold.pool_id, 'post', 'REDEEM', hold.debit_id, hold.credit_id, hold.amount,
       hold.id, hold.amount, hold."group", %(actor)s, %(facts)s, %(at)s
  FROM hold
"""


def facts_of_whole_hold(
    *, group: UUID, units: int, practice_id: int, actor: UUID, at: datetime
) -> dict[str, Any]:
    """What WHOLE_HOLD and POST_WHOLE_HOLD ask for: they write what post_hold would have written."""
    hold = first_hold_of(group)
    return {
        "hold": hold,
        "post": _resolution_of(hold),
        "facts": _digest(Code.REDEEM, group, units, practice_id),
        "actor": actor,
        "at": at,
    }


def release_hold(
    *, group: UUID, actor: UUID, at: datetime, code: Code = Code.RELEASE
) -> Resolution:
    """Give everything held for ``group`` back to the person.

    ``code`` says why: RELEASE (cancelled in time), PRACTICE_CANCEL (at any
    notice) or TIMEOUT (refused by the books before the hold's time-out).
    Raises HoldUnknown and HoldResolved. Again with the same code changes nothing.
    """
    if code not in VOIDS or code == Code.GOODWILL:
        raise ValueError(f"{code} does not release a hold")
    with _in_one_piece():
        parts, ends, _ = _lock_hold(group)
        held = sum(part.amount for part in parts)
        facts = _digest(code, group)
        if not _is_resolved(ends, facts):
            _write([_resolve(part, code, part.amount, facts, actor, at) for part in parts])
        return Resolution(group, code, 0, held)


def excuse_hold(
    *, group: UUID, actor: UUID, at: datetime, practice_id: int | None = None
) -> Resolution:
    """Missed, but the person is not charged: the pool pays the practice instead (GOODWILL).

    When even the pool's goodwill reserve is empty the person is freed all the
    same, ``units_paid_by_pool`` is zero, and the practice's line waits for
    finance. ``practice_id`` as for ``post_hold``.
    """
    with _in_one_piece():
        parts, ends, accounts = _lock_hold(group, practice_id, with_pool=True)
        practice = _practice_paid(parts, accounts, practice_id)
        held = sum(part.amount for part in parts)
        facts = _digest(Code.GOODWILL, group, practice.practice_id)
        if _is_resolved(ends, facts):
            paid = Transfer.objects.filter(id=uuid5(parts[0].id, "goodwill")).exists()
            return Resolution(group, Code.GOODWILL, 0, held, held if paid else 0)
        transfers = [_resolve(part, Code.GOODWILL, part.amount, facts, actor, at) for part in parts]
        source = next(account for account in accounts.values() if account.kind == Kind.POOL)
        paid = source.left >= held
        if paid:
            transfers.append(_follow(parts[0], "goodwill", Code.GOODWILL, source, practice, held))
        _write(_stamped(transfers, facts, actor, at))
        return Resolution(group, Code.GOODWILL, 0, held, held if paid else 0)


def pay_goodwill(*, group: UUID, actor: UUID, at: datetime) -> int:
    """Pay the practice for a hold that was excused while the pool was empty. How many units: 0
    when the pool still cannot. Raises HoldUnknown and HoldResolved (it was not excused)."""
    with _in_one_piece():
        parts, ends, accounts = _lock_hold(group, with_pool=True)
        first = parts[0]
        if not ends or any(end.code != Code.GOODWILL for end in ends):
            raise HoldResolved
        held = sum(part.amount for part in parts)
        if Transfer.objects.filter(id=uuid5(first.id, "goodwill")).exists():
            return held
        source = next(account for account in accounts.values() if account.kind == Kind.POOL)
        if source.left < held:
            return 0
        paid = _follow(first, "goodwill", Code.GOODWILL, source, first.credit, held)
        _write(_stamped([paid], bytes(ends[0].request_hash), actor, at))
        return held


# A hold's accounts, all locked at once in the order of ids: its lots, where it is held for, the
# practice it is to be paid to, and the pool where that pays. By an array of ids, as LOCK_FOR_HOLD.
LOCK_HOLD = """
WITH parts AS (
    SELECT pool_id, debit_id, credit_id FROM therapy_credits_transfer
     WHERE "group" = %(group)s AND phase = 'pending'
)
SELECT * FROM therapy_credits_account
 WHERE id = ANY (ARRAY(
    SELECT debit_id FROM parts
     UNION ALL
    SELECT credit_id FROM parts
     UNION ALL
    SELECT there.id FROM therapy_credits_account AS there
     WHERE there.kind = 'practice' AND there.practice_id = %(practice)s
       AND there.pool_id IN (SELECT pool_id FROM parts)
     UNION ALL
    SELECT there.id FROM therapy_credits_account AS there
     WHERE there.kind = 'pool' AND %(with_pool)s
       AND there.pool_id IN (SELECT pool_id FROM parts)))
 ORDER BY id
   FOR NO KEY UPDATE
"""
# Read after the locks, so that nobody can end the hold between this and the write.
HOLD_AND_ITS_END = """
SELECT * FROM therapy_credits_transfer
 WHERE "group" = %s AND phase IN ('pending', 'post', 'void')
"""


def _lock_hold(
    group: UUID, practice_id: int | None = None, *, with_pool: bool = False
) -> tuple[list[Transfer], list[Transfer], dict[int, Account]]:
    """The hold's transfers in draw-down order, what ended them, and its accounts, locked."""
    facts = {"group": group, "practice": practice_id, "with_pool": with_pool}
    accounts = {account.pk: account for account in Account.objects.raw(LOCK_HOLD, facts)}
    moved = list(Transfer.objects.raw(HOLD_AND_ITS_END, [group]))
    parts = [transfer for transfer in moved if transfer.phase == Phase.PENDING]
    if not parts or not accounts:  # a hold that was made between the two is not known yet
        raise HoldUnknown
    for part in parts:
        part.debit, part.credit = accounts[part.debit_id], accounts[part.credit_id]
    ends = [transfer for transfer in moved if transfer.phase != Phase.PENDING]
    return _in_draw_down_order(parts), ends, accounts


def _practice_paid(
    parts: Sequence[Transfer], accounts: dict[int, Account], practice_id: int | None
) -> Account:
    """The practice the units go to: the one booked, or for a code the one that redeems it."""
    credit = parts[0].credit
    if credit.kind == Kind.PRACTICE:
        if practice_id not in (None, credit.practice_id):
            raise WrongPractice
        return credit
    if practice_id is None:
        raise WrongPractice
    for account in accounts.values():
        if account.kind == Kind.PRACTICE and account.practice_id == practice_id:
            return account
    # Its first session in this pool. Whoever else opens it waits for the issued account we hold.
    return practice_account(pool_id=credit.pool_id, practice_id=practice_id)


def _is_resolved(ends: Sequence[Transfer], facts: bytes) -> bool:
    """Whether this very command ended the hold before; HoldResolved when another did."""
    if any(bytes(end.request_hash) != facts for end in ends):
        raise HoldResolved
    return bool(ends)


def _resolution_of(hold: UUID) -> UUID:
    return uuid5(hold, "resolution")


def _resolve(
    part: Transfer, code: Code, amount: int, facts: bytes, actor: UUID, at: datetime
) -> Transfer:
    return Transfer(
        id=_resolution_of(part.id),
        pool_id=part.pool_id,
        phase=Phase.VOID if code in VOIDS else Phase.POST,
        code=code,
        debit_id=part.debit_id,
        credit_id=part.credit_id,
        amount=amount,
        pending=part,
        pending_amount=part.amount,
        group=part.group,
        actor=actor,
        request_hash=facts,
        made_at=at,
    )


# --- Undoing a charge --------------------------------------------------------


def reverse_charge(
    *,
    group: UUID,
    actor: UUID,
    at: datetime,
    units: int | None = None,
    is_settled: bool = False,
) -> Reversal:
    """Undo what was charged for ``group``: ``units`` of it (default: all) go back.

    Units return to the very lot they came from, the last drawn first. Where
    that lot is over by now (expired or closed), they pass through it into a
    new lot of the same person that lives for 30 days. A charge that is on an
    approved statement (``is_settled``) is first adjusted back from settled.
    A goodwill payment is undone in the same way, and goes back to the pool.

    A charge is reversed once. Raises NothingToReverse, NotEnoughSessions (more
    than was charged) and RequestReused (reversed before with other facts).
    """
    facts = _digest(Code.REVERSAL, group, units, is_settled)
    with _in_one_piece():
        moved = list(
            Transfer.objects.filter(group=group).filter(
                Q(phase=Phase.POST) | Q(phase=Phase.SINGLE, code__in=[Code.ASSIGN, Code.GOODWILL])
            )
        )
        if not moved:
            raise NothingToReverse
        pool_id = moved[0].pool_id
        wanted = Q(pk__in={t.debit_id for t in moved} | {t.credit_id for t in moved})
        if is_settled:
            wanted |= Q(pool_id=pool_id, kind=Kind.SETTLED)
        accounts = {account.pk: account for account in Account.objects.filter(wanted).locked()}
        if done := _reversed_before(moved, group, facts):
            return done
        return _reverse(moved, accounts, group, units, is_settled, facts, actor, at)


def refund_from_pool(*, group: UUID, actor: UUID, at: datetime) -> Reversal | None:
    """The person's charge is undone, and the pool pays the practice in its place (GOODWILL).

    One statement, so there is no moment at which the practice is not paid. None,
    and nothing changes, when the pool cannot. Again gives an equal Reversal. Raises
    NothingToReverse for what was not charged to the person.
    """
    facts = _digest(Code.REVERSAL, group, "refund")
    with _in_one_piece():
        moved = list(Transfer.objects.filter(group=group, phase=Phase.POST))
        if not moved:
            raise NothingToReverse
        wanted = Q(pk__in={t.debit_id for t in moved} | {t.credit_id for t in moved})
        wanted |= Q(pool_id=moved[0].pool_id, kind=Kind.POOL)
        accounts = {account.pk: account for account in Account.objects.filter(wanted).locked()}
        if done := _reversed_before(moved, group, facts):
            return done
        source = next(account for account in accounts.values() if account.kind == Kind.POOL)
        charged = sum(charge.amount for charge in moved)
        if source.left < charged:
            return None
        practice = accounts[moved[0].credit_id]
        paid = _follow(moved[0], "refund", Code.GOODWILL, source, practice, charged)
        return _reverse(moved, accounts, group, None, False, facts, actor, at, also=[paid])


def _reverse(
    moved: Sequence[Transfer],
    accounts: dict[int, Account],
    group: UUID,
    units: int | None,
    is_settled: bool,
    facts: bytes,
    actor: UUID,
    at: datetime,
    also: Sequence[Transfer] = (),
) -> Reversal:
    for transfer in moved:
        transfer.debit = accounts[transfer.debit_id]
        transfer.credit = accounts[transfer.credit_id]
    assign = next((t for t in moved if t.code == Code.ASSIGN), None)
    charges = list(reversed(_in_draw_down_order(t for t in moved if t is not assign)))
    charged = sum(charge.amount for charge in charges)
    back = charged if units is None else units
    if not 1 <= back <= charged:
        raise NotEnoughSessions
    practice = (assign or charges[0]).credit
    transfers = list(also)
    if is_settled:
        settled = next(account for account in accounts.values() if account.kind == Kind.SETTLED)
        transfers.append(_follow(charges[0], "adjust", Code.ADJUST, settled, practice, back))
    if assign:
        transfers.append(_mirror(assign, back))
    grace_lot_ids = []
    shares = fill_in_order(back, [charge.amount for charge in charges])
    for charge, share in zip(charges, shares, strict=True):
        if not share:
            continue
        transfers.append(_mirror(charge, share))
        if charge.debit.kind == Kind.LOT and not _is_live(charge.debit, at):
            lot = _open_grace_lot(charge.debit, at)
            grace_lot_ids.append(lot.pk)
            transfers.append(_follow(charge, "grace", Code.GRACE, charge.debit, lot, share))
    _write(_stamped(transfers, facts, actor, at))
    return Reversal(group, back, tuple(grace_lot_ids))


def _reversed_before(moved: Sequence[Transfer], group: UUID, facts: bytes) -> Reversal | None:
    undone = list(Transfer.objects.filter(reverses__in=[t.id for t in moved]))
    if not undone:
        return None
    if any(bytes(t.request_hash) != facts for t in undone):
        raise RequestReused
    charges = {t.id for t in moved if t.code != Code.ASSIGN}
    grace = Transfer.objects.filter(group=group, code=Code.GRACE).order_by("credit_id")
    return Reversal(
        group,
        sum(t.amount for t in undone if t.reverses_id in charges),
        tuple(sorted(grace.values_list("credit_id", flat=True))),
    )


def _mirror(charge: Transfer, amount: int) -> Transfer:
    reversal = _follow(charge, "reversal", Code.REVERSAL, charge.credit, charge.debit, amount)
    reversal.reverses = charge
    return reversal


def _open_grace_lot(lot: Account, at: datetime) -> Account:
    return Account.objects.create(
        pool_id=lot.pool_id,
        kind=Kind.LOT,
        bounded=True,
        subject=lot.subject,
        priority=lot.priority,
        effective_at=at,
        expires_at=at + GRACE_LIFE,
        limits_id=lot.limits_id,
    )


# --- Giving away -------------------------------------------------------------


def give_units(
    *,
    subject: UUID,
    recipient: UUID,
    units: int,
    group: UUID,
    actor: UUID,
    at: datetime,
    pool: Pool | None = None,
    limits: Limits | None = None,
) -> Given:
    """Move ``units`` from the lots of ``subject`` to lots of the new token ``recipient``.

    Drawn down like a hold, from one pool. Each lot drawn becomes a lot of the
    recipient with the same pool, limits, priority and expiry; what expires within
    three days cannot be given. ``group`` is the gift's own id and the idempotency key.
    Raises NotEnoughSessions and changes nothing.
    """
    facts = _digest(Code.GIFT, subject, recipient, units, *_source(pool, limits))
    with _in_one_piece():
        lots = Account.objects.lots(subject).filter(closed_at__isnull=True)
        if pool:
            lots = lots.filter(pool=pool)
        locked = list(lots.locked())
        if earlier := _gifts_of(group):
            if any(bytes(gift.request_hash) != facts for gift in earlier):
                raise RequestReused
            return _as_given(group, earlier)
        lasting = [lot for lot in locked if _is_live(lot, at) and _lasts(lot, at)]
        drawn = _draw_down([lot for lot in lasting if _is_of(lot, pool, limits)], units)
        transfers = [
            Transfer(
                id=uuid5(group, f"part {n}"),
                pool_id=lot.pool_id,
                phase=Phase.SINGLE,
                code=Code.GIFT,
                debit=lot,
                credit=_open_lot_like(lot, recipient, at),
                amount=share,
                group=group,
            )
            for n, (lot, share) in enumerate(drawn)
        ]
        _write(_stamped(transfers, facts, actor, at))
        return _as_given(group, transfers)


def undo_gift(*, group: UUID, actor: UUID, at: datetime) -> int:
    """Give a gift back to the very lots it came from. How many units; again changes nothing.

    Whether it may still be undone is the caller's to say. Raises NothingToReverse
    for what was no gift, NotEnoughSessions when any of it was used or has ended.
    """
    facts = _digest(Code.GIFT_UNDONE, group)
    with _in_one_piece():
        gifts = _gifts_of(group)
        if not gifts:
            raise NothingToReverse
        ids = {gift.debit_id for gift in gifts} | {gift.credit_id for gift in gifts}
        accounts = {account.pk: account for account in Account.objects.filter(pk__in=ids).locked()}
        if _is_done(uuid5(gifts[0].id, "undone"), facts):
            return sum(gift.amount for gift in gifts)
        if any(accounts[gift.credit_id].left < gift.amount for gift in gifts):
            raise NotEnoughSessions
        # A lot that was given away whole may have been closed meanwhile: it has units again.
        Account.objects.filter(
            pk__in=[gift.debit_id for gift in gifts], closed_at__isnull=False
        ).update(closed_at=None)
        undone = [
            _follow(
                gift,
                "undone",
                Code.GIFT_UNDONE,
                accounts[gift.credit_id],
                accounts[gift.debit_id],
                gift.amount,
            )
            for gift in gifts
        ]
        _write(_stamped(undone, facts, actor, at))
        return sum(gift.amount for gift in gifts)


def return_gift(*, group: UUID, actor: UUID, at: datetime) -> int:
    """Refused, or nobody claimed it: what is free of a gift goes to its pool. How many units.

    Never to the giver, who would learn from it what became of the gift.
    """
    facts = _digest(Code.GIFT_EXPIRED, group)
    with _in_one_piece():
        gifts = _gifts_of(group)
        if not gifts:
            raise NothingToReverse
        wanted = Q(pk__in=[gift.credit_id for gift in gifts])
        wanted |= Q(pool_id=gifts[0].pool_id, kind=Kind.POOL)
        accounts = {account.pk: account for account in Account.objects.filter(wanted).locked()}
        back = Transfer.objects.filter(id__in=[uuid5(gift.id, "returned") for gift in gifts])
        if done := list(back):
            return sum(transfer.amount for transfer in done)
        to_pool = next(account for account in accounts.values() if account.kind == Kind.POOL)
        returned = [
            _follow(
                gift,
                "returned",
                Code.GIFT_EXPIRED,
                accounts[gift.credit_id],
                to_pool,
                accounts[gift.credit_id].left,
            )
            for gift in gifts
            if accounts[gift.credit_id].left
        ]
        _write(_stamped(returned, facts, actor, at))
        return sum(transfer.amount for transfer in returned)


def _gifts_of(group: UUID) -> list[Transfer]:
    """The transfers of a gift, as they were drawn down."""
    gifts = Transfer.objects.filter(group=group, code=Code.GIFT)
    return _in_draw_down_order(gifts.select_related("debit", "credit"))


def _as_given(group: UUID, gifts: Sequence[Transfer]) -> Given:
    ends = [gift.credit.expires_at for gift in gifts if gift.credit.expires_at]
    return Given(group, gifts[0].pool_id, sum(gift.amount for gift in gifts), min(ends))


def _lasts(lot: Account, at: datetime) -> bool:
    return lot.expires_at is not None and lot.expires_at >= at + LEAST_GIFT_LIFE


def _open_lot_like(lot: Account, recipient: UUID, at: datetime) -> Account:
    return Account.objects.create(
        pool_id=lot.pool_id,
        kind=Kind.LOT,
        bounded=True,
        subject=recipient,
        priority=lot.priority,
        effective_at=at,
        expires_at=lot.expires_at,
        limits_id=lot.limits_id,
    )


# --- Settling ----------------------------------------------------------------


@transaction.atomic
def settle(
    *,
    pool: Pool,
    practice_id: int,
    units: int,
    statement: UUID,
    transfer_id: UUID,
    actor: UUID,
    at: datetime,
) -> None:
    """An approved statement takes ``units`` of the practice out of what is still to be paid."""
    facts = _digest(Code.SETTLE, pool.pk, practice_id, units, statement)
    pair = Account.objects.filter(
        Q(kind=Kind.PRACTICE, practice_id=practice_id) | Q(kind=Kind.SETTLED), pool=pool
    )
    accounts = {account.kind: account for account in pair.locked()}
    if _is_done(transfer_id, facts):
        return
    if Kind.PRACTICE not in accounts:
        raise NotEnoughSessions
    _write(
        [
            Transfer(
                id=transfer_id,
                pool=pool,
                phase=Phase.SINGLE,
                code=Code.SETTLE,
                debit=accounts[Kind.PRACTICE],
                credit=accounts[Kind.SETTLED],
                amount=units,
                group=statement,
                actor=actor,
                request_hash=facts,
                made_at=at,
            )
        ]
    )


# --- The grain of it ---------------------------------------------------------


def _follow(
    source: Transfer, name: str, code: Code, debit: Account, credit: Account, amount: int
) -> Transfer:
    """A single transfer that follows from ``source``; its id derives from the source's."""
    return Transfer(
        id=uuid5(source.id, name),
        pool_id=source.pool_id,
        phase=Phase.SINGLE,
        code=code,
        debit=debit,
        credit=credit,
        amount=amount,
        group=source.group,
    )


def _stamped(
    transfers: Sequence[Transfer], facts: bytes, actor: UUID, at: datetime
) -> Sequence[Transfer]:
    for transfer in transfers:
        transfer.request_hash, transfer.actor, transfer.made_at = facts, actor, at
    return transfers


def _in_one_piece() -> AbstractContextManager[object]:
    """The caller's transaction, which fails as a whole where the books refuse; else one of its own.

    No savepoint: commands look first and write last, so what they refuse in words has left
    nothing behind that would have to be undone.
    """
    return nullcontext() if connection.in_atomic_block else transaction.atomic()


# In SQL, because every command ends here: a fraction of what writing it out each time costs.
WRITTEN = [field.attname for field in Transfer._meta.concrete_fields]
WRITE = (
    f"INSERT INTO {Transfer._meta.db_table}"  # noqa: S608 - our own names
    f" ({', '.join(connection.ops.quote_name(name) for name in WRITTEN)}) VALUES "
)
ROW = f"({', '.join(['%s'] * len(WRITTEN))})"
_facts_of = attrgetter(*WRITTEN)


def _write(transfers: Sequence[Transfer]) -> None:
    """All of a command's transfers in one statement, or none."""
    if not transfers:
        return
    with refusals_in_words(), connection.cursor() as cursor:
        cursor.execute(
            WRITE + ", ".join([ROW] * len(transfers)),
            [fact for transfer in transfers for fact in _facts_of(transfer)],
        )


@contextmanager
def refusals_in_words() -> Iterator[None]:
    """What the books refuse, as an error of ours."""
    try:
        yield
    except IntegrityError as refusal:
        rule = getattr(getattr(refusal.__cause__, "diag", None), "constraint_name", "")
        if rule == "account_not_overdrawn":
            raise NotEnoughSessions from refusal
        if rule == "therapy_credits_transfer_pkey":
            raise RequestReused from refusal
        raise BooksRefused from refusal


def _is_done(transfer_id: UUID, facts: bytes) -> bool:
    """Whether this id was used before, for the same thing; RequestReused when for another."""
    earlier = Transfer.objects.filter(id=transfer_id).first()
    if earlier and bytes(earlier.request_hash) != facts:
        raise RequestReused
    return earlier is not None


def _digest(*facts: object) -> bytes:
    """What a request said, in 32 bytes."""
    return hashlib.sha256(repr([str(fact) for fact in facts]).encode()).digest()


def _is_live(lot: Account, at: datetime) -> bool:
    return (
        lot.kind == Kind.LOT
        and lot.closed_at is None
        and lot.effective_at is not None
        and lot.expires_at is not None
        and lot.effective_at <= at < lot.expires_at
    )


def _in_draw_down_order(transfers: Iterable[Transfer]) -> list[Transfer]:
    return sorted(transfers, key=lambda transfer: _draw_down_key(transfer.debit))


def _draw_down_key(account: Account) -> tuple[object, ...]:
    """As AccountQuerySet.in_draw_down_order. A pool (goodwill) has no terms and stands alone."""
    return (account.priority, account.expires_at, account.effective_at, account.pk)
