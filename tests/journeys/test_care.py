"""Finding care, booking it, and the practice's word, as people with a browser meet them."""

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from accounts.services.grants import give_role
from common.codes import show_code
from tests.conftest import NOW
from tests.factories import LicenceFactory, ServiceTypeFactory, UserFactory
from tests.journeys.conftest import PHONE, Open, camera_showing, read_in, sign_in
from tests.therapy_credits.care import (
    CLIENT_NAME,
    NEXT_THURSDAY_NINE,
    PROGRAMME_NAME,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from therapy_credits.models import Booking, SessionCode
from therapy_credits.services.session_codes import issue_code

pytestmark = pytest.mark.usefixtures("at_noon", "without_second_factor")


@pytest.fixture
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def without_second_factor() -> Iterator[None]:
    with override_settings(REQUIRE_MFA=False):
        yield


@pytest.fixture
def client_() -> Client:
    return make_client("wren")


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_find_book_and_cancel(open_page: Open, client_: Client, desk: Desk) -> None:
    page = open_page("/care/", width=PHONE, user=client_.user)
    expect(page.get_by_text("3 left")).to_be_visible()
    page.get_by_role("link", name="Find somebody").click()
    page.get_by_label("Which country will you be in?").select_option(label="United Kingdom")
    page.get_by_role("button", name="Show who fits").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who can see you")
    assert page.url.endswith("/care/practices/")
    page.get_by_role("link", name=f"Times with {desk.practitioner.name}").click()
    page.locator(f'input[value="{NEXT_THURSDAY_NINE.isoformat()}"]').check()
    page.get_by_label("Name for the practice").fill("Wren")
    page.get_by_label("How they can reach you").fill("wren@quiet.example.org")
    page.get_by_role("button", name="Book this time").click()
    expect(page.get_by_text("Booked. The practice expects you.")).to_be_visible()
    expect(page.get_by_text("09:00–09:50")).to_be_visible()
    assert left_booked_used(client_) == (2, 1, 0)
    page.get_by_role("link", name="Cancel…").click()
    expect(page.get_by_text("The session is yours again.")).to_be_visible()
    page.get_by_role("button", name="Cancel this time").click()
    expect(page.get_by_text("Cancelled. The practice has been told.")).to_be_visible()
    assert left_booked_used(client_) == (3, 0, 0)


def test_find_and_book_without_scripts(open_page: Open, client_: Client, desk: Desk) -> None:
    page = open_page("/care/practices/", user=client_.user, scripts=False)
    page.get_by_label("Which country will you be in?").select_option("GB")
    page.get_by_role("button", name="Show who fits").click()
    page.get_by_role("link", name=f"Times with {desk.practitioner.name}").click()
    page.locator('input[name="slot"]').first.check()
    page.get_by_label("How they can reach you").fill("wren@quiet.example.org")
    page.get_by_role("button", name="Book this time").click()
    expect(page.get_by_text("Booked. The practice expects you.")).to_be_visible()
    assert Booking.objects.count() == 1


def test_a_practice_confirms_on_a_phone_and_can_undo(
    open_page: Open, client_: Client, desk: Desk
) -> None:
    book(client_, desk)
    with time_machine.travel(NEXT_THURSDAY_NINE + dt.timedelta(hours=1), tick=True):
        page = open_page("/practice/", width=PHONE, user=desk.membership.user)
        expect(page.get_by_role("link", name=CLIENT_NAME)).to_be_visible()
        expect(page.locator("body")).not_to_contain_text(PROGRAMME_NAME)
        page.get_by_role("button", name="Attended").click()
        expect(page.get_by_text("You can undo this for seven days")).to_be_visible()
        assert left_booked_used(client_) == (2, 0, 1)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="Attended")).to_be_visible()
        assert left_booked_used(client_) == (2, 1, 0)


def test_from_signing_in_to_a_confirmed_session_are_four_steps(
    open_page: Open, client_: Client, desk: Desk
) -> None:
    """Two fields and two presses are all that a hand does in the twenty seconds there are for it;
    the browser and the site's answers take less than those. (With a passkey it is two presses.)"""
    book(client_, desk)
    owner = desk.membership.user
    owner.set_password("greenroom-test")
    owner.save()
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    with time_machine.travel(NEXT_THURSDAY_NINE + dt.timedelta(hours=1), tick=True):
        page = open_page("/accounts/login/", width=PHONE)
        began = time.perf_counter()
        steps: list[Callable[[], None]] = [
            lambda: page.get_by_role("textbox", name="E-mail address").fill(owner.email),
            lambda: page.get_by_role("textbox", name="Password").fill("greenroom-test"),
            lambda: page.get_by_role("button", name="Sign in", exact=True).click(),
            lambda: page.get_by_role("button", name="Attended").click(),
        ]
        for step in steps:
            step()
        expect(page.get_by_text("You can undo this for seven days")).to_be_visible()
        took = time.perf_counter() - began
    assert left_booked_used(client_) == (2, 0, 1)
    assert took < 20


def test_a_code_from_hand_to_hand(open_page: Open, client_: Client, desk: Desk) -> None:
    mine = open_page("/care/code/", width=PHONE, user=client_.user)
    mine.get_by_role("button", name="Make a code for one session").click()
    code = mine.locator(".code-card .code").inner_text().strip()
    mine.get_by_role("button", name="I have it").click()
    expect(mine.locator(".code-card")).to_have_count(0)
    theirs = open_page("/practice/confirm/", width=PHONE, user=desk.membership.user)
    theirs.get_by_label("Code").fill(code.lower().replace("-", " ")[:-1])
    theirs.get_by_role("button", name="Confirm the session").click()
    expect(theirs.get_by_text("One of the symbols is wrong or missing").first).to_be_visible()
    theirs.get_by_label("Code").fill(code.lower())
    theirs.get_by_role("button", name="Confirm the session").click()
    expect(theirs.get_by_text(re.compile("Done: code"))).to_be_visible()
    assert left_booked_used(client_) == (2, 0, 1)
    assert SessionCode.objects.get().status == "redeemed"


