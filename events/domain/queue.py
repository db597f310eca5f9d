"""Whose turn it is: the rule of the waiting list, without a database.

A queue is parties in the order in which they joined. What is free goes to the first; what an
event decides is what happens when the first is too large for it:

* it is passed over and keeps its turn, so that no place stays empty while somebody it is enough
  for waits (``skips_large``), or
* everybody waits with it, so that a group is never overtaken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Party = TypeVar("Party")


def next_served(
    waiting: Iterable[tuple[Party, int]], free: int | None, *, skips_large: bool
) -> list[Party]:
    """Who of ``waiting`` (party and its people, first in line first) gets what is free.

    ``free`` None means that there is no limit.
    """
    served = []
    for party, people in waiting:
        if free is None:
            served.append(party)
        elif people <= free:
            served.append(party)
            free -= people
        elif not skips_large:
            break
        if free is not None and free < 1:
            break
    return served


def may_take(people: int, free: int | None, *, has_queue: bool, skips_large: bool) -> bool:
    """Whether somebody new gets ``people`` places, after the queue was served.

    Those who still wait are too large for what is free. Whoever comes then is to them what the
    next in line is: allowed past them, or not.
    """
    if has_queue and not skips_large:
        return False
    return free is None or people <= free
