"""When a date is, as mails and lists say it. Pages use ``{% when %}``, which a script helps."""

from __future__ import annotations

from django import template

from common.when import clock, day, describe
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
    return f"{day(occurrence.local_start)}, {clock(occurrence.local_start)}"


@register.filter
def held_until(rsvp: Rsvp, time_zone: str = "") -> str:
    """Until when a place is kept, in the reader's zone first: "Thu 4 June, 17:00 (your time) …"."""
    assert rsvp.hold_expires_at is not None
    said = describe(
        rsvp.hold_expires_at, None, zone=rsvp.occurrence.event.time_zone, reader_zone=time_zone
    )
    return f"{said.here} · {said.there}"
