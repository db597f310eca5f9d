"""What a host sees: being asked, what they host, one event of theirs, and its words."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, signed_in
from accounts.rules import lacks_second_factor
from calendars.domain.programs import subscribe_links
from calendars.queries import personal_link_of
from events.access import Crew
from events.errors import EditedMeanwhile, EventsError, NotReady
from events.forms.hosts import HostNameForm, HostWordsForm
from events.models import Event, Host, Question, SeriesRsvp
from events.queries import (
    door_count,
    host_invitations_of,
    host_opened_by,
    hosted_drafts,
    hosted_events,
    people_counts,
)
from events.rules import can_change_words
from events.services.events import edit_words
from events.services.hosts import accept_host, decline_host, name_host, resign_host

GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
@GET_OR_POST
@signed_in
def invitation(request: SignedInRequest, token: str) -> HttpResponse:
    """What a link in a mail opens, for whoever has the address it went to."""
    host = host_opened_by(token)
    if host is None:
        return render(request, "events/host_unknown.html", status=404)
    if host.is_accepted and host.person == request.user:
        return redirect("events:hosted", slug=host.event.slug)
    if not host_invitations_of(request.user, at=timezone.now()).filter(pk=host.pk).exists():
        return render(request, "events/host_unknown.html", status=410)
    return _answer(request, host)


@GET_OR_POST
@signed_in
def asked(request: SignedInRequest, pk: int) -> HttpResponse:
    """The same for somebody who is signed in with that address: no link is needed."""
    mine = host_invitations_of(request.user, at=timezone.now())
    return _answer(request, get_object_or_404(mine, pk=pk))


def _answer(request: SignedInRequest, host: Host) -> HttpResponse:
    """What it is to host this event, and yes or no."""
    event, at = host.event, timezone.now()
    is_no = request.POST.get("act") == "decline"
    form = HostNameForm(
        request.POST if request.method == "POST" and not is_no else None,
        initial={"name": request.user.name},
    )
    try:
        if is_no:
            decline_host(host=host, person=request.user, at=at)
            messages.info(request, _("Thank you for saying so. Nothing begins."))
            return redirect("portal:me")
        if form.is_bound and form.is_valid():
            accept_host(host=host, person=request.user, **form.cleaned_data, at=at)
            messages.success(request, _("Thank you. Here is what you need."))
            return redirect("events:hosted", slug=event.slug)
    except EventsError as refusal:
        messages.warning(request, str(refusal))
        return redirect("events:hosting")
    coming = event.occurrences.filter(ends_at__gt=at, cancelled_at=None).order_by("starts_at")
    context = {"host": host, "event": event, "form": form, "dates": coming[:6]}
    status = 422 if form.is_bound else 200
    return render(request, "events/host_asked.html", context, status=status)


@require_safe
@signed_in
def hosting(request: SignedInRequest) -> HttpResponse:
    """Events you host."""
    at = timezone.now()
    link = personal_link_of(request.user)
    url = settings.BASE_URL + reverse("portal:personal-feed", args=[link.secret]) if link else ""
    context = {
        "ways": subscribe_links(f"{url}?only=hosted", name=_("Events you host")) if url else None,
        "invitations": host_invitations_of(request.user, at=at),
        "hosted": hosted_events(request.user, at=at),
        "drafts": hosted_drafts(request.user),
        "lacks_second_factor": lacks_second_factor(request.user),
    }
    return render(request, "events/hosting.html", context)


def _mine(request: SignedInRequest, slug: str) -> Host:
    """This person as a host of the event; 404 where they are none, or it is over for long."""
    mine = request.user.hosting.accepted().select_related("event", "person")
    host = get_object_or_404(mine, event__slug=slug)
    is_draft = host.event.status == Event.Status.DRAFT
    open_ones = Event.objects.hosted_by(request.user, at=timezone.now())
    if not is_draft and not open_ones.filter(pk=host.event_id).exists():
        raise Http404
    return host


@require_safe
@signed_in
def hosted(request: SignedInRequest, slug: str) -> HttpResponse:
    """One event on the phone of its host: who comes, the door, writing, and what to know."""
    host, at = _mine(request, slug), timezone.now()
    crew = Crew(host.event, request.user, host)
    occurrence = crew.date(request.GET.get("date", ""))
    context: dict[str, Any] = {
        **crew.context(),
        "lacks_second_factor": lacks_second_factor(request.user),
        "host": host,
        "occurrence": occurrence,
        "others": crew.dates(),
        "may_change_words": can_change_words(host),
    }
    if occurrence is not None and host.event.status != Event.Status.DRAFT:
        counts = people_counts(occurrence)
        context |= {
            "count": door_count(occurrence),
            "requests": counts["applied"],
            "every_time": SeriesRsvp.objects.undecided().filter(event=host.event).count(),
            "has_questions": Question.objects.filter(event=host.event).exists(),
            "is_over": occurrence.is_over(at=at),
        }
    return render(request, "events/hosted.html", context)


@GET_OR_POST
@signed_in
def hosted_self(request: SignedInRequest, slug: str) -> HttpResponse:
    """How the page names them, and stopping."""
    host, at = _mine(request, slug), timezone.now()
    if request.POST.get("act") == "resign":
        resign_host(host=host, at=at)
        messages.info(request, _("You do not host it any more."))
        return redirect("events:hosting")
    form = HostNameForm(
        request.POST or None, initial={"name": host.name, "is_shown": host.is_shown}
    )
    if form.is_bound and form.is_valid():
        try:
            name_host(host=host, **form.cleaned_data, at=at)
        except EventsError as refusal:
            messages.warning(request, str(refusal))
            return redirect("events:hosting")
        messages.success(request, _("Saved."))
        return redirect("events:hosted", slug=slug)
    context = {"host": host, "event": host.event, "form": form}
    return render(request, "events/hosted_self.html", context, status=422 if form.is_bound else 200)


@GET_OR_POST
@signed_in
def hosted_words(request: SignedInRequest, slug: str) -> HttpResponse:
    """What a co-host may write of the event."""
    host, at = _mine(request, slug), timezone.now()
    if not can_change_words(host):
        raise Http404
    event = Event.objects.get(pk=host.event_id)
    form = HostWordsForm(request.POST or None, instance=event)
    if form.is_bound and form.is_valid():
        version = form.cleaned_data["version"] or 0
        try:
            edit_words(
                event=host.event, version=version, words=form.words, actor=request.user, at=at
            )
        except NotReady as refusal:
            for name, why in refusal.missing.items():
                form.add_error(name if name in form.fields else None, why)
        except EditedMeanwhile:
            # Saved again, it keeps what the form says; what they wrote stands beside it.
            now = Event.objects.get(pk=host.event_id)
            form = HostWordsForm({**request.POST.dict(), "version": str(now.version)}, instance=now)
            theirs = Event.objects.get(pk=host.event_id)
            form.is_valid()
            context = {"host": host, "event": theirs, "form": form, "is_conflict": True}
            context["theirs"] = [
                (form.fields[name].label, getattr(theirs, name))
                for name, value in form.words.items()
                if getattr(theirs, name) != value
            ]
            return render(request, "events/hosted_words.html", context, status=409)
        else:
            messages.success(request, _("Saved."))
            return redirect("events:hosted", slug=slug)
    context = {"host": host, "event": host.event, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "events/hosted_words.html", context, status=status)
