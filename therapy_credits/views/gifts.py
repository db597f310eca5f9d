"""Giving sessions away, and opening what was given. Nothing of a gift stays in an address."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from common.codes import show_code
from therapy_credits.access import care_only
from therapy_credits.errors import CodeMistyped, TherapyCreditsError
from therapy_credits.forms.gifts import AcceptForm, ClaimCodeForm, GiveForm
from therapy_credits.models import Gift
from therapy_credits.queries.balances import balance_of
from therapy_credits.queries.bookings import has_said_adult
from therapy_credits.services import code_tries, gifts
from therapy_credits.services.subjects import own_tokens
from therapy_credits.views.kept import keep, person_of, request_id_in, say_age, what_is_kept

# A new gift's link and code can be seen again this long by the browser it was made in.
SHOW_GIFT = dt.timedelta(minutes=30)
# What somebody opened is remembered while they make an account.
OPENER_LIFE = dt.timedelta(hours=2)


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest) -> HttpResponse:
    """Set sessions aside for somebody. Below, what was given: that it was, and nothing after."""
    user, now = person_of(request), timezone.now()
    tokens = own_tokens(user)
    sent_before = Gift.objects.given_by(tokens).filter(pk=request_id_in(request))
    if request.method == "POST" and sent_before.exists():
        # By a second click: what this very form gave is shown, also where it was all there was.
        return redirect("therapy_credits:gift")
    balance = balance_of(tokens, at=now)
    ask_age = not has_said_adult(user)
    form = GiveForm(
        request.POST or None, most=balance.left, ask_age=ask_age, initial={"request_id": uuid4()}
    )
    if request.method == "POST" and form.is_valid():
        if ask_age and not say_age(user, form.cleaned_data["is_adult"], now):
            return render(request, "therapy_credits/under_age.html")
        if _give(request, user, form, now):
            return redirect("therapy_credits:gift")
    return render(
        request,
        "therapy_credits/gift.html",
        {
            "form": form,
            "balance": balance,
            "shown": _shown(request, now),
            "gifts": [
                {"gift": one, "can_undo": one.can_be_undone(at=now)}
                for one in Gift.objects.given_by(tokens)[:20]
            ],
        },
    )


@care_only
@require_POST
def undo(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take a gift back, within the half hour."""
    own = Gift.objects.given_by(own_tokens(person_of(request)))
    gift = get_object_or_404(own, pk=pk)
    try:
        gifts.undo_gift(gift=gift, at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        request.session.pop("care_gift", None)
        messages.success(request, _("Taken back. It is yours again, and nothing was sent."))
    return redirect("therapy_credits:gift")


@care_only
@require_POST
def done(request: HttpRequest) -> HttpResponse:
    """The person has the link and the code: nothing of them stays in the session."""
    request.session.pop("care_gift", None)
    return redirect("therapy_credits:gift")


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Remember the link in the session and take it out of the address.

    The answer is the same for any link there could be, and nothing is read.
    """
    keep(request, "care_claim", {"link": token[:64]}, timezone.now())
    return redirect("therapy_credits:claim")


@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest) -> HttpResponse:
    """What was given: accept it, refuse it, or type the code it came with.

    The page is the same whatever the gift is or has become. Only who accepts
    learns whether it is there, by having it.
    """
    now = timezone.now()
    opener = _opener(request, now)
    user = request.user if isinstance(request.user, User) else None
    form = ClaimCodeForm()
    accept = AcceptForm(ask_age=user is not None and not has_said_adult(user))
    action = request.POST.get("action", "")
    if action == "code":
        form = ClaimCodeForm(request.POST)
        if form.is_valid() and _open_by_code(request, form, now):
            return redirect("therapy_credits:claim")
    elif action == "refuse" and opener:
        gifts.refuse_gift(opener=opener, user=user, at=now)
        request.session.pop("care_claim", None)
        return render(request, "therapy_credits/claim_refused.html")
    elif action == "accept" and opener:
        if user is None:
            return redirect_to_login(reverse("therapy_credits:claim"), settings.LOGIN_URL)
        accept = AcceptForm(request.POST, ask_age=not has_said_adult(user))
        if accept.is_valid():
            return _accept(request, user, opener, accept, now)
    elif action in ("accept", "refuse"):
        # The page was open for long, or it was sent twice; which of the two is not looked up.
        messages.info(
            request,
            _(
                "If you have answered already, there is nothing else to do. If not, open the link"
                " or type the code once more."
            ),
        )
    return render(
        request,
        "therapy_credits/claim.html",
        {
            "opener": None if action == "code" else opener,
            "form": form,
            "accept": accept,
            "is_signed_in": user is not None,
        },
    )


def _give(request: HttpRequest, user: User, form: GiveForm, now: dt.datetime) -> bool:
    try:
        new = gifts.give_sessions(
            user=user,
            units=form.cleaned_data["units"],
            contact=form.cleaned_data["contact"],
            request_id=form.cleaned_data["request_id"],
            at=now,
        )
    except TherapyCreditsError as refusal:
        form.add_error(None, str(refusal))
        return False
    if new.code:
        keep(request, "care_gift", {"id": str(new.gift.pk), "code": new.code}, now)
    elif new.gift.contact:
        messages.success(request, _("Set aside. Look below whether the address is right."))
    return True


def _shown(request: HttpRequest, now: dt.datetime) -> dict[str, Any] | None:
    """The link and the code of a gift just made, while it can be undone or until "I have it"."""
    kept = what_is_kept(request, "care_gift", SHOW_GIFT, now)
    if kept is None:
        return None
    own = Gift.objects.given_by(own_tokens(person_of(request)))
    gift = own.filter(pk=kept["id"]).exclude(status=Gift.Status.UNDONE).first()
    if gift is None:
        return None
    link = reverse("therapy_credits:claim-link", args=[gifts.link_secret(gift.pk)])
    return {
        "gift": gift,
        "code": show_code(kept["code"]),
        "link": settings.BASE_URL + link,
    }


def _accept(
    request: HttpRequest, user: User, opener: gifts.Opener, form: AcceptForm, now: dt.datetime
) -> HttpResponse:
    if "is_adult" in form.fields and not say_age(user, form.cleaned_data["is_adult"], now):
        return render(request, "therapy_credits/under_age.html")
    try:
        gifts.claim_gift(opener=opener, user=user, at=now)
    except TherapyCreditsError as refusal:
        request.session.pop("care_claim", None)
        messages.error(request, str(refusal))
        return redirect("therapy_credits:claim")
    request.session.pop("care_claim", None)
    messages.success(request, _("It is yours. Nobody is told."))
    return redirect("therapy_credits:care")


def _open_by_code(request: HttpRequest, form: ClaimCodeForm, now: dt.datetime) -> bool:
    """Remember the code. It is looked at only when somebody accepts."""
    try:
        opener = gifts.opener_of_code(form.cleaned_data["code"])
    except CodeMistyped:
        form.add_error("code", _("One of the symbols is wrong or missing. Compare it again."))
        return False
    address = get_adapter().get_client_ip(request) or ""
    if not code_tries.count_claim(address=address, at=now).is_allowed:
        form.add_error("code", _("Too many codes were tried. Please wait a quarter of an hour."))
        return False
    keep(request, "care_claim", {"code": opener.code}, now)
    return True


def _opener(request: HttpRequest, now: dt.datetime) -> gifts.Opener | None:
    kept = what_is_kept(request, "care_claim", OPENER_LIFE, now)
    if kept is None:
        return None
    return gifts.Opener(link=kept.get("link", ""), code=kept.get("code", ""))
