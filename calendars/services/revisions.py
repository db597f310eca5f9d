"""The revision of a feed: what tells a subscriber that there is something new."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from calendars import gateway
from calendars.queries import is_personal_key
from common.prepared import prepared_cursor

_BUMP = """
    INSERT INTO calendars_feedrevision AS feed (key, revision, revised_at)
    SELECT key, 1, %(at)s FROM {found}unnest(%(keys)s::text[]) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        revision = feed.revision + 1,
        revised_at = greatest(
            excluded.revised_at, date_trunc('second', feed.revised_at) + interval '1 second'
        )
"""
BUMP_EACH = _BUMP.format(found="")
# For an effect that is one statement: its part that says so to personal feeds, if it found a row
# of ``found``.
BUMP_IF_FOUND = _BUMP.format(found="found, ")


def bump(feed_key: str, at: datetime) -> None:
    """Say that the feed ``feed_key`` has changed.

    Call it last in the transaction of the change: it locks the feed's row until the commit,
    so that revisions are seen in the order in which their changes are.
    """
    bump_all([feed_key], at=at)


def bump_all(feed_keys: Iterable[str], *, at: datetime) -> None:
    """Say that each of these feeds has changed, in one statement.

    They are locked in alphabetical order, so that two changes cannot wait for each other. A
    feed's revision goes up by one and its moment to a later second, also when a change that
    began earlier is committed later.
    """
    keys = sorted(set(feed_keys))
    if keys:
        with prepared_cursor() as cursor:
            cursor.execute(BUMP_EACH, {"keys": keys, "at": at})
    if shared := [key for key in keys if not is_personal_key(key)]:
        # What many ask for is asked of the cache.
        gateway.note_change(shared)
        transaction.on_commit(lambda: gateway.note_change(shared), robust=True)
