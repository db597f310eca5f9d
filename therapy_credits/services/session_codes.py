"""Codes: one held session, taken to a practice that has no hours here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import transaction

from accounts.models import User
from common import tokens
from common.codes import BadCode, new_code, new_reference, read_code
from therapy_credits.errors import (
    AlreadyClosed,
    CannotUndo,
    CodeMistyped,
    CodeNotAccepted,
    NotEnoughSessions,
    TooManyTries,
    WrongSessionDay,
)
from therapy_credits.models import Code, PracticeMembership, ServiceType, SessionCode
from therapy_credits.queries.bookings import live_sources, pays
from therapy_credits.services import care_mail, cases, code_tries, ledger
from therapy_credits.services.actors import practice_actor, scheduler_actor
from therapy_credits.services.requests import check_may_begin, one_at_a_time
from therapy_credits.services.subjects import own_tokens

CODE_LIFE = dt.timedelta(days=60)
UNDO_WINDOW = dt.timedelta(days=7)
# How far back a session may lie when its code is brought.
SESSION_AGE = dt.timedelta(days=30)


@dataclass(frozen=True)
class Issued:
    """A code, and its text the one time it exists: None when it was issued before."""

    code: SessionCode
    text: str | None


def issue_code(*, user: User, request_id: UUID, at: dt.datetime) -> Issued:
    """Hold one session for a code that any practice on Greenroom can redeem once.

    Raises ConsentMissing, AdultsOnly, NotEnoughSessions. The same ``request_id``
    again gives the same code, whose text cannot be shown a second time from here.
    """
    with transaction.atomic():
        one_at_a_time(request_id)
        if earlier := SessionCode.objects.filter(request_id=request_id).first():
            return Issued(earlier, None)
        check_may_begin(user, at=at)
        text = new_code()
        code = SessionCode(
            reference=new_reference(),
            request_id=request_id,
            digest=_digest(text),
            last_four=text[-4:],
            hold_group=uuid5(request_id, "hold 0"),
            issued_at=at,
            expires_at=at + CODE_LIFE,
        )
        _hold_for(code, user, at)
        code.save(force_insert=True)
    return Issued(code, text)


@transaction.atomic
def cancel_code(*, code: SessionCode, at: dt.datetime) -> SessionCode:
    """The person takes an unused code back; its session is theirs again."""
    code = _lock_code(code)
    if code.status == SessionCode.Status.CANCELLED:
        return code
    if code.status != SessionCode.Status.ISSUED:
        raise AlreadyClosed
    ledger.release_hold(group=code.hold_group, actor=code.subject, at=at)
    return _close(code, SessionCode.Status.CANCELLED, at)


def redeem_code(
    *,
    text: str,
    membership: PracticeMembership,
    service: ServiceType,
    held_on: dt.date,
    address: str,
    at: dt.datetime,
) -> SessionCode:
    """The practice brings a code: the session is charged and assigned to it, once.

    Raises CodeMistyped before anything is read; TooManyTries; WrongSessionDay; and
    CodeNotAccepted, alike for a code that never was, is spent, expired or was taken
    back. The practice that redeemed a code gets the same answer again.
    """
    try:
        symbols = read_code(text)
    except BadCode as bad:
        raise CodeMistyped from bad
    today = at.astimezone(membership.practice.zone).date()
    if not today - SESSION_AGE <= held_on <= today:
        raise WrongSessionDay
    one = code_tries.count_try(practice_id=membership.practice_id, address=address, at=at)
    if one.burst:
        care_mail.warn_of_guessing(one.burst, one.window, at)
    if not one.is_allowed:
        raise TooManyTries
    code = _redeem(_digest(symbols), membership, service, held_on, at)
    code_tries.give_back(one)
    return code


@transaction.atomic
def _redeem(
    digest: str,
    membership: PracticeMembership,
    service: ServiceType,
    held_on: dt.date,
    at: dt.datetime,
) -> SessionCode:
    code = (
        SessionCode.objects.select_for_update(of=("self",), no_key=True)
        .select_related("pool", "limits")
        .filter(digest=digest)
        .first()
    )
    if code is None:
        raise CodeNotAccepted
    if code.practice_id == membership.practice_id and code.status == SessionCode.Status.REDEEMED:
        return code
    if code.status != SessionCode.Status.ISSUED or code.expires_at <= at:
        raise CodeNotAccepted
    if service.practice_id != membership.practice_id or service.units != code.units:
        raise CodeNotAccepted
    if not service.is_active or not pays(code, membership.practice, service):
        raise CodeNotAccepted
    ledger.post_hold(
        group=code.hold_group,
        actor=practice_actor(membership.practice_id),
        at=at,
        practice_id=membership.practice_id,
    )
    code.practice_id = membership.practice_id
    code.redeemed_by_id = membership.user_id
    code.held_on = held_on
    code.rate_minor, code.currency = service.rate_minor, service.currency
    return _close(code, SessionCode.Status.REDEEMED, at)


@transaction.atomic
def undo_redemption(
    *, code: SessionCode, membership: PracticeMembership, at: dt.datetime
) -> SessionCode:
    """Entered by mistake: the session goes back to the person. The code stays spent."""
    code = _lock_code(code)
    if code.status == SessionCode.Status.UNDONE:
        return code
    if not can_undo(code, at=at):
        raise CannotUndo
    ledger.reverse_charge(
        group=code.hold_group, actor=practice_actor(membership.practice_id), at=at
    )
    cases.close_undone(code=code, at=at)
    return _close(code, SessionCode.Status.UNDONE, at)


def can_undo(code: SessionCode, *, at: dt.datetime) -> bool:
    return (
        code.status == SessionCode.Status.REDEEMED
        and code.resolved_at is not None
        and at <= code.resolved_at + UNDO_WINDOW
    )


def expire_codes(*, at: dt.datetime, limit: int = 500) -> int:
    """Give back what codes past their date hold. Says how many."""
    due = SessionCode.objects.filter(status=SessionCode.Status.ISSUED, expires_at__lte=at)
    keys = due.order_by("expires_at").values_list("pk", flat=True)[:limit]
    return sum(_expire(pk, at) for pk in keys)


def _expire(pk: int, at: dt.datetime) -> bool:
    with transaction.atomic():
        code = (
            SessionCode.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(pk=pk, status=SessionCode.Status.ISSUED)
            .first()
        )
        if code is None:
            return False
        ledger.release_hold(
            group=code.hold_group, actor=scheduler_actor(), at=at, code=Code.TIMEOUT
        )
        _close(code, SessionCode.Status.EXPIRED, at)
        return True


def _hold_for(code: SessionCode, user: User, at: dt.datetime) -> None:
    for source in live_sources(own_tokens(user), at=at):
        try:
            ledger.hold_units(
                subject=source.subject,
                units=code.units,
                practice_id=None,
                group=code.hold_group,
                timeout_at=code.expires_at,
                transfer_id=ledger.first_hold_of(code.hold_group),
                actor=source.subject,
                at=at,
                pool=source.pool,
                limits=source.limits,
            )
        except NotEnoughSessions:
            continue
        code.subject, code.pool, code.limits = source.subject, source.pool, source.limits
        return
    raise NotEnoughSessions


def _digest(symbols: str) -> str:
    return tokens.digest("session-code", symbols)


def _lock_code(code: SessionCode) -> SessionCode:
    return SessionCode.objects.select_for_update(of=("self",), no_key=True).get(pk=code.pk)


def _close(code: SessionCode, status: SessionCode.Status, at: dt.datetime) -> SessionCode:
    code.status = status
    code.resolved_at = at
    code.save()
    return code
