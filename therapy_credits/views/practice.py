"""The practice's portal: on a phone, between two clients."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from therapy_credits.access import practice_only
from therapy_credits.domain.places import place_name
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.forms.practice import (
    BusyForm,
    HoursExceptionForm,
    RedeemForm,
    WeeklyHoursForm,
)
from therapy_credits.models import (
    Booking,
    BusyTime,
    CareCase,
    FitCall,
    FitCallLength,
    HoursException,
    PracticeMembership,
    Practitioner,
    WeeklyHours,
)
from therapy_credits.queries.bookings import (
    booking_of_member,
    bookings_of_member,
    calls_of_member,
    redeemed_codes_of,
)
from therapy_credits.queries.practices import own_practitioners
from therapy_credits.services import cases, session_codes
from therapy_credits.services import practices as practice_services
from therapy_credits.services.bookings import (
    OUTCOMES,
    can_undo,
    cancel_terms,
    confirm_session,
    practice_cancel,
    undo_confirmation,
)
from therapy_credits.services.endings import end_care
from therapy_credits.services.looks import note_look

DAY = dt.timedelta(days=1)
# So far ahead the busy times of a calendar are kept: as far as times are offered, and moved to.
BUSY_AHEAD = dt.timedelta(days=60)
# How many past bookings a page shows.
PAGE = 50


@practice_only()
@require_safe
def today(request: HttpRequest, membership: PracticeMembership) -> HttpResponse:
    """Today's sessions, and what still waits for a word from the days before."""
    now = timezone.now()
    midnight = now.astimezone(membership.practice.zone).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    bookings = bookings_of_member(membership)
    todays = bookings.filter(starts_at__gte=midnight, starts_at__lt=midnight + DAY).exclude(
        status__in=[Booking.Status.CANCELLED, Booking.Status.PRACTICE_CANCELLED]
    )
    calls = calls_of_member(membership).kept()
    todays_calls = calls.filter(starts_at__gte=midnight, starts_at__lt=midnight + DAY)
    rows = [_row(one, now) for one in todays] + [_call_row(one) for one in todays_calls]
    return render(
        request,
        "therapy_credits/practice_today.html",
        {
            **frame(membership, "today"),
            "rows": sorted(rows, key=lambda row: row["starts_at"]),
            "earlier": bookings.to_confirm(at=now).filter(starts_at__lt=midnight).count(),
            "next": bookings.upcoming(at=now).filter(starts_at__gte=midnight + DAY).first(),
            "now": now,
        },
    )


@practice_only()
@require_http_methods(["GET", "HEAD", "POST"])
def bookings(request: HttpRequest, membership: PracticeMembership) -> HttpResponse:
    """All of them; several confirmed at once."""
    now = timezone.now()
    own = bookings_of_member(membership)
    if request.method == "POST":
        _confirm_many(request, membership, own, now)
        return redirect("therapy_credits:practice-bookings")
    upcoming = own.upcoming(at=now).filter(starts_at__gt=now)
    calls = calls_of_member(membership).upcoming(at=now)
    ahead = [_row(one, now) for one in upcoming] + [_call_row(one) for one in calls]
    past = own.exclude(status=Booking.Status.BOOKED).order_by("-starts_at")[:PAGE]
    return render(
        request,
        "therapy_credits/practice_bookings.html",
        {
            **frame(membership, "bookings"),
            "to_confirm": [_row(one, now) for one in own.to_confirm(at=now)],
            "upcoming": sorted(ahead, key=lambda row: row["starts_at"]),
            "past": [_row(one, now) for one in past],
        },
    )


