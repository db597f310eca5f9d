"""Which event a page of the console is about, and who asks."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import User
from events.models import Event, Occurrence


def editor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # staff_only has seen to it
    return request.user


def event_to_edit(request: HttpRequest, slug: str) -> Event:
    """An event this person runs, drafts too; 404 for every other."""
    events = Event.objects.editable_by(request.user, at=timezone.now())
    return get_object_or_404(events.select_related("programme", "edited_by"), slug=slug)


def dates_to_show(event: Event) -> list[Occurrence]:
    """Its dates, each with the event at hand."""
    dates = list(event.occurrences.order_by("starts_at"))
    for date in dates:
        date.event = event
    return dates


def date_to_show(event: Event, day: str) -> Occurrence | None:
    """The date that is meant, or else today's, the next, or the last."""
    dates = dates_to_show(event)
    not_before = timezone.now() - timedelta(hours=6)
    meant = (date for date in dates if date.page_day == day)
    coming = (date for date in dates if date.ends_at > not_before)
    return next(meant, None) or next(coming, None) or (dates[-1] if dates else None)
