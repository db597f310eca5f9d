"""Every component once, with sample data. Only where DEBUG is on."""

from __future__ import annotations

import datetime as dt

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache

from portal.templatetags.greenroom import ICONS

BERLIN_EVENING = dt.datetime(2026, 6, 4, 17, 0, tzinfo=dt.UTC)


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_("Your name"), help_text=_("As you want to be called."))
    email = forms.EmailField(label=_("E-mail address"))
    note = forms.CharField(
        label=_("Anything we should know"), widget=forms.Textarea, required=False
    )
    country = forms.ChoiceField(
        label=_("Where will you be?"), choices=[("", "–"), ("GB", "UK"), ("DE", "Germany")]
    )
    places = forms.IntegerField(label=_("Places"), min_value=1, max_value=4, initial=1)
    day = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}))
    format = forms.ChoiceField(
        label=_("How would you like to meet?"),
        choices=[("video", _("By video")), ("room", _("In a room")), ("phone", _("By phone"))],
        widget=forms.RadioSelect,
    )
    topics = forms.MultipleChoiceField(
        label=_("What is it about?"),
        choices=[
            ("sleep", _("Sleep")),
            ("stage", _("Stage fright")),
            ("touring", _("Touring")),
            ("money", _("Money worries")),
        ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    agree = forms.BooleanField(
        label=_("Send me one reminder"), help_text=_("The day before."), required=False
    )


def sample_month() -> list[list[dict[str, object] | None]]:
    days: list[dict[str, object] | None] = [
        {"number": n, "today": n == 3, "url": f"?day={n}" if n in (4, 11, 18, 25) else "",
         "label": _("one event"), "chosen": n == 11}
        for n in range(1, 31)
    ]  # fmt: skip
    days += [None] * (-len(days) % 7)
    return [days[start : start + 7] for start in range(0, len(days), 7)]


@method_decorator(never_cache, name="dispatch")
class StyleGuide(View):
    """``?errors`` shows the form as it answers wrong input."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        form = (
            SampleForm({"email": "mira@", "places": "9"})
            if "errors" in request.GET
            else SampleForm()
        )
        return render(
            request,
            "portal/styleguide.html",
            {
                "form": form,
                "start": BERLIN_EVENING,
                "end": BERLIN_EVENING + dt.timedelta(minutes=90),
                "night": BERLIN_EVENING + dt.timedelta(hours=8),
                "expires_on": dt.date(2026, 9, 30),
                "slugs": [f"evening-{n}" for n in range(10)],
                "icons": sorted(ICONS),
                "steps": [_("You"), _("Agreement"), _("Consent"), _("Done")],
                "entries": [
                    {"title": _("Active"), "at": BERLIN_EVENING, "by": _("Programme team")},
                    {"title": _("Agreement signed"), "at": BERLIN_EVENING - dt.timedelta(days=2)},
                    {"title": _("Invited"), "at": BERLIN_EVENING - dt.timedelta(days=5),
                     "text": _("For the term from June to May.")},
                ],
                "columns": [
                    {"label": _("Pool"), "sorted": "ascending", "sort_url": "?sort=-pool"},
                    {"label": _("State")},
                    {"label": _("Allocated"), "num": True, "sort_url": "?sort=allocated"},
                    {"label": _("Used"), "num": True},
                ],
                "rows": [
                    [{"text": name, "url": "#table", "label": _("Pool")},
                     {"text": state, "tag": tone, "label": _("State")},
                     {"text": a, "num": True, "label": _("Allocated")},
                     {"text": u, "num": True, "label": _("Used")}]
                    for name, state, tone, a, u in [
                        ("North Sea 2026", _("Open"), "good", "1,240", "610"),
                        ("Harbour fund", _("Nearly spent"), "warm", "400", "388"),
                        ("Spring reserve", _("Closed"), "", "90", "90"),
                    ]
                ],
                "points": [12, 18, 15, 22, 30, 28, 41],
                "tabs": [
                    {"label": _("Coming up"), "url": "#tabs", "current": True, "count": 3},
                    {"label": _("Past"), "url": "#tabs"},
                    {"label": _("Waiting"), "url": "#tabs"},
                ],
                "page": Paginator(range(60), 20).page(2),
                "weekdays": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
                "weeks": sample_month(),
            },
        )  # fmt: skip