@practice_only()
@require_http_methods(["GET", "HEAD", "POST"])
def booking(request: HttpRequest, membership: PracticeMembership, reference: str) -> HttpResponse:
    """One booking, and what became of it."""
    now = timezone.now()
    if request.method == "POST":
        own = booking_of_member(membership, reference)
        if own is None:
            raise Http404
        return _act(request, membership, own, now)
    one = get_object_or_404(bookings_of_member(membership), reference=reference)
    note_look(booking=one, actor=membership.user, at=now)
    return render(
        request,
        "therapy_credits/practice_booking.html",
        {
            **frame(membership, "bookings"),
            **_row(one, now),
            "client_place": place_name(one.country, one.region, get_language() or "en"),
            "is_late": one.is_open and not cancel_terms(one, at=now).is_in_time,
            "can_end": one.status in (*Booking.TAKES_TIME,)
            and not one.cases.filter(kind=CareCase.Kind.ENDING).exists(),
            "late_claim": one.cases.filter(kind=CareCase.Kind.LATE_CLAIM).first(),
            "can_claim_late": one.status == Booking.Status.TIMED_OUT
            and now <= one.ends_at + cases.LATE_CLAIM_LIFE,
        },
    )


@practice_only()
@require_http_methods(["GET", "HEAD", "POST"])
def ending(request: HttpRequest, membership: PracticeMembership, reference: str) -> HttpResponse:
    """ "We can't continue": what it means, and doing it. No reason is asked."""
    now = timezone.now()
    one = get_object_or_404(bookings_of_member(membership), reference=reference)
    if request.method == "POST":
        try:
            end_care(booking=one, membership=membership, at=now)
        except TherapyCreditsError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request, _("Done. The care desk looks for somebody within one working day.")
            )
        return redirect("therapy_credits:practice-booking", one.reference)
    return render(
        request,
        "therapy_credits/practice_ending.html",
        {**frame(membership, "bookings"), **_row(one, now)},
    )


@practice_only()
@require_POST
def late_claim(
    request: HttpRequest, membership: PracticeMembership, reference: str
) -> HttpResponse:
    """Said nothing in time: the care desk looks at it."""
    one = get_object_or_404(bookings_of_member(membership), reference=reference)
    try:
        cases.open_late_claim(booking=one, at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The care desk looks at it within five working days."))
    return redirect("therapy_credits:practice-booking", one.reference)


@practice_only()
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, membership: PracticeMembership) -> HttpResponse:
    """Enter a code."""
    now = timezone.now()
    services = membership.practice.service_types.for_a_code().order_by("minutes", "pk")
    local_today = now.astimezone(membership.practice.zone).date()
    form = RedeemForm(request.POST or None, services=services, initial={"held_on": local_today})
    if request.method == "POST" and form.is_valid():
        try:
            code = session_codes.redeem_code(
                text=form.cleaned_data["code"],
                membership=membership,
                service=form.cleaned_data["service"],
                held_on=form.cleaned_data["held_on"],
                address=get_adapter().get_client_ip(request) or "",
                at=now,
            )
        except TherapyCreditsError as refusal:
            form.add_error("code", str(refusal))
        else:
            messages.success(
                request, _("Done: code …%(end)s is confirmed.") % {"end": code.last_four}
            )
            return redirect("therapy_credits:practice-confirm")
    return render(
        request,
        "therapy_credits/practice_confirm.html",
        {
            **frame(membership, "confirm"),
            "form": form,
            "codes": [
                {"code": one, "can_undo": session_codes.can_undo(one, at=now)}
                for one in redeemed_codes_of(membership)[:PAGE]
            ],
        },
    )


