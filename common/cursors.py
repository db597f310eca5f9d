"""Cursors: where the next page of a list begins, in a form that means nothing to its reader."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime


def make_cursor(moment: datetime, number: int) -> str:
    """A cursor after the row at ``moment`` with id ``number``."""
    text = json.dumps([moment.isoformat(), number])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, int]:
    """What ``make_cursor`` was given. Raises ValueError for anything that it did not make."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        moment, number = json.loads(urlsafe_b64decode(padded.encode("ascii")))
        at = datetime.fromisoformat(moment)
    except (TypeError, ValueError, RecursionError) as nonsense:
        raise ValueError("not a cursor") from nonsense
    if type(number) is not int or not 0 <= number < 2**63 or at.tzinfo is None:
        raise ValueError("not a cursor")
    return at, number
