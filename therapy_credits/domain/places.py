"""Countries, and the regions that licences are given for.

Where licences are a matter of the state or province, saying the country is not
enough: somebody licensed in New York may not see a person who is in Texas that day.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.units import format_unit

from common.text import comma

US_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia",
    "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois",
    "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
    "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon",
    "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
CANADIAN_PROVINCES = {
    "AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NB": "New Brunswick",
    "NL": "Newfoundland and Labrador", "NT": "Northwest Territories", "NS": "Nova Scotia",
    "NU": "Nunavut", "ON": "Ontario", "PE": "Prince Edward Island", "QC": "Quebec",
    "SK": "Saskatchewan", "YT": "Yukon",
}  # fmt: skip
REGIONS = {"US": US_STATES, "CA": CANADIAN_PROVINCES}

# Languages offered where sessions are looked for; a practice may have any of them.
LANGUAGES = (
    "en", "es", "pt", "fr", "de", "it", "nl", "sv", "pl", "uk", "ru", "el", "tr", "ar", "he",
    "fa", "hi", "ur", "zh", "ja", "ko", "vi", "tl", "yo", "sw",
)  # fmt: skip


def needs_region(country: str) -> bool:
    """Whether licences there are given by states or provinces."""
    return country in REGIONS


def is_country(country: str) -> bool:
    return country in _territories("en")


def is_region(country: str, region: str) -> bool:
    return region in REGIONS.get(country, {})


def country_choices(language: str) -> list[tuple[str, str]]:
    """Every country, by name in ``language``."""
    return _sorted_choices(_territories(language))


def language_choices(language: str) -> list[tuple[str, str]]:
    """The languages one may ask for, by name in ``language``."""
    names = _locale(language).languages
    return _sorted_choices({code: names.get(code, code) for code in LANGUAGES})


def region_groups(language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """States and provinces under the name of their country; each choice is ``US-NY``."""
    countries = _territories(language)
    return [
        (countries[country], [(f"{country}-{code}", name) for code, name in regions.items()])
        for country, regions in REGIONS.items()
    ]


def place_name(country: str, region: str, language: str) -> str:
    """``New York, United States`` or ``Germany``."""
    name = _territories(language).get(country, country)
    if not is_region(country, region):
        return name
    return f"{REGIONS[country][region]}{comma(language)}{name}"


def language_name(code: str, language: str) -> str:
    return str(_locale(language).languages.get(code, code))


def length_name(name: str, minutes: int, language: str) -> str:
    """What a practice calls a kind of session; in ``language`` if that is only how long it is."""
    if name.casefold() in {_minutes(minutes, "en"), f"{minutes} min"}:
        return _minutes(minutes, language)
    return name


def _minutes(minutes: int, language: str) -> str:
    return format_unit(minutes, "duration-minute", length="long", locale=_locale(language))


def _sorted_choices(names: dict[str, str]) -> list[tuple[str, str]]:
    def key(choice: tuple[str, str]) -> str:
        # Å belongs with A for somebody who scans a list.
        return unicodedata.normalize("NFD", choice[1]).casefold()

    return sorted(names.items(), key=key)


@lru_cache(maxsize=16)
def _territories(language: str) -> dict[str, str]:
    return {
        code: name
        for code, name in _locale(language).territories.items()
        if len(code) == 2
        and code.isalpha()
        and code not in {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}
    }


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
