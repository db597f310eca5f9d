"""What we take from the processor's objects: enough to act on, and nothing about the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from payments.domain.currencies import as_we_count


@dataclass(frozen=True)
class Session:
    """A payment page as the processor has it."""

    id: str
    reference: str
    """Ours; empty where somebody else made it."""
    status: str
    """``open``, ``complete`` or ``expired``."""
    is_paid: bool
    payment_intent: str
    amount_minor: int
    currency: str
    url: str


@dataclass(frozen=True)
class Returned:
    """A refund as the processor has it."""

    id: str
    asked_by_key: str
    """Ours, where we asked for it."""
    payment_intent: str
    amount_minor: int
    currency: str
    status: str
    """``pending``, ``requires_action``, ``succeeded``, ``failed`` or ``canceled``."""
    failure: str


@dataclass(frozen=True)
class Disputed:
    payment_intent: str
    status: str


def session_of(data: Mapping[str, Any]) -> Session:
    currency = str(data.get("currency") or "").upper()
    return Session(
        id=data["id"],
        reference=data.get("client_reference_id") or "",
        status=data.get("status") or "",
        is_paid=data.get("payment_status") == "paid",
        payment_intent=_id_of(data.get("payment_intent")),
        amount_minor=as_we_count(int(data.get("amount_total") or 0), currency),
        currency=currency,
        url=data.get("url") or "",
    )


def returned_of(data: Mapping[str, Any]) -> Returned:
    currency = str(data.get("currency") or "").upper()
    return Returned(
        id=data["id"],
        asked_by_key=(data.get("metadata") or {}).get("asked_by", ""),
        payment_intent=_id_of(data.get("payment_intent")),
        amount_minor=as_we_count(int(data.get("amount") or 0), currency),
        currency=currency,
        status=data.get("status") or "",
        failure=data.get("failure_reason") or "",
    )


def disputed_of(data: Mapping[str, Any]) -> Disputed:
    return Disputed(_id_of(data.get("payment_intent")), data.get("status") or "")


def _id_of(value: Any) -> str:
    """The processor names an object by its id, or puts all of it there."""
    if isinstance(value, Mapping):
        return str(value["id"])
    return value or ""
