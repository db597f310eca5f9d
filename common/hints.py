"""Hints: "there is something for you to do", sent after commit, allowed to get lost.

A hint carries no facts. The schedule finds the work without it; the hint only
makes it sooner. So a broker that is away costs time and nothing else.
"""

import logging
import threading
import time

from celery import current_app
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

# A process that gives the same hint again and again gives it so often (seconds).
AT_MOST_EVERY = 1.0

_given: dict[str, float] = {}
"""When each hint of this process was given last; one that is to come is in the future."""
_lock = threading.Lock()


def hint(name: str) -> None:
    """After the current transaction commits, start the tasks that follow hint ``name``.

    Under load one hint stands for many: who comes within a second of the last one is covered by
    one more at the end of that second.
    """
    transaction.on_commit(lambda: _give(name), robust=True)


def _give(name: str) -> None:
    now = time.monotonic()
    with _lock:
        wait = max(0.0, _given.get(name, -AT_MOST_EVERY) + AT_MOST_EVERY - now)
        if wait > AT_MOST_EVERY:
            return  # one is to come already
        _given[name] = now + wait
    _send(settings.HINTS[name], wait)


def _send(tasks: list[str], wait: float) -> None:
    for task in tasks:
        try:
            current_app.send_task(task, countdown=wait or None, retry=False, ignore_result=True)
        except Exception:  # any broker failure is the same to us: the schedule will do it
            logger.warning("no broker for hint %s; the schedule will do it", task)
