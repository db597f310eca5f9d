"""The places of a date: one way to take them, one way to give them back.

The row of ``Seats`` is the lock. Its counter is kept by the database from the RSVP rows, so
what is written here are RSVPs only. The queue is served in order, by the rule of the event
(``events.domain.queue``): a place is given at once, or offered for some hours and held meanwhile.
An offer ends by the clock. That its time is over is a comparison; whoever looks next at the date
writes it down and passes the place on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, QuerySet, Sum

from calendars.queries import personal_feed_key
from calendars.services.revisions import bump_all
from common.prepared import Prepared
from events.domain.queue import may_take, next_served
from events.errors import Busy
from events.models import Event, Occurrence, Rsvp, Seats
from events.queries import people_who_see
from events.services.due_mails import promise

# SQLSTATE of a lock that was waited for too long (settings: lock_timeout).
LOCK_NOT_AVAILABLE = "55P03"
# So long a place with a price is kept for whoever waited, where the event gives places at once.
PRICED_OFFER_HOURS = 24


@dataclass
class Places:
    """What is free at one date, true for as long as its lock is held."""

    occurrence: Occurrence
    """As it is now, with its event: read after the lock was taken."""
    free: int | None
    """How many more people fit; None where there is no limit; below zero where the capacity
    was lowered under what is taken."""
    has_queue: bool
    has_lapsed: bool
    """Whether somebody let an offer run out, and it is not written down so far."""
    told: list[Rsvp] = field(default_factory=list)
    """Those whose calendar has changed."""
    told_user_ids: set[int] = field(default_factory=set)
    """And the accounts of those who were served from the queue."""

    def fits(self, people: int) -> bool:
        return self.free is None or people <= self.free

    def take(self, people: int) -> None:
        if self.free is not None:
            self.free -= people

    def reread(self, rsvp: Rsvp) -> Rsvp:
        """An RSVP of this date as it is under the lock: a promotion may have come between."""
        # Held as well: who begins to pay or checks in holds the row and not the places.
        row = Rsvp.objects.select_for_update(of=("self",), no_key=True)
        now = row.select_related("user", "series_rsvp").get(pk=rsvp.pk)
        now.occurrence = self.occurrence
        return now


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
        left_out = (leaving_out.pk if leaving_out else None) or 0
        [occurrence] = _as_it_is.all(pk=occurrence_id, at=at, left_out=left_out)
        places = _places(seats, occurrence)
        yield places
        _bump_told([places], at)


@contextmanager
def places_of_each(
    event_id: int, occurrence_ids: Sequence[int], *, at: datetime
) -> Iterator[list[Places]]:
    """``places_of`` for several dates of one event, in as many statements as for one."""
    with transaction.atomic(savepoint=False):
        # Who changes an event holds it, and then the places of its dates in an order of their
        # own. Nobody may wait for us with one of them and we for them with another, so we hold
        # the event too; an answer to a single date does not wait for that.
        event = Event.objects.filter(pk=event_id)
        found = Seats.objects.filter(pk__in=occurrence_ids).order_by("pk")
        with saying_busy():
            list(event.select_for_update(no_key=True).values_list("pk", flat=True))
            seats = list(found.select_for_update())
        dates = _with_what_is_held(at, 0).in_bulk(occurrence_ids)
        each = [_places(one, dates[one.pk]) for one in seats]
        yield each
        _bump_told(each, at)


def _places(seats: Seats, occurrence: Occurrence) -> Places:
    free = None
    if seats.capacity is not None:
        held_now: int | None = occurrence.held  # type: ignore[attr-defined]  # annotated
        free = seats.capacity - seats.firm - (held_now or 0)
    has_queue: bool = occurrence.has_queue  # type: ignore[attr-defined]  # annotated
    has_lapsed: bool = occurrence.has_lapsed  # type: ignore[attr-defined]  # annotated
    return Places(occurrence, free, has_queue, has_lapsed)


def _bump_told(each: Iterable[Places], at: datetime) -> None:
    users: set[int] = set()
    for places in each:
        users |= places.told_user_ids | {one.user_id for one in places.told if one.user_id}
    bump_all([personal_feed_key(user_id) for user_id in users], at=at)


@Prepared
def _seats(pk: int) -> QuerySet[Seats]:
    return Seats.objects.select_for_update().filter(pk=pk)


@Prepared
def _as_it_is(pk: int, at: datetime, left_out: int) -> QuerySet[Occurrence]:
    return _with_what_is_held(at, left_out).filter(pk=pk)


def _with_what_is_held(at: datetime, left_out: int) -> QuerySet[Occurrence]:
    """Dates, what is held for a while, and whether somebody waits or let an offer run out."""
    here = OuterRef("pk")
    holding = Rsvp.objects.holding(at=at).filter(occurrence=here).exclude(pk=left_out)
    held = holding.order_by().values("occurrence").annotate(total=Sum("party_size"))
    return Occurrence.objects.select_related("event").annotate(
        held=held.values("total"),
        has_queue=Exists(Rsvp.objects.waiting().filter(occurrence=here)),
        has_lapsed=Exists(Rsvp.objects.lapsed(at=at).filter(occurrence=here)),
    )


def _lock(occurrence_id: int) -> Seats:
    with saying_busy():
        [seats] = _seats.all(pk=occurrence_id)
    return seats


@contextmanager
def saying_busy() -> Iterator[None]:
    """A lock that was waited for too long is told in words."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise Busy from error
        raise


