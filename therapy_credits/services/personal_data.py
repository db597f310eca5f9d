"""What this app keeps about a person, for the person."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from accounts.models import User
from therapy_credits.models import CareCase, Gift
from therapy_credits.queries.balances import balance_of
from therapy_credits.queries.bookings import bookings_of, calls_of, codes_of
from therapy_credits.services.cases import need_of
from therapy_credits.services.doors import door_of
from therapy_credits.services.subjects import own_tokens


def export_work(user: User) -> dict[str, Any]:
    """For which practices ``user`` works, or has worked."""
    memberships = user.practice_memberships.select_related("practice").order_by("started_at", "pk")
    return {
        "practices": [
            {
                "practice": one.practice.name,
                "role": one.role,
                "since": one.started_at,
                "ended_at": one.ended_at,
            }
            for one in memberships
        ]
    }


def export(user: User, *, at: datetime) -> dict[str, Any]:
    """Everything about the care of ``user``, for pages that only they can open.

    Not what became of a gift: its giver never learns that. Not what a worried person told the
    safeguarding lead, which is about two people.
    """
    tokens = own_tokens(user)
    door = door_of(user)
    balance = dataclasses.asdict(balance_of(tokens, at=at))
    bookings = bookings_of(tokens).with_keys()
    bookings = bookings.select_related("practitioner__practice", "service")
    codes = codes_of(tokens).select_related("practice")
    return {
        "balance": balance,
        "bookings": [
            {
                "reference": one.reference,
                "practitioner": one.practitioner.name,
                "practice": one.practitioner.practice.name,
                "session": one.service.name,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "format": one.format,
                "place": one.place,
                "status": one.status,
                "sessions": one.units,
                "name_given": one.client_name,
                "contact_given": one.client_contact,
                "where_you_are": _where(one.country, one.region),
                "booked_at": one.booked_at,
                "resolved_at": one.resolved_at,
                "not_a_match_at": one.mismatch_at,
                "agreed_at": one.agreed_at,
            }
            for one in bookings.order_by("starts_at")
        ],
        "first_calls": [
            {
                "reference": one.reference,
                "practitioner": one.practitioner.name,
                "practice": one.practitioner.practice.name,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "status": one.status,
                "name_given": one.client_name,
                "contact_given": one.client_contact,
                "where_you_are": _where(one.country, one.region),
                "booked_at": one.booked_at,
                "cancelled_at": one.cancelled_at,
            }
            for one in calls_of(tokens).order_by("starts_at")
        ],
        "codes": [
            {
                "reference": one.reference,
                "ends_with": one.last_four,
                "sessions": one.units,
                "status": one.status,
                "issued_at": one.issued_at,
                "expires_at": one.expires_at,
                "practice": one.practice.name if one.practice else "",
                "held_on": one.held_on,
            }
            for one in codes.order_by("issued_at")
        ],
        "gifts_given": [
            {
                "sessions": one.units,
                "given_at": one.given_at,
                "undone": one.status == Gift.Status.UNDONE,
                "sent_to": one.contact,
            }
            for one in Gift.objects.given_by(tokens).order_by("given_at")
        ],
        "asked_the_care_desk": [
            {
                "reference": case.reference,
                "kind": case.kind,
                "status": case.status,
                "outcome": case.outcome,
                "opened_at": case.opened_at,
                "closed_at": case.closed_at,
                "looked_for": _looked_for(case),
            }
            for case in CareCase.objects.filter(subject__in=tokens).order_by("opened_at")
        ],
        "door": {
            "closed_with_a_pin": door.is_closed,
            "private_address": door.address,
            "asked_at": door.asked_at,
        }
        if door
        else None,
    }


def _where(country: str, region: str) -> str:
    return f"{country}-{region}" if region else country


def _looked_for(case: CareCase) -> dict[str, Any] | None:
    if not case.sealed_need:
        return None
    need = need_of(case)
    return {
        "where_you_are": _where(need.country, need.region),
        "language": need.language,
        "format": need.format,
        "topics": sorted(need.topics),
        "kind": need.kind,
    }
