"""Coming every time: one yes to all dates of an event, also to those that are made later.

The answer for each date is an ordinary RSVP, so seats, the queue and the door know nothing of
this. Each date is joined or left in a transaction of its own, as by any other person; what a
crash leaves undone, ``join_due`` finds again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import User
from calendars.queries import personal_feed_key
from calendars.services.revisions import bump_all
from events.errors import DateIsOver, NoLongerComing, NotASeries, PartyTooLarge, TooManyNames
from events.models import Event, Occurrence, Rsvp, SeriesRsvp, new_rsvp_reference
from events.queries import answers_by_date, series_dates
from events.rules import can_come_every_time, refusal_of_rsvp
from events.services.due_mails import promise
from events.services.mails import tell_of_series
from events.services.rsvps import ASK_AGAIN_AFTER, Guest, leave
from events.services.seats import claim, places_of


def place_series_rsvp(
    *,
    event: Event,
    person: User | Guest,
    party_size: int = 1,
    companions: Sequence[str] = (),
    left_out: Collection[int] = (),
    language: str = "en",
    at: datetime,
) -> SeriesRsvp:
    """Say yes for ``person`` to every date of ``event``, but for those ``left_out``.

    They have places or a turn in the queue of each date to come, one mail of all, and join
    later dates by themselves. A guest's answer waits for the link in their mail, and nothing
    is held meanwhile. Calling it again changes nothing, but mails a guest their link again.
    Raises NotASeries, PartyTooLarge and TooManyNames.
    """
    is_on = event.status == Event.Status.PUBLISHED and can_come_every_time(event)
    if not is_on or not series_dates(event, at=at):
        raise NotASeries
    if not 1 <= party_size <= event.largest_party:
        raise PartyTooLarge(event.largest_party)
    if companions and len(companions) >= party_size:
        raise TooManyNames
    user = person if isinstance(person, User) else None
    series_rsvp = SeriesRsvp(
        event=event,
        user=user,
        guest_name="" if user else person.name,
        guest_email="" if user else person.email.lower(),
        language=language,
        party_size=party_size,
        companions=list(companions),
        left_out=sorted(left_out),
        status=SeriesRsvp.Status.ACTIVE if user else SeriesRsvp.Status.PENDING,
        reference=new_rsvp_reference(),
        placed_at=at,
        changed_at=at,
    )
    try:
        with transaction.atomic():
            series_rsvp.save(force_insert=True)
            if not user:
                tell_of_series(series_rsvp, "series_confirm", at=at)
    except IntegrityError:
        # They have said so before; the constraint knows, whoever was first.
        before = SeriesRsvp.objects.of_person(user, person.email).filter(
            event=event, status__in=SeriesRsvp.STANDING
        )
        return _answer_again(before.get(), at)
    if user:
        _join_and_tell(series_rsvp, at)
    return series_rsvp


def confirm_series_rsvp(*, series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    """The guest opened the link and said yes. Again changes nothing. Raises NoLongerComing."""
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        if series_rsvp.status == SeriesRsvp.Status.ENDED:
            raise NoLongerComing
        if series_rsvp.is_pending:
            series_rsvp.status, series_rsvp.changed_at = SeriesRsvp.Status.ACTIVE, at
            series_rsvp.save(update_fields=["status", "changed_at"])
    if series_rsvp.told_at is None:
        _join_and_tell(series_rsvp, at)
    return series_rsvp


def end_series_rsvp(*, series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    """No longer come every time: give up the places of all dates to come.

    Always succeeds, is told in one mail, and calling it again changes nothing.
    """
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        if series_rsvp.status == SeriesRsvp.Status.ENDED:
            return series_rsvp
        was_confirmed = series_rsvp.is_active
        series_rsvp.status, series_rsvp.changed_at = SeriesRsvp.Status.ENDED, at
        series_rsvp.save(update_fields=["status", "changed_at"])
        if was_confirmed:
            tell_of_series(series_rsvp, "series_left", at=at)
    dates = series_dates(series_rsvp.event, at=at) if was_confirmed else []
    answers = answers_by_date(series_rsvp, dates)
    for occurrence in sorted(dates, key=lambda date: date.pk):
        rsvp = answers.get(occurrence.pk)
        if rsvp is not None and rsvp.is_active:
            try:
                leave(rsvp=rsvp, is_told=False, at=at)
            except DateIsOver:
                continue
    return series_rsvp


def come_after_all(*, series_rsvp: SeriesRsvp, occurrence: Occurrence, at: datetime) -> None:
    """Take a date in again that was left out before."""
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        if occurrence.pk in series_rsvp.left_out:
            series_rsvp.left_out = [pk for pk in series_rsvp.left_out if pk != occurrence.pk]
            series_rsvp.save(update_fields=["left_out"])
    if occurrence.pk not in answers_by_date(series_rsvp, [occurrence]):
        _join_each(series_rsvp.event, [occurrence], [series_rsvp], at)


def join_due(*, event: Event, at: datetime) -> int:
    """Let everybody who comes every time join the dates they have no answer for yet.

    Found from the rows, so it finishes what a crash left, and is safe at any time.
    """
    comers = list(event.series_rsvps.active().select_related("user"))
    joined = _join_each(event, series_dates(event, at=at), comers, at) if comers else []
    for series_rsvp in comers:
        if series_rsvp.told_at is None:
            series_rsvp.event = event
            _tell(series_rsvp, at)
    return len(joined)


def join_new_dates(event: Event, made: Iterable[Occurrence], *, at: datetime) -> set[str]:
    """Let them join dates that are being made, before anybody else can. Inside the transaction
    of whoever makes them, who then bumps the feeds this returns: one statement for all."""
    comers = list(event.series_rsvps.active().select_related("user"))
    if not comers or event.status != Event.Status.PUBLISHED:
        return set()
    keys: set[str] = set()
    for occurrence in made:
        joined = _join(occurrence, _who_may(event, comers, occurrence, at), at)
        keys |= {personal_feed_key(rsvp.user_id) for rsvp in joined if rsvp.user_id}
        _tell_waiting(joined, at)
    return keys


def drop_unconfirmed_series(*, before: datetime) -> int:
    """Forget answers to series that nobody confirmed."""
    stale = SeriesRsvp.objects.filter(status=SeriesRsvp.Status.PENDING, changed_at__lt=before)
    return stale.delete()[0]


@transaction.atomic
def _answer_again(series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    if series_rsvp.user_id is None and at - series_rsvp.changed_at >= ASK_AGAIN_AFTER:
        SeriesRsvp.objects.filter(pk=series_rsvp.pk).update(changed_at=at)
        what = "series_confirm" if series_rsvp.is_pending else "series_going"
        tell_of_series(series_rsvp, what, at=at, once=int(at.timestamp()))
    return series_rsvp


def _locked(series_rsvp: SeriesRsvp) -> SeriesRsvp:
    locked = SeriesRsvp.objects.select_for_update(of=("self",)).select_related("event", "user")
    return locked.get(pk=series_rsvp.pk)


def _join_and_tell(series_rsvp: SeriesRsvp, at: datetime) -> None:
    dates = series_dates(series_rsvp.event, at=at)
    _join_each(series_rsvp.event, dates, [series_rsvp], at, is_told=False)
    _tell(series_rsvp, at)


@transaction.atomic
def _tell(series_rsvp: SeriesRsvp, at: datetime) -> None:
    untold = SeriesRsvp.objects.filter(pk=series_rsvp.pk, told_at=None)
    if untold.update(told_at=at):
        tell_of_series(series_rsvp, "series_going", at=at)


def _join_each(
    event: Event,
    dates: Iterable[Occurrence],
    comers: Sequence[SeriesRsvp],
    at: datetime,
    *,
    is_told: bool = True,
) -> list[Rsvp]:
    """Join each date in a transaction of its own, with its feeds bumped last."""
    joined: list[Rsvp] = []
    for occurrence in dates:
        coming = _who_may(event, comers, occurrence, at)
        if not coming:
            continue
        with transaction.atomic():
            here = _join(occurrence, coming, at)
            if is_told:
                _tell_waiting(here, at)
            bump_all([personal_feed_key(one.user_id) for one in here if one.user_id], at=at)
        joined += here
    return joined


def _who_may(
    event: Event, comers: Sequence[SeriesRsvp], occurrence: Occurrence, at: datetime
) -> list[SeriesRsvp]:
    """Those who have no answer for the date yet, did not leave it out, and may still see it."""
    answered = {
        email.lower()
        for emails in occurrence.rsvps.values_list("user__email", "guest_email")
        for email in emails
        if email
    }
    coming = [
        one
        for one in comers
        if one.email.lower() not in answered and occurrence.pk not in one.left_out
    ]
    if not event.is_restricted:
        return coming
    seen = Event.objects.filter(pk=event.pk)
    return [one for one in coming if one.user and seen.visible_to(one.user, at=at).exists()]


def _join(occurrence: Occurrence, coming: Sequence[SeriesRsvp], at: datetime) -> list[Rsvp]:
    """Give each of ``coming`` places at one date or a turn in its queue, in their order."""
    with places_of(occurrence.pk, at=at) as places:
        event = places.occurrence.event
        if refusal_of_rsvp(places.occurrence, at=at) or not can_come_every_time(event):
            return []
        joined = []
        for one in coming:
            is_going = claim(places, one.party_size, at=at)
            places.has_queue = places.has_queue or not is_going
            joined.append(
                Rsvp(
                    occurrence=places.occurrence,
                    user=one.user,
                    guest_name=one.guest_name,
                    guest_email=one.guest_email,
                    language=one.language,
                    party_size=one.party_size,
                    companions=one.companions,
                    status=Rsvp.Status.GOING if is_going else Rsvp.Status.WAITLISTED,
                    queued_at=None if is_going else at,
                    reference=new_rsvp_reference(),
                    is_discreet=places.occurrence.event.is_restricted,
                    placed_at=at,
                    changed_at=at,
                )
            )
        # Somebody who answers this date by itself at this moment is first; the constraint
        # knows it, and they keep the answer they gave.
        Rsvp.objects.bulk_create(joined, ignore_conflicts=True)
        return list(
            Rsvp.objects.filter(reference__in=[one.reference for one in joined])
            .select_related("occurrence__event", "user")
            .order_by("pk")
        )


def _tell_waiting(joined: Iterable[Rsvp], at: datetime) -> None:
    """A later date they are going to needs no mail of its own; one that is full does."""
    waiting = [(rsvp.pk, rsvp.reference) for rsvp in joined if rsvp.is_waiting]
    promise("waitlisted", waiting, at=at, once=int(at.timestamp()))
