"""Small facts about text."""

import csv
import unicodedata
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.utils.translation import (
    get_language,
    get_supported_language_variant,
    override,
    to_locale,
)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_safe(value: str) -> str:
    """``value`` so that no spreadsheet takes it for a formula (OWASP, CSV injection)."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def without_guard(cell: str) -> str:
    """``cell`` of a file that may be one of our exports, as it was before it was guarded."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA_STARTS else cell


def is_showable(name: str) -> bool:
    """Whether a name in any script can be put on a page and in a mail header.

    Marks that turn the writing around (U+202A to U+202E) are not part of any name: they make the
    words beside it read as something else. A name of which nothing shows is none.
    """
    kinds = [unicodedata.category(c) for c in name]
    if any(kind in {"Cc", "Cs", "Co", "Cn"} for kind in kinds):
        return False
    if any("\u202a" <= c <= "\u202e" for c in name):
        return False
    return not name or any(kind[0] in "LNPS" for kind in kinds)


def comma(language: str) -> str:
    """What stands between the things of a list in ``language``."""
    return "\u060c " if language.startswith("ar") else ", "


def listed(things: Iterable[object]) -> str:
    """``things`` one after the other, as the active language separates them."""
    return comma(get_language() or "en").join(str(one) for one in things)


def search_words(typed: str | None) -> str:
    """What somebody typed to search for, as the database can take it: without zeros, not long."""
    return (typed or "").replace("\x00", "").strip()[:100]


class _Echo:
    """A file that hands back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """``rows`` as a CSV file, line by line, that every spreadsheet opens in the right alphabet.

    Cells are guarded against being read as formulas; nothing is kept in memory.
    """
    writer = csv.writer(_Echo())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow([spreadsheet_safe(str(cell)) for cell in row])


def babel_locale() -> str:
    """The active language as Babel calls it."""
    return to_locale(get_language() or "en")


def language_spoken() -> str:
    """The active language as people speak it, whatever the country: "pt" for "pt-br"."""
    return (get_language() or "en").partition("-")[0]


def site_language(code: str, default: str | None = None) -> str:
    """The language of the site nearest to ``code``: "pt-br" for "pt", "es" for "es-MX".

    ``default`` (its first language) where the site does not speak it: half a page in Hindi would
    help nobody.
    """
    try:
        return get_supported_language_variant(code)
    except LookupError:
        return settings.LANGUAGE_CODE if default is None else default


def speaking(code: str) -> override:
    """``with speaking(person.language):`` what is said is in the language nearest to theirs."""
    return override(site_language(code))
