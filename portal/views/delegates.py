"""What somebody who handles an ambassador's dates sees and does: events, tours, and no more.

Nothing here asks about care, and nothing here depends on it: what an ambassador has booked, was
given or gave away changes no page of their delegate. Events that only a programme's people see
stand here as a time that is taken, because belonging to a programme may be private too.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import SignedInRequest, signed_in
from accounts.models import User
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.life import AbsenceForm
from ambassadors.models import Delegate
from ambassadors.services import absences
from events.errors import EventsError
from events.models import Occurrence, Rsvp, Visibility
from events.queries import hosted_dates_of, rsvps_of
from events.services import rsvps

LISTED = 20


@dataclass(frozen=True)
class Taken:
    """One date of the ambassador: named where anybody may know of the event."""

    occurrence: Occurrence
    is_named: bool
    rsvp: Rsvp | None
    """Nothing where they host it and have not answered as a guest."""


def _held(request: SignedInRequest, pk: int) -> Delegate:
    held = Delegate.objects.held_by(request.user, at=timezone.now())
    return get_object_or_404(held.select_related("ambassador"), pk=pk)


@require_safe
@signed_in
def people(request: SignedInRequest) -> HttpResponse:
    """For whom one handles dates."""
    held = Delegate.objects.held_by(request.user, at=timezone.now()).select_related("ambassador")
    return render(request, "portal/delegations.html", {"held": held.order_by("pk")})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def person(request: SignedInRequest, pk: int) -> HttpResponse:
    """Somebody's dates: where they go, where they could go, when they are away."""
    held = _held(request, pk)
    at = timezone.now()
    today = at.astimezone(dt.UTC).date()
    form = AbsenceForm(request.POST or None, today=today)
    # Why somebody is away may say something about them: their delegate knows the days alone.
    del form.fields["kind"]
    if request.method == "POST" and form.is_valid():
        try:
            absences.add_absence(
                user=held.ambassador, kind="tour", by=request.user, at=at, **form.cleaned_data
            )
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Noted."))
            return redirect("portal:delegate", pk=pk)
    mine = list(rsvps_of(held.ambassador, at=at, is_over=False))
    context = {
        "held": held,
        "taken": _taken(held.ambassador, mine, at),
        "dates": _open_dates(at).exclude(pk__in=[rsvp.occurrence_id for rsvp in mine])[:LISTED],
        "absences": held.ambassador.absences.not_over(today),
        "form": form,
    }
    status = 422 if form.is_bound else 200
    return render(request, "portal/delegate.html", context, status=status)


def _taken(ambassador: User, rsvps: list[Rsvp], at: dt.datetime) -> list[Taken]:
    """What they go to and what they host, in order of time."""
    answered = {rsvp.occurrence_id for rsvp in rsvps}
    hosted = [one for one in hosted_dates_of(ambassador, at=at) if one.pk not in answered]
    taken = [Taken(rsvp.occurrence, _is_open_to_all(rsvp), rsvp) for rsvp in rsvps]
    taken += [Taken(one, one.event.visibility == Visibility.PUBLIC, None) for one in hosted]
    return sorted(taken, key=lambda one: one.occurrence.starts_at)


def _is_open_to_all(rsvp: Rsvp) -> bool:
    return rsvp.occurrence.event.visibility == Visibility.PUBLIC and not rsvp.is_discreet


def _open_dates(at: dt.datetime) -> QuerySet[Occurrence]:
    """Dates anybody may come to."""
    return (
        Occurrence.objects.visible_to(AnonymousUser())
        .listed()
        .upcoming(at=at)
        .filter(cancelled_at=None, event__status="published")
        .select_related("event")
    )


@require_POST
@signed_in
def say_yes(request: SignedInRequest, pk: int, occurrence_pk: int) -> HttpResponse:
    """Say yes for them. They get the same mail as when they say it themselves."""
    held = _held(request, pk)
    at = timezone.now()
    occurrence = get_object_or_404(_open_dates(at), pk=occurrence_pk)
    try:
        rsvps.place_rsvp(
            occurrence=occurrence,
            person=held.ambassador,
            language=held.ambassador.language or "en",
            at=at,
        )
        messages.success(request, _("Done. They have a mail about it."))
    except EventsError as error:
        messages.error(request, str(error))
    return redirect("portal:delegate", pk=pk)


@require_POST
@signed_in
def leave(request: SignedInRequest, pk: int, rsvp_pk: int) -> HttpResponse:
    """Take back a yes to an event anybody may know of."""
    held = _held(request, pk)
    at = timezone.now()
    mine = rsvps_of(held.ambassador, at=at, is_over=False)
    rsvp = get_object_or_404(
        mine.filter(occurrence__event__visibility=Visibility.PUBLIC, is_discreet=False), pk=rsvp_pk
    )
    try:
        rsvps.leave(rsvp=rsvp, at=at)
        messages.success(request, _("Taken back. They have a mail about it."))
    except EventsError as error:
        messages.error(request, str(error))
    return redirect("portal:delegate", pk=pk)


@require_POST
@signed_in
def back(request: SignedInRequest, pk: int, absence_pk: int) -> HttpResponse:
    """Take away dates out again."""
    held = _held(request, pk)
    absence = get_object_or_404(held.ambassador.absences, pk=absence_pk)
    absences.remove_absence(absence=absence, by=request.user, at=timezone.now())
    messages.success(request, _("Removed."))
    return redirect("portal:delegate", pk=pk)
