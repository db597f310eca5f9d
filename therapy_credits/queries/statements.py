"""Reading statements, with their totals."""

from __future__ import annotations

from django.db.models import Count, QuerySet, Sum

from therapy_credits.models import Statement, StatementLine
from therapy_credits.models.statements import StatementQuerySet


def with_totals(statements: StatementQuerySet) -> StatementQuerySet:
    """Each with ``line_count`` and ``total_minor``; one query for any number of them."""
    return statements.select_related("practice").annotate(
        line_count=Count("lines"), total_minor=Sum("lines__amount_minor", default=0)
    )


def lines_of(statement: Statement) -> QuerySet[StatementLine]:
    """Its lines, by day."""
    return statement.lines.select_related("booking", "code").order_by("held_on", "kind", "pk")
