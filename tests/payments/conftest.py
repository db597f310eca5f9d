"""Charges at every point of their life."""

import datetime as dt

import pytest
from django.utils import timezone

from payments.models import Charge
from payments.services.charges import look_up, open_page, start_charge
from tests.processor import Processor

PAGES = {
    "success_url": "https://greenroom.example/rsvp/x/paid/",
    "cancel_url": "https://greenroom.example/rsvp/x/",
    "language": "en",
}


def begin(amount_minor: int = 1200, currency: str = "GBP", at: dt.datetime | None = None) -> Charge:
    """A charge of £12 that somebody is asked for. The processor has the real clock."""
    return start_charge(
        purpose="event",
        amount_minor=amount_minor,
        currency=currency,
        description="A place",
        at=at or timezone.now(),
    )


@pytest.fixture
def charge(db: None, processor: Processor) -> Charge:
    """Somebody has the payment page before them."""
    started = begin()
    open_page(charge=started, **PAGES)
    return started


@pytest.fixture
def paid(charge: Charge, processor: Processor) -> Charge:
    """And has paid, which we have looked up."""
    processor.pay(charge)
    return look_up(charge=charge, at=timezone.now())
