"""Around the coordinator's list: files in and out, the month, copies, links, who did what."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import proved_again, staff_only
from accounts.queries import trail_of
from accounts.services import audit
from common.money import to_decimal
from common.text import csv_lines
from events.access import editor, event_to_edit
from events.errors import EventsError
from events.forms import EventForm, PhotoForm, StaffFilter
from events.forms.spreadsheets import COLUMNS, WORDS, ImportForm, read_events
from events.models import Event, Occurrence
from events.queries import (
    Room,
    dates_in_month,
    dates_of_events,
    draft_opened_by,
    room_of,
    staff_events,
)
from events.services.events import copy_event, draft_event, set_photo, share_draft
from events.views.public import event_context, without_referrer

# What the trail of an event says, by its verb.
VERBS = {
    "event.drafted": gettext_lazy("Written"),
    "event.copied": gettext_lazy("Copied from another event"),
    "event.edited": gettext_lazy("Edited"),
    "event.published": gettext_lazy("Published"),
    "event.cancelled": gettext_lazy("Cancelled"),
    "event.date_changed": gettext_lazy("One date changed"),
    "event.date_cancelled": gettext_lazy("One date cancelled"),
    "event.shared": gettext_lazy("Link to the draft made"),
    "event.unshared": gettext_lazy("Link to the draft taken back"),
    "event.door_list_taken": gettext_lazy("Door list taken to a phone"),
    "event.people_exported": gettext_lazy("People taken as a file"),
    "event.care_answers_read": gettext_lazy("Answers about access and health read"),
    "event.host_asked": gettext_lazy("Host asked"),
    "event.host_asked_again": gettext_lazy("Host asked again"),
    "event.host_accepted": gettext_lazy("Host said yes"),
    "event.host_declined": gettext_lazy("Host said no"),
    "event.host_resigned": gettext_lazy("Host stopped"),
    "event.host_taken_back": gettext_lazy("Host taken back"),
    "event.host_named": gettext_lazy("Host changed their name on the page"),
    "event.host_level": gettext_lazy("What a host may do changed"),
    "event.photo_changed": gettext_lazy("Photograph changed"),
    "event.question_asked": gettext_lazy("Question added"),
    "event.question_dropped": gettext_lazy("Question no longer asked"),
    "series.started": gettext_lazy("Series begun"),
    "series.changed": gettext_lazy("Series changed"),
}


@staff_only("coordinator")
def photo(request: HttpRequest, slug: str) -> HttpResponse:
    """A photograph for the page of an event, in place of the drawn picture."""
    event = event_to_edit(request, slug)
    is_taken_away = request.POST.get("act") == "remove"
    form = PhotoForm(
        None if is_taken_away else request.POST or None,
        request.FILES or None,
        initial={"alt": event.photo_alt},
    )
    if is_taken_away or (request.method == "POST" and form.is_valid()):
        content, alt = b"", ""
        if not is_taken_away:
            content, alt = form.cleaned_data["file"], form.cleaned_data["alt"]
        set_photo(event=event, content=content, alt=alt, actor=editor(request), at=timezone.now())
        text = _("Taken away. The drawn picture is back.") if is_taken_away else _("Saved.")
        messages.success(request, text)
        return redirect("events:staff-photo", slug=slug)
    return render(request, "events/staff/photo.html", {"event": event, "form": form})


@staff_only("coordinator")
@proved_again
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The dates of the events the list shows, as a file that can be imported again.

    It names nobody who comes, but drafts, links to join and briefings of hosts are in it.
    """
    at = timezone.now()
    form = StaffFilter(request.GET, editor=editor(request), at=at)
    events = staff_events(editor(request), form.chosen, at=at)
    audit.record(editor(request), "event.export", editor(request), at)
    response = HttpResponse(csv_lines(_rows(events)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="events.csv"'
    return response


def _rows(events: Any) -> Iterator[tuple[object, ...]]:
    yield (*COLUMNS, "status", "going", "waiting", "url")
    for occurrence in dates_of_events(events).iterator(chunk_size=500):
        event = occurrence.event
        status = Event.Status.CANCELLED if occurrence.is_cancelled else event.status
        yield (
            event.title,
            event.time_zone,
            occurrence.local_start.date(),
            f"{occurrence.local_start:%H:%M}",
            f"{occurrence.local_end:%H:%M}",
            "" if occurrence.capacity is None else occurrence.capacity,
            *(_word(event, name) for name in WORDS),
            status,
            occurrence.seats.firm,
            occurrence.waiting or 0,  # type: ignore[attr-defined]  # annotated
            f"{settings.BASE_URL}{occurrence.page_path}",
        )


def _word(event: Event, name: str) -> object:
    if name == "programme":
        return event.programme.slug if event.programme else ""
    if name in ("price", "least"):
        amount = event.price_minor if name == "price" else event.least_minor
        return "" if amount is None else to_decimal(amount, event.currency)
    value = getattr(event, name)
    if name == "topics":
        return " ".join(value)
    return "" if value is None else value


@staff_only("coordinator")
def import_events(request: HttpRequest) -> HttpResponse:
    """Drafts from a file: first what would happen, line by line, then the drafts."""
    form = ImportForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form, "columns": COLUMNS}
    if request.method == "POST" and form.is_valid():
        at, text = timezone.now(), form.cleaned_data["text"]
        drafts, wrong = read_events(text, editor=editor(request), at=at)
        ready = [draft for draft in drafts if not draft.errors and not draft.is_there]
        if "confirm" in request.POST and not wrong:
            for draft in ready:
                draft_event(words=draft.words, dates=draft.dates, actor=editor(request), at=at)
            count = len(ready)
            text = ngettext("%(count)d draft is written.", "%(count)d drafts are written.", count)
            messages.success(request, text % {"count": count})
            return redirect("events:staff-list")
        context |= {"drafts": drafts, "wrong": wrong, "ready": len(ready), "text": text}
    return render(request, "events/staff/spreadsheet.html", context)


@staff_only("coordinator")
@require_safe
def month(request: HttpRequest) -> HttpResponse:
    """The events of one month, day by day."""
    at = timezone.now()
    today = timezone.localtime(at).date()
    first = _month_of(request.GET.get("month", ""), today)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    dates = dates_in_month(editor(request), weeks[0][0], weeks[-1][-1], at=at)
    by_day: dict[date, list[Occurrence]] = {}
    for occurrence in dates:
        by_day.setdefault(occurrence.starts_on, []).append(occurrence)
    days = [
        [
            {
                "day": day,
                "dates": by_day.get(day, []),
                "is_today": day == today,
                "is_outside": day.month != first.month,
            }
            for day in week
        ]
        for week in weeks
    ]
    context = {
        "first": first,
        "weeks": days,
        "weekdays": [WEEKDAYS_ABBR[number] for number in range(7)],
        "before": first - timedelta(days=1),
        "after": first + timedelta(days=31),
        "is_empty": not any(day["dates"] for week in days for day in week),
    }
    return render(request, "events/staff/month.html", context)


def _month_of(text: str, today: date) -> date:
    """The first day of the month that is asked for as 2026-06, or of this one."""
    try:
        asked = date.fromisoformat(f"{text}-01")
    except ValueError:
        asked = today
    # The years around it must exist too.
    return asked.replace(day=1) if 1900 <= asked.year <= 2200 else today.replace(day=1)


@staff_only("coordinator")
@require_POST
def copy(request: HttpRequest, slug: str) -> HttpResponse:
    """The same event once more, as a draft without dates."""
    event = event_to_edit(request, slug)
    copied = copy_event(event=event, actor=editor(request), at=timezone.now())
    messages.success(request, _("Copied. Give it its dates; nobody sees it yet."))
    return redirect("events:staff-edit", slug=copied.slug)


@staff_only("coordinator")
def share(request: HttpRequest, slug: str) -> HttpResponse:
    """A link that opens the draft to whoever has it, until it is taken back."""
    event = event_to_edit(request, slug)
    if request.method == "POST":
        is_shared = request.POST.get("act") == "share"
        try:
            share_draft(event=event, is_shared=is_shared, actor=editor(request), at=timezone.now())
        except EventsError as refusal:
            messages.warning(request, str(refusal))
            return redirect("events:staff-edit", slug=event.slug)
        return redirect("events:staff-share", slug=event.slug)
    link = f"{settings.BASE_URL}{event.share_path}" if event.is_shared else ""
    return render(request, "events/staff/share.html", {"event": event, "link": link})


@never_cache
@require_safe
def shared_draft(request: HttpRequest, token: str) -> HttpResponse:
    """The draft as its page will be, for whoever was given the link."""
    event = draft_opened_by(token)
    if event is None:
        return without_referrer(render(request, "errors/404.html", status=404))
    occurrence = event.occurrences.select_related("series").order_by("starts_at").first()
    room = Room(None, 0, 0)
    if occurrence is not None:
        occurrence.event = event
        room = room_of(occurrence, at=timezone.now())
    context = {**event_context(event, occurrence, room), "is_preview": True, "is_shared": True}
    return without_referrer(render(request, "events/event.html", context))


@staff_only("coordinator")
@require_safe
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Who changed what, newest first."""
    event = event_to_edit(request, slug)
    entries = [
        {
            "title": VERBS.get(entry.verb, entry.verb),
            "at": entry.at,
            "by": entry.actor.get_short_name() if entry.actor else _("the schedule"),
            "text": ", ".join(_label(name) for name in entry.fields),
        }
        for entry in trail_of(event)[:200]
    ]
    back = reverse("events:staff-edit", args=[event.slug])
    context = {"event": event, "entries": entries, "back": back}
    return render(request, "events/staff/history.html", context)


def _label(name: str) -> str:
    """A field as its form calls it; days and counts stay as they are."""
    if name == "dates":
        return _("Dates")
    if name in EventForm.base_fields:
        return str(EventForm.base_fields[name].label)
    return name
