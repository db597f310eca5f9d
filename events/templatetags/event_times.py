"""When a date is, as mails and lists say it. Pages use ``{% when %}``, which a script helps."""

from __future__ import annotations

from datetime import datetime

from django import template

from common.when import describe, span
from events.models import Occurrence, Rsvp

register = template.Library()


@register.filter
def when_line(occurrence: Occurrence, time_zone: str = "") -> str:
    """ "Thu 4 June, 17:00–18:30 (your time) · 18:00 in Berlin", or once where that is the same."""
    said = describe(
        occurrence.starts_at,
        occurrence.ends_at,
        zone=occurrence.event.time_zone,
        reader_zone=time_zone,
    )
    return f"{said.here} · {said.there}"


@register.filter
def start_words(occurrence: Occurrence) -> str:
    """When it starts in the event's own zone: "Thu 4 June, 18:00"."""
    return span(occurrence.local_start, None)


@register.filter
def held_until(rsvp: Rsvp, time_zone: str = "") -> str:
    """Until when a place is kept, in the reader's zone first: "Thu 4 June, 17:00 (your time) …"."""
    assert rsvp.hold_expires_at is not None
    return _moment(rsvp.hold_expires_at, rsvp.occurrence, time_zone)


@register.filter
def refundable_until(occurrence: Occurrence, time_zone: str = "") -> str:
    """Until when leaving gives back what was paid, in the same words."""
    assert occurrence.refundable_until is not None
    return _moment(occurrence.refundable_until, occurrence, time_zone)


def _moment(moment: datetime, occurrence: Occurrence, time_zone: str) -> str:
    said = describe(moment, None, zone=occurrence.event.time_zone, reader_zone=time_zone)
    return f"{said.here} · {said.there}"
