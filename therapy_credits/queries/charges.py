"""What a practice earned for a booking or a code, as the books have it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Case, F, Sum, When

from therapy_credits.models import Booking, Code, Kind, SessionCode, StatementLine, Transfer

EARNED = [Code.REDEEM, Code.NO_SHOW, Code.LATE_CANCEL, Code.GOODWILL, Code.ASSIGN, Code.REVERSAL]


def earned_units(groups: Iterable[UUID]) -> dict[UUID, int]:
    """By hold, the units a practice earned and still has: what came to it less what went back.

    One query. Holds that earned nothing are left out.
    """
    rows = (
        Transfer.objects.filter(group__in=list(groups), code__in=EARNED)
        .exclude(phase__in=["pending", "void"])
        .values_list("group")
        .annotate(
            units=Sum(
                Case(
                    When(credit__kind=Kind.PRACTICE, then=F("amount")),
                    When(debit__kind=Kind.PRACTICE, then=-F("amount")),
                    default=0,
                )
            )
        )
    )
    return {group: int(units) for group, units in rows if group and units}


def charged_units(group: UUID) -> int:
    """Units that can be given back for this hold: 0 when nothing was charged, or it was undone."""
    moved = Transfer.objects.filter(group=group)
    if moved.filter(code=Code.REVERSAL).exists():
        return 0
    charges = moved.filter(phase="post") | moved.filter(code=Code.GOODWILL, phase="single")
    return int(charges.aggregate(units=Sum("amount"))["units"] or 0)


def units_taken(group: UUID) -> int:
    """Units the person lost by this hold: 0 where the pool paid, or where they came back."""
    moved = Transfer.objects.filter(group=group)
    taken = moved.filter(phase="post").aggregate(units=Sum("amount"))["units"] or 0
    came_back = moved.filter(code=Code.REVERSAL, credit__kind=Kind.LOT)
    back = came_back.aggregate(units=Sum("amount"))["units"] or 0
    return int(taken - back)


def is_settled(*, booking: Booking | None = None, code: SessionCode | None = None) -> bool:
    """Whether it stands on a statement that was approved."""
    lines = StatementLine.objects.filter(kind=StatementLine.Kind.SESSION)
    lines = lines.filter(booking=booking) if booking else lines.filter(code=code)
    return lines.exclude(statement__status="draft").exists()