def test_the_way_out_is_on_every_page_of_care(open_page: Open, client_: Client) -> None:
    page = open_page("/care/", user=client_.user)
    for path in ("/care/", "/care/practices/", "/care/code/"):
        page.goto(path)
        expect(page.get_by_role("link", name="Exit this page")).to_be_in_viewport()


def test_every_page_is_accessible_in_both_themes(
    open_page: Open, client_: Client, desk: Desk, check_accessible: Callable[[Page], None]
) -> None:
    booking = book(client_, desk)
    LicenceFactory(practitioner=desk.practitioner, confirmed_by=None, confirmed_at=None)
    house = desk.practitioner.practice
    for kind in ("one", "group"):  # so that for whom and how long is asked
        ServiceTypeFactory(practice=house, kind=kind, name="80 minutes", minutes=80, units=2)
    page = open_page("/care/practices/", width=PHONE, user=client_.user)
    page.get_by_label("Which country will you be in?").select_option("GB")
    page.get_by_role("button", name="Show who fits").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who can see you")
    expect(page.get_by_text("For whom?")).to_have_count(1)
    mine = (
        "/care/",
        "/care/practices/",
        f"/care/practices/{desk.practitioner.slug}/",
        f"/care/bookings/{booking.reference}/",
        f"/care/bookings/{booking.reference}/cancel/",
        "/care/code/",
    )
    theirs = (
        "/practice/",
        "/practice/confirm/",
        "/practice/bookings/",
        f"/practice/bookings/{booking.reference}/",
        "/practice/hours/",
    )
    portal = open_page("/practice/", width=PHONE, user=desk.membership.user)
    read_in(page, "ar")
    for browser, paths, direction in ((page, mine, "rtl"), (portal, theirs, "ltr")):
        for path in paths:
            browser.goto(path)
            expect(browser.locator("html")).to_have_attribute("dir", direction)
            check_accessible(browser)


def test_setting_up_a_practice_is_accessible_too(
    open_page: Open, desk: Desk, check_accessible: Callable[[Page], None]
) -> None:
    staff = UserFactory()
    give_role(user=staff, role="care", giver=None, at=NOW)
    LicenceFactory(practitioner=desk.practitioner, confirmed_by=None, confirmed_at=None)
    here = f"/staff/practices/{desk.practitioner.practice.slug}/"
    new = make_desk("New house", status="pending", confirmed_by=None, confirmed_at=None)
    page = open_page("/staff/practices/", width=PHONE, user=staff)
    read_in(page, "ar")
    for path in (
        "/staff/practices/",
        f"/staff/practices/{new.practitioner.practice.slug}/",
        "/staff/practices/new/",
        here,
        f"{here}members/",
        f"{here}practitioners/{desk.practitioner.slug}/",
        f"{here}practitioners/{desk.practitioner.slug}/licences/",
    ):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        check_accessible(page)


def test_a_practice_scans_the_code_its_client_shows(
    browser: Browser, live_server: Any, client_: Client, desk: Desk, tmp_path: Path
) -> None:
    issued = issue_code(user=client_.user, request_id=uuid4(), at=NOW)
    assert issued.text
    with camera_showing(show_code(issued.text), browser, tmp_path) as with_camera:
        context = with_camera.new_context(
            base_url=live_server.url, viewport={"width": PHONE, "height": 800}, locale="en-GB"
        )
        sign_in(context, live_server.url, desk.membership.user)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto("/practice/confirm/")
        page.get_by_role("button", name="Scan the code").click()
        expect(page.get_by_text("Read. Look at the day, then confirm.")).to_be_visible()
        expect(page.get_by_label("Code", exact=True)).to_have_value(show_code(issued.text))
        page.get_by_role("button", name="Confirm the session").click()
        expect(page.get_by_text("is confirmed.")).to_be_visible()
    assert SessionCode.objects.get().status == "redeemed"
    assert left_booked_used(client_) == (2, 0, 1)


def test_a_free_first_call_from_the_search(open_page: Open, client_: Client, desk: Desk) -> None:
    desk.practitioner.fit_call_minutes = 15
    desk.practitioner.save()
    page = open_page("/care/practices/", width=PHONE, user=client_.user)
    page.get_by_label("Which country will you be in?").select_option("GB")
    page.get_by_role("button", name="Show who fits").click()
    expect(page.get_by_text("Offers a free first call of 15 minutes")).to_be_visible()
    page.get_by_role("link", name=f"Times with {desk.practitioner.name}").click()
    page.get_by_role("link", name="Arrange a free call").click()
    page.locator(f'input[value="{NEXT_THURSDAY_NINE.isoformat()}"]').check()
    page.get_by_label("How they can reach you").fill("wren@quiet.example.org")
    page.get_by_role("button", name="Arrange this call").click()
    expect(page.get_by_text("Arranged. It cost you nothing.")).to_be_visible()
    assert left_booked_used(client_) == (3, 0, 0)
    page.get_by_role("button", name="Cancel the call").click()
    expect(page.get_by_text("Cancelled. The practice has been told.")).to_be_visible()
