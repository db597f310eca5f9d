"""What this app keeps about a person, for the person."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from notifications.models import Message


def export(user: User) -> dict[str, Any]:
    """The mail to the address of ``user``, for as long as its contents are kept."""
    mails = Message.objects.filter(to__iexact=user.email).order_by("queued_at")
    return {"mails": list(mails.values("subject", "queued_at", "sent_at", "text"))}
