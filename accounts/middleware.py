"""What every request of a signed-in person passes, and nothing else pays for.

A request without a session cookie, and the help page whatever it carries, reaches
neither the session nor the database here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from common.when import ZONES

Handler = Callable[[HttpRequest], HttpResponse]

# NIST SP 800-63B, AAL2: sign in again after 12 hours, or 30 minutes of nothing.
SHORT_IDLE = timedelta(minutes=30).total_seconds()
SHORT_IN_ALL = timedelta(hours=12).total_seconds()
LONG_IN_ALL = timedelta(days=14).total_seconds()
# How often "last seen" is written down; a minute more or less of idleness does not matter.
NOTE_EVERY = 60

WITHOUT_SESSION = ("/help/", settings.STATIC_URL)


def session_limits(get_response: Handler) -> Handler:
    """End sessions that are too old, sooner for people whose work opens other people's doors."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path.startswith(
            WITHOUT_SESSION
        ):
            return get_response(request)
        if "_auth_user_id" in request.session and _has_run_out(request):
            logout(request)
            messages.info(request, _("You were signed out because it has been a while."))
        response = get_response(request)
        if "_auth_user_id" in request.session:
            # Nobody after them finds the page with the back button or in a cache.
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware


def _has_run_out(request: HttpRequest) -> bool:
    now = time.time()
    session = request.session
    if "signed_in_at" not in session:
        session["signed_in_at"] = session["seen_at"] = now
        session["is_short"] = any(
            import_string(question)(request.user, at=timezone.now())
            for question in settings.SHORT_SESSION_WHEN
        )
        return False
    if not session["is_short"]:
        return bool(now - session["signed_in_at"] > LONG_IN_ALL)
    if now - session["signed_in_at"] > SHORT_IN_ALL or now - session["seen_at"] > SHORT_IDLE:
        return True
    if now - session["seen_at"] > NOTE_EVERY:
        session["seen_at"] = now
    return False


def time_zone(get_response: Handler) -> Handler:
    """Show times in the zone of the reader's device, which static/js/localtime.js tells us.

    Before it has, a person who signed in has the zone of their account in the same cookie.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get("tz", "").replace("%2F", "/")
        if name not in ZONES:
            return get_response(request)
        with timezone.override(ZoneInfo(name)):
            return get_response(request)

    return middleware


def too_many_attempts(get_response: Handler) -> Handler:
    """Say 429 where django-allauth shows its form again with 200. See accounts/adapters.py."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if getattr(request, "has_tried_too_often", False) and response.status_code == 200:
            response.status_code = 429
        return response

    return middleware
