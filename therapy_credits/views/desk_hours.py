"""When the care desk is open, and who covers for whom. Published to everybody in care."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, staff_only
from accounts.models import Role
from accounts.rules import has_role
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.forms.desk import AbsenceForm, DeskDaysForm, DeskHoursForm, ZoneForm
from therapy_credits.models import CareDesk, DeskAbsence, DeskException, DeskHours
from therapy_credits.queries.desk import care_staff, desk_shown, desk_week
from therapy_credits.services import desk_hours as services

Forms = dict[str, ZoneForm | DeskHoursForm | DeskDaysForm | AbsenceForm]


@staff_only(Role.CARE, Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def hours(request: SignedInRequest) -> HttpResponse:
    """Weekly hours, days that differ; and for care staff, who covers while they are away."""
    now = timezone.now()
    today = now.astimezone(desk_week().zone).date()
    desk = CareDesk.objects.first()
    action = request.POST.get("action", "")

    def sent(name: str) -> Any:
        return request.POST if action == name else None

    forms: Forms = {
        "zone": ZoneForm(
            sent("zone"), initial={"time_zone": desk.time_zone if desk else "UTC"}, prefix="zone"
        ),
        "weekly": DeskHoursForm(sent("weekly"), prefix="weekly"),
        "days": DeskDaysForm(sent("days"), today=today, prefix="days"),
    }
    if has_role(request.user, Role.CARE, at=now):
        covers = care_staff(at=now).exclude(pk=request.user.pk)
        forms["away"] = AbsenceForm(sent("away"), covers=covers, today=today, prefix="away")
    if request.method == "POST" and _act(request, action, forms, now):
        messages.success(request, _("Kept."))
        return redirect("therapy_credits:desk-hours")
    absences = DeskAbsence.objects.filter(last_on__gte=today).select_related("user", "cover")
    return render(
        request,
        "therapy_credits/staff/desk_hours.html",
        {
            "forms": forms,
            "weekly": DeskHours.objects.order_by("weekday", "starts"),
            "days": DeskException.objects.filter(on_date__gte=today).order_by("on_date", "starts"),
            "absences": absences.order_by("first_on", "pk"),
            "desk": desk_shown(at=now),
        },
    )


def _act(request: SignedInRequest, action: str, forms: Forms, now: dt.datetime) -> bool:
    """Do what was asked for. Says whether it is done."""
    user, form = request.user, forms.get(action)
    if action in ("remove-weekly", "remove-day", "back"):
        _take_back(request, action, now)
        return True
    if form is None or not form.is_valid():
        return False
    data = form.cleaned_data
    if isinstance(form, ZoneForm):
        services.set_zone(time_zone=data["time_zone"], by=user, at=now)
    elif isinstance(form, DeskHoursForm):
        services.add_hours(hours=form.save(commit=False), by=user, at=now)
    elif isinstance(form, DeskDaysForm):
        services.add_days(
            first_on=data["on_date"],
            last_on=data["until"] or data["on_date"],
            starts=data["starts"],
            ends=data["ends"],
            by=user,
            at=now,
        )
    else:
        try:
            services.name_cover(user=user, at=now, **data)
        except TherapyCreditsError as refusal:
            form.add_error("cover", str(refusal))
            return False
    return True


def _take_back(request: SignedInRequest, action: str, now: dt.datetime) -> None:
    text = request.POST.get("id", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    if action == "back":
        own = DeskAbsence.objects.filter(user=request.user)
        services.end_absence(absence=get_object_or_404(own, pk=number), by=request.user, at=now)
    elif action == "remove-weekly":
        row = get_object_or_404(DeskHours, pk=number)
        services.remove(row=row, by=request.user, at=now)
    else:
        day = get_object_or_404(DeskException, pk=number)
        services.remove(row=day, by=request.user, at=now)
