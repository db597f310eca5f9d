"""Who may open a page of care, or of the practice portal, at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.access import View, ask_for_second_factor, signed_in
from therapy_credits.models import CareDoor
from therapy_credits.queries import practices as practice_queries

# How long a door stays open while its pages are used.
OPEN_FOR = dt.timedelta(minutes=15)


def care_only(view: View) -> View:
    """Only for who is signed in; and where the person has closed their care with a PIN, only
    after it, or a passkey, within the last quarter of an hour."""

    @wraps(view)
    @signed_in
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        now = timezone.now()
        door = CareDoor.objects.filter(user=request.user.pk).first()
        if door is None or not door.is_closed or is_open(request, now):
            if door is not None and door.is_closed:
                keep_open(request, now)
            return view(request, *args, **kwargs)
        # Where they wanted to go rests in the session: an address would tell.
        request.session["care_after"] = request.path if request.method == "GET" else "/care/"
        return redirect("therapy_credits:care-door")

    return checked


def is_open(request: HttpRequest, now: dt.datetime) -> bool:
    """Whether this browser opened the door, or proved a passkey, a short while ago."""
    since = (now - OPEN_FOR).timestamp()
    if request.session.get("care_open", 0) > since:
        return True
    return any(
        record.get("type") == "webauthn" and record.get("at", 0) > since
        for record in get_authentication_records(request, request.user)
    )


def keep_open(request: HttpRequest, now: dt.datetime) -> None:
    request.session["care_open"] = now.timestamp()


def practice_only(*roles: str) -> Callable[[View], View]:
    """Only for members of a practice (in one of ``roles``, where named) with a second factor.

    The view gets the membership after the request: the practice is never read
    from an address.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @signed_in
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            membership = practice_queries.membership_of(request.user)
            if membership is None or (roles and membership.role not in roles):
                raise Http404
            return ask_for_second_factor(request) or view(request, membership, *args, **kwargs)

        return checked

    return decorate
