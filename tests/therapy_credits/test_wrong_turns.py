"""What people do by mistake: a second click, the page before, an address that is not theirs."""

import datetime as dt
from collections.abc import Iterator
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from tests.conftest import NOW
from tests.therapy_credits.care import (
    CLIENT_CONTACT,
    CLIENT_NAME,
    NEXT_THURSDAY_NINE,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from tests.therapy_credits.test_care_pages import browser_of, search, text, times_on
from therapy_credits.models import Booking, FitCall, FitCallLength, Gift
from therapy_credits.services.bookings import cancel_booking

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client_() -> Client:
    return make_client()


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def filled_in(**other: object) -> dict[str, object]:
    return {
        "request_id": str(uuid4()),
        "slot": NEXT_THURSDAY_NINE.isoformat(),
        "name": CLIENT_NAME,
        "contact": CLIENT_CONTACT,
    } | other


def page_of(name: str, one: Booking | FitCall) -> str:
    return reverse(f"therapy_credits:{name}", args=[one.reference])


# --- The same form again ----------------------------------------------------------------------


def test_a_second_click_on_book_shows_what_was_booked(client_: Client, desk: Desk) -> None:
    browser, form = browser_of(client_.user), filled_in()
    search(browser)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    first, second = browser.post(url, form), browser.post(url, form)
    assert first.url == second.url == page_of("booking", Booking.objects.get())
    assert left_booked_used(client_) == (2, 1, 0)


def test_another_time_from_the_page_before_leads_to_what_was_booked(
    client_: Client, desk: Desk
) -> None:
    browser, form = browser_of(client_.user), filled_in()
    search(browser)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    browser.post(url, form)
    later = NEXT_THURSDAY_NINE + dt.timedelta(hours=1)
    page = text(browser.post(url, form | {"slot": later.isoformat()}, follow=True))
    assert "You have booked already: this is it." in page
    assert Booking.objects.get().starts_at == NEXT_THURSDAY_NINE


def test_what_was_cancelled_is_not_called_booked_when_its_form_comes_again(
    client_: Client, desk: Desk
) -> None:
    browser, form = browser_of(client_.user), filled_in()
    search(browser)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    browser.post(url, form)
    cancel_booking(booking=Booking.objects.get(), user=client_.user, agreed="in_time", at=NOW)
    search(browser)
    page = text(browser.post(url, form, follow=True))
    assert "Nothing new was booked." in page
    assert "The practice expects you" not in page.partition("Nothing new was booked.")[2]
    assert left_booked_used(client_) == (3, 0, 0)


def test_a_second_click_on_a_call_shows_the_call(client_: Client, desk: Desk) -> None:
    desk.practitioner.fit_call_minutes = FitCallLength.FIFTEEN
    desk.practitioner.save()
    browser = browser_of(client_.user)
    search(browser)
    url = reverse("therapy_credits:fit-call-new", args=[desk.practitioner.slug])
    form = filled_in(slot=times_on(text(browser.get(url)))[0])
    first, second = browser.post(url, form), browser.post(url, form)
    assert first.url == second.url == page_of("fit-call", FitCall.objects.get())


def test_a_second_click_on_move_shows_that_it_is_there(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    browser, url = browser_of(client_.user), page_of("booking-move", booking)
    to = {"slot": (NEXT_THURSDAY_NINE + dt.timedelta(hours=1)).isoformat()}
    first, second = browser.post(url, to), browser.post(url, to)
    assert first.url == second.url == page_of("booking", booking)
    assert "no longer free" not in text(browser.get(second.url))
    # Where it is already is no choice.
    assert to["slot"] not in times_on(text(browser.get(url)))


def test_a_second_click_on_give_shows_the_gift_also_when_it_was_all_there_was(
    client_: Client,
) -> None:
    browser, url = browser_of(client_.user), reverse("therapy_credits:gift")
    form = {"request_id": str(uuid4()), "units": "3", "contact": "friend@example.org"}
    assert browser.post(url, form).url == browser.post(url, form).url == url
    assert Gift.objects.count() == 1
    assert left_booked_used(client_) == (0, 0, 0)


# --- What belongs to somebody else ------------------------------------------------------------


def test_a_form_of_somebody_else_s_is_not_shown(client_: Client, desk: Desk) -> None:
    form, url = filled_in(), reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    browser = browser_of(client_.user)
    search(browser)
    browser.post(url, form)
    other = browser_of(make_client("recipient").user)
    search(other)
    page = other.post(url, form)
    assert page.status_code == 200
    assert Booking.objects.get().reference not in text(page)
