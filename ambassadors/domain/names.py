"""Names of people, languages and countries as files spell them."""

from __future__ import annotations

import unicodedata
from functools import cache

from babel import Locale, UnknownLocaleError

# Where two call different things by one word, the first of them is meant.
_SPELT_IN = ("en", "es", "pt", "fr", "de", "ar")
# What people write that is in no list.
_COUNTRY_ALIASES = {
    "uk": "GB",
    "u.k.": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "inglaterra": "GB",
    "gran bretaña": "GB",
    "usa": "US",
    "u.s.a.": "US",
    "u.s.": "US",
    "america": "US",
    "eeuu": "US",
    "ee.uu.": "US",
    "ee. uu.": "US",
    "grã-bretanha": "GB",
    "eua": "US",
    "angleterre": "GB",
    "grande-bretagne": "GB",
    "états unis": "US",
    "grossbritannien": "GB",
    "بريطانيا": "GB",
    "أمريكا": "US",
    "الإمارات": "AE",
}


def name_key(name: str) -> str:
    """A name as it is compared: one spelling of each letter, one space, no case."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


@cache
def _countries() -> dict[str, str]:
    spelt = {
        name_key(name): code
        for language in reversed(_SPELT_IN)
        for code, name in Locale(language).territories.items()
        if len(code) == 2 and code.isalpha() and code not in {"ZZ", "EU", "UN", "EZ", "QO"}
    }
    codes = {code.lower(): code for code in spelt.values()}
    return {**spelt, **codes, **_COUNTRY_ALIASES}


@cache
def _languages() -> dict[str, str]:
    # A two-letter code before a three-letter one of the same name.
    spelt = {
        name_key(name): code
        for language in reversed(_SPELT_IN)
        for code, name in sorted(Locale(language).languages.items(), key=lambda item: -len(item[0]))
        if len(code) <= 3
    }
    codes = {code.lower(): code for code in spelt.values()}
    return {**spelt, **codes}


def country_code(typed: str) -> str | None:
    """ "GB" for "UK", "united kingdom" or "Reino Unido"; None when nobody knows it."""
    return _countries().get(name_key(typed))


def country_name(code: str, language: str) -> str:
    """ "United Kingdom" for "GB"; the code itself where ``language`` has no name for it."""
    try:
        return str(Locale.parse(language, sep="-").territories.get(code, code))
    except (UnknownLocaleError, ValueError):
        return code


def language_code(typed: str) -> str | None:
    """ "es" for "Spanish", "español" or "es-MX"; None when nobody knows it."""
    key = name_key(typed)
    return _languages().get(key) or _languages().get(key.replace("_", "-").partition("-")[0])
