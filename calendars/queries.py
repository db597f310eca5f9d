"""Reads that the feeds begin with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from accounts.models import User
from calendars.models import FeedToken

EVENTS_FEED = "events"
"""The key of everything public about events. Whoever publishes, changes, cancels, unpublishes
or deletes one bumps it; personal feeds hang on it too."""

KEPT = timedelta(days=30)
_PERSON = "person:"


def personal_feed_key(user_id: int) -> str:
    """The key of what is one person's own: their RSVPs, bookings and choices."""
    return f"{_PERSON}{user_id}"


def is_personal_key(key: str) -> bool:
    return key.startswith(_PERSON)


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


Row = tuple[str, int, datetime]


def revision_of(keys: Sequence[str], *, at: datetime) -> Revision:
    """The joint revision of feeds ``keys``. Neither its name nor its moment ever goes back."""
    return joint_revision(revisions(keys), at=at)


def revisions(keys: Sequence[str]) -> list[Row]:
    """Each feed that has ever changed: its key, how often, and when last."""
    # In plain SQL: it is asked for each time somebody's program looks, and the query builder
    # costs as much as the rest of such an answer.
    with connection.cursor() as cursor:
        cursor.execute(_REVISIONS, [list(keys)])
        return list(cursor.fetchall())


def joint_revision(rows: Sequence[Row], *, at: datetime) -> Revision:
    """What a feed that hangs on all of these is at."""
    week = _week_start(at)
    # The moment too: after a restored backup the count alone could name other contents.
    parts = [f"{key} {number} {revised_at.isoformat()}" for key, number, revised_at in rows]
    return Revision(
        name="\n".join([f"{week:%Y-%m-%d}", *parts]),
        revised_at=max([week, *(revised_at for _key, _number, revised_at in rows)]),
    )


_REVISIONS = """
    SELECT key, revision, revised_at FROM calendars_feedrevision
    WHERE key = ANY(%s) ORDER BY key
"""


def link_opened_by(secret: str) -> FeedToken | None:
    """The calendar link that ``secret`` opens; unknown, replaced and closed ones are the same."""
    number, _dash, _rest = secret.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    # In plain SQL, like the revision: each look of each subscriber begins with it.
    with connection.cursor() as cursor:
        cursor.execute(_LINK, [int(number)])
        row = cursor.fetchone()
    if row is None:
        return None
    link = FeedToken.from_db(None, _LINK_FIELDS, row[: len(_LINK_FIELDS)])
    link.user = User.from_db(None, _PERSON_FIELDS, row[len(_LINK_FIELDS) :])
    return link if link.is_opened_by(secret) else None


# What a feed needs of a link and its person; anything else is read when it is asked for.
_LINK_FIELDS = ("id", "user_id", "purpose", "generation", "shows_busy", "alarm_minutes")
_PERSON_FIELDS = ("id", "language", "time_zone", "wants_plain_titles")
_LINK = f"""
    SELECT {", ".join(f"link.{name}" for name in _LINK_FIELDS)},
        {", ".join(f"person.{name}" for name in _PERSON_FIELDS)}
    FROM calendars_feedtoken AS link JOIN accounts_user AS person ON person.id = link.user_id
    WHERE link.id = %s AND link.closed_at IS NULL AND person.is_active
"""  # noqa: S608 - names of our own


def personal_link_of(user: User) -> FeedToken | None:
    """The person's own calendar link, if they have made one and not closed it."""
    return FeedToken.objects.open().filter(user=user, purpose=FeedToken.Purpose.PERSONAL).first()
