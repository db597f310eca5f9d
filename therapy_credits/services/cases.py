"""What the care desk has to settle, and what became of it.

A case is taken by one person of the care staff, who alone sees whom it is about
from then on; each look is written down where that person can see it. Each step
is one lock on the case's row, and in the audit trail.
"""

from __future__ import annotations

import datetime as dt
import json
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import audit
from common.codes import new_reference
from therapy_credits.domain.matching import Need
from therapy_credits.domain.working_days import due_after
from therapy_credits.errors import (
    AlreadyClosed,
    CaseloadFull,
    NotEnoughSessions,
    NothingToReverse,
    NotYourCase,
    TooLate,
)
from therapy_credits.models import Booking, CareCase, Practitioner, SessionCode
from therapy_credits.queries.bookings import live_sources
from therapy_credits.queries.desk import FIND_ANSWERED_IN, MOST_CASES, desk_week
from therapy_credits.services import care_mail, ledger
from therapy_credits.services.actors import practice_actor
from therapy_credits.services.subjects import actor_token, key_of, own_tokens

# How long a person is asked whether what the practice told is right.
ASKED_FOR = dt.timedelta(days=7)
# In working days.
DISPUTE_ANSWERED_IN = 2
# Until so long after the session a practice that said nothing can still claim it.
LATE_CLAIM_LIFE = dt.timedelta(days=90)
LATE_CLAIM_ANSWERED_IN = 5
ENDING_ANSWERED_IN = 1

TOLD_BY_PRACTICE = (Booking.Status.ATTENDED, Booking.Status.MISSED, Booking.Status.LATE_CANCEL)


def asks_if_right(source: Booking | SessionCode, *, at: dt.datetime) -> bool:
    """Whether the person is asked "was this right?" now: told by a practice, not answered yet."""
    if source.agreed_at or source.resolved_at is None or at > source.resolved_at + ASKED_FOR:
        return False
    if isinstance(source, SessionCode):
        told = source.status == SessionCode.Status.REDEEMED
    else:
        told = source.status in TOLD_BY_PRACTICE and source.resolved_by_id is not None
    return told and not source.cases.disputes().exists()


@transaction.atomic
def agree(*, source: Booking | SessionCode, at: dt.datetime) -> None:
    """The person says: that is right. Again, or after it has changed, changes nothing."""
    source = _lock(source)
    if asks_if_right(source, at=at):
        source.agreed_at = at
        source.save(update_fields=["agreed_at"])


@transaction.atomic
def open_dispute(*, source: Booking | SessionCode, at: dt.datetime) -> CareCase:
    """The person says: that is not right. Nothing is settled until the care desk has looked.

    No reason is asked. Again gives the same case. Raises TooLate after seven days,
    and where there is nothing to say it of.
    """
    source = _lock(source)
    if earlier := source.cases.disputes().waiting().first():
        return earlier
    if not asks_if_right(source, at=at):
        raise TooLate(TooLate.of_a_question)
    return open_case(CareCase.Kind.DISPUTE, source, _due(at, DISPUTE_ANSWERED_IN), at)


@transaction.atomic
def open_late_claim(*, booking: Booking, at: dt.datetime) -> CareCase:
    """The practice says, too late, that a session took place. Until 90 days after it.

    Again gives the same case. Raises TooLate, and AlreadyClosed for what did not time out.
    """
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
    claims = booking.cases.filter(kind=CareCase.Kind.LATE_CLAIM)
    if earlier := claims.first():
        return earlier
    if booking.status != Booking.Status.TIMED_OUT:
        raise AlreadyClosed
    if at > booking.ends_at + LATE_CLAIM_LIFE:
        raise TooLate(TooLate.of_a_claim)
    return open_case(CareCase.Kind.LATE_CLAIM, booking, _due(at, LATE_CLAIM_ANSWERED_IN), at)


