"""The shared cache: whole public feeds, and when a personal one was last fetched.

Nothing here is worth an error. Without the cache a feed is joined again, and the page says
that it does not know when the link was last used.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.core.cache import cache

from calendars.models import FeedToken

logger = logging.getLogger(__name__)

_BODY_SECONDS = int(timedelta(hours=1).total_seconds())
# How long anybody can see that a link was used (see docs/privacy.md on feed fetches).
_FETCH_SECONDS = int(timedelta(days=7).total_seconds())


def kept_body(etag: str) -> bytes | None:
    """The bytes that go with ``etag``, if they are at hand."""
    body: bytes | None = _try(lambda: cache.get(f"feed-body:{etag}"))
    return body


def keep_body(etag: str, body: bytes) -> None:
    _try(lambda: cache.set(f"feed-body:{etag}", body, _BODY_SECONDS))


class Fetch(NamedTuple):
    """When a calendar link was last used, and by which program ("" where that is unknown)."""

    at: datetime
    program: str


def note_fetch(link: FeedToken, fetch: Fetch) -> None:
    _try(lambda: cache.set(_fetch_key(link), tuple(fetch), _FETCH_SECONDS))


def last_fetch(link: FeedToken) -> Fetch | None:
    """The last use within seven days of the link as it is now; a replaced one starts anew."""
    fetch = _try(lambda: cache.get(_fetch_key(link)))
    return Fetch(*fetch) if fetch else None


def _fetch_key(link: FeedToken) -> str:
    return f"feed-fetch:{link.pk}:{link.generation}"


def _try(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception:  # any failure of the cache is the same to us: do without
        logger.warning("the cache did not answer; feeds do without it")
        return None
