"""Dates and times as people read them: always with whose clock is meant."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from events.models import Occurrence

register = template.Library()

# "Thu 4 June"; month and day names come in the active language.
DAY = "D j F"
CLOCK = "H:i"


def zone_city(time_zone: str) -> str:
    """The city an IANA zone is named after."""
    return time_zone.rpartition("/")[2].replace("_", " ")


@register.filter
def city(time_zone: str) -> str:
    return zone_city(time_zone)


@register.filter
def event_day(occurrence: Occurrence) -> str:
    """The day in the event's own zone: "Thu 4 June"."""
    return date_format(occurrence.local_start, DAY)


@register.filter
def event_clock(occurrence: Occurrence) -> str:
    """From when to when in the event's own zone: "18:00–19:30"."""
    return _span(occurrence.local_start, occurrence.local_end)


@register.filter
def when(occurrence: Occurrence, time_zone: str = "") -> str:
    """The whole of it in one line, by the person's clock first where it is known.

    "Thu 4 June, 17:00–18:30 (your time) · 18:00 in Berlin"
    """
    event_zone = occurrence.event.time_zone
    there = occurrence.local_start
    if not time_zone or time_zone == event_zone:
        return _("%(day)s, %(clock)s (%(city)s time)") % {
            "day": date_format(there, DAY),
            "clock": event_clock(occurrence),
            "city": zone_city(event_zone),
        }
    zone = ZoneInfo(time_zone)
    here = occurrence.starts_at.astimezone(zone)
    if here.utcoffset() == there.utcoffset():
        return _("%(day)s, %(clock)s (your time)") % {
            "day": date_format(here, DAY),
            "clock": event_clock(occurrence),
        }
    there_words = date_format(there, CLOCK)
    if here.date() != there.date():
        there_words = f"{date_format(there, DAY)}, {there_words}"
    return _("%(day)s, %(clock)s (your time) · %(there)s in %(city)s") % {
        "day": date_format(here, DAY),
        "clock": _span(here, occurrence.ends_at.astimezone(zone)),
        "there": there_words,
        "city": zone_city(event_zone),
    }


@register.filter
def start_words(occurrence: Occurrence) -> str:
    """When it starts in the event's own zone: "Thu 4 June, 18:00"."""
    return (
        f"{date_format(occurrence.local_start, DAY)}, {date_format(occurrence.local_start, CLOCK)}"
    )


def _span(starts: datetime, ends: datetime) -> str:
    if starts.date() == ends.date() or (ends - starts).total_seconds() < 12 * 3600:
        return f"{date_format(starts, CLOCK)}–{date_format(ends, CLOCK)}"
    return f"{date_format(starts, CLOCK)} – {date_format(ends, DAY)}, {date_format(ends, CLOCK)}"
