"""Small first visits: public pages travel compressed."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


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
