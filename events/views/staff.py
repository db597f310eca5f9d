"""The coordinator's console: write, preview, publish, change, cancel, and the door."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.access import staff_only
from accounts.models import User
from common.text import language_spoken
from events.access import editor as _editor
from events.access import event_to_edit as _mine
from events.domain.plans import DatePlan
from events.errors import EditedMeanwhile, EventsError, NotReady
from events.forms import (
    CancelForm,
    DateFormSet,
    EventForm,
    StaffFilter,
    dates_of,
    day_words,
    typed_in,
)
from events.models import Event, Occurrence, Rsvp
from events.queries import (
    Room,
    ahead_of,
    overfull_dates,
    room_of,
    series_to_manage,
    staff_events,
)
from events.rules import impossible_settings, missing_for_publishing, odd_settings
from events.services.events import (
    cancel_event,
    draft_event,
    edit_event,
    publish_event,
)
from events.views.public import event_context

PER_PAGE = 40
DOOR_PER_PAGE = 100
WEEKS_AT_ONCE = 4


@staff_only("coordinator")
@require_safe
def staff_list(request: HttpRequest) -> HttpResponse:
    """Every event this coordinator runs, drafts too."""
    at, editor = timezone.now(), _editor(request)
    form = StaffFilter(request.GET, editor=editor, at=at)
    events = staff_events(editor, form.chosen, at=at)
    page = Paginator(events, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "is_filtered": bool(form.chosen),
        "query": request.GET.urlencode(),
    }
    return render(request, "events/staff/list.html", context)


@staff_only("coordinator")
def staff_new(request: HttpRequest) -> HttpResponse:
    """Write a new event."""
    draft = Event(time_zone=_editor(request).time_zone or "UTC", language=language_spoken())
    return _edit(request, draft)


@staff_only("coordinator")
def staff_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change an event; somebody else's change in the meantime is shown, and nothing is lost."""
    return _edit(request, _mine(request, slug))


def _edit(request: HttpRequest, event: Event) -> HttpResponse:
    at, editor = timezone.now(), _editor(request)
    if request.method != "POST":
        form = EventForm(instance=event, editor=editor, at=at)
        return _show_editor(request, event, form, DateFormSet(initial=_rows(event, at)))
    if wanted := _more_rows(request):
        form = EventForm(instance=event, initial=typed_in(request.POST), editor=editor, at=at)
        return _show_editor(request, event, form, DateFormSet(initial=wanted))
    form = EventForm(request.POST, instance=_copy(event), editor=editor, at=at)
    dates = DateFormSet(request.POST)
    is_valid = form.is_valid()
    dates.read_in(_zone(form))
    if not (dates.is_valid() and is_valid):
        return _show_editor(request, event, form, dates)
    try:
        saved = _save(event, form, dates, editor, at)
    except EditedMeanwhile:
        return _show_conflict(request, event, form, at)
    except NotReady as refusal:
        for name, why in refusal.missing.items():
            form.add_error(name if name in form.fields else None, why)
        return _show_editor(request, event, form, dates)
    messages.success(request, _("Saved."))
    _say_what_is_overfull(request, saved)
    if "publish" in request.POST:
        return _publish(request, saved)
    return redirect("events:staff-edit", slug=saved.slug)


def _say_what_is_overfull(request: HttpRequest, event: Event) -> None:
    """Fewer places than people is allowed; whoever did it shall know what it means."""
    for seats in overfull_dates(event):
        if seats.occurrence.is_over(at=timezone.now()):
            continue
        text = ngettext(
            "%(when)s: %(people)d person is going, and the places are %(places)d. They keep "
            "theirs, and nobody new gets one until enough have left.",
            "%(when)s: %(people)d people are going, and the places are %(places)d. They keep "
            "theirs, and nobody new gets one until enough have left.",
            seats.firm,
        ) % {
            "when": day_words(seats.occurrence.local_start.date()),
            "people": seats.firm,
            "places": seats.capacity,
        }
        messages.warning(request, text)


def _save(event: Event, form: EventForm, dates: DateFormSet, editor: User, at: datetime) -> Event:
    plans = [
        DatePlan(row["starts_at"], row["ends_at"], row["capacity"], row["occurrence"])
        for row in dates.kept
    ]
    if event.pk is None:
        return draft_event(words=form.words, dates=plans, actor=editor, at=at)
    version = form.cleaned_data["version"] or 0
    return edit_event(
        event=event, version=version, words=form.words, dates=plans, actor=editor, at=at
    )


def _copy(event: Event) -> Event:
    """What the form may write on: a refused form must not change what the page shows."""
    return Event.objects.get(pk=event.pk) if event.pk else event


def _zone(form: EventForm) -> ZoneInfo | None:
    name = form.cleaned_data.get("time_zone") if hasattr(form, "cleaned_data") else None
    return ZoneInfo(name) if name else None


def _rows(event: Event, at: datetime) -> list[dict[str, Any]]:
    """The dates to come, and an empty row where there are none."""
    if event.pk is None:
        return [{}]
    coming = event.occurrences.filter(series=None, ends_at__gt=at, cancelled_at__isnull=True)
    found = [_with(event, occurrence) for occurrence in coming.order_by("starts_at")]
    return dates_of(event, found) or ([] if event.series.exists() else [{}])


def _with(event: Event, occurrence: Occurrence) -> Occurrence:
    occurrence.event = event
    return occurrence


