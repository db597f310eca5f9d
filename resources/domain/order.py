"""Whose country comes first on the help page: a guess, never stored, never hiding the others."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from resources.domain.help_lines import COUNTRIES, Country


@cache
def countries_by_zone() -> dict[str, str]:
    """ISO country of each zone, from the time zone database itself."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def guess(*, accept_language: str, time_zone: str) -> str | None:
    """The clock says where a person is; their languages only where they may be from."""
    ours = {country.code for country in COUNTRIES}
    if (here := countries_by_zone().get(time_zone)) is not None:
        return here if here in ours else None
    for choice in accept_language.split(","):
        _, _, region = choice.split(";")[0].strip().partition("-")
        if region.upper() in ours:
            return region.upper()
    return None


def ordered(first: str | None) -> list[Country]:
    return sorted(COUNTRIES, key=lambda country: (country.code != first, country.name))
