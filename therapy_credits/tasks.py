"""What the scheduler does. Each task finds its work in rows, and can run twice or be killed."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from common.batches import batch_after_batch
from therapy_credits.queries.books import differences
from therapy_credits.services import (
    adjustments,
    allocation,
    expiry,
    fit_calls,
    funding,
    gifts,
    lapses,
    pools,
    retention,
    statements,
)
from therapy_credits.services.bookings import time_out_bookings
from therapy_credits.services.desk_hours import hand_to_covers as hand_cases_to_covers
from therapy_credits.services.reminders import (
    ask_people,
    remind_of_calls,
    remind_people,
    remind_practices,
)
from therapy_credits.services.session_codes import expire_codes

logger = logging.getLogger(__name__)

# So many are forgotten in one transaction.
FORGET_AT_ONCE = 500


@shared_task
def allocate_due() -> int:
    """Give ambassadors what they are due."""
    return allocation.allocate_due(at=timezone.now())


@shared_task
def claw_back_due() -> int:
    """Return what is free of people who left to the pools."""
    return allocation.claw_back_due(at=timezone.now())


@shared_task
def expire_lots() -> int:
    """Expire what is free in lots whose life is over."""
    return expiry.expire_lots(at=timezone.now())


@shared_task
def sweep_overdue_holds() -> int:
    """Release every hold that is past its time-out and that no booking or code has released."""
    return len(expiry.time_out_holds(at=timezone.now()))


@shared_task
def book_decided() -> int:
    """Book what two people stand behind: fundings, adjustments and statements."""
    now = timezone.now()
    apps = (funding, adjustments, statements)
    return sum(app.book_decided(at=now) for app in apps)


@shared_task
def serve_gifts() -> None:
    """Send the gifts that can no longer be undone; return those that nobody claimed."""
    now = timezone.now()
    gifts.send_due(at=now)
    gifts.expire_gifts(at=now)


@shared_task
def draft_statements() -> int:
    """Pay what waited for money, then draft what practices are owed for the month before."""
    now = timezone.now()
    statements.pay_what_waits(at=now)
    return statements.draft_statements(at=now)


@shared_task
def check_ledger() -> int:
    """Prove the books. Each difference is an error in the log: ids and numbers, no names."""
    found = 0
    for line in differences():
        logger.error("the books are wrong: %s", line)
        found += 1
    return found


@shared_task
def time_out_holds() -> None:
    """Give back what no practice confirmed in time, and what unused codes hold."""
    now = timezone.now()
    time_out_bookings(at=now)
    expire_codes(at=now)


@shared_task
def alert_low_pools() -> int:
    """On two days of the month, tell of pools that fell a step."""
    return pools.alert_low_pools(at=timezone.now())


@shared_task
def hand_to_covers() -> int:
    """Give the cases of who is away to who covers for them."""
    return hand_cases_to_covers(at=timezone.now())


@shared_task
def purge_calls() -> None:
    """Forget what nobody needs to know of first calls any more."""
    fit_calls.purge_calls(at=timezone.now())


@shared_task
def forget_care() -> int:
    """Forget who is behind sessions that were settled long ago."""
    return batch_after_batch(retention.forget_care, limit=FORGET_AT_ONCE)


@shared_task
def follow_licences() -> None:
    """Warn of licences that end soon, and free what is booked where none counts any more."""
    now = timezone.now()
    lapses.warn_of_lapses(at=now)
    lapses.release_uncovered(at=now)


@shared_task
def remind_of_sessions() -> None:
    """Mails for tomorrow, after a session, and to practices with something to confirm."""
    now = timezone.now()
    remind_people(at=now)
    remind_of_calls(at=now)
    ask_people(at=now)
    remind_practices(at=now)
