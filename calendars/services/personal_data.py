"""What this app keeps about a person, for the person."""

from __future__ import annotations

from typing import Any

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