@transaction.atomic
def ask_to_find(*, user: User, need: Need, at: dt.datetime) -> CareCase:
    """Ask the care desk to find somebody; answered within two working days.

    What is asked for is sealed, and nobody reads it but who takes the case. Asked
    already: the same case. Raises NotEnoughSessions for who has none to book with.
    """
    tokens = own_tokens(user)
    if earlier := CareCase.objects.searches_of(tokens).waiting().first():
        return earlier
    sources = live_sources(tokens, at=at)
    if not sources:
        raise NotEnoughSessions
    asked = {
        "country": need.country,
        "region": need.region,
        "language": need.language,
        "format": need.format,
        "topics": sorted(need.topics),
        "kind": need.kind,
    }
    case = CareCase(
        reference=new_reference(),
        kind=CareCase.Kind.FIND,
        subject=sources[0].subject,
        sealed_need=key_of(sources[0].subject).seal(json.dumps(asked), "case.need"),
        opened_at=at,
        due_at=_due(at, FIND_ANSWERED_IN),
    )
    try:
        with transaction.atomic():
            case.save()
    except IntegrityError:
        return CareCase.objects.searches_of(tokens).waiting().get()
    return case


def need_of(case: CareCase) -> Need:
    """What the person asked for. For who has taken the case."""
    asked = json.loads(case.opened(case.sealed_need, "case.need"))
    return Need(
        asked["country"],
        asked["region"],
        asked["language"],
        asked["format"],
        frozenset(asked["topics"]),
        asked.get("kind", "one"),  # cases from before it was asked
    )


@transaction.atomic
def answer_search(
    *,
    case: CareCase,
    practitioner: Practitioner | None,
    wait_until: dt.date | None,
    by: User,
    at: dt.datetime,
) -> CareCase:
    """Say whom the desk found, or until when it looks on. The person sees it on their page.

    Raises NotYourCase. The same answer again changes nothing.
    """
    case = _lock_case(case)
    if not case.is_open and (case.practitioner, case.wait_until) == (practitioner, wait_until):
        return case
    case = _own_open(case, by)
    case.practitioner, case.wait_until = practitioner, wait_until
    outcome = CareCase.Outcome.FOUND if practitioner else CareCase.Outcome.NOBODY
    care_mail.tell_search_answered(case, at)
    return _close(case, outcome, by, at)


@transaction.atomic
def take_case(*, case: CareCase, by: User, at: dt.datetime) -> CareCase:
    """``by`` looks after it from now on. Raises NotYourCase when somebody else was sooner, and
    CaseloadFull for who has as many open as anybody can look after."""
    case = _lock_case(case)
    if case.taken_by_id == by.pk:
        return case
    if case.taken_by_id is not None or not case.is_open:
        raise NotYourCase
    if CareCase.objects.waiting().filter(taken_by=by).count() >= MOST_CASES:
        raise CaseloadFull
    case.taken_by, case.taken_at, case.status = by, at, CareCase.Status.TAKEN
    case.save(update_fields=["taken_by", "taken_at", "status"])
    audit.record(by, "case.take", case, at, ["taken_by"])
    return case


@transaction.atomic
def hand_over(*, case: CareCase, to: User, by: User, at: dt.datetime) -> CareCase:
    """Somebody else of the care staff looks after it from now on. Raises NotYourCase."""
    case = _own_open(case, by)
    case.taken_by, case.taken_at = to, at
    case.save(update_fields=["taken_by", "taken_at"])
    audit.record(by, "case.hand-over", case, at, ["taken_by"])
    return case


@transaction.atomic
def decide_dispute(*, case: CareCase, is_upheld: bool, by: User, at: dt.datetime) -> CareCase:
    """The person was right: what was charged is theirs again. Or it stays as the practice said.

    Raises NotYourCase. The same decision again changes nothing.
    """
    outcome = CareCase.Outcome.UPHELD if is_upheld else CareCase.Outcome.STANDS
    case = _lock_case(case)
    if case.outcome == outcome:
        return case
    case = _own_open(case, by)
    source = _lock(_source(case))
    if is_upheld:
        _give_back(source, actor_token(by), at)
        source.status = (
            Booking.Status.REVERSED if isinstance(source, Booking) else SessionCode.Status.UNDONE
        )
        source.resolved_at = at
        source.save(update_fields=["status", "resolved_at"])
    care_mail.tell_put_right(source, at) if is_upheld else care_mail.tell_decided(source, at)
    return _close(case, outcome, by, at)