def claim(places: Places, people: int, *, at: datetime) -> bool:
    """Take ``people`` places if there are that many; the caller then writes the RSVP.

    The queue is served first, so nobody new gets a place that somebody waiting could have.
    """
    serve_queue(places, at=at)
    return _take_if_any(places, people, at)


def claim_each(places: Places, parties: Iterable[int], *, at: datetime) -> list[bool]:
    """``claim`` for one party after the other, whom the caller then writes: who gets no places
    waits, and the next is behind them. The queue that was there before is served once."""
    serve_queue(places, at=at)
    taken = []
    for people in parties:
        has_places = _take_if_any(places, people, at)
        places.has_queue = places.has_queue or not has_places
        taken.append(has_places)
    return taken


def _take_if_any(places: Places, people: int, at: datetime) -> bool:
    """Take them if the queue, which was served, lets somebody new have them."""
    skips_large = places.occurrence.event.skips_large_parties or not _is_serving(places, at)
    if not may_take(people, places.free, has_queue=places.has_queue, skips_large=skips_large):
        return False
    places.take(people)
    return True


def release(places: Places, people: int, *, at: datetime) -> None:
    """Give back ``people`` places, whose RSVP the caller has written, and serve the queue."""
    places.take(-people)
    serve_queue(places, at=at)


def serve_queue(places: Places, *, at: datetime) -> int:
    """Give (or offer) what is free to those who wait, by the event's rule; how many were served.

    They are told, by mails that are written after the lock.
    """
    if places.has_lapsed:
        _end_lapsed(places, at)
    if places.free is not None and places.free < 0:
        _take_back_offers(places, at)
    if not places.has_queue or not places.fits(1) or not _is_serving(places, at):
        return 0
    event = places.occurrence.event
    waiting = Rsvp.objects.waiting().filter(occurrence=places.occurrence)
    if places.free is not None and event.skips_large_parties:
        waiting = waiting.filter(party_size__lte=places.free)
    turns = list(waiting.values_list("pk", "party_size"))
    if event.is_restricted:
        # Who may no longer see the event keeps their turn, and nobody waits behind them.
        turns = _of_those_who_see(places, turns, at)
        places.has_queue = bool(turns)
    served = next_served(turns, places.free, skips_large=event.skips_large_parties)
    if not served:
        return 0
    sizes = dict(turns)
    places.take(sum(sizes[pk] for pk in served))
    # Among those left out may be larger parties, which were not even read.
    places.has_queue = event.skips_large_parties or len(served) < len(turns)
    # What has a price is never given at once: it is kept while somebody decides to pay.
    is_offered = bool(event.offer_hours or event.is_priced)
    changes = _offer(places, at) if is_offered else _gift(at)
    Rsvp.objects.filter(pk__in=served).update(**changes)
    _tell(places, served, "offered" if is_offered else "promoted", at)
    return len(served)


