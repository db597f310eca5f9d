"""Sealing the logs, and checking the seals.

A seal covers every row up to an id. For that no row with a lower id may appear
later: a transaction that took its id early and commits late would slip in behind.
So the table is locked for a moment (``SHARE``: it waits for writers that are under
way, and an id is only taken under a writer's lock), the highest id is read, and the
lock is gone before anything is hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, OperationalError, connection, models, transaction

from accounts import gateway
from accounts.models import AccessLook, AuditEntry, Seal, SealedLog

# What a seal covers. A column added to a log later needs a seal of a new kind: these stay.
SEALED: dict[str, tuple[type[models.Model], tuple[str, ...]]] = {
    SealedLog.AUDIT: (
        AuditEntry,
        ("id", "at", "actor_id", "verb", "target_type", "target_id", "fields"),
    ),
    SealedLog.LOOKS: (
        AccessLook,
        ("id", "at", "actor_id", "subject_user_id", "what", "purpose"),
    ),
}
BATCH = 5000
# A writer that takes longer than this has its rows sealed a minute later.
PATIENCE = "500ms"


def seal_all(*, at: datetime) -> list[Seal]:
    """Seal what is new in every log, and write the heads where they belong."""
    seals = [seal for log in SEALED for seal in _seal_log(log, at)]
    known = {(head.log, head.digest) for head in gateway.read_heads(recent=True)}
    for log in SEALED:
        last = Seal.objects.filter(log=log).order_by("-pk").first()
        if last is not None and (log, last.digest) not in known:
            gateway.write_head(
                gateway.Head(log, last.last_id, last.digest, last.sealed_at.isoformat())
            )
    return seals


def _seal_log(log: str, at: datetime) -> Iterator[Seal]:
    highest = _highest_settled_id(log)
    while highest is not None:
        last = Seal.objects.filter(log=log).order_by("-pk").first()
        after, previous = (last.last_id, last.digest) if last else (0, "")
        rows = list(_rows(log, after=after, up_to=highest)[:BATCH])
        if not rows:
            return
        try:
            with transaction.atomic():
                seal = Seal.objects.create(
                    log=log,
                    last_id=rows[-1]["id"],
                    rows=len(rows),
                    previous=previous,
                    digest=digest(previous, rows),
                    sealed_at=at,
                )
        except IntegrityError:
            return  # somebody else is sealing: the chain does not fork
        yield seal


def _highest_settled_id(log: str) -> int | None:
    """The highest id below which no row can appear any more; nothing when writers take long."""
    model, _fields = SEALED[log]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
            found = model._default_manager.aggregate(highest=models.Max("pk"))["highest"]
    except OperationalError:
        return None
    return int(found) if found is not None else None


def _rows(log: str, *, after: int, up_to: int) -> models.QuerySet[Any, dict[str, Any]]:
    model, fields = SEALED[log]
    return model._default_manager.filter(pk__gt=after, pk__lte=up_to).order_by("pk").values(*fields)


def digest(previous: str, rows: Iterable[dict[str, Any]]) -> str:
    """SHA-256 over the previous digest and each row, one JSON object to a line."""
    chain = hashlib.sha256(previous.encode())
    for row in rows:
        chain.update(b"\n")
        chain.update(json.dumps(row, default=_plain, sort_keys=True).encode())
    return chain.hexdigest()


def _plain(value: object) -> str:
    assert isinstance(value, datetime)
    return value.astimezone(UTC).isoformat()


def forget_old(log: str, *, older_than: datetime) -> int:
    """Delete what was sealed before ``older_than``, seal by seal; the seals stay. How many rows.

    What is left behind at the beginning is whole seals, so the chain can still be proved.
    """
    last = Seal.objects.filter(log=log, sealed_at__lt=older_than).order_by("-pk").first()
    if last is None:
        return 0
    model, _fields = SEALED[log]
    rows, _by_model = model._default_manager.filter(pk__lte=last.last_id).delete()
    return rows


def check(log: str, *, older_than: datetime) -> list[str]:
    """What is wrong with ``log``: nothing, or a sentence for each break. Reads every row.

    At the beginning, what was sealed before ``older_than`` may be gone (``forget_old``). When it
    was sealed is in the file off the database too.
    """
    sealed_at = {head.digest: head.sealed_at for head in gateway.read_heads()}
    may_be_gone = True
    wrong: list[str] = []
    after, previous = 0, ""
    digests: dict[str, int] = {}
    for seal in Seal.objects.filter(log=log).order_by("pk").iterator():
        rows = list(_rows(log, after=after, up_to=seal.last_id))
        if seal.previous != previous:
            wrong.append(f"{log}: a seal is missing before row {seal.last_id}.")
        said_at = datetime.fromisoformat(sealed_at.get(seal.digest, seal.sealed_at.isoformat()))
        is_old = max(seal.sealed_at, said_at) < older_than
        may_be_gone = may_be_gone and is_old and not rows
        if may_be_gone:
            pass
        elif len(rows) != seal.rows:
            wrong.append(
                f"{log}: {len(rows)} rows where {seal.rows} were sealed,"
                f" between {after} and {seal.last_id}."
            )
        elif digest(seal.previous, rows) != seal.digest:
            wrong.append(f"{log}: a row between {after} and {seal.last_id} was changed.")
        after, previous = seal.last_id, seal.digest
        digests[seal.digest] = seal.last_id
    for head in gateway.read_heads():
        if head.log == log and digests.get(head.digest) != head.last_id:
            wrong.append(
                f"{log}: what was sealed up to row {head.last_id} at {head.sealed_at}"
                " is not there any more."
            )
    return wrong
