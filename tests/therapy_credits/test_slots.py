import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from therapy_credits.domain.slots import DayException, Rules, Window, open_slots

NEW_YORK = ZoneInfo("America/New_York")
RULES = Rules(minutes=50, buffer_minutes=10, lead=dt.timedelta(0), step_minutes=60)
MONDAY = 0
SUNDAY = 6


def slots(hours, *, day, exceptions=(), busy=(), rules=RULES, zone=NEW_YORK, at=None):
    """The starts on one local day, as wall-clock times of the zone."""
    midnight = dt.datetime.combine(day, dt.time(), tzinfo=zone)
    found = open_slots(
        hours=hours,
        exceptions=exceptions,
        busy=busy,
        zone=zone,
        rules=rules,
        at=at or midnight.astimezone(dt.UTC),
        until=(midnight + dt.timedelta(hours=23, minutes=59)).astimezone(dt.UTC),
    )
    return [slot.astimezone(zone).strftime("%H:%M") for slot in found]


def window(weekday: int, starts: str, ends: str) -> Window:
    return Window(weekday, dt.time.fromisoformat(starts), dt.time.fromisoformat(ends))


A_MONDAY = dt.date(2026, 6, 8)


def test_a_window_holds_the_sessions_that_end_inside_it() -> None:
    assert slots([window(MONDAY, "09:00", "12:00")], day=A_MONDAY) == ["09:00", "10:00", "11:00"]
    assert slots([window(MONDAY, "09:00", "11:45")], day=A_MONDAY) == ["09:00", "10:00"]


def test_another_weekday_is_closed() -> None:
    assert slots([window(1, "09:00", "12:00")], day=A_MONDAY) == []


def test_a_booking_takes_its_time_and_the_buffer_round_it() -> None:
    ten = dt.datetime(2026, 6, 8, 10, 0, tzinfo=NEW_YORK)
    busy = [(ten, ten + dt.timedelta(minutes=50))]
    assert slots([window(MONDAY, "09:00", "13:00")], day=A_MONDAY, busy=busy) == [
        "09:00",
        "11:00",
        "12:00",
    ]
    wide = Rules(minutes=50, buffer_minutes=15, lead=dt.timedelta(0), step_minutes=60)
    assert slots([window(MONDAY, "09:00", "13:00")], day=A_MONDAY, busy=busy, rules=wide) == [
        "12:00"
    ]


def test_lead_time_hides_what_is_too_soon() -> None:
    at = dt.datetime(2026, 6, 8, 8, 30, tzinfo=NEW_YORK).astimezone(dt.UTC)
    rules = Rules(minutes=50, lead=dt.timedelta(hours=2), step_minutes=60)
    assert slots([window(MONDAY, "09:00", "13:00")], day=A_MONDAY, at=at, rules=rules) == [
        "11:00",
        "12:00",
    ]


def test_a_closed_day_has_none_and_other_hours_replace_the_weekly_ones() -> None:
    hours = [window(MONDAY, "09:00", "12:00")]
    assert slots(hours, day=A_MONDAY, exceptions=[DayException(A_MONDAY)]) == []
    evening = DayException(A_MONDAY, dt.time(18), dt.time(20))
    assert slots(hours, day=A_MONDAY, exceptions=[evening]) == ["18:00", "19:00"]
    next_week = DayException(dt.date(2026, 6, 15))
    assert len(slots(hours, day=A_MONDAY, exceptions=[next_week])) == 3


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [(dt.date(2026, 3, 2), 19), (dt.date(2026, 3, 9), 18), (dt.date(2026, 11, 2), 19)],
)
def test_two_in_the_afternoon_stays_two_when_the_clocks_change(day: dt.date, utc_hour: int) -> None:
    midnight = dt.datetime.combine(day, dt.time(), tzinfo=NEW_YORK).astimezone(dt.UTC)
    (found,) = open_slots(
        hours=[window(MONDAY, "14:00", "15:00")],
        exceptions=[],
        busy=[],
        zone=NEW_YORK,
        rules=RULES,
        at=midnight,
        until=midnight + dt.timedelta(hours=23),
    )
    assert found == dt.datetime(day.year, day.month, day.day, utc_hour, tzinfo=dt.UTC)


def test_control_a_zone_that_keeps_the_offset_of_winter_is_an_hour_late_in_summer() -> None:
    winter = dt.timezone(dt.timedelta(hours=-5))
    day = dt.date(2026, 3, 9)
    midnight = dt.datetime.combine(day, dt.time(), tzinfo=NEW_YORK).astimezone(dt.UTC)
    (found,) = open_slots(
        hours=[window(MONDAY, "14:00", "15:00")],
        exceptions=[],
        busy=[],
        zone=winter,
        rules=RULES,
        at=midnight,
        until=midnight + dt.timedelta(hours=23),
    )
    assert found.astimezone(NEW_YORK).hour == 15


@pytest.mark.parametrize("day", [dt.date(2026, 3, 8), dt.date(2026, 11, 1), A_MONDAY])
@pytest.mark.parametrize("step", [30, 45])
@pytest.mark.parametrize("window_is", ["00:15 05:00", "02:00 02:50", "01:10 02:10", "03:00 23:59"])
def test_counted_in_steps_or_asked_of_the_zone_the_starts_are_the_same(
    day: dt.date, step: int, window_is: str
) -> None:
    opens, closes = (dt.time.fromisoformat(time) for time in window_is.split())
    last = dt.datetime.combine(day, closes, tzinfo=NEW_YORK).astimezone(dt.UTC)
    wall, expected = dt.datetime.combine(day, opens), []
    while wall.time() < closes and wall.date() == day:
        start = wall.replace(tzinfo=NEW_YORK).astimezone(dt.UTC)
        is_there = start.astimezone(NEW_YORK).replace(tzinfo=None) == wall
        if is_there and start + dt.timedelta(minutes=20) <= last:
            expected.append(wall.strftime("%H:%M"))
        wall += dt.timedelta(minutes=step)
    rules = Rules(minutes=20, buffer_minutes=0, lead=dt.timedelta(0), step_minutes=step)
    found = slots([Window(day.weekday(), opens, closes)], day=day, rules=rules)
    assert found == expected


def test_an_hour_the_clocks_skip_is_no_slot() -> None:
    spring = dt.date(2026, 3, 8)
    assert slots([window(SUNDAY, "01:00", "05:00")], day=spring) == ["01:00", "03:00", "04:00"]


def test_an_hour_that_comes_twice_is_offered_once() -> None:
    autumn = dt.date(2026, 11, 1)
    found = slots([window(SUNDAY, "01:00", "03:00")], day=autumn)
    assert found == ["01:00", "02:00"]


def test_overlapping_windows_give_each_start_once() -> None:
    hours = [window(MONDAY, "09:00", "11:00"), window(MONDAY, "10:00", "12:00")]
    assert slots(hours, day=A_MONDAY) == ["09:00", "10:00", "11:00"]