def _of_those_who_see(
    places: Places, turns: list[tuple[int, int]], at: datetime
) -> list[tuple[int, int]]:
    event = places.occurrence.event
    waiting = Rsvp.objects.waiting().filter(occurrence=places.occurrence, user__isnull=False)
    people = {rsvp.pk: rsvp.user for rsvp in waiting.select_related("user") if rsvp.user}
    seeing = people_who_see(event, list(people.values()), at=at)
    return [turn for turn in turns if turn[0] in people and people[turn[0]].pk in seeing]


def put_back(places: Places, rsvps: list[Rsvp], *, at: datetime) -> None:
    """Take back what was offered, since the room became smaller. They keep their turn."""
    ids = [rsvp.pk for rsvp in rsvps]
    Rsvp.objects.filter(pk__in=ids).update(
        status=Rsvp.Status.WAITLISTED, hold_expires_at=None, changed_at=at
    )
    places.has_queue = True
    _tell(places, ids, "taken_back", at)


def _is_serving(places: Places, at: datetime) -> bool:
    """Whether places still go to the queue: until it begins. At the door, hosts decide."""
    occurrence = places.occurrence
    is_on = occurrence.event.status == Event.Status.PUBLISHED and not occurrence.is_cancelled
    return is_on and at < occurrence.starts_at


def _gift(at: datetime) -> dict[str, Any]:
    return {"status": Rsvp.Status.GOING, "queued_at": None, "changed_at": at}


def _offer(places: Places, at: datetime) -> dict[str, Any]:
    """Kept for some hours, and never past the start."""
    until = at + timedelta(hours=places.occurrence.event.offer_hours or PRICED_OFFER_HOURS)
    return {
        "status": Rsvp.Status.OFFERED,
        "hold_expires_at": min(until, places.occurrence.starts_at),
        "changed_at": at,
    }


def _end_lapsed(places: Places, at: datetime) -> None:
    """Write down which offers ran out, and which places nobody paid. What they held was free from
    that moment on."""
    lapsed = Rsvp.objects.lapsed(at=at).filter(occurrence=places.occurrence)
    rows = list(lapsed.values_list("pk", "status"))
    lapsed.update(status=Rsvp.Status.DECLINED, queued_at=None, hold_expires_at=None, changed_at=at)
    places.has_lapsed = False
    for status, mail in ((Rsvp.Status.OFFERED, "lapsed"), (Rsvp.Status.PAYING, "unpaid")):
        if ids := [pk for pk, was in rows if was == status]:
            _tell(places, ids, mail if _is_serving(places, at) else "", at)


def _take_back_offers(places: Places, at: datetime) -> None:
    """There are fewer places than are taken: offers no longer fit. Last in line goes first.

    Who is going keeps their place, whatever the size of the room.
    """
    held = Rsvp.objects.holding(at=at).filter(
        occurrence=places.occurrence, status=Rsvp.Status.OFFERED
    )
    back = []
    for rsvp in held.order_by("-queued_at", "-pk"):
        if places.fits(0):
            break
        places.take(-rsvp.party_size)
        back.append(rsvp)
    if back:
        put_back(places, back, at=at)


def _tell(places: Places, ids: list[int], what: str, at: datetime) -> None:
    """Promise them the mail ``what``, if any; their calendars have changed in any case."""
    rows = list(Rsvp.objects.filter(pk__in=ids).values_list("pk", "reference", "user"))
    places.told_user_ids |= {user_id for _pk, _reference, user_id in rows if user_id}
    if what:
        named = [(pk, reference) for pk, reference, _user_id in rows]
        promise(what, named, at=at, once=int(at.timestamp()))
