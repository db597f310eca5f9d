"""Worked examples of the session ledger, to be read by an accountant beside docs/ledger.md.

Each test is one story. ``statement`` prints a pool's books as one line per kind
of account: what is in it that can still move, and what is held.
"""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

import pytest
from django.db import transaction
from uuid6 import uuid7

from tests.conftest import NOW
from tests.therapy_credits.conftest import (
    DAY,
    STAFF,
    account_of,
    counters,
    give,
    hold,
    make_pool,
)
from therapy_credits.errors import (
    HoldResolved,
    HoldUnknown,
    NotEnoughSessions,
    NothingToReverse,
    RequestReused,
    WrongPractice,
)
from therapy_credits.models import Account, Code, Kind, Pool, Transfer
from therapy_credits.services import ledger

pytestmark = pytest.mark.django_db

SOUND_MIND = 7  # a practice
QUIET_ROOM = 8  # another


def statement(pool: Pool) -> dict[str, int]:
    """Where the pool's sessions are. The first five always add up to what was paid in."""
    lines = {"unallocated": 0, "with people": 0, "held": 0, "used": 0, "expired": 0, "issued": 0}
    names = {
        Kind.POOL: "unallocated",
        Kind.LOT: "with people",
        Kind.ISSUED: "issued",
        Kind.PRACTICE: "used",
        Kind.SETTLED: "used",
        Kind.EXPIRED: "expired",
    }
    for account in Account.objects.filter(pool=pool).exclude(kind=Kind.FUNDER):
        lines[names[Kind(account.kind)]] += account.left
        lines["held"] += account.debits_pending
    assert lines.pop("issued") == 0, "a code's units are on their way to a practice at once"
    paid_in = -account_of(pool, Kind.FUNDER).left
    assert sum(lines.values()) == paid_in, "no session is ever created or lost"
    return lines


def movements(group: UUID) -> list[str]:
    """A booking's transfers as a journal: who gives, who receives, how many, why."""
    rows = Transfer.objects.filter(group=group).select_related("debit", "credit")
    return sorted(f"{t.code} {t.amount}: {t.debit.kind} to {t.credit.kind}" for t in rows)


def test_a_partner_pays_for_a_hundred_sessions(pool: Pool) -> None:
    assert statement(pool) == {
        "unallocated": 100, "with people": 0, "held": 0, "used": 0, "expired": 0
    }  # fmt: skip


def test_an_ambassador_is_given_six(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 6)
    assert counters(lot) == (6, 0, 0)
    assert statement(pool) == {
        "unallocated": 94, "with people": 6, "held": 0, "used": 0, "expired": 0
    }  # fmt: skip


def test_a_booked_session_is_held_and_a_confirmed_one_is_used(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 6)
    booking = hold(ana, practice_id=SOUND_MIND)
    assert counters(lot) == (5, 1, 0)
    assert statement(pool) == {
        "unallocated": 94, "with people": 5, "held": 1, "used": 0, "expired": 0
    }  # fmt: skip

    result = ledger.post_hold(group=booking.group, actor=STAFF, at=NOW + DAY)

    assert result == ledger.Resolution(booking.group, Code.REDEEM, 1, 0)
    assert counters(lot) == (5, 0, 1)
    assert account_of(pool, Kind.PRACTICE, practice_id=SOUND_MIND).left == 1
    assert statement(pool) == {
        "unallocated": 94, "with people": 5, "held": 0, "used": 1, "expired": 0
    }  # fmt: skip
    assert movements(booking.group) == ["HOLD 1: lot to practice", "REDEEM 1: lot to practice"]


@pytest.mark.parametrize("code", [Code.RELEASE, Code.PRACTICE_CANCEL])
def test_a_cancelled_booking_costs_nothing(pool: Pool, ana: UUID, code: Code) -> None:
    lot = give(pool, ana, 6)
    booking = hold(ana)
    ledger.release_hold(group=booking.group, code=code, actor=ana, at=NOW + DAY)
    assert counters(lot) == (6, 0, 0)
    assert movements(booking.group) == [
        "HOLD 1: lot to practice",
        f"{code} 1: lot to practice",
    ]


