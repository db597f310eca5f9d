"""What the browser may keep and tell about pages of care and of practices."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PRIVATE_PATHS = ("/care/", "/practice/")

GetResponse = Callable[[HttpRequest], HttpResponse]


class PrivatePages:
    """No address of a care page leaves in a Referer, and no copy stays in a cache.

    A middleware and not a decorator, so that a page that is missing or broken
    keeps the rule too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(PRIVATE_PATHS):
            response["Referrer-Policy"] = "no-referrer"
            response["Cache-Control"] = "no-store"
            response["X-Robots-Tag"] = "noindex, nofollow"
        return response


class OriginOfPrivatePages:
    """Let a form on a page without a referrer be posted to our own site.

    A browser that may not send a Referer sends ``Origin: null`` with a form (Fetch, section
    3.2), which Django takes for a foreign site. The browser itself says in ``Sec-Fetch-Site``
    where the form stood, and no page can forge that; where it says ``same-origin`` the null is
    taken away again. Browsers older than that header are left to what protects them too: the
    token in the form, and cookies that do not travel from other sites. Must stand before
    CsrfViewMiddleware.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.META.get("HTTP_ORIGIN") == "null":
            site = request.META.get("HTTP_SEC_FETCH_SITE", "same-origin")
            if site == "same-origin":
                request.META["HTTP_ORIGIN"] = f"{request.scheme}://{request.get_host()}"
        return self.get_response(request)
