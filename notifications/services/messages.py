"""Queueing a mail, and what happens to it afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template import Context, Engine
from django.template.loader import get_template
from django.utils import translation

from common import tokens
from common.hints import hint
from common.prepared import prepared_cursor
from common.text import speaking
from notifications.domain import Attachment, paragraphs, tidy
from notifications.models import OPEN, Message, MessageStatus, Purge

# How long a sender may keep what it took before somebody else may take it.
LEASE = timedelta(minutes=5)
# After these many refusals of its own a message is given up and shown to staff.
ATTEMPTS = 10
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=4)
# How long the contents of a mail are kept (docs: retention).
KEEP = timedelta(days=30)


def queue_message(
    *,
    key: str,
    to: str,
    template: str,
    context: Mapping[str, Any],
    language: str,
    at: datetime,
    attachments: Sequence[Attachment] = (),
) -> Message:
    """Promise a mail, in the transaction of the change it tells about.

    ``key`` says what it tells (``"rsvp-confirmed:17"``); the same key again changes
    nothing and returns the first message. ``template`` names
    ``<template>.subject.txt`` and ``<template>.txt`` (plain text, a blank line
    between paragraphs, bare addresses); the HTML part is made from the same text.
    Rendered here and now in ``language``, so that later edits change no promise.
    Roll back and nothing is sent; commit and it always is.
    """
    return queue_prepared(
        prepare_message(
            key=key,
            to=to,
            template=template,
            context=context,
            language=language,
            at=at,
            attachments=attachments,
        )
    )


def prepare_message(
    *,
    key: str,
    to: str,
    template: str,
    context: Mapping[str, Any],
    language: str,
    at: datetime,
    attachments: Sequence[Attachment] = (),
) -> Message:
    """Render a mail without promising it: for whoever is about to wait for a lock."""
    with speaking(language):
        subject, text, html = render(template, context)
        language = translation.get_language() or settings.LANGUAGE_CODE
    return Message(
        key=key,
        message_id=f"<{tokens.derive('message-id', key)}@{settings.MAIL_DOMAIN}>",
        to=to,
        language=language,
        subject=subject,
        text=text,
        html=html,
        attachments=[attachment.to_json() for attachment in attachments],
        queued_at=at,
        next_attempt_at=at,
    )


# For an effect that is one statement: its part that promises the mail, selected FROM what the
# statement found.
PROMISE = """
INSERT INTO notifications_message
    (key, message_id, "to", language, subject, text, html, attachments, status, attempts,
     next_attempt_at, last_error, queued_at)
SELECT %(mail_key)s, %(message_id)s, %(to)s, %(mail_language)s, %(subject)s, %(text)s, %(html)s,
       %(attachments)s, %(mail_status)s, 0, %(next_attempt_at)s, '', %(mail_queued_at)s