@pytest.mark.parametrize("outcome", [Code.NO_SHOW, Code.LATE_CANCEL])
def test_a_missed_session_that_is_charged_is_used(pool: Pool, ana: UUID, outcome: Code) -> None:
    lot = give(pool, ana, 6)
    booking = hold(ana)
    ledger.post_hold(group=booking.group, outcome=outcome, actor=STAFF, at=NOW + DAY)
    assert counters(lot) == (5, 0, 1)


def test_the_first_missed_session_is_paid_by_the_pool(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 6)
    booking = hold(ana)
    result = ledger.excuse_hold(group=booking.group, actor=STAFF, at=NOW + DAY)
    assert result == ledger.Resolution(booking.group, Code.GOODWILL, 0, 1, 1)
    assert counters(lot) == (6, 0, 0)
    assert movements(booking.group) == [
        "GOODWILL 1: lot to practice",
        "GOODWILL 1: pool to practice",
        "HOLD 1: lot to practice",
    ]
    assert statement(pool) == {
        "unallocated": 93, "with people": 6, "held": 0, "used": 1, "expired": 0
    }  # fmt: skip


def test_goodwill_frees_the_person_even_when_the_pool_is_empty(ana: UUID) -> None:
    pool = make_pool(units=1, goodwill_percent=0)
    lot = give(pool, ana, 1)
    booking = hold(ana)
    result = ledger.excuse_hold(group=booking.group, actor=STAFF, at=NOW)
    assert result.units_paid_by_pool == 0
    assert counters(lot) == (1, 0, 0)
    again = ledger.excuse_hold(group=booking.group, actor=STAFF, at=NOW + DAY)
    assert again == result


def test_goodwill_that_waited_is_paid_once_the_pool_can(ana: UUID) -> None:
    pool = make_pool(units=1, goodwill_percent=0)
    give(pool, ana, 1)
    booking = hold(ana)
    ledger.excuse_hold(group=booking.group, actor=STAFF, at=NOW)
    pay = {"group": booking.group, "actor": STAFF}
    assert ledger.pay_goodwill(**pay, at=NOW + DAY) == 0
    ledger.fund(pool=pool, units=5, transfer_id=uuid7(), actor=STAFF, at=NOW + 2 * DAY)
    for _ in range(2):
        assert ledger.pay_goodwill(**pay, at=NOW + 2 * DAY) == 1
    assert account_of(pool, Kind.PRACTICE).left == 1
    assert account_of(pool, Kind.POOL).left == 4


def test_lots_are_spent_by_priority_then_by_soonest_expiry(pool: Pool, ana: UUID) -> None:
    late = give(pool, ana, 2, days=300)
    soon = give(pool, ana, 2, days=100)
    first = give(pool, ana, 1, days=300, priority=10)
    booking = hold(ana, 4)
    assert [(lot, units) for _, lot, units in booking.parts] == [
        (first.pk, 1),
        (soon.pk, 2),
        (late.pk, 1),
    ]


def test_of_lots_that_expire_together_the_older_is_spent_first(pool: Pool, ana: UUID) -> None:
    """By the day they count from, then by their number."""
    younger = give(pool, ana, 1, days=99, since=NOW + DAY)
    older, next_of_its_day = give(pool, ana, 1, days=100), give(pool, ana, 1, days=100)
    booking = hold(ana, 3, at=NOW + 2 * DAY)
    assert [lot for _, lot, _ in booking.parts] == [older.pk, next_of_its_day.pk, younger.pk]


def test_a_partial_charge_fills_the_lots_in_order_and_gives_the_rest_back(
    pool: Pool, ana: UUID
) -> None:
    soon, later, last = (give(pool, ana, 2, days=days) for days in (100, 200, 300))
    booking = hold(ana, 6)
    result = ledger.post_hold(group=booking.group, units=3, actor=STAFF, at=NOW)
    assert result == ledger.Resolution(booking.group, Code.REDEEM, 3, 3)
    assert counters(soon) == (0, 0, 2)
    assert counters(later) == (1, 0, 1)
    assert counters(last) == (2, 0, 0)


