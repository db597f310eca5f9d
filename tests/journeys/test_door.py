"""The door on a phone: without a network, and with a camera."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.models import Role
from events.models import CheckIn, Rsvp
from tests.conftest import make_staff
from tests.factories import OccurrenceFactory, RsvpFactory
from tests.journeys.conftest import PHONE, camera_showing, sign_in


def scanner(browser: Browser, live_server: Any, rsvp: Rsvp) -> Page:
    """The scanner of that date on the phone of a coordinator."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": PHONE, "height": 800}, locale="en-GB"
    )
    context.set_default_timeout(30_000)
    sign_in(context, live_server.url, make_staff("coordinator", Role.COORDINATOR))
    page = context.new_page()
    date = rsvp.occurrence
    page.goto(f"/staff/events/{date.event.slug}/door/scan/?date={date.page_day}")
    return page


def expected_person() -> Rsvp:
    start = timezone.now() + dt.timedelta(hours=1)
    rsvp: Rsvp = RsvpFactory(occurrence=OccurrenceFactory(starts_at=start), user__name="Ana Lark")
    return rsvp


def type_in(page: Page, reference: str) -> None:
    page.get_by_label("Or type the reference").fill(reference.lower())
    page.get_by_role("button", name="Check in").click()


def test_a_phone_that_was_made_ready_works_without_a_network_and_sends_once(
    browser: Browser, live_server: Any, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    rsvp = expected_person()
    page = scanner(browser, live_server, rsvp)
    said = page.locator("[data-headline]")
    page.get_by_role("button", name="Make this phone ready").click()
    expect(said).to_have_text("This phone is ready and works without a network.")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")

    page.context.set_offline(True)
    type_in(page, rsvp.reference)
    expect(said).to_have_text("In: Ana Lark")
    type_in(page, rsvp.reference)
    expect(said).to_contain_text("Already in, since")
    type_in(page, "NOSUCHCODE")
    expect(said).to_have_text("This code is not for this event.")
    assert CheckIn.objects.count() == 0

    # Closed by mistake and opened anew, still without a network: nothing is lost.
    page.reload()
    expect(page.locator("[data-state]")).to_contain_text("3 to be sent")
    page.context.set_offline(False)
    expect(page.locator("[data-state]")).not_to_contain_text("to be sent")
    assert CheckIn.objects.get().rsvp == rsvp
    expect(page.locator("[data-came]")).to_have_text("1")
    page.context.close()


def test_the_camera_reads_the_code_of_who_is_going(
    browser: Browser, live_server: Any, settings: Any, tmp_path: Path
) -> None:
    settings.REQUIRE_MFA = False
    rsvp = expected_person()
    with camera_showing(rsvp.door_code, browser, tmp_path) as with_camera:
        page = scanner(with_camera, live_server, rsvp)
        page.get_by_role("button", name="Start the camera").click()
        expect(page.locator("[data-headline]")).to_have_text("In: Ana Lark")
        assert CheckIn.objects.get().rsvp == rsvp
