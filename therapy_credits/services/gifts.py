"""Giving sessions to a bandmate or somebody of the team, and what becomes of a gift.

The giver may undo a gift for half an hour, before it is sent, and never after: a
later recall would tell them whether it was claimed. After that they see "given"
and nothing else. What is refused, or claimed by nobody, returns to the pool.

Each change is one lock on the gift's row, one look at it, one command to the
ledger: whoever comes second finds what the first left.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import transaction

from accounts.models import User
from common import tokens
from common.codes import BadCode, new_code, read_code
from therapy_credits.errors import (
    AdultsOnly,
    CannotUndo,
    CodeMistyped,
    GiftIsYours,
    GiftNotThere,
    NotEnoughSessions,
    RequestReused,
)
from therapy_credits.models import CareKey, Gift, Subject
from therapy_credits.queries.bookings import has_said_adult, live_sources
from therapy_credits.services import care_mail, ledger
from therapy_credits.services.actors import scheduler_actor
from therapy_credits.services.requests import one_at_a_time
from therapy_credits.services.subjects import claim_token, forget_tokens, own_tokens

# How long a gift can be undone; then it is sent.
UNDO_WINDOW = dt.timedelta(minutes=30)
# How long it can be claimed, at most.
CLAIM_WINDOW = dt.timedelta(days=30)
# It returns to the pool this long before its units would expire, and not afterwards.
BEFORE_EXPIRY = dt.timedelta(days=1)


@dataclass(frozen=True)
class NewGift:
    """A gift, and what opens it, the one time it exists: None when it goes by mail,
    or when the same request was made before."""

    gift: Gift
    code: str | None = None
    link: str | None = None


def give_sessions(
    *, user: User, units: int, contact: str, request_id: UUID, at: dt.datetime
) -> NewGift:
    """Set ``units`` of the person's sessions aside for somebody else.

    With ``contact`` (an e-mail address) they are sent a link in half an hour;
    without, the giver is told a link and a code to pass on, which open then.
    ``request_id`` is made with the form: sent twice, it is one gift. Raises
    AdultsOnly, NotEnoughSessions, RequestReused.
    """
    with transaction.atomic():
        one_at_a_time(request_id)
        if earlier := Gift.objects.filter(pk=request_id).first():
            if earlier.units != units or earlier.giver_subject not in own_tokens(user):
                raise RequestReused
            return NewGift(earlier)
        if not has_said_adult(user):
            raise AdultsOnly
        code, link = new_code(), link_secret(request_id)
        gift = Gift(
            id=request_id,
            subject=uuid5(request_id, tokens.new_secret()),
            units=units,
            link_digest=_link_digest(link),
            code_digest=_code_digest(code),
            language=user.language,
            given_at=at,
            sends_at=at + UNDO_WINDOW,
        )
        if contact:
            key = CareKey.new(gift.subject)
            key.save(force_insert=True)
            gift.sealed_contact = key.seal(contact, "gift.contact")
        given = _give(gift, user, at)
        gift.expires_at = min(at + CLAIM_WINDOW, given.expires_at - BEFORE_EXPIRY)
        gift.save(force_insert=True)
    return NewGift(gift) if contact else NewGift(gift, code, link)


@transaction.atomic
def undo_gift(*, gift: Gift, at: dt.datetime) -> Gift:
    """The giver takes it back, within the half hour. Raises CannotUndo. Again changes nothing."""
    gift = _lock(gift.pk)
    if gift.status == Gift.Status.UNDONE:
        return gift
    if not gift.can_be_undone(at=at):
        raise CannotUndo
    ledger.undo_gift(group=gift.pk, actor=gift.giver_subject, at=at)
    return _end(gift, Gift.Status.UNDONE, at)


@dataclass(frozen=True)
class Opener:
    """What somebody holds of a gift: the secret of its link, or its code."""

    link: str = ""
    code: str = ""


def opener_of_code(text: str) -> Opener:
    """The code in ``text``, however it was typed. CodeMistyped costs no look-up."""
    try:
        return Opener(code=read_code(text))
    except BadCode as bad:
        raise CodeMistyped from bad


@transaction.atomic
def claim_gift(*, opener: Opener, user: User, at: dt.datetime) -> Gift:
    """The gift's sessions are ``user``'s from now on. Again by them changes nothing.

    Raises GiftNotThere, alike for a gift that never was, is not open yet or any
    more, or is somebody else's; GiftIsYours for the giver, whatever became of
    it; and AdultsOnly.
    """
    gift = _find(opener)
    own = own_tokens(user)
    if gift is not None and gift.giver_subject in own:
        raise GiftIsYours
    if gift is not None and gift.subject in own:
        return gift
    if gift is None or not gift.is_open(at=at):
        raise GiftNotThere
    if not has_said_adult(user):
        raise AdultsOnly
    giver = Subject.objects.only("programme_id", "year").get(token=gift.giver_subject)
    claim_token(
        user=user,
        token=gift.subject,
        programme_id=giver.programme_id,
        year=giver.year,
        at=at,
    )
    return _end(gift, Gift.Status.CLAIMED, at)


@transaction.atomic
def refuse_gift(*, opener: Opener, user: User | None, at: dt.datetime) -> None:
    """Say no. Its sessions return to the pool. Nobody is told, whoever asks, and whatever it was.

    ``user`` is who is signed in, if anybody: a giver cannot refuse for somebody else.
    """
    gift = _find(opener)
    if gift is None or not gift.is_open(at=at):
        return
    if user is not None and gift.giver_subject in own_tokens(user):
        return
    ledger.return_gift(group=gift.pk, actor=gift.subject, at=at)
    _end(gift, Gift.Status.REFUSED, at)


def send_due(*, at: dt.datetime, limit: int = 500) -> int:
    """Send the gifts whose half hour is over, and forget where they went. How many."""
    due = Gift.objects.filter(status=Gift.Status.WAITING, sends_at__lte=at)
    keys = due.order_by("sends_at").values_list("pk", flat=True)[:limit]
    return sum(_send(pk, at) for pk in keys)


def expire_gifts(*, at: dt.datetime, limit: int = 500) -> int:
    """Return what nobody claimed in time to the pools. How many gifts."""
    due = Gift.objects.open().filter(expires_at__lte=at)
    keys = due.order_by("expires_at").values_list("pk", flat=True)[:limit]
    return sum(_expire(pk, at) for pk in keys)


def link_secret(gift_id: UUID) -> str:
    """What a gift's link ends in. It can be made again, for the mail, and is kept nowhere."""
    return tokens.derive("gift-link", gift_id)


