"""A short free call before a first session. It costs no unit, and the books know nothing of it.

It takes its practitioner's time as a session does, so the same lock decides: the
practitioner's row. Whether it took place nobody reports: a call that nobody
cancelled is over when its time is.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User
from common.codes import new_reference
from notifications.models import Purge
from notifications.services.messages import queue_prepared
from therapy_credits.domain.matching import Need
from therapy_credits.errors import (
    BusyThen,
    NoFitCall,
    NotEnoughSessions,
    SlotTaken,
    TherapyCreditsError,
    TooLate,
)
from therapy_credits.models import Booking, FitCall, PracticeMembership, Practitioner
from therapy_credits.queries.bookings import (
    known_practitioners,
    live_sources,
    pays,
)
from therapy_credits.queries.practices import open_times_for_call
from therapy_credits.services import care_mail
from therapy_credits.services.bookings import (
    HORIZON,
    Identity,
    Whereabouts,
    check_authority,
    lock_practitioner,
)
from therapy_credits.services.requests import check_may_begin, taken_before
from therapy_credits.services.subjects import key_of, own_tokens

# So long after a call somebody may still have to be reached about it; so long it is known at all.
REACHED_FOR = dt.timedelta(days=30)
KEPT_FOR = dt.timedelta(days=365)


def book_fit_call(
    *,
    user: User,
    practitioner: Practitioner,
    starts_at: dt.datetime,
    need: Need,
    time_zone: dt.tzinfo,
    identity: Identity,
    request_id: UUID,
    at: dt.datetime,
) -> FitCall:
    """Take ``starts_at`` for a call. Nothing is held and nothing is paid.

    ``request_id`` is made with the form: sent twice, it is one call. Raises
    ConsentMissing, AdultsOnly, NotEnoughSessions (a call is for who could book a
    session), NoFitCall, NotLicensedThere, SlotTaken, BusyThen.
    """
    with transaction.atomic():
        if earlier := taken_before(FitCall, request_id, practitioner, starts_at):
            return earlier
        check_may_begin(user, at=at)
        reference = new_reference()
        mails = care_mail.prepare_booked(
            reference=reference,
            practice=practitioner.practice,
            user=user,
            at=at,
            what=care_mail.CALL,
        )
        # The person's row counts their calls one after the other; the practitioner's is the
        # lock for their time, as for sessions.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        practitioner = lock_practitioner(practitioner)
        if refusal := why_no_call(user, practitioner, at=at):
            raise refusal
        where = Whereabouts(need.country, need.region, time_zone)
        check_authority(practitioner, where, starts_at)
        if starts_at not in open_times_for_call(practitioner, at=at, until=at + HORIZON):
            raise SlotTaken
        ends_at = starts_at + dt.timedelta(minutes=practitioner.fit_call_minutes)
        if _has_session_then(user, starts_at, ends_at):
            raise BusyThen
        key = key_of(_live_tokens(user, practitioner, at)[0])
        call = FitCall(
            reference=reference,
            request_id=request_id,
            subject=key.token,
            practitioner=practitioner,
            starts_at=starts_at,
            ends_at=ends_at,
            join_url=practitioner.join_url,
            sealed_name=key.seal(identity.name, "fit-call.name"),
            sealed_contact=key.seal(identity.contact, "fit-call.contact"),
            country=need.country,
            region=need.region,
            language=need.language,
            format=need.format,
            booked_at=at,
        )
        try:
            with transaction.atomic():
                call.save(force_insert=True)
        except IntegrityError as refused:
            is_own = "fit_call_person_one_at_a_time" in str(refused)
            raise (BusyThen if is_own else SlotTaken) from refused
        for mail in mails:
            queue_prepared(mail)
    return call


def why_no_call(
    user: User, practitioner: Practitioner, *, at: dt.datetime
) -> TherapyCreditsError | None:
    """Why the person cannot have a call with ``practitioner``; None where they can.

    One with each, and so many in a programme-year: of the tokens that have sessions now.
    A call that somebody cancelled does not count.
    """
    if not practitioner.fit_call_minutes:
        return NoFitCall()
    own, live = own_tokens(user), _live_tokens(user, practitioner, at)
    if not live:
        return NotEnoughSessions()
    if practitioner.pk in known_practitioners(own):
        return NoFitCall(NoFitCall.of_one_before)
    if FitCall.objects.kept().filter(subject__in=live).count() >= settings.FIT_CALLS_A_YEAR:
        return NoFitCall(NoFitCall.of_too_many)
    return None


@transaction.atomic
def cancel_fit_call(*, call: FitCall, user: User, at: dt.datetime) -> FitCall:
    """The person cancels, at any notice and at no cost. Raises TooLate once it has begun.

    Cancelled before, by whomever: nothing changes.
    """
    call = _lock(call)
    if call.is_open:
        _cancel(call, FitCall.Status.CANCELLED, at)
        care_mail.tell_call_cancelled(call, user, at)
    return call


@transaction.atomic
def practice_cancel_fit_call(
    *, call: FitCall, membership: PracticeMembership, at: dt.datetime
) -> FitCall:
    """The practice cancels; the person is told to look. Raises TooLate once it has begun."""
    call = _lock(call)
    if call.is_open:
        _cancel(call, FitCall.Status.PRACTICE_CANCELLED, at)
        care_mail.tell_call_off(call, at)
    return call


@transaction.atomic
def call_off(*, call: FitCall, at: dt.datetime) -> bool:
    """It can no longer be: both are told to look. Says whether it was to come."""
    call = _lock(call)
    if not call.is_open or at >= call.starts_at:
        return False
    _cancel(call, FitCall.Status.PRACTICE_CANCELLED, at)
    care_mail.tell_call_off(call, at)
    care_mail.tell_practice_of_call(call, at)
    return True


@transaction.atomic
def purge_calls(*, at: dt.datetime) -> Purge:
    """Forget names and contacts a month after a call, and the call after a year; leave a proof."""
    over = FitCall.objects.filter(ends_at__lte=at - REACHED_FOR).exclude(sealed_name="")
    forgotten = over.update(sealed_name="", sealed_contact="")
    deleted, _by_model = FitCall.objects.filter(ends_at__lte=at - KEPT_FOR).delete()
    rows = forgotten + deleted
    return Purge.objects.create(at=at, what="first calls", older_than=at - REACHED_FOR, rows=rows)


def _cancel(call: FitCall, status: FitCall.Status, at: dt.datetime) -> None:
    if at >= call.starts_at:
        raise TooLate(TooLate.of_a_call)
    call.status, call.cancelled_at = status, at
    call.save(update_fields=["status", "cancelled_at"])


def _lock(call: FitCall) -> FitCall:
    return FitCall.objects.select_for_update(no_key=True).get(pk=call.pk)


def _live_tokens(user: User, practitioner: Practitioner, at: dt.datetime) -> list[UUID]:
    """The person's tokens with something left that this practice could be paid from."""
    services = list(practitioner.practice.service_types.filter(is_active=True))
    return [
        source.subject
        for source in live_sources(own_tokens(user), at=at)
        if any(pays(source, practitioner.practice, service) for service in services)
    ]


def _has_session_then(user: User, starts_at: dt.datetime, ends_at: dt.datetime) -> bool:
    return Booking.objects.filter(
        subject__in=own_tokens(user),
        status=Booking.Status.BOOKED,
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
    ).exists()
