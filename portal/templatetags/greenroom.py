"""The drawing parts of our templates: icons, times, event art, QR codes, small charts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import segno
from babel.dates import format_date
from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _

from common import devices
from common.art import pattern
from common.text import babel_locale
from common.when import ZONES, clock, day, describe, place_of, span, with_weekday
from portal.queries import Door

register = template.Library()
# The day, the hour it begins, the hour it ends, and what follows.
PIECES = re.compile(r"(.*?)(\d\d:\d\d)(–\d\d:\d\d)?(.*)")
register.filter(with_weekday, expects_localtime=True)
register.filter(day, expects_localtime=True)


@register.filter(expects_localtime=True)
def day_and_hour(moment: datetime) -> str:
    """ "Thu 4 June, 18:00", in its own zone."""
    return span(moment, None)


# 24 × 24, drawn with strokes by .icon in components.css. Ours, so no licence to carry.
ICONS = {
    "calendar": '<path d="M4 6.5h16v13H4zM4 10.5h16M8.5 4v4M15.5 4v4"/>',
    "clock": '<circle cx="12" cy="12" r="8"/><path d="M12 7.5V12l3 2"/>',
    "pin": '<path d="M12 20.5s6.5-5.6 6.5-10.5a6.5 6.5 0 1 0-13 0c0 4.9 6.5 10.5 6.5'
    ' 10.5z"/><circle cx="12" cy="10" r="2.25"/>',
    "video": '<path d="M3.5 7h11v10h-11zM14.5 10.5l6-3v9l-6-3z"/>',
    "people": '<circle cx="9" cy="8.5" r="3"/><path d="M3.5 19c.4-3.3 2.5-5.5 5.5-5.5s5.1 2.2'
    ' 5.5 5.5M15.5 5.7a3 3 0 0 1 0 5.6M17 14c2 .7 3.2 2.5 3.5 5"/>',
    "coins": '<ellipse cx="12" cy="6.5" rx="7" ry="3"/><path d="M5 6.5v5.5c0 1.7 3.1 3 7 3s7-1.3'
    ' 7-3V6.5M5 12v5.5c0 1.7 3.1 3 7 3s7-1.3 7-3V12"/>',
    "person": '<circle cx="12" cy="8" r="3.5"/><path d="M5 20c.5-4 3.2-6.5 7-6.5s6.5 2.5 7 6.5"/>',
    "check": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "cross": '<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "next": '<path d="M9.5 6l6 6-6 6"/>',
    "back": '<path d="M14.5 6l-6 6 6 6"/>',
    "out": '<path d="M10 5H5v14h5M14 8l4 4-4 4M9.5 12H18"/>',
    "phone": '<path d="M5.5 4h3.2l1.6 4.2-2.1 1.6a11.5 11.5 0 0 0 6 6l1.6-2.1 4.2'
    ' 1.6v3.2A1.5 1.5 0 0 1 18.5 20 14.5 14.5 0 0 1 4 5.5 1.5 1.5 0 0 1 5.5 4z"/>',
    "chat": '<path d="M4 5.5h16v11h-9l-4.5 3.5v-3.5H4z"/>',
    "mail": '<path d="M3.5 6h17v12h-17zM4 7l8 6 8-6"/>',
    "globe": '<circle cx="12" cy="12" r="8"/><path d="M4 12h16M12 4c2.7 2.3 3.7 5 3.7 8s-1 5.7-3.7'
    ' 8c-2.7-2.3-3.7-5-3.7-8s1-5.7 3.7-8z"/>',
    "lock": '<path d="M6 10.5h12v9H6zM8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5"/>',
    "key": '<circle cx="8" cy="15.5" r="3.5"/><path d="M10.5 13l8-8M15.5 8l2.5 2.5"/>',
    "gift": '<path d="M4.5 9h15v3.5h-15zM6 12.5h12V20H6zM12 9v11M12 9c-2-4.5-6-4-5.5-1.5C6.7 8.7'
    ' 9 9 12 9zM12 9c2-4.5 6-4 5.5-1.5C17.3 8.7 15 9 12 9z"/>',
    "heart": '<path d="M12 19.5S4.5 15 4.5 9.7A3.9 3.9 0 0 1 12 8a3.9 3.9 0 0 1 7.5 1.7c0 5.3-7.5'
    ' 9.8-7.5 9.8z"/>',
    "copy": '<path d="M9 8.5h10.5V20H9zM6.5 15.5h-2V4H15v2"/>',
    "filter": '<path d="M4 7h16M7 12h10M10 17h4"/>',
    "search": '<circle cx="11" cy="11" r="6"/><path d="M15.5 15.5L20 20"/>',
    "sun": '<circle cx="12" cy="12" r="3.75"/><path d="M12 3.5v2M12 18.5v2M3.5 12h2M18.5 12h2M6'
    ' 6l1.4 1.4M16.6 16.6L18 18M18 6l-1.4 1.4M7.4 16.6L6 18"/>',
    "lamp": '<path d="M12 3.5a6.5 6.5 0 0 1 4 11.6V17H8v-1.9a6.5 6.5 0 0 1 4-11.6zM9.5 20.5h5"/>',
    "info": '<circle cx="12" cy="12" r="8"/><path d="M12 11v5M12 8v.01"/>',
    "warning": '<path d="M12 4.5l8.5 15h-17zM12 10.5v4M12 17v.01"/>',
    "chart": '<path d="M4.5 19.5h15M7 16v-5M12 16V6M17 16v-7.5"/>',
    "list": '<path d="M8.5 7H20M8.5 12H20M8.5 17H20M4.5 7v.01M4.5 12v.01M4.5 17v.01"/>',
    "home": '<path d="M4.5 11.5L12 5l7.5 6.5V20h-15zM10 20v-5h4v5"/>',
    "door": '<path d="M6.5 20V4h11v16M4 20h16M14 12v.01"/>',
    "wallet": '<path d="M4 7.5h16v11H4zM4 7.5L15.5 5v2.5M15.5 13v.01"/>',
    "edit": '<path d="M5 19l1-4L16.5 4.5l3 3L9 18z"/>',
    "download": '<path d="M12 4.5v10M7.5 10.5L12 15l4.5-4.5M5 19.5h14"/>',
    "upload": '<path d="M12 15V5M7.5 9L12 4.5 16.5 9M5 19.5h14"/>',
    "qr": '<path d="M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM14 14h2v2M19.5 14v.01M19.5'
    ' 19.5h-3v-2M14 19.5v.01"/>',
}
TURNING = {"next", "back", "out"}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A decorative icon: the words beside it carry the meaning."""
    turns = " turns" if name in TURNING else ""
    return mark_safe(  # noqa: S308 - our own drawings from the table above
        f'<svg class="icon{turns}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f"{ICONS[name]}</svg>"
    )


