"""Sending what is queued. Safe to run at any time, any number at once, and to be killed."""

from __future__ import annotations

import logging
import random
import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from notifications.errors import DeliveryError, OutageError
from notifications.gateway import Connection, open_connection
from notifications.models import Message
from notifications.services import messages

logger = logging.getLogger(__name__)

BATCH = 50
# A batch is given back when its lease is near its end, and a task ends before its time limit.
PATIENCE_SECONDS = 200
OUTAGE_WAIT = timedelta(seconds=30)


@shared_task
def send_messages() -> int:
    """Send what is due, batch after batch on one connection; the number sent.

    The hint runs it at once, the schedule each minute: whatever a killed worker or
    an absent broker left is found by its lease.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    sent = 0
    batch = messages.claim(limit=BATCH, at=timezone.now())
    if not batch:
        return 0
    try:
        with open_connection() as connection:
            while batch:
                sent += _send(connection, batch, until)
                if time.monotonic() > until:
                    break
                batch = messages.claim(limit=BATCH, at=timezone.now())
    except OutageError as error:
        logger.warning("no mail server (%s); %d messages wait", error, len(batch))
        wait = OUTAGE_WAIT * random.random()  # noqa: S311 - spreads load, guards nothing
        messages.release(messages=batch, at=timezone.now(), wait=wait)
    return sent


def _send(connection: Connection, batch: list[Message], until: float) -> int:
    sent = 0
    for number, message in enumerate(batch):
        if time.monotonic() > until:
            messages.release(messages=batch[number:], at=timezone.now(), wait=timedelta(0))
            break
        try:
            connection.send(message)
        except DeliveryError as error:
            messages.record_failed(
                message=message, reason=str(error), is_final=error.is_final, at=timezone.now()
            )
        else:
            messages.record_sent(message=message, at=timezone.now())
            sent += 1
    return sent


@shared_task
def purge_contents() -> None:
    """Delete the contents of old mail, and prove it."""
    messages.purge_contents(at=timezone.now())
