"""The places of a date: one way to take them, one way to give them back.

The row of ``Seats`` is the lock. Its counter is kept by the database from the RSVP rows, so
what is written here are RSVPs only. The queue is served in order; a party that does not fit
is passed over and keeps its turn, so a free place goes to the first it is enough for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, Sum

from calendars.queries import personal_feed_key
from calendars.services.revisions import bump_all
from events.errors import Busy
from events.models import Event, Occurrence, Rsvp, Seats
from events.services.mails import tell

# SQLSTATE of a lock that was waited for too long (settings: lock_timeout).
LOCK_NOT_AVAILABLE = "55P03"


@dataclass
class Places:
    """What is free at one date, true for as long as its lock is held."""

    occurrence: Occurrence
    """As it is now, with its event: read after the lock was taken."""
    free: int | None
    """How many more people fit; None where there is no limit; below zero where the capacity
    was lowered under what is taken."""
    has_queue: bool
    told: list[Rsvp] = field(default_factory=list)
    """Those whose calendar has changed."""

    def fits(self, people: int) -> bool:
        return self.free is None or people <= self.free

    def take(self, people: int) -> None:
        if self.free is not None:
            self.free -= people


@contextmanager
def places_of(
    occurrence_id: int, *, at: datetime, leaving_out: Rsvp | None = None
) -> Iterator[Places]:
    """Lock the places of a date until the transaction ends.

    ``leaving_out`` is an RSVP whose own timed hold does not count against itself. At the end
    the calendars of everybody in ``told`` learn that they have changed.
    """
    with transaction.atomic():
        seats = _lock(occurrence_id)
        # A statement of its own: what the one before it read beside the lock is from before
        # it had waited for the lock.
        holding = Rsvp.objects.holding(at=at).filter(occurrence=OuterRef("pk"))
        if leaving_out is not None and leaving_out.pk:
            holding = holding.exclude(pk=leaving_out.pk)
        held = holding.order_by().values("occurrence").annotate(total=Sum("party_size"))
        waiting = Rsvp.objects.waiting().filter(occurrence=OuterRef("pk"))
        occurrence = (
            Occurrence.objects.select_related("event")
            .annotate(held=held.values("total"), has_queue=Exists(waiting))
            .get(pk=occurrence_id)
        )
        free = None
        if seats.capacity is not None:
            held_now: int | None = occurrence.held  # type: ignore[attr-defined]  # annotated
            free = seats.capacity - seats.firm - (held_now or 0)
        has_queue: bool = occurrence.has_queue  # type: ignore[attr-defined]  # annotated
        places = Places(occurrence, free, has_queue)
        yield places
        bump_all([personal_feed_key(rsvp.user_id) for rsvp in places.told if rsvp.user_id], at=at)


def _lock(occurrence_id: int) -> Seats:
    try:
        return Seats.objects.select_for_update().get(pk=occurrence_id)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise Busy from error
        raise


def claim(places: Places, people: int, *, at: datetime) -> bool:
    """Take ``people`` places if there are that many; the caller then writes the RSVP.

    The queue is served first, so nobody new gets a place that somebody waiting could have.
    """
    if places.has_queue:
        serve_queue(places, at=at)
    if not places.fits(people):
        return False
    places.take(people)
    return True


def release(places: Places, people: int, *, at: datetime) -> None:
    """Give back ``people`` places, whose RSVP the caller has written, and serve the queue."""
    places.take(-people)
    if places.has_queue:
        serve_queue(places, at=at)


def serve_queue(places: Places, *, at: datetime) -> list[Rsvp]:
    """Give what is free to those who wait, first come first served, and tell them.

    A party larger than what is free is passed over and keeps its turn.
    """
    occurrence = places.occurrence
    is_on = occurrence.event.status == Event.Status.PUBLISHED and not occurrence.is_cancelled
    if not is_on or occurrence.starts_at <= at or not places.fits(1):
        return []
    waiting = Rsvp.objects.waiting().filter(occurrence=occurrence)
    if places.free is not None:
        waiting = waiting.filter(party_size__lte=places.free)
    served = []
    for pk, people in waiting.values_list("pk", "party_size"):
        if places.fits(people):
            places.take(people)
            served.append(pk)
        if not places.fits(1):
            break
    if not served:
        return []
    Rsvp.objects.filter(pk__in=served).update(
        status=Rsvp.Status.GOING, queued_at=None, changed_at=at
    )
    promoted = list(
        Rsvp.objects.filter(pk__in=served).select_related("user").order_by("placed_at", "pk")
    )
    for rsvp in promoted:
        rsvp.occurrence = occurrence
        tell(rsvp, "promoted", at=at)
    places.told.extend(promoted)
    return promoted
