"""Programmes as anybody may read about them."""

from __future__ import annotations

from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from ambassadors.models import Enrolment, Programme, PublicCard, Round
from ambassadors.queries.applications import coming_rounds, open_rounds
from common.markdown import to_html


@require_safe
def programmes(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    rounds = Round.objects.open(at=now).filter(term__programme=OuterRef("pk"))
    listed = Programme.objects.listed().order_by("name").annotate(takes_applications=Exists(rounds))
    return render(request, "ambassadors/programmes.html", {"programmes": listed})


@require_safe
def programme(request: HttpRequest, slug: str) -> HttpResponse:
    now = timezone.now()
    found = get_object_or_404(Programme.objects.visible_to(request.user), slug=slug)
    mine = (
        Enrolment.objects.current().filter(user=request.user, term__programme=found).first()
        if request.user.is_authenticated
        else None
    )
    terms = found.terms.filter(ended_at__isnull=True, ends_on__gte=found.today(at=now))
    context = {
        "programme": found,
        "description": to_html(found.description),
        "terms": terms.order_by("starts_on", "name"),
        "mine": mine,
        "cards": PublicCard.objects.shown(found, at=now),
        "open_rounds": open_rounds(found, at=now),
        "coming_rounds": coming_rounds(found, at=now),
    }
    return render(request, "ambassadors/programme.html", context)
