"""The shared cache, as a counter of how much one network asks for.

Without the cache nobody is counted: a missing counter must not close the door.
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
