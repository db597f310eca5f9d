"""Events and RSVPs for programs. The same services as the pages, and the same rules."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Literal, Self

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError as Invalid
from django.core.validators import validate_email
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from icalendar import Calendar
from ninja import Field, Path, Query, Router, Schema, Status
from ninja.errors import HttpError, ValidationError
from pydantic import ConfigDict, field_validator, model_validator

from accounts.api import BearerKey, Day, IdempotencyKey, key_of, once
from accounts.models import ApiKey, Scope
from accounts.services.api_keys import Answer
from calendars.domain.calendar import StoredEvent, render_calendar
from common.cursors import make_cursor, read_cursor
from events.errors import OfferEnded
from events.forms import EventFilter
from events.models import Event, Occurrence, Rsvp
from events.queries import (
    dates_for_programs,
    hosts_named,
    page_url,
    queue_position,
    standing_rsvp,
    with_held,
)
from events.services.rsvps import (
    Guest,
    accept_offer,
    change_party,
    decline_offer,
    leave,
    place_rsvp,
)

router = Router(tags=["Events and RSVPs"])
read_events = BearerKey(Scope.EVENTS_READ, is_required=False)
write_rsvps = BearerKey(Scope.RSVPS_WRITE)


class DateOut(Schema):
    date: dt.date = Field(description="The day in the event's own zone; names a date of a series.")
    uid: str = Field(description="The UID of the calendar entry. It never changes.")
    starts_at: dt.datetime
    ends_at: dt.datetime
    status: str = Field(description="published, cancelled or completed")
    capacity: int | None = Field(description="null: no limit")
    places_left: int | None = Field(description="null: no limit. Only an RSVP is sure of a place.")
    updated_at: dt.datetime


class PriceOut(Schema):
    """What a place costs, for each person of a party, in the currency's smallest unit."""

    kind: str = Field(description="free, fixed, open (people choose) or deposit (given back)")
    currency: str | None = Field(description="ISO 4217; null where it is free")
    amount_minor: int | None = Field(description="The price, the deposit, or what is suggested")
    least_minor: int | None = Field(description="The least, where people choose")
    refund_hours: int | None = Field(
        description="Whoever leaves until so many hours before the start is given back all of it "
        "by itself; null: the organisers decide"
    )


class EventOut(DateOut):
    slug: str
    title: str
    summary: str
    timezone: str = Field(description="An IANA name")
    format: str = Field(description="in_person, online or hybrid")
    language: str
    price: PriceOut
    url: str


class EventWithDates(EventOut):
    dates: list[DateOut] = Field(description="Every date still to come, at most 200")
    hosts: list[str] = Field(description="Who leads it, as its page names them")


class EventPage(Schema):
    items: list[EventOut]
    next: str | None = Field(description="The cursor of the next page; null on the last")


class EventQuery(Schema):
    """The filters of the list page."""

    q: str | None = Field(None, description="Words in title, summary, hosts or place")
    format: str | None = Field(None, description="in_person, online or hybrid")
    language: str | None = Field(None, description="Such as en or es")
    topic: str | None = None
    programme: str | None = Field(None, description="The slug of a programme")
    first_on: Day | None = Field(None, alias="from", description="Not before this day")
    last_on: Day | None = Field(None, alias="to", description="Not after this day")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=200)


class RsvpIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    email: str = Field(max_length=254, json_schema_extra={"format": "email"})
    party_size: int = Field(1, ge=1, le=50, description="The person included")
    date: Day | None = Field(None, description="Which date of a series; else the next one")

    @field_validator("name", "email")
    @classmethod
    def trimmed(cls, value: str) -> str:
        if not value.strip() or "\x00" in value:
            raise ValueError(_("This cannot be empty."))
        return value.strip()

    @field_validator("email")
    @classmethod
    def is_an_address(cls, value: str) -> str:
        try:
            validate_email(value)
        except Invalid as wrong:
            raise ValueError(_("This is not an e-mail address.")) from wrong
        return value


class RsvpChange(Schema):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    party_size: int | None = Field(None, ge=1, le=50, description="The person included")
    offer: Literal["take", "decline"] | None = Field(
        None, description="What the person says to the places that are kept for them"
    )

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        if (self.party_size is None) == (self.offer is None):
            raise ValueError(_("Say party_size or offer, one of the two."))
        return self


class RsvpOut(Schema):
    reference: str
    status: str = Field(
        description="going, waitlisted, pending, offered, paying, declined, left or released"
    )
    position: int | None = Field(description="The place in the queue; 1 is next")
    offered_until: dt.datetime | None = Field(
        description="Until when an offered place is kept. PATCH takes or declines it"
    )
    pay_until: dt.datetime | None = Field(
        None,
        description="Until when places with a price are kept. The person has the link to pay in "
        "their mail",
    )
    party_size: int
    slug: str
    date: dt.date


