"""Events that come back: dates made ahead, changed together, alone, and called off."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from calendars.models import FeedRevision
from events.domain.plans import DatePlan, SeriesPlan
from events.domain.recurrence import Rule
from events.errors import DayTaken, EditedMeanwhile, EventIsCancelled, NoDatesLeft
from events.models import Event, Occurrence, Series
from events.services.events import cancel_event, edit_event
from events.services.rsvps import place_rsvp
from events.services.series import (
    cancel_date,
    change_one_date,
    change_series,
    extend_series,
    plan_change,
    start_series,
)
from events.tasks import extend_all_series
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, write_mails
from tests.factories import EventFactory, OccurrenceFactory, UserFactory

pytestmark = pytest.mark.django_db
THURSDAY = dt.date(2026, 6, 4)


def weekly(
    *weekdays: int, starts_on: dt.date = THURSDAY, clock: dt.time = dt.time(18), **fields: Any
) -> SeriesPlan:
    """Thursdays at 18:00 for ninety minutes with ten places, unless told otherwise."""
    ends = {name: fields.pop(name) for name in ("ends_on", "count", "interval") if name in fields}
    rule = Rule(frequency="weekly", weekdays=weekdays or (3,), starts_on=starts_on, **ends)
    excluded = frozenset(fields.pop("without", ()))
    return SeriesPlan(rule, clock, fields.pop("minutes", 90), fields.pop("capacity", 10), excluded)


def days(event: Event, **chosen: Any) -> list[str]:
    dates = event.occurrences.filter(cancelled_at=None, **chosen).order_by("starts_on")
    return [day.isoformat() for day in dates.values_list("starts_on", flat=True)]


@pytest.fixture
def event(db: None) -> Event:
    """A published event in Berlin that has no dates yet."""
    found: Event = EventFactory(time_zone="Europe/Berlin")
    return found


@pytest.fixture
def begin(event: Event, coordinator: User) -> Callable[..., Series]:
    def start(plan: SeriesPlan | None = None, at: dt.datetime = NOW) -> Series:
        event.refresh_from_db()
        return start_series(
            event=event,
            version=event.version,
            plan=plan or weekly(count=5),
            actor=coordinator,
            at=at,
        )

    return start


@pytest.fixture
def change(event: Event, coordinator: User) -> Callable[..., Series]:
    def change(
        series: Series, plan: SeriesPlan, pivot: dt.date = THURSDAY, keep: Any = ()
    ) -> Series:
        event.refresh_from_db()
        series.event = event
        return change_series(
            series=series,
            pivot=pivot,
            plan=plan,
            keep=keep,
            version=event.version,
            actor=coordinator,
            at=minutes(5),
        )

    return change


Begin = Callable[..., Series]
Change = Callable[..., Series]


def on(event: Event, day: str) -> Occurrence:
    found = event.occurrences.select_related("series").get(starts_on=day)
    found.event = event
    return found


def by_hand(occurrence: Occurrence, actor: User, **fields: Any) -> Occurrence:
    """Somebody changes one date alone."""
    occurrence.event.refresh_from_db()
    plan = {
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "capacity": occurrence.capacity,
    } | fields
    return change_one_date(
        occurrence=occurrence,
        plan=DatePlan(**plan),
        version=occurrence.event.version,
        actor=actor,
        at=minutes(2),
    )


# --- Making dates -----------------------------------------------------------------------


def test_a_series_makes_its_dates_with_seats_and_entries(event: Event, begin: Begin) -> None:
    series = begin()
    assert days(event) == ["2026-06-04", "2026-06-11", "2026-06-18", "2026-06-25", "2026-07-02"]
    first = on(event, "2026-06-04")
    assert first.starts_at == dt.datetime(2026, 6, 4, 16, 0, tzinfo=dt.UTC)
    assert first.duration == dt.timedelta(minutes=90)
    assert first.seats.capacity == 10
    assert f"UID:{first.uid}" in first.vevent
    assert first.recurrence_id == dt.datetime(2026, 6, 4, 18, 0)  # noqa: DTZ001 - wall clock
    assert series.rrule == "FREQ=WEEKLY;BYDAY=TH;COUNT=5"
    assert FeedRevision.objects.get(key="events").revision == 1
    assert AuditEntry.objects.filter(verb="series.started").count() == 1


def test_a_rule_that_never_ends_has_dates_for_half_a_year_and_goes_on(
    event: Event, begin: Begin
) -> None:
    series = begin(weekly())
    made = days(event)
    assert (made[0], made[-1], len(made)) == ("2026-06-04", "2026-11-26", 26)
    assert extend_series(series=series, at=NOW) == []
    later = NOW + dt.timedelta(days=14)
    assert [str(date.starts_on) for date in extend_series(series=series, at=later)] == [
        "2026-12-03",
        "2026-12-10",
    ]
    assert FeedRevision.objects.get(key="events").revision == 2
    assert extend_series(series=series, at=later) == []


def test_the_hour_on_the_wall_stays_when_the_clocks_go_back(event: Event, begin: Begin) -> None:
    begin(weekly())
    hours = {on(event, day).starts_at.hour for day in ("2026-10-22", "2026-10-29")}
    assert hours == {16, 17}
    assert {on(event, day).local_start.hour for day in days(event)} == {18}


def test_a_rule_of_few_dates_has_the_next_four(event: Event, begin: Begin) -> None:
    rule = Rule(frequency="monthly", interval=6, month_day=1, starts_on=dt.date(2026, 7, 1))
    begin(SeriesPlan(rule, dt.time(18), 60, None))
    assert days(event) == ["2026-07-01", "2027-01-01", "2027-07-01", "2028-01-01"]


def test_days_left_out_are_not_made(event: Event, begin: Begin) -> None:
    series = begin(weekly(count=3, without=[dt.date(2026, 6, 11)]))
    assert days(event) == ["2026-06-04", "2026-06-18"]
    assert series.excluded == [dt.datetime(2026, 6, 11, 18, 0)]  # noqa: DTZ001 - wall clock


def test_a_single_date_on_a_day_of_the_rule_joins_with_its_people(
    event: Event, begin: Begin
) -> None:
    single = OccurrenceFactory(event=event, capacity=3)
    place_rsvp(occurrence=single, person=UserFactory(), at=NOW)
    series = begin(weekly(count=2))
    single.refresh_from_db()
    assert (single.series, single.recurrence_on) == (series, THURSDAY)
    assert single.capacity == 3
    assert days(event) == ["2026-06-04", "2026-06-11"]


def test_a_rule_without_a_date_to_come_is_refused(event: Event, begin: Begin) -> None:
    with pytest.raises(NoDatesLeft):
        begin(weekly(starts_on=dt.date(2026, 5, 7), count=2))
    assert not Series.objects.exists()


def test_a_series_of_a_cancelled_event_stands_still(
    event: Event, begin: Begin, coordinator: User
) -> None:
    series = begin(weekly())
    event.refresh_from_db()
    cancel_event(event=event, note="No room.", actor=coordinator, at=NOW)
    assert extend_series(series=series, at=NOW + dt.timedelta(days=30)) == []
    with pytest.raises(EventIsCancelled):
        begin()


def test_the_schedule_extends_what_is_due(
    event: Event, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(weekly())
    ended = EventFactory(status=Event.Status.CANCELLED, cancelled_at=NOW)
    assert not ended.occurrences.exists()
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + dt.timedelta(days=7))
    assert extend_all_series() == 1
    assert extend_all_series() == 0


# --- One date ---------------------------------------------------------------------------


def test_one_date_moves_alone_and_its_people_are_told(
    event: Event, begin: Begin, coordinator: User
) -> None:
    begin()
    date = on(event, "2026-06-11")
    place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    hour = dt.timedelta(hours=1)
    moved = by_hand(date, coordinator, starts_at=date.starts_at + hour, ends_at=date.ends_at + hour)
    assert (moved.sequence, moved.recurrence_on) == (1, dt.date(2026, 6, 11))
    assert not moved.is_as_the_rule_says
    assert on(event, "2026-06-18").sequence == 0
    write_mails()
    assert Message.objects.filter(key__contains=":changed:").count() == 1


def test_one_date_is_elsewhere_with_a_note(event: Event, begin: Begin, coordinator: User) -> None:
    begin()
    date = by_hand(
        on(event, "2026-06-11"), coordinator, other_place="The garden", note="Bring a coat."
    )
    assert "LOCATION:The garden" in date.vevent
    assert "Bring a coat." in date.vevent
    assert (date.place_name, date.address) == ("The garden", "")
    assert "The garden" not in on(event, "2026-06-18").vevent


def test_a_date_cannot_move_onto_another(event: Event, begin: Begin, coordinator: User) -> None:
    begin()
    date, week = on(event, "2026-06-11"), dt.timedelta(weeks=1)
    with pytest.raises(DayTaken):
        by_hand(date, coordinator, starts_at=date.starts_at + week, ends_at=date.ends_at + week)
    assert on(event, "2026-06-11").sequence == 0


def test_one_date_is_called_off_and_can_come_back(
    event: Event, begin: Begin, coordinator: User
) -> None:
    begin()
    date = on(event, "2026-06-11")
    place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    event.refresh_from_db()
    date.event = event
    cancel_date(
        occurrence=date, note="The room floods.", version=event.version, actor=coordinator, at=NOW
    )
    assert "2026-06-11" not in days(event)
    write_mails()
    mail = Message.objects.get(key__contains=":cancelled:")
    assert "The room floods." in mail.text
    gone = on(event, "2026-06-11")
    assert "STATUS:CANCELLED" in gone.vevent
    back = by_hand(gone, coordinator, note="")
    assert (back.cancelled_at, back.sequence) == (None, 2)


def test_two_editors_of_one_date_the_second_is_told(
    event: Event, begin: Begin, coordinator: User
) -> None:
    begin()
    event.refresh_from_db()
    opened = event.version
    by_hand(on(event, "2026-06-11"), coordinator, note="First")
    date = on(event, "2026-06-18")
    with pytest.raises(EditedMeanwhile):
        cancel_date(occurrence=date, note="", version=opened, actor=coordinator, at=NOW)
    assert on(event, "2026-06-18").cancelled_at is None


# --- This and following, and all --------------------------------------------------------


def test_all_dates_move_to_another_hour_and_who_comes_to_many_has_one_mail(
    event: Event, begin: Begin, change: Change
) -> None:
    series = begin(weekly(count=4))
    person = UserFactory()
    for day in days(event):
        place_rsvp(occurrence=on(event, day), person=person, at=NOW)
    place_rsvp(occurrence=on(event, "2026-06-11"), person=ANA, is_vouched=True, at=NOW)
    same = change(series, weekly(count=4, clock=dt.time(19)))
    assert same.pk == series.pk
    assert (same.sequence, same.uid) == (1, series.uid)
    assert {on(event, day).local_start.hour for day in days(event)} == {19}
    write_mails()
    mails = Message.objects.filter(subject__startswith="Changed")
    assert sorted(mail.to for mail in mails) == sorted([person.email, ANA.email])
    many = mails.get(to=person.email)
    assert many.text.count("it was") == 4
    assert many.files[0].content_type == "text/calendar; method=PUBLISH"
    assert many.files[0].content.count(b"BEGIN:VEVENT") == 4


def test_of_a_few_dates_each_has_a_mail_that_a_calendar_acts_on(
    event: Event, begin: Begin, change: Change
) -> None:
    series = begin(weekly(count=3))
    person = UserFactory()
    for day in days(event):
        place_rsvp(occurrence=on(event, day), person=person, at=NOW)
    change(series, weekly(count=3, clock=dt.time(19)))
    write_mails()
    mails = Message.objects.filter(subject__startswith="Changed")
    assert [mail.files[0].content.count(b"BEGIN:VEVENT") for mail in mails] == [1, 1, 1]
    assert {mail.files[0].content_type for mail in mails} == {"text/calendar; method=REQUEST"}


def test_this_and_following_leaves_what_comes_before(
    event: Event, begin: Begin, change: Change
) -> None:
    series = begin(weekly())
    pivot = dt.date(2026, 6, 18)
    later = change(series, weekly(1, starts_on=dt.date(2026, 6, 16), clock=dt.time(9)), pivot)
    series.refresh_from_db()
    assert later.pk != series.pk
    assert (series.ends_on, series.sequence) == (dt.date(2026, 6, 17), 1)
    assert days(event)[:4] == ["2026-06-04", "2026-06-11", "2026-06-16", "2026-06-23"]
    assert days(event, series=series) == ["2026-06-04", "2026-06-11"]
    assert later.rrule == "FREQ=WEEKLY;BYDAY=TU"
    assert extend_series(series=series, at=NOW + dt.timedelta(days=60)) == []


def test_people_move_with_their_date(event: Event, begin: Begin, change: Change) -> None:
    series = begin(weekly(count=2))
    rsvp = place_rsvp(occurrence=on(event, "2026-06-11"), person=UserFactory(), at=NOW)
    change(series, weekly(1, starts_on=dt.date(2026, 6, 9), count=2))
    rsvp.refresh_from_db()
    assert (rsvp.status, str(rsvp.occurrence.starts_on)) == ("going", "2026-06-09")


def test_dates_the_new_rule_has_no_day_for_are_called_off(
    event: Event, begin: Begin, change: Change
) -> None:
    series = begin(weekly(count=4))
    place_rsvp(occurrence=on(event, "2026-06-11"), person=UserFactory(), at=NOW)
    change(series, weekly(interval=2, count=2))
    assert days(event) == ["2026-06-04", "2026-06-18"]
    gone = on(event, "2026-06-11")
    assert (gone.series, gone.is_cancelled) == (None, True)
    write_mails()
    assert Message.objects.filter(key__contains=":cancelled:").count() == 1


def test_what_was_changed_by_hand_is_named_before_and_kept_on_wish(
    event: Event, begin: Begin, change: Change, coordinator: User
) -> None:
    series = begin(weekly(count=3))
    hour = dt.timedelta(hours=1)
    date = on(event, "2026-06-11")
    kept = by_hand(
        date,
        coordinator,
        starts_at=date.starts_at + hour,
        ends_at=date.ends_at + hour,
        capacity=4,
        note="Guest host",
    )
    other = by_hand(on(event, "2026-06-18"), coordinator, other_place="The garden")
    plan = weekly(count=3, clock=dt.time(20))
    shown = plan_change(series=series, pivot=THURSDAY, plan=plan, keep=[], at=NOW)
    assert [change.by_hand for change in shown] == [(), ("time", "capacity", "note"), ("place",)]
    change(series, plan, keep=[kept.pk])
    kept.refresh_from_db()
    other.refresh_from_db()
    kept.event = other.event = event
    assert (kept.local_start.hour, kept.capacity, kept.note) == (19, 4, "Guest host")
    assert (other.local_start.hour, other.other_place) == (20, "")


def test_a_date_moved_by_hand_keeps_its_day_from_the_rule(
    event: Event, begin: Begin, change: Change, coordinator: User
) -> None:
    series = begin(weekly(count=2))
    date, day = on(event, "2026-06-11"), dt.timedelta(days=1)
    friday = by_hand(date, coordinator, starts_at=date.starts_at + day, ends_at=date.ends_at + day)
    rule = Rule(frequency="daily", starts_on=THURSDAY, count=9)
    change(series, SeriesPlan(rule, dt.time(18), 90, 10), keep=[friday.pk])
    assert event.occurrences.get(starts_on="2026-06-12").pk == friday.pk
    assert len(days(event)) == 9 - 1


def test_a_change_that_leaves_no_date_is_refused(
    event: Event, begin: Begin, change: Change
) -> None:
    series = begin(weekly(count=3))
    with pytest.raises(NoDatesLeft):
        change(series, weekly(starts_on=dt.date(2026, 5, 7), ends_on=dt.date(2026, 5, 14)))
    assert len(days(event)) == 3


def test_fewer_and_more_places_reach_every_date(event: Event, begin: Begin, change: Change) -> None:
    series = begin(weekly(count=2, capacity=1))
    date = on(event, "2026-06-11")
    place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    waiting = place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    changed = change(series, weekly(count=2, capacity=2))
    waiting.refresh_from_db()
    assert waiting.status == "going"
    assert changed.sequence == 0


# --- The words and the zone of the event -------------------------------------------------


def edit(event: Event, actor: User, **words: Any) -> None:
    event.refresh_from_db()
    edit_event(
        event=event, version=event.version, words=words, dates=[], actor=actor, at=minutes(5)
    )


def test_dates_of_a_series_stay_when_the_words_are_edited(
    event: Event, begin: Begin, coordinator: User
) -> None:
    series = begin(weekly(count=2))
    edit(event, coordinator, title="Late circle")
    assert days(event) == ["2026-06-04", "2026-06-11"]
    assert "SUMMARY:Late circle" in on(event, "2026-06-11").vevent
    series.refresh_from_db()
    assert (series.sequence, series.revised_at) == (0, minutes(5))


def test_another_zone_keeps_the_hour_on_the_wall(
    event: Event, begin: Begin, coordinator: User
) -> None:
    begin(weekly(count=2))
    date = on(event, "2026-06-11")
    by_hand(date, coordinator, starts_at=date.starts_at.replace(hour=8))
    edit(event, coordinator, time_zone="America/New_York")
    event.refresh_from_db()
    assert [on(event, day).local_start.hour for day in days(event)] == [18, 10]
    assert event.series.get().time_zone == "America/New_York"
    assert event.series.get().sequence >= 1


def test_another_zone_leaves_the_past_in_the_old_one(
    event: Event, begin: Begin, coordinator: User
) -> None:
    series = begin(weekly(count=3))
    event.refresh_from_db()
    edit_event(
        event=event,
        version=event.version,
        words={"time_zone": "Europe/London"},
        dates=[],
        actor=coordinator,
        at=NOW + dt.timedelta(days=3),
    )
    series.refresh_from_db()
    later = event.series.exclude(pk=series.pk).get()
    assert (series.time_zone, later.time_zone) == ("Europe/Berlin", "Europe/London")
    assert (str(series.ends_on), later.rrule) == ("2026-06-10", "FREQ=WEEKLY;BYDAY=TH;COUNT=2")
    assert on(event, "2026-06-11").starts_at == dt.datetime(2026, 6, 11, 17, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (weekly(), "Every Thursday, 18:00–19:30"),
        (
            weekly(1, 3, interval=2, count=6),
            "Every 2 weeks on Tuesday, Thursday, 18:00–19:30, 6 times",
        ),
        (
            SeriesPlan(
                Rule(
                    frequency="monthly",
                    month_week=-1,
                    weekdays=(4,),
                    starts_on=THURSDAY,
                    ends_on=dt.date(2026, 12, 31),
                ),
                dt.time(22),
                180,
                None,
            ),
            "Every month on the last Friday, 22:00–01:00, until 31 December 2026",
        ),
    ],
)
def test_a_rule_says_itself_in_words(begin: Begin, plan: SeriesPlan, words: str) -> None:
    assert begin(plan).in_words == words