def test_a_booking_never_spans_pools(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 2, days=10)
    other = make_pool("Southlight")
    enough = give(other, ana, 3, days=200)
    booking = hold(ana, 3)
    assert (booking.pool_id, booking.parts[0][1:]) == (other.pk, (enough.pk, 3))
    with pytest.raises(NotEnoughSessions):
        hold(ana, 3)


def test_a_code_is_held_first_and_goes_to_the_practice_that_redeems_it(
    pool: Pool, ana: UUID
) -> None:
    lot = give(pool, ana, 2)
    code = hold(ana, practice_id=None)
    assert counters(lot) == (1, 1, 0)
    ledger.post_hold(group=code.group, practice_id=QUIET_ROOM, actor=STAFF, at=NOW + DAY)
    assert movements(code.group) == [
        "ASSIGN 1: issued to practice",
        "HOLD 1: lot to issued",
        "REDEEM 1: lot to issued",
    ]
    assert account_of(pool, Kind.PRACTICE, practice_id=QUIET_ROOM).left == 1
    assert statement(pool)["used"] == 1


def test_an_unused_code_gives_its_session_back(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 1)
    code = hold(ana, practice_id=None)
    ledger.release_hold(group=code.group, code=Code.TIMEOUT, actor=STAFF, at=NOW + 30 * DAY)
    assert counters(lot) == (1, 0, 0)


def test_an_undone_charge_returns_to_the_very_lot(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1, days=300)
    lot = give(pool, ana, 1, days=100)
    booking = hold(ana)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    back = ledger.reverse_charge(group=booking.group, actor=STAFF, at=NOW + DAY)
    assert back == ledger.Reversal(booking.group, 1, ())
    assert counters(lot)[0] == 1
    assert statement(pool)["used"] == 0


def test_an_undone_charge_whose_lot_is_over_becomes_a_new_lot_of_thirty_days(
    pool: Pool, ana: UUID
) -> None:
    lot = give(pool, ana, 1, days=10)
    booking = hold(ana)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    undone_at = NOW + 11 * DAY
    back = ledger.reverse_charge(group=booking.group, actor=STAFF, at=undone_at)
    grace = Account.objects.get(pk__in=back.grace_lot_ids)
    assert (grace.subject, grace.expires_at) == (ana, undone_at + 30 * DAY)
    assert counters(grace) == (1, 0, 0)
    assert counters(lot) == (0, 0, 2)  # used once, and passed on once
    assert movements(booking.group)[0] == "GRACE 1: lot to lot"


def test_an_undone_code_comes_back_through_the_issued_account(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 1)
    code = hold(ana, practice_id=None)
    ledger.post_hold(group=code.group, practice_id=QUIET_ROOM, actor=STAFF, at=NOW)
    ledger.reverse_charge(group=code.group, actor=STAFF, at=NOW + DAY)
    assert counters(lot)[0] == 1
    assert "REVERSAL 1: practice to issued" in movements(code.group)
    assert "REVERSAL 1: issued to lot" in movements(code.group)
    assert statement(pool)["used"] == 0


def test_an_undone_goodwill_payment_returns_to_the_pool(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1)
    booking = hold(ana)
    ledger.excuse_hold(group=booking.group, actor=STAFF, at=NOW)
    ledger.reverse_charge(group=booking.group, actor=STAFF, at=NOW + DAY)
    assert statement(pool) == {
        "unallocated": 99, "with people": 1, "held": 0, "used": 0, "expired": 0
    }  # fmt: skip


def test_part_of_a_charge_can_be_undone_the_last_drawn_first(pool: Pool, ana: UUID) -> None:
    soon, later = give(pool, ana, 2, days=100), give(pool, ana, 2, days=200)
    booking = hold(ana, 4)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    assert ledger.reverse_charge(group=booking.group, units=3, actor=STAFF, at=NOW).units == 3
    assert (counters(soon)[0], counters(later)[0]) == (1, 2)


