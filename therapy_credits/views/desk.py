"""The care desk: what waits, and one case at a time. Whoever takes a case sees whom it is about."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, staff_only
from accounts.models import Role, User
from therapy_credits.domain.places import language_name, place_name
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.forms.desk import AnswerForm
from therapy_credits.models import CareCase, DeskAbsence, Format, ServiceType, Topic
from therapy_credits.queries.desk import care_staff, desk_shown, desk_week, staff_at_the_desk
from therapy_credits.services import cases
from therapy_credits.services.looks import look_for_whom, note_look

SEARCHES = (CareCase.Kind.FIND, CareCase.Kind.ENDING)


@staff_only(Role.CARE)
@require_safe
def listing(request: SignedInRequest) -> HttpResponse:
    """What waits for somebody, and what is mine. References and times, nobody's name."""
    now = timezone.now()
    today = now.astimezone(desk_week().zone).date()
    visible = CareCase.objects.visible_to(request.user).select_related("booking", "code")
    return render(
        request,
        "therapy_credits/staff/desk.html",
        {
            "waiting": visible.waiting().filter(taken_by=None),
            "mine": visible.waiting().filter(taken_by=request.user),
            "closed": visible.filter(taken_by=request.user, status=CareCase.Status.CLOSED).order_by(
                "-closed_at"
            )[:20],
            "now": now,
            "desk": desk_shown(at=now),
            "absences": DeskAbsence.objects.on(today).select_related("user", "cover"),
        },
    )


@staff_only(Role.CARE)
@require_http_methods(["GET", "HEAD", "POST"])
def case(request: SignedInRequest, reference: str) -> HttpResponse:
    """One case: take it, see what it is about, decide."""
    now = timezone.now()
    one = get_object_or_404(
        CareCase.objects.visible_to(request.user).select_related(
            "booking__practitioner__practice", "booking__service", "code__practice"
        ),
        reference=reference,
    )
    if request.method == "POST":
        return _act(request, one)
    is_mine = one.taken_by_id == request.user.pk
    booking = one.booking if is_mine else None
    person = None
    if booking is not None:
        note_look(booking=booking, actor=request.user, at=now)
    elif is_mine and one.kind == CareCase.Kind.FIND:
        person = look_for_whom(case=one, actor=request.user, at=now)
    return render(
        request,
        "therapy_credits/staff/case.html",
        {
            "case": one,
            "is_mine": is_mine,
            "booking": booking,
            "code": one.code if is_mine else None,
            "person": person,
            "need": _in_words(one) if person and one.sealed_need else None,
            "answer": AnswerForm() if one.kind in SEARCHES else None,
            "colleagues": staff_at_the_desk(at=now).exclude(pk=request.user.pk),
        },
    )


def _act(request: SignedInRequest, one: CareCase) -> HttpResponse:
    action, now = request.POST.get("action", ""), timezone.now()
    try:
        words = _do(request, one, action, now)
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        if words:
            messages.success(request, words)
        else:
            messages.error(request, _("Choose what is to happen."))
    if action == "hand-over":
        return redirect("therapy_credits:desk")
    return redirect("therapy_credits:desk-case", one.reference)


def _do(request: SignedInRequest, one: CareCase, action: str, now: Any) -> str:
    """Do what was chosen, and say it; nothing where it was no choice."""
    user: User = request.user
    if action == "take":
        cases.take_case(case=one, by=user, at=now)
        return _("It is yours. The person can see that you look.")
    if action == "hand-over":
        to = care_staff(at=now).filter(pk=_number(request.POST.get("to"))).first()
        if to is None:
            return ""
        cases.hand_over(case=one, to=to, by=user, at=now)
        return _("Handed over.")
    if action in ("upheld", "stands") and one.kind == CareCase.Kind.DISPUTE:
        cases.decide_dispute(case=one, is_upheld=action == "upheld", by=user, at=now)
        if action == "upheld":
            return _("Decided. Both are told to look.")
        return _("Decided. The person is told to look; for the practice nothing changes.")
    if action in ("granted", "refused") and one.kind == CareCase.Kind.LATE_CLAIM:
        cases.decide_late_claim(case=one, is_granted=action == "granted", by=user, at=now)
        return _("Decided.")
    if action in ("found", "nobody") and one.kind in SEARCHES:
        form = AnswerForm(request.POST, is_found=action == "found")
        if not form.is_valid():
            return ""
        cases.answer_search(case=one, **form.cleaned_data, by=user, at=now)
        return _("Answered. They are told to look.")
    return ""


def _in_words(one: CareCase) -> dict[str, str]:
    """What the person looks for."""
    need, language = cases.need_of(one), get_language() or "en"
    return {
        "place": place_name(need.country, need.region, language),
        "language": language_name(need.language, language),
        "format": str(Format(need.format).label),
        "kind": str(ServiceType.Kind(need.kind).label),
        "topics": ", ".join(str(Topic(topic).label) for topic in sorted(need.topics)),
    }


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0
