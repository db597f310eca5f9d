"""Calendars of events: everything public, and one event as a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from calendars.domain.calendar import StoredEvent
from calendars.domain.vevent import render_vevent
from calendars.feeds import StoredFeed
from calendars.queries import EVENTS_FEED, window_start
from events.forms import EventFilter
from events.models import Event, Occurrence
from events.queries import chosen_dates, discreet, public_entry


class PublicFeed(StoredFeed):
    """All public dates, narrowed by the same parameters as the list page.

    It starts from what somebody without an account may see, whoever asks.
    """

    file_name = "events.ics"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        return EventFilter(request.GET).chosen

    def title(self, obj: Mapping[str, Any]) -> str:
        return _("Greenroom events")

    def feed_keys(self, obj: Mapping[str, Any]) -> Sequence[str]:
        return [EVENTS_FEED]

    def variant(self, obj: Mapping[str, Any]) -> str:
        return repr(sorted((name, str(value)) for name, value in obj.items()))

    def items(self, obj: Mapping[str, Any], *, at: datetime) -> Iterable[StoredEvent]:
        shown = Occurrence.objects.visible_to(AnonymousUser()).listed()
        dates = chosen_dates(shown.filter(ends_at__gt=window_start(at)), obj)
        rows = dates.order_by("starts_at", "pk").values_list("vevent", "event__time_zone")
        return [StoredEvent(*row) for row in rows.iterator()]


class EventFile(StoredFeed):
    """Every date of one event, to keep. Visible to whoever may open its page.

    What only members see is discreet in their calendars: being one may be nobody's business.
    """

    disposition: ClassVar[str] = "attachment"
    file_name = "event.ics"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Event:
        return Event.objects.visible_to(request.user).get(slug=kwargs["slug"])

    def title(self, obj: Event) -> str:
        return "Greenroom" if obj.is_restricted else obj.title

    def timezone(self, obj: Event) -> str:
        return obj.time_zone

    def feed_keys(self, obj: Event) -> Sequence[str]:
        return [EVENTS_FEED]

    def variant(self, obj: Event) -> str:
        return str(obj.pk)

    def _with_headers(
        self, response: HttpResponse, obj: Event, etag: str, modified_at: int
    ) -> HttpResponse:
        response = super()._with_headers(response, obj, etag, modified_at)
        if obj.is_restricted:
            # Not for everybody: nobody on the way may keep it.
            response["Cache-Control"] = "private, no-cache"
        return response

    def items(self, obj: Event, *, at: datetime) -> Iterable[StoredEvent]:
        dates = obj.occurrences.order_by("starts_at").select_related("event")
        if obj.is_restricted:
            texts = [render_vevent(discreet(public_entry(date))) for date in dates]
        else:
            texts = [date.vevent for date in dates]
        return [StoredEvent(text, obj.time_zone) for text in texts]