def test_a_settled_charge_is_adjusted_before_it_is_undone(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 2)
    booking = hold(ana, 2)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    settle = {"pool": pool, "practice_id": 7, "units": 2, "statement": uuid4()}
    settle |= {"transfer_id": uuid7(), "actor": STAFF, "at": NOW}
    ledger.settle(**settle)
    ledger.settle(**settle)  # a retry
    assert account_of(pool, Kind.SETTLED).left == 2
    # The practice has nothing unsettled left to take.
    with pytest.raises(NotEnoughSessions), transaction.atomic():
        ledger.reverse_charge(group=booking.group, units=1, actor=STAFF, at=NOW)
    ledger.reverse_charge(group=booking.group, units=1, is_settled=True, actor=STAFF, at=NOW)
    assert account_of(pool, Kind.SETTLED).left == 1
    assert counters(lot)[0] == 1


def test_allocations_leave_a_goodwill_reserve_in_the_pool(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 95)
    with pytest.raises(NotEnoughSessions):
        give(pool, ana, 1)
    assert statement(pool)["unallocated"] == 5


def test_unallocated_sessions_go_back_to_the_partner(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 30)
    ledger.hand_back(pool=pool, units=70, transfer_id=uuid7(), actor=STAFF, at=NOW)
    assert statement(pool) == {
        "unallocated": 0, "with people": 30, "held": 0, "used": 0, "expired": 0
    }  # fmt: skip
    with pytest.raises(NotEnoughSessions):
        ledger.hand_back(pool=pool, units=1, transfer_id=uuid7(), actor=STAFF, at=NOW)


# --- The same request again --------------------------------------------------


def test_the_same_hold_again_is_the_first_one(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1, days=100)
    give(pool, ana, 1, days=200)
    request = {
        "subject": ana, "units": 2, "practice_id": SOUND_MIND, "group": uuid4(),
        "timeout_at": NOW + 30 * DAY, "transfer_id": uuid7(), "actor": ana,
    }  # fmt: skip
    first = ledger.hold_units(**request, at=NOW)
    assert ledger.hold_units(**request, at=NOW + DAY) == first
    for change in ({"units": 1}, {"practice_id": 8}, {"practice_id": None}, {"group": uuid4()}):
        with pytest.raises((RequestReused, NotEnoughSessions)):
            ledger.hold_units(**request | change, at=NOW)
    with pytest.raises(RequestReused):
        ledger.hold_units(**request | {"transfer_id": uuid7()}, at=NOW)
    assert Transfer.objects.filter(code=Code.HOLD).count() == 2


def test_the_same_fund_and_allocation_again_change_nothing(pool: Pool, ana: UUID) -> None:
    fund = {"pool": pool, "units": 5, "transfer_id": uuid7(), "actor": STAFF, "at": NOW}
    ledger.fund(**fund)
    ledger.fund(**fund)
    assert account_of(pool, Kind.POOL).left == 105
    with pytest.raises(RequestReused):
        ledger.fund(**fund | {"units": 6})
    allocation = {
        "pool": pool, "subject": ana, "units": 2, "priority": 1, "effective_at": NOW,
        "expires_at": NOW + DAY, "transfer_id": uuid7(), "actor": STAFF, "at": NOW,
    }  # fmt: skip
    assert ledger.allocate(**allocation) == ledger.allocate(**allocation)
    with pytest.raises(RequestReused):
        ledger.allocate(**allocation | {"units": 3})
    assert Account.objects.lots(ana).count() == 1


def test_a_hold_ends_once(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 2)
    booking = hold(ana, 2)
    post = {"group": booking.group, "actor": STAFF, "at": NOW}
    first = ledger.post_hold(**post, units=1)
    assert ledger.post_hold(**post, units=1) == first
    for other in (
        lambda: ledger.post_hold(**post, units=2),
        lambda: ledger.post_hold(**post, units=1, outcome=Code.NO_SHOW),
        lambda: ledger.release_hold(**post),
        lambda: ledger.excuse_hold(**post),
    ):
        with pytest.raises(HoldResolved):
            other()
    assert counters(lot) == (1, 0, 1)


