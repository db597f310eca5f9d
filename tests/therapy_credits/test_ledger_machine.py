"""Random histories of a pool, two ambassadors and two practices, checked at every step.

The machine keeps its own simple books in Python and compares them with the
ledger after each step, together with the identity of docs/ledger.md: allocated
+ received = left + booked + used + gifted + expired + returned, for each person.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from uuid6 import uuid7

from tests.conftest import NOW
from tests.therapy_credits.conftest import DAY, STAFF, account_of, make_pool
from therapy_credits.errors import NotEnoughSessions, TherapyCreditsError
from therapy_credits.models import Account, Code, Kind, Phase, Transfer
from therapy_credits.queries.balances import balance_of
from therapy_credits.queries.books import COUNTERS
from therapy_credits.services import expiry, ledger

RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "140"))
STEPS = int(os.environ.get("STATE_MACHINE_STEPS", "50"))
PEOPLE = 2
person = st.integers(0, PEOPLE - 1)
few = st.integers(1, 4)
number = st.integers(0, 1000)


@dataclass
class Booked:
    """A hold, as the machine remembers it."""

    group: UUID
    who: int
    units: int
    practice_id: int | None
    timeout_at: object
    charged: int = 0
    paid_by: int | None = None
    is_settled: bool = False
    is_over: bool = False
    is_reversed: bool = False
    is_excused: bool = False
    is_paid: bool = False


@dataclass
class Given:
    """A gift, as the machine remembers it."""

    group: UUID
    who: int
    units: int
    token: UUID
    is_open: bool = True


@dataclass
class Expected:
    """What the machine expects of one person."""

    allocated: int = 0
    received: int = 0
    gifted: int = 0
    booked: int = 0
    used: int = 0
    returned: int = 0


@dataclass
class Books:
    paid_in: int = 100
    people: list[Expected] = field(default_factory=lambda: [Expected() for _ in range(PEOPLE)])


class SessionLedger(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.pool = make_pool()
        self.tokens = [uuid4() for _ in range(PEOPLE)]
        self.at = NOW
        self.books = Books()
        self.holds: list[Booked] = []
        self.gifts: list[Given] = []
        self.claimed: list[list[UUID]] = [[] for _ in range(PEOPLE)]

    def teardown(self) -> None:
        if hasattr(self, "transaction"):
            self._balances_are_as_expected()
            with connection.cursor() as cursor:
                cursor.execute(COUNTERS)
                assert cursor.fetchall() == []
            connection.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # --- The pool ------------------------------------------------------------

    @rule(units=few)
    def pay_in(self, units: int) -> None:
        ledger.fund(pool=self.pool, units=units, transfer_id=uuid7(), actor=STAFF, at=self.at)
        self.books.paid_in += units

    @rule(units=st.integers(1, 60))
    def hand_back(self, units: int) -> None:
        try:
            with transaction.atomic():
                ledger.hand_back(
                    pool=self.pool, units=units, transfer_id=uuid7(), actor=STAFF, at=self.at
                )
        except NotEnoughSessions:
            assert account_of(self.pool, Kind.POOL).left < units
        else:
            self.books.paid_in -= units

    @rule(who=person, units=few, days=st.integers(1, 60), priority=st.integers(0, 2))
    def give(self, who: int, units: int, days: int, priority: int) -> None:
        try:
            ledger.allocate(
                pool=self.pool,
                subject=self.tokens[who],
                units=units,
                priority=priority,
                effective_at=self.at,
                expires_at=self.at + days * DAY,
                transfer_id=uuid7(),
                actor=STAFF,
                at=self.at,
            )
        except NotEnoughSessions:
            left = account_of(self.pool, Kind.POOL).left
            assert left - units < ledger.goodwill_reserve(pool=self.pool)
        else:
            self.books.people[who].allocated += units

    # --- Booking -------------------------------------------------------------

    @rule(who=person, units=few, practice_id=st.sampled_from([7, 8, None]), days=few)
    def book(self, who: int, units: int, practice_id: int | None, days: int) -> None:
        live = Account.objects.lots(self.tokens[who]).live(at=self.at)
        free = sum(lot.left for lot in live)
        group = uuid4()
        request = {
            "subject": self.tokens[who],
            "units": units,
            "practice_id": practice_id,
            "group": group,
            "timeout_at": self.at + days * 10 * DAY,
            "transfer_id": uuid7(),
            "actor": self.tokens[who],
            "at": self.at,
        }
        try:
            hold = ledger.hold_units(**request)  # type: ignore[arg-type]  # facts of many types
        except NotEnoughSessions:
            assert free < units
            return
        assert free >= units
        assert ledger.hold_units(**request) == hold  # type: ignore[arg-type]
        self.holds.append(Booked(group, who, units, practice_id, hold.timeout_at))
        self.books.people[who].booked += units

    def _open_hold(self, number: int) -> Booked:
        open_holds = [hold for hold in self.holds if not hold.is_over]
        return open_holds[number % len(open_holds)]

    def _has_open_hold(self) -> bool:
        return any(not hold.is_over for hold in self.holds)

    def _end(self, hold: Booked) -> None:
        hold.is_over = True
        self.books.people[hold.who].booked -= hold.units

    @precondition(_has_open_hold)
    @rule(
        number=number,
        units=few,
        outcome=st.sampled_from([Code.REDEEM, Code.NO_SHOW, Code.LATE_CANCEL]),
        practice_id=st.sampled_from([7, 8]),
    )
    def charge(self, number: int, units: int, outcome: Code, practice_id: int) -> None:
        hold = self._open_hold(number)
        charged = min(units, hold.units)
        paid_by = hold.practice_id or practice_id
        post = {"group": hold.group, "outcome": outcome, "units": charged, "practice_id": paid_by}
        for _ in range(2):
            result = ledger.post_hold(**post, actor=STAFF, at=self.at)  # type: ignore[arg-type]
            assert (result.units_charged, result.units_returned) == (charged, hold.units - charged)
        self._end(hold)
        hold.charged, hold.paid_by = charged, paid_by
        self.books.people[hold.who].used += charged

    @precondition(_has_open_hold)
    @rule(number=number, code=st.sampled_from([Code.RELEASE, Code.PRACTICE_CANCEL]))
    def release(self, number: int, code: Code) -> None:
        hold = self._open_hold(number)
        ledger.release_hold(group=hold.group, code=code, actor=STAFF, at=self.at)
        self._end(hold)

    @precondition(_has_open_hold)
    @rule(number=number)
    def excuse(self, number: int) -> None:
        hold = self._open_hold(number)
        left = account_of(self.pool, Kind.POOL).left
        result = ledger.excuse_hold(
            group=hold.group, practice_id=hold.practice_id or 7, actor=STAFF, at=self.at
        )
        assert result.units_paid_by_pool == (hold.units if left >= hold.units else 0)
        hold.is_excused, hold.is_paid = True, result.units_paid_by_pool > 0
        self._end(hold)

    @precondition(lambda self: any(hold.is_over for hold in self.holds))
    @rule(number=number)
    def end_what_has_ended(self, number: int) -> None:
        over = [hold for hold in self.holds if hold.is_over]
        hold = over[number % len(over)]
        with pytest.raises(TherapyCreditsError):
            ledger.post_hold(group=hold.group, practice_id=9, actor=STAFF, at=self.at)

    # --- After the session ---------------------------------------------------

    def _to_undo(self) -> list[Booked]:
        return [hold for hold in self.holds if hold.charged and not hold.is_reversed]

    @precondition(lambda self: bool(self._to_undo()))
    @rule(number=number)
    def settle(self, number: int) -> None:
        hold = self._to_undo()[number % len(self._to_undo())]
        if hold.is_settled:
            return
        assert hold.paid_by is not None
        ledger.settle(
            pool=self.pool,
            practice_id=hold.paid_by,
            units=hold.charged,
            statement=uuid4(),
            transfer_id=uuid7(),
            actor=STAFF,
            at=self.at,
        )
        hold.is_settled = True

    @precondition(lambda self: bool(self._to_undo()))
    @rule(number=number, units=few)
    def undo(self, number: int, units: int) -> None:
        hold = self._to_undo()[number % len(self._to_undo())]
        back = min(units, hold.charged)
        request = {"group": hold.group, "units": back, "is_settled": hold.is_settled}
        first = ledger.reverse_charge(**request, actor=STAFF, at=self.at)  # type: ignore[arg-type]
        again = ledger.reverse_charge(**request, actor=STAFF, at=self.at)  # type: ignore[arg-type]
        assert first == again
        assert first.units == back
        hold.is_reversed = True
        self.books.people[hold.who].used -= back

    # --- Gifts and leaving ---------------------------------------------------

    @rule(who=person, units=few)
    def give_away(self, who: int, units: int) -> None:
        """To a token nobody is behind yet; the person it is for may be found later."""
        live = Account.objects.lots(self.tokens[who]).live(at=self.at)
        lasting = sum(
            lot.left for lot in live if lot.expires_at >= self.at + ledger.LEAST_GIFT_LIFE
        )
        gift = Given(uuid4(), who, units, uuid4())
        request = {"group": gift.group, "recipient": gift.token, "units": units}
        facts = {"subject": self.tokens[who], "actor": STAFF, "at": self.at} | request
        try:
            given = ledger.give_units(**facts)  # type: ignore[arg-type]  # facts of many types
        except NotEnoughSessions:
            assert lasting < units
            return
        assert lasting >= units
        assert ledger.give_units(**facts) == given  # type: ignore[arg-type]
        self.gifts.append(gift)
        self.books.people[who].gifted += units

    def _open_gifts(self) -> list[Given]:
        return [gift for gift in self.gifts if gift.is_open]

    @precondition(lambda self: bool(self._open_gifts()))
    @rule(number=number, end=st.sampled_from(["undone", "returned", "claimed"]))
    def end_a_gift(self, number: int, end: str) -> None:
        gift = self._open_gifts()[number % len(self._open_gifts())]
        lots = Account.objects.lots(gift.token)
        free = sum(lot.left for lot in lots)
        if end == "undone" and free < gift.units:
            # Undone within half an hour, so never after anything of it has expired.
            with pytest.raises(NotEnoughSessions), transaction.atomic():
                ledger.undo_gift(group=gift.group, actor=STAFF, at=self.at)
            return
        gift.is_open = False
        for _ in range(2):
            if end == "undone":
                back = ledger.undo_gift(group=gift.group, actor=STAFF, at=self.at)
                assert back == gift.units
            elif end == "returned":
                assert ledger.return_gift(group=gift.group, actor=STAFF, at=self.at) == free
        if end == "undone":
            self.books.people[gift.who].gifted -= gift.units
        elif end == "claimed":
            # Whoever it was for: their own tokens, and this one.
            other = self.books.people[1 - gift.who]
            other.received += gift.units
            self.claimed[1 - gift.who].append(gift.token)

    @rule(who=person)
    def take_back(self, who: int) -> None:
        lots = Account.objects.lots(self.tokens[who]).live(at=self.at).in_draw_down_order()
        lot = next((lot for lot in lots if lot.left), None)
        if lot is None:
            return
        self.books.people[who].returned += lot.left
        Transfer.objects.create(
            id=uuid7(),
            pool=self.pool,
            phase=Phase.SINGLE,
            code=Code.CLAWBACK,
            debit=lot,
            credit=account_of(self.pool, Kind.POOL),
            amount=lot.left,
            actor=STAFF,
            request_hash=b"",
            made_at=self.at,
        )

    @precondition(lambda self: any(hold.is_excused for hold in self.holds))
    @rule(number=number)
    def pay_what_waited(self, number: int) -> None:
        excused = [hold for hold in self.holds if hold.is_excused]
        hold = excused[number % len(excused)]
        if hold.practice_id is None:
            return  # a code that is excused names its practice at once
        left = account_of(self.pool, Kind.POOL).left
        paid = ledger.pay_goodwill(group=hold.group, actor=STAFF, at=self.at)
        assert paid == (hold.units if hold.is_paid or left >= hold.units else 0)
        hold.is_paid = paid > 0

    # --- Time ----------------------------------------------------------------

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        self.at += timedelta(days=days)
        released = set(expiry.time_out_holds(at=self.at))
        due = [h for h in self.holds if not h.is_over and h.timeout_at <= self.at]  # type: ignore[operator]
        assert released == {hold.group for hold in due}
        for hold in due:
            self._end(hold)
        expiry.expire_lots(at=self.at)
        self._balances_are_as_expected()

    # --- What must always hold -----------------------------------------------

    def _tokens_of(self, who: int) -> list[UUID]:
        return [self.tokens[who], *self.claimed[who]]

    def _balances_are_as_expected(self) -> None:
        """What pages show, by the query they use: after each passing of time, and at the end."""
        for who, expected in enumerate(self.books.people):
            has = balance_of(self._tokens_of(who), at=self.at)
            assert has.allocated + has.received == (
                has.left + has.booked + has.used + has.gifted + has.expired + has.returned
            )
            assert (
                has.allocated,
                has.received,
                has.gifted,
                has.booked,
                has.used,
                has.returned,
            ) == (
                expected.allocated,
                expected.received,
                expected.gifted,
                expected.booked,
                expected.used,
                expected.returned,
            )

    @invariant()
    def every_person_adds_up_and_no_session_is_created_or_lost(self) -> None:
        """After every step, in two statements: the identity, and where all units are."""
        if not hasattr(self, "books"):
            return
        with connection.cursor() as cursor:
            cursor.execute(WHERE_UNITS_ARE, [self.pool.pk])
            units: Counter[str] = Counter()
            left: Counter[UUID] = Counter()
            booked: Counter[UUID] = Counter()
            for kind, subject, net, held in cursor.fetchall():
                units[kind] += net
                left[subject] += net - held
                booked[subject] += held
            cursor.execute(WHAT_MOVED, [self.pool.pk, self.pool.pk])
            moved: Counter[tuple[UUID, str, str]] = Counter()
            for subject, side, code, amount in cursor.fetchall():
                moved[subject, side, code] += amount
        assert units["issued"] == 0
        assert -units.pop("funder") == sum(units.values()) == self.books.paid_in
        for who, expected in enumerate(self.books.people):
            of = self._tokens_of(who)

            def total(side: str, *codes: str, of: list[UUID] = of) -> int:
                return sum(moved[token, side, code] for token in of for code in codes)

            used = total("out", "REDEEM", "NO_SHOW", "LATE_CANCEL") - total("in", "REVERSAL")
            gifted = total("out", "GIFT") - total("in", "GIFT_UNDONE")
            received = total("in", "GIFT")
            returned = total("out", "CLAWBACK", "GIFT_EXPIRED")
            held = sum(booked[token] for token in of)
            assert (received, gifted, used, returned, held) == (
                expected.received,
                expected.gifted,
                expected.used,
                expected.returned,
                expected.booked,
            )
            assert total("in", "ALLOCATE") == expected.allocated
            assert expected.allocated + received == (
                sum(left[token] for token in of)
                + held
                + used
                + gifted
                + total("out", "EXPIRE")
                + returned
            )


WHERE_UNITS_ARE = """
SELECT kind, subject, sum(credits_posted - debits_posted)::int, sum(debits_pending)::int
  FROM therapy_credits_account WHERE pool_id = %s GROUP BY kind, subject
"""
WHAT_MOVED = """
SELECT lot.subject, side.name, t.code, sum(t.amount)::int
  FROM therapy_credits_account AS lot
  JOIN therapy_credits_transfer AS t ON lot.id IN (t.debit_id, t.credit_id) AND t.pool_id = %s
 CROSS JOIN LATERAL (SELECT CASE WHEN t.debit_id = lot.id THEN 'out' ELSE 'in' END) AS side (name)
 WHERE lot.kind = 'lot' AND lot.pool_id = %s AND t.phase IN ('single', 'post')
 GROUP BY 1, 2, 3
"""


def run(runs: int, steps: int) -> None:
    run_state_machine_as_test(
        SessionLedger,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.machine
@pytest.mark.django_db
def test_the_identity_holds_at_every_step_of_any_history() -> None:
    run(RUNS, STEPS)


@pytest.mark.soak
@pytest.mark.django_db
def test_the_identity_holds_in_long_histories_too() -> None:
    run(10_000, 100)
