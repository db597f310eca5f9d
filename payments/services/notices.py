"""What the processor tells us: stored as it comes in, and applied later, in any order, once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from common.hints import hint
from payments.domain.facts import (
    Disputed,
    Returned,
    Session,
    disputed_of,
    returned_of,
    session_of,
)
from payments.gateway import Notice, read_notice
from payments.models import ProcessorEvent
from payments.services.charges import record_dispute, record_session
from payments.services.refunds import record_returned

logger = logging.getLogger(__name__)

_SESSIONS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
    }
)
_REFUNDS = frozenset({"refund.created", "refund.updated", "refund.failed"})
_DISPUTES = frozenset({"charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"})


def receive(*, body: bytes, signature: str, at: datetime) -> ProcessorEvent | None:
    """Keep what the processor says, if it was it that said so. Again changes nothing.

    None for what we do not act on. Raises NotFromProcessor.
    """
    notice = read_notice(body, signature)
    facts = _facts_of(notice)
    if facts is None:
        return None
    with transaction.atomic():
        event, _is_new = ProcessorEvent.objects.get_or_create(
            processor_id=notice.id,
            defaults={
                "kind": notice.kind,
                "facts": facts,
                "happened_at": notice.created_at,
                "received_at": at,
            },
        )
        hint("processor-told")
    return event


def apply_notices(*, limit: int, at: datetime) -> int:
    """Apply what came in and is not applied; how many were.

    One that does not fit (yet) is left for the next run and stops none of those behind it.
    """
    found = ProcessorEvent.objects.filter(applied_at__isnull=True).order_by("pk")
    done = 0
    for pk in list(found.values_list("pk", flat=True)[:limit]):
        try:
            done += _apply(pk, at)
        except DatabaseError:
            logger.exception("notice %s of the processor cannot be applied", pk)
    return done


@transaction.atomic
def _apply(pk: int, at: datetime) -> bool:
    waiting = ProcessorEvent.objects.select_for_update(skip_locked=True)
    event = waiting.filter(pk=pk, applied_at__isnull=True).first()
    if event is None:
        return False  # another worker has it
    if event.kind in _SESSIONS:
        record_session(session=Session(**event.facts), at=event.happened_at)
    elif event.kind in _REFUNDS:
        record_returned(returned=Returned(**event.facts), at=event.happened_at)
    else:
        record_dispute(disputed=Disputed(**event.facts))
    event.applied_at = max(at, event.received_at)
    event.save(update_fields=["applied_at"])
    return True


@transaction.atomic
def forget_notices(*, before: datetime) -> int:
    """What was applied is in our own rows; a notice this old does not come again."""
    return ProcessorEvent.objects.filter(applied_at__lt=before).delete()[0]


def _facts_of(notice: Notice) -> Mapping[str, Any] | None:
    if notice.kind in _SESSIONS:
        # Whoever has the address of the page could pay there; it is kept with the charge.
        return {**asdict(session_of(notice.data)), "url": ""}
    if notice.kind in _REFUNDS:
        return asdict(returned_of(notice.data))
    if notice.kind in _DISPUTES:
        return asdict(disputed_of(notice.data))
    return None
