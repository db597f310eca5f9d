"""Calendar quarters, cut in a programme's own zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

# Entries that come late (a session confirmed after its day) are in by then.
SETTLING_DAYS = 14
_SLUG = re.compile(r"(?P<year>20\d\d)-q(?P<number>[1-4])")


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter: ``Quarter(2026, 3)`` is July to September 2026."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> Quarter:
        return cls(day.year, (day.month - 1) // 3 + 1)

    @classmethod
    def from_slug(cls, slug: str) -> Quarter | None:
        """The quarter named ``2026-q3``, or None where ``slug`` names none."""
        match = _SLUG.fullmatch(slug)
        return cls(int(match["year"]), int(match["number"])) if match else None

    @property
    def slug(self) -> str:
        return f"{self.year}-q{self.number}"

    @property
    def previous(self) -> Quarter:
        return Quarter.of(self.starts_on - timedelta(days=1))

    @property
    def next(self) -> Quarter:
        return Quarter.of(self.ends_on)

    @property
    def starts_on(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def ends_on(self) -> date:
        """The first day that is no longer in it."""
        return date(self.year + self.number // 4, 3 * self.number % 12 + 1, 1)

    @property
    def publishable_on(self) -> date:
        """The first day on which it may be published."""
        return self.ends_on + timedelta(days=SETTLING_DAYS)

    def bounds(self, zone: str) -> tuple[datetime, datetime]:
        """Its first instant and the first instant after it, in the IANA zone ``zone``."""
        tz = ZoneInfo(zone)
        start, end = self.starts_on, self.ends_on
        return (
            datetime(start.year, start.month, start.day, tzinfo=tz),
            datetime(end.year, end.month, end.day, tzinfo=tz),
        )
