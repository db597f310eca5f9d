"""What a person has: left, booked, used, and when the first of it expires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from ambassadors.models import Term
from therapy_credits.models import Account, Code, Policy, Transfer


@dataclass(frozen=True)
class Balance:
    """Always: allocated + received = left + booked + used + gifted + expired + returned."""

    left: int
    booked: int
    used: int
    allocated: int
    received: int
    gifted: int
    expired: int
    returned: int
    # When the first of what is left expires; None when nothing is left.
    expires_at: datetime | None

    @property
    def has_ever_had_any(self) -> bool:
        return self.allocated + self.received > 0


def balance_of(tokens: Sequence[UUID], *, at: datetime) -> Balance:
    """The balance of the person with these tokens (``services.subjects.own_tokens``).

    Two queries: a row for each lot, and the sums of what moved at once, by code.
    Neither looks at sessions, however many there were: what was charged is what
    else has left the lots. What is over but not yet swept up counts as expired.
    """
    lots = list(Account.objects.lots(*tokens))
    left = [lot for lot in lots if lot.left and _is_not_over(lot, at)]
    unswept = sum(lot.left for lot in lots if not _is_not_over(lot, at))
    out, back = _moved([lot.pk for lot in lots])
    return Balance(
        left=sum(lot.left for lot in left),
        booked=sum(lot.debits_pending for lot in lots),
        used=sum(lot.debits_posted for lot in lots) - out.total() - back[Code.REVERSAL],
        allocated=back[Code.ALLOCATE],
        received=back[Code.GIFT] - out[Code.GIFT_UNDONE],
        gifted=out[Code.GIFT] - back[Code.GIFT_UNDONE],
        expired=out[Code.EXPIRE] + unswept,
        returned=out[Code.CLAWBACK] + out[Code.GIFT_EXPIRED],
        expires_at=min((lot.expires_at for lot in left if lot.expires_at), default=None),
    )


@dataclass(frozen=True)
class Part:
    """What is left or booked of one lot, and where it comes from."""

    left: int
    booked: int
    expires_at: datetime
    # Of which the person is, or was, an ambassador; None for a gift, which names no programme.
    term: Term | None
    is_gift: bool


def parts_of(tokens: Sequence[UUID], *, at: datetime) -> list[Part]:
    """The person's lots that are not used up, each apart, in the order in which they are spent."""
    lots = [
        lot
        for lot in Account.objects.lots(*tokens).in_draw_down_order()
        if lot.debits_pending or (lot.left and _is_not_over(lot, at))
    ]
    came_by = {
        lot_id: (code, group)
        for lot_id, code, group in Transfer.objects.filter(
            credit__in=lots, code__in=[Code.ALLOCATE, Code.GIFT]
        ).values_list("credit_id", "code", "group")
    }
    policies = Policy.objects.in_bulk(
        {group for code, group in came_by.values() if code == Code.ALLOCATE and group}
    )
    terms = Term.objects.with_programme().in_bulk({row.term_id for row in policies.values()})
    parts = []
    for lot in lots:
        code, group = came_by.get(lot.pk, ("", None))
        policy = policies.get(group) if group else None
        assert lot.expires_at is not None  # of a lot, by constraint
        parts.append(
            Part(
                left=lot.left if _is_not_over(lot, at) else 0,
                booked=lot.debits_pending,
                expires_at=lot.expires_at,
                term=terms.get(policy.term_id) if policy else None,
                is_gift=code == Code.GIFT,
            )
        )
    return parts


def _is_not_over(lot: Account, at: datetime) -> bool:
    return lot.closed_at is None and lot.expires_at is not None and lot.expires_at > at


# Holds and releases move nothing that was posted, and a charge (a post) is known by the counters:
# what moves at once is little, and has an index of its own. A grace lot is the same person's.
MOVED = """
SELECT 'out', code, sum(amount) FROM therapy_credits_transfer
 WHERE debit_id = ANY (%(lots)s) AND phase = 'single' GROUP BY code
UNION ALL
SELECT 'back', code, sum(amount) FROM therapy_credits_transfer
 WHERE credit_id = ANY (%(lots)s) AND phase = 'single' GROUP BY code
"""


def _moved(lots: list[int]) -> tuple[Counter[str], Counter[str]]:
    """Units that left these lots at once, and that came to them, by code."""
    sides: dict[str, Counter[str]] = {"out": Counter(), "back": Counter()}
    with connection.cursor() as cursor:
        cursor.execute(MOVED, {"lots": lots})
        for side, code, amount in cursor.fetchall():
            sides[side][code] = int(amount)
    return sides["out"], sides["back"]