@transaction.atomic
def decide_late_claim(*, case: CareCase, is_granted: bool, by: User, at: dt.datetime) -> CareCase:
    """Held and charged after all, from what the person has; or refused. Raises NotYourCase
    and NotEnoughSessions (then nothing changes)."""
    outcome = CareCase.Outcome.GRANTED if is_granted else CareCase.Outcome.REFUSED
    case = _lock_case(case)
    if case.outcome == outcome:
        return case
    case = _own_open(case, by)
    booking = _source(case)
    assert isinstance(booking, Booking)
    if is_granted:
        # It takes its time again, which locks the practitioner: they come first everywhere.
        Practitioner.objects.select_for_update(no_key=True).get(pk=booking.practitioner_id)
        booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
        booking.undo_count += 1
        booking.hold_group = uuid5(booking.request_id, f"hold {booking.undo_count}")
        _charge_late(booking, actor_token(by), at)
        booking.status, booking.resolved_at = Booking.Status.ATTENDED, at
        booking.resolved_by = by
        booking.save(
            update_fields=["status", "resolved_at", "resolved_by", "undo_count", "hold_group"]
        )
    return _close(case, outcome, by, at)


def close_undone(
    *, booking: Booking | None = None, code: SessionCode | None = None, at: dt.datetime
) -> None:
    """The practice took its word back by itself: what was disputed about it is settled."""
    disputes = CareCase.objects.disputes().waiting()
    disputes.filter(booking=booking, code=code).update(
        status=CareCase.Status.CLOSED, outcome=CareCase.Outcome.UNDONE, closed_at=at
    )


def _give_back(source: Booking | SessionCode, actor: UUID, at: dt.datetime) -> None:
    try:
        ledger.reverse_charge(group=source.hold_group, actor=actor, at=at)
    except NothingToReverse:
        # A miss that was excused while the pool's reserve was empty: nobody was charged or paid.
        if source.status not in (Booking.Status.MISSED, Booking.Status.LATE_CANCEL):
            raise


def _charge_late(booking: Booking, actor: UUID, at: dt.datetime) -> None:
    ledger.hold_units(
        subject=booking.subject,
        units=booking.units,
        practice_id=booking.practice_id,
        group=booking.hold_group,
        timeout_at=at + ASKED_FOR,
        transfer_id=ledger.first_hold_of(booking.hold_group),
        actor=actor,
        at=at,
        pool=booking.pool,
        limits=booking.limits,
    )
    ledger.post_hold(
        group=booking.hold_group,
        actor=practice_actor(booking.practice_id),
        at=at,
        practice_id=booking.practice_id,
    )


def _due(at: dt.datetime, days: int) -> dt.datetime:
    return due_after(at, days, desk_week())


def open_case(
    kind: CareCase.Kind, source: Booking | SessionCode, due_at: dt.datetime, at: dt.datetime
) -> CareCase:
    """A new case about ``source``. Raises AlreadyClosed where one of its kind is open."""
    case = CareCase(
        reference=new_reference(),
        kind=kind,
        subject=source.subject,
        booking=source if isinstance(source, Booking) else None,
        code=source if isinstance(source, SessionCode) else None,
        opened_at=at,
        due_at=due_at,
    )
    try:
        with transaction.atomic():
            case.save()
    except IntegrityError as refusal:
        raise AlreadyClosed from refusal
    return case


def _close(case: CareCase, outcome: str, by: User, at: dt.datetime) -> CareCase:
    case.status, case.outcome, case.closed_at = CareCase.Status.CLOSED, outcome, at
    case.save()
    audit.record(by, "case.close", case, at, ["outcome"])
    return case


def _own_open(case: CareCase, by: User) -> CareCase:
    case = _lock_case(case)
    if not case.is_open or case.taken_by_id != by.pk:
        raise NotYourCase
    return case


def _source(case: CareCase) -> Booking | SessionCode:
    source = case.booking or case.code
    assert source is not None
    return source


def _lock(source: Booking | SessionCode) -> Booking | SessionCode:
    rows = type(source).objects.select_for_update(of=("self",), no_key=True)
    return rows.get(pk=source.pk)


def _lock_case(case: CareCase) -> CareCase:
    return CareCase.objects.select_for_update(of=("self",), no_key=True).get(pk=case.pk)
