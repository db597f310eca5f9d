"""Work that is done batch after batch, each in a transaction of its own."""

import time
from collections.abc import Callable

from django.utils import timezone

# A task ends before its time limit; the next run goes on.
PATIENCE_SECONDS = 200


def batch_after_batch(do: Callable[..., int], *, limit: int) -> int:
    """Call ``do(limit, at)`` until it finds nothing more to do, or time is up; how much it did."""
    until = time.monotonic() + PATIENCE_SECONDS
    done = batch = do(limit=limit, at=timezone.now())
    while batch and time.monotonic() < until:
        batch = do(limit=limit, at=timezone.now())
        done += batch
    return done
