"""Sessions, as the software of a practice meets them."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client as Program

from accounts.services.api_keys import make_api_key
from tests.conftest import NOW
from tests.factories import StatementFactory
from tests.therapy_credits.care import (
    CLIENT_CONTACT,
    CLIENT_NAME,
    NEXT_THURSDAY_NINE,
    PROGRAMME_NAME,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from therapy_credits.models import (
    Booking,
    PracticeMembership,
    SessionCode,
    Statement,
    StatementLine,
)
from therapy_credits.services.session_codes import Issued, cancel_code, issue_code

pytestmark = pytest.mark.django_db

API = "/api/v1"
AFTER = NEXT_THURSDAY_NINE + dt.timedelta(hours=2)
SCOPES = ["bookings:read", "redemptions:write"]


@pytest.fixture(autouse=True)
def after_the_session() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(AFTER, tick=False) as traveller:
        yield traveller


@pytest.fixture
def wren(db: None) -> Client:
    """An ambassador with three sessions."""
    return make_client()


@pytest.fixture
def desk(db: None) -> Desk:
    """A practice whose owner has given a program a key."""
    desk = make_desk()
    desk.membership.role = PracticeMembership.Role.OWNER
    desk.membership.save()
    return desk


def program_of(desk: Desk, scopes: list[str] | None = None) -> Program:
    _key, secret = make_api_key(
        name="Front desk",
        scopes=scopes or SCOPES,
        practice_id=desk.membership.practice_id,
        at=NOW,
    )
    return Program(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def program(desk: Desk) -> Program:
    return program_of(desk)


@pytest.fixture
def booking(wren: Client, desk: Desk) -> Booking:
    """Next Thursday at nine in London; by now it is over and nobody has said a word."""
    return book(wren, desk)


@pytest.fixture
def code(wren: Client) -> Issued:
    return issue_code(user=wren.user, request_id=uuid4(), at=NOW)


def say(program: Program, request_name: str = "first-request", **facts: object) -> Any:
    body = {"held_on": "2026-06-11", "units": 1, "outcome": "attended", **facts}
    return program.post(
        f"{API}/redemptions",
        json.dumps(body),
        content_type="application/json",
        headers={"idempotency-key": request_name},
    )


def test_a_booking_names_no_client(program: Program, booking: Booking) -> None:
    response = program.get(f"{API}/bookings/{booking.reference}")
    assert response.json() == {
        "reference": booking.reference,
        "status": "booked",
        "starts_at": "2026-06-11T08:00:00Z",
        "ends_at": response.json()["ends_at"],
        "timezone": "Europe/London",
        "format": "online",
        "units": 1,
        "confirm_before": response.json()["confirm_before"],
    }
    for telling in (CLIENT_NAME, CLIENT_CONTACT, PROGRAMME_NAME, str(booking.subject)):
        assert telling not in response.content.decode()


def test_another_practices_booking_is_like_none(booking: Booking) -> None:
    other = make_desk("Harbour Rooms")
    other.membership.role = PracticeMembership.Role.OWNER
    other.membership.save()
    stranger = program_of(other)
    theirs = stranger.get(f"{API}/bookings/{booking.reference}")
    none = stranger.get(f"{API}/bookings/NOSUCHONE")
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert theirs.content == none.content
    assert say(stranger, reference=booking.reference).status_code == 404
    booking.refresh_from_db()
    assert booking.is_open


def test_a_key_needs_the_scope(desk: Desk, booking: Booking) -> None:
    reader = program_of(desk, ["bookings:read"])
    assert say(reader, reference=booking.reference).status_code == 403
    writer = program_of(desk, ["redemptions:write"])
    assert writer.get(f"{API}/bookings/{booking.reference}").status_code == 403


def test_a_session_that_took_place_is_used(
    program: Program, booking: Booking, wren: Client, desk: Desk
) -> None:
    response = say(program, reference=booking.reference)
    assert response.status_code == 201
    assert response.json() == {
        "reference": booking.reference,
        "outcome": "attended",
        "held_on": "2026-06-11",
        "units": 1,
    }
    booking.refresh_from_db()
    assert booking.status == Booking.Status.ATTENDED
    assert booking.resolved_by == desk.membership.user
    assert left_booked_used(wren, AFTER) == (2, 0, 1)


def test_said_again_it_is_done_once(
    program: Program,
    booking: Booking,
    wren: Client,
    after_the_session: time_machine.Traveller,
) -> None:
    first = say(program, reference=booking.reference)
    replayed = say(program, reference=booking.reference)
    after_the_session.shift(60)
    in_other_words = say(program, "second-request", reference=booking.reference)
    assert [one.status_code for one in (first, replayed, in_other_words)] == [201, 200, 200]
    assert first.json() == replayed.json() == in_other_words.json()
    assert left_booked_used(wren, AFTER) == (2, 0, 1)


@pytest.mark.parametrize("other", [{"outcome": "no_show"}, {"held_on": "2026-06-10"}, {"units": 2}])
def test_other_facts_are_a_conflict_and_change_nothing(
    program: Program, booking: Booking, wren: Client, other: dict[str, object]
) -> None:
    say(program, reference=booking.reference)
    response = say(program, "second-request", reference=booking.reference, **other)
    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    assert left_booked_used(wren, AFTER) == (2, 0, 1)


def test_before_it_begins_nothing_can_be_said(
    program: Program, booking: Booking, after_the_session: time_machine.Traveller
) -> None:
    after_the_session.move_to(NEXT_THURSDAY_NINE - dt.timedelta(hours=1))
    assert say(program, reference=booking.reference).status_code == 409
    after_the_session.move_to(AFTER)
    # A refusal is not kept: the same request is done when its time has come.
    assert say(program, reference=booking.reference).status_code == 201


def test_a_code_is_used_once(
    program: Program, code: Issued, wren: Client, after_the_session: time_machine.Traveller
) -> None:
    first = say(program, code=code.text)
    after_the_session.shift(60)
    again = say(program, "second-request", code=code.text)
    other_day = say(program, "third-request", code=code.text, held_on="2026-06-10")
    assert [one.status_code for one in (first, again, other_day)] == [201, 200, 409]
    assert SessionCode.objects.get().status == SessionCode.Status.REDEEMED
    assert left_booked_used(wren, AFTER) == (2, 0, 1)


def test_codes_cannot_be_guessed_for_long(program: Program, code: Issued, wren: Client) -> None:
    taken_back = issue_code(user=wren.user, request_id=uuid4(), at=NOW)
    cancel_code(code=taken_back.code, at=NOW)
    answers = [say(program, f"request-{n}", code=taken_back.text).status_code for n in range(11)]
    assert answers == [409] * 10 + [429]
    assert say(program, "request-good", code=code.text).status_code == 429


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"code": "x", "reference": "y"},
        {"code": "x", "outcome": "no_show"},
        {"reference": "x", "outcome": "vanished"},
        {"reference": "x", "held_on": "soon"},
        {"reference": "x", "units": 0},
        {"reference": "x", "surprise": 1},
    ],
)
def test_what_makes_no_sense_is_refused(program: Program, facts: dict[str, object]) -> None:
    response = say(program, **facts)
    assert response.status_code == 422
    assert response.json()["errors"]


def test_a_practice_without_an_owner_has_nobody_to_act_for(
    program: Program, booking: Booking, desk: Desk
) -> None:
    PracticeMembership.objects.update(role=PracticeMembership.Role.FRONT_DESK)
    assert say(program, reference=booking.reference).status_code == 403
    booking.refresh_from_db()
    assert booking.is_open


# --- Statements ----------------------------------------------------------------------------


def statements_of(desk: Desk, months: int) -> list[Statement]:
    return [
        StatementFactory(
            practice=desk.practitioner.practice,
            month=dt.date(2026, month, 1),
            approved_at=NOW + dt.timedelta(days=month),
        )
        for month in range(1, months + 1)
    ]


def test_a_statement_has_its_lines_and_they_add_up(desk: Desk, booking: Booking) -> None:
    (statement,) = statements_of(desk, 1)
    StatementLine.objects.create(
        statement=statement,
        booking=booking,
        pool=booking.pool,
        held_on=dt.date(2026, 6, 11),
        outcome="missed",
        units=1,
        amount_minor=6000,
    )
    reader = program_of(desk, ["statements:read"])
    one = reader.get(f"{API}/statements/{statement.pk}").json()
    assert one["lines"] == [
        {
            "reference": booking.reference,
            "kind": "session",
            "outcome": "no_show",
            "held_on": "2026-06-11",
            "units": 1,
            "amount_minor": 6000,
        }
    ]
    assert (one["total_minor"], one["month"], one["currency"]) == (6000, "2026-01", "GBP")
    listed = reader.get(f"{API}/statements").json()
    assert [(row["id"], row["lines"]) for row in listed["items"]] == [(str(statement.pk), 1)]
    assert listed["next"] is None


def test_statements_come_in_pages_the_newest_first(desk: Desk) -> None:
    expected = [str(one.pk) for one in reversed(statements_of(desk, 5))]
    reader = program_of(desk, ["statements:read"])
    found, cursor = [], ""
    for _ in range(3):
        page = reader.get(f"{API}/statements?limit=2{cursor}").json()
        found += [row["id"] for row in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert found == expected
    assert page["next"] is None


def test_only_approved_ones_and_only_ones_own(desk: Desk) -> None:
    StatementFactory(practice=desk.practitioner.practice, status="draft", approved_at=None)
    theirs = StatementFactory()
    reader = program_of(desk, ["statements:read"])
    assert reader.get(f"{API}/statements").json()["items"] == []
    assert reader.get(f"{API}/statements/{theirs.pk}").status_code == 404
    assert program_of(desk, ["bookings:read"]).get(f"{API}/statements").status_code == 403
    assert reader.get(f"{API}/statements?cursor=nonsense").status_code == 422
