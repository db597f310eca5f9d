"""How it was, asked of those who came."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from events.forms import SurveyForm
from events.queries import may_answer_survey, rsvp_opened_by
from events.services.mailings import answer_survey
from events.views.public import without_referrer


@never_cache
def survey(request: HttpRequest, token: str) -> HttpResponse:
    """A few questions, by the link in the mail. What is answered is kept apart from who did."""
    rsvp, at = rsvp_opened_by(token), timezone.now()
    if rsvp is None:
        return render(request, "events/link_unknown.html", {"rsvp": None}, status=404)
    event = rsvp.occurrence.event
    is_open = may_answer_survey(rsvp, at=at)
    form = SurveyForm(request.POST or None, event=event)
    is_thanked = False
    if request.method == "POST" and is_open and form.is_valid():
        is_thanked = answer_survey(rsvp=rsvp, words=form.words, at=at)
        is_open = False
    context = {
        "event": event,
        "occurrence": rsvp.occurrence,
        "form": form,
        "is_open": is_open,
        "is_thanked": is_thanked,
    }
    return without_referrer(render(request, "events/survey.html", context))
