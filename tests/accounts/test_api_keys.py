"""Keys for programs, and answering each request once."""

import datetime as dt
import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.errors import NeedsPractice, NeedsProgramme, NotAScope, OtherRequest
from accounts.models import ApiKey, ApiReply, AuditEntry, User
from accounts.queries import key_opened_by
from accounts.services.api_keys import (
    Answer,
    answer_once,
    digest_request,
    forget_replies,
    make_api_key,
    revoke_api_key,
)
from accounts.tasks import forget_api_replies
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> ApiKey:
    return make_api_key(name="Ticket desk", scopes=["rsvps:write"], at=NOW)[0]


def test_a_key_is_shown_once_and_kept_as_a_digest() -> None:
    key, secret = make_api_key(name="Ticket desk", scopes=["rsvps:write"], at=NOW)
    assert key_opened_by(secret) == key
    assert len(secret) >= 43
    assert not any(secret in str(value) for value in ApiKey.objects.values_list().get())


def test_a_key_may_do_what_its_scopes_say_and_nothing_else(key: ApiKey) -> None:
    assert key.may("rsvps:write")
    assert not key.may("events:read")


def test_making_a_key_is_in_the_trail_without_its_values(key: ApiKey) -> None:
    entry = AuditEntry.objects.get(verb="api_key.make")
    fields = ["name", "scopes", "practice_id", "programme_ids"]
    assert (entry.target_id, entry.fields) == (str(key.pk), fields)


