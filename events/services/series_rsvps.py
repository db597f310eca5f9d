"""Coming every time: one yes to all dates of an event, also to those that are made later.

The answer for each date is an ordinary RSVP, so seats, the queue and the door know nothing of
this. One person joins every date in one transaction, and so do as many as ``ROWS_AT_ONCE`` allows;
what a crash leaves undone, ``join_due`` finds again. All dates are left in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from accounts.models import User
from accounts.services import audit
from calendars.queries import personal_feed_key
from calendars.services.revisions import bump_all
from common.hints import hint
from events.errors import (
    NoLongerComing,
    NotASeries,
    PaidOneByOne,
    PartyTooLarge,
    RequestRefused,
    SeriesRefused,
    TooManyNames,
)
from events.models import (
    Answer,
    Event,
    Host,
    Occurrence,
    Rsvp,
    SeriesRsvp,
    new_rsvp_reference,
)
from events.queries import (
    addresses_that_answered,
    answers_by_date,
    hosting_of,
    people_who_see,
    series_answers_of,
    series_dates,
)
from events.rules import refusal_of_rsvp
from events.services.answers import write_series_answers
from events.services.due_mails import promise
from events.services.mails import tell, tell_of_form, tell_of_series
from events.services.payments import give_back_by_rule
from events.services.rsvps import ASK_AGAIN_AFTER, Guest, given_up_as, has_places, say_maybe
from events.services.seats import Places, claim_each, places_of_each, release

# Answers that are written in one transaction: the places of their dates are held meanwhile.
ROWS_AT_ONCE = 500


def place_series_rsvp(
    *,
    event: Event,
    person: User | Guest,
    party_size: int = 1,
    companions: Sequence[str] = (),
    left_out: Collection[int] = (),
    days_left_out: Collection[date] = (),
    language: str = "en",
    is_vouched: bool = False,
    answers: Mapping[int, str] | None = None,
    at: datetime,
) -> SeriesRsvp:
    """Say yes for ``person`` to every date of ``event``, but for those ``left_out``.

    They have places or a turn in the queue of each date to come, one mail of all, and join
    later dates by themselves. Where hosts decide who comes, it is one request for all dates,
    and nothing is taken before they answer. ``days_left_out`` are of dates not made yet.
    ``answers`` are to the event's questions, by the question's key: given once, for every date.
    A guest's answer waits for the link in their mail, and nothing is held meanwhile, unless
    somebody ``is_vouched`` for. Calling it again changes nothing, but mails a guest their link
    again. Raises NotASeries, SeriesRefused, PartyTooLarge and TooManyNames.
    """
    if event.is_priced:
        raise PaidOneByOne
    if event.status != Event.Status.PUBLISHED or not series_dates(event, at=at):
        raise NotASeries
    if not 1 <= party_size <= event.largest_party:
        raise PartyTooLarge(event.largest_party)
    if companions and len(companions) >= party_size:
        raise TooManyNames
    user = person if isinstance(person, User) else None
    mine = SeriesRsvp.objects.of_person(user, person.email).filter(event=event)
    if event.needs_approval and mine.filter(status=SeriesRsvp.Status.REFUSED).exists():
        raise SeriesRefused
    series_rsvp = SeriesRsvp(
        event=event,
        user=user,
        guest_name="" if user else person.name,
        guest_email="" if user else person.email.lower(),
        language=language,
        party_size=party_size,
        companions=list(companions),
        left_out=sorted(left_out),
        days_left_out=sorted(days_left_out),
        status=_first_status(event) if user or is_vouched else SeriesRsvp.Status.PENDING,
        reference=new_rsvp_reference(),
        placed_at=at,
        changed_at=at,
        is_repeating=_may_repeat(user, event) and not (user and user.wants_single_dates),
        # As for a single date: who left and comes again has an entry with a UID of its own.
        uid_generation=mine.filter(status=SeriesRsvp.Status.ENDED).count(),
    )
    try:
        with transaction.atomic():
            series_rsvp.save(force_insert=True)
            if answers:
                write_series_answers(series_rsvp=series_rsvp, answers=answers, at=at)
            if not series_rsvp.is_active:
                tell_of_series(series_rsvp, _UNTIL_ANSWERED[series_rsvp.status], at=at)
    except IntegrityError:
        # They have said so before; the constraint knows, whoever was first.
        return _answer_again(mine.get(status__in=SeriesRsvp.STANDING), at)
    if series_rsvp.is_active:
        _join_and_tell(series_rsvp, at)
    return series_rsvp


def confirm_series_rsvp(*, series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    """The guest opened the link and said yes. Again changes nothing. Raises NoLongerComing."""
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        if not series_rsvp.is_standing:
            raise NoLongerComing
        if series_rsvp.is_pending:
            series_rsvp.status, series_rsvp.changed_at = _first_status(series_rsvp.event), at
            series_rsvp.save(update_fields=["status", "changed_at"])
            if series_rsvp.is_applied:
                tell_of_series(series_rsvp, "series_applied", at=at)
    if series_rsvp.is_active and series_rsvp.told_at is None:
        _join_and_tell(series_rsvp, at)
    return series_rsvp


def approve_series_request(*, series_rsvp: SeriesRsvp, actor: User, at: datetime) -> SeriesRsvp:
    """The hosts say yes to every date, later ones too. Again changes nothing."""
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        if not _is_undecided(series_rsvp):
            return series_rsvp
        series_rsvp.is_approved, series_rsvp.changed_at = True, at
        series_rsvp.status = SeriesRsvp.Status.ACTIVE
        series_rsvp.save(update_fields=["is_approved", "status", "changed_at"])
        audit.record(actor, "series_rsvp.approved", series_rsvp, at)
    if series_rsvp.told_at is None:
        _join_and_tell(series_rsvp, at)
        return series_rsvp
    dates = series_dates(series_rsvp.event, at=at)
    if _join_each(series_rsvp.event, dates, [series_rsvp], at):
        _tell_anew(series_rsvp, at)
    return series_rsvp


@transaction.atomic
def refuse_series_request(*, series_rsvp: SeriesRsvp, actor: User, at: datetime) -> SeriesRsvp:
    """The hosts say no to every date, and the person is told. Again changes nothing.

    A place somebody has by an earlier answer stays theirs.
    """
    series_rsvp = _locked(series_rsvp)
    if _is_undecided(series_rsvp):
        series_rsvp.is_approved, series_rsvp.changed_at = False, at
        series_rsvp.status = SeriesRsvp.Status.REFUSED
        series_rsvp.save(update_fields=["is_approved", "status", "changed_at"])
        tell_of_series(series_rsvp, "series_refused", at=at)
        audit.record(actor, "series_rsvp.refused", series_rsvp, at)
    return series_rsvp


@transaction.atomic
def end_series_rsvp(*, series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    """No longer come every time: give up the places of all dates to come, in one transaction.

    Always succeeds, is told in one mail, and calling it again changes nothing.
    """
    # Who joins dates holds the event and then the answers: with the event held first, neither
    # waits for the other in vain, and no date is joined between the mail and the leaving.
    Event.objects.select_for_update(no_key=True).get(pk=series_rsvp.event_id)
    series_rsvp = _locked(series_rsvp)
    if not series_rsvp.is_standing:
        return series_rsvp
    was_confirmed = series_rsvp.is_active
    series_rsvp.status, series_rsvp.changed_at = SeriesRsvp.Status.ENDED, at
    series_rsvp.save(update_fields=["status", "changed_at"])
    if was_confirmed:
        # The mail is written before the places are held.
        tell_of_series(series_rsvp, "series_left", at=at)
        keep_what_was(series_rsvp.rsvps.all(), at=at)
        _leave_each(series_rsvp, series_dates(series_rsvp.event, at=at), at)
    return series_rsvp


def _leave_each(series_rsvp: SeriesRsvp, dates: Sequence[Occurrence], at: datetime) -> None:
    """Give up what this person has at each date: as many statements as for one, and a few more
    for each date that somebody waits for."""
    with places_of_each(series_rsvp.event_id, [date.pk for date in dates], at=at) as each:
        answers = answers_by_date(series_rsvp, dates)
        leaving: list[tuple[Places, Rsvp, int]] = []
        for places in each:
            rsvp = answers.get(places.occurrence.pk)
            if rsvp is not None and rsvp.is_active and not places.occurrence.is_over(at=at):
                leaving.append((places, rsvp, rsvp.party_size if has_places(rsvp, at) else 0))
        Rsvp.objects.filter(pk__in=[rsvp.pk for _places, rsvp, _freed in leaving]).update(
            **given_up_as(Rsvp.Status.LEFT, at)
        )
        for places, rsvp, freed in leaving:
            rsvp.status, rsvp.occurrence = Rsvp.Status.LEFT, places.occurrence
            release(places, freed, at=at)
            give_back_by_rule(rsvp, at=at)
            places.told.append(rsvp)


def keep_what_was(rsvps: QuerySet[Rsvp], *, at: datetime) -> None:
    """Let dates that have begun be entries of their own, so that they stay in people's own
    calendars when the entry that repeats goes. Inside the transaction of whoever ends it."""
    begun = rsvps.filter(occurrence__starts_at__lte=at, series_rsvp__isnull=False)
    begun.filter(status__in=Rsvp.ACTIVE).update(series_rsvp=None)


def say_maybe_to_all(*, series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    """Give the places of all dates to come to others, and stay one who may come after all.

    Told in one mail. They still come every time: later dates join as before.
    """
    dates = series_dates(series_rsvp.event, at=at)
    answers = answers_by_date(series_rsvp, dates)
    for occurrence in sorted(dates, key=lambda date: date.pk):
        rsvp = answers.get(occurrence.pk)
        if rsvp is not None and rsvp.is_going:
            say_maybe(rsvp=rsvp, is_told=False, at=at)
    return _tell_anew(series_rsvp, at)


def show_as(
    *, series_rsvp: SeriesRsvp, is_repeating: bool, is_chosen: bool = True, at: datetime
) -> SeriesRsvp:
    """Let their calendar have one entry that repeats, or each date by itself.

    What it had is taken out by one mail and what it has now is in another. Chosen by somebody
    with an account (``is_chosen``) it is so for everything they come to. The same again changes
    nothing. Who hosts the event has each date by itself, as their calendar has as a host.
    """
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        user = series_rsvp.user
        if is_chosen and user and user.wants_single_dates == is_repeating:
            User.objects.filter(pk=user.pk).update(wants_single_dates=not is_repeating)
            hint("calendar-form-chosen")
        is_repeating = is_repeating and _may_repeat(user, series_rsvp.event)
        if series_rsvp.is_repeating == is_repeating or not series_rsvp.is_active:
            return series_rsvp
        generation = series_rsvp.uid_generation + 1
        tell_of_form(series_rsvp, is_off=True, at=at)
        SeriesRsvp.objects.filter(pk=series_rsvp.pk).update(
            is_repeating=is_repeating, uid_generation=generation, changed_at=at
        )
        # Entries that were taken out before are not to be had back (Google).
        series_rsvp.rsvps.update(uid_generation=F("uid_generation") + 1, changed_at=at)
        series_rsvp = _locked(series_rsvp)
        tell_of_form(series_rsvp, is_off=False, at=at)
        if series_rsvp.user_id:
            bump_all([personal_feed_key(series_rsvp.user_id)], at=at)
    return series_rsvp


def _may_repeat(user: User | None, event: Event) -> bool:
    host = hosting_of(user, event)
    return host is None or not host.is_accepted


def follow_choices(*, at: datetime) -> int:
    """Let everybody's calendar have what repeats in the form they chose. Found from the rows."""
    hosting = Host.objects.accepted().filter(event=OuterRef("event"), person=OuterRef("user"))
    other = SeriesRsvp.objects.active().filter(user__wants_single_dates=F("is_repeating"))
    found = list(other.exclude(Exists(hosting)).select_related("user"))
    for series_rsvp in found:
        assert series_rsvp.user is not None  # the filter asked for one
        wants_single = series_rsvp.user.wants_single_dates
        show_as(series_rsvp=series_rsvp, is_repeating=not wants_single, at=at)
    return len(found)


