"""Saying yes, confirming, changing the party, leaving.

Only taking places is gated. Leaving and coming with fewer always succeed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import audit
from calendars.queries import personal_feed_key
from calendars.services.revisions import bump
from events.errors import (
    DateIsCancelled,
    DateIsOver,
    NoLongerComing,
    NotEnoughPlaces,
    OfferEnded,
    PartyIsPaidFor,
    PartyTooLarge,
    RequestRefused,
    TooManyNames,
)
from events.models import Occurrence, Payment, Rsvp, new_rsvp_reference
from events.queries import last_rsvp, standing_rsvp, uid_generation
from events.rules import refusal_of_rsvp
from events.services.answers import write_answers
from events.services.at_once import take_at_once
from events.services.mails import prepare, tell
from events.services.payments import give_back_by_rule
from events.services.seats import Places, claim, places_of, put_back, release, serve_queue
from notifications.services.messages import queue_prepared
from payments.services.charges import give_up_charge
from payments.services.refunds import left_of

# How long places wait for a guest to confirm, and at how many dates at once for one address.
HOLD_FOR = timedelta(minutes=15)
HOLDS_PER_ADDRESS = 3
# How long a place waits for its payment: for somebody who is there, and for somebody who is
# written to.
PAY_WITHIN = timedelta(minutes=30)
PAY_WITHIN_A_DAY = timedelta(hours=24)
# Asking again within this time sends no second mail.
ASK_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Guest:
    """Somebody without an account. Nothing is theirs until they open the link in their mail."""

    name: str
    email: str


def place_rsvp(
    *,
    occurrence: Occurrence,
    person: User | Guest,
    party_size: int = 1,
    companions: Sequence[str] = (),
    language: str = "en",
    may_hold: bool = True,
    is_vouched: bool = False,
    answers: Mapping[int, str] | None = None,
    at: datetime,
) -> Rsvp:
    """Say yes for ``person``: places at ``occurrence``, or a turn in its queue when it is full.

    Where hosts decide who comes, it is a request to them. ``answers`` are to the event's
    questions, by the question's key.
    A guest's answer waits for the link in their mail; their places are held for 15 minutes
    (``may_hold`` off, or with three such holds already, they are taken on confirming).
    ``is_vouched`` when a partner's program answers for the guest: no link needs opening.
    Calling it again changes nothing, but mails a guest their link again. Raises RsvpClosed,
    PartyTooLarge and TooManyNames.
    """
    try:
        return _place(
            occurrence,
            person,
            party_size,
            companions,
            language,
            may_hold,
            is_vouched,
            answers or {},
            at,
        )
    except IntegrityError:
        # The same person at the same moment (a double click): the other one was first.
        user = person if isinstance(person, User) else None
        standing = standing_rsvp(occurrence, user=user, email=person.email)
        if standing is None:
            raise
        return standing


def _place(
    occurrence: Occurrence,
    person: User | Guest,
    party_size: int,
    companions: Sequence[str],
    language: str,
    may_hold: bool,
    is_vouched: bool,
    answers: Mapping[int, str],
    at: datetime,
) -> Rsvp:
    user = person if isinstance(person, User) else None
    last = last_rsvp(occurrence, user=user, email=person.email)
    if last and last.has_lapsed(at=at):
        # The clock has ended it; written down, it no longer stands in the way of a new answer.
        wake_queue(occurrence_id=occurrence.pk, at=at)
    elif last and last.is_active:
        last.occurrence = occurrence
        return _answer_again(last, user, language, at)
    elif last and last.is_refused:
        raise RequestRefused
    if refusal := refusal_of_rsvp(occurrence, at=at):
        raise refusal
    _check_party(occurrence, party_size, companions)
    is_request = occurrence.event.needs_approval
    rsvp = Rsvp(
        occurrence=occurrence,
        user=user,
        guest_name="" if user else person.name,
        guest_email="" if user else person.email.lower(),
        language=language,
        party_size=party_size,
        companions=list(companions),
        reference=new_rsvp_reference(),
        is_discreet=occurrence.event.is_restricted,
        uid_generation=uid_generation(occurrence, last, user),
        placed_at=at,
        changed_at=at,
    )
    if not user:
        may_hold = may_hold and not is_request and _holds_of(person.email, at) < HOLDS_PER_ADDRESS
    # The likely mail is made before the lock, so that nobody waits for a template.
    likely_status = Rsvp.Status.APPLIED if is_request else _seated(occurrence)
    if user and likely_status == Rsvp.Status.PAYING:
        rsvp.hold_expires_at = _pay_until(occurrence, PAY_WITHIN, at)
    rsvp.status = likely_status if user else Rsvp.Status.PENDING
    likely = prepare(rsvp, rsvp.status if user else "confirm", at=at, is_held=may_hold)
    if rsvp.is_going and not answers and take_at_once(rsvp=rsvp, mail=likely, at=at):
        return rsvp
    with places_of(occurrence.pk, at=at) as places:
        if refusal := refusal_of_rsvp(places.occurrence, at=at):
            raise refusal
        if user or is_vouched:
            _take_or_queue(places, rsvp, at)
        elif may_hold and claim(places, party_size, at=at):
            rsvp.hold_expires_at = at + HOLD_FOR
        rsvp.save(force_insert=True)
        if answers:
            write_answers(rsvp=rsvp, answers=answers)
        is_held = rsvp.is_pending and rsvp.hold_expires_at is not None
        as_expected = rsvp.status == likely_status if user else is_held == may_hold
        if as_expected and _says_the_same(occurrence, places.occurrence):
            queue_prepared(likely)
        else:
            rsvp.occurrence = places.occurrence
            tell(rsvp, "confirm" if rsvp.is_pending else rsvp.status, at=at, is_held=is_held)
        places.told.append(rsvp)
    return rsvp


@transaction.atomic
def _answer_again(rsvp: Rsvp, user: User | None, language: str, at: datetime) -> Rsvp:
    """Somebody who has an answer gives it again."""
    if user and rsvp.is_pending:
        # They are signed in with the address the link went to: that confirms it.
        return confirm_rsvp(rsvp=rsvp, user=user, at=at)
    if user:
        if rsvp.user_id is None:
            Rsvp.objects.filter(pk=rsvp.pk).update(user=user, guest_name="", guest_email="")
            rsvp.user, rsvp.guest_name, rsvp.guest_email = user, "", ""
            bump(personal_feed_key(user.pk), at)
        return rsvp
    if at - rsvp.changed_at >= ASK_AGAIN_AFTER or not rsvp.is_pending:
        if rsvp.is_pending:
            Rsvp.objects.filter(pk=rsvp.pk).update(changed_at=at)
            tell(rsvp, "confirm", at=at, once=int(at.timestamp()), is_held=False)
        else:
            tell(rsvp, "already", at=at, once=at.date().isoformat())
    return rsvp


def add_rsvp(
    *,
    occurrence: Occurrence,
    guest: Guest,
    party_size: int = 1,
    companions: Sequence[str] = (),
    language: str = "en",
    at: datetime,
) -> Rsvp:
    """Staff say yes for somebody who told them so; no link needs opening.

    Places are as scarce as for everybody: when there are none, it is a turn in the queue. The
    window for RSVPs does not bind staff. An answer that stands already is returned unchanged.
    """
    last = last_rsvp(occurrence, user=None, email=guest.email)
    if last and last.is_active:
        last.occurrence = occurrence
        return last
    if party_size < 1 or (companions and len(companions) >= party_size):
        raise TooManyNames
    rsvp = Rsvp(
        occurrence=occurrence,
        guest_name=guest.name,
        guest_email=guest.email.lower(),
        language=language,
        party_size=party_size,
        companions=list(companions),
        reference=new_rsvp_reference(),
        is_discreet=occurrence.event.is_restricted,
        uid_generation=last.uid_generation + 1 if last else 0,
        is_approved=True if occurrence.event.needs_approval else None,
        placed_at=at,
        changed_at=at,
    )
    with places_of(occurrence.pk, at=at) as places:
        if places.occurrence.is_cancelled:
            raise DateIsCancelled
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        _take_or_queue(places, rsvp, at, pay_within=PAY_WITHIN_A_DAY)
        rsvp.save(force_insert=True)
        _tell_outcome(places, rsvp, at)
    return rsvp


def confirm_rsvp(*, rsvp: Rsvp, user: User | None = None, at: datetime) -> Rsvp:
    """The guest opened the link in their mail and said yes, or somebody's maybe is a yes: they
    are going, or in the queue.

    Calling it again changes nothing. ``user`` is the account it shall belong to from now on.
    Raises RsvpClosed and NoLongerComing.
    """
    with places_of(rsvp.occurrence_id, at=at, leaving_out=rsvp) as places:
        rsvp = places.reread(rsvp)
        was_maybe = rsvp.is_maybe
        if rsvp.is_active and not rsvp.is_pending and not was_maybe:
            return rsvp
        if not rsvp.is_active:
            raise NoLongerComing
        if refusal := refusal_of_rsvp(places.occurrence, at=at):
            raise refusal
        if user:
            rsvp.user, rsvp.guest_name, rsvp.guest_email = user, "", ""
        _take_or_queue(places, rsvp, at, is_holding=rsvp.is_holding(at=at))
        rsvp.changed_at = at
        rsvp.save()
        # Of a maybe it is not the first such mail.
        _tell_outcome(places, rsvp, at, once=at.isoformat() if was_maybe else "")
    return rsvp


def change_party(
    *, rsvp: Rsvp, party_size: int, companions: Sequence[str] = (), at: datetime
) -> Rsvp:
    """Come with more or fewer people, or with others.

    Growing takes places and may be refused (NotEnoughPlaces, PartyTooLarge, RsvpClosed,
    PartyIsPaidFor), and then nothing changes. Shrinking never is, and gives back by itself what
    the rule of the event promises. Somebody in the queue keeps their turn.
    """
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if not rsvp.is_active or rsvp.has_lapsed(at=at):
            raise NoLongerComing
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        more = party_size - rsvp.party_size
        holds_places = has_places(rsvp, at)
        if more > 0:
            if refusal := refusal_of_rsvp(places.occurrence, at=at):
                raise refusal
            _check_party(places.occurrence, party_size, companions)
            if places.occurrence.event.is_priced and _is_being_paid(rsvp):
                raise PartyIsPaidFor
            if holds_places and not claim(places, more, at=at):
                is_free = places.occurrence.event.skips_large_parties
                raise NotEnoughPlaces(max(0, places.free or 0) if is_free else 0)
        elif companions and len(companions) >= party_size:
            raise TooManyNames
        rsvp.party_size, rsvp.companions, rsvp.changed_at = party_size, list(companions), at
        rsvp.save(update_fields=["party_size", "companions", "changed_at"])
        if more < 0:
            release(places, -more if holds_places else 0, at=at)
            if rsvp.is_waiting:
                rsvp = places.reread(rsvp)
            if rsvp.is_paying:
                # Their payment page asks for more people than there are now.
                for begun in Payment.objects.unpaid().filter(rsvp=rsvp).select_related("charge"):
                    give_up_charge(charge=begun.charge, at=at)
            if given_back := give_back_by_rule(rsvp, at=at):
                tell(rsvp, "fewer", at=at, once=party_size, given_back=given_back)
        places.told.append(rsvp)
    return rsvp


def approve_request(*, rsvp: Rsvp, actor: User, at: datetime) -> Rsvp:
    """The hosts say yes: the person is going, or waits where it is full. Again changes nothing.

    Raises DateIsOver and DateIsCancelled.
    """
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if not rsvp.is_applied:
            return rsvp
        if places.occurrence.is_cancelled:
            raise DateIsCancelled
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        rsvp.is_approved, rsvp.changed_at = True, at
        _take_or_queue(places, rsvp, at, pay_within=PAY_WITHIN_A_DAY)
        rsvp.save()
        _tell_outcome(places, rsvp, at)
        audit.record(actor, "rsvp.approved", rsvp, at)
    return rsvp


def refuse_request(*, rsvp: Rsvp, actor: User, at: datetime) -> Rsvp:
    """The hosts say no, and the person is told. Again changes nothing."""
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if not rsvp.is_applied:
            return rsvp
        rsvp.status, rsvp.is_approved, rsvp.changed_at = Rsvp.Status.DECLINED, False, at
        rsvp.save(update_fields=["status", "is_approved", "changed_at"])
        tell(rsvp, "refused", at=at)
        audit.record(actor, "rsvp.refused", rsvp, at)
        places.told.append(rsvp)
    return rsvp


def accept_offer(*, rsvp: Rsvp, at: datetime) -> Rsvp:
    """Take the places that were offered. Once: again changes nothing.

    Raises OfferEnded when the time was over or the places went elsewhere, and RsvpClosed. Where
    the room has become too small meanwhile, the person has their turn in the queue back.
    """
    with places_of(rsvp.occurrence_id, at=at, leaving_out=rsvp) as places:
        rsvp = places.reread(rsvp)
        if rsvp.is_going or (rsvp.is_paying and not rsvp.has_lapsed(at=at)):
            return rsvp
        if not rsvp.is_offered or rsvp.has_lapsed(at=at):
            raise OfferEnded
        if places.occurrence.is_cancelled:
            raise DateIsCancelled
        if not places.fits(rsvp.party_size):
            put_back(places, [rsvp], at=at)
            return places.reread(rsvp)
        places.take(rsvp.party_size)
        offered_until = rsvp.hold_expires_at
        _seat(rsvp, places.occurrence, at, PAY_WITHIN)
        if rsvp.hold_expires_at and offered_until:
            # What was offered for longer is kept for as long.
            rsvp.hold_expires_at = max(rsvp.hold_expires_at, offered_until)
        rsvp.queued_at, rsvp.changed_at = None, at
        rsvp.save(update_fields=["status", "queued_at", "hold_expires_at", "changed_at"])
        _tell_outcome(places, rsvp, at)
    return rsvp


def decline_offer(*, rsvp: Rsvp, at: datetime) -> Rsvp:
    """Say no to what was offered: it goes to the next in the queue at once. Always succeeds."""
    return _end(rsvp, Rsvp.Status.DECLINED, "left", at)


def leave(*, rsvp: Rsvp, at: datetime) -> Rsvp:
    """Give up the places, or the turn in the queue. Always succeeds until the date is over.

    What was freed goes to the queue at once, and what the rule of the event promises goes back
    to the card. Calling it again changes nothing.
    """
    return _end(rsvp, Rsvp.Status.LEFT, "left", at)


def say_maybe(*, rsvp: Rsvp, is_told: bool = True, at: datetime) -> Rsvp:
    """Give the places to others, and stay on the list of those who may come after all.

    Only somebody who is going becomes a maybe: in the queue one may come anyway. Without
    ``is_told`` there is no mail, for whoever says it to many dates and is told of all.
    """
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if not rsvp.is_going:
            return rsvp
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        rsvp.status, rsvp.changed_at = Rsvp.Status.MAYBE, at
        rsvp.save(update_fields=["status", "changed_at"])
        release(places, rsvp.party_size, at=at)
        if is_told:
            tell(rsvp, "maybe", at=at, once=at.isoformat())
        places.told.append(rsvp)
    return rsvp


def release_rsvp(*, rsvp: Rsvp, actor: User | None = None, at: datetime) -> Rsvp:
    """Staff take the places back. The person is told that it is their place, not the event."""
    return _end(rsvp, Rsvp.Status.RELEASED, "released", at, actor=actor)


def _end(
    rsvp: Rsvp, status: Rsvp.Status, mail: str, at: datetime, *, actor: User | None = None
) -> Rsvp:
    with places_of(rsvp.occurrence_id, at=at) as places:
        rsvp = places.reread(rsvp)
        if not rsvp.is_active:
            return rsvp
        if places.occurrence.is_over(at=at):
            raise DateIsOver
        freed = rsvp.party_size if has_places(rsvp, at) else 0
        was_confirmed = not rsvp.is_pending
        given_up = given_up_as(status, at)
        for name, value in given_up.items():
            setattr(rsvp, name, value)
        rsvp.save(update_fields=list(given_up))
        release(places, freed, at=at)
        # Staff who take a place back decide about the money themselves.
        given_back = give_back_by_rule(rsvp, at=at) if actor is None else None
        if was_confirmed and mail:
            is_paid_for = places.occurrence.event.is_priced and _has_paid(rsvp)
            tell(rsvp, mail, at=at, given_back=given_back, is_paid_for=is_paid_for)
        if actor is not None:
            audit.record(actor, f"rsvp.{status}", rsvp, at)
        places.told.append(rsvp)
    return rsvp


def set_discreet(*, rsvp: Rsvp, is_discreet: bool, at: datetime) -> Rsvp:
    """Choose whether this person's calendar shows the event's title or a neutral one.

    A guest has no feed that would follow: a mail brings the entry that replaces theirs.
    """
    with transaction.atomic():
        was, rsvp.is_discreet = rsvp.is_discreet, is_discreet
        Rsvp.objects.filter(pk=rsvp.pk).update(is_discreet=is_discreet, changed_at=at)
        rsvp.changed_at = at
        if rsvp.user_id:
            bump(personal_feed_key(rsvp.user_id), at)
        elif was != is_discreet and (rsvp.is_going or rsvp.is_waiting or rsvp.is_maybe):
            tell(rsvp, rsvp.status, at=at, once=at.isoformat())
    return rsvp


def wake_queue(*, occurrence_id: int, at: datetime) -> int:
    """Give what has become free (a hold that ran out, a larger room) to those who wait; to how
    many.

    In a smaller room, offers that no longer fit are taken back.
    """
    with places_of(occurrence_id, at=at) as places:
        return serve_queue(places, at=at)


@transaction.atomic
def drop_unconfirmed(*, before: datetime) -> int:
    """Forget answers that nobody confirmed: what somebody typed about a stranger, perhaps."""
    stale = Rsvp.objects.filter(status=Rsvp.Status.PENDING, changed_at__lt=before)
    return stale.delete()[0]


def _take_or_queue(
    places: Places,
    rsvp: Rsvp,
    at: datetime,
    *,
    is_holding: bool = False,
    pay_within: timedelta = PAY_WITHIN,
) -> None:
    """Going if there is room, in the queue if not; before that, a request where hosts decide.

    Where places have a price, they are kept ``pay_within`` until they are paid.

    Who confirms in time had places set aside, which the queue must not be served first.
    """
    if places.occurrence.event.needs_approval and not rsvp.is_approved:
        rsvp.status, rsvp.queued_at, rsvp.hold_expires_at = Rsvp.Status.APPLIED, None, None
        return
    if is_holding and places.fits(rsvp.party_size):
        places.take(rsvp.party_size)
        is_going = True
    else:
        is_going = claim(places, rsvp.party_size, at=at)
    if is_going:
        rsvp.queued_at = None
        _seat(rsvp, places.occurrence, at, pay_within)
    else:
        rsvp.status, rsvp.queued_at, rsvp.hold_expires_at = Rsvp.Status.WAITLISTED, at, None


def _seat(rsvp: Rsvp, occurrence: Occurrence, at: datetime, pay_within: timedelta) -> None:
    """Their places are taken: firmly, or for a while until they are paid."""
    rsvp.status, rsvp.hold_expires_at = _seated(occurrence), None
    if rsvp.status == Rsvp.Status.PAYING and _has_paid(rsvp):
        rsvp.status = Rsvp.Status.GOING
    elif rsvp.status == Rsvp.Status.PAYING:
        rsvp.hold_expires_at = _pay_until(occurrence, pay_within, at)


def _seated(occurrence: Occurrence) -> Rsvp.Status:
    return Rsvp.Status.PAYING if occurrence.event.is_priced else Rsvp.Status.GOING


def _pay_until(occurrence: Occurrence, within: timedelta, at: datetime) -> datetime:
    """Never past the start, when a date still takes answers before it."""
    return max(min(at + within, occurrence.starts_at), at)


def _has_paid(rsvp: Rsvp) -> bool:
    """Whether what they paid is for as many as they are now, and was not given back."""
    if rsvp.pk is None:
        return False
    paid = Payment.objects.paid().filter(rsvp=rsvp, party_size__gte=rsvp.party_size)
    return any(left_of(one.charge) > 0 for one in paid.select_related("charge"))


def _is_being_paid(rsvp: Rsvp) -> bool:
    """Whether they have paid, or may have begun to."""
    return Payment.objects.filter(
        rsvp=rsvp, charge__status__in=["started", "open", "paid"], charge__closing_at=None
    ).exists()


def _tell_outcome(places: Places, rsvp: Rsvp, at: datetime, *, once: str = "") -> None:
    tell(rsvp, rsvp.status, at=at, once=once)
    places.told.append(rsvp)


def _says_the_same(seen: Occurrence, now: Occurrence) -> bool:
    """Whether nobody has edited the date or its event since it was read."""
    return (seen.revised_at, seen.event.version) == (now.revised_at, now.event.version)


def given_up_as(status: Rsvp.Status, at: datetime) -> dict[str, Any]:
    """What an answer becomes that is given up: it has no turn, no hold and no heir any more."""
    return {
        "status": status,
        "queued_at": None,
        "hold_expires_at": None,
        "heir_name": "",
        "heir_email": "",
        "changed_at": at,
    }


def has_places(rsvp: Rsvp, at: datetime) -> bool:
    """Whether places are taken for them, firmly or for a while."""
    return rsvp.is_going or rsvp.is_holding(at=at)


def _holds_of(email: str, at: datetime) -> int:
    return Rsvp.objects.of_guest(email).holding(at=at).count()


def _check_party(occurrence: Occurrence, party_size: int, companions: Sequence[str]) -> None:
    largest = occurrence.event.largest_party
    if not 1 <= party_size <= largest:
        raise PartyTooLarge(largest)
    if len(companions) >= party_size and companions:
        raise TooManyNames
