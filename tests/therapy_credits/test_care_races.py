"""Two hands at once, on real threads and the real database: one outcome, and the books right.

Every race starts both hands at a barrier. Where a lock decides, a control takes it out and
sees the race go wrong, so that the test is known to be able to fail.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.query import QuerySet

from tests.conftest import NOW
from tests.factories import PracticeMembershipFactory, WeeklyHoursFactory
from tests.therapy_credits.care import (
    HERE,
    NEXT_THURSDAY_NINE,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from therapy_credits.errors import (
    AlreadyClosed,
    CodeNotAccepted,
    HoldResolved,
    NotEnoughSessions,
    SlotTaken,
    TherapyCreditsError,
)
from therapy_credits.models import Booking, Phase, SessionCode, WeeklyHours
from therapy_credits.queries.books import COUNTERS
from therapy_credits.services import bookings as booking_services
from therapy_credits.services import care_mail, code_tries, ledger, requests, session_codes
from therapy_credits.services.bookings import (
    HOLD_LIFE,
    cancel_booking,
    confirm_session,
    time_out_bookings,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

AFTER = NEXT_THURSDAY_NINE + dt.timedelta(hours=1)
JUST_BEFORE = NEXT_THURSDAY_NINE - dt.timedelta(hours=1)


def at_once(*hands: Callable[[], Any]) -> list[Any]:
    """What each hand returned, or the refusal it met."""
    barrier = threading.Barrier(len(hands))
    answers: list[Any] = [None] * len(hands)

    def run(n: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(60)
            answers[n] = hands[n]()
        except TherapyCreditsError as refusal:
            answers[n] = type(refusal)
        except BaseException as trouble:
            answers[n] = trouble
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(hands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


def assert_books_are_right() -> None:
    """Every counter is what its transfers add up to (``check_ledger`` asks the same)."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS)
        assert cursor.fetchall() == []


@contextmanager
def exclusion_constraints_off() -> Iterator[None]:
    """The control: the database no longer keeps a practitioner out of two sessions."""
    constraint = next(
        c for c in Booking._meta.constraints if c.name == "booking_practitioner_one_at_a_time"
    )
    with connection.schema_editor() as editor:
        editor.remove_constraint(Booking, constraint)
    try:
        yield
    finally:
        Booking.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Booking, constraint)


def slow_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the moment between looking and writing long enough for anybody to fall into it."""
    original = booking_services.open_slots_of
    pause = threading.Event()

    def slowly(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        pause.wait(0.3)
        return found

    monkeypatch.setattr(booking_services, "open_slots_of", slowly)


def two_people_one_slot(desk: Desk) -> list[Any]:
    people = [make_client(name) for name in ("ambassador", "recipient")]
    answers = at_once(*(lambda one=one: book(one, desk) for one in people))
    assert_books_are_right()
    assert sum(left_booked_used(one)[1] for one in people) == Booking.objects.count()
    return answers


def test_two_people_book_one_slot_and_one_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_save(monkeypatch)
    answers = two_people_one_slot(make_desk())
    assert sorted(str(type(answer)) for answer in answers) == sorted([str(Booking), str(type)])
    assert SlotTaken in answers
    assert Booking.objects.count() == 1


def test_nobody_waits_for_a_mail_that_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rendering is slow the first time: the practitioner's row is locked after it."""
    done = []
    prepare, lock = care_mail.prepare_message, booking_services.lock_practitioner
    monkeypatch.setattr(
        care_mail, "prepare_message", lambda **mail: done.append("mail") or prepare(**mail)
    )
    monkeypatch.setattr(
        booking_services, "lock_practitioner", lambda one: done.append("lock") or lock(one)
    )
    client = make_client()
    booking = book(client, make_desk())
    assert done == ["mail", "mail", "lock"]
    booking_services.move_booking(
        booking=booking,
        user=client.user,
        starts_at=NEXT_THURSDAY_NINE + dt.timedelta(hours=3),
        where=HERE,
        at=NOW,
    )
    assert done[3:] == ["mail", "mail", "lock"]


def test_without_the_lock_the_constraint_still_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_save(monkeypatch)
    monkeypatch.setattr(booking_services, "lock_practitioner", lambda one: one)
    two_people_one_slot(make_desk())
    assert Booking.objects.count() == 1


