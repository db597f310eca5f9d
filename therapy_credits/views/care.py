"""The pages of the person in care. Nothing they ask for is ever in an address."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from ambassadors.queries import has_health_consent
from common.codes import show_code
from common.when import with_weekday
from therapy_credits.access import care_only
from therapy_credits.domain.matching import Need
from therapy_credits.domain.places import place_name
from therapy_credits.errors import TherapyCreditsError, TooLateToMove
from therapy_credits.forms.care import BookForm, CancelForm, FindForm, IssueCodeForm, SlotForm
from therapy_credits.models import (
    Booking,
    CareCase,
    FitCall,
    Practitioner,
    ServiceType,
    SessionCode,
)
from therapy_credits.models.bookings import SessionCodeQuerySet
from therapy_credits.queries.balances import balance_of, parts_of
from therapy_credits.queries.bookings import (
    bookings_of,
    calls_of,
    codes_of,
    has_said_adult,
    known_practitioners,
)
from therapy_credits.queries.charges import units_taken
from therapy_credits.queries.desk import desk_shown, desk_week
from therapy_credits.queries.practices import Offer
from therapy_credits.services.bookings import (
    Whereabouts,
    book_session,
    cancel_booking,
    cancel_terms,
    leave_place,
    move_booking,
    slots_to_move_to,
)
from therapy_credits.services.cases import (
    ASKED_FOR,
    agree,
    ask_to_find,
    asks_if_right,
    open_dispute,
)
from therapy_credits.services.doors import door_of
from therapy_credits.services.fit_calls import why_no_call
from therapy_credits.services.mismatches import can_say_mismatch, say_mismatch
from therapy_credits.services.session_codes import cancel_code, issue_code
from therapy_credits.services.subjects import own_tokens
from therapy_credits.views.kept import keep, person_of, request_id_in, say_age, what_is_kept
from therapy_credits.views.searching import (
    as_initial,
    book_form,
    choose_service,
    described,
    first_guess,
    identity_in,
    in_words,
    keep_need,
    kinds_for,
    look_on_from,
    need_of,
    offers_for,
    service_among,
    services_for,
    shown_times,
    zone_of,
)

# So long before a session the person is asked whether they will still be there.
ASK_PLACE = dt.timedelta(hours=48)
# The answer of the care desk stays on the page this long.
SHOW_ANSWER = dt.timedelta(days=30)
# After a call it is asked what next this long.
SHOW_CALL = dt.timedelta(days=14)
# An issued code can be seen again this long by the browser it was made in.
SHOW_CODE = dt.timedelta(minutes=10)


@care_only
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user, now = person_of(request), timezone.now()
    bookings = bookings_of(own_tokens(user)).select_related("practitioner__practice", "service")
    upcoming = list(bookings.upcoming(at=now))
    codes = codes_of(own_tokens(user))
    lately = {"resolved_at__gt": now - ASKED_FOR}
    return render(
        request,
        "therapy_credits/care_home.html",
        {
            "balance": balance_of(own_tokens(user), at=now),
            "parts": parts_of(own_tokens(user), at=now),
            "has_consent": has_health_consent(user, at=now),
            "upcoming": upcoming,
            "search": _search_of(user, now),
            "door": door_of(user),
            "now": now,
            "desk": desk_shown(at=now),
            "desk_zone": str(desk_week().zone),
            "calls": calls_of(own_tokens(user)).upcoming(at=now),
            "had_calls": _calls_to_decide_on(user, now),
            "questions": [one for one in bookings.filter(**lately) if asks_if_right(one, at=now)],
            "codes_asked": [one for one in codes.filter(**lately) if asks_if_right(one, at=now)],
            "past": bookings.exclude(pk__in=[one.pk for one in upcoming]).order_by("-starts_at")[
                :5
            ],
            "codes": codes.usable(at=now).order_by("expires_at"),
        },
    )


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Ask, and show who fits. The question travels in the body and rests sealed in the session."""
    user, now = person_of(request), timezone.now()
    need = need_of(request, now)
    ask_age = not has_said_adult(user)
    asked: dict[str, Any] = {"ask_age": ask_age, "kinds": kinds_for(user, now)}
    if request.method == "POST":
        form = FindForm(request.POST, **asked)
        if form.is_valid():
            if ask_age and not say_age(user, form.cleaned_data["is_adult"], now):
                return render(request, "therapy_credits/under_age.html")
            keep_need(request, form.cleaned_data, now)
            return redirect("therapy_credits:find")
    else:
        initial = as_initial(need) if need else first_guess(user, now)
        form = FindForm(initial=initial, **asked)
    shown = need if request.method != "POST" else None
    return render(
        request,
        "therapy_credits/find.html",
        {
            "form": form,
            "need": in_words(shown) if shown else None,
            "offers": _described(user, offers_for(request, shown, now)) if shown else [],
            "balance": balance_of(own_tokens(user), at=now),
            "desk": desk_shown(at=now) if shown else None,
        },
    )


