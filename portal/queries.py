"""Reads that join several apps for one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Door:
    """A place in a console that somebody may open."""

    group: str
    label: str
    url: str
    icon: str = "door"


def doors_for(user: Any) -> list[Door]:
    """The console pages this person's roles open. Nobody signed in has none."""
    return []
