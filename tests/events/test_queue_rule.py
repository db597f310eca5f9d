"""Whose turn it is, without a database: the rule, and any history of one date."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from events.domain.queue import may_take, next_served

# The rule alone is cheap enough to try by the thousand; tests/events/test_state_machine.py tries
# the same with the services and the database.
RUNS = max(1000, int(os.environ.get("STATE_MACHINE_RUNS", "0")))


@pytest.mark.parametrize(
    ("waiting", "free", "skipping", "strict"),
    [
        ([1, 1, 1], 2, [0, 1], [0, 1]),
        ([2, 1], 1, [1], []),
        ([1, 3, 1, 2], 4, [0, 1], [0, 1]),
        ([3, 2, 1, 1], 3, [0], [0]),
        ([2, 3, 1], 4, [0, 2], [0]),
        ([4, 1], 0, [], []),
        ([4, 1], -2, [], []),
        ([], 5, [], []),
        ([50, 50], None, [0, 1], [0, 1]),
    ],
)
def test_free_places_go_to_the_first_they_are_enough_for_or_wait_for_the_first(
    waiting: list[int], free: int | None, skipping: list[int], strict: list[int]
) -> None:
    assert next_served(enumerate(waiting), free, skips_large=True) == skipping
    assert next_served(enumerate(waiting), free, skips_large=False) == strict


def test_who_is_new_is_to_those_who_wait_what_the_next_in_line_is() -> None:
    assert may_take(1, 1, has_queue=True, skips_large=True)
    assert not may_take(1, 1, has_queue=True, skips_large=False)
    assert may_take(1, 1, has_queue=False, skips_large=False)
    assert not may_take(2, 1, has_queue=False, skips_large=True)
    assert may_take(50, None, has_queue=False, skips_large=False)


class AnyDate(RuleBasedStateMachine):
    """One date in memory. What is free is decided by the rule under test and by nothing else."""

    @initialize(capacity=st.integers(0, 6), skips_large=st.booleans(), offers=st.booleans())
    def open(self, capacity: int, skips_large: bool, offers: bool) -> None:
        self.capacity, self.skips_large, self.offers = capacity, skips_large, offers
        self.clock = 0
        self.number = 0
        self.going: dict[int, int] = {}
        self.held: dict[int, tuple[int, int]] = {}  # people, until
        self.waiting: dict[int, int] = {}
        self.over_before = 0

    @property
    def free(self) -> int:
        held = sum(people for people, until in self.held.values() if until > self.clock)
        return self.capacity - sum(self.going.values()) - held

    def serve(self) -> None:
        self.held = {who: held for who, held in self.held.items() if held[1] > self.clock}
        for who in sorted(self.held, reverse=True):
            if self.free >= 0:
                break
            self.waiting[who] = self.held.pop(who)[0]
        turns = sorted(self.waiting.items())
        served = next_served(turns, self.free, skips_large=self.skips_large)
        self.check_order(turns, served)
        for who in served:
            people = self.waiting.pop(who)
            if self.offers:
                self.held[who] = (people, self.clock + 3)
            else:
                self.going[who] = people

    def check_order(self, turns: list[tuple[int, int]], served: list[int]) -> None:
        """Nobody is passed whom the places given to those behind would have been enough for."""
        left = self.free - sum(people for who, people in turns if who in served)
        for who, people in turns:
            behind = sum(more for later, more in turns if later in served and later > who)
            if who not in served:
                assert people > left + behind if self.skips_large else not behind

    def takes(self, people: int) -> bool:
        return may_take(
            people, self.free, has_queue=bool(self.waiting), skips_large=self.skips_large
        )

    @rule(people=st.integers(1, 4))
    def somebody_comes(self, people: int) -> None:
        self.serve()
        self.number += 1
        (self.going if self.takes(people) else self.waiting)[self.number] = people
        self.serve()

    @precondition(lambda self: self.going or self.waiting or self.held)
    @rule(pick=st.integers(0, 50))
    def somebody_leaves(self, pick: int) -> None:
        everybody = [*self.going, *self.waiting, *self.held]
        who = everybody[pick % len(everybody)]
        for places in (self.going, self.waiting, self.held):
            places.pop(who, None)
        self.serve()

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 50))
    def somebody_takes_an_offer(self, pick: int) -> None:
        who = list(self.held)[pick % len(self.held)]
        people, until = self.held[who]
        if until > self.clock:
            del self.held[who]
            self.going[who] = people
        self.serve()

    @precondition(lambda self: self.going or self.waiting)
    @rule(pick=st.integers(0, 50), people=st.integers(1, 4))
    def a_party_changes(self, pick: int, people: int) -> None:
        self.serve()
        everybody = [*self.going, *self.waiting]
        if not everybody:
            return
        who = everybody[pick % len(everybody)]
        if who in self.waiting:
            self.waiting[who] = people
        elif people <= self.going[who] or self.takes(people - self.going[who]):
            self.going[who] = people
        self.serve()

    @rule(capacity=st.integers(0, 8))
    def the_room_changes(self, capacity: int) -> None:
        self.capacity = capacity
        self.serve()

    @rule(skips_large=st.booleans())
    def the_rule_changes(self, skips_large: bool) -> None:
        self.skips_large = skips_large
        self.serve()

    @rule()
    def time_passes(self) -> None:
        self.clock += 1
        self.serve()

    @invariant()
    def nobody_is_wronged(self) -> None:
        if not hasattr(self, "going"):
            return
        over = max(0, -self.free)
        going = sum(self.going.values())
        # Over only by people who had their place before the room became smaller, never by offers.
        assert over <= max(0, going - self.capacity)
        assert not (over and self.held)
        turns = sorted(self.waiting.items())
        if self.skips_large:
            assert all(people > self.free for _who, people in turns), "an unsold place"
        elif turns:
            assert turns[0][1] > self.free, "the first in line would fit"


def test_any_history_of_a_date_wrongs_nobody() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        AnyDate,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=16,
            deadline=None,
            derandomize="STATE_MACHINE_RUNS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
