"""Which days a rule names, at which moment each starts, and what becomes of old days."""

import datetime as dt
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from events.domain.recurrence import Rule, pair_days, start_on

NEW_YORK = ZoneInfo("America/New_York")
SIX = dt.time(18, 0)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def first(rule: Rule, count: int) -> list[str]:
    return [found.isoformat() for found in islice(rule.days(), count)]


def test_every_second_week_on_two_days() -> None:
    rule = Rule(frequency="weekly", interval=2, weekdays=(1, 3), starts_on=day("2026-06-02"))
    assert first(rule, 4) == ["2026-06-02", "2026-06-04", "2026-06-16", "2026-06-18"]


def test_the_last_friday_of_the_month() -> None:
    rule = Rule(frequency="monthly", month_week=-1, weekdays=(4,), starts_on=day("2026-06-01"))
    assert first(rule, 3) == ["2026-06-26", "2026-07-31", "2026-08-28"]


def test_months_without_the_day_are_left_out_and_the_last_day_is_in_each() -> None:
    thirty_first = Rule(frequency="monthly", month_day=31, starts_on=day("2026-01-01"))
    assert first(thirty_first, 3) == ["2026-01-31", "2026-03-31", "2026-05-31"]
    last = Rule(frequency="monthly", month_day=-1, starts_on=day("2026-01-01"))
    assert first(last, 3) == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_it_ends_on_a_day_or_after_so_many() -> None:
    weekly = {"frequency": "weekly", "weekdays": (2,), "starts_on": day("2026-06-03")}
    until = Rule(**weekly, ends_on=day("2026-06-17"))  # type: ignore[arg-type]  # a dict of each
    assert first(until, 9) == ["2026-06-03", "2026-06-10", "2026-06-17"]
    counted = Rule(**weekly, count=2)  # type: ignore[arg-type]  # the same
    assert first(counted, 9) == ["2026-06-03", "2026-06-10"]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            Rule(frequency="daily", starts_on=day("2026-06-03"), count=3),
            "FREQ=DAILY;COUNT=3",
        ),
        (
            Rule(
                frequency="weekly",
                interval=2,
                weekdays=(1, 3),
                starts_on=day("2026-06-02"),
                ends_on=day("2026-12-31"),
            ),
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;UNTIL=20261231T230000Z",
        ),
        (
            Rule(frequency="monthly", month_week=-1, weekdays=(4,), starts_on=day("2026-06-26")),
            "FREQ=MONTHLY;BYDAY=-1FR",
        ),
        (
            Rule(frequency="monthly", month_day=-1, starts_on=day("2026-06-30")),
            "FREQ=MONTHLY;BYMONTHDAY=-1",
        ),
    ],
)
def test_a_rule_is_written_as_others_read_it(rule: Rule, text: str) -> None:
    assert rule.text(starts_at=SIX, zone=NEW_YORK) == text
    start = dt.datetime.combine(rule.starts_on, SIX, NEW_YORK)
    read = rrulestr(text, dtstart=start)
    days = list(islice(rule.days(), 30))
    assert [found.date() for found in islice(read, 30)] == days


def test_the_hour_on_the_wall_stays_through_both_changes_of_the_clocks() -> None:
    rule = Rule(frequency="weekly", weekdays=(6,), starts_on=day("2026-03-01"))
    starts = [start_on(found, SIX, NEW_YORK).starts_at for found in islice(rule.days(), 52)]
    assert {start.astimezone(NEW_YORK).time() for start in starts} == {SIX}
    assert {start.astimezone(dt.UTC).hour for start in starts} == {22, 23}


def test_a_time_the_clocks_jump_over_is_as_much_later_and_says_so() -> None:
    start = start_on(day("2026-03-08"), dt.time(2, 30), NEW_YORK)
    assert start.note == "skipped"
    assert start.starts_at.astimezone(NEW_YORK).time() == dt.time(3, 30)


def test_a_time_that_happens_twice_is_the_first_and_says_so() -> None:
    start = start_on(day("2026-11-01"), dt.time(1, 30), NEW_YORK)
    assert start.note == "twice"
    assert start.starts_at == dt.datetime(2026, 11, 1, 5, 30, tzinfo=dt.UTC)


def test_a_thursday_becomes_the_tuesday_of_its_week() -> None:
    thursdays = [day("2026-06-04"), day("2026-06-11"), day("2026-06-18")]
    tuesdays = [day("2026-06-09"), day("2026-06-16")]
    assert pair_days(thursdays, tuesdays) == {
        day("2026-06-11"): day("2026-06-09"),
        day("2026-06-18"): day("2026-06-16"),
    }


def test_a_day_that_stays_is_nobody_elses() -> None:
    daily = [day(f"2026-06-0{number}") for number in range(1, 6)]
    weekly = [day("2026-06-03")]
    assert pair_days(daily, weekly) == {day("2026-06-03"): day("2026-06-03")}
