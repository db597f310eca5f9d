"""From a priced event to a paid place and back to the card, as people with a browser do it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from events.models import Rsvp
from payments.models import Charge, Refund
from payments.services.refunds import send_refunds
from tests.factories import OccurrenceFactory
from tests.journeys.conftest import PHONE, Open
from tests.journeys.test_events import coordinator, link_in_mail
from tests.processor import Processor


@pytest.fixture
def checkout(processor: Processor, live_server: Any, settings: Any) -> Processor:
    """The site as ``make run`` serves it: people are sent to the stand-in and come back."""
    settings.BASE_URL = live_server.url
    settings.REQUIRE_MFA = False
    policy = copy.deepcopy(settings.CONTENT_SECURITY_POLICY)
    policy["DIRECTIVES"]["form-action"].append(processor.base)
    settings.CONTENT_SECURITY_POLICY = policy
    return processor


def test_a_declined_card_a_second_thought_and_a_place(
    open_page: Open, check_accessible: Callable[[Page], None], checkout: Processor
) -> None:
    date = OccurrenceFactory(
        starts_at=timezone.now() + timedelta(days=7),
        capacity=3,
        event__title="Evening circle",
        event__max_plus_ones=1,
        event__price_kind="fixed",
        event__currency="GBP",
        event__price_minor=1200,
        event__refund_hours=24,
    )
    page = open_page(date.page_path, width=PHONE, leaves_for=checkout.base)
    check_accessible(page)
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("Your e-mail address").fill("ana@example.org")
    page.get_by_label("How many people, you included?").select_option("2")
    page.get_by_role("button", name="Send me the link").click()
    page.goto(link_in_mail("ana@example.org"))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="2 places are kept for you")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Pay £24.00").click()
    expect(page.get_by_text("Test payment. No money moves")).to_be_visible()
    page.get_by_role("button", name="Let the card be declined").click()
    expect(page.get_by_text("The test card was declined.")).to_be_visible()
    page.get_by_role("button", name="Give up").click()
    expect(page.get_by_role("heading", name="2 places are kept for you")).to_be_visible()
    page.get_by_role("button", name="Pay £24.00").click()
    page.get_by_role("button", name="Pay with a test card").click()
    expect(page.get_by_role("heading", name="You are going")).to_be_visible()
    expect(page.get_by_text("£24.00 paid")).to_be_visible()
    check_accessible(page)
    assert Rsvp.objects.get().status == "going"

    console = open_page(f"/staff/events/{date.event.slug}/payments/", user=coordinator())
    check_accessible(console)
    console.get_by_role("link", name="Give back").click()
    check_accessible(console)
    console.get_by_label("How much to give back").fill("12")
    console.get_by_label("Why").fill("One of the two cannot come")
    console.get_by_role("button", name="Give it back").click()
    expect(console.get_by_text("It is on its way back to the card.")).to_be_visible()
    assert send_refunds(limit=5, at=timezone.now()) == 1
    assert Refund.objects.get().status == "done"
    assert [one["amount"] for one in checkout.refunds(Charge.objects.get())] == [1200]

    page.reload()
    expect(page.get_by_text("If you leave now, £12.00 goes back")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("£24.00 given back, or on its way to your card.")).to_be_visible()
    check_accessible(page)
    assert send_refunds(limit=5, at=timezone.now()) == 1
    assert [one["amount"] for one in checkout.refunds(Charge.objects.get())] == [1200, 1200]
