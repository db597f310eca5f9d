from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.domain.disclosure import (
    Figure,
    Shown,
    is_safe,
    protect,
    protect_column,
    round_to_base,
)

FINE = Figure(people=23, amount=61, largest=6, population=80, is_care=True)


def test_a_figure_of_many_people_is_rounded_to_five() -> None:
    assert protect(FINE) == Shown(60)


@pytest.mark.parametrize("people", [0, 1, 10])
def test_fewer_than_eleven_people_are_withheld_and_nought_is_too(people: int) -> None:
    assert protect(replace(FINE, people=people)).is_withheld


def test_eleven_people_are_shown() -> None:
    assert protect(replace(FINE, people=11, amount=11, largest=1)) == Shown(10)


def test_a_small_denominator_withholds() -> None:
    assert protect(Figure(people=11, amount=11, largest=1, population=10)).is_withheld


def test_nearly_everyone_in_care_is_withheld_as_it_says_it_of_each() -> None:
    assert protect(replace(FINE, people=70, amount=140)).is_withheld
    assert not protect(replace(FINE, people=69, amount=140)).is_withheld


def test_nearly_everyone_at_an_event_may_be_said() -> None:
    assert not protect(replace(FINE, people=80, is_care=False)).is_withheld


def test_one_person_with_more_than_half_withholds() -> None:
    assert protect(replace(FINE, amount=60, largest=31)).is_withheld
    assert protect(replace(FINE, amount=60, largest=30)) == Shown(60)


def test_a_total_is_withheld_as_soon_as_one_part_is() -> None:
    small = replace(FINE, people=4)
    whole = Figure(people=46, amount=122, largest=6, population=160, is_care=True)
    assert protect_column({"a": FINE, "b": FINE}, whole).total == Shown(120)
    assert protect_column({"a": FINE, "b": small}, whole).total.is_withheld


@given(st.integers(0, 10_000))
def test_rounding_is_to_a_multiple_of_five_and_off_by_two_at_most(amount: int) -> None:
    rounded = round_to_base(amount)
    assert rounded % 5 == 0
    assert abs(rounded - amount) <= 2


@given(
    st.builds(
        Figure,
        people=st.integers(0, 40),
        amount=st.integers(0, 200),
        largest=st.integers(0, 200),
        population=st.integers(0, 60),
        is_care=st.booleans(),
    )
)
def test_nothing_below_the_threshold_is_ever_shown(figure: Figure) -> None:
    if not protect(figure).is_withheld:
        assert figure.people >= 11
        assert figure.population >= 11
        assert is_safe(figure)
