"""Sessions left, booked and used, of the person who asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, Sum

from therapy_credits.models import Account, Code, Phase, Transfer


@dataclass(frozen=True)
class Balance:
    """What one person has. ``expires_at`` is the earliest end among what is left."""

    left: int = 0
    booked: int = 0
    used: int = 0
    expires_at: dt.datetime | None = None
    has_ever_had_any: bool = False


def balance_of(tokens: Sequence[UUID], *, at: dt.datetime) -> Balance:
    """The balance behind ``tokens``: one row for each lot, and one sum.

    What is left in a lot that is over is not counted: it cannot be used, and the
    scheduler is about to take it out. What is booked from it still counts.
    """
    if not tokens:
        return Balance()
    lots = list(Account.objects.lots(*tokens))
    live = [lot for lot in lots if lot.left > 0 and _is_live(lot, at)]
    moved = Transfer.objects.filter(
        Q(debit__in=lots, phase=Phase.POST) | Q(credit__in=lots, code=Code.REVERSAL)
    ).aggregate(
        charged=Sum("amount", filter=Q(phase=Phase.POST), default=0),
        returned=Sum("amount", filter=Q(code=Code.REVERSAL), default=0),
    )
    return Balance(
        left=sum(lot.left for lot in live),
        booked=sum(lot.debits_pending for lot in lots),
        used=moved["charged"] - moved["returned"],
        expires_at=min((lot.expires_at for lot in live if lot.expires_at), default=None),
        has_ever_had_any=bool(lots),
    )


def _is_live(lot: Account, at: dt.datetime) -> bool:
    if lot.effective_at is None or lot.expires_at is None or lot.closed_at is not None:
        return False
    return lot.effective_at <= at < lot.expires_at
