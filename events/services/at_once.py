"""The ordinary yes, as one statement. See docs/decisions/0012.

What nearly everybody says: somebody with an account, a date that costs nothing and asks nothing,
and there is room. The statement locks the places, finds room for them, and writes what the careful
way in ``rsvps`` writes: the RSVP, its mail, and word to the person's calendar. Whatever else it
finds is no row, and leaves everything as it was: then the careful way looks closer.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, transaction

from calendars.queries import personal_feed_key
from calendars.services.revisions import BUMP_IF_FOUND
from common.hints import hint
from common.prepared import prepared_cursor
from events.models import Rsvp
from events.services.seats import saying_busy
from notifications.models import Message
from notifications.services.messages import PROMISE, UNLESS_PROMISED, facts_of_promise

LOCK = "SELECT capacity, firm FROM events_seats WHERE occurrence_id = %(occurrence)s FOR UPDATE"
ROOM = """events_has_room(
    %(occurrence)s, %(revised_at)s, %(version)s, %(people)s, seats.capacity - seats.firm, %(at)s
)"""


def take_at_once(*, rsvp: Rsvp, mail: Message, at: datetime) -> bool:
    """Write ``rsvp``, who is going, and promise its ``mail``, if there is room and nobody waits.

    ``rsvp.occurrence`` is as it was read: it must not have been edited since. False when nothing
    was written. Raises Busy, and IntegrityError where the person has an answer already.
    """
    occurrence, user = rsvp.occurrence, rsvp.user
    assert user is not None
    facts = {f"rsvp_{field.column}": _stored(field, rsvp) for field in _fields()}
    facts |= facts_of_promise(mail)
    facts |= {
        "occurrence": occurrence.pk,
        "revised_at": occurrence.revised_at,
        "version": occurrence.event.version,
        "people": rsvp.party_size,
        "keys": [personal_feed_key(user.pk)],
        "at": at,
    }
    # By itself a statement is a transaction. Within one, a refusal must not end that.
    around = transaction.atomic() if connection.in_atomic_block else nullcontext()
    with around, saying_busy(), prepared_cursor() as cursor:
        cursor.execute(statement(LOCK, ROOM), facts)
        row = cursor.fetchone()
    if row is None:
        return False
    rsvp.pk = row[0]
    rsvp._state.adding = False
    hint("message-queued")
    return True


@cache
def statement(lock: str, room: str) -> str:
    columns = [field.column for field in _fields()]
    values = [f"%(rsvp_{column})s" for column in columns]
    return f"""
        WITH seats AS MATERIALIZED ({lock}),
        found AS MATERIALIZED (SELECT FROM seats WHERE {room}),
        taken AS (
            INSERT INTO events_rsvp ({", ".join(columns)})
            SELECT {", ".join(values)} FROM found RETURNING id
        ),
        promised AS ({PROMISE} FROM found {UNLESS_PROMISED}),
        told AS ({BUMP_IF_FOUND})
        SELECT id FROM taken
    """  # noqa: S608 - put together from our own columns


@cache
def _fields() -> list[Any]:
    return [field for field in Rsvp._meta.concrete_fields if not field.primary_key]


def _stored(field: Any, rsvp: Rsvp) -> Any:
    return field.get_db_prep_save(getattr(rsvp, field.attname), connection)
