"""Every route × every role × own / somebody else's / absent. See ``tests/permissions.py``."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from importlib.util import find_spec
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.template import Template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.safestring import SafeString

from accounts.models import User
from tests.permissions import ROLES, STAFF_ROLES, Cast, Kwargs, Route

pytestmark = pytest.mark.django_db

APPS = (
    "config",
    "accounts",
    "notifications",
    "payments",
    "calendars",
    "ambassadors",
    "events",
    "therapy_credits",
    "resources",
    "reports",
    "portal",
)
MODULES = [
    importlib.import_module(f"tests.{app}.matrix")
    for app in APPS
    if find_spec(f"tests.{app}.matrix")
]
# The admin site is Django's own: read-only lists for admins, a sign-in page for everybody else.
ADMIN = "admin:"
# Sign-in and second factor are django-allauth's: what is for the anonymous is listed, the rest
# must ask them to sign in.
ALLAUTH = ("account_", "mfa_", "social", "usersessions_", "spotify_")
ALLAUTH_FOR_ANYONE = {
    "account_confirm_login_code",
    "account_email_verification_sent",
    "account_inactive",
    "account_login",
    "account_logout",
    "account_request_login_code",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "account_signup",
    "account_signup_by_passkey",
    "mfa_authenticate",
    "mfa_login_webauthn",
    "spotify_login",
    "spotify_callback",
    "socialaccount_login_cancelled",
    "socialaccount_login_error",
    "socialaccount_signup",
}
SIGN_IN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _only_the_answer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may is decided before anything is drawn, and drawing is most of the work. (That every
    page can be drawn, and what it shows, is for the canaries and the tests of the pages.)"""
    monkeypatch.setattr(Template, "_render", lambda template, context: SafeString("-"))


def classified() -> dict[str, Route]:
    return {name: route for module in MODULES for name, route in module.ROUTES.items()}


def routes() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each route of the URL configuration: its full name and the names of its arguments."""

    def walk(
        patterns: list[URLPattern | URLResolver], prefix: str, names: tuple[str, ...]
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        for pattern in patterns:
            arguments = names + tuple(pattern.pattern.regex.groupindex)
            if isinstance(pattern, URLResolver):
                namespace = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
                yield from walk(pattern.url_patterns, namespace, arguments)
            else:
                yield f"{prefix}{pattern.name or pattern.pattern}", arguments

    yield from walk(get_resolver().url_patterns, "", ())


OURS = {name: arguments for name, arguments in routes() if not name.startswith((ADMIN, *ALLAUTH))}


def test_every_route_is_classified() -> None:
    missing = sorted(set(OURS) - set(classified()))
    assert missing == [], "say in tests/<app>/matrix.py who may use these routes"


def test_nothing_is_classified_that_is_not_there() -> None:
    assert sorted(set(classified()) - set(OURS)) == []


def build_cast() -> Cast:
    users: dict[str, User | None] = {"anonymous": None}
    for role in ROLES[1:]:
        users[role] = User.objects.create_user(f"{role}@cast.example.org", name=role.title())
    cast = Cast(users)
    for module in MODULES:
        if hasattr(module, "enrich"):
            module.enrich(cast)
    return cast


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """One cast for the whole matrix: each try undoes what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build_cast()
        transaction.set_rollback(True)


def visitor(user: User | None) -> Client:
    client = Client(raise_request_exception=True)
    if user is not None:
        client.force_login(user, backend="accounts.adapters.SignInBackend")
        client.get("/robots.txt")  # the first request of a session does more than the others
    return client


@pytest.fixture(scope="module")
def visitors(cast: Cast) -> dict[str, Client]:
    """A browser for each role, signed in once."""
    return {role: visitor(user) for role, user in cast.users.items()}


Try = Callable[[Client, str, str, Route], HttpResponse]


@pytest.fixture
def try_as(cast: Cast) -> Try:
    """The answer to one request, undone at once, in the browser's cookies too."""
    before = transaction.savepoint()

    def one(client: Client, method: str, url: str, route: Route) -> HttpResponse:
        cookies = SimpleCookie[str](client.cookies)
        if method == "post":
            response = client.post(url, data=dict(route.data or {}))
        else:
            response = client.get(url)
        transaction.savepoint_rollback(before)
        client.cookies = cookies
        return response

    return one


