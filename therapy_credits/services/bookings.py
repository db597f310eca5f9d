"""Booking a time, and every way a booking ends.

Each ending is one lock on the booking's row, one look at its status, one command
to the ledger. Whoever comes second finds the row as the first left it: told the
same, it changes nothing; told otherwise, it is refused.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import IntegrityError, connection, transaction

from accounts.models import User
from accounts.services.api_keys import KEEP_ANSWER, UNLESS_ANSWERED, Kept
from common.codes import new_reference
from common.prepared import prepared_cursor
from notifications.services.messages import queue_prepared
from therapy_credits.domain.matching import Authority, may_practise
from therapy_credits.errors import (
    AlreadyClosed,
    BusyThen,
    CannotUndo,
    HoldTooShort,
    NotEnoughSessions,
    NothingToReverse,
    NotLicensedThere,
    OutcomeChanged,
    SlotTaken,
    TooEarly,
    TooLate,
    TooLateToMove,
)
from therapy_credits.models import (
    Booking,
    Code,
    PracticeMembership,
    Practitioner,
    ServiceType,
)
from therapy_credits.queries.bookings import paying_sources
from therapy_credits.queries.missed import rule_of
from therapy_credits.queries.practices import open_slots_of
from therapy_credits.services import care_mail, cases, ledger
from therapy_credits.services.actors import practice_actor, scheduler_actor
from therapy_credits.services.requests import check_may_begin, taken_before
from therapy_credits.services.subjects import key_of, own_tokens

# A hold waits this long after the session for the practice's word.
HOLD_LIFE = dt.timedelta(days=30)
# A practice may take its word back this long.
UNDO_WINDOW = dt.timedelta(days=7)
# How far ahead times are offered.
HORIZON = dt.timedelta(days=28)


@dataclass(frozen=True)
class Whereabouts:
    """Where a person will be on the day of the session, in which zone their day is cut."""

    country: str
    region: str
    time_zone: dt.tzinfo


@dataclass(frozen=True)
class Identity:
    """What the person chose to tell this practice, for this booking."""

    name: str
    contact: str


def book_session(
    *,
    user: User,
    practitioner: Practitioner,
    service: ServiceType,
    starts_at: dt.datetime,
    format: str,
    where: Whereabouts,
    identity: Identity,
    request_id: UUID,
    at: dt.datetime,
) -> Booking:
    """Book ``starts_at`` and hold the sessions it takes, in one transaction.

    ``request_id`` is made with the form: sent twice, it is one booking. Raises
    ConsentMissing, AdultsOnly, NotLicensedThere, SlotTaken, NotEnoughSessions.
    """
    with transaction.atomic():
        if earlier := taken_before(Booking, request_id, practitioner, starts_at):
            return earlier
        check_may_begin(user, at=at)
        reference = new_reference()
        mails = care_mail.prepare_booked(
            reference=reference, practice=practitioner.practice, user=user, at=at
        )
        # The practitioner's row is the lock for their time: what the slots say after
        # it cannot go stale before the write. The exclusion constraint stands behind it.
        practitioner = lock_practitioner(practitioner)
        check_authority(practitioner, where, starts_at)
        free = open_slots_of(practitioner, service, at=at, until=at + HORIZON)
        if service.practice_id != practitioner.practice_id or starts_at not in free:
            raise SlotTaken
        if not service.is_active or format not in practitioner.formats:
            raise SlotTaken
        ends_at = starts_at + dt.timedelta(minutes=service.minutes)
        booking = Booking(
            reference=reference,
            request_id=request_id,
            practice_id=practitioner.practice_id,
            practitioner=practitioner,
            service=service,
            starts_at=starts_at,
            ends_at=ends_at,
            format=format,
            place=practitioner.place if format == "in_person" else "",
            join_url=practitioner.join_url if format == "online" else "",
            country=where.country,
            region=where.region,
            hold_group=uuid5(request_id, "hold 0"),
            hold_until=ends_at + HOLD_LIFE,
            units=service.units,
            rate_minor=service.rate_minor,
            currency=service.currency,
            booked_at=at,
        )
        _hold_for(booking, user, at)
        key = key_of(booking.subject)
        booking.sealed_name = key.seal(identity.name, "booking.name")
        booking.sealed_contact = key.seal(identity.contact, "booking.contact")
        try:
            with transaction.atomic():
                booking.save(force_insert=True)
        except IntegrityError as refusal:
            raise _why_taken(refusal) from refusal
        for mail in mails:
            queue_prepared(mail)
    return booking


def slots_to_move_to(booking: Booking, *, at: dt.datetime) -> list[dt.datetime]:
    """The times ``move_booking`` would take: free, and within the life of the hold."""
    free = open_slots_of(
        booking.practitioner, booking.service, at=at, until=at + HORIZON, besides=booking
    )
    length = dt.timedelta(minutes=booking.service.minutes)
    return [slot for slot in free if slot + length + UNDO_WINDOW <= booking.hold_until]


def move_booking(
    *,
    booking: Booking,
    user: User,
    starts_at: dt.datetime,
    where: Whereabouts,
    at: dt.datetime,
) -> Booking:
    """Another time with the same practitioner; the hold stays as it is.

    Only while it could be cancelled in time. Moved there already: nothing changes.
    Raises AlreadyClosed, TooLateToMove, NotLicensedThere, SlotTaken, BusyThen and
    HoldTooShort; then it stays where it was.
    """
    with transaction.atomic():
        # Before the lock, as when a time is booked.
        mails = care_mail.prepare_moved(booking, user, at)
        moved_before = booking.move_count
        practitioner = lock_practitioner(booking.practitioner)
        booking = _lock_booking(booking)
        if not booking.is_open:
            raise AlreadyClosed
        if booking.starts_at == starts_at:
            return booking
        if not cancel_terms(booking, at=at).is_in_time:
            raise TooLateToMove
        check_authority(practitioner, where, starts_at)
        service = booking.service
        free = open_slots_of(practitioner, service, at=at, until=at + HORIZON, besides=booking)
        if starts_at not in free:
            raise SlotTaken
        ends_at = starts_at + dt.timedelta(minutes=service.minutes)
        if ends_at + UNDO_WINDOW > booking.hold_until:
            raise HoldTooShort
        booking.starts_at, booking.ends_at = starts_at, ends_at
        booking.country, booking.region = where.country, where.region
        booking.move_count += 1
        booking.moved_at = at
        try:
            with transaction.atomic():
                booking.save(
                    update_fields=[
                        "starts_at",
                        "ends_at",
                        "country",
                        "region",
                        "move_count",
                        "moved_at",
                    ]
                )
        except IntegrityError as refusal:
            raise _why_taken(refusal) from refusal
        if booking.move_count > moved_before + 1:
            # Somebody moved it meanwhile, and those mails are theirs.
            mails = care_mail.prepare_moved(booking, user, at, moves=booking.move_count)
        for mail in mails:
            queue_prepared(mail)
    return booking


@transaction.atomic
def leave_place(*, booking: Booking, user: User, at: dt.datetime) -> Booking:
    """The person will be where this practitioner may not see them: released, free of charge.

    At any notice, and no miss: nobody may be seen where the licence does not reach.
    Raises AlreadyClosed and TooLate. Again changes nothing.
    """
    booking = _lock_booking(booking)
    if booking.status == Booking.Status.CANCELLED:
        return booking
    if not booking.is_open:
        raise AlreadyClosed
    if at >= booking.starts_at:
        raise TooLate
    ledger.release_hold(group=booking.hold_group, actor=booking.subject, at=at)
    _close(booking, Booking.Status.CANCELLED, at)
    care_mail.tell_cancelled(booking, user, at)
    return booking


@dataclass(frozen=True)
class CancelTerms:
    """What cancelling now would mean: shown before, and agreed to by name."""

    is_in_time: bool
    units_charged: int
    free_until: dt.datetime

    @property
    def name(self) -> str:
        if self.is_in_time:
            return "in_time"
        return "charged" if self.units_charged else "excused"


def cancel_terms(booking: Booking, *, at: dt.datetime) -> CancelTerms:
    """What it would cost the person to cancel ``booking`` at ``at``."""
    rule = rule_of(booking)
    free_until = booking.starts_at - rule.notice
    is_in_time = at <= free_until
    return CancelTerms(is_in_time, 0 if is_in_time else rule.units_charged, free_until)


@transaction.atomic
def cancel_booking(*, booking: Booking, user: User, agreed: str, at: dt.datetime) -> Booking:
    """The person cancels. ``agreed`` names the terms they were shown.

    Raises OutcomeChanged when the terms are others by now, TooLate once the
    session has begun, AlreadyClosed. Cancelled before: nothing changes.
    """
    booking = _lock_booking(booking)
    if booking.status in (Booking.Status.CANCELLED, Booking.Status.LATE_CANCEL):
        return booking
    if not booking.is_open:
        raise AlreadyClosed
    if at >= booking.starts_at:
        raise TooLate
    terms = cancel_terms(booking, at=at)
    if terms.name != agreed:
        raise OutcomeChanged
    if terms.is_in_time:
        ledger.release_hold(group=booking.hold_group, actor=booking.subject, at=at)
        _close(booking, Booking.Status.CANCELLED, at)
    else:
        _charge_missed(booking, Code.LATE_CANCEL, booking.subject, at)
        _close(booking, Booking.Status.LATE_CANCEL, at)
    care_mail.tell_cancelled(booking, user, at)
    return booking


@transaction.atomic
def practice_cancel(
    *, booking: Booking, membership: PracticeMembership, at: dt.datetime
) -> Booking:
    """The practice cancels, at any notice: it costs the person nothing."""
    booking = _lock_booking(booking)
    if booking.status == Booking.Status.PRACTICE_CANCELLED:
        return booking
    if not booking.is_open:
        raise AlreadyClosed
    return _free_of_charge(booking, practice_actor(membership.practice_id), at, by=membership)


@transaction.atomic
def release_unlicensed(*, booking: Booking, at: dt.datetime) -> bool:
    """Free a booking whose practitioner may no longer see the person there that day.

    It costs them nothing, and they are told to look. Says whether it was open.
    """
    booking = _lock_booking(booking)
    if not booking.is_open:
        return False
    _free_of_charge(booking, scheduler_actor(), at)
    care_mail.tell_practice_changed(booking, at)
    return True


def _free_of_charge(
    booking: Booking, actor: UUID, at: dt.datetime, by: PracticeMembership | None = None
) -> Booking:
    ledger.release_hold(group=booking.hold_group, actor=actor, at=at, code=Code.PRACTICE_CANCEL)
    _close(booking, Booking.Status.PRACTICE_CANCELLED, at, by=by)
    care_mail.tell_practice_cancelled(booking, at)
    return booking


OUTCOMES = {
    "attended": Booking.Status.ATTENDED,
    "missed": Booking.Status.MISSED,
    "late_cancel": Booking.Status.LATE_CANCEL,
}


def confirm_session(
    *, booking: Booking, membership: PracticeMembership, outcome: str, at: dt.datetime
) -> Booking:
    """The practice says what became of the session: attended, missed or cancelled late.

    The same word again changes nothing. Raises AlreadyClosed for another word, and
    TooEarly before the session has begun (a late cancellation may be told before).
    """
    if outcome == "attended" and confirm_at_once(booking=booking, membership=membership, at=at):
        return booking
    return _confirm_carefully(booking, membership, OUTCOMES[outcome], at)


# What a practice says nearly always, that the session took place, is one statement: it locks the
# booking, finds it open and begun and its hold an ordinary one, and writes the same rows as the
# careful way. Anything else it finds is no row, and leaves everything as it was. It stands by
# itself, with nothing before and after it that would keep the locks longer.
CONFIRM_AT_ONCE = """
WITH open AS (
    SELECT hold_group AS "group", units, practice_id FROM therapy_credits_booking
     WHERE id = %(booking)s AND status = 'booked' AND starts_at <= %(at)s
       FOR NO KEY UPDATE
), hold AS ({hold}){and_kept}, posted AS ({post} RETURNING id)
UPDATE therapy_credits_booking
   SET status = 'attended', resolved_at = %(at)s, resolved_by_id = %(by)s
 WHERE id = %(booking)s AND EXISTS (SELECT FROM posted)
