"""Feeds that answer "nothing new" quickly and everything else exactly.

``ICalFeed`` is the class Django people know, and a feed here is written like one: ``title``,
``items``, ``get_object``, ``file_name``, ``timezone``. Underneath it joins text that was
rendered when the entry last changed, with zones, validators and headers of its own (what
django-ical 1.9.2 does with each of these is in docs/calendars.md).
"""

from __future__ import annotations

import gzip
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, ClassVar, Protocol

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone as clock
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django_ical.feedgenerator import ICal20Feed
from django_ical.views import ICalFeed

from calendars import gateway
from calendars.domain.calendar import StoredEvent, render_calendar
from calendars.queries import Revision, joint_revision, revisions

# Part of every ETag: raise it when the text around the entries changes.
_FORMAT = "2"


class Writable(Protocol):
    """A feed that is ready: it writes itself into a response."""

    def write(self, outfile: Any, encoding: str) -> None: ...


class StoredCalendar(ICal20Feed):  # type: ignore[misc]  # django-ical ships no types
    """A feed generator that joins stored entries instead of building components."""

    def __init__(self, entries: Iterable[StoredEvent], *, name: str, time_zone: str) -> None:
        self.entries = entries
        self.name = name
        self.time_zone = time_zone

    def write(self, outfile: Any, encoding: str = "utf-8") -> None:
        outfile.write(render_calendar(self.entries, name=self.name, time_zone=self.time_zone))


class StoredFeed(ABC, ICalFeed):  # type: ignore[misc]  # django-ical ships no types
    """A calendar somebody subscribes to.

    A feed says ``feed_keys`` (which revisions it hangs on), ``items`` (stored entries) and
    ``title``. Whatever else changes its bytes, such as a filter, must be in ``variant``.
    """

    title: Any = ""
    timezone: Any = "UTC"
    file_name: Any = "calendar.ics"
    content_type: ClassVar[str] = "text/calendar; charset=utf-8"
    disposition: ClassVar[str] = "inline"
    cache_control: ClassVar[str] = "public, max-age=300"
    is_personal: ClassVar[bool] = False
    """Personal feeds are kept by nobody on the way, found by no search engine, and never
    stored whole in our cache."""

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return None

    @abstractmethod
    def feed_keys(self, obj: Any) -> Sequence[str]:
        """The revisions that move whenever these contents may have changed."""

    def variant(self, obj: Any) -> str:
        """What tells this one from other feeds with the same keys."""
        return ""

    @abstractmethod
    def items(self, obj: Any, *, at: datetime) -> Iterable[StoredEvent]:
        """The stored entries, in the order in which they are written."""

    def get_feed(self, obj: Any, request: HttpRequest, *, at: datetime) -> Writable:
        """The whole of it. Another form of the same feed is another class with another one."""
        return StoredCalendar(
            self.items(obj, at=at),
            name=str(self._get_dynamic_attr("title", obj)),
            time_zone=self._get_dynamic_attr("timezone", obj) or "UTC",
        )

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            obj = self.get_object(request, *args, **kwargs)
        except ObjectDoesNotExist as absent:
            raise Http404 from absent
        at = clock.now()
        is_zipped = accepts_gzip(request)
        name = self._name(obj, is_zipped)
        kept = self._kept(request, obj, name)
        rows = kept.revisions
        if rows is None:
            rows = revisions(self.feed_keys(obj))
            if not self.is_personal:
                gateway.keep_revisions(self.feed_keys(obj)[0], rows)
        revision = joint_revision(rows, at=at)
        etag = _etag(revision, name, is_zipped)
        modified_at = _whole_second(revision.revised_at, at)
        response = self._with_headers(HttpResponse(), obj, etag, modified_at)
        if _is_conditional(request):
            # In the order of RFC 9110 §13.2.2: If-None-Match wins over If-Modified-Since.
            early = get_conditional_response(request, etag, modified_at, response)
            if isinstance(early, HttpResponse) and early is not response:
                return self._with_privacy(early)
        body = kept.body if kept.etag == etag else self._made(obj, request, is_zipped, at)
        if kept.etag != etag and not self.is_personal:
            gateway.keep_body(name, etag, body)
        if is_zipped:
            response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(len(body))
        response.content = b"" if request.method == "HEAD" else body
        return response

    def _name(self, obj: Any, is_zipped: bool) -> str:
        """What tells this feed from every other, whatever is in it now."""
        facts = [
            _FORMAT,
            type(self).__qualname__,
            str(self._get_dynamic_attr("title", obj)),
            self.variant(obj),
            "gzip" if is_zipped else "",
        ]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]

    def _kept(self, request: HttpRequest, obj: Any, name: str) -> gateway.Kept:
        """What the cache has: not the bytes for who may need none, and nothing of a person's."""
        if self.is_personal:
            return _NOTHING_KEPT
        (key,) = self.feed_keys(obj)
        return gateway.kept_feed(key, "" if _is_conditional(request) else name)

    def _made(self, obj: Any, request: HttpRequest, is_zipped: bool, at: datetime) -> bytes:
        written = BytesIO()
        self.get_feed(obj, request, at=at).write(written, "utf-8")
        # No time of making in the header: same facts, same bytes.
        whole = written.getvalue()
        return gzip.compress(whole, compresslevel=6, mtime=0) if is_zipped else whole

    def _with_headers(
        self, response: HttpResponse, obj: Any, etag: str, modified_at: int
    ) -> HttpResponse:
        file_name = self._get_dynamic_attr("file_name", obj)
        response["Content-Type"] = self.content_type
        response["Content-Disposition"] = f'{self.disposition}; filename="{file_name}"'
        response["Cache-Control"] = "private, no-cache" if self.is_personal else self.cache_control
        response["ETag"] = etag
        response["Last-Modified"] = http_date(modified_at)
        patch_vary_headers(response, ["Accept-Encoding"])
        return self._with_privacy(response)

    def _with_privacy(self, response: HttpResponse) -> HttpResponse:
        if self.is_personal:
            response["Referrer-Policy"] = "no-referrer"
            response["X-Robots-Tag"] = "noindex, nofollow"
        return response


_NOTHING_KEPT = gateway.Kept(None, "", b"")


def _is_conditional(request: HttpRequest) -> bool:
    return "HTTP_IF_NONE_MATCH" in request.META or "HTTP_IF_MODIFIED_SINCE" in request.META


def _etag(revision: Revision, name: str, is_zipped: bool) -> str:
    tag = hashlib.sha256(f"{name}\n{revision.name}".encode()).hexdigest()[:32]
    # Zipped bytes are other bytes, so a strong tag must differ.
    return f'"{tag}-gzip"' if is_zipped else f'"{tag}"'


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether the client said that it can read gzip (RFC 9110 §12.5.3)."""
    for offer in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _semicolon, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _whole_second(revised_at: datetime, at: datetime) -> int:
    """The moment of a revision as HTTP tells it, in whole seconds since 1970.

    Another change may still come in this very second, and a date has no finer grain: until
    the second is over, the date is the one before.
    """
    return min(int(revised_at.timestamp()), int(at.timestamp()) - 1)