@router.get("/events", response=EventPage, **read_events.rule, summary="Dates still to come")
def list_events(request: HttpRequest, query: Query[EventQuery]) -> dict[str, Any]:
    """Dates in order of their start. Public events need no key; a key with `events:read` also
    reads unlisted ones and those for members."""
    at = timezone.now()
    dates = dates_for_programs(_chosen(query), key=_key_shown(request), at=at)
    if query.cursor is not None:
        starts_at, number = _after(query.cursor)
        dates = dates.filter(Q(starts_at__gt=starts_at) | Q(starts_at=starts_at, pk__gt=number))
    rows = list(dates.order_by("starts_at", "pk")[: query.limit + 1])
    page, has_more = rows[: query.limit], len(rows) > query.limit
    return {
        "items": [_event(date) for date in page],
        "next": make_cursor(page[-1].starts_at, page[-1].pk) if has_more else None,
    }


@router.get("/events/{slug}", response=EventWithDates, **read_events.rule, summary="One event")
def get_event(request: HttpRequest, slug: Path[str]) -> dict[str, Any]:
    """The next date in the main fields (or the last, when all are over), and every one to come."""
    at = timezone.now()
    event = _find(request, slug)
    dates = with_held(event.occurrences.select_related("seats"), at=at)
    coming = list(dates.filter(ends_at__gt=at).order_by("starts_at")[:200])
    main = next((date for date in coming if date.cancelled_at is None), None)
    main = main or dates.order_by("-starts_at").first()
    if main is None:
        raise Http404
    for date in [main, *coming]:
        date.event = event
    named = hosts_named(event, at=at).names
    return {**_event(main), "dates": [_date(date) for date in coming], "hosts": named}


@router.get(
    "/events/{slug}/calendar",
    **read_events.answering("application/calendar+json"),
    summary="One event as jCal",
)
def get_event_calendar(request: HttpRequest, slug: Path[str]) -> HttpResponse:
    """Its dates as calendar entries in JSON (RFC 7265), with the zone's rules: what `event.ics`
    says, for programs that would rather not parse it."""
    event = _find(request, slug)
    dates = event.occurrences.order_by("starts_at").values_list("vevent", flat=True)
    entries = [StoredEvent(text, event.time_zone) for text in dates]
    body = render_calendar(entries, name=event.title, time_zone=event.time_zone)
    jcal = Calendar.from_ical(body).to_jcal()
    return HttpResponse(json.dumps(jcal), content_type="application/calendar+json")


@router.post("/events/{slug}/rsvps", response={201: RsvpOut}, **write_rsvps.rule, summary="Say yes")
def make_rsvp(
    request: HttpRequest,
    response: HttpResponse,
    slug: Path[str],
    payload: RsvpIn,
    idempotency_key: IdempotencyKey,
) -> Status[dict[str, Any]]:
    """Say yes for a person who told you so. They have a place, or a turn in the queue, and a mail
    with the calendar entry and their own link to change it or to leave."""

    def effect() -> Answer:
        at = timezone.now()
        date = _open_date(_find(request, slug), payload.date, at)
        standing = standing_rsvp(date, user=None, email=payload.email)
        if standing and not standing.has_lapsed(at=at):
            raise HttpError(409, _("This address has an answer for this date already."))
        rsvp = place_rsvp(
            occurrence=date,
            person=Guest(payload.name, payload.email),
            party_size=payload.party_size,
            language=get_language() or "en",
            is_vouched=True,
            at=at,
        )
        return Answer(201, _rsvp(rsvp))

    facts = payload.model_dump(mode="json")
    answer = once(request, response, idempotency_key, facts, effect)
    return Status(answer.status, answer.body)


@router.get("/rsvps/{reference}", response=RsvpOut, **write_rsvps.rule, summary="One RSVP")
def get_rsvp(request: HttpRequest, reference: Path[str]) -> dict[str, Any]:
    """Where it stands now. It names nobody."""
    return _rsvp(_find_rsvp(request, reference))


@router.patch(
    "/rsvps/{reference}",
    response=RsvpOut,
    **write_rsvps.rule,
    summary="Change the party, or answer an offer",
)
def patch_rsvp(request: HttpRequest, reference: Path[str], payload: RsvpChange) -> dict[str, Any]:
    """Come with more or fewer people; growing may be refused, and then nothing changes. Or take
    (`take`) or pass on (`decline`) the places that are kept until `offered_until`: once, and
    saying the same again changes nothing. An offer whose time is over is a 409."""
    rsvp, at = _find_rsvp(request, reference), timezone.now()
    if payload.party_size is not None:
        changed = change_party(rsvp=rsvp, party_size=payload.party_size, at=at)
    elif payload.offer == "take":
        changed = accept_offer(rsvp=rsvp, at=at)
    elif rsvp.is_active and not rsvp.is_offered:
        raise OfferEnded
    else:
        changed = decline_offer(rsvp=rsvp, at=at)
    return _rsvp(changed)


