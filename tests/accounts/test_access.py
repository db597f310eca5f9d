"""Who gets past the door of a view."""

from __future__ import annotations

import pytest
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from accounts.access import signed_in, staff_only
from accounts.models import Role, User
from accounts.rules import lacks_second_factor
from tests.accounts.test_sign_in import add_totp


@signed_in
def anyones(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


@staff_only(Role.CARE, Role.FINANCE)
def office(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


def visit(view: object, user: object) -> HttpResponse:
    request = RequestFactory().get("/staff/somewhere/?a=1")
    request.session = SessionStore()  # type: ignore[assignment]
    request.user = user  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return view(request)  # type: ignore[operator, no-any-return]


@pytest.fixture
def anonymous() -> object:
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


@pytest.mark.parametrize("view", [anyones, office])
def test_the_anonymous_are_asked_to_sign_in_and_come_back(view: object, anonymous: object) -> None:
    answer = visit(view, anonymous)
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/staff/somewhere/%3Fa%3D1"


def test_without_the_role_a_page_does_not_exist(
    attendee: User, coordinator: User, settings: Settings
) -> None:
    settings.REQUIRE_MFA = False
    for user in (attendee, coordinator):
        with pytest.raises(Http404):
            visit(office, user)


def test_staff_without_a_second_factor_are_sent_to_set_one_up(
    finance: User, settings: Settings
) -> None:
    settings.REQUIRE_MFA = True
    answer = visit(office, finance)
    assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_index"))

    add_totp(finance)
    assert visit(office, finance).content == b"page"


def test_recovery_codes_alone_are_no_second_factor(finance: User, settings: Settings) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    settings.REQUIRE_MFA = True
    RecoveryCodes.activate(finance)
    assert lacks_second_factor(finance)


@pytest.mark.parametrize(
    ("debug", "is_demo", "lacks"),
    [(True, True, False), (True, False, True), (False, True, True), (False, False, True)],
)
def test_only_demo_accounts_and_only_with_debug_need_no_second_factor(
    debug: bool, is_demo: bool, lacks: bool, finance: User, settings: Settings
) -> None:
    settings.REQUIRE_MFA, settings.DEBUG = True, debug
    finance.is_demo = is_demo
    assert lacks_second_factor(finance) is lacks


def test_the_admin_site_has_no_sign_in_of_its_own(
    admin_user: User, attendee: User, settings: Settings
) -> None:
    settings.REQUIRE_MFA = True
    visitor = Client()
    answer = visitor.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=/admin/"

    visitor.force_login(attendee, "accounts.adapters.SignInBackend")
    assert visitor.get("/admin/", follow=True).status_code == 404

    visitor.force_login(admin_user, "accounts.adapters.SignInBackend")
    assert visitor.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/")
    add_totp(admin_user)
    assert visitor.get("/admin/").status_code == 200


def test_the_admin_site_shows_and_changes_nothing(admin_user: User, settings: Settings) -> None:
    from django.contrib import admin

    settings.REQUIRE_MFA = False
    request = RequestFactory().get("/admin/")
    request.user = admin_user
    for model, page in admin.site._registry.items():
        if model._meta.app_label in ("accounts", "notifications"):
            assert page.has_view_permission(request)
            assert not page.has_add_permission(request)
            assert not page.has_change_permission(request)
            assert not page.has_delete_permission(request)
