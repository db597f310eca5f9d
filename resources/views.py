"""The help page, which must answer while everything else is down."""

from __future__ import annotations

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from resources.domain.order import guess, ordered

# A language joins when a named person has reviewed the page's words in it. Wrong words here hurt.
REVIEWED = {"en"}


@require_safe
@cache_control(max_age=300, public=True)
@vary_on_headers("Accept-Language", "Cookie")
def help_page(request: HttpRequest) -> HttpResponse:
    """Emergency numbers and lines by country: no session, no database, no cookie set."""
    language = translation.get_language()
    in_english = ""
    if language not in REVIEWED:
        in_english = gettext(
            "This page is in English until a person has reviewed its words in your language."
        )
    first = guess(
        accept_language=request.headers.get("Accept-Language", ""),
        time_zone=unquote(request.COOKIES.get("tz", "")),
    )
    countries = ordered(first)
    with translation.override("en" if in_english else language):
        return render(
            request,
            "resources/help.html",
            {
                "countries": countries,
                "first": countries[0] if first else None,
                "in_english": in_english,
                "reader_language": language,
            },
        )
