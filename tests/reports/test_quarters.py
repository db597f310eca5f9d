from datetime import UTC, date, datetime

import pytest

from reports.domain.quarters import Quarter


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2026, 1, 1), Quarter(2026, 1)),
        (date(2026, 3, 31), Quarter(2026, 1)),
        (date(2026, 4, 1), Quarter(2026, 2)),
        (date(2026, 12, 31), Quarter(2026, 4)),
    ],
)
def test_each_day_is_in_its_quarter(day: date, quarter: Quarter) -> None:
    assert Quarter.of(day) == quarter
    assert quarter.starts_on <= day < quarter.ends_on


def test_quarters_follow_one_another_over_the_year() -> None:
    assert Quarter(2026, 4).next == Quarter(2027, 1)
    assert Quarter(2027, 1).previous == Quarter(2026, 4)
    assert Quarter(2026, 4).ends_on == date(2027, 1, 1)


def test_a_quarter_begins_at_midnight_in_the_programmes_zone() -> None:
    start, end = Quarter(2026, 3).bounds("America/New_York")
    assert start == datetime(2026, 7, 1, 4, tzinfo=UTC)
    assert end == datetime(2026, 10, 1, 4, tzinfo=UTC)


def test_it_may_be_published_fourteen_days_after_its_end() -> None:
    assert Quarter(2026, 3).publishable_on == date(2026, 10, 15)


@pytest.mark.parametrize("slug", ["2026-q5", "2026", "q1-2026", "1999-q1", "2026-q1x", ""])
def test_what_is_no_quarter_is_none(slug: str) -> None:
    assert Quarter.from_slug(slug) is None


def test_a_slug_names_its_quarter() -> None:
    assert Quarter.from_slug("2026-q3") == Quarter(2026, 3)
    assert Quarter(2026, 3).slug == "2026-q3"
