"""What a person looks for: sealed in their session for two hours, and said in words.

Shared by the pages on which one looks, books, and arranges a first call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import User
from common.text import language_spoken, listed
from common.when import ZONES
from therapy_credits.domain.matching import Need
from therapy_credits.domain.places import language_name, place_name
from therapy_credits.forms.care import BookForm
from therapy_credits.models import Booking, FitCall, Format, Practice, ServiceType, Topic
from therapy_credits.queries.balances import balance_of
from therapy_credits.queries.bookings import kinds_paid_by, live_sources, pays_for
from therapy_credits.queries.practices import Offer, find_offers, services_to_choose
from therapy_credits.services.bookings import HORIZON, Identity
from therapy_credits.services.subjects import own_tokens
from therapy_credits.views.kept import keep, person_of, what_is_kept

# A search is kept this long, sealed, in the session of the person who made it.
NEED_LIFE = dt.timedelta(hours=2)


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The zone the person's device is in, or else the one of their account."""
    name = request.COOKIES.get("tz", "").replace("%2F", "/") or person_of(request).time_zone
    return ZoneInfo(name) if name in ZONES else None


ASKED = ("country", "region", "language", "format", "topics", "kind")


def keep_need(request: HttpRequest, answers: dict[str, Any], now: dt.datetime) -> None:
    keep(request, "care_need", {name: answers[name] for name in ASKED}, now)


def need_of(request: HttpRequest, now: dt.datetime) -> Need | None:
    kept = what_is_kept(request, "care_need", NEED_LIFE, now)
    if kept is None:
        return None
    return Need(
        kept["country"],
        kept["region"],
        kept["language"],
        kept["format"],
        frozenset(kept["topics"]),
        kept.get("kind", ServiceType.Kind.ONE),
    )


def choose_service(request: HttpRequest, service: str, now: dt.datetime) -> None:
    """Keep which of a practice's services is wanted, beside what is looked for."""
    kept = what_is_kept(request, "care_need", NEED_LIFE, now)
    if kept and service.isdecimal():
        keep(request, "care_need", kept | {"service": int(service)}, now)


def look_on_from(
    request: HttpRequest, one: Booking | FitCall, *, language: str, kind: str, now: dt.datetime
) -> None:
    """Look for what ``one`` was: where they said they will be, and in the same way."""
    looked_for: dict[str, Any] = {
        "country": one.country,
        "region": one.region,
        "language": language,
        "format": one.format,
        "topics": [],
        "kind": kind,
    }
    keep_need(request, looked_for, now)


def service_among(
    request: HttpRequest, services: Sequence[ServiceType], now: dt.datetime
) -> ServiceType | None:
    """The service that was chosen, or else the smallest."""
    kept = what_is_kept(request, "care_need", NEED_LIFE, now) or {}
    chosen = [one for one in services if one.pk == kept.get("service")]
    return next(iter([*chosen, *services]), None)


def services_for(
    request: HttpRequest, need: Need, practice: Practice, now: dt.datetime
) -> list[ServiceType]:
    """Among what the person can choose there: paid for, and with enough left for it."""
    tokens = own_tokens(person_of(request))
    payable, left = pays_for(live_sources(tokens, at=now)), balance_of(tokens, at=now).left
    return services_to_choose(practice, need, payable, units=left)


def offers_for(
    request: HttpRequest,
    need: Need,
    now: dt.datetime,
    only: str = "",
    service: ServiceType | None = None,
) -> list[Offer]:
    payable = pays_for(live_sources(own_tokens(person_of(request)), at=now))
    if service:
        payable &= Q(pk=service.pk)
    return find_offers(
        need,
        payable=payable,
        zone=zone_of(request) or ZoneInfo("UTC"),
        at=now,
        until=now + HORIZON,
        only=only,
    )


def as_initial(need: Need) -> dict[str, Any]:
    return {
        "country": need.country,
        "region": f"{need.country}-{need.region}" if need.region else "",
        "language": need.language,
        "format": need.format,
        "topics": list(need.topics),
        "kind": need.kind,
    }


def kinds_for(user: User, now: dt.datetime) -> list[str]:
    """For whom the person can book; one person, where nothing else is known."""
    return kinds_paid_by(live_sources(own_tokens(user), at=now)) or [ServiceType.Kind.ONE]


def first_guess(user: User, now: dt.datetime) -> dict[str, Any]:
    sources = live_sources(own_tokens(user), at=now)
    return {
        "country": sources[0].pool.country if sources else "",
        "language": user.language.partition("-")[0] or language_spoken(),
    }


def in_words(need: Need) -> dict[str, str]:
    language = get_language() or "en"
    return {
        "place": place_name(need.country, need.region, language),
        "language": language_name(need.language, language),
        "format": str(Format(need.format).label),
        "kind": "" if need.kind == ServiceType.Kind.ONE else str(ServiceType.Kind(need.kind).label),
    }


def described(offer: Offer, *, offers_call: bool) -> dict[str, Any]:
    """An offer with "why this one": each reason a short sentence."""
    language = get_language() or "en"
    licence = offer.authority
    reasons = [
        _("May see you in %(place)s")
        % {"place": place_name(licence.country, licence.region, language)},
        _("Speaks %(languages)s")
        % {
            "languages": listed(
                language_name(one, language) for one in offer.practitioner.languages
            )
        },
    ]
    if offers_call:
        call = _("Offers a free first call of %(minutes)d minutes")
        reasons.append(call % {"minutes": offer.practitioner.fit_call_minutes})
    if offer.topics:
        topics = listed(Topic(one).label for one in offer.topics)
        reasons.append(_("Knows about: %(topics)s") % {"topics": topics})
    return {
        "practitioner": offer.practitioner,
        "practice": offer.practitioner.practice,
        "service": offer.service,
        "slots": offer.slots,
        "first": offer.slots[0],
        "reasons": reasons,
    }


def book_form(request: HttpRequest, slots: tuple[dt.datetime, ...]) -> BookForm:
    """Choosing one of ``slots``, and what the practice is told of the person."""
    user = person_of(request)
    return BookForm(
        request.POST or None,
        slots=slots,
        initial={"request_id": uuid4(), "name": user.get_short_name() if user.name else ""},
    )


def identity_in(form: BookForm) -> Identity:
    return Identity(form.cleaned_data["name"], form.cleaned_data["contact"])


def shown_times(slots: Sequence[dt.datetime], zone: ZoneInfo, there: ZoneInfo) -> dict[str, Any]:
    """Times by day in the person's zone, and the practice's zone where it is another."""
    return {
        "days": _by_day(slots, zone),
        "zone": zone,
        "other_zone": there if zone != there else None,
    }


def _by_day(slots: Sequence[dt.datetime], zone: ZoneInfo) -> list[dict[str, Any]]:
    days: dict[dt.date, list[dict[str, Any]]] = {}
    for slot in slots:
        local = slot.astimezone(zone)
        days.setdefault(local.date(), []).append({"value": slot.isoformat(), "at": local})
    return [{"date": day, "slots": times} for day, times in days.items()]
