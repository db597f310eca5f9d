"""Enrolments, as a program of the organisation meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.services.api_keys import make_api_key
from ambassadors.models import Enrolment, Invitation, Programme, Term
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import EnrolmentFactory

URL = "/api/v1/enrolments"


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


def program(*scopes: str, only: Programme | None = None) -> Client:
    ids = None if only is None else [only.pk]
    _key, secret = make_api_key(name="Office", scopes=list(scopes), programme_ids=ids, at=NOW)
    return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def office(db: None) -> Client:
    """The organisation's own program: reads and makes enrolments."""
    return program("enrolments:read", "enrolments:write")


def ask(client: Client, request_name: str = "first-request", **facts: object) -> Any:
    body = {"programme": "open-door", "term": "Spring", "email": "ada@example.org", **facts}
    return client.post(
        URL,
        json.dumps(body),
        content_type="application/json",
        headers={"idempotency-key": request_name},
    )


def test_a_program_reads_who_is_in_which_term(office: Client, enrolment: Enrolment) -> None:
    answer = office.get(URL, {"programme": "open-door", "term": "Spring", "status": "active"})
    assert answer.json() == {
        "items": [
            {
                "id": enrolment.pk,
                "programme": "open-door",
                "term": "Spring",
                "status": "active",
                "since": "2026-05-27T12:00:00Z",
                "name": "Ambassador",
                "email": "ambassador@example.org",
            }
        ],
        "next": None,
    }
    assert office.get(URL, {"status": "paused"}).json()["items"] == []
    assert office.get(URL, {"status": "famous"}).status_code == 422


def test_pages_follow_one_another_and_ask_no_more_for_more(office: Client, term: Term) -> None:
    EnrolmentFactory(term=term)
    office.get(URL)
    with CaptureQueriesContext(connection) as one:
        office.get(URL)
    EnrolmentFactory.create_batch(4, term=term)
    with CaptureQueriesContext(connection) as five:
        office.get(URL)
    assert len(five) == len(one)
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        page = office.get(URL, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == list(Enrolment.objects.order_by("pk").values_list("pk", flat=True))
    assert office.get(URL, {"cursor": "nonsense"}).status_code == 422


def test_a_program_asks_somebody_to_join_and_they_decide(office: Client, term: Term) -> None:
    answer = ask(office, email="Ada@Example.org", name="アダ", language="es")
    assert answer.status_code == 201
    assert (answer.json()["email"], answer.json()["status"]) == ("ada@example.org", "invited")
    again = ask(office, email="Ada@Example.org", name="アダ", language="es")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    invitation = Invitation.objects.get()
    assert (invitation.name, invitation.language) == ("アダ", "es")
    assert Message.objects.count() == 1
    assert not Enrolment.objects.exists()


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"email": "ambassador@example.org"}, 409),
        ({"email": "nobody"}, 422),
        ({"email": "аda@example.org"}, 422),  # its first letter is Cyrillic
        ({"term": "No such term"}, 404),
        ({"language": "zz"}, 422),
        ({"name": "Vel\u202evet"}, 422),
        ({"surprise": 1}, 422),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    office: Client, enrolment: Enrolment, facts: dict[str, object], status: int
) -> None:
    answer = ask(office, **facts)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not Invitation.objects.exists()


def test_each_direction_needs_its_own_scope(term: Term) -> None:
    assert program("enrolments:write").get(URL).status_code == 403
    assert ask(program("enrolments:read")).status_code == 403
    assert Client().get(URL).status_code == 401
    assert not Invitation.objects.exists()


def test_a_key_of_another_programme_finds_nothing_and_asks_nobody(
    office: Client, enrolment: Enrolment
) -> None:
    elsewhere = EnrolmentFactory().term.programme
    stranger = program("enrolments:read", "enrolments:write", only=elsewhere)
    mine = program("enrolments:read", "enrolments:write", only=enrolment.term.programme)
    assert len(office.get(URL).json()["items"]) == 2
    assert [item["id"] for item in mine.get(URL).json()["items"]] == [enrolment.pk]
    assert stranger.get(URL, {"programme": "open-door"}).json()["items"] == []
    # What it may not see answers to the letter like what does not exist.
    absent = ask(stranger, "first-request", programme="no-such-programme")
    hidden = ask(stranger, "other-request")
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    assert not Invitation.objects.exists()
    assert ask(mine).status_code == 201