def test_control_without_lock_and_constraint_both_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow_save(monkeypatch)
    monkeypatch.setattr(booking_services, "lock_practitioner", lambda one: one)
    with exclusion_constraints_off():
        two_people_one_slot(make_desk())
        assert Booking.objects.count() == 2


def test_twenty_bookings_for_the_last_session() -> None:
    client = make_client(units=1)
    desks = [make_desk(f"House {n}") for n in range(20)]
    hours = [NEXT_THURSDAY_NINE + dt.timedelta(hours=n % 8) for n in range(20)]
    answers = at_once(
        *(
            lambda desk=desk, starts=starts: book(client, desk, starts)
            for desk, starts in zip(desks, hours, strict=True)
        )
    )
    assert sum(isinstance(answer, Booking) for answer in answers) == 1
    assert set(answers) - {a for a in answers if isinstance(a, Booking)} == {NotEnoughSessions}
    assert left_booked_used(client) == (0, 1, 0)
    assert_books_are_right()


def test_a_double_click_is_one_booking() -> None:
    client, desk, request_id = make_client(), make_desk(), uuid4()
    answers = at_once(*[lambda: book(client, desk, request_id=request_id)] * 2)
    assert answers[0] == answers[1]
    assert Booking.objects.count() == 1
    assert left_booked_used(client) == (2, 1, 0)


def test_control_without_the_lock_on_the_form_the_second_click_finds_the_time_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One booking all the same, by the practitioner's lock; but who clicked twice is told no."""
    both_have_looked = threading.Barrier(2)
    monkeypatch.setattr(requests, "one_at_a_time", lambda request_id: None)
    monkeypatch.setattr(
        booking_services, "check_may_begin", lambda user, at: both_have_looked.wait(60)
    )
    client, desk, request_id = make_client(), make_desk(), uuid4()
    answers = at_once(*[lambda: book(client, desk, request_id=request_id)] * 2)
    assert SlotTaken in answers
    assert Booking.objects.count() == 1
    assert left_booked_used(client) == (2, 1, 0)


def test_a_double_click_on_attended_charges_once() -> None:
    client, desk = make_client(), make_desk()
    booking = book(client, desk)
    confirm = lambda: confirm_session(  # noqa: E731 - one hand, twice
        booking=booking, membership=desk.membership, outcome="attended", at=AFTER
    )
    answers = at_once(confirm, confirm)
    assert [(type(one), one.status) for one in answers] == [(Booking, "attended")] * 2
    assert left_booked_used(client) == (2, 0, 1)
    assert_books_are_right()


def test_of_an_hour_that_comes_twice_the_first_is_booked_once() -> None:
    """London, 25 October 2026: half past one comes at 00:30 and again at 01:30 UTC."""
    desk, at = make_desk(), dt.datetime(2026, 10, 20, 9, tzinfo=dt.UTC)
    WeeklyHoursFactory(
        practitioner=desk.practitioner,
        weekday=WeeklyHours.Weekday.SUNDAY,
        starts=dt.time(0, 30),
        ends=dt.time(4),
    )
    people = [make_client(name) for name in ("ambassador", "recipient", "touring")]
    first = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)
    second = first + dt.timedelta(hours=1)
    answers = at_once(
        lambda: book(people[0], desk, first, at=at),
        lambda: book(people[1], desk, first, at=at),
        lambda: book(people[2], desk, second, at=at),
    )
    assert answers[2] is SlotTaken
    assert sorted(map(str, map(type, answers[:2]))) == sorted([str(Booking), str(type)])
    booking = Booking.objects.get()
    # The thirty days of the hold are days of the clock that no country sets.
    assert booking.hold_until == first + dt.timedelta(minutes=50) + HOLD_LIFE
    assert time_out_bookings(at=booking.hold_until - dt.timedelta(seconds=1)) == 0
    assert time_out_bookings(at=booking.hold_until) == 1
    assert_books_are_right()


def test_a_double_click_is_one_code() -> None:
    client, request_id = make_client(), uuid4()
    answers = at_once(
        *[lambda: session_codes.issue_code(user=client.user, request_id=request_id, at=NOW)] * 2
    )
    assert answers[0].code == answers[1].code
    assert sorted(answer.text is None for answer in answers) == [False, True]
    assert left_booked_used(client) == (2, 1, 0)