"""
CONFIRM = CONFIRM_AT_ONCE.format(hold=ledger.WHOLE_HOLD, and_kept="", post=ledger.POST_WHOLE_HOLD)
# The same, where a program is told so: only if its request was not answered before.
CONFIRM_AND_ANSWER = CONFIRM_AT_ONCE.format(
    hold=ledger.WHOLE_HOLD,
    and_kept=f", kept AS ({KEEP_ANSWER} FROM hold {UNLESS_ANSWERED})",
    post=f"{ledger.POST_WHOLE_HOLD} WHERE EXISTS (SELECT FROM kept)",
)


def confirm_at_once(
    *,
    booking: Booking,
    membership: PracticeMembership,
    at: dt.datetime,
    kept: Kept | None = None,
) -> bool:
    """Confirm an ordinary session that took place, and keep what the program is told (``kept``).

    False, and nothing has changed, when it is not open, not begun or not ordinary, or the
    program's request was answered before: then confirm_session looks closer.
    """
    facts = ledger.facts_of_whole_hold(
        group=booking.hold_group,
        units=booking.units,
        practice_id=booking.practice_id,
        actor=practice_actor(membership.practice_id),
        at=at,
    )
    facts |= {"booking": booking.pk, "by": membership.user_id}
    if kept:
        facts |= kept.facts
    with ledger.refusals_in_words(), prepared_cursor() as cursor:
        cursor.execute(CONFIRM_AND_ANSWER if kept else CONFIRM, facts)
        is_done = bool(cursor.rowcount == 1)
    if is_done:
        booking.status, booking.resolved_at = Booking.Status.ATTENDED, at
        booking.resolved_by_id = membership.user_id
    return is_done


@transaction.atomic
def _confirm_carefully(
    booking: Booking, membership: PracticeMembership, status: Booking.Status, at: dt.datetime
) -> Booking:
    booking = _lock_booking(booking)
    if booking.status == status:
        return booking
    if not booking.is_open:
        raise AlreadyClosed
    _check_time(booking, status, at)
    actor = practice_actor(membership.practice_id)
    if status == Booking.Status.ATTENDED:
        ledger.post_hold(
            group=booking.hold_group, actor=actor, at=at, practice_id=booking.practice_id
        )
    elif status == Booking.Status.MISSED:
        _charge_missed(booking, Code.NO_SHOW, actor, at)
    else:
        _charge_missed(booking, Code.LATE_CANCEL, actor, at)
    _close(booking, status, at, by=membership)
    return booking


@transaction.atomic
def undo_confirmation(
    *, booking: Booking, membership: PracticeMembership, at: dt.datetime
) -> Booking:
    """Take the practice's word back: units return to the person and are held again.

    Raises CannotUndo after seven days, for what the practice did not say, or
    when the person has used the returned session meanwhile.
    """
    # It may take its time again, which locks the practitioner: they come first everywhere.
    Practitioner.objects.select_for_update(no_key=True).get(pk=booking.practitioner_id)
    booking = _lock_booking(booking)
    if booking.is_open:
        return booking
    if not can_undo(booking, at=at):
        raise CannotUndo
    actor = practice_actor(membership.practice_id)
    try:
        with transaction.atomic():
            _reverse(booking, actor, at)
            booking.undo_count += 1
            booking.hold_group = uuid5(booking.request_id, f"hold {booking.undo_count}")
            booking.hold_until = max(booking.ends_at + HOLD_LIFE, at + UNDO_WINDOW)
            ledger.hold_units(
                subject=booking.subject,
                units=booking.units,
                practice_id=booking.practice_id,
                group=booking.hold_group,
                timeout_at=booking.hold_until,
                transfer_id=ledger.first_hold_of(booking.hold_group),
                actor=actor,
                at=at,
                pool=booking.pool,
                limits=booking.limits,
            )
            booking.status = Booking.Status.BOOKED
            booking.resolved_at = booking.resolved_by = booking.agreed_at = None
            booking.fee_percent = 100
            cases.close_undone(booking=booking, at=at)
            booking.save(
                update_fields=[
                    "status",
                    "resolved_at",
                    "resolved_by",
                    "agreed_at",
                    "fee_percent",
                    "hold_group",
                    "hold_until",
                    "undo_count",
                ]
            )
    except (NotEnoughSessions, IntegrityError) as refusal:
        raise CannotUndo from refusal
    return booking


def can_undo(booking: Booking, *, at: dt.datetime) -> bool:
    """Whether the practice may still take back what it said of this booking."""
    return (
        booking.status in OUTCOMES.values()
        and booking.resolved_by_id is not None
        and booking.resolved_at is not None
        and at <= booking.resolved_at + UNDO_WINDOW
    )


def time_out_bookings(*, at: dt.datetime, limit: int = 500) -> int:
    """Release what no practice has confirmed within 30 days. Says how many."""
    due = Booking.objects.filter(status=Booking.Status.BOOKED, hold_until__lte=at)
    keys = due.order_by("hold_until").values_list("pk", flat=True)[:limit]
    return sum(_time_out(pk, at) for pk in keys)


def _time_out(pk: int, at: dt.datetime) -> bool:
    with transaction.atomic():
        booking = (
            Booking.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=pk).first()
        )
        if booking is None or not booking.is_open or booking.hold_until > at:
            return False
        ledger.release_hold(
            group=booking.hold_group, actor=scheduler_actor(), at=at, code=Code.TIMEOUT
        )
        _close(booking, Booking.Status.TIMED_OUT, at)
        return True


# Every word of a practice passes these two: in SQL, which costs a fraction of writing it each time.
LOCK_BOOKING = "SELECT * FROM therapy_credits_booking WHERE id = %s FOR NO KEY UPDATE"
CLOSE_BOOKING = """
UPDATE therapy_credits_booking
   SET status = %s, resolved_at = %s, resolved_by_id = %s, fee_percent = %s
 WHERE id = %s
