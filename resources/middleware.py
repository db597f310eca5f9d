"""Keep the help page away from everything that can break."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from resources.views import help_page

HELP = "/help/"


class HelpFirst:
    """Answers ``/help/`` before sessions, sign-in and messages are even opened.

    It stands above them in MIDDLEWARE, so that no later addition there can make the page need the
    database, the cache or the broker.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == HELP:
            return help_page(request)
        return self.get_response(request)
