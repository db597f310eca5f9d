"""The API, as a partner's program meets it."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.api import ANYBODY_A_MINUTE, WRONG_KEYS_A_MINUTE
from accounts.models import ApiKey
from accounts.queries import key_opened_by
from accounts.services.api_keys import make_api_key
from events.models import Event, Occurrence, Rsvp, Visibility
from events.services.rsvps import leave, place_rsvp
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import (
    EventFactory,
    OccurrenceFactory,
    PracticeFactory,
    ProgrammeFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

API = "/api/v1"


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def desk(db: None) -> Client:
    """A partner's ticket desk: its key may read events and make RSVPs."""
    _key, secret = make_api_key(name="Desk", scopes=["events:read", "rsvps:write"], at=NOW)
    return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def circle(db: None) -> Occurrence:
    """Tomorrow, two places, where everybody may bring one."""
    date: Occurrence = OccurrenceFactory(capacity=2, event__max_plus_ones=1)
    return date


def send(client: Client, slug: str, request_name: str = "first-request", **facts: object) -> Any:
    body = {"name": "Ana", "email": "ana@example.org", **facts}
    return client.post(
        f"{API}/events/{slug}/rsvps",
        json.dumps(body),
        content_type="application/json",
        headers={"idempotency-key": request_name},
    )


