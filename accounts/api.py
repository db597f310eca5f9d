"""What every part of the API needs: the key a program shows, and doing things once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Header
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, Throttled
from ninja.security import HttpBearer
from pydantic import BeforeValidator

from accounts.models import ApiKey, Scope
from accounts.queries import key_opened_by
from accounts.services.api_keys import Answer, Kept, answer_once, digest_request
from common.rates import count_in_this_minute, seconds_left_in_minute

ANYBODY = "anybody"
"""What ``request.auth`` is for a program that shows no key where none is needed."""

ANYBODY_A_MINUTE = 120
KEY_A_MINUTE = 600
WRONG_KEYS_A_MINUTE = 20

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        description="Your own name for this request. The same name and the same request again "
        "give the first answer and do nothing. Kept for seven days.",
    ),
]


def _only_a_day(value: Any) -> Any:
    """A number is not taken for a day, as pydantic would: it reads one as seconds since 1970."""
    if isinstance(value, str) and len(value) == len("2026-06-12"):
        return date.fromisoformat(value)
    if isinstance(value, date):
        return value
    raise ValueError(_("Write the day like 2026-06-12."))


Day = Annotated[date, BeforeValidator(_only_a_day)]
"""A day as RFC 3339 writes it (``full-date``)."""

_PROBLEM = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string", "format": "uri-reference"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": {"type": "string"},
                            "message": {"type": "string"},
                        },
                    },
                },
            },
        }
    }
}


class BearerKey(HttpBearer):
    """Asks for a live key with a scope, and lets nobody ask too often."""

    def __init__(self, scope: Scope, *, is_required: bool = True) -> None:
        super().__init__()
        self.scope = scope
        self.is_required = is_required

    @property
    def rule(self) -> dict[str, Any]:
        """How an operation says that it asks for this: who may, and what may go wrong."""
        problem = {"description": "A problem detail (RFC 9457)", "content": _PROBLEM}
        said: dict[str, Any] = {"x-scope": self.scope.value, "responses": {"default": problem}}
        if not self.is_required:
            said["security"] = [{}]  # beside the key: it works without, too
        return {"auth": self, "openapi_extra": said}

    def answering(self, content_type: str) -> dict[str, Any]:
        """The rule of an operation that answers in a form of its own, which is no model's."""
        rule = self.rule
        described = {"description": "OK", "content": {content_type: {}}}
        rule["openapi_extra"]["responses"] = {
            200: described,
            **rule["openapi_extra"]["responses"],
        }
        return rule

    def __call__(self, request: HttpRequest) -> ApiKey | str | None:
        if not self.is_required and "Authorization" not in request.headers:
            _count("api", address_of(request), ANYBODY_A_MINUTE)
            return ANYBODY
        shown: ApiKey | None = super().__call__(request)
        return shown

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        key = key_opened_by(token)
        if key is None:
            _count("api-wrong-key", address_of(request), WRONG_KEYS_A_MINUTE)
            raise AuthenticationError(message=_("This key is not known, or no longer good."))
        _count("api", f"key {key.pk}", KEY_A_MINUTE)
        if not key.may(self.scope):
            raise AuthorizationError(
                message=_("This key may not do that: it lacks the scope %(scope)s.")
                % {"scope": self.scope.value}
            )
        return key


def once(
    request: HttpRequest,
    response: HttpResponse,
    idempotency_key: str,
    facts: dict[str, Any],
    effect: Callable[[], Answer],
) -> Answer:
    """Answer this POST once for its key and ``idempotency_key``; a replay says that it is one."""
    answer = answer_once(
        key=key_of(request),
        idempotency_key=idempotency_key,
        request_digest=_digest_of(request, facts),
        effect=effect,
        at=timezone.now(),
    )
    if answer.is_replay:
        response["Idempotent-Replayed"] = "true"
    return answer


def to_keep(
    request: HttpRequest, idempotency_key: str, facts: dict[str, Any], answer: Answer
) -> Kept:
    """``answer`` as ``once`` would keep it, for an effect that writes it down itself."""
    return Kept(key_of(request), idempotency_key, _digest_of(request, facts), answer)


def _digest_of(request: HttpRequest, facts: dict[str, Any]) -> str:
    return digest_request("POST", request.path, facts)


def key_of(request: HttpRequest) -> ApiKey:
    """The key that ``BearerKey`` let in."""
    key = request.auth  # type: ignore[attr-defined]  # set by the API framework
    if not isinstance(key, ApiKey):
        raise HttpError(401, _("This needs a key."))
    return key


def address_of(request: HttpRequest) -> str:
    """The network address that asked, as far as the proxies before us can be believed."""
    return get_adapter().get_client_ip(request) or ""


def _count(what: str, who: str, limit: int) -> None:
    at = timezone.now()
    if count_in_this_minute(what, who, at=at) > limit:
        raise Throttled(wait=seconds_left_in_minute(at))