"""


def _why_taken(refusal: IntegrityError) -> SlotTaken | BusyThen:
    """Two rules may refuse: the practitioner's time is taken, or the person's own."""
    is_own = "booking_person_one_at_a_time" in str(refusal)
    return BusyThen() if is_own else SlotTaken()


def lock_practitioner(practitioner: Practitioner) -> Practitioner:
    locked = (
        Practitioner.objects.bookable()
        .select_for_update(of=("self",), no_key=True)
        .select_related("practice")
        .filter(pk=practitioner.pk)
        .first()
    )
    if locked is None:
        raise SlotTaken
    return locked


def _lock_booking(booking: Booking) -> Booking:
    (locked,) = Booking.objects.raw(LOCK_BOOKING, [booking.pk])
    return locked


def check_authority(practitioner: Practitioner, where: Whereabouts, starts_at: dt.datetime) -> None:
    day = starts_at.astimezone(where.time_zone).date()
    authorities = [
        Authority(licence.country, licence.region, licence.expires_on)
        for licence in practitioner.licences.verified()
    ]
    if not may_practise(authorities, where.country, where.region, day):
        raise NotLicensedThere


def _hold_for(booking: Booking, user: User, at: dt.datetime) -> None:
    """Hold the booking's units from the first of the person's pools that pays this practice."""
    for source in paying_sources(
        own_tokens(user), booking.practitioner.practice, booking.service, at=at
    ):
        try:
            ledger.hold_units(
                subject=source.subject,
                units=booking.units,
                practice_id=booking.practice_id,
                group=booking.hold_group,
                timeout_at=booking.hold_until,
                transfer_id=ledger.first_hold_of(booking.hold_group),
                actor=source.subject,
                at=at,
                pool=source.pool,
                limits=source.limits,
            )
        except NotEnoughSessions:
            continue
        booking.subject, booking.pool = source.subject, source.pool
        booking.limits = source.limits
        return
    raise NotEnoughSessions


def _charge_missed(booking: Booking, code: Code, actor: UUID, at: dt.datetime) -> None:
    """Post or excuse the hold, as the pool's table for missed sessions says."""
    rule = rule_of(booking)
    booking.fee_percent = rule.fee_percent
    if rule.units_charged:
        ledger.post_hold(
            group=booking.hold_group,
            actor=actor,
            at=at,
            outcome=code,
            units=min(rule.units_charged, booking.units),
            practice_id=booking.practice_id,
        )
    else:
        ledger.excuse_hold(
            group=booking.hold_group, actor=actor, at=at, practice_id=booking.practice_id
        )


def _reverse(booking: Booking, actor: UUID, at: dt.datetime) -> None:
    try:
        ledger.reverse_charge(group=booking.hold_group, actor=actor, at=at)
    except NothingToReverse:
        # Excused while the pool's reserve was empty: nobody was charged or paid.
        if booking.status == Booking.Status.ATTENDED:
            raise


def _check_time(booking: Booking, status: Booking.Status, at: dt.datetime) -> None:
    if at >= booking.starts_at:
        return
    if status != Booking.Status.LATE_CANCEL or cancel_terms(booking, at=at).is_in_time:
        raise TooEarly


def _close(
    booking: Booking,
    status: Booking.Status,
    at: dt.datetime,
    by: PracticeMembership | None = None,
) -> None:
    booking.status = status
    booking.resolved_at = at
    booking.resolved_by_id = by.user_id if by else None
    with connection.cursor() as cursor:
        cursor.execute(
            CLOSE_BOOKING, [status, at, booking.resolved_by_id, booking.fee_percent, booking.pk]
        )
