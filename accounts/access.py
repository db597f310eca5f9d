"""Who may open a view at all. What they see inside starts from ``visible_to``.

Nobody learns that a page exists which is not theirs: without the role it is 404.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias, cast

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.models import User

View: TypeAlias = Callable[..., HttpResponse]


class SignedInRequest(HttpRequest):
    """What a view gets behind ``signed_in`` and ``staff_only``: a request of a person we know."""

    user: User  # the decorators let nobody anonymous through


def signed_in(view: View) -> View:
    """Only for people who have signed in; the anonymous are asked to, and come back."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        return view(request, *args, **kwargs)

    return checked


def staff_only(*roles: str) -> Callable[[View], View]:
    """Only for staff with one of ``roles`` (any role when none is named) and a second factor."""

    def decorate(view: View) -> View:
        @wraps(view)
        @signed_in
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not rules.has_role(request.user, *roles, at=timezone.now()):
                raise Http404
            return ask_for_second_factor(request) or view(request, *args, **kwargs)

        return checked

    return decorate


def proved_again(view: View) -> View:
    """Only for somebody who proved within five minutes, again, who they are.

    For acts that a person who finds an open laptop must not do: roles, payouts, exports.
    Goes inside ``signed_in`` or ``staff_only``. What was posted is kept and done afterwards.
    """
    return cast(View, reauthentication_required(view))


def ask_for_second_factor(request: HttpRequest) -> HttpResponse | None:
    """Where to send somebody who must set up a second factor first; nothing if they have one."""
    if request.user.is_anonymous or not rules.lacks_second_factor(request.user):
        return None
    messages.info(
        request,
        _("Your work here needs a second way to prove who you are. Set up one of these first."),
    )
    return redirect("mfa_index")
