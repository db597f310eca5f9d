"""The fixed catalogue of tables in a quarter's report. No filters, no other crossings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.domain.disclosure import Figure, ProtectedColumn, Shown, protect_column

# Table → its measures, in the order they are shown. Names for people are in reports/words.py.
CATALOGUE: Mapping[str, Sequence[str]] = {
    "events": ("events_held", "people_attended", "attendances"),
    "ambassadors": ("people_enrolled",),
    "sessions": ("units_allocated", "units_booked", "units_used", "units_expired"),
}
# The row "" is what is open to everyone: it has events, and neither ambassadors nor sessions.
WITHOUT_OPEN_ROW = frozenset({"ambassadors", "sessions"})
# Events are not people: how many were held was public when they were.
PUBLIC_COUNTS = frozenset({"events_held"})


@dataclass(frozen=True)
class Measure:
    """One measure before disclosure control: a figure per row, and one over all rows."""

    rows: Mapping[str, Figure]
    total: Figure | None


def protected_tables(
    rows: Sequence[str], measures: Mapping[str, Measure], counts: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    """The catalogue as it may be published: numbers, or None for withheld.

    ``rows`` are the row keys (programme slugs) in order. ``measures`` are about people and go
    through disclosure control; ``counts`` are public counts by row and are exact.
    """
    tables = []
    for key, names in CATALOGUE.items():
        shown = [row for row in rows if row or key not in WITHOUT_OPEN_ROW]
        columns: dict[str, ProtectedColumn] = {}
        for name in names:
            if name in PUBLIC_COUNTS:
                cells = {row: Shown(counts[name].get(row, 0)) for row in shown}
                total = Shown(sum(counts[name].values()))
                columns[name] = ProtectedColumn(cells, total)
            else:
                nobody = Figure(people=0, amount=0, largest=0, population=0)
                figures = {row: measures[name].rows.get(row, nobody) for row in shown}
                columns[name] = protect_column(figures, measures[name].total)
        tables.append(
            {
                "key": key,
                "measures": list(names),
                "rows": [
                    {"row": row, "cells": [columns[name].cells[row].value for name in names]}
                    for row in shown
                ],
                "total": [columns[name].total.value for name in names],
            }
        )
    return tables
