"""Disclosure control: which figures of a usage report may be shown, and how.

This module is the one home of the rules; nothing else decides whether a figure is safe.
It is pure: numbers in, numbers or "withheld" out.

The rules, and where they come from:

* A figure about people is shown only for at least 11 distinct people, among at least 11 who
  could have been counted. Nought is hidden like ten. (CMS cell-size policy: nothing from 1 to 10
  nor anything that lets it be derived; ACRO treats zeros as disclosive.)
* About care, it is also hidden when all but 10 or fewer of those who could have been counted are
  in it: "nearly everyone" says it of each.
* It is hidden where one person makes up more than half of it (dominance).
* A total is shown only when every part of it is shown, so that no hidden part can be had by
  subtraction, within a table.
* What is shown is rounded to 5 (OpenSAFELY: suppress first, then round).
* A hidden figure looks the same whatever hid it.

Hiding totals is a blunt stand-in for choosing the fewest further cells to hide. It publishes less
than it might, never more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

METHOD_VERSION = "1"
THRESHOLD = 11
ROUNDING_BASE = 5


@dataclass(frozen=True)
class Figure:
    """One count as it is in the books, before anything is hidden.

    ``people``: distinct people behind it. ``amount``: what is counted (people, or session units).
    ``largest``: the part of ``amount`` that the one person with most of it makes up.
    ``population``: distinct people who could have been counted. ``is_care``: whether being
    counted says something about a person's health.
    """

    people: int
    amount: int
    largest: int
    population: int
    is_care: bool = False


@dataclass(frozen=True)
class Shown:
    """A figure as it may be published: a rounded number, or None for "withheld"."""

    value: int | None

    @property
    def is_withheld(self) -> bool:
        return self.value is None


WITHHELD = Shown(None)


def round_to_base(amount: int) -> int:
    """``amount`` to the nearest multiple of 5; there are no ties, 2 rounds down and 3 up."""
    return ROUNDING_BASE * ((amount + ROUNDING_BASE // 2) // ROUNDING_BASE)


def is_safe(figure: Figure) -> bool:
    """Whether ``figure`` may be shown by itself."""
    if figure.people < THRESHOLD or figure.population < THRESHOLD:
        return False
    if figure.is_care and figure.population - figure.people < THRESHOLD:
        return False
    return 2 * figure.largest <= figure.amount


def protect(figure: Figure) -> Shown:
    """``figure`` rounded, or withheld."""
    return Shown(round_to_base(figure.amount)) if is_safe(figure) else WITHHELD


@dataclass(frozen=True)
class ProtectedColumn:
    """One measure of a table, by row, with its total."""

    cells: Mapping[str, Shown]
    total: Shown


def protect_column(figures: Mapping[str, Figure], total: Figure | None) -> ProtectedColumn:
    """One measure by row (programmes, say). ``total`` counts each person once over all rows.

    The total is withheld as soon as one row is.
    """
    cells = {row: protect(figure) for row, figure in figures.items()}
    hidden = any(cell.is_withheld for cell in cells.values())
    return ProtectedColumn(cells, WITHHELD if hidden or total is None else protect(total))


def withheld_count(columns: Sequence[ProtectedColumn]) -> int:
    """How many cells of a table, totals apart, are withheld."""
    return sum(cell.is_withheld for column in columns for cell in column.cells.values())
