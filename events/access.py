"""Which event a page of the console is about, and who asks."""

from __future__ import annotations

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import User
from events.models import Event


def editor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # staff_only has seen to it
    return request.user


def event_to_edit(request: HttpRequest, slug: str) -> Event:
    """An event this person runs, drafts too; 404 for every other."""
    events = Event.objects.editable_by(request.user, at=timezone.now())
    return get_object_or_404(events.select_related("programme", "edited_by"), slug=slug)
