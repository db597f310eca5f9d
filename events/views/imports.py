"""Bringing along a calendar from elsewhere: first what it would make, then making it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import staff_only
from accounts.models import Role, StaffGrant, User
from ambassadors.models import Programme
from common.text import language_spoken
from events.domain.foreign_calendars import ForeignEvent, NotACalendar, read_calendar
from events.forms import ZONES
from events.forms.imports import CalendarFileForm, as_content
from events.services.imports import Planned, import_entries, note_in_words, plan_import


@staff_only("coordinator")
def import_calendar(request: HttpRequest) -> HttpResponse:
    """A file is read and shown; pressing "Make the drafts" sends it once more and makes them."""
    form = _form(request)
    plans: list[Planned] = []
    if request.method == "POST" and form.is_valid():
        entries = _entries(form)
        if entries is not None and "make" in request.POST:
            return _make(request, form, entries)
        plans = plan_import(entries or [])
    context = {
        "form": form,
        "plans": [(plan, _notes(plan.entry)) for plan in plans],
        "content": as_content(form.cleaned_data["body"]) if plans else "",
        "count": sum(plan.is_work for plan in plans),
    }
    return render(request, "events/staff/import.html", context)


def _form(request: HttpRequest) -> CalendarFileForm:
    user, at = request.user, timezone.now()
    assert isinstance(user, User)  # staff_only has seen to it
    grants = StaffGrant.objects.active(at=at).filter(user=user, role=Role.COORDINATOR)
    return CalendarFileForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        programmes=Programme.objects.run_by(user, Role.COORDINATOR, at=at).order_by("name"),
        must_have_one=not grants.filter(all_programmes=True).exists(),
        zones=ZONES,
        initial={"time_zone": user.time_zone or "UTC", "language": language_spoken()},
    )


def _entries(form: CalendarFileForm) -> list[ForeignEvent] | None:
    try:
        entries = read_calendar(
            form.cleaned_data["body"],
            default_zone=form.cleaned_data["time_zone"],
            at=timezone.now(),
        )
    except NotACalendar:
        form.add_error(
            "file", _("That is no calendar file. Export your calendar as iCalendar (.ics).")
        )
        return None
    if not entries:
        form.add_error("file", _("There is no event in this file."))
    return entries


def _make(
    request: HttpRequest, form: CalendarFileForm, entries: list[ForeignEvent]
) -> HttpResponse:
    assert isinstance(request.user, User)
    plans = import_entries(
        entries=entries,
        programme=form.cleaned_data["programme"],
        language=form.cleaned_data["language"],
        actor=request.user,
        at=timezone.now(),
    )
    count = sum(plan.is_work for plan in plans)
    words = ngettext(
        "%(count)d draft is written. Complete and publish it when it is ready.",
        "%(count)d drafts are written. Complete and publish them when they are ready.",
        count,
    )
    messages.success(request, words % {"count": count})
    return redirect("events:staff-list")


def _notes(entry: ForeignEvent) -> list[str]:
    return [note_in_words(note.code, note.detail) for note in entry.notes]
