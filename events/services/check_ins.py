"""Who came: written at the door, and undone when it was a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from events.errors import DateIsCancelled, DateIsOver, NoRoomAtTheDoor, NotGoing, NotYetBegun
from events.models import CheckIn, Occurrence, Rsvp, new_rsvp_reference
from events.services.seats import claim, places_of

# A phone without a network may bring what it scanned this late, and not from further back.
LATEST_SYNC = timedelta(days=2)


@dataclass(frozen=True)
class Scan:
    """What became of one code that a door has read."""

    outcome: str
    """``in``; ``again`` (they were in already, since ``came_at``); ``not_going``; ``other_date``;
    or ``unknown``."""
    rsvp: Rsvp | None = None
    came_at: datetime | None = None


@transaction.atomic
def check_in(
    *,
    rsvp: Rsvp,
    people_count: int,
    actor: User,
    scan_id: UUID | None = None,
    seen_at: datetime | None = None,
    at: datetime,
) -> CheckIn:
    """Note that ``people_count`` of this party have come, at ``seen_at`` or now.

    Again with the same number changes nothing; with another number it is corrected. Raises
    NotGoing.
    """
    rsvp = Rsvp.objects.select_for_update(of=("self",)).get(pk=rsvp.pk)
    if not rsvp.is_going:
        raise NotGoing
    people_count = max(1, min(people_count, rsvp.party_size))
    standing = CheckIn.objects.standing().filter(rsvp=rsvp).first()
    if standing is None:
        return CheckIn.objects.create(
            rsvp=rsvp,
            people_count=people_count,
            checked_in_at=max(at - LATEST_SYNC, min(seen_at or at, at)),
            checked_in_by=actor,
            scan_id=scan_id,
        )
    if standing.people_count != people_count:
        standing.people_count = people_count
        standing.save(update_fields=["people_count"])
    return standing


@transaction.atomic
def scan(
    *,
    occurrence: Occurrence,
    reference: str,
    people_count: int | None,
    scan_id: UUID,
    actor: User,
    seen_at: datetime,
    at: datetime,
) -> Scan:
    """A door has read a code, perhaps a while ago and without a network.

    ``scan_id`` is the phone's own name for it: sent again, it does nothing and is answered the
    same, also when it was undone meanwhile. Two doors that read one code queue on its row, and
    the second is told.
    """
    rsvp = (
        Rsvp.objects.select_for_update(of=("self",))
        .select_related("user", "occurrence")
        .filter(reference=reference.upper(), occurrence__event=occurrence.event_id)
        .first()
    )
    if rsvp is None:
        return Scan("unknown")
    if rsvp.occurrence_id != occurrence.pk:
        return Scan("other_date", rsvp)
    mine = CheckIn.objects.filter(scan_id=scan_id).first()
    if mine is not None:
        return Scan("in", rsvp, mine.checked_in_at)
    if not rsvp.is_going:
        return Scan("not_going", rsvp)
    standing = CheckIn.objects.standing().filter(rsvp=rsvp).first()
    if standing is not None:
        return Scan("again", rsvp, standing.checked_in_at)
    came = check_in(
        rsvp=rsvp,
        people_count=people_count or rsvp.party_size,
        actor=actor,
        scan_id=scan_id,
        seen_at=seen_at,
        at=at,
    )
    return Scan("in", rsvp, came.checked_in_at)


@transaction.atomic
def undo_check_in(*, rsvp: Rsvp, actor: User | None = None, at: datetime) -> None:
    """They were checked in by mistake. Doing it again changes nothing."""
    if CheckIn.objects.standing().filter(rsvp=rsvp).update(undone_at=at):
        audit.record(actor, "rsvp.check_in_undone", rsvp, at)


def walk_in(
    *, occurrence: Occurrence, name: str, people_count: int, actor: User, at: datetime
) -> Rsvp:
    """Somebody is at the door who never said yes: a place if there is one, and they are in.

    Nobody asks for their address, so they get no mail. Raises NoRoomAtTheDoor, DateIsCancelled
    and DateIsOver.
    """
    with places_of(occurrence.pk, at=at) as places:
        if places.occurrence.is_cancelled:
            raise DateIsCancelled
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        if not claim(places, people_count, at=at):
            raise NoRoomAtTheDoor
        rsvp = Rsvp.objects.create(
            occurrence=places.occurrence,
            guest_name=name,
            party_size=people_count,
            status=Rsvp.Status.GOING,
            reference=new_rsvp_reference(),
            placed_at=at,
            changed_at=at,
        )
        check_in(rsvp=rsvp, people_count=people_count, actor=actor, at=at)
    return rsvp


def let_in(*, rsvp: Rsvp, actor: User, at: datetime) -> Rsvp:
    """Somebody who waited is at the door, and there is room since others did not come.

    Once it has begun, hosts decide who of those who wait gets a place; before that, the queue
    does. Raises NotYetBegun, NoRoomAtTheDoor, DateIsOver and NotGoing.
    """
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        if at < places.occurrence.starts_at:
            raise NotYetBegun
        if not rsvp.is_going:
            if not rsvp.is_waiting:
                raise NotGoing
            if not claim(places, rsvp.party_size, at=at):
                raise NoRoomAtTheDoor
            rsvp.status, rsvp.queued_at, rsvp.changed_at = Rsvp.Status.GOING, None, at
            rsvp.save(update_fields=["status", "queued_at", "changed_at"])
            places.told.append(rsvp)
        check_in(rsvp=rsvp, people_count=rsvp.party_size, actor=actor, at=at)
    return rsvp