@contextmanager
def booking_and_code_unlocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The control: nobody locks the row, and both hands have looked before either moves a unit."""
    both_have_looked = threading.Barrier(2)

    def once_both_have_looked(command: Callable[..., Any]) -> Callable[..., Any]:
        def wait_and_do(**facts: Any) -> Any:
            both_have_looked.wait(60)
            return command(**facts)

        return wait_and_do

    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
        unlocked = booking_services.LOCK_BOOKING.replace("FOR NO KEY UPDATE", "")
        patch.setattr(booking_services, "LOCK_BOOKING", unlocked)
        # The short way has controls of its own in test_confirming.py.
        patch.setattr(booking_services, "confirm_at_once", lambda **_: False)
        for name in ("post_hold", "release_hold"):
            patch.setattr(ledger, name, once_both_have_looked(getattr(ledger, name)))
        yield


@contextmanager
def books_unlocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Further: the ledger locks no account either, and both have seen the hold open."""
    both_have_seen = threading.Barrier(2)
    write = ledger._write

    def write_when_both_have_seen(transfers: Any) -> None:
        if transfers[0].phase != Phase.PENDING:  # the hold itself was made by one alone
            both_have_seen.wait(60)
        write(transfers)

    with monkeypatch.context() as patch:
        unlocked = ledger.LOCK_HOLD.replace("FOR NO KEY UPDATE", "")
        patch.setattr(ledger, "LOCK_HOLD", unlocked)
        patch.setattr(ledger, "_write", write_when_both_have_seen)
        yield


def two_practices_one_code(client: Client) -> list[Any]:
    desks = [make_desk("Lantern House"), make_desk("Harbour Rooms")]
    issued = session_codes.issue_code(user=client.user, request_id=uuid4(), at=NOW)
    return at_once(
        *(
            lambda desk=desk: session_codes.redeem_code(
                text=issued.text,
                membership=desk.membership,
                service=desk.service,
                held_on=NOW.date(),
                address="192.0.2.7",
                at=NOW,
            )
            for desk in desks
        )
    )


def test_two_practices_confirm_one_code_and_one_is_paid() -> None:
    client = make_client()
    answers = two_practices_one_code(client)
    assert CodeNotAccepted in answers
    assert sum(isinstance(answer, SessionCode) for answer in answers) == 1
    assert left_booked_used(client) == (2, 0, 1)
    assert_books_are_right()


def test_control_without_the_codes_lock_both_practices_believe_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither is told that the code is spent: one is stopped only by the ledger."""
    client = make_client()
    with booking_and_code_unlocked(monkeypatch):
        answers = two_practices_one_code(client)
    assert CodeNotAccepted not in answers
    assert answers.count(HoldResolved) == 1
    assert left_booked_used(client) == (2, 0, 1)
    assert_books_are_right()


def test_control_without_the_ledgers_locks_only_the_database_keeps_it_from_paying_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = make_client()
    with booking_and_code_unlocked(monkeypatch), books_unlocked(monkeypatch):
        answers = two_practices_one_code(client)
    assert not {CodeNotAccepted, HoldResolved} & {a for a in answers if isinstance(a, type)}
    assert sum(isinstance(answer, SessionCode) for answer in answers) == 1
    assert left_booked_used(client) == (2, 0, 1)
    assert_books_are_right()


def test_one_practice_confirms_one_code_from_two_phones() -> None:
    client, desk = make_client(), make_desk()
    colleague = PracticeMembershipFactory(practice=desk.practitioner.practice)
    issued = session_codes.issue_code(user=client.user, request_id=uuid4(), at=NOW)
    answers = at_once(
        *(
            lambda who=who: session_codes.redeem_code(
                text=issued.text,
                membership=who,
                service=desk.service,
                held_on=NOW.date(),
                address="192.0.2.7",
                at=NOW,
            )
            for who in (desk.membership, colleague)
        )
    )
    assert [type(answer) for answer in answers] == [SessionCode, SessionCode]
    assert left_booked_used(client) == (2, 0, 1)
    assert_books_are_right()


@pytest.mark.parametrize("turn", range(3))
def test_cancel_racing_confirm_has_one_outcome(turn: int) -> None:
    client, desk = make_client(), make_desk()
    booking = book(client, desk)
    answers = at_once(
        lambda: cancel_booking(booking=booking, user=client.user, agreed="excused", at=JUST_BEFORE),
        lambda: confirm_session(
            booking=booking, membership=desk.membership, outcome="attended", at=AFTER
        ),
    )
    booking.refresh_from_db()
    assert sum(answer is AlreadyClosed for answer in answers) == 1
    assert (booking.status, left_booked_used(client)) in [
        ("late_cancel", (3, 0, 0)),
        ("attended", (2, 0, 1)),
    ]
    assert_books_are_right()


def time_out_against_confirm(client: Client, desk: Desk) -> tuple[Booking, list[Any]]:
    booking = book(client, desk)
    due = booking.ends_at + HOLD_LIFE
    answers = at_once(
        lambda: time_out_bookings(at=due),
        lambda: confirm_session(
            booking=booking, membership=desk.membership, outcome="attended", at=due
        ),
    )
    booking.refresh_from_db()
    return booking, answers


@pytest.mark.parametrize("turn", range(3))
def test_timeout_racing_confirm_has_one_outcome(turn: int) -> None:
    client = make_client()
    booking, answers = time_out_against_confirm(client, make_desk())
    if booking.status == "attended":
        assert answers[0] == 0
        assert left_booked_used(client) == (2, 0, 1)
    else:
        assert (booking.status, answers) == ("timed_out", [1, AlreadyClosed])
        assert left_booked_used(client) == (3, 0, 0)
    assert_books_are_right()


def test_control_without_the_row_lock_a_confirmation_stops_the_sweep_or_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both find the booking open. Whoever is second fails in the ledger; were it the sweep, it
    would leave everything behind it in its queue."""
    client, desk = make_client(), make_desk()
    with booking_and_code_unlocked(monkeypatch):
        booking, answers = time_out_against_confirm(client, desk)
    assert AlreadyClosed not in answers
    assert answers.count(HoldResolved) == 1
    assert (booking.status, left_booked_used(client)) in [
        ("attended", (2, 0, 1)),
        ("timed_out", (3, 0, 0)),
    ]
    assert_books_are_right()