@register.simple_tag
def event_art(slug: str) -> SafeString:
    """The drawn picture of an event that has no photograph."""
    return mark_safe(pattern(slug))  # noqa: S308 - shapes and numbers only, nothing of the slug


def reader_zone(context: dict[str, Any]) -> str | None:
    """The zone of the reader's device, where its cookie says one we know."""
    request = context.get("request")
    zone = unquote(request.COOKIES.get("tz", "")) if request else ""
    return zone if zone in ZONES else None


@register.simple_tag(takes_context=True)
def when(
    context: dict[str, Any],
    start: datetime,
    end: datetime | None = None,
    zone: str = "UTC",
    lines: int = 1,
    under_leaf: bool = False,
) -> SafeString:
    """``{% when occurrence.starts_at occurrence.ends_at event.time_zone %}``: the reader's time and
    the event's. ``lines=2`` puts the second below. The zone comes from the ``tz`` cookie; the first
    time, a script writes the same words. ``under_leaf`` sets the day apart, which a date leaf
    beside it shows already."""
    known = reader_zone(context)
    said = describe(start, end, zone=zone, reader_zone=known)
    # One line where the reader's clock is known to show the same. Where it is not known yet, the
    # script may still write a second line: nothing must move then.
    is_one = known and said.there == said.place
    is_split = lines == 2 and not is_one
    pieces = PIECES.fullmatch(said.here)
    assert pieces
    its_day, begins, ends, rest = pieces.groups(default="")
    here = format_html(
        '<span class="day">{}</span>{}{}{}' if under_leaf else "{}{}{}{}",
        its_day,
        begins,
        format_html('<span class="to">{}</span>', ends) if ends else "",
        rest,
    )
    return format_html(
        '<time class="when{}" datetime="{}" data-end="{}" data-zone="{}"'
        ' data-in="{}" data-yours="{}"><span class="here">{}</span>{}'
        '<span class="there">{}</span></time>',
        " two-lines" if is_split else "",
        start.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z"),
        end.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z") if end else "",
        zone,
        said.place,
        _("(your time)"),
        here,
        " " if lines == 2 or is_one else " · ",
        said.there,
    )


