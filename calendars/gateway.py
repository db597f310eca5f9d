"""The shared cache: whole public feeds, and when a personal one was last fetched.

Nothing here is worth an error. Without the cache a feed is joined again, and the page says
that it does not know when the link was last used.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

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


def note_fetch(link_id: int, *, client: str, at: datetime) -> None:
    """Remember that a link was fetched, and by which kind of program."""
    _try(lambda: cache.set(f"feed-fetch:{link_id}", (at, client), _FETCH_SECONDS))


def last_fetch(link_id: int) -> tuple[datetime, str] | None:
    fetch: tuple[datetime, str] | None = _try(lambda: cache.get(f"feed-fetch:{link_id}"))
    return fetch


def forget_fetch(link_id: int) -> None:
    _try(lambda: cache.delete(f"feed-fetch:{link_id}"))


def _try(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception:  # any failure of the cache is the same to us: do without
        logger.warning("the cache did not answer; feeds do without it")
        return None