def test_control_without_the_ledgers_locks_only_the_database_ends_the_hold_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, desk = make_client(), make_desk()
    with booking_and_code_unlocked(monkeypatch), books_unlocked(monkeypatch):
        booking, answers = time_out_against_confirm(client, desk)
    assert not {AlreadyClosed, HoldResolved} & {a for a in answers if isinstance(a, type)}
    assert (booking.status, left_booked_used(client)) in [
        ("attended", (2, 0, 1)),
        ("timed_out", (3, 0, 0)),
    ]
    assert_books_are_right()


def test_control_without_the_row_lock_the_ledger_still_ends_a_hold_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lock gives the kinder answer; the books hold without it."""

    def unlocked(booking: Booking) -> Booking:
        one = Booking.objects.get(pk=booking.pk)
        threading.Event().wait(0.2)
        return one

    monkeypatch.setattr(booking_services, "_lock_booking", unlocked)
    monkeypatch.setattr(booking_services, "confirm_at_once", lambda **_: False)
    client, desk = make_client(), make_desk()
    booking = book(client, desk)
    answers = at_once(
        lambda: cancel_booking(booking=booking, user=client.user, agreed="excused", at=JUST_BEFORE),
        lambda: confirm_session(
            booking=booking, membership=desk.membership, outcome="attended", at=AFTER
        ),
    )
    # Both looked while it was open, so the kind answer is gone: the ledger's own refuses.
    assert AlreadyClosed not in answers
    assert sum(isinstance(answer, Booking) for answer in answers) == 1
    assert_books_are_right()


def test_the_limit_on_guesses_counts_exactly() -> None:
    # No more than an address may: each of the three limits is counted by itself, in any order.
    hands = [lambda: code_tries.count_try(practice_id=1, address="192.0.2.7", at=NOW)]
    tries = at_once(*hands * code_tries.LIMITS["address"])
    assert sum(one.is_allowed for one in tries) == code_tries.LIMITS["practice"]
    assert [one.burst for one in tries].count("practice") == 1


def test_control_a_limit_that_reads_and_then_writes_lets_too_many_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def careless(key: str) -> int:
        count = code_tries.cache.get(key, 0)
        threading.Event().wait(0.05)
        code_tries.cache.set(key, count + 1)
        return count + 1

    monkeypatch.setattr(code_tries, "_add_one", careless)
    tries = at_once(
        *[lambda: code_tries.count_try(practice_id=1, address="192.0.2.7", at=NOW)] * 30
    )
    assert sum(one.is_allowed for one in tries) > code_tries.LIMITS["practice"]
