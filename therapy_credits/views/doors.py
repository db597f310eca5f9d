"""The door to one's own care, and the address that only oneself reads."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import signed_in
from accounts.models import User
from therapy_credits.access import care_only, is_open, keep_open
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.forms.doors import AddressCodeForm, PinForm, PrivateForm
from therapy_credits.services import doors
from therapy_credits.views.kept import person_of


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def door(request: HttpRequest) -> HttpResponse:
    """Open it by PIN; a passkey just proved opens it too."""
    user, now = person_of(request), timezone.now()
    closed = doors.door_of(user)
    if closed is None or not closed.is_closed or is_open(request, now):
        return redirect(_after(request))
    form = PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            doors.open_door(user=user, pin=form.cleaned_data["pin"], at=now)
        except TherapyCreditsError as refusal:
            form.add_error("pin", str(refusal))
        else:
            keep_open(request, now)
            return redirect(_after(request))
    return render(
        request, "therapy_credits/door.html", {"form": form, "has_passkey": _has_passkey(user)}
    )


@care_only
@require_http_methods(["GET", "HEAD", "POST"])
def private(request: HttpRequest) -> HttpResponse:
    """Set, change or take away the PIN and the private address."""
    user, now = person_of(request), timezone.now()
    own = doors.door_of(user)
    form = PrivateForm(
        request.POST or None,
        has_pin=bool(own and own.is_closed),
        initial={"address": own.new_address or own.address if own else ""},
    )
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["address"]
        try:
            kept = doors.set_door(user=user, pin=form.new_pin(), address=address, at=now)
        except TherapyCreditsError as refusal:
            form.add_error("address", str(refusal))
        else:
            keep_open(request, now)
            if kept.new_address:
                messages.success(request, _("Kept. We sent a code to the new address."))
                return redirect("therapy_credits:care-private")
            messages.success(request, _("Kept."))
            return redirect("therapy_credits:care")
    return render(
        request,
        "therapy_credits/private.html",
        {
            "form": form,
            "code_form": AddressCodeForm(),
            "door": own,
            "has_passkey": _has_passkey(user),
        },
    )


@care_only
@require_POST
def address(request: HttpRequest) -> HttpResponse:
    """The code of a new address comes back; or another is wanted."""
    user, now = person_of(request), timezone.now()
    own = doors.door_of(user)
    if own is None or not own.new_address:
        return redirect("therapy_credits:care-private")
    form = AddressCodeForm(request.POST)
    try:
        if request.POST.get("action") == "again":
            doors.send_code_again(user=user, at=now)
            messages.success(request, _("A new code is on its way, in place of the one before."))
        elif form.is_valid():
            doors.confirm_address(user=user, code=form.cleaned_data["code"], at=now)
            messages.success(request, _("Confirmed. Mail about these pages goes there now."))
            return redirect("therapy_credits:care")
        else:
            messages.error(request, _("Type the code that we sent to the new address."))
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    return redirect("therapy_credits:care-private")


@care_only
@require_POST
def fine(request: HttpRequest) -> HttpResponse:
    """Nobody else reads it: not asked again."""
    doors.set_door(user=person_of(request), pin=None, address=None, at=timezone.now())
    is_on_home = request.POST.get("back") == "home"
    return redirect("portal:me" if is_on_home else "therapy_credits:care")


def _after(request: HttpRequest) -> str:
    """Where they wanted to go, if it is a page of care."""
    wanted = str(request.session.pop("care_after", "/care/"))
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours and wanted.startswith("/care/") else "/care/"


def _has_passkey(user: User) -> bool:
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return bool(keys.exists())
