"""Erasing oneself: what goes, what stays, what must be settled first; and then it is done."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, proved_again
from events.errors import Busy
from portal.errors import MustBeSettled
from portal.forms import EraseForm
from portal.services import personal_data
from therapy_credits.access import care_only


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@care_only
@proved_again
def erase(request: SignedInRequest) -> HttpResponse:
    """Behind the person's own door too: what stands in the way may tell of care, and who reads
    somebody's mailbox must not be able to do this."""
    now = timezone.now()
    obstacles = personal_data.obstacles(request.user, at=now)
    form = EraseForm(request.POST or None, user=request.user)
    if request.method == "POST" and not obstacles and form.is_valid():
        try:
            personal_data.erase(request.user, at=now)
        except Busy as busy:
            messages.error(request, str(busy))
        except MustBeSettled:
            return redirect("portal:erase")
        else:
            logout(request)
            return redirect("portal:erased")
    return render(request, "portal/erase.html", {"form": form, "obstacles": obstacles})


@never_cache
@require_safe
def erased(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/erased.html")
