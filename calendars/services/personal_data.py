"""What this app keeps about a person, for the person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models.functions import Lower

from accounts.models import User
from calendars.models import FeedToken, InboundReply


def export(user: User) -> dict[str, Any]:
    """Everything about ``user`` that is kept here. The secret part of a link is nowhere."""
    links = FeedToken.objects.filter(user=user).order_by("rotated_at").select_related("fetch")
    return {
        "links": [
            {
                "purpose": link.purpose,
                "made_at": link.rotated_at,
                "closed_at": link.closed_at,
                "shows_busy": link.shows_busy,
                "alarm_minutes": link.alarm_minutes,
                "fetched_at": link.fetch.fetched_at if hasattr(link, "fetch") else None,
                "program": link.fetch.program if hasattr(link, "fetch") else "",
            }
            for link in links
        ],
        "answers_by_mail": list(
            InboundReply.objects.filter(sender__iexact=user.email)
            .order_by("received_at")
            .values("received_at", "answer", "state")
        ),
    }


def erase(user: User, addresses: Iterable[str], *, at: datetime) -> None:
    """Close the links, and forget the mail that came from these addresses (in lower case). A
    letter that staff have not answered yet is kept until they have, and 30 days more."""
    FeedToken.objects.filter(user=user).delete()
    mine = InboundReply.objects.alias(address=Lower("sender")).filter(address__in=list(addresses))
    is_open = [InboundReply.State.WAITING, InboundReply.State.OPEN]
    mine.filter(purged_at__isnull=True).exclude(state__in=is_open).update(
        sender="", attendee="", sealed_text="", purged_at=at
    )
