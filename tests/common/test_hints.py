"""Under load one hint stands for many, and none is without one after it."""

import pytest
from celery import Celery, current_app

from common import hints


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long after each hint that went to the broker its task shall begin."""
    given: list[float] = []

    def send_task(
        _app: Celery, _name: str, countdown: float | None = None, **_more: object
    ) -> None:
        given.append(countdown or 0.0)

    monkeypatch.setattr(type(current_app._get_current_object()), "send_task", send_task)
    monkeypatch.setattr(hints, "_given", {})
    return given


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(hints.time, "monotonic", lambda: now[0])
    return now


def test_the_first_goes_at_once_and_the_next_at_the_end_of_its_second(
    given: list[float], clock: list[float]
) -> None:
    hints._give("message-queued")
    assert given == [0.0]
    clock[0] += 0.25
    hints._give("message-queued")
    assert given == [0.0, 0.75]


def test_a_hundred_within_a_second_are_two_and_the_second_comes_after_them_all(
    given: list[float], clock: list[float]
) -> None:
    for _ in range(100):
        hints._give("message-queued")
        clock[0] += 0.009
    assert len(given) == 2
    clock[0] = 1001.5  # half a second after the one that was to come
    hints._give("message-queued")
    assert given[2:] == [0.5]


def test_another_hint_does_not_wait(given: list[float], clock: list[float]) -> None:
    hints._give("message-queued")
    hints._give("mail-arrived")
    assert given == [0.0, 0.0, 0.0]  # two tasks follow the second


def test_after_a_quiet_second_it_goes_at_once_again(given: list[float], clock: list[float]) -> None:
    hints._give("message-queued")
    clock[0] += 1.0
    hints._give("message-queued")
    assert given == [0.0, 0.0]
