"""What a missed session, or one cancelled late, means: a table, read from the top."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class MissedRule:
    """From the ``nth`` miss of a person in a programme-year on."""

    nth: int
    notice: dt.timedelta
    units_charged: int
    # Of the rate, what the practice is paid.
    fee_percent: int = 100

    @classmethod
    def from_numbers(cls, numbers: Sequence[int]) -> MissedRule:
        """From miss, hours of notice, units and percent: as a table is kept."""
        nth, hours, units, fee = numbers
        return cls(nth, dt.timedelta(hours=hours), units, fee)

    @property
    def notice_hours(self) -> int:
        return int(self.notice.total_seconds() // 3600)

    @property
    def numbers(self) -> list[int]:
        """What ``from_numbers`` reads."""
        return [self.nth, self.notice_hours, self.units_charged, self.fee_percent]


# Where a pool says nothing: a day's notice; the first miss is free to the person and paid
# to the practice by the pool; after that, one session.
USUAL = (
    MissedRule(nth=1, notice=dt.timedelta(hours=24), units_charged=0),
    MissedRule(nth=2, notice=dt.timedelta(hours=24), units_charged=1),
)


def rule_for(rules: Sequence[MissedRule], *, misses_before: int) -> MissedRule:
    """The rule for somebody who missed ``misses_before`` sessions already."""
    fitting = [rule for rule in rules if rule.nth <= misses_before + 1]
    return max(fitting, key=lambda rule: rule.nth) if fitting else USUAL[0]
