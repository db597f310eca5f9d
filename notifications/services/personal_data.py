"""What this app keeps about a person, for the person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models.functions import Lower

from accounts.models import User
from notifications.models import Message
from notifications.services.messages import forget_mail


def export(user: User) -> dict[str, Any]:
    """The mail to the address of ``user``, for as long as its contents are kept."""
    mails = Message.objects.filter(to__iexact=user.email).order_by("queued_at")
    return {"mails": list(mails.values("subject", "queued_at", "sent_at", "text"))}


def erase(addresses: Iterable[str], *, at: datetime) -> None:
    """Forget the mail to these addresses (in lower case). What was promised is still sent."""
    mails = Message.objects.alias(address=Lower("to")).filter(address__in=list(addresses))
    forget_mail(mails, at=at)
