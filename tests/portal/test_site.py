"""The front door, the language, and what happens when something is not there."""

import datetime as dt

import pytest
from babel import Locale
from django.test import Client, RequestFactory
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext
from pytest_django import Settings

from accounts.models import Role, User
from common.art import MOTIFS, pattern
from common.when import describe
from portal.queries import STAFF_DOORS, staff_doors
from portal.views import site
from tests.conftest import make_staff
from tests.factories import OccurrenceFactory

EVENING = dt.datetime(2026, 6, 4, 17, 0, tzinfo=dt.UTC)


def test_the_same_slug_always_draws_the_same_picture() -> None:
    assert pattern("breath-before-the-bow") == pattern("breath-before-the-bow")
    drawings = {pattern(f"event-{number}") for number in range(50)}
    assert len(drawings) == 50
    assert len(MOTIFS) == 5


def test_a_picture_repeats_nothing_of_its_slug() -> None:
    assert "<script" not in pattern("<script>alert(1)</script>")
    assert "style=" not in pattern("any")


def test_a_time_is_said_in_the_readers_zone_and_the_events() -> None:
    said = describe(
        EVENING,
        EVENING + dt.timedelta(minutes=90),
        zone="Europe/Berlin",
        reader_zone="Europe/London",
    )
    assert said.here == "Thu 4 June, 18:00–19:30 (your time)"
    assert said.there == "19:00 in Berlin"


def test_a_time_on_another_day_over_there_says_the_day() -> None:
    said = describe(EVENING, None, zone="Asia/Tokyo", reader_zone="America/New_York")
    assert said.here == "Thu 4 June, 13:00 (your time)"
    assert said.there == "Fri 5 June, 02:00 in Tokyo"


def test_an_evening_past_midnight_is_one_day_and_a_longer_one_says_both() -> None:
    late = EVENING.replace(hour=21)
    said = describe(late, late + dt.timedelta(hours=2), zone="Europe/Berlin")
    assert said.here == "Thu 4 June, 23:00–01:00"
    said = describe(late, late + dt.timedelta(hours=12), zone="Europe/Berlin")
    assert said.here == "Thu 4 June, 23:00 – Fri 5 June, 11:00"


@pytest.mark.parametrize("reader_zone", [None, "", "Mars/Base", "../../etc/passwd"])
def test_an_unknown_reader_zone_leaves_the_events_time(reader_zone: str | None) -> None:
    said = describe(EVENING, None, zone="Europe/Berlin", reader_zone=reader_zone)
    assert (said.here, said.there) == ("Thu 4 June, 19:00", "in Berlin")


@pytest.mark.django_db
def test_the_front_page_sets_no_cookie(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert not response.cookies


@pytest.mark.django_db
def test_a_language_is_remembered_and_shown(client: Client) -> None:
    response = client.post("/language/", {"language": "es", "next": "/"})
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert 'lang="es"' in client.get("/").content.decode()


def test_no_word_of_ours_takes_the_place_of_a_month(settings: Settings) -> None:
    """“May” is a month and a permission; dates and words are translated from one catalogue."""
    for code, _name in settings.LANGUAGES:
        known = Locale.parse(code, sep="-")
        with translation.override(code):
            months = [date_format(dt.date(2027, month, 7), "F") for month in range(1, 13)]
            days = [date_format(dt.date(2027, 2, day), "l").casefold() for day in range(1, 8)]
        assert months == list(known.months["format"]["wide"].values())
        days = [day.replace("\u0625", "\u0627") for day in days]  # a hamza that CLDR leaves out
        assert days == [known.days["format"]["wide"][day].casefold() for day in range(7)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "given", "direction"),
    [
        ("es-MX", "es", "ltr"),
        ("pt", "pt-br", "ltr"),
        ("pt-PT, fr;q=0.5", "pt-br", "ltr"),
        ("fr-CA", "fr", "ltr"),
        ("de-AT", "de", "ltr"),
        ("ar-EG", "ar", "rtl"),
        ("hi, is;q=0.8", "en", "ltr"),
    ],
)
def test_each_reader_is_answered_in_the_nearest_language(
    client: Client, asked: str, given: str, direction: str
) -> None:
    OccurrenceFactory(event__slug="quiet-hour", event__title="Quiet hour", capacity=12)
    for path in ("/", "/events/quiet-hour/", "/nothing-here/"):
        page = client.get(path, headers={"Accept-Language": asked})
        assert page["Content-Language"] == given
        assert f'<html lang="{given}" dir="{direction}"' in page.content.decode()
        with translation.override(given):
            assert gettext("Need to talk to someone now?") in page.content.decode()
    # No wrong word may stand there: until a person has reviewed them, they are English.
    page = client.get("/help/", headers={"Accept-Language": asked})
    assert '<html lang="en" dir="ltr"' in page.content.decode()
    assert (f'class="notice" lang="{given}"' in page.content.decode()) == (given != "en")