def come_after_all(*, series_rsvp: SeriesRsvp, occurrence: Occurrence, at: datetime) -> None:
    """Take a date in again that was left out or left before. Raises RequestRefused, and
    PaidOneByOne where it has a price."""
    if series_rsvp.event.is_priced:
        raise PaidOneByOne
    with transaction.atomic():
        series_rsvp = _locked(series_rsvp)
        if series_rsvp.leaves_out(occurrence):
            series_rsvp.left_out = [pk for pk in series_rsvp.left_out if pk != occurrence.pk]
            days = series_rsvp.days_left_out
            series_rsvp.days_left_out = [day for day in days if day != occurrence.recurrence_on]
            series_rsvp.save(update_fields=["left_out", "days_left_out"])
    last = answers_by_date(series_rsvp, [occurrence]).get(occurrence.pk)
    if last is None:
        if _join_each(series_rsvp.event, [occurrence], [series_rsvp], at):
            _tell_anew(series_rsvp, at)
        return
    if last.is_active or not series_rsvp.joins(series_rsvp.event):
        return
    if last.is_refused:
        raise RequestRefused
    with transaction.atomic():
        given = series_answers_of([series_rsvp])
        coming_at = {occurrence.pk: [series_rsvp]}
        generation = last.uid_generation + 1
        for rsvp in _join(series_rsvp.event, coming_at, given, at, generation=generation):
            rsvp.occurrence, rsvp.user = occurrence, series_rsvp.user
            tell(rsvp, rsvp.status, at=at)
            bump_all([personal_feed_key(rsvp.user_id)] if rsvp.user_id else [], at=at)


