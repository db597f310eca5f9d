"""Small first visits: public pages travel compressed. And wrong turns that look like ours."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from portal.views.site import not_found


class CompressPublicPages(GZipMiddleware):
    """Compress HTML for visitors without a session.

    A page made for somebody signed in is left as it is: the length of a compressed page that holds
    both a secret and what a stranger typed tells about the secret (BREACH). Feeds and files choose
    their own encoding.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        if not is_page or settings.SESSION_COOKIE_NAME in request.COOKIES:
            return response
        return super().process_response(request, response)


def our_own_not_found(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """With DEBUG on, Django answers a wrong address with a list of all addresses, for developers.

    Whoever tries the product with ``make run`` meets the product's own page instead. What fails
    (a 500) is still shown in full.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        content = b"" if response.streaming else getattr(response, "content", b"")
        if response.status_code == 404 and b"<code>DEBUG = True</code>" in content:
            return not_found(request)
        return response

    return middleware


def no_cookies_in_frames(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Pages for other people's sites are asked and answered without a cookie, so that nobody is
    recognised there. Above everything that would read one."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/embed/"):
            request.META.pop("HTTP_COOKIE", None)
        return get_response(request)

    return respond