@pytest.mark.django_db
def test_a_change_of_language_leads_back_to_the_same_page(client: Client) -> None:
    asked = "/events/?format=online&q=a"
    page = client.get(asked).content.decode()
    assert 'name="next" value="/events/"' in page
    assert '<option value="ar" lang="ar" dir="auto">العربيّة</option>' in page
    for host, place in (("testserver", asked), ("evil.example", "/events/")):
        answer = client.post(
            "/language/",
            {"language": "ar", "next": "/events/"},
            headers={"Referer": f"http://{host}{asked}"},
        )
        assert (answer["Location"], answer.cookies["django_language"].value) == (place, "ar")


@pytest.mark.django_db
def test_a_language_switch_never_leads_to_another_site(client: Client) -> None:
    response = client.post("/language/", {"language": "es", "next": "https://evil.example/"})
    assert response["Location"] == "/"


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/nothing-here/", "/events/no-such-event/"])
def test_an_address_that_is_nothing_says_so_and_offers_a_way_on(
    client: Client, settings: Settings, debug: bool, path: str
) -> None:
    settings.DEBUG = debug
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no page here" in response.content.decode()
    assert 'href="/help/"' in response.content.decode()


def test_the_page_for_our_own_failures_needs_nothing() -> None:
    """No database mark: reaching for one would fail this test."""
    response = site.failed(RequestFactory().get("/anything"))
    assert response.status_code == 500
    assert 'href="/help/"' in response.content.decode()


def test_a_form_without_its_token_is_answered_in_words() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {"login": "mira@example.org"})
    assert response.status_code == 403
    assert "Please send that again" in response.content.decode()


@pytest.mark.django_db
def test_robots_may_read_calendars_and_not_what_is_personal(client: Client) -> None:
    lines = client.get("/robots.txt").content.decode().splitlines()
    assert "Allow: /*.ics$" in lines
    assert "Disallow: /care/" in lines


@pytest.mark.django_db
def test_the_style_guide_is_for_developers_only(client: Client, settings: object) -> None:
    assert client.get("/styleguide/").status_code == 404
    settings.DEBUG = True  # type: ignore[attr-defined]
    assert client.get("/styleguide/?errors").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_every_entry_of_the_staff_console_opens_for_the_roles_that_see_it(
    client: Client, role: str, settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # the second factor has its own tests
    client.force_login(make_staff("worker", role))
    doors = staff_doors(User.objects.get(email="worker@example.org"), at=timezone.now())
    assert doors[0].url == "/staff/"
    assert {door.url: client.get(door.url).status_code for door in doors} == {
        door.url: 200 for door in doors
    }


@pytest.mark.django_db
def test_who_is_not_staff_has_no_entries_and_no_link_to_the_console(
    client: Client, outsider: User
) -> None:
    client.force_login(outsider)
    assert staff_doors(outsider, at=timezone.now()) == []
    assert 'href="/staff/"' not in client.get("/").content.decode()


def test_an_entry_is_marked_on_the_pages_behind_it() -> None:
    by_url = {door.url: door for door in STAFF_DOORS}
    assert by_url["/staff/programmes/"].leads_to("/staff/terms/3/")
    assert not by_url["/staff/"].leads_to("/staff/terms/3/")
    assert by_url["/staff/"].leads_to("/staff/")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/help/", "/events/"])
def test_a_first_visit_is_compressed_and_what_is_somebodys_is_not(
    client: Client, attendee: User, path: str
) -> None:
    """The length of a compressed page could give away a secret on it."""
    takes_gzip = {"Accept-Encoding": "gzip"}
    page = client.get(path, headers=takes_gzip)
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < 10_000
    client.force_login(attendee)
    assert "Content-Encoding" not in client.get(path, headers=takes_gzip)