def is_denied(response: HttpResponse, url: str) -> bool:
    """Whether the answer is one of the refusals the house allows."""
    if response.status_code in (404, 405):
        return True
    if response.status_code in (401, 403):
        assert url.startswith("/api/"), f"{url} says {response.status_code}; a page says 404"
        return True
    return response.status_code == 302 and response["Location"].startswith(SIGN_IN)


@pytest.mark.parametrize("name", sorted(name for name in OURS if name in classified()))
def test_only_those_named_may_use(
    name: str, cast: Cast, visitors: dict[str, Client], try_as: Try, settings: Any
) -> None:
    settings.REQUIRE_MFA = False  # the second factor has its own tests
    route = classified()[name]
    wrong: list[str] = []
    for role, method, kwargs, allowed, what in tries(name, route, cast):
        url = reverse(name, kwargs=kwargs) + route.query
        response = try_as(visitors[role], method, url, route)
        if is_denied(response, url) == allowed:
            wanted = "allowed" if allowed else "denied"
            wrong.append(
                f"{role} {method.upper()} {what} {url}: {response.status_code}, not {wanted}"
            )
    assert wrong == []


def tries(name: str, route: Route, cast: Cast) -> Iterator[tuple[str, str, Kwargs, bool, str]]:
    """Role, method, arguments, whether it is allowed, and whose thing it is."""
    own = dict(route.own(cast)) if route.own else {}
    for method, may in (("get", route.get), ("post", route.post)):
        may_on_own = bool(own) and method in route.own_methods
        things = [(f"{owner}'s", owner, kwargs) for owner, kwargs in own.items()]
        if not OURS[name]:
            things = [("", "", {})]
        else:
            if route.some is not None:
                things.append(("somebody's", "", route.some(cast)))
            assert things, f"{name} takes arguments: give it `own` or `some`"
            if not may and not may_on_own:
                things = things[:1]  # the route has no such method: that takes one thing to find
            elif not route.absent_is_fine:
                assert route.absent is not None, f"{name} takes arguments: give it `absent`"
                things.append(("absent", "nobody", route.absent))
        for whose, owner, kwargs in things:
            for role in ROLES:
                allowed = may_on_own if owner == role else owner != "nobody" and role in may
                yield role, method, kwargs, allowed, whose


NOTHING_TO_ASK_FOR = "&".join(f"{name}=%00" for name in ("q", "page", "status", "order", "date"))


def test_no_page_falls_over_what_nobody_can_ask_for(
    cast: Cast, visitors: dict[str, Client], try_as: Try, settings: Any
) -> None:
    """A zero is in no text of the database: each page, as somebody who may open it."""
    settings.REQUIRE_MFA = False  # the second factor has its own tests
    wrong: list[str] = []
    for name, route in sorted(classified().items()):
        if OURS.get(name):
            own = route.own(cast) if route.own and "get" in route.own_methods else {}
            some = route.some(cast) if route.some else {}
            tries = [*own.items(), *((role, some) for role in sorted(route.get) if some)]
        else:
            tries = [(role, {}) for role in sorted(route.get)]
        for role, kwargs in tries[:1]:
            query = f"{route.query or '?'}&{NOTHING_TO_ASK_FOR}"
            url = reverse(name, kwargs=dict(kwargs)) + query
            try:
                try_as(visitors[role], "get", url, route)
            except Exception as error:  # whatever it is: the person would see a broken page
                wrong.append(f"{role} {url}: {error!r}")
    assert wrong == []


def test_the_admin_site_opens_for_admins_only(visitors: dict[str, Client], try_as: Try) -> None:
    names = [name for name, arguments in routes() if name.startswith(ADMIN) and not arguments]
    assert names
    for role in ROLES:
        if role == "admin":
            continue
        for name in names:
            if re.search(r"login|logout|jsi18n", name):
                continue
            response = try_as(visitors[role], "get", reverse(name), Route())
            assert response.status_code in (302, 404), (role, name, response.status_code)


def test_allauth_asks_the_anonymous_to_sign_in(visitors: dict[str, Client], try_as: Try) -> None:
    for name, arguments in routes():
        moved = name.endswith("/")  # allauth's old addresses only redirect to the new ones
        if not name.startswith(ALLAUTH) or name in ALLAUTH_FOR_ANYONE or arguments or moved:
            continue
        url = reverse(name)
        response = try_as(visitors["anonymous"], "get", url, Route())
        assert is_denied(response, url), (name, response.status_code)


def test_staff_roles_are_roles() -> None:
    assert set(ROLES) >= STAFF_ROLES