def is_problem(response: Any, status: int) -> dict[str, Any]:
    """The problem detail of ``response``, which has to be one."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert set(body) <= {"type", "title", "status", "detail", "errors"}
    assert body["title"]
    assert body["detail"]
    return body


# --- Reading events -------------------------------------------------------------


def test_an_event_says_what_a_program_needs(client: Client, circle: Occurrence) -> None:
    event = circle.event
    (item,) = client.get(f"{API}/events").json()["items"]
    assert item == {
        "slug": event.slug,
        "date": "2026-06-04",
        "uid": circle.uid,
        "title": event.title,
        "summary": event.summary,
        "starts_at": "2026-06-04T16:00:00Z",
        "ends_at": "2026-06-04T17:30:00Z",
        "timezone": "Europe/Berlin",
        "format": "in_person",
        "price": {
            "kind": "free",
            "currency": None,
            "amount_minor": None,
            "least_minor": None,
            "refund_hours": None,
        },
        "language": "en",
        "status": "published",
        "capacity": 2,
        "places_left": 2,
        "url": item["url"],
        "updated_at": "2026-05-27T12:00:00Z",
    }
    assert item["url"].endswith(f"/events/{event.slug}/?date=2026-06-04")


def test_places_left_counts_who_goes_and_who_is_held(client: Client, circle: Occurrence) -> None:
    place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    assert client.get(f"{API}/events").json()["items"][0]["places_left"] == 1


def test_an_event_without_a_limit_has_no_number(client: Client) -> None:
    OccurrenceFactory(capacity=None)
    (item,) = client.get(f"{API}/events").json()["items"]
    assert (item["capacity"], item["places_left"]) == (None, None)


def test_one_event_lists_its_dates(client: Client, circle: Occurrence) -> None:
    later = OccurrenceFactory(event=circle.event, starts_at=circle.starts_at + dt.timedelta(days=7))
    body = client.get(f"{API}/events/{circle.event.slug}").json()
    assert body["date"] == "2026-06-04"
    assert [one["uid"] for one in body["dates"]] == [circle.uid, later.uid]


@pytest.mark.parametrize(
    "hidden",
    [
        {"status": Event.Status.DRAFT, "published_at": None},
        {"visibility": Visibility.AMBASSADORS},
    ],
)
def test_without_a_key_only_public_events_are_there(
    client: Client, hidden: dict[str, object]
) -> None:
    event = OccurrenceFactory(event=EventFactory(**hidden)).event
    assert client.get(f"{API}/events").json()["items"] == []
    is_problem(client.get(f"{API}/events/{event.slug}"), 404)


def test_a_key_with_the_scope_reads_what_is_for_members_and_never_drafts(desk: Client) -> None:
    event = OccurrenceFactory(event=EventFactory(visibility=Visibility.AMBASSADORS)).event
    OccurrenceFactory(event=EventFactory(status=Event.Status.DRAFT, published_at=None))
    assert [item["slug"] for item in desk.get(f"{API}/events").json()["items"]] == [event.slug]


def test_pages_follow_one_another_without_gap_or_repeat(client: Client) -> None:
    # Two that start together: the id decides.
    days = [0, 0, 1, 2, 3]
    dates = [OccurrenceFactory(starts_at=NOW + dt.timedelta(days=2 + day)) for day in days]
    seen, pages = [], 0
    query: dict[str, Any] | None = {"limit": 2}
    while query is not None:
        page = client.get(f"{API}/events", query).json()
        seen += [item["uid"] for item in page["items"]]
        query, pages = {**query, "cursor": page["next"]} if page["next"] else None, pages + 1
    assert seen == [date.uid for date in dates]
    assert pages == 3


def test_the_list_is_narrowed_as_the_page_is(client: Client) -> None:
    OccurrenceFactory(event__language="es")
    found = client.get(f"{API}/events?language=es&from=2026-06-01&to=2026-06-30").json()["items"]
    assert [item["language"] for item in found] == ["es"]
    assert client.get(f"{API}/events?language=en").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=WyIyMDI2LTA2LTA0VDE2OjAwOjAwKzAwOjAwIiwgMWU5OV0", "cursor"),
        ("from=yesterday", "from"),
        ("language=tlh", "language"),
        ("format=telepathy", "format"),
    ],
)
def test_what_cannot_be_read_is_named(client: Client, query: str, field: str) -> None:
    body = is_problem(client.get(f"{API}/events?{query}"), 422)
    assert [error["field"] for error in body["errors"]] == [field]


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_costs_one_query_however_long(
    client: Client, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        OccurrenceFactory()
    with django_assert_num_queries(1):
        assert len(client.get(f"{API}/events").json()["items"]) == count


# --- Keys -------------------------------------------------------------------------


def test_a_wrong_key_is_refused_also_where_none_is_needed(client: Client) -> None:
    wrong = {"authorization": "Bearer gr_wrong"}
    response = client.get(f"{API}/events", headers=wrong)
    is_problem(response, 401)
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("shown", [None, "Basic abc", "Bearer", "Bearer "])
def test_without_a_key_nothing_is_written(
    client: Client, circle: Occurrence, shown: str | None
) -> None:
    headers = {"authorization": shown} if shown else {}
    is_problem(
        client.post(
            f"{API}/events/{circle.event.slug}/rsvps",
            "{}",
            content_type="application/json",
            headers=headers,
        ),
        401,
    )
    assert not Rsvp.objects.exists()


def test_a_session_cookie_is_no_key(client: Client, circle: Occurrence) -> None:
    client.force_login(UserFactory(), backend="accounts.adapters.SignInBackend")
    is_problem(send(client, circle.event.slug), 401)


def test_a_key_without_the_scope_is_told_which_it_lacks(circle: Occurrence) -> None:
    _key, secret = make_api_key(name="Reader", scopes=["events:read"], at=NOW)
    reader = Client(headers={"authorization": f"Bearer {secret}"})
    assert "rsvps:write" in is_problem(send(reader, circle.event.slug), 403)["detail"]
    assert not Rsvp.objects.exists()


def test_guessing_keys_is_slowed_down(client: Client) -> None:
    wrong = {"authorization": "Bearer gr_guess"}
    for _ in range(WRONG_KEYS_A_MINUTE):
        assert client.get(f"{API}/events", headers=wrong).status_code == 401
    response = client.get(f"{API}/events", headers=wrong)
    is_problem(response, 429)
    assert 1 <= int(response["Retry-After"]) <= 60


def test_asking_too_often_is_answered_with_when_to_come_back(client: Client) -> None:
    for _ in range(ANYBODY_A_MINUTE):
        assert client.get(f"{API}/events").status_code == 200
    response = client.get(f"{API}/events")
    is_problem(response, 429)
    with time_machine.travel(NOW + dt.timedelta(seconds=int(response["Retry-After"]))):
        assert client.get(f"{API}/events").status_code == 200


def test_a_key_of_one_programme_reads_its_events_and_the_open_ones(circle: Occurrence) -> None:
    own = OccurrenceFactory(
        event__visibility=Visibility.PROGRAMME, event__programme=ProgrammeFactory()
    )
    other = OccurrenceFactory(
        event__visibility=Visibility.PROGRAMME, event__programme=ProgrammeFactory()
    )
    _key, secret = make_api_key(
        name="Label",
        scopes=["events:read", "rsvps:write"],
        programme_ids=[own.event.programme_id],
        at=NOW,
    )
    label = Client(headers={"authorization": f"Bearer {secret}"})
    slugs = {item["slug"] for item in label.get(f"{API}/events").json()["items"]}
    assert slugs == {circle.event.slug, own.event.slug}
    assert label.get(f"{API}/events/{own.event.slug}").status_code == 200
    is_problem(label.get(f"{API}/events/{other.event.slug}"), 404)
    is_problem(send(label, other.event.slug), 404)
    assert not Rsvp.objects.exists()
    elsewhere = place_rsvp(
        occurrence=other,
        person=UserFactory(),
        party_size=1,
        language="en",
        at=NOW,
    )
    is_problem(label.delete(f"{API}/rsvps/{elsewhere.reference}"), 404)
    elsewhere.refresh_from_db()
    assert elsewhere.status == "going"


# --- Saying yes ---------------------------------------------------------------------


def test_saying_yes_gives_a_place_and_a_mail(desk: Client, circle: Occurrence) -> None:
    response = send(desk, circle.event.slug)
    assert response.status_code == 201
    rsvp = Rsvp.objects.get()
    assert response.json() == {
        "reference": rsvp.reference,
        "status": "going",
        "position": None,
        "pay_until": None,
        "offered_until": None,
        "party_size": 1,
        "slug": circle.event.slug,
        "date": "2026-06-04",
    }
    assert Message.objects.get().to == "ana@example.org"


def test_a_full_date_gives_a_turn_in_the_queue(desk: Client, circle: Occurrence) -> None:
    place_rsvp(occurrence=circle, person=UserFactory(), party_size=2, at=NOW)
    body = send(desk, circle.event.slug).json()
    assert (body["status"], body["position"]) == ("waitlisted", 1)


def test_the_same_request_again_is_the_same_answer(desk: Client, circle: Occurrence) -> None:
    first, second = send(desk, circle.event.slug), send(desk, circle.event.slug)
    assert (second.status_code, second.json()) == (201, first.json())
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Rsvp.objects.count() == 1
    assert Message.objects.count() == 1


def test_another_request_with_the_same_key_is_refused(desk: Client, circle: Occurrence) -> None:
    send(desk, circle.event.slug)
    is_problem(send(desk, circle.event.slug, email="bo@example.org"), 422)
    assert Rsvp.objects.count() == 1


def test_an_idempotency_key_is_needed(desk: Client, circle: Occurrence) -> None:
    response = desk.post(
        f"{API}/events/{circle.event.slug}/rsvps",
        json.dumps({"name": "Ana", "email": "ana@example.org"}),
        content_type="application/json",
    )
    is_problem(response, 400)
    assert not Rsvp.objects.exists()


def test_an_address_that_has_answered_is_a_conflict(desk: Client, circle: Occurrence) -> None:
    send(desk, circle.event.slug)
    is_problem(send(desk, circle.event.slug, request_name="second-request"), 409)
    assert Rsvp.objects.count() == 1


def test_the_date_of_a_series_can_be_named(desk: Client, circle: Occurrence) -> None:
    later = OccurrenceFactory(event=circle.event, starts_at=circle.starts_at + dt.timedelta(days=7))
    assert send(desk, circle.event.slug, date="2026-06-11").json()["date"] == "2026-06-11"
    assert Rsvp.objects.get().occurrence == later
    is_problem(send(desk, circle.event.slug, request_name="second-request", date="2026-06-12"), 404)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"email": "ana"}, "email"),
        ({"email": "ana@example.org\n bcc: all@example.org"}, "email"),
        ({"party_size": 0}, "party_size"),
        ({"party_size": "two"}, "party_size"),
        ({"party_size": 3}, "party_size"),
        ({"date": "soon"}, "date"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_each_wrong_field_is_named_and_nothing_is_written(
    desk: Client, circle: Occurrence, facts: dict[str, object], field: str
) -> None:
    body = is_problem(send(desk, circle.event.slug, **facts), 422)
    assert [error["field"] for error in body["errors"]] == [field]
    assert not Rsvp.objects.exists()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "\x00"])
def test_what_is_no_request_is_refused(desk: Client, circle: Occurrence, body: str) -> None:
    response = desk.post(
        f"{API}/events/{circle.event.slug}/rsvps",
        body,
        content_type="application/json",
        headers={"idempotency-key": "a-request"},
    )
    assert is_problem(response, response.status_code)["status"] in (400, 422)
    assert not Rsvp.objects.exists()


def test_a_cancelled_date_takes_nobody(desk: Client, circle: Occurrence) -> None:
    Occurrence.objects.filter(pk=circle.pk).update(cancelled_at=NOW)
    is_problem(send(desk, circle.event.slug, date="2026-06-04"), 409)


def test_a_refused_request_can_be_tried_again(desk: Client, circle: Occurrence) -> None:
    Occurrence.objects.filter(pk=circle.pk).update(cancelled_at=NOW)
    is_problem(send(desk, circle.event.slug, date="2026-06-04"), 409)
    Occurrence.objects.filter(pk=circle.pk).update(cancelled_at=None)
    assert send(desk, circle.event.slug, date="2026-06-04").status_code == 201


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_ten_programs_at_once_never_oversell(circle: Occurrence) -> None:
    _key, secret = make_api_key(name="Desk", scopes=["rsvps:write"], at=NOW)
    statuses: list[str] = []

    def post(number: int) -> None:
        client = Client(headers={"authorization": f"Bearer {secret}"})
        answer = send(
            client, circle.event.slug, f"request-{number}", email=f"p{number}@example.org"
        )
        statuses.append(answer.json()["status"])
        connection.close()

    threads = [threading.Thread(target=post, args=[number]) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["going"] * 2 + ["waitlisted"] * 8


# --- One's RSVP later ------------------------------------------------------------------


@pytest.fixture
def url(desk: Client, circle: Occurrence) -> str:
    """Where the ticket desk finds the RSVP that it has made."""
    return f"{API}/rsvps/{send(desk, circle.event.slug).json()['reference']}"


def patch(client: Client, url: str, **facts: object) -> Any:
    return client.patch(url, json.dumps(facts), content_type="application/json")


def test_an_rsvp_names_nobody(desk: Client, url: str) -> None:
    assert "ana" not in desk.get(url).content.decode().lower()


def test_a_party_can_grow_and_shrink(desk: Client, url: str) -> None:
    assert patch(desk, url, party_size=2).json()["party_size"] == 2
    assert patch(desk, url, party_size=1).json()["party_size"] == 1


def test_a_party_that_does_not_fit_changes_nothing(
    desk: Client, url: str, circle: Occurrence
) -> None:
    place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    is_problem(patch(desk, url, party_size=2), 409)
    assert desk.get(url).json()["party_size"] == 1


def test_an_offer_is_taken_or_passed_on_once(desk: Client, circle: Occurrence) -> None:
    Event.objects.update(offer_hours=1)
    circle.event.refresh_from_db()
    going = [place_rsvp(occurrence=circle, person=UserFactory(), at=NOW) for _ in range(2)]
    urls = [
        f"{API}/rsvps/{answer.json()['reference']}"
        for name in ("one", "two", "three")
        if (answer := send(desk, circle.event.slug, f"request-{name}", email=f"{name}@example.org"))
    ]
    is_problem(patch(desk, urls[0], offer="take"), 409)
    is_problem(patch(desk, urls[0], offer="decline"), 409)
    for rsvp in going:
        leave(rsvp=rsvp, at=NOW)
    assert desk.get(urls[0]).json()["offered_until"] == "2026-06-03T13:00:00Z"
    for _ in range(2):
        taken = patch(desk, urls[0], offer="take").json()
        assert (taken["status"], taken["offered_until"]) == ("going", None)
    is_problem(patch(desk, urls[0], offer="decline"), 409)
    for _ in range(2):
        assert patch(desk, urls[1], offer="decline").json()["status"] == "declined"
    assert desk.get(urls[2]).json()["status"] == "offered"
    with time_machine.travel(NOW + dt.timedelta(hours=1), tick=False):
        is_problem(patch(desk, urls[2], offer="take"), 409)


@pytest.mark.parametrize(
    "facts", [{}, {"party_size": 1, "offer": "take"}, {"offer": "keep"}, {"offer": None}]
)
def test_a_change_says_one_thing(desk: Client, url: str, facts: dict[str, object]) -> None:
    is_problem(patch(desk, url, **facts), 422)
    assert desk.get(url).json()["party_size"] == 1


def test_leaving_frees_the_place_for_the_next(desk: Client, url: str, circle: Occurrence) -> None:
    place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    waiting = place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    assert desk.delete(url).json()["status"] == "left"
    assert desk.delete(url).json()["status"] == "left"
    waiting.refresh_from_db()
    assert waiting.is_going


def test_an_unknown_reference_is_not_found(desk: Client) -> None:
    for call in (desk.get, desk.delete, lambda url: patch(desk, url, party_size=1)):
        is_problem(call(f"{API}/rsvps/NOSUCHONE0"), 404)


# --- The outside -------------------------------------------------------------------------


def test_an_unknown_address_is_a_problem_detail(client: Client) -> None:
    is_problem(client.get(f"{API}/nothing"), 404)
    is_problem(client.post(f"{API}/nothing/at/all"), 404)


def test_a_wrong_method_says_which_are_right(client: Client) -> None:
    response = client.put(f"{API}/events")
    is_problem(response, 405)
    assert response["Allow"] == "GET"


def test_what_breaks_is_a_problem_detail_and_is_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("events.api.dates_for_programs", break_down)
    is_problem(client.get(f"{API}/events"), 500)
    assert "ZeroDivisionError" in caplog.text


def test_the_description_is_openapi(client: Client) -> None:
    schema = client.get(f"{API}/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert set(schema["paths"]) >= {
        f"{API}/events",
        f"{API}/events/{{slug}}",
        f"{API}/events/{{slug}}/rsvps",
        f"{API}/rsvps/{{reference}}",
    }
    for methods in schema["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_the_page_tells_all_of_it_and_asks_for_nothing_from_elsewhere(client: Client) -> None:
    page = client.get(f"{API}/docs").content.decode()
    schema = client.get(f"{API}/openapi.json").json()
    for path in schema["paths"]:
        assert path in page
    for field in ("Idempotency-Key", "party_size", "cursor", "rsvps:write", "Retry-After"):
        assert field in page
    for foreign in ("cdn", 'src="http', "<style", " style=", "onclick"):
        assert foreign not in page


def test_each_kind_of_problem_leads_to_its_explanation(client: Client) -> None:
    kind = is_problem(client.get(f"{API}/nothing"), 404)["type"]
    page, _hash, anchor = kind.partition("#")
    assert f'id="{anchor}"' in client.get(page).content.decode()


# --- The command -----------------------------------------------------------------------------


@pytest.fixture
def make_key() -> Callable[..., str]:
    def call(*arguments: str) -> str:
        out = StringIO()
        call_command("api_key", *arguments, stdout=out)
        return out.getvalue().strip()

    return call


def test_the_command_prints_the_key_once(make_key: Callable[..., str]) -> None:
    secret = make_key("Ticket desk", "--scope", "events:read", "--scope", "rsvps:write")
    key = ApiKey.objects.get()
    assert key_opened_by(secret) == key
    assert (key.name, key.scopes) == ("Ticket desk", ["events:read", "rsvps:write"])


def test_a_key_for_sessions_belongs_to_a_practice(make_key: Callable[..., str]) -> None:
    practice = PracticeFactory()
    with pytest.raises(CommandError, match="needs a practice"):
        make_key("Front desk", "--scope", "bookings:read")
    with pytest.raises(CommandError, match="no practice"):
        make_key("Front desk", "--scope", "bookings:read", "--practice", "nowhere")
    make_key("Front desk", "--scope", "bookings:read", "--practice", practice.slug)
    assert ApiKey.objects.get().practice_id == practice.pk


def test_the_command_knows_its_scopes(make_key: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        make_key("Ticket desk", "--scope", "everything")
    assert not ApiKey.objects.exists()


def test_a_key_can_be_limited_to_programmes_and_ended(make_key: Callable[..., str]) -> None:
    programme = ProgrammeFactory()
    with pytest.raises(CommandError, match="no programme"):
        make_key("Label", "--scope", "enrolments:read", "--programme", "nowhere")
    assert not ApiKey.objects.exists()
    secret = make_key("Label", "--scope", "enrolments:read", "--programme", programme.slug)
    assert ApiKey.objects.get().programme_ids == [programme.pk]
    assert make_key("Label", "--revoke") == "1 revoked."
    assert key_opened_by(secret) is None
    with pytest.raises(CommandError, match="no key in use"):
        make_key("Label", "--revoke")
