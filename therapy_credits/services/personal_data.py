"""What this app keeps about a person, for the person."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from common.erasing import Obstacle
from therapy_credits.models import Booking, CareCase, FitCall, Gift, SessionCode
from therapy_credits.queries.balances import balance_of
from therapy_credits.queries.bookings import bookings_of, calls_of, codes_of
from therapy_credits.queries.practices import works_for_a_practice
from therapy_credits.services.allocation import give_up_units
from therapy_credits.services.bookings import cancel_booking, cancel_terms
from therapy_credits.services.cases import need_of
from therapy_credits.services.doors import door_of
from therapy_credits.services.fit_calls import cancel_fit_call
from therapy_credits.services.gifts import undo_gift
from therapy_credits.services.retention import NOTHING_TOLD
from therapy_credits.services.session_codes import cancel_code
from therapy_credits.services.subjects import forget_tokens, own_tokens


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


def addresses_of(user: User) -> set[str]:
    """Where mail about care goes, besides the account's own, in lower case."""
    door = door_of(user)
    return {one.lower() for one in (door.address, door.new_address) if one} if door else set()


def obstacles(user: User, *, at: datetime) -> list[Obstacle]:
    """What must be settled before ``user`` can be erased. For pages behind ``care_only``."""
    found = []
    if works_for_a_practice(user, at=at):
        found.append(Obstacle(_("You work for a practice. Ask its owner to take you out first.")))
    tokens = own_tokens(user)
    found += [
        Obstacle(
            _("You have a session booked. Cancel it first, or wait until it is over."),
            reverse("therapy_credits:booking", args=[one.reference]),
        )
        for one in bookings_of(tokens).upcoming(at=at)
    ]
    found += [
        Obstacle(
            _("You have a first call ahead. Cancel it first, or wait until it is over."),
            reverse("therapy_credits:fit-call", args=[one.reference]),
        )
        for one in calls_of(tokens).upcoming(at=at)
    ]
    return found


@transaction.atomic
def erase(user: User, *, at: datetime) -> None:
    """Return what is free to the pools, end what is open, and delete the keys: nobody is behind
    the books any more, and nothing of what was told for care can be read, here or in any copy.

    A session that the practice has not spoken about is still paid to it. A gift that was sent is
    whose it is.
    """
    tokens = own_tokens(user)
    for booking in bookings_of(tokens).filter(status=Booking.Status.BOOKED, starts_at__gt=at):
        agreed = cancel_terms(booking, at=at).name
        cancel_booking(booking=booking, user=user, agreed=agreed, at=at)
    for call in FitCall.objects.kept().filter(subject__in=tokens, starts_at__gt=at):
        cancel_fit_call(call=call, user=user, at=at)
    for code in codes_of(tokens).filter(status=SessionCode.Status.ISSUED):
        cancel_code(code=code, at=at)
    for gift in Gift.objects.given_by(tokens).filter(sends_at__gt=at):
        if gift.can_be_undone(at=at):
            undo_gift(gift=gift, at=at)
    CareCase.objects.searches_of(tokens).delete()
    give_up_units(tokens, at=at)
    bookings_of(tokens).update(**NOTHING_TOLD)
    FitCall.objects.filter(subject__in=tokens).update(sealed_name="", sealed_contact="")
    door = door_of(user)
    if door is not None:
        forget_tokens([door.key])
        door.delete()
    forget_tokens(tokens)
