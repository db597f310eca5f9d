"""Enrolments for programs: who is in which term, and asking people to join."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import ValidationError
from pydantic import ConfigDict, field_validator

from accounts.api import BearerKey, IdempotencyKey, key_of, once
from accounts.models import Scope
from accounts.services.api_keys import Answer
from ambassadors.domain.names import language_code
from ambassadors.models import Enrolment, EnrolmentStatus, Programme, Term
from ambassadors.services.invitations import invite_person
from common.cursors import make_cursor, read_cursor
from common.text import is_showable

router = Router(tags=["Enrolments"])
read_enrolments = BearerKey(Scope.ENROLMENTS_READ)
write_enrolments = BearerKey(Scope.ENROLMENTS_WRITE)


class EnrolmentOut(Schema):
    id: int
    programme: str = Field(description="The slug of the programme")
    term: str = Field(description="The name of the term")
    status: str = Field(description="Such as onboarding, active, paused, alumni or removed")
    since: dt.datetime = Field(description="When it got this status")
    name: str = Field(description="The stage name")
    email: str


class EnrolmentPage(Schema):
    items: list[EnrolmentOut]
    next: str | None = Field(description="The cursor of the next page; null on the last")


class EnrolmentQuery(Schema):
    programme: str | None = Field(None, max_length=80, description="The slug of a programme")
    term: str | None = Field(None, max_length=120, description="The name of a term")
    status: str | None = Field(None, description="Such as active")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=200)

    @field_validator("programme", "term", "status")
    @classmethod
    def readable(cls, value: str | None) -> str | None:
        if value and "\x00" in value:
            raise ValueError(_("This holds a character that no name has."))
        return value

    @field_validator("status")
    @classmethod
    def known(cls, value: str | None) -> str | None:
        if value and value not in EnrolmentStatus.values:
            raise ValueError(_("There is no such status."))
        return value


class InvitationIn(Schema):
    model_config = ConfigDict(extra="forbid")

    programme: str = Field(min_length=1, max_length=80, description="The slug of the programme")
    term: str = Field(min_length=1, max_length=120, description="The name of the term")
    email: str = Field(min_length=3, max_length=254)
    name: str = Field("", max_length=120, description="The stage name, in any script")
    language: str = Field("", max_length=12, description="Of the mail, such as en or es")

    @field_validator("programme", "term", "email", "name")
    @classmethod
    def shown(cls, value: str) -> str:
        if not is_showable(value):
            raise ValueError(_("This holds a character that cannot be shown."))
        return value.strip()

    @field_validator("language")
    @classmethod
    def spoken(cls, value: str) -> str:
        code = language_code(value) if value else ""
        if code is None:
            raise ValueError(_("This language is not known. Write a code such as en or es."))
        return code


class InvitationOut(Schema):
    programme: str
    term: str
    email: str
    status: str = Field(description="invited: they decide for themselves, by the link in a mail")
    invited_at: dt.datetime
    expires_at: dt.datetime = Field(description="When the link in the mail runs out")


@router.get(
    "/enrolments", response=EnrolmentPage, **read_enrolments.rule, summary="Who is in which term"
)
def list_enrolments(request: HttpRequest, query: Query[EnrolmentQuery]) -> dict[str, Any]:
    """In the order in which they began. People who were invited and have not opened their link
    are not among them. A key that is limited to programmes sees only those. Nothing here says
    anything about sessions or health."""
    found = Enrolment.objects.reached_by(key_of(request))
    found = found.select_related("term__programme", "user").order_by("pk")
    if query.programme:
        found = found.filter(term__programme__slug=query.programme)
    if query.term:
        found = found.filter(term__name=query.term)
    if query.status:
        found = found.filter(status=query.status)
    if query.cursor is not None:
        found = found.filter(pk__gt=_after(query.cursor))
    rows = list(found[: query.limit + 1])
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return {
        "items": [_enrolment(row) for row in rows],
        "next": make_cursor(rows[-1].status_at, rows[-1].pk) if more else None,
    }


@router.post(
    "/enrolments",
    response={201: InvitationOut},
    **write_enrolments.rule,
    summary="Ask somebody to join a term",
)
def ask_to_join(
    request: HttpRequest,
    response: HttpResponse,
    payload: InvitationIn,
    idempotency_key: IdempotencyKey,
) -> Status[dict[str, Any]]:
    """Invite one address. Nobody is enrolled by anybody else: the person gets a mail with a link
    of their own, reads the agreement and decides. 409 where they are there already, said no, or
    no place is left; 404 where the key does not reach the programme."""

    def effect() -> Answer:
        programmes = Programme.objects.reached_by(key_of(request)).filter(slug=payload.programme)
        term = (
            Term.objects.with_programme()
            .filter(programme__in=programmes, name=payload.term)
            .first()
        )
        if term is None:
            raise Http404
        at = timezone.now()
        asked = invite_person(
            term=term,
            email=payload.email,
            name=payload.name,
            language=payload.language,
            by=None,
            at=at,
        )
        assert asked.expires_at is not None  # it was sent
        body = {
            "programme": payload.programme,
            "term": payload.term,
            "email": asked.email,
            "status": "invited",
            "invited_at": asked.invited_at.isoformat(),
            "expires_at": asked.expires_at.isoformat(),
        }
        return Answer(201, body)

    facts = payload.model_dump(mode="json")
    answer = once(request, response, idempotency_key, facts, effect)
    return Status(answer.status, answer.body)


def _after(cursor: str) -> int:
    try:
        return read_cursor(cursor)[1]
    except ValueError as nonsense:
        message = _("This is not a cursor of ours. Leave it out to begin anew.")
        raise ValidationError([{"loc": ["query", "cursor"], "msg": message}]) from nonsense


def _enrolment(row: Enrolment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "programme": row.term.programme.slug,
        "term": row.term.name,
        "status": row.status,
        "since": row.status_at,
        "name": row.user.name,
        "email": row.user.email,
    }
