"""Mail that comes in: understood, checked and stored once. What it changes is decided above.

No part of a mail reaches a log. What is dropped is what no person wrote.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.services import audit
from calendars.domain.mail import Mail, read_mail
from calendars.domain.replies import CalendarReply, NotAReply, read_reply
from calendars.models import InboundReply
from common.hints import hint
from common.reply_addresses import name_in

logger = logging.getLogger(__name__)

Kind, Desk, State, Reason = (
    InboundReply.Kind,
    InboundReply.Desk,
    InboundReply.State,
    InboundReply.Reason,
)
ANSWERS = frozenset({"ACCEPTED", "TENTATIVE", "DECLINED"})
# How long what is settled keeps its contents (docs/privacy.md).
KEEP = timedelta(days=30)


@transaction.atomic
def receive(*, raw: bytes, envelope_to: Sequence[str] = (), at: datetime) -> InboundReply | None:
    """Store what came in; nothing for what no person and no calendar program wrote.

    The same Message-ID again changes nothing. ``envelope_to`` is where the server that took it
    says it was for, when that is not in the mail itself.
    """
    mail = read_mail(raw, auth_server=settings.MAIL_AUTH_SERVER, own_domain=settings.MAIL_DOMAIN)
    about = _about([*envelope_to, *mail.recipients])
    reply, problem = _answer_in(mail)
    if mail.is_bounce or (reply is None and mail.is_automatic):
        logger.info("dropped a mail that nobody wrote")
        return None
    if reply is not None and about:
        stored = _store(mail, at, about=about, **_checked(reply, mail))
        if reply.comment:
            _letter(mail, at, about, words=reply.comment, reason=Reason.COMMENT, part="comment")
    elif problem is not None and mail.is_automatic:
        # A program's answer that we cannot use: kept for the record, nobody has to look.
        stored = _store(
            mail, at, about=about, kind=Kind.ANSWER, state=State.REFUSED, reason=Reason.UNREADABLE
        )
    else:
        stored = _letter(mail, at, about, words=_words(mail), reason=Reason.WORDS)
    hint("mail-arrived")
    return stored


def _about(recipients: Sequence[str]) -> str:
    return next((name for address in recipients if (name := name_in(address))), "")


def _answer_in(mail: Mail) -> tuple[CalendarReply | None, NotAReply | None]:
    if mail.calendar is None:
        return None, None
    try:
        return read_reply(mail.calendar), None
    except NotAReply as problem:
        return None, problem


def _checked(reply: CalendarReply, mail: Mail) -> dict[str, Any]:
    """What is stored of an answer, and whether it may be applied."""
    if not mail.is_sender_proved:
        state, reason = State.REFUSED, Reason.SENDER
    elif reply.attendee != mail.sender:
        state, reason = State.REFUSED, Reason.OTHER_PERSON
    elif reply.method == "COUNTER":
        state, reason = State.OPEN, Reason.COUNTER
    elif reply.answer == "DELEGATED":
        state, reason = State.OPEN, Reason.DELEGATED
    elif reply.answer not in ANSWERS:
        state, reason = State.REFUSED, Reason.UNKNOWN_ANSWER
    else:
        state, reason = State.WAITING, Reason.NONE
    return {
        "kind": Kind.ANSWER,
        "state": state,
        "reason": reason,
        "uid": reply.uid,
        "recurrence_id": reply.recurrence_id,
        "sequence": reply.sequence,
        "stamped_at": reply.stamped_at,
        "attendee": reply.attendee,
        "answer": reply.answer,
    }


def _letter(
    mail: Mail, at: datetime, about: str, *, words: str, reason: str, part: str = ""
) -> InboundReply:
    return _store(
        mail,
        at,
        about=about,
        kind=Kind.LETTER,
        state=State.OPEN,
        reason=reason,
        words=words,
        part=part,
    )


def _words(mail: Mail) -> str:
    words = f"{mail.subject}\n\n{mail.text}".strip()
    return f"{words}\n\n[+{mail.attachments}]" if mail.attachments else words


def _store(
    mail: Mail, at: datetime, *, about: str, words: str = "", part: str = "", **facts: Any
) -> InboundReply:
    row = InboundReply(
        message_id=f"{mail.message_id[: 199 - len(part)]}#{part}" if part else mail.message_id,
        received_at=at,
        sender=mail.sender,
        about=about,
        desk=Desk.EVENTS if about else Desk.CARE,
        **facts,
    )
    row.text = words
    InboundReply.objects.bulk_create([row], ignore_conflicts=True)
    return InboundReply.objects.get(message_id=row.message_id)


@transaction.atomic
def claim_answer(*, at: datetime) -> InboundReply | None:
    """The next answer to apply, locked until the transaction ends; None when there is none.

    Two workers never get the same one.
    """
    return InboundReply.objects.waiting().select_for_update(skip_locked=True).first()


def settle(*, reply: InboundReply, refusal: str = "") -> None:
    """Note that an answer was applied, or why it was not."""
    reply.state = State.REFUSED if refusal else State.APPLIED
    reply.reason = refusal
    reply.save(update_fields=["state", "reason"])


def pass_on(*, reply: InboundReply) -> None:
    """Note that an answer needs a person."""
    reply.state = State.OPEN
    reply.save(update_fields=["state"])


@transaction.atomic
def close(*, reply: InboundReply, actor: User, at: datetime) -> None:
    """Somebody has looked after it. Closing it again changes nothing."""
    closed = InboundReply.objects.filter(pk=reply.pk, state=State.OPEN).update(
        state=State.CLOSED, closed_at=at, closed_by=actor
    )
    if closed:
        audit.record(actor, "mail.closed", reply, at)


def forget_contents(*, at: datetime) -> int:
    """Delete who wrote what in mail that has been settled for 30 days. What is open stays."""
    settled = InboundReply.objects.filter(purged_at__isnull=True, received_at__lt=at - KEEP)
    return settled.exclude(state__in=[State.WAITING, State.OPEN]).update(
        sender="", attendee="", sealed_text="", purged_at=at
    )