@router.delete("/rsvps/{reference}", response=RsvpOut, **write_rsvps.rule, summary="Leave")
def delete_rsvp(request: HttpRequest, reference: Path[str]) -> dict[str, Any]:
    """Give up the place or the turn in the queue. Again changes nothing.

    What was paid goes back to the card by itself while the event's rule holds
    (`price.refund_hours`).
    """
    return _rsvp(leave(rsvp=_find_rsvp(request, reference), at=timezone.now()))


def _key_shown(request: HttpRequest) -> ApiKey | None:
    shown = request.auth  # type: ignore[attr-defined]  # set by the framework
    return shown if isinstance(shown, ApiKey) else None


def _chosen(query: EventQuery) -> dict[str, Any]:
    """The filters as the list page reads them; here what cannot be read is an error."""
    form = EventFilter(query.model_dump(by_alias=True, exclude={"limit", "cursor"}))
    if not form.is_valid():
        raise ValidationError(
            [
                {"loc": ["query", name], "msg": " ".join(str(error) for error in errors)}
                for name, errors in form.errors.items()
            ]
        )
    return form.chosen


def _after(cursor: str) -> tuple[dt.datetime, int]:
    try:
        return read_cursor(cursor)
    except ValueError as nonsense:
        message = _("This is not a cursor of ours. Leave it out to begin anew.")
        raise ValidationError([{"loc": ["query", "cursor"], "msg": message}]) from nonsense


def _find(request: HttpRequest, slug: str) -> Event:
    key = _key_shown(request)
    if key is not None and key.may(Scope.EVENTS_READ):
        events = Event.objects.reached_by(key)
    else:
        events = Event.objects.visible_to(AnonymousUser())
    event = events.filter(slug=slug).first()
    if event is None:
        raise Http404
    return event


def _open_date(event: Event, day: dt.date | None, at: dt.datetime) -> Occurrence:
    """The date that is meant: the one of that day, or the next that stands."""
    if day is not None:
        date = event.occurrences.filter(starts_on=day).first()
    else:
        coming = event.occurrences.filter(starts_at__gt=at, cancelled_at__isnull=True)
        date = coming.order_by("starts_at").first() or event.occurrences.last()
    if date is None:
        raise Http404
    date.event = event
    return date


def _find_rsvp(request: HttpRequest, reference: str) -> Rsvp:
    events = Event.objects.reached_by(key_of(request))
    rsvps = Rsvp.objects.filter(occurrence__event__in=events)
    rsvps = rsvps.select_related("occurrence__event", "user")
    rsvp = rsvps.filter(reference=reference.upper()).first()
    if rsvp is None:
        raise Http404
    return rsvp


def _event(date: Occurrence) -> dict[str, Any]:
    event = date.event
    return {
        **_date(date),
        "slug": event.slug,
        "title": event.title,
        "summary": event.summary,
        "timezone": event.time_zone,
        "format": event.format,
        "language": event.language,
        "price": {
            "kind": event.price_kind,
            "currency": event.currency or None,
            "amount_minor": event.price_minor,
            "least_minor": event.least_minor,
            "refund_hours": event.refund_hours,
        },
        "url": page_url(date),
    }


def _date(date: Occurrence) -> dict[str, Any]:
    left = None
    if date.capacity is not None:
        left = max(0, date.capacity - date.seats.firm - date.held)  # type: ignore[attr-defined]  # annotated
    return {
        "date": date.starts_on,
        "uid": date.uid,
        "starts_at": date.starts_at,
        "ends_at": date.ends_at,
        "status": Event.Status.CANCELLED if date.is_cancelled else date.event.status,
        "capacity": date.capacity,
        "places_left": left,
        "updated_at": max(filter(None, [date.revised_at, date.event.edited_at])),
    }


def _rsvp(rsvp: Rsvp) -> dict[str, Any]:
    return {
        "reference": rsvp.reference,
        "status": rsvp.status,
        "position": queue_position(rsvp),
        "offered_until": rsvp.hold_expires_at.isoformat()
        if rsvp.is_offered and rsvp.hold_expires_at
        else None,
        "pay_until": rsvp.hold_expires_at.isoformat()
        if rsvp.is_paying and rsvp.hold_expires_at
        else None,
        "party_size": rsvp.party_size,
        "slug": rsvp.occurrence.event.slug,
        "date": rsvp.occurrence.starts_on.isoformat(),
    }
