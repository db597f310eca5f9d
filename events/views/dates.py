"""The coordinator's pages for when an event is: its dates, one of them, and a series."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.access import staff_only
from events.access import editor, event_to_edit
from events.domain.plans import SeriesPlan
from events.domain.recurrence import start_on
from events.errors import EditedMeanwhile, EventsError
from events.forms import CancelForm
from events.forms.dates import OneDateForm, SeriesForm, asked_of, facts_of
from events.models import Event, Occurrence, Series
from events.queries import dates_to_manage, party_counts, series_to_manage
from events.services.series import (
    DateChange,
    cancel_date,
    change_one_date,
    change_series,
    changed_by_hand,
    plan_change,
    plan_start,
    start_series,
)

PER_PAGE = 60
BY_HAND = {
    "cancelled": gettext_lazy("cancelled"),
    "time": gettext_lazy("another time"),
    "capacity": gettext_lazy("other places"),
    "place": gettext_lazy("elsewhere"),
    "note": gettext_lazy("a note"),
}
WHAT = {
    "begins": (gettext_lazy("New date"), "good"),
    "moves": (gettext_lazy("Changes"), "warm"),
    "stays": (gettext_lazy("Stays"), ""),
    "kept": (gettext_lazy("Kept as it is"), ""),
    "ends": (gettext_lazy("Cancelled"), "bad"),
}
CLOCK = {
    "": "",
    "skipped": gettext_lazy("The clocks go forward that night, so it starts later than usual."),
    "twice": gettext_lazy("The clocks go back that night: this is the first of the two."),
}


@staff_only("coordinator")
@require_safe
def staff_dates(request: HttpRequest, slug: str) -> HttpResponse:
    """Every date of an event, the rules they come from, and what is different about each."""
    event = event_to_edit(request, slug)
    is_over = request.GET.get("when") == "past"
    dates = dates_to_manage(event, at=timezone.now(), is_over=is_over)
    page = Paginator(dates, PER_PAGE).get_page(request.GET.get("page"))
    rows = []
    for occurrence in page:
        occurrence.event = event
        by_hand = changed_by_hand(occurrence, occurrence.series) if occurrence.series else ()
        rows.append({"date": occurrence, "by_hand": _words(by_hand)})
    context = {
        "event": event,
        "page": page,
        "rows": rows,
        "series": series_to_manage(event, at=timezone.now()),
        "is_over": is_over,
    }
    return render(request, "events/staff/dates.html", context)


def _words(by_hand: tuple[str, ...]) -> list[str]:
    return [str(BY_HAND[name]) for name in by_hand]


@staff_only("coordinator")
def staff_date(request: HttpRequest, slug: str, day: str) -> HttpResponse:
    """One date alone: another time, place or number of places, a note, or called off."""
    event = event_to_edit(request, slug)
    occurrence = _date_of(event, day)
    cancelling = request.POST.get("act") == "cancel"
    posted = request.POST if request.method == "POST" else None
    form = OneDateForm(None if cancelling else posted, initial=facts_of(occurrence), event=event)
    cancel = CancelForm(posted if cancelling else None)
    asked: OneDateForm | CancelForm = cancel if cancelling else form
    if posted is not None and asked.is_valid():
        try:
            if cancelling:
                note = cancel.cleaned_data["note"]
                cancel_date(occurrence=occurrence, note=note, **_edit(request, posted))
                messages.success(request, _("Cancelled. Everybody who comes is told by mail."))
            else:
                change_one_date(occurrence=occurrence, plan=form.plan, **_edit(request, posted))
                messages.success(request, _("Saved. The other dates are as they were."))
            return redirect("events:staff-dates", slug=event.slug)
        except EditedMeanwhile:
            return _somebody_was_first(request, event, occurrence, form, cancel)
        except EventsError as refusal:
            asked.add_error(None, str(refusal))
    return _show_date(request, event, occurrence, form, cancel)


def _edit(request: HttpRequest, posted: Any) -> dict[str, Any]:
    version = posted.get("version", "")
    return {
        "version": int(version) if version.isdecimal() and len(version) < 10 else 0,
        "actor": editor(request),
        "at": timezone.now(),
    }


def _somebody_was_first(
    request: HttpRequest,
    event: Event,
    occurrence: Occurrence,
    form: OneDateForm,
    cancel: CancelForm,
) -> HttpResponse:
    """What was typed stays in the form, which now begins from what the other one saved."""
    event = Event.objects.select_related("edited_by").get(pk=event.pk)
    now = event.occurrences.filter(pk=occurrence.pk).first()
    if now is None:
        messages.warning(request, _("This date was taken out by somebody else."))
        return redirect("events:staff-dates", slug=event.slug)
    now.event = event
    if form.is_bound:
        data = request.POST.copy()
        data["version"] = str(event.version)
        form = OneDateForm(data, event=event)
    else:
        form = OneDateForm(initial=facts_of(now), event=event)
    return _show_date(request, event, now, form, cancel, is_conflict=True)


def _show_date(
    request: HttpRequest,
    event: Event,
    occurrence: Occurrence,
    form: OneDateForm,
    cancel: CancelForm,
    *,
    is_conflict: bool = False,
) -> HttpResponse:
    series = occurrence.series
    context = {
        "event": event,
        "occurrence": occurrence,
        "series": series,
        "form": form,
        "cancel": cancel,
        "by_hand": _words(changed_by_hand(occurrence, series)) if series else [],
        "people": party_counts([occurrence]).get(occurrence.pk, 0),
        "is_conflict": is_conflict,
        "is_over": occurrence.is_over(at=timezone.now()),
    }
    return render(request, "events/staff/date.html", context)


def _date_of(event: Event, day: str) -> Occurrence:
    try:
        on = date.fromisoformat(day)
    except ValueError as unread:
        raise Http404 from unread
    occurrence = get_object_or_404(
        event.occurrences.select_related("series", "seats"), starts_on=on
    )
    occurrence.event = event
    return occurrence


@staff_only("coordinator")
def staff_repeat(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a series, or change one from a date on; what it would do is shown before."""
    event = event_to_edit(request, slug)
    series, pivot = _series_of(event, request)
    if request.method != "POST":
        form = SeriesForm(initial=_asked(event, series, pivot) | {"version": event.version})
        return _show_repeat(request, event, series, pivot, form)
    form = SeriesForm(request.POST)
    if not form.is_valid() or "again" in request.POST:
        return _show_repeat(request, event, series, pivot, form)
    keep = _kept(request)
    try:
        if "confirm" in request.POST:
            edit = {"plan": form.plan, **_edit(request, request.POST)}
            if series is None or pivot is None:
                start_series(event=event, **edit)
            else:
                change_series(series=series, pivot=pivot, keep=keep or (), **edit)
            messages.success(request, _("Saved. The dates below follow it."))
            return redirect("events:staff-dates", slug=event.slug)
        return _show_repeat(
            request, event, series, pivot, form, _planned(event, series, pivot, form, keep)
        )
    except EditedMeanwhile:
        data = request.POST.copy()
        data["version"] = str(event.version)
        form = SeriesForm(data)
        form.is_valid()
        form.add_error(
            None,
            _("Somebody else has changed this event meanwhile. Look at what it does now."),
        )
        return _show_repeat(request, event, series, pivot, form)
    except EventsError as refusal:
        form.add_error(None, str(refusal))
        return _show_repeat(request, event, series, pivot, form)


