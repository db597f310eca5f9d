"""Random histories of a pool, two ambassadors and two practices, checked at every step.

Three hands, each with a connection of its own, do what the machine chooses: one after another,
or two and three of them at the same moment. The machine keeps its own simple books in Python and
after each step compares them with the ledger, in one statement: the identity of docs/ledger.md
(allocated + received = left + booked + used + gifted + expired + returned, for each person),
every counter against its transfers, nothing below zero, and every session in one place.

What a step finds to do depends on who was first in the steps before, and Hypothesis must be able
to play a history again: so no rule has a precondition, and one that finds nothing does nothing.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from time import monotonic
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from uuid6 import uuid7

from common.prepared import prepared_cursor
from tests.conftest import NOW
from tests.therapy_credits.conftest import DAY, STAFF, make_pool
from therapy_credits.errors import (
    HoldResolved,
    NotEnoughSessions,
    RequestReused,
    TherapyCreditsError,
)
from therapy_credits.models import CHARGES, Account, Code, Kind, Phase, Transfer
from therapy_credits.queries.balances import balance_of
from therapy_credits.services import expiry, ledger

RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "200"))
STEPS = int(os.environ.get("STATE_MACHINE_STEPS", "50"))
SOAK_RUNS = int(os.environ.get("SOAK_RUNS", "10000"))
SOAK_STEPS = int(os.environ.get("SOAK_STEPS", "100"))
BATCH = 500
PEOPLE = 2
HANDS = 3
person = st.integers(0, PEOPLE - 1)
hand = st.integers(0, HANDS - 1)
few = st.integers(1, 4)
number = st.integers(0, 1000)
practice = st.sampled_from([7, 8])
ending = st.sampled_from([*CHARGES, Code.RELEASE, Code.PRACTICE_CANCEL, Code.GOODWILL])

Act = Callable[..., Any]
One = TypeVar("One")


class Hands:
    """Threads that each keep a connection: several clients of one database."""

    def __init__(self) -> None:
        self._threads = [ThreadPoolExecutor(max_workers=1) for _ in range(HANDS)]

    def do(self, hand: int, act: Act) -> Any:
        """What ``act`` returned or raised, done by one of them."""
        return self._threads[hand].submit(_outcome, act).result()

    def do_at_once(self, hand: int, *acts: Act) -> list[Any]:
        """All at the same moment, by neighbours; their outcomes."""
        gate = Barrier(len(acts))
        running = [
            self._threads[(hand + n) % HANDS].submit(_outcome, act, gate)
            for n, act in enumerate(acts)
        ]
        return [one.result() for one in running]

    def close(self) -> None:
        for thread in self._threads:
            thread.submit(lambda: connection.close()).result()  # of that thread, not of ours
            thread.shutdown()


def _outcome(act: Act, gate: Barrier | None = None) -> Any:
    if gate:
        connection.ensure_connection()
        gate.wait(timeout=30)
    try:
        return act()
    except TherapyCreditsError as refusal:
        return refusal


@dataclass
class Booked:
    """A hold, as the machine remembers it."""

    group: UUID
    who: int
    units: int
    practice_id: int | None
    timeout_at: datetime
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


@dataclass(frozen=True)
class Kept:
    """One account as the ledger keeps it, and what its transfers say of it."""

    kind: str
    subject: UUID | None
    left: int
    held: int
    promised: int
    net: int
    is_right: bool
    expires_at: datetime | None
    is_closed: bool
    moved_in: dict[str, int]
    moved_out: dict[str, int]


@dataclass
class Books:
    paid_in: int = 100
    people: list[Expected] = field(default_factory=lambda: [Expected() for _ in range(PEOPLE)])


class SessionLedger(RuleBasedStateMachine):
    hands: Hands  # set by the test
    tell: ClassVar[Callable[[], None]] = lambda: None  # after each history

    @initialize()
    def open(self) -> None:
        self.pool = make_pool(str(uuid4()))
        self.tokens = [uuid4() for _ in range(PEOPLE)]
        self.at = NOW
        self.books = Books()
        self.holds: list[Booked] = []
        self.gifts: list[Given] = []
        self.claimed: list[list[UUID]] = [[] for _ in range(PEOPLE)]
        for who in range(PEOPLE):
            self._lot_of(who, 4, actor=STAFF, at=self.at)
            self.books.people[who].allocated += 4

    def teardown(self) -> None:
        """In the end all that was held is released, and all that was left has expired."""
        if not hasattr(self, "books"):
            return
        self.everything_adds_up()
        self._pass_time(500)
        self.everything_adds_up()
        self._balances_are_as_expected()
        lots = [account for account in self.accounts if account.kind == Kind.LOT]
        assert [lot for lot in lots if lot.left or lot.held or not lot.is_closed] == []
        type(self).tell()

    # --- The pool ------------------------------------------------------------

    @rule(hand=hand, units=few)
    def pay_in(self, hand: int, units: int) -> None:
        pay = partial(ledger.fund, pool=self.pool, units=units, transfer_id=uuid7())
        assert self._do(hand, pay) is None
        self.books.paid_in += units

    @rule(hand=hand, units=st.integers(1, 60))
    def hand_back(self, hand: int, units: int) -> None:
        back = partial(ledger.hand_back, pool=self.pool, units=units, transfer_id=uuid7())
        if self._do(hand, back) is None:
            self.books.paid_in -= units
        else:
            assert self._in_pool() < units

    @rule(hand=hand, who=person, units=few, days=st.integers(1, 60), priority=st.integers(0, 2))
    def give(self, hand: int, who: int, units: int, days: int, priority: int) -> None:
        given = self._do(
            hand,
            partial(
                ledger.allocate,
                pool=self.pool,
                subject=self.tokens[who],
                units=units,
                priority=priority,
                effective_at=self.at,
                expires_at=self.at + days * DAY,
                transfer_id=uuid7(),
            ),
        )
        if isinstance(given, NotEnoughSessions):
            assert self._in_pool() - units < self._reserve()
        else:
            self.books.people[who].allocated += units

    @rule(hand=hand, units=st.tuples(few, st.integers(1, 100), st.integers(1, 100)))
    def empty_the_pool_at_once(self, hand: int, units: tuple[int, int, int]) -> None:
        """Given to somebody, and handed back twice: no more than there is."""
        lot = partial(self._lot_of, 0, units[0])
        backs = [
            partial(ledger.hand_back, pool=self.pool, units=some, transfer_id=uuid7())
            for some in units[1:]
        ]
        given, *returned = self._do_at_once(hand, lot, *backs)
        if not isinstance(given, NotEnoughSessions):
            self.books.people[0].allocated += units[0]
        for some, answer in zip(units[1:], returned, strict=True):
            self.books.paid_in -= some if answer is None else 0
        assert sum(some for some, a in zip(units[1:], returned, strict=True) if a is None) <= (
            self._in_pool()
        )

    def _lot_of(self, who: int, units: int, **stamp: Any) -> Account:
        return ledger.allocate(
            pool=self.pool,
            subject=self.tokens[who],
            units=units,
            priority=1,
            effective_at=self.at,
            expires_at=self.at + 20 * DAY,
            transfer_id=uuid7(),
            **stamp,
        )

    # --- Booking -------------------------------------------------------------

    @rule(
        hand=hand,
        who=person,
        units=few,
        practice_id=st.sampled_from([7, 8, None]),
        days=few,
        again=st.booleans(),
    )
    def book(
        self, hand: int, who: int, units: int, practice_id: int | None, days: int, again: bool
    ) -> None:
        """A booking, or where no practice is named a code."""
        booked, act = self._booking(who, units, practice_id, days)
        free = self._free(who)
        hold = self._do(hand, act)
        if isinstance(hold, NotEnoughSessions):
            assert free < units
            return
        assert free >= units
        if again:
            assert self._do(hand + 1, act) == hold
        self._note_booked(booked)

    @rule(hand=hand, who=person, units=st.tuples(few, few, few))
    def spend_at_once(self, hand: int, who: int, units: tuple[int, int, int]) -> None:
        """A booking, a code and a gift of one person: no more than there is."""
        bookings = [self._booking(who, units[n], [7, None][n], 2) for n in range(2)]
        gift, give = self._gift(who, units[2])
        free = self._free(who)
        answers = self._do_at_once(hand, *[act for _, act in bookings], give)
        spent = 0
        for some, answer in zip(units, answers, strict=True):
            spent += 0 if isinstance(answer, NotEnoughSessions) else some
        assert spent <= free
        for (booked, _), answer in zip(bookings, answers, strict=False):
            if isinstance(answer, NotEnoughSessions):
                assert booked.units > free - spent, answers
            else:
                self._note_booked(booked)
        if not isinstance(answers[2], NotEnoughSessions):
            self._note_given(gift)

    def _booking(
        self, who: int, units: int, practice_id: int | None, days: int
    ) -> tuple[Booked, Act]:
        booked = Booked(uuid4(), who, units, practice_id, self.at + days * 10 * DAY)
        return booked, partial(
            ledger.hold_units,
            subject=self.tokens[who],
            units=units,
            practice_id=practice_id,
            group=booked.group,
            timeout_at=booked.timeout_at,
            transfer_id=uuid7(),
        )

    def _note_booked(self, booked: Booked) -> None:
        self.holds.append(booked)
        self.books.people[booked.who].booked += booked.units

    # --- Ending a booking ----------------------------------------------------

    @rule(hand=hand, number=number, how=ending, units=few, practice_id=practice)
    def end(self, hand: int, number: int, how: Code, units: int, practice_id: int) -> None:
        """Charged in whole or in part, missed, released, cancelled, or paid by the pool."""
        if hold := _pick([hold for hold in self.holds if not hold.is_over], number):
            act = self._ending(hold, how, units, practice_id)
            result = self._do(hand, act)
            self._note_ended(hold, how, units, practice_id, result)
            if number % 2:
                assert self._do(hand + 1, act) == result

    @rule(hand=hand, number=number, ways=st.tuples(ending, ending, ending), units=few)
    def end_at_once(
        self, hand: int, number: int, ways: tuple[Code, Code, Code], units: int
    ) -> None:
        """Three ways to end one hold: the first is the one, the others learn that it is over."""
        if hold := _pick([hold for hold in self.holds if not hold.is_over], number):
            practices = [7, 8, 7]
            acts = [
                self._ending(hold, how, units, practice_id)
                for how, practice_id in zip(ways, practices, strict=True)
            ]
            answers = self._do_at_once(hand, *acts)
            ended = [n for n, answer in enumerate(answers) if answer.__class__ is not HoldResolved]
            # The same word twice is the same answer twice.
            assert ended
            assert all(answers[n] == answers[ended[0]] for n in ended)
            first = ended[0]
            self._note_ended(hold, ways[first], units, practices[first], answers[first])

    @rule(hand=hand, number=number)
    def end_what_has_ended(self, hand: int, number: int) -> None:
        if hold := _pick([hold for hold in self.holds if hold.is_over], number):
            late = partial(ledger.post_hold, group=hold.group, practice_id=9)
            assert isinstance(self._do(hand, late), TherapyCreditsError)

    def _ending(self, hold: Booked, how: Code, units: int, practice_id: int) -> Act:
        paid = hold.practice_id or practice_id
        if how == Code.GOODWILL:
            return partial(ledger.excuse_hold, group=hold.group, practice_id=paid)
        if how in CHARGES:
            charged = min(units, hold.units)
            return partial(
                ledger.post_hold, group=hold.group, outcome=how, units=charged, practice_id=paid
            )
        return partial(ledger.release_hold, group=hold.group, code=how)

    def _note_ended(
        self, hold: Booked, how: Code, units: int, practice_id: int, result: Any
    ) -> None:
        charged = min(units, hold.units) if how in CHARGES else 0
        assert (result.units_charged, result.units_returned) == (charged, hold.units - charged)
        paid_by_pool = how == Code.GOODWILL and self._in_pool() >= hold.units
        assert result.units_paid_by_pool == (hold.units if paid_by_pool else 0)
        hold.charged, hold.paid_by = charged, hold.practice_id or practice_id
        hold.is_excused, hold.is_paid = how == Code.GOODWILL, paid_by_pool
        self.books.people[hold.who].used += charged
        self._note_over(hold)

    def _note_over(self, hold: Booked) -> None:
        hold.is_over = True
        self.books.people[hold.who].booked -= hold.units

    @rule(hand=hand, number=number)
    def pay_what_waited(self, hand: int, number: int) -> None:
        """A code that was excused names its practice at once; a booking waits for the pool."""
        if hold := _pick([h for h in self.holds if h.is_excused and h.practice_id], number):
            left = self._in_pool()
            paid = self._do(hand, partial(ledger.pay_goodwill, group=hold.group))
            assert paid == (hold.units if hold.is_paid or left >= hold.units else 0)
            hold.is_paid = paid > 0

    # --- After the session ---------------------------------------------------

    def _to_undo(self) -> list[Booked]:
        return [hold for hold in self.holds if hold.charged and not hold.is_reversed]

    @rule(hand=hand, number=number)
    def settle(self, hand: int, number: int) -> None:
        if hold := _pick([hold for hold in self._to_undo() if not hold.is_settled], number):
            assert hold.paid_by is not None
            settled = partial(
                ledger.settle,
                pool=self.pool,
                practice_id=hold.paid_by,
                units=hold.charged,
                statement=uuid4(),
                transfer_id=uuid7(),
            )
            assert self._do(hand, settled) is None
            hold.is_settled = True

    @rule(hand=hand, number=number, units=few)
    def undo(self, hand: int, number: int, units: int) -> None:
        """Back to the same lot; through it into a grace lot; adjusted where it was settled."""
        if hold := _pick(self._to_undo(), number):
            act = self._undoing(hold, units)
            first = self._do(hand, act)
            if number % 2:
                assert self._do(hand + 1, act) == first
            self._note_undone(hold, units, first)

    @rule(hand=hand, number=number, units=st.tuples(few, few))
    def undo_at_once(self, hand: int, number: int, units: tuple[int, int]) -> None:
        """Two amounts to undo of one charge: the first is the one."""
        if hold := _pick(self._to_undo(), number):
            answers = self._do_at_once(hand, *[self._undoing(hold, some) for some in units])
            done = [n for n, answer in enumerate(answers) if not isinstance(answer, RequestReused)]
            assert len(done) == 1 or answers[0] == answers[1]
            self._note_undone(hold, units[done[0]], answers[done[0]])

    def _undoing(self, hold: Booked, units: int) -> Act:
        return partial(
            ledger.reverse_charge,
            group=hold.group,
            units=min(units, hold.charged),
            is_settled=hold.is_settled,
        )

    def _note_undone(self, hold: Booked, units: int, undone: Any) -> None:
        assert undone.units == min(units, hold.charged)
        hold.is_reversed = True
        self.books.people[hold.who].used -= undone.units

    @rule(hand=hand, number=number)
    def not_a_match(self, hand: int, number: int) -> None:
        """The charge comes back, and the pool pays the practice in its place."""
        if hold := _pick(self._to_undo(), number):
            left = self._in_pool()
            undone = self._do(hand, partial(ledger.refund_from_pool, group=hold.group))
            if undone is None:
                assert left < hold.charged
            elif hold.practice_id is None:
                # A code's units went on to the practice, and come back from there.
                assert isinstance(undone, TherapyCreditsError)
            else:
                self._note_undone(hold, hold.charged, undone)

    # --- Gifts and leaving ---------------------------------------------------

    @rule(hand=hand, who=person, units=few, again=st.booleans())
    def give_away(self, hand: int, who: int, units: int, again: bool) -> None:
        """To a token nobody is behind yet; the person it is for may be found later."""
        gift, act = self._gift(who, units)
        lasting = self._free(who, until=self.at + ledger.LEAST_GIFT_LIFE)
        given = self._do(hand, act)
        if isinstance(given, NotEnoughSessions):
            assert lasting < units
            return
        assert lasting >= units
        if again:
            assert self._do(hand + 1, act) == given
        self._note_given(gift)

    def _gift(self, who: int, units: int) -> tuple[Given, Act]:
        gift = Given(uuid4(), who, units, uuid4())
        return gift, partial(
            ledger.give_units,
            subject=self.tokens[who],
            recipient=gift.token,
            units=units,
            group=gift.group,
        )

    def _note_given(self, gift: Given) -> None:
        self.gifts.append(gift)
        self.books.people[gift.who].gifted += gift.units

    @rule(hand=hand, number=number, how=st.sampled_from(["undone", "returned", "claimed"]))
    def end_a_gift(self, hand: int, number: int, how: str) -> None:
        gift = _pick([gift for gift in self.gifts if gift.is_open], number)
        if gift is None:
            return
        free = sum(lot.left for lot in self.accounts if lot.subject == gift.token)
        if how == "claimed":
            # Whoever it was for: their own tokens, and this one.
            self.books.people[1 - gift.who].received += gift.units
            self.claimed[1 - gift.who].append(gift.token)
        elif how == "undone":
            back = self._do(hand, partial(ledger.undo_gift, group=gift.group))
            if free < gift.units:
                # Undone within half an hour, so never after anything of it has expired.
                assert isinstance(back, NotEnoughSessions)
                return
            assert back == gift.units
            self.books.people[gift.who].gifted -= gift.units
        else:
            assert self._do(hand, partial(ledger.return_gift, group=gift.group)) == free
        gift.is_open = False

    @rule(hand=hand, number=number)
    def undo_and_refuse_a_gift_at_once(self, hand: int, number: int) -> None:
        gift = _pick([gift for gift in self.gifts if gift.is_open], number)
        if gift is None:
            return
        free = sum(lot.left for lot in self.accounts if lot.subject == gift.token)
        undone, refused = self._do_at_once(
            hand,
            partial(ledger.undo_gift, group=gift.group),
            partial(ledger.return_gift, group=gift.group),
        )
        gift.is_open = False
        if isinstance(undone, NotEnoughSessions):
            assert refused == free
        else:
            assert (undone, refused) == (gift.units, 0)
            self.books.people[gift.who].gifted -= gift.units

    @rule(hand=hand, who=person)
    def take_back(self, hand: int, who: int) -> None:
        """They left the programme: what is free goes back to the pool, what is held stays."""
        taken = self._do(hand, partial(self._claw_back, who))
        self.books.people[who].returned += taken

    @rule(hand=hand, who=person, units=few)
    def take_back_and_book_at_once(self, hand: int, who: int, units: int) -> None:
        booked, book = self._booking(who, units, 7, 1)
        free = self._free(who)
        taken, hold = self._do_at_once(hand, partial(self._claw_back, who), book)
        self.books.people[who].returned += taken
        if isinstance(hold, NotEnoughSessions):
            assert taken > free - units
        else:
            self._note_booked(booked)

    def _claw_back(self, who: int, *, actor: UUID, at: datetime) -> int:
        with transaction.atomic():
            wanted = Account.objects.filter(pool=self.pool)
            lots = wanted.lots(self.tokens[who]).live(at=at) | wanted.filter(kind=Kind.POOL)
            *locked, pool = sorted(lots.locked(), key=lambda account: account.kind == Kind.POOL)
            free = [lot for lot in locked if lot.left]
            Transfer.objects.bulk_create(
                Transfer(
                    id=uuid7(),
                    pool=self.pool,
                    phase=Phase.SINGLE,
                    code=Code.CLAWBACK,
                    debit=lot,
                    credit=pool,
                    amount=lot.left,
                    actor=actor,
                    request_hash=b"",
                    made_at=at,
                )
                for lot in free
            )
            return sum(lot.left for lot in free)

    # --- Time ----------------------------------------------------------------

    @rule(hand=hand, days=st.integers(1, 20))
    def time_passes(self, hand: int, days: int) -> None:
        self._pass_time(days, hand)
        self._balances_are_as_expected()

    @rule(hand=hand, number=number, days=st.integers(1, 20))
    def time_passes_as_a_practice_confirms(self, hand: int, number: int, days: int) -> None:
        """The sweep of forgotten holds, that of lots that are over, and a late word, at once."""
        hold = _pick([hold for hold in self.holds if not hold.is_over], number)
        if hold is None:
            return
        self.at += timedelta(days=days)
        due = self._due()
        act = self._ending(hold, Code.REDEEM, hold.units, 7)
        word, released, _ = self._do_at_once(hand, act, self._time_out, self._expire)
        if isinstance(word, HoldResolved):
            assert hold.group in released
        else:
            assert hold.group not in released
            self._note_ended(hold, Code.REDEEM, hold.units, 7, word)
        for one in due:
            if one.group in released:
                self._note_over(one)
        assert {one.group for one in due if one is not hold} <= set(released)

    def _pass_time(self, days: int, hand: int = 0) -> None:
        self.at += timedelta(days=days)
        due = self._due()
        # Two workers may sweep at once: released by one is released.
        ones, others = self._do_at_once(hand, self._time_out, self._time_out)
        assert {*ones, *others} == {hold.group for hold in due}
        for hold in due:
            self._note_over(hold)
        self._do_at_once(hand, self._expire, self._expire)

    def _due(self) -> list[Booked]:
        return [hold for hold in self.holds if not hold.is_over and hold.timeout_at <= self.at]

    def _time_out(self, *, actor: UUID, at: datetime) -> list[UUID]:
        return expiry.time_out_holds(at=at)

    def _expire(self, *, actor: UUID, at: datetime) -> int:
        return expiry.expire_lots(at=at)

    # --- What must always hold -----------------------------------------------

    def _do(self, hand: int, act: Act) -> Any:
        return self.hands.do(hand % HANDS, partial(act, actor=STAFF, at=self.at))

    def _do_at_once(self, hand: int, *acts: Act) -> list[Any]:
        return self.hands.do_at_once(hand, *[partial(act, actor=STAFF, at=self.at) for act in acts])

    def _free(self, who: int, until: datetime | None = None) -> int:
        """What the person can spend, as of the end of the last step; of what lasts ``until``."""
        return sum(
            lot.left
            for lot in self.accounts
            if lot.subject == self.tokens[who]
            and lot.expires_at
            and lot.expires_at > self.at
            and lot.expires_at >= (until or self.at)
        )

    def _in_pool(self) -> int:
        return next(account.left for account in self.accounts if account.kind == Kind.POOL)

    def _reserve(self) -> int:
        return -(-self.books.paid_in * self.pool.goodwill_percent // 100)

    def _tokens_of(self, who: int) -> list[UUID]:
        return [self.tokens[who], *self.claimed[who]]

    def _balances_are_as_expected(self) -> None:
        """What pages show, by the query they use: after each passing of time, and at the end."""
        for who, expected in enumerate(self.books.people):
            has = balance_of(self._tokens_of(who), at=self.at)
            assert has.allocated + has.received == (
                has.left + has.booked + has.used + has.gifted + has.expired + has.returned
            )
            assert expected == Expected(
                allocated=has.allocated,
                received=has.received,
                gifted=has.gifted,
                booked=has.booked,
                used=has.used,
                returned=has.returned,
            )

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "books"):
            return
        with prepared_cursor() as cursor:  # to plan it takes longer than to answer it
            cursor.execute(BOOKS, {"pool": self.pool.pk})
            self.accounts = [
                Kept(*row[:-2], *map(json.loads, row[-2:])) for row in cursor.fetchall()
            ]
        units: Counter[str] = Counter()
        for account in self.accounts:
            assert account.is_right, account
            units[account.kind] += account.net
        assert units["issued"] == 0
        assert -units.pop("funder") == sum(units.values()) == self.books.paid_in
        held = sum(account.held for account in self.accounts)
        assert held == sum(account.promised for account in self.accounts)
        for who, expected in enumerate(self.books.people):
            self._person_adds_up(who, expected)

    def _person_adds_up(self, who: int, expected: Expected) -> None:
        tokens = self._tokens_of(who)
        lots = [account for account in self.accounts if account.subject in tokens]

        def came(*codes: str) -> int:
            return sum(lot.moved_in.get(code, 0) for lot in lots for code in codes)

        def went(*codes: str) -> int:
            return sum(lot.moved_out.get(code, 0) for lot in lots for code in codes)

        found = Expected(
            allocated=came("ALLOCATE"),
            received=came("GIFT"),
            gifted=went("GIFT") - came("GIFT_UNDONE"),
            booked=sum(lot.held for lot in lots),
            used=went("REDEEM", "NO_SHOW", "LATE_CANCEL") - came("REVERSAL"),
            returned=went("CLAWBACK", "GIFT_EXPIRED"),
        )
        assert found == expected
        left, expired = sum(lot.left for lot in lots), went("EXPIRE")
        assert found.allocated + found.received == (
            left + found.booked + found.used + found.gifted + expired + found.returned
        )


def _pick(those: list[One], number: int) -> One | None:
    return those[number % len(those)] if those else None


# Each account of the pool, whether it is what its transfers make it, and what they were.
BOOKS = """
WITH sides AS (
    SELECT debit_id AS account_id, 'out' AS way, * FROM therapy_credits_transfer
     WHERE pool_id = %(pool)s
     UNION ALL
    SELECT credit_id, 'in', * FROM therapy_credits_transfer WHERE pool_id = %(pool)s
), sums AS (
    SELECT account_id, way, code,
           coalesce(sum(amount) FILTER (WHERE phase IN ('single', 'post')), 0) AS posted,
           coalesce(sum(amount) FILTER (WHERE phase = 'pending'), 0)
           - coalesce(sum(pending_amount), 0) AS pending
      FROM sides GROUP BY 1, 2, 3
), moved AS (
    SELECT account_id,
           jsonb_object_agg(code, posted) FILTER (WHERE way = 'in') AS moved_in,
           jsonb_object_agg(code, posted) FILTER (WHERE way = 'out') AS moved_out,
           ARRAY[coalesce(sum(pending) FILTER (WHERE way = 'out'), 0),
                 coalesce(sum(posted) FILTER (WHERE way = 'out'), 0),
                 coalesce(sum(pending) FILTER (WHERE way = 'in'), 0),
                 coalesce(sum(posted) FILTER (WHERE way = 'in'), 0)] AS counters
      FROM sums GROUP BY 1
)
SELECT kind, subject, credits_posted - debits_posted - debits_pending, debits_pending,
       credits_pending, credits_posted - debits_posted,
       least(debits_pending, debits_posted, credits_pending, credits_posted) >= 0
       AND ARRAY[debits_pending, debits_posted, credits_pending, credits_posted]::numeric[]
           = coalesce(counters, '{0,0,0,0}')
       AND (kind = 'funder' OR credits_posted - debits_posted - debits_pending >= 0),
       expires_at, closed_at IS NOT NULL, coalesce(moved_in, '{}'), coalesce(moved_out, '{}')
  FROM therapy_credits_account AS account
  LEFT JOIN moved ON moved.account_id = account.id
 WHERE account.pool_id = %(pool)s
