"""Which event a page of the console is about, and who asks: those who run it, or its hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.access import ask_for_second_factor, signed_in
from accounts.models import User
from events.models import HOSTS_SEE_FOR, Event, Host, Occurrence, Rsvp, SeriesRsvp

Rest = ParamSpec("Rest")


def editor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the decorators have seen to it
    return request.user


def event_to_edit(request: HttpRequest, slug: str) -> Event:
    """An event this person runs, drafts too; 404 for every other."""
    events = Event.objects.editable_by(request.user, at=timezone.now())
    return get_object_or_404(events.select_related("programme", "edited_by"), slug=slug)


@dataclass(frozen=True)
class Crew:
    """Who works at an event: somebody who runs it, or one of its hosts, who may less."""

    event: Event
    person: User
    host: Host | None
    """Nothing for those who run it."""

    @property
    def layout(self) -> str:
        """The frame of their pages."""
        return "host.html" if self.host else "staff.html"

    def since(self, *, at: datetime) -> datetime | None:
        """Dates over before this are closed to them; nothing where none is."""
        return at - HOSTS_SEE_FOR if self.host else None

    def name_of(self, rsvp: Rsvp | SeriesRsvp) -> str:
        """What they may call a guest: hosts see no address. Needs the user."""
        return rsvp.name_for_hosts if self.host else rsvp.name

    def date(self, day: str) -> Occurrence | None:
        return date_to_show(self.event, day, since=self.since(at=timezone.now()))

    def dates(self) -> list[Occurrence]:
        return dates_to_show(self.event, since=self.since(at=timezone.now()))

    def rsvp(self, reference: str) -> Rsvp:
        """The answer of this reference to one of the dates they may see; 404 for every other."""
        rsvps = Rsvp.objects.filter(occurrence__event=self.event)
        since = self.since(at=timezone.now())
        if since is not None:
            rsvps = rsvps.filter(occurrence__ends_at__gt=since)
        return get_object_or_404(rsvps.select_related("user", "occurrence"), reference=reference)

    def sees(self, rsvp: Rsvp) -> bool:
        """Whether the date of this answer is open to them. Needs the date."""
        since = self.since(at=timezone.now())
        return since is None or rsvp.occurrence.ends_at > since

    def context(self) -> dict[str, Any]:
        """What every page of theirs needs."""
        return {"event": self.event, "crew": self, "layout": self.layout}


CrewView: TypeAlias = Callable[Concatenate[HttpRequest, Crew, Rest], HttpResponse]


def crew_only(view: CrewView[Rest]) -> Callable[..., HttpResponse]:
    """Only for those who run the event at this address and its hosts, with a second factor: they
    see who comes."""

    @wraps(view)
    @signed_in
    def checked(
        request: HttpRequest, slug: str, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponse:
        person, at = editor(request), timezone.now()
        events = Event.objects.select_related("programme", "edited_by").filter(slug=slug)
        event, host = events.editable_by(person, at=at).first(), None
        if event is None:
            event = events.hosted_by(person, at=at).first()
            if event is None:
                raise Http404
            host = event.hosting.accepted().get(person=person)
            host.event = event
        crew = Crew(event, person, host)
        return ask_for_second_factor(request) or view(request, crew, *args, **kwargs)

    return checked


def dates_to_show(event: Event, *, since: datetime | None = None) -> list[Occurrence]:
    """Its dates that are not over before ``since``, each with the event at hand."""
    found = event.occurrences.order_by("starts_at")
    dates = list(found.filter(ends_at__gt=since) if since else found)
    for date in dates:
        date.event = event
    return dates


def date_to_show(event: Event, day: str, *, since: datetime | None = None) -> Occurrence | None:
    """The date that is meant, or else today's, the next, or the last."""
    dates = dates_to_show(event, since=since)
    not_before = timezone.now() - timedelta(hours=6)
    meant = (date for date in dates if date.page_day == day)
    coming = (date for date in dates if date.ends_at > not_before)
    return next(meant, None) or next(coming, None) or (dates[-1] if dates else None)
