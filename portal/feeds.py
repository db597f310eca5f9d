"""A person's own calendar: what each app has for them, in one feed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404, HttpRequest
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from accounts.models import User
from calendars import gateway
from calendars.domain.calendar import StoredEvent
from calendars.domain.programs import program_of
from calendars.feeds import StoredFeed
from calendars.models import FeedToken
from calendars.queries import EVENTS_FEED, link_opened_by, personal_feed_key, window_start
from common.text import speaking
from events.queries import calendar_entries as event_entries
from events.queries import hosted_entries
from therapy_credits.queries.calendar import calendar_entries as busy_entries
from therapy_credits.services.subjects import own_tokens


@dataclass(frozen=True)
class OwnCalendar:
    """What a link opens. ``busy`` is empty unless the person asked for it."""

    link: FeedToken
    busy: list[StoredEvent]
    is_hosted_only: bool = False
    """Whether they ask for what they host and nothing else (``?only=hosted``)."""

    @property
    def person(self) -> User:
        return self.link.user


class PersonalFeed(StoredFeed):
    """Own RSVPs, what one hosts, and private appointments as "Busy" for those who ask.

    "Busy" entries are read each time, and their text is part of the tag: no revision of theirs
    is kept, because a row that says when it moved would say who has such appointments.
    """

    is_personal: ClassVar[bool] = True

    def get_object(
        self, request: HttpRequest, *args: Any, secret: str, **kwargs: Any
    ) -> OwnCalendar:
        link = link_opened_by(secret)
        if link is None:
            raise Http404
        at = clock.now()
        program = program_of(request.headers.get("User-Agent", ""))
        gateway.note_fetch(link, gateway.Fetch(at, program))
        if request.GET.get("only") == "hosted":
            return OwnCalendar(link, [], is_hosted_only=True)
        return OwnCalendar(link, self._busy(link, at) if link.shows_busy else [])

    def _busy(self, link: FeedToken, at: datetime) -> list[StoredEvent]:
        tokens = own_tokens(link.user)
        time_zone = link.user.time_zone or "UTC"
        with speaking(link.user.language):
            return busy_entries(tokens, time_zone=time_zone, since=window_start(at))

    def title(self, obj: OwnCalendar) -> str:
        with speaking(obj.person.language):
            return _("My calendar")

    def timezone(self, obj: OwnCalendar) -> str:
        return obj.person.time_zone or "UTC"

    def feed_keys(self, obj: OwnCalendar) -> Sequence[str]:
        return [EVENTS_FEED, personal_feed_key(obj.person.pk)]

    def variant(self, obj: OwnCalendar) -> str:
        # A replaced link, another choice, another language or zone: other bytes, so another tag.
        link = obj.link
        choices = [link.pk, link.generation, link.alarm_minutes, obj.is_hosted_only]
        person = [obj.person.language, obj.person.time_zone, obj.person.wants_plain_titles]
        busy = hashlib.sha256("".join(entry.text for entry in obj.busy).encode()).hexdigest()
        return " ".join(map(str, [*choices, *person, busy]))

    def items(self, obj: OwnCalendar, *, at: datetime) -> Iterable[StoredEvent]:
        since, alarm_minutes = window_start(at), obj.link.alarm_minutes
        with speaking(obj.person.language):
            if obj.is_hosted_only:
                return hosted_entries(obj.person, since=since, alarm_minutes=alarm_minutes)
            own = event_entries(
                obj.person,
                since=since,
                alarm_minutes=alarm_minutes,
            )
        return [*own, *obj.busy]
