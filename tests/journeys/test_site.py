"""The front door, help, and signing in, as a person with a browser meets them."""

import datetime as dt
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from notifications.models import Message
from tests.factories import EventFactory, OccurrenceFactory
from tests.journeys.conftest import PHONE, Open

# At noon, so that it ends on the day it begins in every zone that is looked at here.
SOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + dt.timedelta(days=7)

# Those with most in them from right to left; they are built like the others.
PUBLIC = (
    ("/", "ar"),
    ("/help/", "en"),
    ("/events/", "ar"),
    ("/events/quiet-hour/", "ar"),
    ("/programmes/", "en"),
    ("/nothing-here/", "en"),
    ("/accounts/login/", "ar"),
    ("/accounts/login/code/", "en"),
    ("/accounts/signup/", "en"),
    ("/accounts/password/reset/", "en"),
)


@pytest.mark.parametrize(("path", "language"), PUBLIC)
def test_a_public_page_is_accessible_in_both_themes_on_a_phone_and_a_desk(
    open_page: Open, check_accessible: Callable[[Page], None], path: str, language: str
) -> None:
    event = EventFactory(slug="quiet-hour", title="Quiet hour", max_plus_ones=1)
    OccurrenceFactory(event=event, starts_at=SOON, capacity=12)
    page = open_page(path, language=language)
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page).to_have_title(re.compile(r".+ – Greenroom$"))
    check_accessible(page)


def test_what_is_wrong_in_a_page_would_be_found(
    open_page: Open, check_accessible: Callable[[Page], None]
) -> None:
    """The control, also of a second look at the same page."""
    page = open_page("/accounts/login/")
    check_accessible(page)
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name: <button>"):
        check_accessible(page)


def test_help_is_one_click_away_and_dials(open_page: Open) -> None:
    page = open_page("/", width=PHONE)
    page.get_by_role("link", name="Need to talk to someone now?", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Talk to someone now")
    page.get_by_role("link", name=re.compile("^Netherlands")).click()
    country = page.locator("#nl")
    expect(country).to_be_in_viewport()
    expect(country.get_by_role("link", name="Call 112")).to_have_attribute("href", "tel:112")


def test_help_works_without_scripts_and_keeps_nothing(open_page: Open) -> None:
    page = open_page("/help/", scripts=False)
    expect(page.get_by_role("link", name="Call 999")).to_be_visible()
    assert page.context.cookies() == []


def test_exit_leads_away_and_leaves_nothing_to_go_back_to(open_page: Open) -> None:
    page = open_page("/", leaves_for="https://www.bbc.co.uk")
    page.goto("/help/")
    page.route("https://www.bbc.co.uk/**", lambda route: route.fulfill(body="somewhere neutral"))
    for _ in range(3):
        page.keyboard.press("Shift")
    page.wait_for_url("https://www.bbc.co.uk/weather")
    page.go_back()
    assert "/help/" not in page.url
    expect(page.get_by_role("heading", level=1)).to_have_text("A quiet room behind the stage")


def test_typing_capitals_does_not_leave_the_page(open_page: Open) -> None:
    page = open_page("/help/")
    for letter in "ABC":
        page.keyboard.press(f"Shift+{letter}")
    assert page.url.endswith("/help/")
    expect(page.locator(".exit-cover")).to_have_count(0)


def test_a_time_is_said_in_the_readers_zone_at_once_and_by_the_server_next_time(
    open_page: Open,
) -> None:
    event = EventFactory(slug="quiet-hour", title="Quiet hour")
    OccurrenceFactory(event=event, starts_at=SOON)
    local, there = (SOON.astimezone(ZoneInfo(zone)) for zone in ("Asia/Kolkata", "Europe/Berlin"))
    page = open_page("/events/quiet-hour/", zone="Asia/Kolkata")
    time = page.locator("time.when").first
    expect(time.locator(".here")).to_contain_text(f"{local:%H:%M}–")
    expect(time.locator(".here")).to_contain_text("(your time)")
    expect(time.locator(".there")).to_contain_text(f"{there:%H:%M} in Berlin")
    by_the_server = page.request.get("/events/quiet-hour/").text()
    assert time.locator(".here").inner_html() in by_the_server
    assert time.locator(".there").inner_text() in by_the_server


def test_the_theme_can_be_chosen_and_stays(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_person_signs_in_with_a_code_from_their_mail(
    open_page: Open, attendee: User, check_accessible: Callable[[Page], None]
) -> None:
    EmailAddress.objects.create(user=attendee, email=attendee.email, verified=True, primary=True)
    page = open_page("/accounts/login/", width=PHONE)
    page.get_by_role("link", name="Send me a code by e-mail").click()
    page.get_by_role("textbox", name=re.compile("E-?mail")).fill(attendee.email)
    page.get_by_role("button", name="Send the code").click()
    check_accessible(page)
    code = re.search(r"^([A-Z0-9-]{6,})$", Message.objects.latest("pk").text, re.MULTILINE)
    assert code
    page.get_by_role("textbox", name="Code").fill(code[1])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_wrong_password_is_answered_in_the_page_and_keeps_the_address(
    open_page: Open, attendee: User, check_accessible: Callable[[Page], None]
) -> None:
    page = open_page("/accounts/login/")
    page.get_by_role("textbox", name="E-mail address").fill(attendee.email)
    page.get_by_role("textbox", name="Password").fill("not-the-password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    expect(page.get_by_role("textbox", name="E-mail address")).to_have_value(attendee.email)
    check_accessible(page)
