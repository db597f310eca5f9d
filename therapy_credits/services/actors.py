"""Tokens for who moved sessions, where it was not the person: the ledger knows no names."""

from __future__ import annotations

from uuid import UUID, uuid5

_SPACE = UUID("6f1c2f0e-6c1b-4a0f-9d52-1f4c7a3a9a51")


def practice_actor(practice_id: int) -> UUID:
    """Somebody of this practice. Who, is on the booking."""
    return uuid5(_SPACE, f"practice {practice_id}")


def scheduler_actor() -> UUID:
    """Nobody: the time had come."""
    return uuid5(_SPACE, "scheduler")
