"""The API as a whole: its parts, its errors (RFC 9457), its description and its own page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import HttpError, Throttled, ValidationError

from accounts.errors import AccountsError, OtherRequest
from ambassadors.api import router as enrolments_router
from ambassadors.errors import AddressUnusable, AmbassadorsError
from events.api import router as events_router
from events.errors import Busy, EventsError, PartyTooLarge, TooManyNames
from therapy_credits.api import router as sessions_router

logger = logging.getLogger(__name__)

# What can go wrong, once: its status, its title, and what to do about it (shown on the page).
PROBLEMS = {
    "malformed": (
        400,
        gettext_lazy("The request could not be read"),
        gettext_lazy("Send JSON, and the headers this address asks for."),
    ),
    "key-needed": (
        401,
        gettext_lazy("A key is needed"),
        gettext_lazy("Send “Authorization: Bearer” and a key that is still good."),
    ),
    "not-allowed": (
        403,
        gettext_lazy("This key may not do that"),
        gettext_lazy("Ask for a key with the scope that is named."),
    ),
    "not-found": (
        404,
        gettext_lazy("Not found"),
        gettext_lazy("There is nothing here, or nothing that this key may see."),
    ),
    "no-such-method": (
        405,
        gettext_lazy("This cannot be done here"),
        gettext_lazy("Use one of the methods named in “Allow”."),
    ),
    "conflict": (
        409,
        gettext_lazy("That does not fit what is there"),
        gettext_lazy("Read what is there now. The same request again is refused again."),
    ),
    "invalid": (
        422,
        gettext_lazy("Something in the request is not right"),
        gettext_lazy("“errors” names each field and what it must be. Nothing was changed."),
    ),
    "too-many": (
        429,
        gettext_lazy("Too many requests"),
        gettext_lazy("Wait as many seconds as “Retry-After” says."),
    ),
    "failed": (
        500,
        gettext_lazy("We could not do it"),
        gettext_lazy(
            "Nothing was changed. Send the same request with the same Idempotency-Key again."
        ),
    ),
    "busy": (
        503,
        gettext_lazy("Busy"),
        gettext_lazy("Many ask for the same thing at this moment. Try again after “Retry-After”."),
    ),
}
KINDS = {status: kind for kind, (status, *_rest) in PROBLEMS.items()}


def problem(
    status: int,
    detail: str = "",
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> JsonResponse:
    """A problem detail: what went wrong, in a form that programs and people can read."""
    kind = KINDS.get(status, "malformed" if status < 500 else "failed")
    _status, title, advice = PROBLEMS[kind]
    body: dict[str, Any] = {
        "type": f"/api/v1/docs#{kind}",
        "title": str(title),
        "status": status,
        "detail": detail or str(advice),
    }
    if errors:
        body["errors"] = errors
    return JsonResponse(
        body, status=status, content_type="application/problem+json", headers=headers
    )


api = NinjaAPI(
    title="Greenroom",
    version="1.0.0",
    description="Events, RSVPs, bookings and sessions for the programs of partners.",
    urls_namespace="api",
    docs_url=None,
)
api.add_router("", events_router)
api.add_router("", sessions_router)
api.add_router("", enrolments_router)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = []
    for one in error.errors:
        where = [str(step) for step in one["loc"] if step not in ("payload", "query")]
        errors.append({"field": ".".join(where[1:] or where), "message": str(one["msg"])})
    if any(one["loc"][0] == "header" for one in error.errors):
        return problem(400, _("The header Idempotency-Key is missing or too short."), errors=errors)
    return problem(422, errors=errors)


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error, Throttled):
        return problem(429, headers={"Retry-After": str(error.wait or 1)})
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    words = "" if str(error) in ("Unauthorized", "Cannot parse request body") else str(error)
    return problem(error.status_code, words, headers=headers)


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(404)


@api.exception_handler(EventsError)
def _refused(request: HttpRequest, error: EventsError) -> HttpResponse:
    if isinstance(error, Busy):
        return problem(503, str(error), headers={"Retry-After": "1"})
    if isinstance(error, PartyTooLarge | TooManyNames):
        return problem(422, str(error), errors=[{"field": "party_size", "message": str(error)}])
    return problem(409, str(error))


@api.exception_handler(AmbassadorsError)
def _ambassadors_refused(request: HttpRequest, error: AmbassadorsError) -> HttpResponse:
    if isinstance(error, AddressUnusable):
        return problem(422, str(error), errors=[{"field": "email", "message": str(error)}])
    return problem(409, str(error))


@api.exception_handler(AccountsError)
def _accounts_refused(request: HttpRequest, error: AccountsError) -> HttpResponse:
    return problem(422 if isinstance(error, OtherRequest) else 409, str(error))


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("an API request failed", exc_info=error)
    return problem(500)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The description as a page of ours: it fetches nothing and runs nothing."""
    schema = api.get_openapi_schema()
    operations = [
        {
            "method": method.upper(),
            "path": address,
            "anchor": operation["operationId"],
            "scope": operation["x-scope"],
            **operation,
            "fields": _fields_of(operation, schema),
        }
        for address, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    problems = [
        {"kind": kind, "status": status, "title": title, "advice": advice}
        for kind, (status, title, advice) in PROBLEMS.items()
    ]
    context = {"operations": operations, "problems": problems}
    return render(request, "portal/api_docs.html", context)


def _fields_of(operation: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of the JSON that an operation takes."""
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    model = schema["components"]["schemas"].get(reference.rpartition("/")[2], {})
    required = model.get("required", [])
    return [
        {"name": name, "is_required": name in required, **facts}
        for name, facts in model.get("properties", {}).items()
    ]


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    return problem(404)


def _with_our_405(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """The framework answers a wrong method in plain text; here too it is a problem detail."""
    if isinstance(pattern, URLPattern):
        view: Callable[..., HttpResponse] = pattern.callback
        if pattern.name == "openapi-json":
            view = require_safe(view)

        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = view(request, *args, **kwargs)
            if response.status_code == 405:
                return problem(405, headers={"Allow": response["Allow"]})
            return response

        answered.csrf_exempt = True  # type: ignore[attr-defined]  # keys, not cookies, open it
        pattern.callback = answered
    return pattern


_patterns, _app_name, _namespace = api.urls
urlpatterns = (
    [
        path("", docs, name="home"),
        path("docs", docs, name="docs"),
        *(_with_our_405(pattern) for pattern in _patterns),
        path("<path:rest>", nothing_here, name="nothing"),
    ],
    _app_name,
    _namespace,
)