def _give(gift: Gift, user: User, at: dt.datetime) -> ledger.Given:
    """From the first of the person's pools that can give all of it."""
    for source in live_sources(own_tokens(user), at=at):
        try:
            given = ledger.give_units(
                subject=source.subject,
                recipient=gift.subject,
                units=gift.units,
                group=gift.pk,
                actor=source.subject,
                at=at,
                pool=source.pool,
                limits=source.limits,
            )
        except NotEnoughSessions:
            continue
        gift.giver_subject, gift.pool = source.subject, source.pool
        return given
    raise NotEnoughSessions


def _send(pk: UUID, at: dt.datetime) -> bool:
    with transaction.atomic():
        gift = _take(pk)
        if gift is None or gift.status != Gift.Status.WAITING:
            return False
        if gift.sealed_contact:
            care_mail.send_gift(gift, gift.contact, link_secret(gift.pk), at)
            forget_tokens([gift.subject])
        gift.status, gift.sealed_contact = Gift.Status.SENT, ""
        gift.save(update_fields=["status", "sealed_contact"])
        return True


def _expire(pk: UUID, at: dt.datetime) -> bool:
    with transaction.atomic():
        gift = _take(pk)
        if gift is None or gift.status not in (Gift.Status.WAITING, Gift.Status.SENT):
            return False
        ledger.return_gift(group=gift.pk, actor=scheduler_actor(), at=at)
        _end(gift, Gift.Status.EXPIRED, at)
        return True


def _find(opener: Opener) -> Gift | None:
    """The gift, locked. Both secrets are looked up by their digest."""
    wanted = (
        {"link_digest": _link_digest(opener.link)}
        if opener.link
        else {"code_digest": _code_digest(opener.code)}
    )
    return Gift.objects.select_for_update(of=("self",), no_key=True).filter(**wanted).first()


def _take(pk: UUID) -> Gift | None:
    """The gift, locked, unless somebody else is at it."""
    return Gift.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=pk).first()


def _lock(pk: UUID) -> Gift:
    return Gift.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)


def _end(gift: Gift, status: Gift.Status, at: dt.datetime) -> Gift:
    if gift.sealed_contact and status != Gift.Status.CLAIMED:
        forget_tokens([gift.subject])
    gift.status, gift.ended_at, gift.sealed_contact = status, at, ""
    gift.save(update_fields=["status", "ended_at", "sealed_contact"])
    return gift


def _link_digest(secret: str) -> str:
    return tokens.digest("gift-link", secret)


def _code_digest(symbols: str) -> str:
    return tokens.digest("gift-code", symbols)
