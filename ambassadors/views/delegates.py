"""Who handles one's dates; and saying yes to handling somebody's."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.contrib.auth import logout
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import signed_in
from accounts.models import User
from ambassadors.errors import AddressUnusable, AmbassadorsError
from ambassadors.forms.delegates import DelegateForm
from ambassadors.models import Delegate, Enrolment
from ambassadors.services import delegates
from ambassadors.views.join import masked
from common.tokens import digest


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def delegates_page(request: HttpRequest) -> HttpResponse:
    """Those who handle one's dates, and asking somebody to."""
    assert isinstance(request.user, User)
    now = timezone.now()
    form = DelegateForm(request.POST or None, today=now.astimezone(dt.UTC).date())
    if request.method == "POST" and form.is_valid():
        try:
            asked = delegates.ask_delegate(ambassador=request.user, at=now, **form.cleaned_data)
        except AddressUnusable as error:
            form.add_error("email", str(error))
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("We have written to %(email)s.") % {"email": asked.email})
            return redirect("ambassadors:delegates")
    context = {
        "form": form,
        "delegates": request.user.delegates.standing(at=now)
        .select_related("person")
        .order_by("asked_at"),
        "is_ambassador": Enrolment.objects.current().filter(user=request.user).exists(),
        "now": now,
    }
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/delegates.html", context, status=status)


@require_POST
@signed_in
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """Either of the two ends it."""
    assert isinstance(request.user, User)
    mine = Delegate.objects.filter(Q(ambassador=request.user) | Q(person=request.user))
    delegate = get_object_or_404(mine, pk=pk)
    delegates.end_delegate(delegate=delegate, by=request.user, at=timezone.now())
    messages.success(request, _("Ended, from now on."))
    is_ambassador = delegate.ambassador_id == request.user.pk
    return redirect("ambassadors:delegates" if is_ambassador else "portal:me")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """What it is to handle somebody's dates, and the button that says yes."""
    assert isinstance(request.user, User)
    now = timezone.now()
    delegate = _behind(token)
    if delegate is None:
        return render(request, "ambassadors/join_unknown.html", status=404)
    if request.method == "POST":
        try:
            delegates.accept_delegate(delegate=delegate, person=request.user, at=now)
        except AmbassadorsError as error:
            messages.error(request, str(error))
            return redirect("ambassadors:delegate-accept", token=token)
        messages.success(request, _("Thank you. Their dates are here."))
        return redirect("portal:delegate", pk=delegate.pk)
    if delegate.person == request.user and delegate.ended_at is None:
        return redirect("portal:delegate", pk=delegate.pk)
    context = {
        "delegate": delegate,
        "token": token,
        "is_open": delegate.is_open(at=now),
        "is_other": request.user.email != delegate.email,
        "address": masked(delegate.email),
    }
    status = 200 if context["is_open"] else 410
    return render(request, "ambassadors/delegate_accept.html", context, status=status)


@require_POST
def switch(request: HttpRequest, token: str) -> HttpResponse:
    """Sign out whoever is signed in here; the link then asks for the address it was sent to."""
    if _behind(token) is None:
        return render(request, "ambassadors/join_unknown.html", status=404)
    logout(request)
    return redirect("ambassadors:delegate-accept", token=token)


def _behind(token: str) -> Delegate | None:
    """Whom a link asks, whatever has become of it."""
    found = Delegate.objects.filter(secret_digest=digest(delegates.PURPOSE, token))
    return found.select_related("ambassador").first()