@care_only
@require_http_methods(["POST"])
def forget_search(request: HttpRequest) -> HttpResponse:
    """Start again: what was asked is gone from the session."""
    request.session.pop("care_need", None)
    return redirect("therapy_credits:find")


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def practitioner(request: HttpRequest, slug: str) -> HttpResponse:
    """One practitioner, their times, and the booking of one."""
    user, now = person_of(request), timezone.now()
    if request.method == "POST" and (before := _booked_before(request, user)):
        return _show_what_was_booked(request, before)
    one = get_object_or_404(Practitioner.objects.bookable().select_related("practice"), slug=slug)
    need = need_of(request, now)
    if need is None:
        messages.info(
            request, _("Say first where you will be, so that we show only who may see you there.")
        )
        return redirect("therapy_credits:find")
    if "service" in request.POST:
        choose_service(request, request.POST["service"], now)
        return redirect("therapy_credits:practitioner", slug)
    services = services_for(request, need, one.practice, now)
    service = service_among(request, services, now)
    offer = _offer_of(request, need, slug, service, now)
    if offer is None and service and service != services[0]:
        messages.info(
            request, _("%(name)s has no time for that length just now.") % {"name": one.name}
        )
        offer = _offer_of(request, need, slug, services[0], now)
    if offer is None:
        messages.info(
            request, _("%(name)s has no time that fits what you asked for.") % {"name": one.name}
        )
        return redirect("therapy_credits:find")
    zone = zone_of(request) or one.practice.zone
    offers_call = why_no_call(user, one, at=now) is None
    form = book_form(request, offer.slots)
    shown = request.POST.get("shown", str(offer.service.pk))
    if request.method == "POST" and shown != str(offer.service.pk):
        # Another length was chosen meanwhile, in another window: nothing is booked by mistake.
        messages.info(request, _("You chose another length meanwhile. Choose a time for it."))
        return redirect("therapy_credits:practitioner", slug)
    if request.method == "POST" and form.is_valid():
        booking = _book(request, form, offer, need, zone, now)
        if booking:
            return redirect("therapy_credits:booking", booking.reference)
    return render(
        request,
        "therapy_credits/practitioner.html",
        {
            "form": form,
            "offer": described(offer, offers_call=offers_call),
            "need": in_words(need),
            "offers_call": offers_call,
            "services": services if len(services) > 1 else [],
            **shown_times(offer.slots, zone, one.practice.zone),
        },
    )


