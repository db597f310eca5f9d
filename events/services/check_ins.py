"""Who came: written at the door, and undone when it was a mistake."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from events.errors import NotGoing
from events.models import CheckIn, Rsvp


@transaction.atomic
def check_in(*, rsvp: Rsvp, people_count: int, actor: User, at: datetime) -> CheckIn:
    """Note that ``people_count`` of this party have come.

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
            rsvp=rsvp, people_count=people_count, checked_in_at=at, checked_in_by=actor
        )
    if standing.people_count != people_count:
        standing.people_count = people_count
        standing.save(update_fields=["people_count"])
    return standing


@transaction.atomic
def undo_check_in(*, rsvp: Rsvp, at: datetime) -> None:
    """They were checked in by mistake. Doing it again changes nothing."""
    CheckIn.objects.standing().filter(rsvp=rsvp).update(undone_at=at)
