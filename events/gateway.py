"""The shared cache: how much one network asks for, and pictures that were drawn before.

Without the cache nobody is counted and pictures are drawn again: it must not close the door.
"""

import hashlib
import logging

from django.core.cache import cache

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 15 * 60


def count_guest_rsvp(address: str) -> int:
    """How many RSVPs without an account came from this network in the last 15 minutes.

    This one is counted. The address itself is not kept.
    """
    key = "guest-rsvps:" + hashlib.sha256(address.encode()).hexdigest()[:32]
    try:
        cache.add(key, 0, WINDOW_SECONDS)
        return int(cache.incr(key))
    except Exception:  # any failure of the cache is the same to us: do without
        logger.warning("the cache did not answer; guest RSVPs are not counted")
        return 0


PICTURE_SECONDS = 24 * 60 * 60


def kept_picture(name: str) -> bytes | None:
    """The picture of that name, if it was drawn within a day."""
    try:
        found: bytes | None = cache.get(f"event-picture:{name}")
    except Exception:  # as above
        return None
    return found


def keep_picture(name: str, content: bytes) -> None:
    try:
        cache.set(f"event-picture:{name}", content, PICTURE_SECONDS)
    except Exception:  # as above
        logger.warning("the cache did not answer; a picture is drawn again")
