"""Coming every time, at the same moment as somebody else: real threads on the real database.

Each has its control, in which the lock that keeps the rule is taken out and the rule breaks.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.query import QuerySet

from accounts.models import User
from calendars.models import InboundReply
from events.models import (
    Event,
    Occurrence,
    Rsvp,
    Seats,
    Series,
    SeriesRsvp,
    new_rsvp_reference,
)
from events.queries import seats_that_disagree
from events.services import dates as dates_services
from events.services import seats, series_rsvps
from events.services.events import edit_event
from events.services.rsvps import wake_queue
from events.services.series import extend_series, start_series
from events.services.series_rsvps import (
    approve_series_request,
    end_series_rsvp,
    join_due,
    place_series_rsvp,
    refuse_series_request,
)
from notifications.models import Message
from tests.calendars.mail import AUTH_SERVER
from tests.conftest import NOW, make_staff
from tests.events.conftest import minutes
from tests.events.test_races import at_once
from tests.events.test_series import weekly
from tests.events.test_series_invitations import answer
from tests.factories import EventFactory, RsvpFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


@pytest.fixture
def coordinator() -> User:
    return make_staff("coordinator", "coordinator")


@pytest.fixture
def series(coordinator: User) -> Series:
    """Four Thursdays with one place each."""
    plan = weekly(capacity=1, count=4)
    return start_series(event=EventFactory(), version=1, plan=plan, actor=coordinator, at=NOW)


@pytest.fixture
def event(series: Series) -> Event:
    return Event.objects.get(pk=series.event_id)


@pytest.fixture
def no_locks(without_locks: None) -> Iterator[None]:
    """Rows are read without waiting, and the trigger behind the lock looks away."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_seats DISABLE TRIGGER USER")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_seats ENABLE TRIGGER USER")


def rush_for_every_date(event: Event, people: int) -> None:
    users = UserFactory.create_batch(people)
    answers = at_once(
        [lambda user=user: place_series_rsvp(event=event, person=user, at=NOW) for user in users]
    )
    assert all(isinstance(answer, SeriesRsvp) for answer in answers), answers


def test_two_for_the_last_place_on_several_dates(event: Event) -> None:
    rush_for_every_date(event, 2)
    for date in event.occurrences.all():
        assert Counter(date.rsvps.values_list("status", flat=True)) == {
            "going": 1,
            "waitlisted": 1,
        }
    assert seats_that_disagree() == []


@pytest.mark.usefixtures("no_locks")
def test_without_the_lock_several_people_have_the_last_place(event: Event) -> None:
    rush_for_every_date(event, 12)
    assert Seats.objects.filter(firm__gt=1).exists() or seats_that_disagree() != []


def test_a_double_click_is_one_answer_and_one_mail(event: Event) -> None:
    person = UserFactory()
    answers = at_once([lambda: place_series_rsvp(event=event, person=person, at=NOW)] * 4)
    assert len({answer.pk for answer in answers}) == 1
    assert Rsvp.objects.count() == 4
    assert Message.objects.filter(to=person.email).count() == 1


@pytest.fixture
def no_constraint() -> Iterator[None]:
    """The database no longer knows that somebody comes every time once."""
    constraint = next(
        one for one in SeriesRsvp._meta.constraints if one.name == "series_rsvp_once_per_user"
    )
    with connection.schema_editor() as editor:
        editor.remove_constraint(SeriesRsvp, constraint)
    yield
    Rsvp.objects.all().delete()
    SeriesRsvp.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(SeriesRsvp, constraint)


@pytest.mark.usefixtures("no_constraint")
def test_without_the_constraint_a_double_click_is_several_answers(event: Event) -> None:
    person = UserFactory()
    at_once([lambda: place_series_rsvp(event=event, person=person, at=NOW)] * 4)
    assert SeriesRsvp.objects.count() > 1


def decide_at_once(event: Event, coordinator: User) -> SeriesRsvp:
    """One host says yes to a request for all dates, and another one no."""
    Event.objects.update(needs_approval=True)
    event.refresh_from_db()
    request = place_series_rsvp(event=event, person=UserFactory(), at=NOW)
    decide: list[Callable[[], Any]] = [
        lambda: approve_series_request(series_rsvp=request, actor=coordinator, at=minutes(1)),
        lambda: refuse_series_request(series_rsvp=request, actor=coordinator, at=minutes(1)),
    ]
    at_once(decide)
    request.refresh_from_db()
    return request


