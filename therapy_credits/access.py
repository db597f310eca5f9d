"""Who may open a page of the practice portal at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from accounts.access import View, ask_for_second_factor, signed_in
from therapy_credits.queries import practices as practice_queries


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
