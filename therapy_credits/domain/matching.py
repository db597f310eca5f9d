"""Who fits: hard filters first, then an order, and for each the reasons to show.

Hard means that no other quality makes up for it: somebody who may not practise
where you will be that day cannot help you, however well they know touring.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """What a person asks for. ``region`` is empty where a country has no states that matter."""

    country: str
    region: str
    language: str
    format: str
    topics: frozenset[str] = frozenset()
    # For whom: one person, two, or a group.
    kind: str = "one"


@dataclass(frozen=True)
class Authority:
    """Where one licence lets somebody practise, and until when (that day included)."""

    country: str
    region: str
    expires_on: dt.date

    def covers(self, country: str, region: str, on: dt.date) -> bool:
        return self.country == country and self.region in ("", region) and on <= self.expires_on


@dataclass(frozen=True)
class Candidate:
    """What matching must know of a practitioner; ``slots`` are starts in UTC, in order."""

    key: int
    languages: frozenset[str]
    formats: frozenset[str]
    topics: frozenset[str]
    authorities: tuple[Authority, ...]
    slots: tuple[dt.datetime, ...]


@dataclass(frozen=True)
class Match:
    key: int
    slots: tuple[dt.datetime, ...]
    topics: tuple[str, ...]
    authority: Authority
    daytime_share: float

    @property
    def rank(self) -> tuple[int, float, dt.datetime, int]:
        """Lowest is best: shared topics, then waking hours, then the soonest time, then the key,
        so that the same question always gets the same answer."""
        return (-len(self.topics), -round(self.daytime_share, 1), self.slots[0], self.key)


def may_practise(
    authorities: Iterable[Authority], country: str, region: str, on: dt.date
) -> Authority | None:
    """The licence that lets them see somebody there on that day, the longest first."""
    fitting = [one for one in authorities if one.covers(country, region, on)]
    return max(fitting, key=lambda one: one.expires_on, default=None)


def find_matches(need: Need, candidates: Sequence[Candidate], *, zone: dt.tzinfo) -> list[Match]:
    """Those who fit ``need`` and have a time, best first, where ``zone`` is the person's."""
    matches = [match for one in candidates if (match := _match(need, one, zone))]
    return sorted(matches, key=lambda match: match.rank)


def _match(need: Need, one: Candidate, zone: dt.tzinfo) -> Match | None:
    if need.language not in one.languages or need.format not in one.formats:
        return None
    # The licence is asked for the day of each slot: one that lapses on Friday
    # still opens Thursday, and closes Saturday.
    on_day: dict[dt.date, Authority | None] = {}
    slots, awake = [], 0
    for slot in one.slots:
        local = slot.astimezone(zone)
        day = local.date()
        if day not in on_day:
            on_day[day] = may_practise(one.authorities, need.country, need.region, day)
        if on_day[day]:
            slots.append(slot)
            awake += 8 <= local.hour < 21
    authority = next(filter(None, on_day.values()), None)
    if authority is None:
        return None
    return Match(
        key=one.key,
        slots=tuple(slots),
        topics=tuple(sorted(need.topics & one.topics)),
        authority=authority,
        daytime_share=awake / len(slots),
    )
