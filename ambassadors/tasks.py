"""What goes on by itself. Safe to run at any time, any number at once, and to be killed."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from ambassadors.models import RosterImport
from ambassadors.services import (
    agreements,
    decisions,
    enrolments,
    invitations,
    programmes,
    renewals,
    retention,
    rosters,
)
from common.batches import PATIENCE_SECONDS, batch_after_batch

BATCH = 100


@shared_task
def continue_rosters() -> int:
    """Read and import roster files chunk by chunk; the number of chunks done."""
    until = time.monotonic() + PATIENCE_SECONDS
    chunks = 0
    open_states = [RosterImport.State.READING, RosterImport.State.IMPORTING]
    for roster in RosterImport.objects.filter(state__in=open_states).only("pk").order_by("pk"):
        more = True
        while more and time.monotonic() < until:
            more = rosters.continue_roster(roster=roster, at=timezone.now())
            chunks += 1
    return chunks


@shared_task
def send_invitations() -> int:
    """Send the invitations that rosters made; how many."""
    return batch_after_batch(invitations.send_waiting_invitations, limit=BATCH)


@shared_task
def tell_of_changed_texts() -> int:
    """Ask those who agreed before to read a text that changed; how many were told."""
    return batch_after_batch(agreements.tell_of_changes, limit=BATCH)


@shared_task
def end_terms() -> int:
    """Close the terms whose last day has passed; how many."""
    return programmes.end_due_terms(at=timezone.now())


@shared_task
def write_of_endings() -> int:
    """Tell people a month before that their term ends; how many."""
    return batch_after_batch(enrolments.write_of_endings, limit=BATCH)


@shared_task
def remind_of_joining() -> int:
    """Write once to people who have not finished joining for a week; how many."""
    return batch_after_batch(enrolments.remind_of_joining, limit=BATCH)


@shared_task
def write_farewells() -> int:
    """Write to people whose place has ended; how many."""
    return batch_after_batch(enrolments.write_farewells, limit=BATCH)


@shared_task
def write_renewals() -> int:
    """Write to people who are asked to go on into another term; how many."""
    return batch_after_batch(renewals.write_renewals, limit=BATCH)


@shared_task
def announce_decisions() -> int:
    """Tell the people whose decision is due; how many."""
    return batch_after_batch(decisions.announce_due, limit=BATCH)


@shared_task
def purge_applications() -> None:
    """Count the rounds whose time is over, delete their applications, and prove it."""
    decisions.purge_applications(at=timezone.now())


@shared_task
def forget_rosters() -> None:
    """Delete the rows of old imports, and prove it."""
    rosters.forget_rosters(at=timezone.now())


@shared_task
def forget_programmes() -> None:
    """Delete what the time in a programme that is long over left behind, and prove it."""
    retention.forget_programmes(at=timezone.now())
