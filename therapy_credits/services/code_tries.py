"""Limits on guessing codes.

Counted atomically in the shared cache, before the look-up, in windows of fifteen
minutes: for each practice, for each address, and for everybody together. A code
that is accepted gives its try back, so that an honest practice never counts at all;
and while somebody else fills the common count, a practice still has its first tries.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from django.core.cache import cache

from common import tokens

WINDOW = dt.timedelta(minutes=15)
Limit = Literal["practice", "address", "everybody"]
LIMITS: dict[Limit, int] = {"practice": 10, "address": 20, "everybody": 200}
# Tries a practice keeps when the common count is full.
FIRST_TRIES = 3


@dataclass(frozen=True)
class Try:
    """One counted try. ``burst`` names a limit that this very try was the first to pass."""

    keys: tuple[str, ...]
    is_allowed: bool
    burst: Limit | None
    window: int


def count_try(*, practice_id: int, address: str, at: dt.datetime) -> Try:
    """Count a practice's try and say whether it may go on."""
    window = _window(at)
    return _count(
        {
            "practice": f"code-tries:{window}:practice:{practice_id}",
            "address": f"code-tries:{window}:address:{_address(address)}",
            "everybody": f"code-tries:{window}:everybody",
        },
        window,
    )


def count_claim(*, address: str, at: dt.datetime) -> Try:
    """Count a try to open a gift by its code. Nobody has an account yet: counted by address.

    Apart from the practices' tries, so that neither can use up what the other has.
    """
    window = _window(at)
    return _count(
        {
            "address": f"claim-tries:{window}:address:{_address(address)}",
            "everybody": f"claim-tries:{window}:everybody",
        },
        window,
    )


def _count(keys: dict[Limit, str], window: int) -> Try:
    counts = {limit: _add_one(key) for limit, key in keys.items()}
    over = [limit for limit, count in counts.items() if count > LIMITS[limit]]
    own = counts.get("practice", counts["address"])
    is_allowed = not over or (over == ["everybody"] and own <= FIRST_TRIES)
    burst = next((limit for limit in over if counts[limit] == LIMITS[limit] + 1), None)
    return Try(tuple(keys.values()), is_allowed, burst, window)


def _window(at: dt.datetime) -> int:
    return int(at.timestamp() // WINDOW.total_seconds())


def _address(address: str) -> str:
    """A digest: an address of a person does not belong in a cache key."""
    return tokens.digest("code-tries", address)[:24]


def give_back(one: Try) -> None:
    """The code was good: the try does not count."""
    for key in one.keys:
        try:
            cache.decr(key)
        except ValueError:
            continue  # the window is over and so is its count


def _add_one(key: str) -> int:
    cache.add(key, 0, timeout=int(WINDOW.total_seconds()) * 2)
    return cache.incr(key)
