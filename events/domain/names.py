"""Names as an event's words give them: "Velvet Sparrow, Indigo Motel & Sam"."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BETWEEN = re.compile(r"[,;&/]|\b(?:and|y|with|con)\b")


def others_named(words: str, named: Iterable[str]) -> str:
    """What ``words`` say besides those who are ``named`` already, in any case; as they stand
    where they name none of them."""
    known = {name.strip().casefold() for name in named}
    parts = [part.strip() for part in _BETWEEN.split(words)]
    if not known & {part.casefold() for part in parts}:
        return words.strip()
    return ", ".join(part for part in parts if part and part.casefold() not in known)