"""


@contextmanager
def hands(tell: Callable[[], None]) -> Iterator[None]:
    SessionLedger.hands, SessionLedger.tell = Hands(), tell
    try:
        yield
    finally:
        SessionLedger.hands.close()


class Told:
    """Says on the terminal, each hundredth of the way, how many histories have held so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._held, self._began = capsys, 0, monotonic()

    def __call__(self) -> None:
        self._held += 1
        if self._held % max(1, SOAK_RUNS // 100) == 0:
            minutes = (monotonic() - self._began) / 60
            with self._capsys.disabled():
                line = f"{self._held:,} of {SOAK_RUNS:,} histories held, {minutes:.1f} minutes"
                print(line, flush=True)  # noqa: T201 - who waits for hours wants to see it move


def run(runs: int, steps: int, tell: Callable[[], None] = lambda: None) -> None:
    with hands(tell):
        run_state_machine_as_test(
            SessionLedger,
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                # Which of two was first is not the same again: a history cannot be made shorter.
                phases=[Phases.generate],
                database=None,
                print_blob=True,
            ),
        )


@pytest.mark.machine
@pytest.mark.django_db(transaction=True)
def test_the_identity_holds_at_every_step_of_any_history() -> None:
    run(RUNS, STEPS)


@pytest.mark.soak
@pytest.mark.django_db(transaction=True)
def test_the_identity_holds_in_long_histories_too(capsys: pytest.CaptureFixture[str]) -> None:
    """In batches: Hypothesis keeps in mind what it has played, half a gigabyte for a thousand."""
    told = Told(capsys)
    for begun in range(0, SOAK_RUNS, BATCH):
        run(min(BATCH, SOAK_RUNS - begun), SOAK_STEPS, told)
