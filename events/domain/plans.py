"""Dates and series as somebody wants them to be: what a form reads and a service is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from events.domain.recurrence import Rule


@dataclass(frozen=True)
class DatePlan:
    """One date."""

    starts_at: datetime
    ends_at: datetime
    capacity: int | None
    pk: int | None = None
    """The date it is now; None for a new one."""
    note: str | None = None
    """What is different about this date alone, as the two below; None leaves it as it is."""
    other_place: str | None = None
    other_url: str | None = None


@dataclass(frozen=True)
class SeriesPlan:
    """A series: its rule, the hour on the wall clock, and the days left out."""

    rule: Rule
    starts_clock: time
    minutes: int
    capacity: int | None
    excluded_on: frozenset[date] = frozenset()