def _series_of(event: Event, request: HttpRequest) -> tuple[Series | None, date | None]:
    """Which series, from which day on (``?from=``); nothing for a new one."""
    day = request.GET.get("from", "")
    if not day:
        return None, None
    occurrence = _date_of(event, day)
    if occurrence.series is None:
        return None, None
    occurrence.series.event = event
    return occurrence.series, occurrence.recurrence_on


def _asked(event: Event, series: Series | None, pivot: date | None) -> dict[str, Any]:
    """What the form begins with: the series as it is, or the event's next date once more."""
    if series is not None and pivot is not None:
        return asked_of(series, pivot)
    coming = event.occurrences.filter(ends_at__gt=timezone.now(), cancelled_at=None)
    first = coming.order_by("starts_at").first()
    if first is None:
        return {"how": "weekly"}
    first.event = event
    facts = facts_of(first)
    return {
        "starts_on": facts["on"],
        "starts": facts["starts"],
        "ends": facts["ends"],
        "capacity": first.capacity,
        "how": "weekly",
        "weekdays": [first.local_start.weekday()],
    }


def _kept(request: HttpRequest) -> set[int] | None:
    """The dates that stay as a hand made them; None where nobody was asked yet."""
    if "confirm" not in request.POST:
        return None
    return {int(pk) for pk in request.POST.getlist("keep") if pk.isdecimal() and len(pk) < 15}


def _planned(
    event: Event, series: Series | None, pivot: date | None, form: SeriesForm, keep: set[int] | None
) -> list[dict[str, Any]]:
    """What saving would do, date by date, with how many people each concerns."""
    at = timezone.now()
    if series is None or pivot is None:
        changes = plan_start(event=event, plan=form.plan, at=at)
    else:
        plan: dict[str, Any] = {"series": series, "pivot": pivot, "plan": form.plan, "at": at}
        if keep is None:
            first = plan_change(**plan, keep=())
            keep = {one.occurrence.pk for one in first if one.by_hand and one.occurrence}
        changes = plan_change(**plan, keep=keep)
    people = party_counts([one.occurrence for one in changes if one.occurrence])
    return [_row(event, change, form.plan, people) for change in changes]


def _row(
    event: Event, change: DateChange, plan: SeriesPlan, people: dict[int, int]
) -> dict[str, Any]:
    occurrence = change.occurrence
    start = start_on(change.day, plan.starts_clock, event.zone) if change.day else None
    label, tone = WHAT[change.what]
    starts_at = change.starts_at.astimezone(event.zone)
    was = occurrence.starts_at.astimezone(event.zone) if occurrence else None
    return {
        "change": change,
        "label": label,
        "tone": tone,
        "starts_at": starts_at,
        "was": was if was != starts_at else None,
        "by_hand": _words(change.by_hand),
        "people": people.get(occurrence.pk, 0) if occurrence else 0,
        "clock_note": CLOCK[start.note] if start and change.what != "kept" else "",
    }


def _show_repeat(
    request: HttpRequest,
    event: Event,
    series: Series | None,
    pivot: date | None,
    form: SeriesForm,
    planned: list[dict[str, Any]] | None = None,
) -> HttpResponse:
    has_before = bool(
        series is not None and series.occurrences.filter(recurrence_on__lt=pivot).exists()
    )
    context = {
        "event": event,
        "series": series,
        "pivot": pivot,
        "form": form,
        "planned": planned,
        "has_before": has_before,
        "asks_to_keep": any(row["by_hand"] and row["change"].day for row in planned or []),
        "to_tell": sum(
            row["people"] for row in planned or [] if row["change"].what in ("moves", "ends")
        ),
    }
    return render(request, "events/staff/repeat.html", context)
