"""The site's own pages: the front door, the language, what robots may read, errors."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from portal.queries import next_occurrences, pages_to_list


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What is on next, what this is, and a door for each kind of person."""
    return render(request, "portal/home.html", {"coming": next_occurrences(at=timezone.now())})


@csrf_exempt
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember a language in a cookie.

    Without a CSRF token on purpose: the form is on every page, a token would put a cookie on
    every anonymous visit, and all a forger could do is change the language of the page.
    """
    answer = set_language(request)
    # What was searched for on the page is not written into it: the browser says it.
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc == request.get_host() and page.path == answer.get("Location"):
        answer["Location"] = page._replace(scheme="", netloc="", fragment="").geturl()
    return answer


@require_safe
@cache_control(max_age=86400, public=True)
def robots(request: HttpRequest) -> HttpResponse:
    """Calendars and public pages may be read by anyone; what is personal needs a key anyway."""
    lines = ["User-agent: *", "Allow: /*.ics$"]
    lines += [
        f"Disallow: {path}"
        for path in (
            "/accounts/",
            "/admin/",
            "/care/",
            "/me/",
            "/practice/",
            "/staff/",
            "/rsvp/",
            "/preview/",
        )
    ]
    lines.append(f"Sitemap: {settings.BASE_URL}{reverse('portal:sitemap')}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(max_age=3600, public=True)
def sitemap(request: HttpRequest) -> HttpResponse:
    """The pages a search engine may list: what somebody without an account may find."""
    context = {"pages": pages_to_list(at=timezone.now())}
    return render(request, "portal/sitemap.xml", context, content_type="application/xml")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "errors/404.html", status=404)


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "errors/403.html", status=403)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Where a form arrives without its token: the page was open too long, or cookies are off."""
    return render(request, "errors/expired.html", status=403)


def failed(request: HttpRequest) -> HttpResponse:
    """Something of ours broke. The page asks nothing of the database, the session or the user."""
    return render(None, "errors/500.html", status=500)
