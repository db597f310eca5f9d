"""How django-allauth and the admin site do things here.

Mail is in notifications/adapters.py; where signing in leads, in portal/adapters.py.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import rules
from accounts.access import ask_for_second_factor
from accounts.models import Role, User
from common import sealing
from common.prepared import Prepared

# What the secrets of second factors are sealed for.
SECOND_FACTOR = "second-factor"


class PeopleAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """Also tells the middleware when it is about trying too often, which is a 429."""
        if code in ("too_many_login_attempts", "rate_limited") and context.request is not None:
            context.request.has_tried_too_often = True
        error: ValidationError = super().validation_error(code, *args)
        return error

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        """Take the language and the zone of the account along to this browser."""
        response: HttpResponse = super().post_login(request, user, **more)
        keep_preferences(user, request, response)
        return response


@Prepared
def _user(pk: int) -> QuerySet[User]:
    factors = rules.second_factors(OuterRef("pk"))
    return User.objects.filter(pk=pk).annotate(has_second_factor=Exists(factors))


class SignInBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Who is signed in is asked at every page: by a query that is kept, which finds out as well
    whether they have a second factor."""

    def get_user(self, user_id: int) -> User | None:
        user = _user.first(pk=user_id)
        return user if user and self.user_can_authenticate(user) else None


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets of authenticator apps and recovery codes are sealed in the database."""

    def generate_authenticator_name(self, user: User, type: str) -> str:
        return gettext("My device")

    def encrypt(self, text: str) -> str:
        return sealing.seal(text, SECOND_FACTOR)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text, SECOND_FACTOR)


def keep_preferences(user: User, request: HttpRequest, response: HttpResponse) -> None:
    """Put the language and zone of the account into this browser's cookies.

    Pages read only the cookies, so that showing one never asks the database for them.
    """
    cookies = {settings.LANGUAGE_COOKIE_NAME: user.language}
    if "tz" not in request.COOKIES:
        cookies["tz"] = user.time_zone
    for name, value in cookies.items():
        if value:
            response.set_cookie(
                name,
                value,
                max_age=365 * 24 * 3600,
                secure=request.is_secure(),
                samesite="Lax",
            )


class GreenroomAdminSite(AdminSite):
    """The admin site: for administrators with a second factor, through the ordinary sign-in.

    Not in ``admin.py``: what registers itself while the site is being made is registered with
    another one.
    """

    site_header = _("Greenroom")
    site_title = _("Greenroom")
    index_title = _("Records")

    def has_permission(self, request: HttpRequest) -> bool:
        return (
            isinstance(request.user, User)
            and rules.has_role(request.user, Role.ADMIN, at=timezone.now())
            and not rules.lacks_second_factor(request.user)
        )

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one way in, and this is not it: send people to it, and nobody else anywhere."""
        home = request.GET.get("next") or "/admin/"
        if request.user.is_anonymous:
            return redirect_to_login(home)
        if not rules.has_role(request.user, Role.ADMIN, at=timezone.now()):
            raise Http404
        return ask_for_second_factor(request) or redirect("admin:index")
