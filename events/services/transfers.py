"""Giving one's place to somebody else, without the queue between.

The row keeps its places and becomes the other person's, so that a transfer takes nothing and
frees nothing, also in a room that is overfull. What the giver leaves behind is a row of its own.
Nothing is the other person's until they open the link in their mail and say yes.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from events.errors import CannotGive, GivenTooOften, HasAnswered
from events.models import Answer, Event, Occurrence, Rsvp, new_rsvp_reference
from events.queries import last_rsvp, page_url, standing_rsvp, uid_generation
from events.rules import can_be_given
from events.services.mails import tell
from events.services.rsvps import Guest
from events.services.seats import places_of
from notifications.models import Message
from notifications.services.messages import queue_message

GIFTS_PER_PLACE = 5


@transaction.atomic
def give_place(*, rsvp: Rsvp, to: Guest, at: datetime) -> Rsvp:
    """Offer the place to ``to``, who gets a mail. It stays the giver's until they say yes.

    Giving it to another address takes the first offer back. Raises CannotGive, HasAnswered and
    GivenTooOften.
    """
    rsvp = (
        Rsvp.objects.select_for_update(of=("self",))
        .select_related("occurrence__event", "user")
        .get(pk=rsvp.pk)
    )
    if not can_be_given(rsvp, at=at):
        raise CannotGive
    if rsvp.heir_email == to.email.lower():
        return rsvp
    if standing_rsvp(rsvp.occurrence, user=None, email=to.email):
        raise HasAnswered
    prefix = f"rsvp:{rsvp.reference}:given:"
    if Message.objects.filter(key__startswith=prefix).count() >= GIFTS_PER_PLACE:
        raise GivenTooOften
    rsvp.heir_name, rsvp.heir_email = to.name, to.email.lower()
    rsvp.save(update_fields=["heir_name", "heir_email"])
    queue_message(
        key=f"{prefix}{rsvp.heir_email}",
        to=rsvp.heir_email,
        template="events/mail/given",
        context={
            "rsvp": rsvp,
            "occurrence": rsvp.occurrence,
            "event": rsvp.occurrence.event,
            "time_zone": "",
            "page_url": page_url(rsvp.occurrence),
            "accept_url": settings.BASE_URL + reverse("events:given", args=[rsvp.heir_token]),
        },
        language=rsvp.language,
        at=at,
    )
    return rsvp


@transaction.atomic
def keep_place(*, rsvp: Rsvp) -> None:
    """Take back what was offered to somebody else; their link then opens nothing."""
    Rsvp.objects.filter(pk=rsvp.pk).update(heir_name="", heir_email="")


def take_given_place(*, rsvp: Rsvp, person: User | None, language: str, at: datetime) -> Rsvp:
    """Whoever was given the place says yes: it is theirs, and the giver has left.

    ``person`` is their account when they are signed in; else they come as a guest with the
    address the link went to. Raises CannotGive when it was taken back or has begun, and
    HasAnswered.
    """
    offered_to = rsvp.heir_email
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if rsvp.heir_email != offered_to or not can_be_given(rsvp, at=at):
            raise CannotGive
        if not _may_see(places.occurrence, person, at):
            raise CannotGive
        email = person.email if person else offered_to
        if standing_rsvp(places.occurrence, user=person, email=email):
            raise HasAnswered
        last = last_rsvp(places.occurrence, user=person, email=email)
        giver = copy(rsvp)
        Answer.objects.filter(rsvp=rsvp).delete()
        rsvp.user, rsvp.reference, rsvp.link_generation = person, new_rsvp_reference(), 0
        rsvp.guest_name = "" if person else rsvp.heir_name
        rsvp.guest_email = "" if person else offered_to
        rsvp.language = person.language if person else language
        rsvp.uid_generation = uid_generation(places.occurrence, last, person)
        rsvp.companions, rsvp.heir_name, rsvp.heir_email = [], "", ""
        rsvp.series_rsvp = None
        rsvp.is_discreet = places.occurrence.event.is_restricted
        rsvp.placed_at = rsvp.changed_at = at
        rsvp.save()
        giver.pk, giver._state.adding = None, True
        giver.status, giver.changed_at = Rsvp.Status.LEFT, at
        giver.heir_name = giver.heir_email = ""
        giver.save(force_insert=True)
        # What was paid for a place goes with it, and back to the card it came from: the row that
        # the heir has now is the one that was paid for.
        tell(rsvp, "going", at=at)
        tell(giver, "passed_on", at=at)
        places.told += [rsvp, giver]
    return rsvp


@transaction.atomic
def forget_heirs(*, at: datetime) -> int:
    """Forget the addresses of people who were given a place and did not take it in time."""
    begun = Rsvp.objects.filter(occurrence__starts_at__lte=at).exclude(heir_email="")
    return begun.update(heir_name="", heir_email="")


def _may_see(occurrence: Occurrence, person: User | None, at: datetime) -> bool:
    """What is for members stays among them."""
    if not occurrence.event.is_restricted:
        return True
    if person is None:
        return False
    return Event.objects.visible_to(person, at=at).filter(pk=occurrence.event_id).exists()
