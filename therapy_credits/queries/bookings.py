"""Reading a person's own bookings and codes, and what may pay for the next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db.models import F, Q, QuerySet

from accounts.models import User
from ambassadors.models import AdultConfirmation
from common.prepared import Prepared
from therapy_credits.models import (
    Account,
    Booking,
    FitCall,
    Limits,
    Pool,
    Practice,
    PracticeMembership,
    ServiceType,
    SessionCode,
)
from therapy_credits.models.bookings import BookingQuerySet, SessionCodeQuerySet
from therapy_credits.models.fit_calls import FitCallQuerySet


class Payer(Protocol):
    """What a session is paid from: a pool, and the limits under which it was given."""

    @property
    def pool(self) -> Pool: ...

    @property
    def limits(self) -> Limits | None: ...


@dataclass(frozen=True)
class Source:
    """Where a session may come from: one of the person's tokens, in one pool, of like limits."""

    subject: UUID
    pool: Pool
    limits: Limits | None = None


def live_sources(tokens: Sequence[UUID], *, at: dt.datetime) -> list[Source]:
    """Where the person has something left, what is drawn down first at the front."""
    lots = Account.objects.lots(*tokens).live(at=at).in_draw_down_order()
    found: dict[tuple[UUID, int, int | None], Source] = {}
    for lot in lots.select_related("pool", "limits"):
        if lot.left > 0 and lot.subject is not None:
            key = (lot.subject, lot.pool_id, lot.limits_id)
            found.setdefault(key, Source(lot.subject, lot.pool, lot.limits))
    return list(found.values())


def _bounds(payer: Payer) -> list[Pool | Limits]:
    """Whose networks and kinds count: the pool's, and those under which it was given."""
    return [payer.pool, payer.limits] if payer.limits else [payer.pool]


def pays_for(payers: Iterable[Payer]) -> Q:
    """The service types that one of ``payers`` pays for: by the pool's country, currency and
    ceiling, and by networks and kinds where there are any."""
    condition = Q(pk__in=[])
    for payer in payers:
        pool = payer.pool
        paid = Q(
            practice__country=pool.country,
            currency=pool.currency,
            rate_minor__lte=F("units") * pool.ceiling_price_minor,
        )
        for bound in _bounds(payer):
            if bound.networks:
                paid &= Q(practice__network__in=bound.networks)
            if bound.kinds:
                paid &= Q(kind__in=bound.kinds)
        condition |= paid
    return condition


def kinds_paid_by(payers: Iterable[Payer]) -> list[str]:
    """The kinds of session that practices offer and one of ``payers`` pays for."""
    offered = ServiceType.objects.filter(
        pays_for(payers), is_active=True, practice__status=Practice.Status.ACTIVE
    )
    found = set(offered.values_list("kind", flat=True).distinct())
    return [kind for kind in ServiceType.Kind.values if kind in found]


def paying_sources(
    tokens: Sequence[UUID], practice: Practice, service: ServiceType, *, at: dt.datetime
) -> list[Source]:
    """Those of ``live_sources`` that pay for ``service`` at ``practice``."""
    return [source for source in live_sources(tokens, at=at) if pays(source, practice, service)]


def pays(payer: Payer, practice: Practice, service: ServiceType) -> bool:
    """Whether ``payer`` pays for ``service``. The same as ``pays_for``, for one row."""
    pool = payer.pool
    return (
        pool.country == practice.country
        and pool.currency == service.currency
        and service.rate_minor <= pool.ceiling_price_minor * service.units
        and all(
            (not bound.networks or practice.network in bound.networks)
            and (not bound.kinds or service.kind in bound.kinds)
            for bound in _bounds(payer)
        )
    )


def bookings_of(tokens: Sequence[UUID]) -> BookingQuerySet:
    """The person's own bookings."""
    return Booking.objects.filter(subject__in=tokens)


def known_practitioners(tokens: Sequence[UUID]) -> set[int]:
    """With whom the person has, or had, a session or a first call."""
    sessions = bookings_of(tokens).filter(status__in=Booking.TAKES_TIME)
    calls = FitCall.objects.kept().filter(subject__in=tokens)
    return set(
        sessions.values_list("practitioner", flat=True).union(
            calls.values_list("practitioner", flat=True)
        )
    )


def calls_of(tokens: Sequence[UUID]) -> FitCallQuerySet:
    """The person's own first calls."""
    calls = FitCall.objects.filter(subject__in=tokens).with_keys()
    return calls.select_related("practitioner__practice")


def calls_of_member(membership: PracticeMembership) -> FitCallQuerySet:
    """The first calls a member of a practice may see."""
    calls = FitCall.objects.visible_to_member(membership).with_keys()
    return calls.select_related("practitioner__practice")


def codes_of(tokens: Sequence[UUID]) -> SessionCodeQuerySet:
    """The person's own codes."""
    return SessionCode.objects.filter(subject__in=tokens)


def bookings_of_member(membership: PracticeMembership) -> BookingQuerySet:
    """The bookings a member of a practice may see, with what a list shows."""
    bookings = Booking.objects.visible_to_member(membership).with_keys()
    return bookings.select_related("practitioner__practice", "service")


def _as_seen_by(role: PracticeMembership.Role) -> Prepared[Booking]:
    def build(practice_id: int, user_id: int, reference: str) -> QuerySet[Booking]:
        member = PracticeMembership(practice_id=practice_id, user_id=user_id, role=role)
        return Booking.objects.visible_to_member(member).filter(reference=reference)

    return Prepared(build)


_AS_SEEN = {role.value: _as_seen_by(role) for role in PracticeMembership.Role}


def booking_of_member(membership: PracticeMembership, reference: str) -> Booking | None:
    """The booking with this reference, if the member may see it: for doing something about it."""
    return _AS_SEEN[membership.role].first(
        practice_id=membership.practice_id, user_id=membership.user_id, reference=reference
    )


@Prepared
def booking_of_practice(practice_id: int, reference: str) -> QuerySet[Booking]:
    """The booking with this reference, if it is the practice's, with the practice."""
    bookings = Booking.objects.filter(practice=practice_id, reference=reference)
    return bookings.select_related("practice")


def redeemed_codes_of(membership: PracticeMembership) -> SessionCodeQuerySet:
    """The codes this practice redeemed."""
    return SessionCode.objects.filter(
        practice=membership.practice, status__in=["redeemed", "undone"]
    ).order_by("-resolved_at")


def has_said_adult(user: User) -> bool:
    """Whether the person has said they are 18 or older. They are asked once."""
    return AdultConfirmation.objects.filter(user=user).exists()