@register.simple_tag(takes_context=True)
def hour(context: dict[str, Any], moment: datetime) -> str:
    """The reader's "18:30", or "18:30 UTC" where their zone is not known."""
    known = reader_zone(context)
    local = clock(moment.astimezone(ZoneInfo(known or "UTC")))
    return local if known else f"{local} UTC"


@register.simple_tag(takes_context=True)
def date_leaf(context: dict[str, Any], start: datetime, zone: str = "UTC") -> SafeString:
    """The day on a card, in the same zone as the first line of ``when`` beside it."""
    local = start.astimezone(ZoneInfo(reader_zone(context) or zone)).replace(tzinfo=None)
    return format_html(
        '<div class="date-leaf" aria-hidden="true"><span>{}</span><b>{}</b><span>{}</span></div>',
        format_date(local, "EEE", locale=babel_locale()).replace(".", ""),
        local.day,
        format_date(local, "LLL", locale=babel_locale()).replace(".", ""),
    )


@register.filter
def in_zone(moment: datetime, zone: str) -> datetime:
    """``{{ occurrence.starts_at|in_zone:event.time_zone|date:"j" }}``"""
    return moment.astimezone(ZoneInfo(zone if zone in ZONES else "UTC")).replace(tzinfo=None)


@register.filter
def time_left(moment: datetime) -> str:
    """ "within 3 hours", in the largest unit alone."""
    if moment <= timezone.now():
        return _("overdue")
    return _("within %(left)s") % {"left": timeuntil(moment, depth=1)}


@register.filter
def place(zone: str | ZoneInfo) -> str:
    """ "in New York" for ``America/New_York``."""
    return place_of(str(zone))


@register.filter
def device(user_agent: str) -> str:
    """ "Chrome, Windows" for what a browser says of itself."""
    return devices.name_of(user_agent)


@register.simple_tag
def qr(text: str) -> SafeString:
    """``text`` as a QR drawing, dark on white in both themes so that cameras read it."""
    drawing = segno.make(text, error="m", micro=False)
    return mark_safe(  # noqa: S308 - segno writes shapes, not the text
        drawing.svg_inline(
            scale=4, border=0, dark="#14201a", svgclass=None, lineclass=None, omitsize=True
        ).replace("<svg ", '<svg role="img" aria-label="QR" ', 1)
    )


@register.simple_tag
def sparkline(values: Sequence[float]) -> SafeString:
    """A small line of a few values; the number beside it and the table below say the rest."""
    if len(values) < 2:
        return mark_safe("")
    top = max(values) or 1
    step = 100 / (len(values) - 1)
    points = [(round(i * step, 1), round(36 - 32 * v / top, 1)) for i, v in enumerate(values)]
    line = "".join(f"L{x} {y}" for x, y in points)[1:]
    return mark_safe(  # noqa: S308 - numbers only
        '<svg class="spark" viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="area" d="M{line}L100 40L0 40z"/><path class="line" d="M{line}"/></svg>'
    )


@register.filter
def times(count: int) -> range:
    """``{% for _ in left|times %}``"""
    return range(max(0, int(count)))


@register.filter
def tag_of(level_tag: str) -> str:
    """The colour of a message: how Django names levels to how the notice names tones."""
    return {"success": "good", "warning": "warm", "error": "bad"}.get(level_tag, "")


@register.filter
def icon_of(level_tag: str) -> str:
    return {"success": "check", "warning": "warning", "error": "warning"}.get(level_tag, "info")


@register.filter
def within(path: str, start: str) -> bool:
    """Whether the page at ``path`` belongs under the navigation entry at ``start``."""
    return path.startswith(start)


@register.filter
def leads_to(door: Door, path: str) -> bool:
    return door.leads_to(path)
