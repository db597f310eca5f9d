"""Keys for programs: made, revoked, and answered once for each request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from accounts.errors import NeedsPractice, NeedsProgramme, NotAScope, OtherRequest
from accounts.models import ApiKey, ApiReply, Scope
from accounts.services import audit
from common import tokens

_MARK = "gr_"
_OF_A_PRACTICE = {Scope.BOOKINGS_READ, Scope.REDEMPTIONS_WRITE, Scope.STATEMENTS_READ}


@transaction.atomic
def make_api_key(
    *,
    name: str,
    scopes: Sequence[str],
    practice_id: int | None = None,
    programme_ids: Collection[int] | None = None,
    at: datetime,
) -> tuple[ApiKey, str]:
    """A new key, and what to give the program: it is not kept and cannot be shown again.

    ``programme_ids`` are the only programmes it reaches; None for all, those to come too.
    Raises NotAScope, NeedsPractice and NeedsProgramme.
    """
    if not scopes or not set(scopes) <= set(Scope.values):
        raise NotAScope
    if practice_id is None and _OF_A_PRACTICE & set(scopes):
        raise NeedsPractice
    if programme_ids is not None and not programme_ids:
        raise NeedsProgramme
    secret = _MARK + tokens.new_secret()
    key = ApiKey.objects.create(
        name=name,
        key_digest=ApiKey.digest_of(secret),
        scopes=sorted(set(scopes)),
        practice_id=practice_id,
        programme_ids=None if programme_ids is None else sorted(set(programme_ids)),
        made_at=at,
    )
    fields = ["name", "scopes", "practice_id", "programme_ids"]
    audit.record(None, "api_key.make", key, at, fields=fields)
    return key, secret


@transaction.atomic
def revoke_api_key(*, key: ApiKey, at: datetime) -> ApiKey:
    """The key opens nothing from now on. Calling it again changes nothing."""
    if ApiKey.objects.live().filter(pk=key.pk).update(revoked_at=at):
        audit.record(None, "api_key.revoke", key, at, fields=["revoked_at"])
    key.refresh_from_db()
    return key


@dataclass(frozen=True)
class Answer:
    """What a program is told. ``is_replay`` when it had been told before."""

    status: int
    body: dict[str, Any]
    is_replay: bool = False


def digest_request(method: str, path: str, facts: Any) -> str:
    """The same for the same request, whatever the order of its fields."""
    text = json.dumps([method, path, facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# For an effect that is one statement: its part that keeps the answer, selected FROM what the
# statement found. A second request of the same name waits here for the first, and then keeps none.
KEEP_ANSWER = """
INSERT INTO accounts_apireply
    (key_id, idempotency_key, request_digest, status, body, answered_at)
SELECT %(key)s, %(idempotency_key)s, %(request_digest)s, %(answer_status)s, %(answer_body)s, %(at)s
"""
UNLESS_ANSWERED = "ON CONFLICT (key_id, idempotency_key) DO NOTHING RETURNING id"


@dataclass(frozen=True)
class Kept:
    """What KEEP_ANSWER writes, but for the time."""

    key: ApiKey
    idempotency_key: str
    request_digest: str
    answer: Answer

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "key": self.key.pk,
            "idempotency_key": self.idempotency_key,
            "request_digest": self.request_digest,
            "answer_status": self.answer.status,
            "answer_body": Jsonb(self.answer.body),
        }


@transaction.atomic
def answer_once(
    *,
    key: ApiKey,
    idempotency_key: str,
    request_digest: str,
    effect: Callable[[], Answer],
    at: datetime,
) -> Answer:
    """Do ``effect`` and keep its answer, both or neither; the second time give the kept one.

    Two at the same moment queue on the unique index: the later one waits and is a replay, or
    does the work if the earlier one failed. Raises OtherRequest when ``idempotency_key`` was
    used for something else.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_apireply"
            " (key_id, idempotency_key, request_digest, answered_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (key_id, idempotency_key) DO NOTHING RETURNING id",
            [key.pk, idempotency_key, request_digest, at],
        )
        row = cursor.fetchone()
    if row is None:
        kept = ApiReply.objects.get(key=key, idempotency_key=idempotency_key)
        if kept.request_digest != request_digest:
            raise OtherRequest
        return Answer(kept.status or 200, kept.body or {}, is_replay=True)
    answer = effect()
    reply = ApiReply.objects.filter(pk=row[0])
    if answer.status < 400:
        reply.update(status=answer.status, body=answer.body)
    else:
        reply.delete()  # a refusal is not kept: the same request may be tried again
    return answer


@transaction.atomic
def forget_replies(*, at: datetime) -> int:
    """Delete what nobody will ask again. Returns how many."""
    return ApiReply.objects.filter(answered_at__lt=ApiReply.kept_since(at=at)).delete()[0]