@practice_only()
@require_POST
def undo_code(request: HttpRequest, membership: PracticeMembership, reference: str) -> HttpResponse:
    one = get_object_or_404(redeemed_codes_of(membership), reference=reference)
    try:
        session_codes.undo_redemption(code=one, membership=membership, at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Undone. The session went back to your client."))
    return redirect("therapy_credits:practice-confirm")


@practice_only()
@require_http_methods(["GET", "HEAD", "POST"])
def hours(request: HttpRequest, membership: PracticeMembership) -> HttpResponse:
    """Weekly hours, single days, and pausing."""
    now = timezone.now()
    local_today = now.astimezone(membership.practice.zone).date()
    practitioners = own_practitioners(membership)
    action = request.POST.get("action", "")
    weekly = WeeklyHoursForm(
        request.POST if action == "weekly" else None, practitioners=practitioners, prefix="weekly"
    )
    single = HoursExceptionForm(
        request.POST if action == "single" else None,
        practitioners=practitioners,
        today=local_today,
        prefix="single",
    )
    busy = BusyForm(
        request.POST if action == "busy" else None,
        request.FILES if action == "busy" else None,
        practitioners=practitioners,
        now=now,
        until=now + BUSY_AHEAD,
        prefix="busy",
    )
    forms = (weekly, single, busy)
    if request.method == "POST" and _change_hours(request, membership, action, forms):
        return redirect("therapy_credits:practice-hours")
    return render(
        request,
        "therapy_credits/practice_hours.html",
        {
            **frame(membership, "hours"),
            "weekly_form": weekly,
            "single_form": single,
            "busy_form": busy,
            "call_lengths": FitCallLength.choices,
            "is_owner": membership.role == PracticeMembership.Role.OWNER,
            "practitioners": _with_hours(practitioners, local_today),
        },
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation to a practice. Opening the address changes nothing."""
    now = timezone.now()
    invitation = practice_services.find_invitation(token)
    if invitation is None:
        return render(request, "therapy_credits/practice_join.html", {"unknown": True}, status=404)
    assert isinstance(request.user, User)
    if request.method == "POST":
        try:
            practice_services.accept_invitation(invitation=invitation, user=request.user, at=now)
        except TherapyCreditsError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Welcome. This is today."))
            return redirect("therapy_credits:practice-today")
    return render(
        request,
        "therapy_credits/practice_join.html",
        {
            "invitation": invitation,
            "is_over": invitation.accepted_at is not None or invitation.expires_at <= now,
        },
    )


def frame(membership: PracticeMembership, here: str) -> dict[str, Any]:
    """What every page of the portal shows round its content."""
    tabs = [
        ("today", _("Today"), "practice-today"),
        ("confirm", _("Code"), "practice-confirm"),
        ("bookings", _("Bookings"), "practice-bookings"),
        ("hours", _("Hours"), "practice-hours"),
    ]
    if membership.role != PracticeMembership.Role.PRACTITIONER:
        tabs.append(("statements", _("Statements"), "practice-statements"))
    return {
        "practice": membership.practice,
        "membership": membership,
        "zone": membership.practice.zone,
        "tabs": [
            {"label": label, "url": reverse(f"therapy_credits:{name}"), "current": key == here}
            for key, label, name in tabs
        ],
    }


def _call_row(one: FitCall) -> dict[str, Any]:
    return {"call": one, "starts_at": one.starts_at, "client": one.client_name or _("Name deleted")}


def _row(one: Booking, now: dt.datetime) -> dict[str, Any]:
    return {
        "booking": one,
        "starts_at": one.starts_at,
        "client": one.client_name or _("Name deleted"),
        "has_begun": one.starts_at <= now,
        "can_undo": can_undo(one, at=now),
    }


def _act(
    request: HttpRequest, membership: PracticeMembership, one: Booking, now: dt.datetime
) -> HttpResponse:
    action = request.POST.get("action", "")
    try:
        if action == "undo":
            undo_confirmation(booking=one, membership=membership, at=now)
            messages.success(request, _("Undone. Say again what took place."))
        elif action == "cancel":
            practice_cancel(booking=one, membership=membership, at=now)
            messages.success(
                request, _("Cancelled. Your client has been told; it costs them nothing.")
            )
        else:
            if action not in OUTCOMES:
                messages.error(request, _("Choose what took place."))
                return redirect("therapy_credits:practice-booking", one.reference)
            done = confirm_session(booking=one, membership=membership, outcome=action, at=now)
            messages.success(
                request,
                _("%(reference)s: %(status)s. You can undo this for seven days.")
                % {"reference": one.reference, "status": Booking.Status(done.status).label},
            )
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect("therapy_credits:practice-booking", one.reference)


def _confirm_many(
    request: HttpRequest, membership: PracticeMembership, own: Any, now: dt.datetime
) -> None:
    chosen = own.filter(reference__in=request.POST.getlist("reference"))
    done = 0
    for one in chosen:
        try:
            confirm_session(booking=one, membership=membership, outcome="attended", at=now)
        except TherapyCreditsError as refusal:
            messages.error(request, f"{one.reference}: {refusal}")
        else:
            done += 1
    if done:
        messages.success(
            request,
            ngettext("%(n)s session confirmed.", "%(n)s sessions confirmed.", done) % {"n": done},
        )
    elif not chosen:
        messages.error(request, _("Mark at least one session first."))


def _change_hours(
    request: HttpRequest,
    membership: PracticeMembership,
    action: str,
    forms: tuple[WeeklyHoursForm, HoursExceptionForm, BusyForm],
) -> bool:
    """Do what was asked on the page of hours. Says whether it is done."""
    weekly, single, busy = forms
    practitioners = own_practitioners(membership)
    if action == "weekly" and weekly.is_valid():
        practice_services.add_hours(hours=weekly.save(commit=False))
        messages.success(request, _("The weekly hours are kept."))
        return True
    if action == "single" and single.is_valid():
        practice_services.add_exception(exception=single.save(commit=False))
        messages.success(request, _("That day is kept."))
        return True
    if action == "busy" and busy.is_valid():
        count = practice_services.replace_busy_times(
            practitioner=busy.cleaned_data["practitioner"], spans=busy.cleaned_data["spans"]
        )
        messages.success(
            request,
            ngettext("%(n)s busy time is kept.", "%(n)s busy times are kept.", count)
            % {"n": count},
        )
        return True
    if action in ("pause-practice", "resume-practice"):
        _pause_practice(request, membership, is_paused=action == "pause-practice")
        return True
    number = _number(request.POST.get("id"))
    if action == "forget-busy":
        one = get_object_or_404(practitioners, pk=number)
        practice_services.replace_busy_times(practitioner=one, spans=[])
        messages.success(request, _("The busy times are forgotten."))
        return True
    if action in ("remove-weekly", "remove-single"):
        windows = WeeklyHours.objects.filter(practitioner__in=practitioners)
        days = HoursException.objects.filter(practitioner__in=practitioners)
        practice_services.remove_hours(
            hours=get_object_or_404(windows, pk=number)
            if action == "remove-weekly"
            else get_object_or_404(days, pk=number)
        )
        messages.success(request, _("Removed. What is booked stays booked."))
        return True
    if action == "fit-call":
        one = get_object_or_404(practitioners, pk=number)
        minutes = _number(request.POST.get("minutes"))
        if minutes not in FitCallLength.values:
            return False
        practice_services.offer_fit_call(practitioner=one, minutes=minutes)
        messages.success(request, _("Kept. What is booked stays booked."))
        return True
    if action in ("pause", "resume"):
        one = get_object_or_404(practitioners, pk=number)
        practice_services.set_takes_bookings(practitioner=one, is_active=action == "resume")
        messages.success(request, _("Kept. What is booked stays booked."))
        return True
    return False


def _pause_practice(
    request: HttpRequest, membership: PracticeMembership, *, is_paused: bool
) -> None:
    if membership.role != PracticeMembership.Role.OWNER:
        messages.error(request, _("Only the owner pauses the whole practice."))
        return
    try:
        practice_services.pause_itself(
            membership=membership, is_paused=is_paused, at=timezone.now()
        )
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Kept. What is booked stays booked."))


def _with_hours(practitioners: Any, local_today: dt.date) -> list[dict[str, Any]]:
    """Each practitioner with hours, coming exceptions and busy times, in four queries."""
    people: list[Practitioner] = list(practitioners)
    busy_of = dict(
        BusyTime.objects.filter(practitioner__in=people)
        .values_list("practitioner")
        .annotate(n=Count("pk"))
        .order_by()
    )
    weekly = WeeklyHours.objects.filter(practitioner__in=people).order_by("weekday", "starts")
    single = HoursException.objects.filter(
        practitioner__in=people, on_date__gte=local_today
    ).order_by("on_date", "starts")
    weekly_of: dict[int, list[WeeklyHours]] = defaultdict(list)
    for window in weekly:
        weekly_of[window.practitioner_id].append(window)
    single_of: dict[int, list[HoursException]] = defaultdict(list)
    for day in single:
        single_of[day.practitioner_id].append(day)
    return [
        {
            "practitioner": one,
            "weekly": weekly_of[one.pk],
            "single": single_of[one.pk],
            "busy": busy_of.get(one.pk, 0),
        }
        for one in people
    ]


def _number(text: str | None) -> int:
    """A row's number from a form; 0, which names nothing, for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0
