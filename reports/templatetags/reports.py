"""The words of the report's tables, and how a withheld figure is shown."""

from collections.abc import Sequence

from django import template
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

register = template.Library()

WORDS: dict[str, Promise] = {
    "events": _("Events"),
    "events_held": _("Events held"),
    "people_attended": _("People who came"),
    "attendances": _("Attendances"),
    "ambassadors": _("Ambassadors"),
    "people_enrolled": _("People enrolled"),
    "sessions": _("Sessions"),
    "units_allocated": _("Sessions allocated"),
    "units_booked": _("Sessions booked"),
    "units_used": _("Sessions used"),
    "units_expired": _("Sessions expired"),
}


@register.filter
def report_word(key: str) -> str:
    """The words for a table or measure of the catalogue."""
    return str(WORDS[key])


@register.filter
def beside(measures: Sequence[str], cells: Sequence[int | None]) -> list[tuple[str, int | None]]:
    """Each cell of a row with the measure it is under."""
    return list(zip(measures, cells, strict=True))


@register.filter
def figure(value: int | None) -> SafeString:
    """A published number in the reader's format, or the one mark for every withheld one."""
    if value is None:
        return format_html('<span class="withheld">{}</span>', gettext("withheld"))
    return format_html("{}", number_format(value, use_l10n=True))