@care_only
@require_safe
def booking(request: HttpRequest, reference: str) -> HttpResponse:
    user, now = person_of(request), timezone.now()
    one = _own_booking(user, reference)
    return render(
        request,
        "therapy_credits/booking.html",
        {
            "booking": one,
            "can_cancel": one.is_open and now < one.starts_at,
            "terms": cancel_terms(one, at=now) if one.is_open else None,
            "is_over": now >= one.ends_at,
            "can_move": one.is_open and cancel_terms(one, at=now).is_in_time,
            "can_say_mismatch": can_say_mismatch(one, at=now),
            "asks_place": one.is_open and now < one.starts_at <= now + ASK_PLACE,
            "asks_if_right": asks_if_right(one, at=now),
            "desk_zone": str(desk_week().zone),
            "charged": units_taken(one.hold_group),
            "dispute": one.cases.disputes().order_by("-pk").first(),
            "place_name": place_name(one.country, one.region, get_language() or "en"),
        },
    )


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, reference: str) -> HttpResponse:
    """Another time with the same practitioner. The session stays held."""
    user, now = person_of(request), timezone.now()
    one = _own_booking(user, reference)
    slots = [slot for slot in slots_to_move_to(one, at=now) if slot != one.starts_at]
    form = SlotForm(request.POST or None, slots=[*slots, one.starts_at])
    if form.is_valid() and form.cleaned_data["slot"] == one.starts_at:
        # The form was sent twice, and the first time moved it.
        return redirect("therapy_credits:booking", one.reference)
    if not one.is_open or not cancel_terms(one, at=now).is_in_time:
        messages.info(request, str(TooLateToMove.message))
        return redirect("therapy_credits:booking", one.reference)
    zone = zone_of(request) or one.practice.zone
    if request.method == "POST" and form.is_valid():
        try:
            move_booking(
                booking=one,
                user=user,
                starts_at=form.cleaned_data["slot"],
                where=Whereabouts(one.country, one.region, zone),
                at=now,
            )
        except TherapyCreditsError as refusal:
            form.add_error("slot", str(refusal))
        else:
            messages.success(request, _("Moved. The practice has been told."))
            return redirect("therapy_credits:booking", one.reference)
    return render(
        request,
        "therapy_credits/move.html",
        {
            "booking": one,
            "form": form,
            "place_name": place_name(one.country, one.region, get_language() or "en"),
            **shown_times(slots, zone, one.practice.zone),
        },
    )


@care_only
@require_http_methods(["POST"])
def elsewhere(request: HttpRequest, reference: str) -> HttpResponse:
    """The person will not be where they said: released free of charge, and on to who may see
    them there, with everything else of the search as it was."""
    user, now = person_of(request), timezone.now()
    one = _own_booking(user, reference)
    try:
        leave_place(booking=one, user=user, at=now)
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
        return redirect("therapy_credits:booking", one.reference)
    messages.success(
        request,
        _(
            "Thank you for saying so. It cost you nothing. Say where you will be, and you see who"
            " may see you there."
        ),
    )
    return redirect("therapy_credits:find")


@care_only
@require_http_methods(["POST"])
def look_again(request: HttpRequest, reference: str) -> HttpResponse:
    """It was cancelled on them: on to who else may see them there, nothing to be said again."""
    user, now = person_of(request), timezone.now()
    one = _own_booking(user, reference)
    language, spoken = first_guess(user, now)["language"], one.practitioner.languages
    language = language if language in spoken else spoken[0]
    look_on_from(request, one, language=language, kind=one.service.kind, now=now)
    return redirect("therapy_credits:find")


@care_only
@require_http_methods(["POST"])
def mismatch(request: HttpRequest, reference: str) -> HttpResponse:
    """ "This was not the right match": given back once, and on to who else fits."""
    user, now = person_of(request), timezone.now()
    one = _own_booking(user, reference)
    try:
        say_mismatch(booking=one, user=user, at=now)
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
        return redirect("therapy_credits:booking", one.reference)
    messages.success(request, _("The session is yours again. Here you find somebody else."))
    return redirect("therapy_credits:find")


@care_only
@require_http_methods(["POST"])
def ask_desk(request: HttpRequest) -> HttpResponse:
    """Let the care desk look for somebody who fits what was asked for."""
    user, now = person_of(request), timezone.now()
    need = need_of(request, now)
    if need is None:
        return redirect("therapy_credits:find")
    try:
        case = ask_to_find(user=user, need=need, at=now)
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
        return redirect("therapy_credits:find")
    day = with_weekday(case.due_at.astimezone(desk_week().zone))
    messages.success(
        request, _("We look for somebody. You have an answer by %(day)s.") % {"day": day}
    )
    return redirect("therapy_credits:care")