@transaction.atomic
def choose_later_day(
    *, series_rsvp: SeriesRsvp, day: date, is_left_out: bool, at: datetime
) -> SeriesRsvp:
    """Leave out a day of the rule whose date is not made yet, or take it in again.

    Nothing is told: it comes from their own calendar, which shows it. The same again changes
    nothing. Whoever calls it holds the event, so that the date is not made meanwhile.
    """
    series_rsvp = _locked(series_rsvp)
    days = set(series_rsvp.days_left_out)
    chosen = days | {day} if is_left_out else days - {day}
    if chosen != days:
        series_rsvp.days_left_out, series_rsvp.changed_at = sorted(chosen), at
        series_rsvp.save(update_fields=["days_left_out", "changed_at"])
        if series_rsvp.user_id:
            bump_all([personal_feed_key(series_rsvp.user_id)], at=at)
    return series_rsvp


def join_due(*, event: Event, at: datetime) -> int:
    """Let everybody who comes every time join the dates they have no answer for yet.

    Found from the rows, so it finishes what a crash left, and is safe at any time.
    """
    comers = _comers(event)
    joined = _join_each(event, series_dates(event, at=at), comers, at) if comers else []
    late = {rsvp.series_rsvp_id for rsvp in joined}
    for series_rsvp in comers:
        if series_rsvp.told_at is None:
            _tell(series_rsvp, at)
        elif series_rsvp.pk in late:
            _tell_anew(series_rsvp, at)
    return len(joined)


