"""Dates and places as each language says them."""

import datetime as dt

import pytest
from django.utils import formats, translation

from common.when import place_of, span, with_weekday

AFTERNOON = dt.datetime(2026, 12, 2, 16, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        (
            "en",
            (
                "2 December 2026, 16:05",
                "Wednesday 2 December",
                "December 2026",
                "Wed 2 December, 16:05–17:05",
            ),
        ),
        (
            "es",
            (
                "2 de diciembre de 2026, 16:05",
                "miércoles 2 de diciembre",
                "diciembre de 2026",
                "mié 2 de diciembre, 16:05–17:05",
            ),
        ),
        (
            "pt-br",
            (
                "2 de dezembro de 2026, 16:05",
                "quarta-feira, 2 de dezembro",
                "dezembro de 2026",
                "qua, 2 de dezembro, 16:05–17:05",
            ),
        ),
        (
            "fr",
            (
                "2 décembre 2026, 16:05",
                "mercredi 2 décembre",
                "décembre 2026",
                "mer 2 décembre, 16:05–17:05",
            ),
        ),
        (
            "de",
            (
                "2. Dezember 2026, 16:05",
                "Mittwoch, 2. Dezember",
                "Dezember 2026",
                "Mi, 2. Dezember, 16:05–17:05",
            ),
        ),
        (
            "ar",
            (
                "2 ديسمبر 2026، 16:05",
                "الأربعاء 2 ديسمبر",
                "ديسمبر 2026",
                "الأربعاء 2 ديسمبر، 16:05–17:05",
            ),
        ),
    ],
)
def test_a_date_is_written_as_its_language_does(language: str, written: tuple[str, ...]) -> None:
    with translation.override(language):
        assert written == (
            formats.date_format(AFTERNOON, "DATETIME_FORMAT"),
            with_weekday(AFTERNOON),
            formats.date_format(AFTERNOON, "YEAR_MONTH_FORMAT"),
            span(AFTERNOON, AFTERNOON + dt.timedelta(hours=1)),
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
