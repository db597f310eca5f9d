"""The file off the database that holds the heads of the audit chain.

Whoever can rewrite the tables and their seals cannot rewrite this too, when it is
kept elsewhere (``AUDIT_HEADS``): it is what tells that the end was cut off.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from django.conf import settings

RECENT_BYTES = 8192


@dataclass(frozen=True)
class Head:
    """The last seal of a log at some minute."""

    log: str
    last_id: int
    digest: str
    sealed_at: str


def read_heads(*, recent: bool = False) -> list[Head]:
    """Every head ever written, the oldest first; or only the last few dozen."""
    try:
        with settings.AUDIT_HEADS.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - RECENT_BYTES) if recent else 0
            file.seek(start)
            lines = file.read().decode().splitlines()
    except FileNotFoundError:
        return []
    if start:
        del lines[0]  # only the end of a line
    return [Head(**json.loads(line)) for line in lines if line.strip()]


def write_head(head: Head) -> None:
    """Add ``head`` at the end, and make sure that it is on the disk."""
    settings.AUDIT_HEADS.parent.mkdir(parents=True, exist_ok=True)
    with settings.AUDIT_HEADS.open("a") as file:
        file.write(json.dumps(asdict(head)) + "\n")
        file.flush()
        os.fsync(file.fileno())