def _more_rows(request: HttpRequest) -> list[dict[str, Any]]:
    """The rows as typed plus those asked for: one empty, or the last one in the next weeks."""
    if not {"add_row", "add_weeks"} & set(request.POST):
        return []
    typed = DateFormSet(request.POST)
    typed.is_valid()
    names = ("occurrence", "on", "starts", "ends", "capacity", "which")
    rows = [{name: form[name].value() for name in names} for form in typed.forms]
    read = [form.cleaned_data for form in typed.forms if form.cleaned_data.get("on")]
    if "add_row" in request.POST or not read:
        return [*rows, {}]
    last = max(read, key=lambda row: row["on"])
    weeks = range(1, WEEKS_AT_ONCE + 1)
    return [
        *rows,
        *(
            {
                "on": last["on"] + timedelta(weeks=week),
                "starts": last.get("starts"),
                "ends": last.get("ends"),
                "capacity": last.get("capacity"),
            }
            for week in weeks
        ),
    ]


def _show_editor(
    request: HttpRequest,
    event: Event,
    form: EventForm,
    dates: DateFormSet,
    *,
    conflict: dict[str, Any] | None = None,
) -> HttpResponse:
    context = {
        **_looked_over(event),
        "event": event,
        "form": form,
        "dates": dates,
        "conflict": conflict,
        "fieldsets": _fieldsets(form),
        "series": series_to_manage(event, at=timezone.now()) if event.pk else [],
        "hosts": event.hosting.standing().order_by("position", "pk") if event.pk else [],
        "has_people": bool(event.pk)
        and Rsvp.objects.active().filter(occurrence__event=event).exists(),
    }
    return render(request, "events/staff/edit.html", context)


def _looked_over(event: Event) -> dict[str, Any]:
    """What is missing before it can be published, what cannot be as it is, and what is odd."""
    at = timezone.now()
    if event.pk is None or event.status not in (Event.Status.DRAFT, Event.Status.PUBLISHED):
        return {}
    ahead = ahead_of(event, at=at)
    missing = impossible_settings(event, ahead)
    if event.status == Event.Status.DRAFT:
        missing = missing_for_publishing(event, has_dates=bool(ahead.dates)) | missing
    return {"missing": missing, "odd": odd_settings(event, ahead, at=at)}


def _fieldsets(form: EventForm) -> list[tuple[str, list[Any]]]:
    """The parts of the form, with their headings."""
    parts = [
        (_("What it is"), "title summary body hosts language topics"),
        (_("Where"), "format time_zone place_name address online_url"),
        (
            _("Who it is for"),
            "visibility programme minimum_age max_plus_ones needs_approval rsvp_opens_at "
            "rsvp_closes_at",
        ),
        (_("What it costs"), "price_kind currency price_minor least_minor refund_hours"),
        (_("When it is full"), "offer_hours skips_large_parties"),
        (_("Before and after"), "reminder_hours survey"),
        (_("What people should know"), "access_notes content_notes recording_note"),
        (
            _("Duty of care"),
            "safety_lead host_briefing emergency_number emergency_address quiet_space",
        ),
    ]
    return [(heading, [form[name] for name in names.split()]) for heading, names in parts]


def _show_conflict(
    request: HttpRequest, event: Event, refused: EventForm, at: datetime
) -> HttpResponse:
    """Somebody saved in between: show what they wrote beside what was typed here.

    The form now begins from their version, so that saving again keeps what it says.
    """
    now = Event.objects.select_related("edited_by").get(pk=event.pk)
    theirs = [
        {"label": refused.fields[name].label, "value": getattr(now, name)}
        for name, value in refused.words.items()
        if getattr(now, name) != value
    ]
    data = request.POST.copy()
    data["version"] = str(now.version)
    form = EventForm(data, instance=_copy(now), editor=_editor(request), at=at)
    conflict = {"by": now.edited_by, "at": now.edited_at, "fields": theirs}
    return _show_editor(request, now, form, DateFormSet(data), conflict=conflict)


@staff_only("coordinator")
@require_safe
def staff_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """The page as people will see it."""
    event = _mine(request, slug)
    occurrence = event.occurrences.select_related("series").order_by("starts_at").first()
    room = Room(None, 0, 0)
    if occurrence is not None:
        occurrence.event = event
        room = room_of(occurrence, at=timezone.now())
    context = {
        **event_context(event, occurrence, room),
        **_looked_over(event),
        "is_preview": True,
    }
    return render(request, "events/event.html", context)


@staff_only("coordinator")
@require_POST
def staff_publish(request: HttpRequest, slug: str) -> HttpResponse:
    """Show it to those it is for."""
    return _publish(request, _mine(request, slug))


def _publish(request: HttpRequest, event: Event) -> HttpResponse:
    try:
        published = publish_event(event=event, actor=_editor(request), at=timezone.now())
    except EventsError as refusal:
        messages.warning(request, f"{refusal} {_('The list is at the top of the page.')}")
        return redirect("events:staff-edit", slug=event.slug)
    messages.success(request, _("Published. It is on the list and in the feed now."))
    if _looked_over(published)["odd"]:
        messages.info(request, _("Some settings are worth another look. They are listed below."))
        return redirect("events:staff-edit", slug=event.slug)
    return redirect("events:event", slug=event.slug)


@staff_only("coordinator")
def staff_cancel(request: HttpRequest, slug: str) -> HttpResponse:
    """Call it off, with a message to everybody who comes or waits."""
    event = _mine(request, slug)
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cancel_event(
                event=event,
                note=form.cleaned_data["note"],
                actor=_editor(request),
                at=timezone.now(),
            )
        except EventsError as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, _("Cancelled. Everybody is told by mail."))
            if event.is_priced and not event.has_deposit:
                return redirect("events:staff-payments", slug=event.slug)
        return redirect("events:staff-edit", slug=event.slug)
    coming = Rsvp.objects.active().filter(
        occurrence__event=event, occurrence__ends_at__gt=timezone.now()
    )
    context = {"event": event, "form": form, "to_tell": coming.count()}
    return render(request, "events/staff/cancel.html", context)
