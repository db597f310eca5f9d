"""Events on other people's pages: a list and a card in a frame, and how to ask for them.

No cookie is read or set and nobody is known here: what is shown is what everybody may see.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from events.forms import EventFilter
from events.models import Occurrence
from events.queries import listed_dates
from events.views.found import picture_url

SHOWN = 20
# The card of one event, as wide as most columns are.
CARD_WIDTH, CARD_HEIGHT = 480, 260


def for_frames(
    view: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """A page any site may put into a frame, kept for five minutes by whoever stands between."""

    @wraps(view)
    def framed(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        # Whoever is signed in here is nobody in the frame: no session is opened for it.
        request.user = AnonymousUser()
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "public, max-age=300"
        response["X-Robots-Tag"] = "noindex"
        return response

    exempt = xframe_options_exempt(framed)
    return cast(Callable[..., HttpResponse], csp_replace({"frame-ancestors": ["*"]})(exempt))


@require_safe
@for_frames
def events(request: HttpRequest) -> HttpResponse:
    """What is on next, narrowed by the parameters of the list page."""
    form = EventFilter(request.GET)
    dates = listed_dates(AnonymousUser(), form.chosen, at=timezone.now())
    shown = dates.filter(cancelled_at=None).order_by("starts_at", "pk")[:SHOWN]
    context = {"dates": shown, "is_list": True, "base_url": settings.BASE_URL}
    return render(request, "portal/embed.html", context)


@require_safe
@for_frames
def event(request: HttpRequest, slug: str) -> HttpResponse:
    """The next date of one event."""
    context = {"dates": [_next_date(slug)], "base_url": settings.BASE_URL}
    return render(request, "portal/embed.html", context)


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    """The card of an event for a page that holds its address (https://oembed.com)."""
    if request.GET.get("format", "json") != "json":
        return HttpResponse(_("Only JSON is spoken here."), status=501, content_type="text/plain")
    date = _next_date(_slug_of(request.GET.get("url", "")))
    width = min(CARD_WIDTH, _number(request, "maxwidth"))
    height = min(CARD_HEIGHT, _number(request, "maxheight"))
    source = f"{settings.BASE_URL}{reverse('portal:embed-event', args=[date.event.slug])}"
    html = format_html(
        '<iframe src="{}" width="{}" height="{}" title="{}" loading="lazy"></iframe>',
        source,
        width,
        height,
        date.event.title,
    )
    answer = JsonResponse(
        {
            "version": "1.0",
            "type": "rich",
            "provider_name": "Greenroom",
            "provider_url": settings.BASE_URL,
            "title": date.event.title,
            "html": html,
            "width": width,
            "height": height,
            "thumbnail_url": picture_url(date.event),
            "thumbnail_width": 1200,
            "thumbnail_height": 630,
            "cache_age": 3600,
        }
    )
    answer["Cache-Control"] = "public, max-age=300"
    # Any page may ask this; it holds nothing that is anybody's.
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _next_date(slug: str) -> Occurrence:
    """The next date of an event that everybody may open, or else its last; 404 for others."""
    dates = Occurrence.objects.visible_to(AnonymousUser()).filter(event__slug=slug)
    dates = dates.select_related("event", "seats")
    coming = dates.filter(cancelled_at=None).upcoming(at=timezone.now()).first()
    found = coming or dates.order_by("-starts_at").first()
    if found is None:
        raise Http404
    return found


def _slug_of(url: str) -> str:
    """Which event an address of ours is about."""
    ours, asked = urlsplit(settings.BASE_URL), urlsplit(url)
    if asked.netloc != ours.netloc:
        raise Http404
    try:
        found = resolve(asked.path)
    except Resolver404 as nowhere:
        raise Http404 from nowhere
    if found.view_name != "events:event":
        raise Http404
    return str(found.kwargs["slug"])


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return max(120, int(text)) if text.isdecimal() and len(text) < 6 else 100_000