def decisions_told(request: SeriesRsvp) -> int:
    mine = Message.objects.filter(to=request.email, key__contains=":series_")
    return mine.exclude(key__contains="series_applied").count()


def test_two_hosts_decide_at_once_and_one_of_them_is_first(event: Event, coordinator: User) -> None:
    request = decide_at_once(event, coordinator)
    dates_joined = {"active": 4, "refused": 0}[request.status]
    assert Rsvp.objects.count() == dates_joined
    assert decisions_told(request) == 1


def test_without_the_lock_on_the_request_somebody_hears_yes_and_no(
    event: Event, coordinator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    look_first(monkeypatch, "_is_undecided")
    request = decide_at_once(event, coordinator)
    assert decisions_told(request) == 2


def look_first(monkeypatch: pytest.MonkeyPatch, name: str, people: int = 2) -> None:
    """All of them look before any of them writes: what a lock keeps from happening."""
    gate = threading.Barrier(people)
    original = getattr(series_rsvps, name)

    def look(*args: Any) -> Any:
        found = original(*args)
        gate.wait(timeout=30)
        return found

    monkeypatch.setattr(series_rsvps, name, look)


class Pause:
    """Stops whoever comes past first, in the middle of what they do, until let on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool):
        self.reached, self.on = threading.Event(), threading.Event()
        original = getattr(owner, name)

        def stop(*args: Any, **kwargs: Any) -> Any:
            if self.reached.is_set():
                return original(*args, **kwargs)
            found = original(*args, **kwargs) if after else None
            self.reached.set()
            self.on.wait(timeout=2)
            return found if after else original(*args, **kwargs)

        monkeypatch.setattr(owner, name, stop)

    def let_on(self) -> None:
        self.reached.wait(timeout=30)
        self.on.set()


def in_thread(act: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def let_run(thread: threading.Thread) -> None:
    """Until it has ended, or waits for what somebody else holds."""
    who_waits = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with connection.cursor() as cursor:
        while thread.is_alive() and not cursor.execute(who_waits).fetchall():
            thread.join(timeout=0.02)
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else we see the same until the end


def say_yes_while_a_date_is_made(
    event: Event, series: Series, monkeypatch: pytest.MonkeyPatch
) -> tuple[User, Occurrence]:
    """Somebody says yes to every date just after the makers of a new one have looked who does."""
    Series.objects.update(count=None)
    person = UserFactory()
    pause = Pause(monkeypatch, series_rsvps, "_comers", after=True)
    week = NOW + dt.timedelta(days=7)
    made: list[Occurrence] = []
    maker = in_thread(lambda: made.extend(extend_series(series=series, at=week)))
    pause.reached.wait(timeout=30)
    sayer = in_thread(lambda: place_series_rsvp(event=event, person=person, at=NOW))
    # The control lets them finish; with the lock they wait for the new dates.
    let_run(sayer)
    pause.on.set()
    maker.join()
    sayer.join()
    return person, made[-1]


def test_who_says_yes_while_a_date_is_made_comes_to_it(
    event: Event, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, made = say_yes_while_a_date_is_made(event, series, monkeypatch)
    assert made.rsvps.filter(user=person).exists()


def test_without_the_lock_on_the_event_they_miss_it_until_the_sweep(
    event: Event, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    person, made = say_yes_while_a_date_is_made(event, series, monkeypatch)
    assert not made.rsvps.filter(user=person).exists()


def say_no_while_a_date_is_made(
    event: Event, series: Series, monkeypatch: pytest.MonkeyPatch
) -> Rsvp:
    """A program says no to the next date just after its makers have looked who comes."""
    monkeypatch.setattr(settings, "MAIL_AUTH_SERVER", AUTH_SERVER)
    Series.objects.update(count=None)
    mine = place_series_rsvp(event=event, person=UserFactory(), at=NOW)
    pause = Pause(monkeypatch, series_rsvps, "_comers", after=True)
    week = NOW + dt.timedelta(days=7)
    made: list[Occurrence] = []
    maker = in_thread(lambda: made.extend(extend_series(series=series, at=week)))
    pause.reached.wait(timeout=30)
    decliner = in_thread(lambda: answer(mine, "DECLINED", on=":20261203T180000"))
    # The control lets them finish; with the lock they wait for the new dates.
    let_run(decliner)
    pause.on.set()
    maker.join()
    decliner.join()
    assert InboundReply.objects.get().state == "applied"
    day = dt.date(2026, 12, 3)
    return Rsvp.objects.get(series_rsvp=mine, occurrence__recurrence_on=day)


def test_who_says_no_to_a_date_while_it_is_made_does_not_come(
    event: Event, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert say_no_while_a_date_is_made(event, series, monkeypatch).status == "left"


def test_without_the_lock_on_the_event_their_no_is_not_heard(
    event: Event, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    assert say_no_while_a_date_is_made(event, series, monkeypatch).status != "left"


def join_while_an_editor_changes_the_dates(
    event: Event, coordinator: User, monkeypatch: pytest.MonkeyPatch
) -> tuple[User, list[Exception]]:
    """Somebody whose joining a crash had stopped joins while the event is saved, which takes the
    places of its dates in the order of the days; they were made in another order."""
    by_key = list(event.occurrences.order_by("pk"))
    fields = ("starts_at", "ends_at", "starts_on", "recurrence_on")
    days = [[getattr(date, name) for name in fields] for date in reversed(by_key)]
    with transaction.atomic():
        for date, moved in zip(by_key, days, strict=True):
            values = dict(zip(fields, moved, strict=True))
            Occurrence.objects.filter(pk=date.pk).update(**values)
    person, wrong = UserFactory(), []
    SeriesRsvp.objects.create(
        event=event,
        user=person,
        status=SeriesRsvp.Status.ACTIVE,
        reference=new_rsvp_reference(),
        placed_at=NOW,
        changed_at=NOW,
    )

    def noting(act: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except Exception as error:
                wrong.append(error)

        return run

    words = {"offer_hours": 24}
    edit = partial(edit_event, event=event, version=event.version, words=words, dates=[])
    pause = Pause(monkeypatch, dates_services, "wake_queue", after=True)
    editor = in_thread(noting(lambda: edit(actor=coordinator, at=NOW)))
    pause.reached.wait(timeout=30)
    joiner = in_thread(noting(lambda: join_due(event=event, at=NOW)))
    let_run(joiner)
    pause.on.set()
    editor.join()
    joiner.join()
    return person, wrong


def test_who_joins_every_date_and_who_edits_them_do_not_wait_for_one_another(
    event: Event, coordinator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, wrong = join_while_an_editor_changes_the_dates(event, coordinator, monkeypatch)
    assert wrong == []
    assert Rsvp.objects.going().filter(user=person).count() == 4
    event.refresh_from_db()
    assert event.offer_hours == 24


def test_without_the_event_held_they_wait_for_one_another_in_vain(
    event: Event, coordinator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = QuerySet.select_for_update

    def all_but_the_event(queryset: Any, **how: Any) -> Any:
        return queryset if how.get("no_key") else original(queryset, **how)

    monkeypatch.setattr(QuerySet, "select_for_update", all_but_the_event)
    _person, wrong = join_while_an_editor_changes_the_dates(event, coordinator, monkeypatch)
    assert wrong != []


def end_while_joining(event: Event, monkeypatch: pytest.MonkeyPatch) -> User:
    """Somebody leaves all dates while the first of them is being joined."""
    person = UserFactory()
    pause = Pause(monkeypatch, series_rsvps, "claim_each", after=False)
    joiner = in_thread(lambda: place_series_rsvp(event=event, person=person, at=NOW))
    pause.reached.wait(timeout=30)
    mine = SeriesRsvp.objects.get(user=person)
    leaver = in_thread(lambda: end_series_rsvp(series_rsvp=mine, at=minutes(1)))
    let_run(leaver)
    pause.on.set()
    joiner.join()
    leaver.join()
    return person


def test_who_leaves_all_dates_while_they_are_joined_has_none(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = end_while_joining(event, monkeypatch)
    assert not Rsvp.objects.active().filter(user=person).exists()
    assert SeriesRsvp.objects.get().status == "ended"
    assert seats_that_disagree() == []


def test_without_the_lock_on_the_answer_one_date_is_left_over(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    person = end_while_joining(event, monkeypatch)
    assert Rsvp.objects.active().filter(user=person).exists()


def leave_all_while_dates_are_held(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> tuple[User, list[Any]]:
    """Somebody leaves all dates while their next ones are joined: the places are held already,
    and the answers are not."""
    person = UserFactory()
    mine = place_series_rsvp(event=event, person=person, left_out=[], at=NOW)
    Rsvp.objects.all().delete()
    pause = Pause(monkeypatch, series_rsvps, "refusal_of_rsvp", after=False)
    outcomes: list[Any] = []
    joiner = in_thread(lambda: outcomes.extend(at_once([lambda: join_due(event=event, at=NOW)])))
    pause.reached.wait(timeout=30)
    leaver = in_thread(
        lambda: outcomes.extend(at_once([lambda: end_series_rsvp(series_rsvp=mine, at=NOW)]))
    )
    leaver.join(timeout=1)
    pause.on.set()
    joiner.join()
    leaver.join()
    return person, outcomes


def test_who_leaves_all_dates_and_who_joins_them_do_not_wait_for_one_another(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, outcomes = leave_all_while_dates_are_held(event, monkeypatch)
    assert not [one for one in outcomes if isinstance(one, Exception)]
    assert not Rsvp.objects.active().filter(user=person).exists()
    assert SeriesRsvp.objects.get().status == "ended"


def test_without_the_event_held_leaving_and_joining_wait_in_vain(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = QuerySet.select_for_update

    def all_but_the_event(queryset: Any, **how: Any) -> Any:
        return queryset if how.get("no_key") else original(queryset, **how)

    monkeypatch.setattr(QuerySet, "select_for_update", all_but_the_event)
    _person, outcomes = leave_all_while_dates_are_held(event, monkeypatch)
    assert [one for one in outcomes if isinstance(one, Exception)]


def two_wait_for_a_place_more(event: Event) -> tuple[SeriesRsvp, User]:
    """The first and the next in line of every date, each of which has just got one place more."""
    person, next_in_line = UserFactory(), UserFactory()
    for date in event.occurrences.all():
        RsvpFactory(occurrence=date, placed_at=NOW)
    mine = place_series_rsvp(event=event, person=person, at=NOW)
    place_series_rsvp(event=event, person=next_in_line, at=minutes(1))
    Occurrence.objects.update(capacity=2)
    return mine, next_in_line


def test_leaving_all_dates_and_being_given_a_place_end_the_same(event: Event) -> None:
    """Whoever is first: the place goes to the next in line, and to nobody twice."""
    mine, next_in_line = two_wait_for_a_place_more(event)
    wakes: list[Callable[[], Any]] = [
        lambda pk=pk: wake_queue(occurrence_id=pk, at=minutes(2))
        for pk in event.occurrences.values_list("pk", flat=True)
    ]
    at_once([lambda: end_series_rsvp(series_rsvp=mine, at=minutes(2)), *wakes])
    assert set(mine.rsvps.values_list("status", flat=True)) == {"left"}
    theirs = Rsvp.objects.filter(user=next_in_line)
    assert list(theirs.values_list("status", flat=True)) == ["going"] * 4
    assert set(Seats.objects.values_list("firm", flat=True)) == {2}
    assert seats_that_disagree() == []


@pytest.mark.usefixtures("no_locks")
def test_without_the_lock_who_left_all_dates_is_given_a_place(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the queue was read before they left, and is served after."""
    mine, _next_in_line = two_wait_for_a_place_more(event)
    first = event.occurrences.earliest("pk")
    pause = Pause(monkeypatch, seats, "next_served", after=True)
    waker = in_thread(lambda: wake_queue(occurrence_id=first.pk, at=minutes(2)))
    pause.reached.wait(timeout=30)
    end_series_rsvp(series_rsvp=mine, at=minutes(2))
    pause.on.set()
    waker.join()
    assert mine.rsvps.get(occurrence=first).status == "going"
