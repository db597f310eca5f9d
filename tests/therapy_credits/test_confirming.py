"""Saying that a session took place: what it costs, and that the short way is no other way."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiReply
from accounts.services.api_keys import make_api_key
from tests.conftest import NOW
from tests.therapy_credits.care import (
    NEXT_THURSDAY_NINE,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from tests.therapy_credits.conftest import give
from tests.therapy_credits.test_care_races import assert_books_are_right, at_once
from therapy_credits.errors import BooksRefused, RequestReused
from therapy_credits.models import Booking, Phase, PracticeMembership, Transfer
from therapy_credits.services import bookings as booking_services
from therapy_credits.services import ledger
from therapy_credits.services.bookings import confirm_at_once, confirm_session

AFTER = NEXT_THURSDAY_NINE + dt.timedelta(hours=2)
in_one_hand = pytest.mark.django_db


@pytest.fixture(autouse=True)
def after_the_session() -> Iterator[None]:
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def desk(db: None) -> Desk:
    """A practice, whose owner has a second factor."""
    desk = make_desk()
    PracticeMembership.objects.update(role=PracticeMembership.Role.OWNER)
    desk.membership.refresh_from_db()
    Authenticator.objects.create(user=desk.membership.user, type="totp", data={})
    return desk


def browser_of(desk: Desk) -> Callable[[Booking], Any]:
    browser = Browser()
    browser.force_login(desk.membership.user, backend="accounts.adapters.SignInBackend")
    browser.get("/practice/")  # the first page of a session does more
    return lambda booking: browser.post(
        f"/practice/bookings/{booking.reference}/", {"action": "attended"}
    )


def program_of(desk: Desk) -> Callable[..., Any]:
    _key, secret = make_api_key(
        name="Front desk",
        scopes=["redemptions:write"],
        practice_id=desk.membership.practice_id,
        at=NOW,
    )

    def say(booking: Booking, request_name: str = "") -> Any:
        return Browser().post(
            "/api/v1/redemptions",
            json.dumps({"reference": booking.reference, "held_on": "2026-06-11"}),
            content_type="application/json",
            headers={
                "authorization": f"Bearer {secret}",
                "idempotency-key": request_name or f"session-{booking.reference}",
            },
        )

    return say


@in_one_hand
@pytest.mark.parametrize(
    ("way", "status", "statements"),
    [
        # The session, the person, where they work, the booking, the word.
        (browser_of, 302, 5),
        # The key, who answers for it, the booking, the word.
        (program_of, 201, 4),
    ],
)
def test_it_takes_so_many_statements(
    desk: Desk, way: Callable[[Desk], Callable[[Booking], Any]], status: int, statements: int
) -> None:
    booking = book(make_client(), desk)
    say = way(desk)
    with CaptureQueriesContext(connection) as queries:
        assert say(booking).status_code == status
    assert len(queries) == statements
    booking.refresh_from_db()
    assert booking.status == Booking.Status.ATTENDED


@in_one_hand
def test_the_short_way_writes_what_the_careful_way_writes(desk: Desk) -> None:
    short, careful = book(make_client("wren"), desk), book(make_client("finch"), make_desk("Quay"))
    assert confirm_at_once(booking=short, membership=desk.membership, at=AFTER)
    booking_services._confirm_carefully(careful, desk.membership, Booking.Status.ATTENDED, AFTER)
    written = []
    for booking in (short, careful):
        booking.refresh_from_db()
        hold = Transfer.objects.get(group=booking.hold_group, phase=Phase.PENDING)
        end = Transfer.objects.get(pending=hold)
        assert end.id == ledger._resolution_of(hold.id)
        assert (end.pool_id, end.debit_id, end.credit_id) == (
            hold.pool_id,
            hold.debit_id,
            hold.credit_id,
        )
        again = ledger.post_hold(
            group=booking.hold_group, actor=end.actor, at=AFTER, practice_id=booking.practice_id
        )
        assert (again.units_charged, again.units_returned) == (1, 0)
        written.append(
            (
                (booking.status, booking.resolved_at, booking.resolved_by_id, booking.fee_percent),
                (end.phase, end.code, end.amount, end.pending_amount, end.actor, end.made_at),
            )
        )
    assert written[0] == written[1]
    assert_books_are_right()


@in_one_hand
def test_what_is_not_ordinary_is_left_to_the_careful_way(desk: Desk) -> None:
    client = make_client()
    booking = book(client, desk)
    early = NEXT_THURSDAY_NINE - dt.timedelta(minutes=1)
    assert not confirm_at_once(booking=booking, membership=desk.membership, at=early)
    for changed in ({"units": 2}, {"practice": make_desk("Elsewhere").practitioner.practice}):
        other = Booking.objects.get(pk=booking.pk)
        Booking.objects.filter(pk=booking.pk).update(**changed)
        assert not confirm_at_once(booking=other, membership=desk.membership, at=AFTER)
        Booking.objects.filter(pk=booking.pk).update(units=1, practice=booking.practice)
    assert left_booked_used(client, AFTER) == (2, 1, 0)
    assert confirm_at_once(booking=booking, membership=desk.membership, at=AFTER)
    assert not confirm_at_once(booking=booking, membership=desk.membership, at=AFTER)
    assert left_booked_used(client, AFTER) == (2, 0, 1)
    assert_books_are_right()


@in_one_hand
def test_a_session_held_from_two_lots_is_confirmed_the_careful_way(desk: Desk) -> None:
    client = make_client(units=1)
    give(client.pool, client.token, 1)
    desk.service.units = 2
    desk.service.save()
    booking = book(client, desk)
    assert not confirm_at_once(booking=booking, membership=desk.membership, at=AFTER)
    done = confirm_session(
        booking=booking, membership=desk.membership, outcome="attended", at=AFTER
    )
    assert done.status == Booking.Status.ATTENDED
    assert left_booked_used(client, AFTER) == (0, 0, 2)
    assert_books_are_right()


@in_one_hand
def test_a_name_that_was_used_for_another_session_confirms_nothing(desk: Desk) -> None:
    first, second = book(make_client("wren"), desk), book(make_client("finch"), make_desk("Quay"))
    Booking.objects.filter(pk=second.pk).update(practice=first.practice)
    say = program_of(desk)
    assert say(first, "one-name-for-two").status_code == 201
    assert say(second, "one-name-for-two").status_code == 422
    second.refresh_from_db()
    assert second.is_open


@pytest.mark.parametrize("names", [("one-name", "one-name"), ("one-name", "another-name")])
@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_two_programs_at_once_confirm_it_once(desk: Desk, names: tuple[str, str]) -> None:
    client = make_client()
    booking = book(client, desk)
    say = program_of(desk)
    with time_machine.travel(AFTER):  # the later of two has another moment
        answers = at_once(*(lambda name=name: say(booking, name) for name in names))
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert answers[0].json() == answers[1].json()
    assert ApiReply.objects.count() == len(set(names))
    assert left_booked_used(client, AFTER) == (2, 0, 1)
    assert_books_are_right()


def both_look_before_either_writes(monkeypatch: pytest.MonkeyPatch, *, locked: bool) -> None:
    """The statement sees the world as it was when it began; then it pauses before the lock."""
    slow = booking_services.CONFIRM.replace(
        "starts_at <= %(at)s", "starts_at <= %(at)s AND pg_sleep(0.2) IS NOT NULL"
    )
    assert slow != booking_services.CONFIRM
    if not locked:
        slow = slow.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(booking_services, "CONFIRM", slow)


def two_phones(desk: Desk, booking: Booking) -> list[Any]:
    return at_once(
        *[
            lambda: confirm_session(
                booking=Booking.objects.get(pk=booking.pk),
                membership=desk.membership,
                outcome="attended",
                at=AFTER,
            )
        ]
        * 2
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_two_phones_at_once_confirm_it_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client()
    booking = book(client, desk)
    both_look_before_either_writes(monkeypatch, locked=True)
    answers = two_phones(desk, booking)
    assert [answer.status for answer in answers] == ["attended", "attended"]
    assert left_booked_used(client, AFTER) == (2, 0, 1)
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_control_without_the_lock_the_second_phone_meets_the_books(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    booking = book(client, desk)
    both_look_before_either_writes(monkeypatch, locked=False)
    answers = two_phones(desk, booking)
    assert sum(answer in (RequestReused, BooksRefused) for answer in answers) == 1
    assert left_booked_used(client, AFTER) == (2, 0, 1)
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
@pytest.mark.parametrize("is_program", [False, True])
def test_a_booking_that_changes_and_stays_open_meanwhile_is_confirmed_whole(
    desk: Desk, is_program: bool
) -> None:
    """The statement began with the row as it was: its lock, and its last write, must both follow
    to the row as it is."""
    client = make_client()
    booking = book(client, desk)
    say = program_of(desk)

    def confirm() -> Any:
        if is_program:
            return say(booking).status_code
        done = confirm_at_once(booking=booking, membership=desk.membership, at=AFTER)
        return 201 if done else 0

    def change() -> None:
        with transaction.atomic():
            Booking.objects.filter(pk=booking.pk).update(agreed_at=AFTER)
            changed.set()
            time.sleep(0.5)  # the other waits for the row meanwhile

    def confirm_meanwhile() -> Any:
        changed.wait(20)
        return confirm()

    changed = threading.Event()
    assert at_once(change, confirm_meanwhile) == [None, 201]
    booking.refresh_from_db()
    assert booking.status == "attended"
    assert left_booked_used(client, AFTER) == (2, 0, 1)
    assert_books_are_right()
