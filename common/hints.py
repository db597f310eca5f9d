"""Hints: "there is something for you to do", sent after commit, allowed to get lost.

A hint carries no facts. The schedule finds the work without it; the hint only
makes it sooner. So a broker that is away costs time and nothing else.
"""

import logging

from celery import current_app
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)


def hint(name: str) -> None:
    """After the current transaction commits, start the tasks that follow hint ``name``."""
    tasks = settings.HINTS[name]
    transaction.on_commit(lambda: _send(tasks), robust=True)


def _send(tasks: list[str]) -> None:
    for task in tasks:
        try:
            current_app.send_task(task, retry=False, ignore_result=True)
        except Exception:  # any broker failure is the same to us: the schedule will do it
            logger.warning("no broker for hint %s; the schedule will do it", task)