def join_new_dates(event: Event, made: Iterable[Occurrence], *, at: datetime) -> set[str]:
    """Let them join dates that are being made, before anybody else can. Inside the transaction
    of whoever makes them, who then bumps the feeds this returns: one statement for all.

    Whoever makes dates has locked the event, which the row of a new answer to it waits for: a
    person is seen here, or sees the new dates when they join.
    """
    comers = _comers(event)
    if not comers or event.status != Event.Status.PUBLISHED:
        return set()
    keys: set[str] = set()
    given = series_answers_of(comers)
    may_come = _who_may(event, comers, at)
    coming_at = {date.pk: [one for one in may_come if not one.leaves_out(date)] for date in made}
    for portion in _portions(coming_at):
        joined = _join(event, portion, given, at)
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
        what = _UNTIL_ANSWERED.get(series_rsvp.status, "series_going")
        tell_of_series(series_rsvp, what, at=at, once=int(at.timestamp()))
    return series_rsvp


# What somebody is told who does not come to the dates so far.
_UNTIL_ANSWERED: dict[str, str] = {
    SeriesRsvp.Status.PENDING: "series_confirm",
    SeriesRsvp.Status.APPLIED: "series_applied",
}


def _first_status(event: Event) -> str:
    return SeriesRsvp.Status.APPLIED if event.needs_approval else SeriesRsvp.Status.ACTIVE


