"""Times as people say them: theirs first, the event's beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.dates import format_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from common.text import babel_locale

ZONES = frozenset(available_timezones())
A_NIGHT = timedelta(hours=12)


@dataclass(frozen=True)
class When:
    """``here`` is the main line, ``there`` the smaller one beside it."""

    here: str
    there: str
    place: str
    """"in Berlin", for the script that writes the same two lines in the reader's zone."""


def day(moment: datetime) -> str:
    """ "Thu 4 June", "jue 4 de junio", "Do, 4. Juni"."""
    weekday = format_date(moment, "EEE", locale=babel_locale()).replace(".", "")
    return f"{weekday}{_after_weekday()} {date_format(moment, 'MONTH_DAY_FORMAT')}"


def with_weekday(moment: datetime, form: str = "MONTH_DAY_FORMAT") -> str:
    """ "Wednesday 2 December", "miércoles 2 de diciembre"; ``form`` is one of Django's formats.

    The weekday as it stands in the middle of a sentence, which Babel knows.
    """
    weekday = format_date(moment, "EEEE", locale=babel_locale())
    return f"{weekday}{_after_weekday()} {date_format(moment, form)}"


def clock(moment: datetime) -> str:
    return date_format(moment, "H:i")


def _after_weekday() -> str:
    return "," if babel_locale() in ("de", "pt_BR") else ""


def _comma() -> str:
    return "،" if babel_locale() == "ar" else ","


def span(start: datetime, end: datetime | None) -> str:
    """ "Thu 4 June, 18:00–19:30", also past midnight; with both days when longer than a night.

    ``localtime.js`` says the same.
    """
    first = f"{day(start)}{_comma()} {clock(start)}"
    if end is None:
        return first
    if start.date() == end.date() or end - start < A_NIGHT:
        return f"{first}–{clock(end)}"
    return f"{first} – {day(end)}{_comma()} {clock(end)}"


def place_of(zone: str) -> str:
    """ "in New York" for America/New_York, "en Nueva York" in Spanish; zones that are no place keep
    their name."""
    if "/" not in zone or zone.startswith("Etc/"):
        return zone
    return _("in %(city)s") % {"city": _city(zone, babel_locale())}


@lru_cache(maxsize=4096)
def _city(zone: str, locale: str) -> str:
    plain = zone.rsplit("/", 1)[-1].replace("_", " ")
    return str(Locale.parse(locale).time_zones.get(zone, {}).get("city", plain))


def describe(
    start: datetime, end: datetime | None, *, zone: str, reader_zone: str | None = None
) -> When:
    """Say when it is. Where the reader's clock shows the same, or is not known, only once."""
    place = place_of(zone)
    there_start = start.astimezone(ZoneInfo(zone))
    there_end = end and end.astimezone(ZoneInfo(zone))
    if reader_zone not in ZONES:
        return When(span(there_start, there_end), place, place)
    here_start = start.astimezone(ZoneInfo(reader_zone))
    if here_start.utcoffset() == there_start.utcoffset():
        return When(span(there_start, there_end), place, place)
    here_end = end and end.astimezone(ZoneInfo(reader_zone))
    there = clock(there_start)
    if here_start.date() != there_start.date():
        there = f"{day(there_start)}{_comma()} {there}"
    return When(f"{span(here_start, here_end)} {_('(your time)')}", f"{there} {place}", place)
