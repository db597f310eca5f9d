"""Help in a crisis: the right numbers, and there when nothing else is."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from resources.domain.help_lines import COUNTRIES, Contact, Country, Line
from resources.domain.order import guess

ENTRIES = [(country, line) for country in COUNTRIES for line in country.lines]


def contacts() -> Iterator[tuple[Country, Line, Contact]]:
    for country, line in ENTRIES:
        for contact in line.contacts:
            yield country, line, contact


# --- What is listed ---


def test_every_country_has_an_emergency_number_and_says_where_it_is_from() -> None:
    assert len(COUNTRIES) == 14
    for country in COUNTRIES:
        assert re.fullmatch(r"[A-Z]{2}", country.code)
        assert re.fullmatch(r"\d{3}", country.emergency.number)
        assert country.emergency.source.name
        assert re.search(r"\d{4}", country.emergency.source.dated)


@pytest.mark.parametrize(("country", "line"), ENTRIES, ids=lambda x: getattr(x, "name", ""))
def test_every_line_has_hours_a_contact_and_a_dated_source(country: Country, line: Line) -> None:
    assert line.contacts
    assert line.hours
    assert line.source.name
    assert re.search(r"\d{4}", line.source.dated)
    assert line.grade in ("A", "B")


def test_nothing_counts_as_re_checked_before_a_named_person_did() -> None:
    for country, line in ENTRIES:
        for entry in (country.emergency, line):
            assert entry.checked is None or entry.checked.by


def test_a_contact_is_listed_once_in_its_country() -> None:
    keys = [(country.code, contact.url) for country, _, contact in contacts()]
    assert len(keys) == len(set(keys))


def test_one_number_may_be_another_service_in_another_country() -> None:
    names = {c.code: line.name for c, line, contact in contacts() if contact.url == "tel:116123"}
    assert names == {
        "GB": "Samaritans",
        "IE": "Samaritans",
        "DE": "TelefonSeelsorge",
        "NO": "Mental Helse",
    }


def test_113_is_the_ambulance_in_norway_and_a_help_line_in_the_netherlands() -> None:
    by_code = {country.code: country for country in COUNTRIES}
    assert by_code["NO"].emergency.number == "113"
    assert "tel:113" in {contact.url for c, _, contact in contacts() if c.code == "NL"}
    assert "tel:113" not in {contact.url for c, _, contact in contacts() if c.code == "NO"}


def test_what_the_sources_contradict_each_other_about_is_not_listed() -> None:
    shown = {re.sub(r"\D", "", contact.shown) for _, _, contact in contacts()}
    south_african = {"0800212223", "0800121314", "0800456789", "0112344837", "0800567567"}
    assert not shown & south_african
    assert "ZA" not in {country.code for country in COUNTRIES}
    assert not any(contact.say == "BLINE9" for _, _, contact in contacts())


def test_contacts_are_links_that_dial_or_write() -> None:
    links = {contact.shown: contact.url for _, _, contact in contacts()}
    assert links["1-855-BLINE99"] == "tel:18552546399"
    assert links["+353 1 518 0277"] == "tel:+35315180277"
    assert links["85258"] == "sms:85258"
    assert Contact("text", "741741", say="HOME").url == "sms:741741?body=HOME"
    assert links["113.nl"] == "https://113.nl"


# --- Whose country comes first ---


@pytest.mark.parametrize(
    ("accept_language", "time_zone", "country"),
    [
        ("en-GB,en;q=0.9", "", "GB"),
        ("de", "", None),
        ("fr-CH, fr-FR;q=0.8", "", "FR"),
        ("en-GB", "America/New_York", "US"),
        ("en-GB", "Africa/Johannesburg", None),
        ("", "../../etc/passwd", None),
        ("*", "Europe/Oslo", "NO"),
    ],
)
def test_the_clock_then_the_language_guess_the_country(
    accept_language: str, time_zone: str, country: str | None
) -> None:
    assert guess(accept_language=accept_language, time_zone=time_zone) == country


def test_a_guess_changes_the_order_and_hides_nothing(client: Client) -> None:
    page = client.get("/help/", headers={"Accept-Language": "de-DE"}).content.decode()
    sections = re.findall(r'<section class="country" id="(\w\w)"', page)
    assert sections[0] == "de"
    assert set(sections) == {country.code.lower() for country in COUNTRIES}


# --- When it is served ---


def test_help_answers_without_session_cookie_or_database(client: Client) -> None:
    """No database mark: one query would fail this test."""
    response = client.get("/help/")
    assert response.status_code == 200
    assert not response.cookies
    assert response["Cache-Control"] == "max-age=300, public"
    assert 'href="tel:999"' in response.content.decode()


@pytest.mark.django_db
def test_help_asks_nothing_of_the_database_for_somebody_signed_in(
    client: Client, attendee: User
) -> None:
    client.force_login(attendee, backend="accounts.adapters.SignInBackend")
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/help/")
    assert response.status_code == 200
    assert len(queries) == 0
    assert not response.cookies


def test_help_answers_with_the_database_the_cache_and_the_broker_down() -> None:
    """A process of its own, whose every service refuses the connection."""
    script = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "client = Client(raise_request_exception=False)\n"
        "client.cookies['sessionid'] = 'somebody'\n"
        "print('home', client.get('/').status_code)\n"
        "response = client.get('/help/')\n"
        "print('help', response.status_code, 'tel:112' in response.content.decode())\n"
    )
    nowhere = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DEBUG": "1",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "CACHE_URL": "redis://127.0.0.1:1/0",
        "BROKER_URL": "redis://127.0.0.1:1/0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.splitlines() == ["home 500", "help 200 True"], ran.stderr[-2000:]


def test_help_only_reads(client: Client) -> None:
    assert client.post("/help/", {"anything": "x"}).status_code == 405


def test_help_says_that_it_is_in_english_until_a_person_reviewed_it(client: Client) -> None:
    page = client.get("/help/", headers={"Accept-Language": "es-ES"}).content.decode()
    assert '<html lang="en"' in page
    assert 'class="notice" lang="es"' in page
    assert 'class="notice"' not in client.get("/help/").content.decode()