def _is_undecided(series_rsvp: SeriesRsvp) -> bool:
    return SeriesRsvp.objects.undecided().filter(pk=series_rsvp.pk).exists()


def _comers(event: Event) -> list[SeriesRsvp]:
    """Those who come to dates by themselves, first come first served."""
    active = list(event.series_rsvps.active().select_related("user"))
    for one in active:
        one.event = event
    return [one for one in active if one.joins(event)]


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


@transaction.atomic
def _tell_anew(series_rsvp: SeriesRsvp, at: datetime) -> SeriesRsvp:
    """Their dates are others than they were told before: tell them all of them again."""
    series_rsvp = _locked(series_rsvp)
    series_rsvp.sequence, series_rsvp.changed_at = series_rsvp.sequence + 1, at
    series_rsvp.save(update_fields=["sequence", "changed_at"])
    tell_of_series(series_rsvp, "series_going", at=at, once=series_rsvp.sequence)
    if series_rsvp.user_id:
        bump_all([personal_feed_key(series_rsvp.user_id)], at=at)
    return series_rsvp


def _join_each(
    event: Event,
    dates: Sequence[Occurrence],
    comers: Sequence[SeriesRsvp],
    at: datetime,
    *,
    is_told: bool = True,
) -> list[Rsvp]:
    """Join the dates, as many in one transaction as go, with its feeds bumped last."""
    joined: list[Rsvp] = []
    may_come = _who_may(event, comers, at)
    answered = addresses_that_answered(dates, [one.email for one in may_come])
    given = series_answers_of(may_come)
    coming_at = {
        date.pk: [
            one
            for one in may_come
            if not one.leaves_out(date) and one.email.lower() not in answered.get(date.pk, ())
        ]
        for date in dates
    }
    for portion in _portions(coming_at):
        with transaction.atomic():
            here = _join(event, portion, given, at)
            if is_told:
                _tell_waiting(here, at)
            bump_all({personal_feed_key(one.user_id) for one in here if one.user_id}, at=at)
        joined += here
    return joined


def _portions(
    coming_at: Mapping[int, Sequence[SeriesRsvp]],
) -> Iterator[dict[int, Sequence[SeriesRsvp]]]:
    """Dates and who joins each, in portions of so many answers; one date is never parted."""
    portion: dict[int, Sequence[SeriesRsvp]] = {}
    rows = 0
    for pk, coming in coming_at.items():
        if not coming:
            continue
        if portion and rows + len(coming) > ROWS_AT_ONCE:
            yield portion
            portion, rows = {}, 0
        portion[pk] = coming
        rows += len(coming)
    if portion:
        yield portion