"""
UNLESS_PROMISED = "ON CONFLICT (key) DO NOTHING RETURNING id"


def facts_of_promise(message: Message) -> dict[str, Any]:
    """What PROMISE writes."""
    return {
        "mail_key": message.key,
        "message_id": message.message_id,
        "to": message.to,
        "mail_language": message.language,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "attachments": json.dumps(message.attachments),
        "mail_status": message.status,
        "next_attempt_at": message.next_attempt_at,
        "mail_queued_at": message.queued_at,
    }


def queue_prepared(message: Message) -> Message:
    """Promise a prepared mail; the first one with its key, if there is one already.

    One statement, where get_or_create takes four: callers hold rows that others wait for.
    """
    with prepared_cursor() as cursor:
        cursor.execute(PROMISE + UNLESS_PROMISED, facts_of_promise(message))
        row = cursor.fetchone()
    if row is None:
        return Message.objects.get(key=message.key)
    message.pk = row[0]
    message._state.adding = False
    hint("message-queued")
    return message


def queue_all(messages: Sequence[Message]) -> None:
    """Promise many prepared mails in one statement. One whose key is there already is left out."""
    if messages:
        Message.objects.bulk_create(messages, ignore_conflicts=True, batch_size=500)
        hint("message-queued")


# A list of mail is plain text on a line of its own; some programs would show these as boxes.
_ISOLATES = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))


def render(template: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    """Subject, text and HTML of a mail, in the active language."""
    values = {**context, "base_url": settings.BASE_URL}
    subject = " ".join(_plain(f"{template}.subject.txt", values).translate(_ISOLATES).split())
    body = tidy(_plain(f"{template}.txt", values))
    text = _plain("notifications/mail/layout.txt", {**values, "body": body}).strip()
    html = get_template("notifications/mail/layout.html").render(
        {
            "paragraphs": paragraphs(body),
            "subject": subject,
            "base_url": settings.BASE_URL,
            "language": translation.get_language(),
            "is_right_to_left": translation.get_language_bidi(),
        }
    )
    return subject, text, html


def _plain(name: str, context: Mapping[str, Any]) -> str:
    """A text template, rendered without HTML escaping: ``&`` in a subject is an ``&``."""
    template = Engine.get_default().get_template(name)
    return str(template.render(Context(dict(context), autoescape=False)))


@transaction.atomic
def claim(*, limit: int, at: datetime) -> list[Message]:
    """Take up to ``limit`` messages that are due; they are the caller's until ``at`` + LEASE.

    Two senders never get the same one: each skips the rows that another is taking.
    """
    taken = list(Message.objects.due(at=at).select_for_update(skip_locked=True)[:limit])
    Message.objects.filter(pk__in=[message.pk for message in taken]).update(
        status=MessageStatus.SENDING, next_attempt_at=at + LEASE
    )
    return taken


def record_sent(*, message: Message, at: datetime) -> None:
    """The mail server has it."""
    Message.objects.filter(pk=message.pk).exclude(status=MessageStatus.SENT).update(
        status=MessageStatus.SENT, sent_at=at, attempts=F("attempts") + 1, last_error=""
    )
    _empty_if_last(message, at)


def record_failed(*, message: Message, reason: str, is_final: bool, at: datetime) -> None:
    """The mail server refused it: try again later, or give it up and show it to staff."""
    attempts = message.attempts + 1
    gives_up = is_final or attempts >= ATTEMPTS
    Message.objects.filter(pk=message.pk, status=MessageStatus.SENDING).update(
        status=MessageStatus.DEAD if gives_up else MessageStatus.FAILED,
        attempts=attempts,
        next_attempt_at=at + delay(attempts),
        last_error="" if gives_up and message.is_last else reason[:200],
    )
    _empty_if_last(message, at)


def _empty_if_last(message: Message, at: datetime) -> None:
    """Delete the contents of a mail to somebody who was erased, once nobody has to send it."""
    if message.is_last:
        _empty(Message.objects.filter(pk=message.pk), at=at)


def _empty(messages: QuerySet[Message], *, at: datetime) -> int:
    over = messages.filter(
        purged_at__isnull=True, status__in=[MessageStatus.SENT, MessageStatus.DEAD]
    )
    return over.update(
        to="", subject="", text="", html="", attachments=[], last_error="", purged_at=at
    )


def forget_mail(messages: QuerySet[Message], *, at: datetime) -> None:
    """Delete the contents of these mails; of those that were not sent so far, once they are."""
    messages.filter(status__in=OPEN).update(is_last=True)
    _empty(messages, at=at)


def release(*, messages: Iterable[Message], at: datetime, wait: timedelta) -> None:
    """Give back what was taken and not tried; somebody may take it again after ``wait``."""
    Message.objects.filter(
        pk__in=[message.pk for message in messages], status=MessageStatus.SENDING
    ).update(status=MessageStatus.QUEUED, next_attempt_at=at + wait)


def delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts: exponential, with full jitter.

    The jitter is over the whole range, so that what failed together is not tried together.
    """
    longest: timedelta = min(FIRST_DELAY * 2**attempts, LONGEST_DELAY)
    return longest * random.random()  # noqa: S311 - spreads load, guards nothing


@transaction.atomic
def purge_contents(*, at: datetime) -> Purge:
    """Delete the contents of mail older than 30 days, and leave a row that proves it."""
    older_than = at - KEEP
    # A last mail is emptied when it is sent; where the sender died just then, here.
    old = Message.objects.filter(Q(queued_at__lt=older_than) | Q(is_last=True))
    rows = _empty(old, at=at)
    return Purge.objects.create(at=at, what="mail contents", older_than=older_than, rows=rows)
