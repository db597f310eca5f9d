"""What time ends: lots whose life is over, and holds nobody resolved."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef

from therapy_credits.errors import HoldResolved
from therapy_credits.models import Account, Code, Kind, Phase, Transfer
from therapy_credits.services import ledger
from therapy_credits.services.ledger import SYSTEM

BATCH = 5000


def expire_lots(*, at: datetime) -> int:
    """Move what is free in lots whose life is over to expired. How many units.

    What is held stays: a session booked in time is honoured. Should it come
    back later, the next run takes it; a lot with nothing left and nothing held
    is closed. Batch by batch, each a transaction: a run that dies has lost nothing.
    """
    expired = 0
    while True:
        found, units = _expire_batch(at)
        expired += units
        if not found:
            return expired


# Lots with nothing free that wait for a hold are left alone, or they would be found for ever.
# By an array of ids, as ledger.LOCK_FOR_HOLD.
LOCK_OVER = """
WITH over AS (
    SELECT id, pool_id FROM therapy_credits_account
     WHERE kind = 'lot' AND closed_at IS NULL AND expires_at <= %(at)s
       AND (debits_pending = 0 OR credits_posted - debits_posted - debits_pending > 0)
     ORDER BY expires_at
     LIMIT %(batch)s
)
SELECT id, kind = 'lot' FROM therapy_credits_account
 WHERE id = ANY (ARRAY(
    SELECT id FROM over
     UNION ALL
    SELECT there.id FROM therapy_credits_account AS there
     WHERE there.kind = 'expired' AND there.pool_id IN (SELECT pool_id FROM over)))
 ORDER BY id
   FOR NO KEY UPDATE
"""

EXPIRE = """
INSERT INTO therapy_credits_transfer
    (id, pool_id, phase, code, debit_id, credit_id, amount, actor, request_hash, made_at)
SELECT md5('EXPIRE ' || lot.id || ' ' || lot.debits_posted)::uuid, lot.pool_id,
       'single', 'EXPIRE', lot.id, expired.id,
       lot.credits_posted - lot.debits_posted - lot.debits_pending, %(actor)s, '', %(at)s
  FROM therapy_credits_account AS lot
  JOIN therapy_credits_account AS expired
    ON expired.pool_id = lot.pool_id AND expired.kind = 'expired'
 WHERE lot.id = ANY (%(lots)s)
   AND lot.credits_posted - lot.debits_posted - lot.debits_pending > 0
RETURNING amount
"""


@transaction.atomic
def _expire_batch(at: datetime) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(LOCK_OVER, {"at": at, "batch": BATCH})
        lots = [pk for pk, is_lot in cursor.fetchall() if is_lot]
        cursor.execute(EXPIRE, {"lots": lots, "at": at, "actor": SYSTEM})
        units = sum(amount for (amount,) in cursor.fetchall())
    Account.objects.filter(pk__in=lots, debits_pending=0, credits_posted=F("debits_posted")).update(
        closed_at=at
    )
    return len(lots), units


def time_out_holds(*, at: datetime) -> list[UUID]:
    """Release every hold whose time-out has passed. The groups it released.

    It looks at open lots with something held, never at the history of holds.
    One transaction for each hold: whoever confirms at the same moment either
    was sooner, and the hold is left as it is, or later, and is told.
    """
    due = (
        Transfer.objects.filter(phase=Phase.PENDING, timeout_at__lte=at)
        .filter(debit__kind=Kind.LOT, debit__closed_at__isnull=True, debit__debits_pending__gt=0)
        .exclude(Exists(Transfer.objects.filter(pending=OuterRef("pk"))))
        .order_by("timeout_at")
        .values_list("group", flat=True)
        .distinct()
    )
    released = []
    for group in due:
        assert group is not None
        try:
            ledger.release_hold(group=group, code=Code.TIMEOUT, actor=SYSTEM, at=at)
        except HoldResolved:
            continue
        released.append(group)
    return released
