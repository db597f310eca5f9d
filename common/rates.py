"""How often somebody asks: a counter in the shared cache, for one minute at a time.

Without the cache nobody is counted: a missing counter must not close the door.
"""

import hashlib
import logging
from datetime import datetime

from common.cache import count_one

logger = logging.getLogger(__name__)

MINUTE_SECONDS = 60


def count_in_this_minute(what: str, who: str, *, at: datetime) -> int:
    """How many times ``who`` did ``what`` in the minute of ``at``, this time included.

    ``who`` may be an address: it is not kept, only a digest of it, and for two minutes.
    """
    minute = int(at.timestamp()) // MINUTE_SECONDS
    key = f"rate:{what}:{minute}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
    try:
        return count_one(key, seconds=2 * MINUTE_SECONDS)
    except Exception:  # any failure of the cache is the same to us: do without
        logger.warning("the cache did not answer; %s is not counted", what)
        return 0


def seconds_left_in_minute(at: datetime) -> int:
    """When counting begins anew, in whole seconds, never 0."""
    return MINUTE_SECONDS - int(at.timestamp()) % MINUTE_SECONDS