def _who_may(event: Event, comers: Sequence[SeriesRsvp], at: datetime) -> list[SeriesRsvp]:
    """Those who may still see the event."""
    if not event.is_restricted:
        return list(comers)
    seeing = people_who_see(event, [one.user for one in comers if one.user], at=at)
    return [one for one in comers if one.user_id in seeing]


def _join(
    event: Event,
    coming_at: Mapping[int, Sequence[SeriesRsvp]],
    given: Mapping[int, Sequence[tuple[int, str]]],
    at: datetime,
    *,
    generation: int = 0,
) -> list[Rsvp]:
    """Give those who come to each date (by its key) places or a turn in its queue, in their order,
    with a copy of what they answered (``given``). As many statements as for one at one date."""
    with places_of_each(event.pk, list(coming_at), at=at) as each:
        open_ones = [one for one in each if not refusal_of_rsvp(one.occurrence, at=at)]
        # Who ends it at this moment waits for this transaction, and then leaves these dates too.
        ids = {one.pk for places in open_ones for one in coming_at[places.occurrence.pk]}
        still = SeriesRsvp.objects.filter(pk__in=ids, status=SeriesRsvp.Status.ACTIVE)
        standing = set(still.order_by("pk").select_for_update().values_list("pk", flat=True))
        joined: list[tuple[Rsvp, SeriesRsvp]] = []
        for places in open_ones:
            now = places.occurrence.event
            coming = coming_at[places.occurrence.pk]
            coming = [one for one in coming if one.pk in standing and one.joins(now)]
            taken = claim_each(places, [one.party_size for one in coming], at=at)
            for one, is_going in zip(coming, taken, strict=True):
                rsvp = _answer_of(one, places.occurrence, is_going=is_going, at=at)
                if generation:
                    # Who left this date and comes back has an entry of their own for it.
                    rsvp.uid_generation, rsvp.series_rsvp = generation, None
                joined.append((rsvp, one))
        # Somebody who answers this date by itself at this moment is first; the constraint
        # knows it, and they keep the answer they gave.
        Rsvp.objects.bulk_create([rsvp for rsvp, _one in joined], ignore_conflicts=True)
        references = {rsvp.reference: one.pk for rsvp, one in joined}
        written = list(Rsvp.objects.filter(reference__in=references).order_by("pk"))
        Answer.objects.bulk_create(
            [
                Answer(rsvp=rsvp, question_id=question_id, text=text)
                for rsvp in written
                for question_id, text in given.get(references[rsvp.reference], ())
            ]
        )
        return written


def _answer_of(
    series_rsvp: SeriesRsvp, occurrence: Occurrence, *, is_going: bool, at: datetime
) -> Rsvp:
    """Their answer to one of the dates, not written."""
    return Rsvp(
        occurrence=occurrence,
        user=series_rsvp.user,
        guest_name=series_rsvp.guest_name,
        guest_email=series_rsvp.guest_email,
        language=series_rsvp.language,
        party_size=series_rsvp.party_size,
        companions=series_rsvp.companions,
        status=Rsvp.Status.GOING if is_going else Rsvp.Status.WAITLISTED,
        queued_at=None if is_going else at,
        reference=new_rsvp_reference(),
        is_discreet=occurrence.event.is_restricted,
        is_approved=series_rsvp.is_approved,
        uid_generation=series_rsvp.uid_generation,
        series_rsvp=series_rsvp,
        placed_at=at,
        changed_at=at,
    )


def _tell_waiting(joined: Iterable[Rsvp], at: datetime) -> None:
    """A later date they are going to needs no mail of its own; one that is full does."""
    waiting = [(rsvp.pk, rsvp.reference) for rsvp in joined if rsvp.is_waiting]
    promise("waitlisted", waiting, at=at, once=int(at.timestamp()))