def test_what_follows_a_hold_is_named_after_it_and_made_when_the_caller_says(
    pool: Pool, ana: UUID
) -> None:
    """So that no retry can double it, and no clock of a server stands in the books."""
    give(pool, ana, 1, days=10)
    code = hold(ana, practice_id=None)
    practice = {"group": code.group, "actor": STAFF}
    ledger.post_hold(**practice, practice_id=QUIET_ROOM, at=NOW + DAY)
    ledger.reverse_charge(**practice, at=NOW + 20 * DAY)
    charge, assign = uuid5(code.id, "resolution"), uuid5(code.id, "assign")
    made = {
        (transfer.code, transfer.id, transfer.made_at)
        for transfer in Transfer.objects.filter(group=code.group)
    }
    assert made == {
        ("HOLD", code.id, NOW),
        ("REDEEM", charge, NOW + DAY),
        ("ASSIGN", assign, NOW + DAY),
        ("REVERSAL", uuid5(charge, "reversal"), NOW + 20 * DAY),
        ("REVERSAL", uuid5(assign, "reversal"), NOW + 20 * DAY),
        ("GRACE", uuid5(charge, "grace"), NOW + 20 * DAY),
    }


def test_a_charge_is_undone_once(pool: Pool, ana: UUID) -> None:
    lot = give(pool, ana, 1, days=10)
    booking = hold(ana)
    ledger.post_hold(group=booking.group, actor=STAFF, at=NOW)
    undo = {"group": booking.group, "actor": STAFF, "at": NOW + 20 * DAY}
    first = ledger.reverse_charge(**undo)
    assert ledger.reverse_charge(**undo) == first
    with pytest.raises(RequestReused):
        ledger.reverse_charge(**undo, units=1)
    assert Account.objects.lots(ana).count() == 2
    assert counters(lot)[0] == 0


# --- What is asked wrongly ---------------------------------------------------


def test_more_than_is_left_cannot_be_held(pool: Pool, ana: UUID, ben: UUID) -> None:
    give(pool, ana, 1)
    give(pool, ben, 5)
    for units in (2, 0, -1):
        with pytest.raises(NotEnoughSessions):
            hold(ana, units, pool=pool)
    assert not Transfer.objects.filter(code=Code.HOLD).exists()


def test_a_lot_that_has_not_begun_or_is_over_is_not_drawn(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1, since=NOW + 5 * DAY, days=5)
    for at in (NOW, NOW + 10 * DAY):
        with pytest.raises(NotEnoughSessions):
            hold(ana, at=at)
    assert hold(ana, at=NOW + 5 * DAY).units == 1


def test_a_booking_belongs_to_its_practice_and_a_code_needs_one(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 2)
    booking, code = hold(ana, practice_id=SOUND_MIND), hold(ana, practice_id=None)
    with pytest.raises(WrongPractice):
        ledger.post_hold(group=booking.group, practice_id=QUIET_ROOM, actor=STAFF, at=NOW)
    with pytest.raises(WrongPractice):
        ledger.post_hold(group=code.group, actor=STAFF, at=NOW)
    assert statement(pool)["held"] == 2


def test_what_was_never_held_cannot_end_and_what_was_never_charged_cannot_be_undone(
    pool: Pool, ana: UUID
) -> None:
    give(pool, ana, 1)
    for end in (ledger.post_hold, ledger.release_hold, ledger.excuse_hold):
        with pytest.raises(HoldUnknown):
            end(group=uuid4(), actor=STAFF, at=NOW)
    with pytest.raises(NothingToReverse):
        ledger.reverse_charge(group=hold(ana).group, actor=STAFF, at=NOW)


def test_more_than_was_held_or_charged_cannot_be_charged_or_undone(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 5)
    booking = hold(ana, 2)
    for units in (0, 3):
        with pytest.raises(NotEnoughSessions):
            ledger.post_hold(group=booking.group, units=units, actor=STAFF, at=NOW)
    ledger.post_hold(group=booking.group, units=1, actor=STAFF, at=NOW)
    for units in (0, 2):
        with pytest.raises(NotEnoughSessions):
            ledger.reverse_charge(group=booking.group, units=units, actor=STAFF, at=NOW)
    assert statement(pool)["used"] == 1