def test_administrators_see_how_far_a_key_reaches_and_not_the_key(
    client: Client, admin_user: User, settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    facts = {"name": "Label", "scopes": ["enrolments:read"], "programme_ids": [4711]}
    key, secret = make_api_key(**facts, at=NOW)  # type: ignore[arg-type]  # facts are of all kinds
    client.force_login(admin_user)
    for page in ("", f"{key.pk}/change/"):
        text = client.get(f"/admin/accounts/apikey/{page}").text
        assert "Label" in text
        assert "4711" in text
        assert secret not in text
        assert key.key_digest not in text


def test_a_revoked_key_opens_nothing() -> None:
    key, secret = make_api_key(name="Ticket desk", scopes=["rsvps:write"], at=NOW)
    revoke_api_key(key=key, at=NOW)
    assert key_opened_by(secret) is None
    assert revoke_api_key(key=key, at=NOW + dt.timedelta(days=1)).revoked_at == NOW


@pytest.mark.parametrize("scopes", [[], ["everything"], ["rsvps:write", "rsvps:read"]])
def test_a_key_needs_scopes_that_exist(scopes: list[str]) -> None:
    with pytest.raises(NotAScope):
        make_api_key(name="Ticket desk", scopes=scopes, at=NOW)
    assert not ApiKey.objects.exists()


def test_a_key_for_sessions_needs_a_practice() -> None:
    with pytest.raises(NeedsPractice):
        make_api_key(name="Front desk", scopes=["bookings:read"], at=NOW)
    key, _secret = make_api_key(name="Front desk", scopes=["bookings:read"], practice_id=7, at=NOW)
    assert key.practice_id == 7


def test_a_limit_to_programmes_names_at_least_one() -> None:
    facts = {"name": "Label", "scopes": ["enrolments:read"], "at": NOW}
    with pytest.raises(NeedsProgramme):
        make_api_key(programme_ids=[], **facts)
    assert not ApiKey.objects.exists()
    assert make_api_key(programme_ids=[9, 4, 9], **facts)[0].programme_ids == [4, 9]
    assert make_api_key(**facts)[0].programme_ids is None


def ask(key: ApiKey, name: str, facts: dict[str, object], effect: object = None) -> Answer:
    def give() -> Answer:
        User.objects.create_user("made@example.org")
        return Answer(201, {"made": True})

    return answer_once(
        key=key,
        idempotency_key=name,
        request_digest=digest_request("POST", "/x", facts),
        effect=effect or give,  # type: ignore[arg-type]
        at=NOW,
    )


def test_the_same_request_again_is_answered_the_same_and_does_nothing(key: ApiKey) -> None:
    first, second = ask(key, "a", {"x": 1, "y": 2}), ask(key, "a", {"y": 2, "x": 1})
    assert (first.status, first.body, first.is_replay) == (201, {"made": True}, False)
    assert (second.status, second.body, second.is_replay) == (201, {"made": True}, True)
    assert User.objects.count() == 1


def test_another_request_with_the_same_name_is_refused(key: ApiKey) -> None:
    ask(key, "a", {"x": 1})
    with pytest.raises(OtherRequest):
        ask(key, "a", {"x": 2})
    assert User.objects.count() == 1


def test_two_keys_may_use_the_same_name(key: ApiKey) -> None:
    other, _secret = make_api_key(name="Another desk", scopes=["rsvps:write"], at=NOW)
    ask(key, "a", {"x": 1})
    assert not ask(other, "a", {"x": 2}, lambda: Answer(200, {})).is_replay


def test_a_refusal_keeps_nothing_so_it_can_be_tried_again(key: ApiKey) -> None:
    def refuse() -> Answer:
        User.objects.create_user("half@example.org")
        raise NotAScope

    with pytest.raises(NotAScope):
        ask(key, "a", {"x": 1}, refuse)
    assert not ApiReply.objects.exists()
    assert not User.objects.exists()
    assert not ask(key, "a", {"x": 1}).is_replay


def test_old_replies_are_forgotten_and_young_ones_kept(key: ApiKey) -> None:
    ask(key, "a", {"x": 1})
    assert forget_replies(at=NOW + dt.timedelta(days=7)) == 0
    assert forget_replies(at=NOW + dt.timedelta(days=7, seconds=1)) == 1


def test_the_schedule_forgets_too(key: ApiKey) -> None:
    ask(key, "a", {"x": 1})
    ApiReply.objects.update(answered_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert forget_api_replies() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_ten_at_the_same_moment_do_it_once(key: ApiKey) -> None:
    done, answers = [], []

    def effect() -> Answer:
        done.append(1)
        return Answer(201, {"made": True})

    def post() -> None:
        answers.append(ask(key, "a", {"x": 1}, effect))
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert sorted(answer.is_replay for answer in answers) == [False] + [True] * 9


def test_the_database_knows_the_scopes() -> None:
    with pytest.raises(IntegrityError, match="api_key_scopes_known"), transaction.atomic():
        ApiKey.objects.create(name="x", key_digest="x", scopes=["everything"], made_at=NOW)
    with pytest.raises(IntegrityError, match="api_key_scopes_known"), transaction.atomic():
        ApiKey.objects.create(name="x", key_digest="x", scopes=[], made_at=NOW)


def test_the_database_wants_a_practice_for_sessions() -> None:
    with (
        pytest.raises(IntegrityError, match="api_key_for_sessions_has_a_practice"),
        transaction.atomic(),
    ):
        ApiKey.objects.create(name="x", key_digest="x", scopes=["redemptions:write"], made_at=NOW)


def test_the_database_takes_no_empty_limit_for_no_limit() -> None:
    facts = {"name": "x", "key_digest": "x", "scopes": ["enrolments:read"], "made_at": NOW}
    with (
        pytest.raises(IntegrityError, match="api_key_limit_names_a_programme"),
        transaction.atomic(),
    ):
        ApiKey.objects.create(programme_ids=[], **facts)


def test_the_database_keeps_one_reply_for_a_name(key: ApiKey) -> None:
    ask(key, "a", {"x": 1})
    with pytest.raises(IntegrityError, match="api_reply_once"), transaction.atomic():
        ApiReply.objects.create(key=key, idempotency_key="a", request_digest="x", answered_at=NOW)


def test_the_database_keeps_digests_apart(key: ApiKey) -> None:
    with pytest.raises(IntegrityError, match="key_digest"), transaction.atomic():
        ApiKey.objects.create(
            name="x", key_digest=key.key_digest, scopes=["rsvps:write"], made_at=NOW
        )
