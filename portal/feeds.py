"""A person's own calendar: what each app has for them, in one feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404, HttpRequest
from django.utils import timezone as clock
from django.utils import translation
from django.utils.translation import gettext as _
from events.queries import calendar_entries as event_entries

from calendars import gateway
from calendars.domain.calendar import StoredEvent
from calendars.domain.programs import program_of
from calendars.feeds import StoredFeed
from calendars.models import FeedToken
from calendars.queries import EVENTS_FEED, link_opened_by, personal_feed_key, window_start


class PersonalFeed(StoredFeed):
    """Own RSVPs and hosted events; private appointments as "Busy" only for those who ask."""

    is_personal: ClassVar[bool] = True

    def get_object(self, request: HttpRequest, *args: Any, secret: str, **kwargs: Any) -> FeedToken:
        link = link_opened_by(secret)
        if link is None:
            raise Http404
        program = program_of(request.headers.get("User-Agent", ""))
        gateway.note_fetch(link, gateway.Fetch(clock.now(), program))
        return link

    def title(self, link: FeedToken) -> str:
        with translation.override(link.user.language or None):
            return _("My calendar")

    def timezone(self, link: FeedToken) -> str:
        return link.user.time_zone or "UTC"

    def feed_keys(self, link: FeedToken) -> Sequence[str]:
        return [EVENTS_FEED, personal_feed_key(link.user_id)]

    def variant(self, link: FeedToken) -> str:
        # A replaced link, another choice, another language or zone: other bytes, so another tag.
        choices = [link.pk, link.generation, link.is_discreet, link.shows_busy]
        return " ".join(map(str, [*choices, link.user.language, link.user.time_zone]))

    def items(self, link: FeedToken, *, at: datetime) -> Iterable[StoredEvent]:
        since = window_start(at)
        with translation.override(link.user.language or None):
            return event_entries(link.user, since=since, is_discreet=link.is_discreet)
