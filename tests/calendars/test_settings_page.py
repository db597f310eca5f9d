"""The page where a person makes, copies, tunes and replaces their calendar link."""

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from calendars import gateway
from calendars.models import FeedToken
from calendars.queries import link_opened_by
from calendars.services.links import personal_link
from tests.conftest import NOW

pytestmark = pytest.mark.django_db

PAGE = "/calendar/"


@pytest.fixture
def signed_in(client: Client, attendee: User) -> Client:
    client.force_login(attendee, backend="accounts.adapters.SignInBackend")
    return client


@pytest.fixture
def link(attendee: User) -> FeedToken:
    return personal_link(user=attendee, at=NOW)


def test_looking_makes_no_link(signed_in: Client) -> None:
    assertContains(signed_in.get(PAGE), "Make my link")
    assert not FeedToken.objects.exists()


def test_making_a_link_shows_it(signed_in: Client) -> None:
    assertRedirects(signed_in.post(reverse("calendars:make-link")), PAGE)
    assertContains(signed_in.get(PAGE), f"/calendar/{FeedToken.objects.get().secret}.ics")


def test_the_link_shown_is_the_one_that_opens(
    signed_in: Client, link: FeedToken, settings: Any
) -> None:
    settings.BASE_URL = "https://greenroom.example"
    page = html.unescape(signed_in.get(PAGE).content.decode())
    address = f"https://greenroom.example/calendar/{link.secret}.ics"
    assert f'value="{address}"' in page
    assert f'href="webcal://greenroom.example/calendar/{link.secret}.ics"' in page
    assert "https://calendar.google.com/calendar/r?cid=webcal" in page
    assert "https://outlook.live.com/calendar/0/addfromweb?url=https" in page
    assert signed_in.get(reverse("portal:personal-feed", args=[link.secret])).status_code == 200


def test_replacing_the_link_closes_the_old_one(signed_in: Client, link: FeedToken) -> None:
    assertRedirects(signed_in.post(reverse("calendars:rotate-link")), PAGE)
    assert link_opened_by(link.secret) is None
    assertNotContains(signed_in.get(PAGE), link.secret)


def test_replacing_what_is_not_there_does_nothing(signed_in: Client) -> None:
    assertRedirects(signed_in.post(reverse("calendars:rotate-link")), PAGE)
    assert not FeedToken.objects.exists()


@pytest.mark.parametrize(
    ("sent", "chosen"),
    [
        ({"wants_plain_titles": "on"}, (True, False, False, None)),
        ({"shows_busy": "on"}, (False, True, False, None)),
        ({"wants_single_dates": "on"}, (False, False, True, None)),
        ({"wants_plain_titles": "on", "shows_busy": "on"}, (True, True, False, None)),
        ({"alarm_minutes": "60"}, (False, False, False, 60)),
        ({}, (False, False, False, None)),
    ],
)
def test_each_choice_is_kept(
    signed_in: Client, link: FeedToken, sent: dict[str, str], chosen: tuple[Any, ...]
) -> None:
    FeedToken.objects.update(alarm_minutes=15)
    User.objects.update(wants_plain_titles=True)
    assertRedirects(signed_in.post(PAGE, sent), PAGE)
    kept = FeedToken.objects.values_list(
        "user__wants_plain_titles", "shows_busy", "user__wants_single_dates", "alarm_minutes"
    ).get()
    assert kept == chosen


def test_a_reminder_we_do_not_offer_is_refused(signed_in: Client, link: FeedToken) -> None:
    assertContains(signed_in.post(PAGE, {"alarm_minutes": "7"}), "Select a valid choice")
    assert FeedToken.objects.get().alarm_minutes is None


def test_closing_the_link_leads_back_to_the_beginning(signed_in: Client, link: FeedToken) -> None:
    assertRedirects(signed_in.post(reverse("calendars:close-link")), PAGE)
    assert signed_in.get(reverse("portal:personal-feed", args=[link.secret])).status_code == 404
    page = signed_in.get(PAGE)
    assertContains(page, "Make my link")
    assertNotContains(page, FeedToken.objects.get().secret)
    signed_in.post(reverse("calendars:make-link"))
    assertContains(signed_in.get(PAGE), FeedToken.objects.get().secret)


def test_the_page_says_when_the_link_was_last_used(signed_in: Client, link: FeedToken) -> None:
    assertContains(signed_in.get(PAGE), "Not fetched in the last seven days.")
    gateway.note_fetch(link, gateway.Fetch(NOW, "Thunderbird"))
    assertContains(signed_in.get(PAGE), "Last fetched by Thunderbird")


def test_the_anonymous_are_asked_to_sign_in(client: Client) -> None:
    assertRedirects(
        client.get(PAGE), "/accounts/login/?next=/calendar/", fetch_redirect_response=False
    )


def test_nobody_else_sees_the_link(client: Client, link: FeedToken, outsider: User) -> None:
    client.force_login(outsider, backend="accounts.adapters.SignInBackend")
    assertNotContains(client.get(PAGE), link.secret)


def test_the_page_is_not_kept_by_anything_on_the_way(signed_in: Client, link: FeedToken) -> None:
    assert "no-store" in signed_in.get(PAGE)["Cache-Control"]


def test_the_page_asks_for_nothing_from_elsewhere(signed_in: Client, link: FeedToken) -> None:
    page = signed_in.get(PAGE).content.decode()
    assert 'src="http' not in page
    assert "<style" not in page
    assert " style=" not in page
