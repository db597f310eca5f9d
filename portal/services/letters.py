"""Telling people who wrote to us that it came, and where help is now."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.models import User
from calendars.models import InboundReply
from common import tokens
from notifications.services.messages import queue_message

BATCH = 100


def answer_letters(*, at: datetime) -> int:
    """Send the receipt of every letter that has none yet; how many letters there were.

    At most one a day to one address, so that two programs cannot write to each other for ever.
    """
    done = 0
    while answered := _answer_some(at):
        done += answered
    return done


@transaction.atomic
def _answer_some(at: datetime) -> int:
    letters = list(InboundReply.objects.unanswered().select_for_update(skip_locked=True)[:BATCH])
    languages = dict(
        User.objects.filter(email__in={letter.sender for letter in letters}).values_list(
            "email", "language"
        )
    )
    for letter in letters:
        if letter.sender:
            queue_message(
                key=f"letter:{tokens.digest('letter', letter.sender)[:32]}:{at.date()}",
                to=letter.sender,
                template="portal/mail/letter_received",
                context={},
                language=languages.get(letter.sender, "") or settings.LANGUAGE_CODE,
                at=at,
            )
    InboundReply.objects.filter(pk__in=[letter.pk for letter in letters]).update(answered_at=at)
    return len(letters)
