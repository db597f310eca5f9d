"""Dates and places as each language says them."""

import datetime as dt

import pytest
from django.utils import formats, translation

from common.when import place_of, with_weekday

AFTERNOON = dt.datetime(2026, 12, 2, 16, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", ("2 December 2026, 16:05", "Wednesday 2 December", "December 2026")),
        ("es", ("2 de diciembre de 2026, 16:05", "miércoles 2 de diciembre", "diciembre de 2026")),
    ],
)
def test_a_date_is_written_as_its_language_does(language: str, written: tuple[str, ...]) -> None:
    with translation.override(language):
        assert written == (
            formats.date_format(AFTERNOON, "DATETIME_FORMAT"),
            with_weekday(AFTERNOON),
            formats.date_format(AFTERNOON, "YEAR_MONTH_FORMAT"),
        )


@pytest.mark.parametrize(
    ("zone", "english", "spanish"),
    [
        ("Europe/London", "in London", "en Londres"),
        ("America/New_York", "in New York", "en Nueva York"),
        ("Etc/GMT+5", "Etc/GMT+5", "Etc/GMT+5"),
    ],
)
def test_a_place_has_the_name_the_reader_knows(zone: str, english: str, spanish: str) -> None:
    said = []
    for language in ("en", "es"):
        with translation.override(language):
            said.append(place_of(zone))
    assert said == [english, spanish]
