"""Reads that the feeds begin with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from accounts.models import User
from calendars.models import FeedRevision, FeedToken

EVENTS_FEED = "events"
"""The key of everything public about events. Whoever publishes, changes, cancels, unpublishes
or deletes one bumps it; personal feeds hang on it too."""

KEPT = timedelta(days=30)


def personal_feed_key(user_id: int) -> str:
    """The key of what is one person's own: their RSVPs, bookings and choices."""
    return f"person:{user_id}"


def window_start(at: datetime) -> datetime:
    """The moment from which feeds show what has ended.

    It moves once a week (Monday, 00:00 UTC), so that subscribers need not fetch everything
    again each day because one old entry fell out; nothing falls out before 30 days.
    """
    return _week_start(at) - KEPT


def _week_start(at: datetime) -> datetime:
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())


class Revision(NamedTuple):
    """What a feed's contents depend on, the window included, and when it last changed."""

    name: str
    revised_at: datetime


def revision_of(keys: Sequence[str], *, at: datetime) -> Revision:
    """The joint revision of feeds ``keys``. Neither its name nor its moment ever goes back."""
    rows = list(FeedRevision.objects.filter(key__in=keys).order_by("key"))
    week = _week_start(at)
    # The moment too: after a restored backup the count alone could name other contents.
    parts = [f"{row.key} {row.revision} {row.revised_at.isoformat()}" for row in rows]
    return Revision(
        name="\n".join([f"{week:%Y-%m-%d}", *parts]),
        revised_at=max([week, *(row.revised_at for row in rows)]),
    )


def link_opened_by(secret: str) -> FeedToken | None:
    """The calendar link that ``secret`` opens; unknown, replaced and closed ones are the same."""
    link = FeedToken.objects.opened_by(secret).select_related("user").first()
    return link if link and link.is_opened_by(secret) else None


def personal_link_of(user: User) -> FeedToken | None:
    """The person's own calendar link, if they have made one and not closed it."""
    return FeedToken.objects.open().filter(user=user, purpose=FeedToken.Purpose.PERSONAL).first()