@care_only
@require_http_methods(["POST"])
def booking_right(request: HttpRequest, reference: str) -> HttpResponse:
    """The person's answer to "was this right?" about a booking."""
    one = _own_booking(person_of(request), reference)
    _answer(request, one)
    return redirect("therapy_credits:booking", one.reference)


@care_only
@require_http_methods(["POST"])
def code_right(request: HttpRequest, reference: str) -> HttpResponse:
    """The person's answer about a code that a practice entered."""
    one = get_object_or_404(codes_of(own_tokens(person_of(request))), reference=reference)
    _answer(request, one)
    return redirect("therapy_credits:code")


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, reference: str) -> HttpResponse:
    """What cancelling would mean, and doing it on exactly these terms."""
    user, now = person_of(request), timezone.now()
    one = _own_booking(user, reference)
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cancel_booking(booking=one, user=user, agreed=form.cleaned_data["agreed"], at=now)
        except TherapyCreditsError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Cancelled. The practice has been told."))
            return redirect("therapy_credits:booking", one.reference)
        one.refresh_from_db()
    if not one.is_open or now >= one.starts_at:
        return redirect("therapy_credits:booking", one.reference)
    return render(
        request,
        "therapy_credits/cancel.html",
        {
            "booking": one,
            "terms": cancel_terms(one, at=now),
        },
    )


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Take a session to a practice that has no hours here."""
    user, now = person_of(request), timezone.now()
    ask_age = not has_said_adult(user)
    form = IssueCodeForm(request.POST or None, ask_age=ask_age, initial={"request_id": uuid4()})
    if request.method == "POST" and form.is_valid():
        if ask_age and not say_age(user, form.cleaned_data["is_adult"], now):
            return render(request, "therapy_credits/under_age.html")
        try:
            issued = issue_code(user=user, request_id=form.cleaned_data["request_id"], at=now)
        except TherapyCreditsError as refusal:
            messages.error(request, str(refusal))
        else:
            if issued.text:
                _keep_code(request, issued.code, issued.text, now)
            return redirect("therapy_credits:code")
    return render(
        request,
        "therapy_credits/code.html",
        {
            "form": form,
            "shown": _shown_code(request, now),
            "codes": _with_what_was_said(codes_of(own_tokens(user)), now),
            "desk_zone": str(desk_week().zone),
            "balance": balance_of(own_tokens(user), at=now),
            "has_consent": has_health_consent(user, at=now),
        },
    )


@care_only
@require_http_methods(["POST"])
def code_done(request: HttpRequest) -> HttpResponse:
    """The person has it: nothing of the code stays in the session."""
    request.session.pop("care_code", None)
    return redirect("therapy_credits:code")


@care_only
@require_http_methods(["POST"])
def code_cancel(request: HttpRequest, reference: str) -> HttpResponse:
    one = get_object_or_404(codes_of(own_tokens(person_of(request))), reference=reference)
    try:
        cancel_code(code=one, at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        request.session.pop("care_code", None)
        messages.success(request, _("The code is taken back. Its session is yours again."))
    return redirect("therapy_credits:code")


def _offer_of(
    request: HttpRequest, need: Need, slug: str, service: ServiceType | None, now: dt.datetime
) -> Offer | None:
    """What one practitioner has of ``service``; of the smallest that fits, where none is known."""
    return next(iter(offers_for(request, need, now, only=slug, service=service)), None)


def _described(user: User, offers: list[Offer]) -> list[dict[str, Any]]:
    """Each with its reasons. A first call is none with somebody they know already."""
    known = known_practitioners(own_tokens(user))
    return [
        described(
            one,
            offers_call=bool(one.practitioner.fit_call_minutes)
            and one.practitioner.pk not in known,
        )
        for one in offers
    ]


def _calls_to_decide_on(user: User, now: dt.datetime) -> list[FitCall]:
    """Calls of the last days after which the person has not booked with anybody yet."""
    tokens = own_tokens(user)
    over = calls_of(tokens).kept().filter(ends_at__lte=now, ends_at__gt=now - SHOW_CALL)
    booked = bookings_of(tokens).order_by("-booked_at").values_list("booked_at", flat=True).first()
    return [call for call in over.order_by("-ends_at") if not booked or booked < call.starts_at]


def _search_of(user: User, now: dt.datetime) -> CareCase | None:
    """What the care desk looks for, or has lately answered, for this person."""
    searches = CareCase.objects.searches_of(own_tokens(user)).select_related("practitioner")
    lately = searches.filter(Q(closed_at=None) | Q(closed_at__gt=now - SHOW_ANSWER))
    return lately.order_by("-opened_at").first()


def _with_what_was_said(codes: SessionCodeQuerySet, now: dt.datetime) -> list[dict[str, Any]]:
    """The latest codes, with the question or what became of its answer."""
    disputes = Prefetch("cases", CareCase.objects.disputes().order_by("pk"), to_attr="disputes")
    latest = codes.select_related("practice").prefetch_related(disputes).order_by("-issued_at")
    return [
        {
            "code": one,
            "asks_if_right": asks_if_right(one, at=now),
            "dispute": next(reversed(one.disputes), None),  # type: ignore[attr-defined]  # prefetched
        }
        for one in latest[:20]
    ]


def _answer(request: HttpRequest, one: Booking | SessionCode) -> None:
    try:
        if request.POST.get("right") == "yes":
            agree(source=one, at=timezone.now())
            messages.success(request, _("Thank you. Nothing else to do."))
        else:
            open_dispute(source=one, at=timezone.now())
            messages.success(
                request,
                _(
                    "Thank you for saying so. We look into it within two working days; until then"
                    " nothing is paid for it. You need not explain anything."
                ),
            )
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))


def _own_booking(user: User, reference: str) -> Booking:
    own = bookings_of(own_tokens(user)).select_related(
        "practice", "practitioner", "service", "pool"
    )
    return get_object_or_404(own, reference=reference)


def _booked_before(request: HttpRequest, user: User) -> Booking | None:
    """What this very form booked: it came again, by a second click or from the page before."""
    return bookings_of(own_tokens(user)).filter(request_id=request_id_in(request)).first()


def _show_what_was_booked(request: HttpRequest, one: Booking) -> HttpResponse:
    if not one.is_open:
        messages.info(request, _("This was booked before, and is over. Nothing new was booked."))
    elif request.POST.get("slot") != one.starts_at.isoformat():
        messages.info(request, _("You have booked already: this is it. Here it can be moved."))
    return redirect("therapy_credits:booking", one.reference)


def _book(
    request: HttpRequest,
    form: BookForm,
    offer: Offer,
    need: Need,
    zone: ZoneInfo,
    now: dt.datetime,
) -> Booking | None:
    try:
        one = book_session(
            user=person_of(request),
            practitioner=offer.practitioner,
            service=offer.service,
            starts_at=form.cleaned_data["slot"],
            format=need.format,
            where=Whereabouts(need.country, need.region, zone),
            identity=identity_in(form),
            request_id=form.cleaned_data["request_id"],
            at=now,
        )
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
        return None
    request.session.pop("care_need", None)
    messages.success(request, _("Booked. The practice expects you."))
    return one


def _keep_code(request: HttpRequest, one: SessionCode, text: str, now: dt.datetime) -> None:
    keep(request, "care_code", {"reference": one.reference, "text": text}, now)


def _shown_code(request: HttpRequest, now: dt.datetime) -> dict[str, Any] | None:
    kept = what_is_kept(request, "care_code", SHOW_CODE, now)
    if kept is None:
        return None
    own = codes_of(own_tokens(person_of(request))).usable(at=now)
    one = own.filter(reference=kept["reference"]).first()
    return {"code": one, "text": show_code(kept["text"])} if one else None
