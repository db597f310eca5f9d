"""Being away, leaving, and taking along what is kept about one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.life import AbsenceForm
from ambassadors.forms.profiles import ProfileForm, language_names
from ambassadors.models import Enrolment, EnrolmentStatus, Profile
from ambassadors.queries import showable_programmes
from ambassadors.services import absences, enrolments, personal_data, profiles


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def away(request: HttpRequest) -> HttpResponse:
    """When one is on tour or on leave."""
    assert isinstance(request.user, User)
    now = timezone.now()
    form = AbsenceForm(request.POST or None, today=now.astimezone(dt.UTC).date())
    if request.method == "POST" and form.is_valid():
        try:
            absences.add_absence(user=request.user, by=request.user, at=now, **form.cleaned_data)
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Noted."))
            return redirect("ambassadors:away")
    context = {
        "form": form,
        "absences": request.user.absences.not_over(now.astimezone(dt.UTC).date()).select_related(
            "said_by"
        ),
    }
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/away.html", context, status=status)


@require_POST
@signed_in
def back(request: HttpRequest, pk: int) -> HttpResponse:
    """Take dates out again."""
    assert isinstance(request.user, User)
    absence = get_object_or_404(request.user.absences, pk=pk)
    absences.remove_absence(absence=absence, by=request.user, at=timezone.now())
    messages.success(request, _("Removed."))
    return redirect("ambassadors:away")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave, or say no to joining: first what it changes, then doing it."""
    assert isinstance(request.user, User)
    own = Enrolment.objects.filter(user=request.user).with_term()
    enrolment = get_object_or_404(own, pk=pk)
    if request.method == "POST":
        enrolments.leave(enrolment=enrolment, user=request.user, at=timezone.now())
        messages.success(request, _("Done. Thank you for having been here."))
        return redirect("ambassadors:my-enrolment", pk=pk)
    context = {
        "enrolment": enrolment,
        "programme": enrolment.term.programme,
        "was_in": enrolment.status in (EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED),
    }
    return render(request, "ambassadors/leave.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def card(request: HttpRequest) -> HttpResponse:
    """Who one is, in one's own words, and who sees it."""
    assert isinstance(request.user, User)
    user = request.user
    profile = Profile.objects.filter(user=user).first()
    initial: dict[str, Any] = {"name": user.name}
    if profile is not None:
        initial |= {
            "pronouns": profile.pronouns,
            "pronouns_to": profile.pronouns_to,
            "languages": ", ".join(language_names(profile.languages)),
            "about": profile.about,
            "links": "\n".join(profile.links),
            "shown_in": user.public_cards.values_list("programme_id", flat=True),
        }
    form = ProfileForm(request.POST or None, initial=initial, programmes=showable_programmes(user))
    if request.method == "POST" and form.is_valid():
        profiles.save_profile(user=user, at=timezone.now(), **{"shown_in": [], **form.cleaned_data})
        messages.success(request, _("Saved."))
        return redirect("ambassadors:card")
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/card.html", {"form": form}, status=status)


@never_cache
@require_safe
@signed_in
def export(request: HttpRequest) -> HttpResponse:
    """What programmes keep about one, as a file to take along."""
    assert isinstance(request.user, User)
    response = JsonResponse(personal_data.export(request.user), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="my-programmes.json"'
    return response
