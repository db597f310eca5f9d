"""Bookings and sessions for the software of practices. A key sees its own practice and no other.

Nothing here names a client: a practice knows its bookings by their reference.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Path, Query, Router, Schema, Status
from ninja.errors import AuthorizationError, HttpError, ValidationError
from pydantic import ConfigDict, model_validator

from accounts.api import BearerKey, Day, IdempotencyKey, address_of, key_of, once, to_keep
from accounts.models import Scope
from accounts.services.api_keys import Answer, Kept
from common.cursors import make_cursor, read_cursor
from therapy_credits.errors import TherapyCreditsError, TooManyTries
from therapy_credits.models import (
    Booking,
    PracticeMembership,
    ServiceType,
    SessionCode,
    Statement,
)
from therapy_credits.queries.bookings import booking_of_practice
from therapy_credits.queries.practices import owner_of
from therapy_credits.queries.statements import lines_of, with_totals
from therapy_credits.services.bookings import confirm_at_once, confirm_session
from therapy_credits.services.session_codes import redeem_code

router = Router(tags=["Sessions"])
read_bookings = BearerKey(Scope.BOOKINGS_READ)
read_statements = BearerKey(Scope.STATEMENTS_READ)
write_redemptions = BearerKey(Scope.REDEMPTIONS_WRITE)

Outcome = Literal["attended", "no_show", "late_cancel"]
# The word of the outside for each of ours.
_OURS = {"attended": "attended", "no_show": "missed", "late_cancel": "late_cancel"}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}


class BookingOut(Schema):
    reference: str
    status: str = Field(
        description="booked, attended, no_show, late_cancel, cancelled, practice_cancelled or "
        "timed_out"
    )
    starts_at: dt.datetime
    ends_at: dt.datetime
    timezone: str = Field(description="The zone of the practice, an IANA name")
    format: str = Field(description="online or in_person")
    units: int
    confirm_before: dt.datetime = Field(description="Then the session goes back to the person")


class RedemptionIn(Schema):
    model_config = ConfigDict(extra="forbid")

    code: str | None = Field(None, max_length=40, description="What the client brought, or else")
    reference: str | None = Field(None, max_length=12, description="the booking's reference")
    held_on: Day = Field(description="The day of the session in the zone of the practice")
    units: int = Field(1, ge=1, le=9)
    outcome: Outcome = "attended"
    service: str | None = Field(
        None, max_length=80, description="For a code, where several kinds of session would fit"
    )

    @model_validator(mode="after")
    def one_of_both(self) -> RedemptionIn:
        if (self.code is None) == (self.reference is None):
            raise ValueError(_("Send either a code or a reference."))
        if self.code is not None and self.outcome != "attended":
            raise ValueError(_("A code is for a session that took place."))
        return self


class RedemptionOut(Schema):
    reference: str
    outcome: Outcome
    held_on: dt.date
    units: int


@router.get(
    "/bookings/{reference}", response=BookingOut, **read_bookings.rule, summary="One booking"
)
def get_booking(request: HttpRequest, reference: Path[str]) -> dict[str, Any]:
    """A booking of your own practice."""
    booking = _find(key_of(request).practice_id, reference)
    return {
        "reference": booking.reference,
        "status": _THEIRS.get(booking.status, booking.status),
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "timezone": booking.practice.time_zone,
        "format": booking.format,
        "units": booking.units,
        "confirm_before": booking.hold_until,
    }


class LineOut(Schema):
    reference: str = Field(description="Of the booking or code")
    kind: str = Field(description="session, or correction of one settled before")
    outcome: str = Field(description="attended, no_show or late_cancel")
    held_on: dt.date
    units: int
    amount_minor: int = Field(
        description="In the smallest unit of the currency; below 0 to correct"
    )


class StatementOut(Schema):
    id: UUID
    number: str
    month: str = Field(description="Such as 2026-05")
    currency: str
    total_minor: int
    lines: int = Field(description="How many")
    approved_at: dt.datetime


class StatementWithLines(Schema):
    id: UUID
    number: str
    month: str
    currency: str
    total_minor: int
    approved_at: dt.datetime
    lines: list[LineOut]


class StatementPage(Schema):
    items: list[StatementOut]
    next: str | None = Field(description="The cursor of the next page; null on the last")


class StatementQuery(Schema):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=200)


@router.get(
    "/statements", response=StatementPage, **read_statements.rule, summary="Your statements"
)
def list_statements(request: HttpRequest, query: Query[StatementQuery]) -> dict[str, Any]:
    """Approved statements of your own practice, the newest first."""
    own = Statement.objects.visible_to_practice(key_of(request).practice_id)
    if query.cursor is not None:
        approved_at, pk = _after(query.cursor)
        own = own.filter(Q(approved_at__lt=approved_at) | Q(approved_at=approved_at, pk__lt=pk))
    # With their totals, which mypy does not know of.
    rows: list[Any] = list(with_totals(own).order_by("-approved_at", "-pk")[: query.limit + 1])
    page, has_more = rows[: query.limit], len(rows) > query.limit
    last = page[-1] if has_more else None
    return {
        "items": [{**_head(one), "lines": one.line_count} for one in page],
        "next": make_cursor(last.approved_at, last.pk.int >> 65) if last else None,
    }


@router.get(
    "/statements/{id}",
    response=StatementWithLines,
    **read_statements.rule,
    summary="One statement with its lines",
)
def get_statement(request: HttpRequest, id: Path[UUID]) -> dict[str, Any]:
    """A statement of your own practice. The lines add up to its total."""
    own = Statement.objects.visible_to_practice(key_of(request).practice_id)
    statement = with_totals(own).filter(pk=id).first()
    if statement is None:
        raise Http404
    lines = [
        {
            "reference": line.reference,
            "kind": line.kind,
            "outcome": _THEIRS.get(line.outcome, line.outcome),
            "held_on": line.held_on,
            "units": line.units,
            "amount_minor": line.amount_minor,
        }
        for line in lines_of(statement)
    ]
    return {**_head(statement), "lines": lines}


def _head(statement: Any) -> dict[str, Any]:
    """What a list and one statement both say; ``statement`` comes with its totals."""
    return {
        "id": statement.pk,
        "number": statement.number,
        "month": f"{statement.month:%Y-%m}",
        "currency": statement.currency,
        "total_minor": statement.total_minor,
        "approved_at": statement.approved_at,
    }


def _after(cursor: str) -> tuple[dt.datetime, UUID]:
    try:
        moment, number = read_cursor(cursor)
        # A cursor's number has 63 bits: the first of the id, which are enough to tell two apart.
        return moment, UUID(int=number << 65)
    except ValueError as nonsense:
        message = _("This is not a cursor of ours. Leave it out to begin anew.")
        raise ValidationError([{"loc": ["query", "cursor"], "msg": message}]) from nonsense


@router.post(
    "/redemptions",
    response={200: RedemptionOut, 201: RedemptionOut},
    **write_redemptions.rule,
    summary="Say what became of a session",
)
def make_redemption(
    request: HttpRequest,
    response: HttpResponse,
    payload: RedemptionIn,
    idempotency_key: IdempotencyKey,
) -> Status[dict[str, Any]]:
    """201 the first time, 200 when the same was said before, 409 when something else was."""
    membership = _owner(key_of(request).practice_id)

    def effect() -> Answer:
        at = timezone.now()
        try:
            if payload.code is None:
                return _confirm(membership, payload, at)
            return _redeem(membership, payload, address_of(request), at)
        except TooManyTries as refusal:
            # Not raised: what was written down about the guessing has to stay.
            return Answer(429, {"detail": str(refusal)})
        except TherapyCreditsError as refusal:
            return Answer(409, {"detail": str(refusal)})

    facts = payload.model_dump(mode="json")
    keep = partial(to_keep, request, idempotency_key, facts)
    answer = _confirm_at_once(membership, payload, keep) or once(
        request, response, idempotency_key, facts, effect
    )
    if answer.status >= 400:
        raise HttpError(answer.status, answer.body["detail"])
    return Status(200 if answer.is_replay else answer.status, answer.body)


def _confirm_at_once(
    membership: PracticeMembership, payload: RedemptionIn, keep: Callable[[Answer], Kept]
) -> Answer | None:
    """What nearly every request is, in one statement with its answer: an ordinary session took
    place. Nothing, and nothing has changed, when it is anything else, or was said before."""
    if payload.reference is None or payload.outcome != "attended":
        return None
    booking = _find(membership.practice_id, payload.reference)
    if not _is_of(booking, membership, payload):
        return None
    answer = _said(booking.reference, payload, is_new=True)
    at = timezone.now()
    is_done = confirm_at_once(booking=booking, membership=membership, at=at, kept=keep(answer))
    return answer if is_done else None


def _is_of(booking: Booking, membership: PracticeMembership, payload: RedemptionIn) -> bool:
    held_on = booking.starts_at.astimezone(membership.practice.zone).date()
    return (payload.held_on, payload.units) == (held_on, booking.units)


def _confirm(membership: PracticeMembership, payload: RedemptionIn, at: dt.datetime) -> Answer:
    booking = _find(membership.practice_id, payload.reference or "")
    if not _is_of(booking, membership, payload):
        return Answer(409, {"detail": _("The booking is for another day, or for other units.")})
    done = confirm_session(
        booking=booking, membership=membership, outcome=_OURS[payload.outcome], at=at
    )
    return _said(done.reference, payload, is_new=done.resolved_at == at)


def _redeem(
    membership: PracticeMembership, payload: RedemptionIn, address: str, at: dt.datetime
) -> Answer:
    code = redeem_code(
        text=payload.code or "",
        membership=membership,
        service=_service(membership, payload),
        held_on=payload.held_on,
        address=address,
        at=at,
    )
    if not _is_as_said(code, payload):
        return Answer(409, {"detail": _("This code was confirmed with other facts before.")})
    return _said(code.reference, payload, is_new=code.resolved_at == at)


def _is_as_said(code: SessionCode, payload: RedemptionIn) -> bool:
    return (code.held_on, code.units) == (payload.held_on, payload.units)


def _said(reference: str, payload: RedemptionIn, *, is_new: bool) -> Answer:
    body = {
        "reference": reference,
        "outcome": payload.outcome,
        "held_on": payload.held_on.isoformat(),
        "units": payload.units,
    }
    return Answer(201 if is_new else 200, body)


def _service(membership: PracticeMembership, payload: RedemptionIn) -> ServiceType:
    """The kind of session a code is for: the one that fits, or the one that is named."""
    fitting = ServiceType.objects.filter(
        practice=membership.practice_id, units=payload.units, is_active=True
    )
    if payload.service:
        fitting = fitting.filter(name=payload.service)
    found = list(fitting.order_by("pk")[:2])
    if len(found) != 1:
        raise HttpError(
            422,
            _("Several kinds of session fit. Name one as “service”.")
            if found
            else _("Your practice offers no session of that name and so many units."),
        )
    return found[0]


def _find(practice_id: int | None, reference: str) -> Booking:
    booking = booking_of_practice.first(practice_id=practice_id, reference=reference.upper())
    if booking is None:
        raise Http404
    return booking


def _owner(practice_id: int | None) -> PracticeMembership:
    """In whose name the program acts: the first owner's, who answers for the key."""
    owner = owner_of(practice_id)
    if owner is None:
        raise AuthorizationError(message=_("This practice has no owner at the moment."))
    return owner
