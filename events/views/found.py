"""How others find an event: facts for search engines, a picture, a card for other sites.

Everything here shows what somebody without an account may see, whoever asks.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.money import to_decimal
from common.pictures import event_picture
from common.text import speaking
from common.when import span
from events.gateway import keep_picture, kept_picture
from events.models import Event, EventPhoto, Format, Occurrence
from events.queries import HostsNamed, Room, page_url, place_line

# Inside a script element these would end it, or begin another.
_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}
_MODES = {
    Format.IN_PERSON: "OfflineEventAttendanceMode",
    Format.ONLINE: "OnlineEventAttendanceMode",
    Format.HYBRID: "MixedEventAttendanceMode",
}


def found_context(
    event: Event, occurrence: Occurrence, room: Room, hosts: HostsNamed
) -> dict[str, Any]:
    """What the head of an event's page says to programs; nothing where it is not for all."""
    if event.is_restricted:
        return {}
    url = page_url(occurrence)
    asked = urlencode({"url": url, "format": "json"})
    return {
        "found": {
            "url": url,
            "picture": picture_url(event),
            "facts": as_script(structured_data(event, occurrence, room, hosts)),
            "oembed": f"{settings.BASE_URL}{reverse('portal:oembed')}?{asked}",
        }
    }


def picture_url(event: Event) -> str:
    """Its photograph or the drawn picture, with what it holds in the address: what others keep
    is never out of date."""
    if event.photo_name:
        return f"{settings.BASE_URL}{event.photo_path}"
    path = reverse("events:picture", args=[event.slug])
    return f"{settings.BASE_URL}{path}?v={event.version}"


def structured_data(
    event: Event, occurrence: Occurrence, room: Room, hosts: HostsNamed
) -> dict[str, Any]:
    """The date as schema.org has it (https://schema.org/Event). It never says how to join."""
    url = page_url(occurrence)
    places: list[dict[str, Any]] = []
    if event.has_place:
        place = {"@type": "Place", "name": occurrence.place_name, "address": place_line(occurrence)}
        places.append(place)
    if event.is_online:
        places.append({"@type": "VirtualLocation", "url": url})
    status = "EventCancelled" if occurrence.is_cancelled else "EventScheduled"
    facts: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.title,
        "description": event.summary,
        "url": url,
        "startDate": occurrence.local_start.isoformat(),
        "endDate": occurrence.local_end.isoformat(),
        "eventStatus": f"https://schema.org/{status}",
        "eventAttendanceMode": f"https://schema.org/{_MODES[Format(event.format)]}",
        "location": places if len(places) > 1 else places[0],
        "image": [picture_url(event)],
        "inLanguage": event.language,
        "organizer": {"@type": "Organization", "name": "Greenroom", "url": settings.BASE_URL},
        "offers": {
            "@type": "Offer",
            "url": url,
            "availability": f"https://schema.org/{'SoldOut' if room.is_full else 'InStock'}",
            **_price(event),
        },
        "isAccessibleForFree": not event.is_priced,
    }
    performers = [
        {"@type": "Person", "name": one.name}
        | ({"url": f"{settings.BASE_URL}{one.url}"} if one.url else {})
        for one in hosts.people
    ]
    if performers:
        facts["performer"] = performers
    if event.minimum_age:
        facts["typicalAgeRange"] = f"{event.minimum_age}-"
    if room.capacity is not None:
        facts["maximumAttendeeCapacity"] = room.capacity
    return facts


def _price(event: Event) -> dict[str, Any]:
    """What it costs; where people choose, the least. A deposit is no price: it comes back."""
    if not event.is_priced or event.has_deposit:
        return {"price": "0", "priceCurrency": event.currency or "EUR"}
    amount = event.least_minor if event.is_price_open else event.price_minor
    price = {"price": str(to_decimal(amount or 0, event.currency))}
    return {**price, "priceCurrency": event.currency}


def as_script(facts: dict[str, Any]) -> SafeString:
    """JSON that may stand in a script element: data, which no policy has to allow."""
    text = json.dumps(facts, ensure_ascii=False).translate(_ESCAPES)
    return mark_safe(text)  # noqa: S308 - nothing in it can end the element


@require_safe
def picture(request: HttpRequest, slug: str) -> HttpResponse:
    """The picture of an event, drawn once for each version of it."""
    events = Event.objects.visible_to(AnonymousUser())
    event = get_object_or_404(events, slug=slug)
    next_date = event.occurrences.filter(ends_at__gt=timezone.now(), cancelled_at=None)
    occurrence = next_date.order_by("starts_at").first()
    moment = f"{occurrence.starts_at:%Y%m%d%H%M}" if occurrence else "over"
    name = f"{event.pk}-{event.version}-{moment}"
    response = HttpResponse(content_type="image/png")
    response["Cache-Control"] = "public, max-age=3600"
    response["ETag"] = etag = f'"{name}"'
    early = get_conditional_response(request, etag, None, response)
    if isinstance(early, HttpResponse) and early is not response:
        return early
    content = kept_picture(name)
    if content is None:
        content = _draw(event, occurrence)
        keep_picture(name, content)
    response.content = content
    return response


@require_safe
def photo(request: HttpRequest, slug: str) -> HttpResponse:
    """The photograph of an event, for those who may see its page; of a draft, for those who
    write it or have the link to it."""
    event = get_object_or_404(Event, ~Q(photo_name=""), slug=slug)
    at = timezone.now()
    is_theirs = event.is_shared or event.is_visible_to(request.user, at=at)
    if not is_theirs and not Event.objects.editable_by(request.user, at=at).contains(event):
        raise Http404
    content = EventPhoto.objects.values_list("content", flat=True).get(pk=event.pk)
    response = HttpResponse(bytes(content), content_type="image/jpeg")
    # The address changes with what it holds.
    is_known = request.GET.get("v") == event.photo_name
    whose = "private" if event.is_restricted or event.status == Event.Status.DRAFT else "public"
    response["Cache-Control"] = f"{whose}, max-age={31536000 if is_known else 300}"
    return response


def _draw(event: Event, occurrence: Occurrence | None) -> bytes:
    lines = []
    with speaking(event.language):
        if occurrence is not None:
            occurrence.event = event
            lines.append(span(occurrence.local_start, None))
        lines.append(event.place_name if event.has_place else _("Online"))
    return event_picture(seed=event.slug, title=event.title, lines=lines)
