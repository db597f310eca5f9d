"""Calendars of events: everything public, and one event as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from calendars.domain.calendar import StoredEvent
from calendars.domain.vevent import render_vevent
from calendars.feeds import StoredFeed, Writable
from calendars.queries import EVENTS_FEED, window_start
from common.when import span
from events.forms import EventFilter
from events.models import Event, Occurrence
from events.queries import chosen_dates, discreet, page_url, place_line, public_entry


class PublicFeed(StoredFeed):
    """All public dates, narrowed by the same parameters as the list page.

    It starts from what somebody without an account may see, whoever asks.
    """

    file_name = "events.ics"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        # Most subscribers ask for everything, and making the form costs more than answering.
        return EventFilter(request.GET).chosen if request.GET else {}

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


class WordsFeed(PublicFeed):
    """What the public feed shows, for programs that read news and not calendars.

    As far back as the calendar, and with the same filters.
    """

    def dates(self, obj: Mapping[str, Any], at: datetime) -> Iterable[Occurrence]:
        """The dates with their events, those that were changed last first."""
        shown = Occurrence.objects.visible_to(AnonymousUser()).listed()
        dates = chosen_dates(shown.filter(ends_at__gt=window_start(at)), obj)
        return dates.select_related("event", "series").order_by("-revised_at", "-pk")[:NEWS_ITEMS]

    def home_url(self) -> str:
        return f"{settings.BASE_URL}{reverse('events:list')}"

    def feed_url(self, request: HttpRequest) -> str:
        return f"{settings.BASE_URL}{request.get_full_path()}"

    def variant(self, obj: Mapping[str, Any]) -> str:
        # Its words are in the reader's language.
        return f"{super().variant(obj)} {get_language()}"


class JsonFeed(WordsFeed):
    """https://www.jsonfeed.org/version/1.1/ with the times of each date in ``_event``."""

    content_type: ClassVar[str] = "application/feed+json; charset=utf-8"
    file_name = "events.json"

    def get_feed(self, obj: Mapping[str, Any], request: HttpRequest, *, at: datetime) -> Writable:
        return _Json(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "title": self.title(obj),
                "home_page_url": self.home_url(),
                "feed_url": self.feed_url(request),
                "language": get_language(),
                "items": [_json_item(date) for date in self.dates(obj, at)],
            }
        )


class AtomFeed(WordsFeed):
    """RFC 4287."""

    content_type: ClassVar[str] = "application/atom+xml; charset=utf-8"
    file_name = "events.atom"

    def get_feed(self, obj: Mapping[str, Any], request: HttpRequest, *, at: datetime) -> Writable:
        feed = _Atom(
            title=self.title(obj),
            link=self.home_url(),
            description="",
            language=get_language(),
            feed_url=self.feed_url(request),
            feed_guid=self.feed_url(request),
        )
        feed.if_empty = window_start(at)
        for date in self.dates(obj, at):
            feed.add_item(
                title=_headline(date),
                link=page_url(date),
                description=_content(date),
                unique_id=f"tag:{settings.MAIL_DOMAIN},2026:{date.uid}",
                pubdate=date.event.published_at,
                updateddate=date.revised_at,
                categories=date.event.topic_labels,
            )
        return feed


NEWS_ITEMS = 200


class _Json:
    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    def write(self, outfile: Any, encoding: str = "utf-8") -> None:
        outfile.write(json.dumps(self.facts, ensure_ascii=False, indent=1).encode(encoding))


class _Atom(Atom1Feed):
    if_empty: datetime

    def latest_post_date(self) -> datetime:
        # The framework's own would say "now" of an empty feed: other bytes each time.
        return max((item["updateddate"] for item in self.items), default=self.if_empty)


def _json_item(date: Occurrence) -> dict[str, Any]:
    event = date.event
    item: dict[str, Any] = {
        "id": date.uid,
        "url": page_url(date),
        "title": _headline(date),
        "summary": event.summary,
        "content_text": _content(date),
        "date_modified": date.revised_at.isoformat(),
        "language": event.language,
        "tags": event.topic_labels,
        "_event": {
            "about": f"{settings.BASE_URL}/api/v1/docs",
            "starts_at": date.local_start.isoformat(),
            "ends_at": date.local_end.isoformat(),
            "timezone": event.time_zone,
            "location": place_line(date),
            "status": "cancelled" if date.is_cancelled else "confirmed",
        },
    }
    if event.published_at:
        item["date_published"] = event.published_at.isoformat()
    return item


def _headline(date: Occurrence) -> str:
    title = date.event.title
    return _("Cancelled: %(title)s") % {"title": title} if date.is_cancelled else title


def _content(date: Occurrence) -> str:
    when = f"{span(date.local_start, date.local_end)} ({date.event.time_zone})"
    parts = (when, place_line(date), date.event.summary, date.note)
    return "\n\n".join(part for part in parts if part)


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
