"""A free first call: arranging one, its page for the person, and its page for the practice."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from therapy_credits.access import care_only, practice_only
from therapy_credits.domain.places import place_name
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.models import FitCall, PracticeMembership
from therapy_credits.queries.bookings import calls_of, calls_of_member
from therapy_credits.queries.practices import open_times_for_call
from therapy_credits.services.bookings import HORIZON
from therapy_credits.services.fit_calls import (
    book_fit_call,
    cancel_fit_call,
    practice_cancel_fit_call,
    why_no_call,
)
from therapy_credits.services.looks import note_look
from therapy_credits.services.subjects import own_tokens
from therapy_credits.views.kept import person_of, request_id_in
from therapy_credits.views.practice import frame
from therapy_credits.views.searching import (
    book_form,
    described,
    identity_in,
    in_words,
    kinds_for,
    look_on_from,
    need_of,
    offers_for,
    shown_times,
    zone_of,
)


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def arrange(request: HttpRequest, slug: str) -> HttpResponse:
    """The times for a call with one practitioner, and taking one."""
    user, now = person_of(request), timezone.now()
    if request.method == "POST":
        # By a second click, or from the page before: what this very form arranged is shown.
        sent = calls_of(own_tokens(user)).filter(request_id=request_id_in(request))
        if before := sent.first():
            return redirect("therapy_credits:fit-call", before.reference)
    need = need_of(request, now)
    offer = next(iter(offers_for(request, need, now, only=slug)), None) if need else None
    if need is None or offer is None:
        # That page says what is missing; the same for who is not there at all.
        return redirect("therapy_credits:practitioner", slug)
    if refusal := why_no_call(user, offer.practitioner, at=now):
        messages.info(request, str(refusal))
        return redirect("therapy_credits:practitioner", slug)
    zone = zone_of(request) or offer.practitioner.practice.zone
    slots = tuple(open_times_for_call(offer.practitioner, at=now, until=now + HORIZON))
    form = book_form(request, slots)
    if request.method == "POST" and form.is_valid():
        try:
            call = book_fit_call(
                user=user,
                practitioner=offer.practitioner,
                starts_at=form.cleaned_data["slot"],
                need=need,
                time_zone=zone,
                identity=identity_in(form),
                request_id=form.cleaned_data["request_id"],
                at=now,
            )
        except TherapyCreditsError as refused:
            messages.error(request, str(refused))
        else:
            request.session.pop("care_need", None)
            messages.success(request, _("Arranged. It cost you nothing."))
            return redirect("therapy_credits:fit-call", call.reference)
    return render(
        request,
        "therapy_credits/fit_call_new.html",
        {
            "form": form,
            "offer": described(offer, offers_call=True),
            "need": in_words(need),
            **shown_times(slots, zone, offer.practitioner.practice.zone),
        },
    )


@care_only
@require_safe
def call(request: HttpRequest, reference: str) -> HttpResponse:
    """One call: when, how, and what comes after it."""
    user, now = person_of(request), timezone.now()
    one = _own(user, reference)
    return render(
        request,
        "therapy_credits/fit_call.html",
        {
            "call": one,
            "is_to_come": one.is_open and now < one.starts_at,
            "is_over": one.is_open and now >= one.ends_at,
            "place_name": place_name(one.country, one.region, get_language() or "en"),
        },
    )


@care_only
@require_POST
def cancel(request: HttpRequest, reference: str) -> HttpResponse:
    user = person_of(request)
    one = _own(user, reference)
    try:
        cancel_fit_call(call=one, user=user, at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Cancelled. The practice has been told."))
    return redirect("therapy_credits:fit-call", one.reference)


@care_only
@require_POST
def go_on(request: HttpRequest, reference: str) -> HttpResponse:
    """On to a session with them, or to somebody else, with what was looked for as it was."""
    user, now = person_of(request), timezone.now()
    one = _own(user, reference)
    look_on_from(request, one, language=one.language, kind=kinds_for(user, now)[0], now=now)
    if request.POST.get("to") == "them":
        return redirect("therapy_credits:practitioner", one.practitioner.slug)
    return redirect("therapy_credits:find")


@practice_only()
@require_http_methods(["GET", "HEAD", "POST"])
def of_practice(
    request: HttpRequest, membership: PracticeMembership, reference: str
) -> HttpResponse:
    """One call, and calling it off."""
    now = timezone.now()
    one = get_object_or_404(calls_of_member(membership), reference=reference)
    if request.method == "POST":
        try:
            practice_cancel_fit_call(call=one, membership=membership, at=now)
        except TherapyCreditsError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Cancelled. Your client has been told."))
        return redirect("therapy_credits:practice-fit-call", one.reference)
    note_look(booking=one, actor=membership.user, at=now)
    return render(
        request,
        "therapy_credits/practice_fit_call.html",
        {
            **frame(membership, "bookings"),
            "call": one,
            "client": one.client_name or _("Name deleted"),
            "is_to_come": one.is_open and now < one.starts_at,
            "client_place": place_name(one.country, one.region, get_language() or "en"),
        },
    )


def _own(user: User, reference: str) -> FitCall:
    return get_object_or_404(calls_of(own_tokens(user)), reference=reference)
