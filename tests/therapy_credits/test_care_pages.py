"""The pages of a person in care, and what nobody else learns from them."""

import datetime as dt
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from accounts.models import AccessLook
from accounts.services.grants import give_role
from ambassadors.models import AdultConfirmation, Consent
from common.sealing import unseal
from tests.conftest import NOW
from tests.factories import (
    LicenceFactory,
    PractitionerFactory,
    ServiceTypeFactory,
    UserFactory,
    WeeklyHoursFactory,
)
from tests.therapy_credits.care import (
    CLIENT_CONTACT,
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
from tests.therapy_credits.conftest import give
from therapy_credits.models import Booking, Practitioner, SessionCode, WeeklyHours
from therapy_credits.queries.home import home_cards, needs_you
from therapy_credits.services.bookings import confirm_session, practice_cancel

pytestmark = pytest.mark.django_db

SEARCH = {"country": "GB", "region": "", "language": "en", "format": "online"}


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


def browser_of(user) -> Browser:
    browser = Browser()
    browser.force_login(user, backend="accounts.adapters.SignInBackend")
    return browser


def search(browser: Browser, **other: object):
    return browser.post(reverse("therapy_credits:find"), SEARCH | other, follow=True)


def text(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


# --- For whom, and how long ---------------------------------------------------------------


def times_on(page: str) -> list[str]:
    return re.findall(r'name="slot" value="([^"]+)"', page)


def test_for_whom_is_asked_where_practices_offer_more_and_is_a_hard_filter(
    client_: Client, desk: Desk
) -> None:
    browser = browser_of(client_.user)
    assert "For whom?" not in text(browser.get(reverse("therapy_credits:find")))
    house = desk.practitioner.practice
    band = ServiceTypeFactory(practice=house, kind="group", name="80 minutes", minutes=80, units=2)
    other = make_desk("Harbour Rooms").practitioner
    assert "For whom?" in text(browser.get(reverse("therapy_credits:find")))
    found = text(search(browser, kind="group"))
    assert "A band or a team" in found
    assert (desk.practitioner.name in found, other.name in found) == (True, False)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    page = text(browser.get(url))
    assert "takes 2 of your sessions" in page
    assert "How long?" not in page
    book_in_browser(browser, desk, kind="group", slot=times_on(page)[0], shown=band.pk)
    booking = Booking.objects.get()
    assert (booking.service, booking.units) == (band, 2)
    assert left_booked_used(client_) == (1, 2, 0)
    # Whoever was cancelled on looks for the same again.
    practice_cancel(booking=booking, membership=desk.membership, at=NOW)
    browser.post(reverse("therapy_credits:booking-again", args=[booking.reference]))
    assert "A band or a team" in text(browser.get(reverse("therapy_credits:find")))
    assert "Nobody fits all of this" in text(search(browser, kind="group", language="es"))


def test_a_longer_session_is_chosen_with_the_practitioner(client_: Client, desk: Desk) -> None:
    house = desk.practitioner.practice
    longer = ServiceTypeFactory(practice=house, name="80 minutes", minutes=80, units=2)
    ServiceTypeFactory(practice=house, name="Four hours", minutes=240, units=4)  # 3 are left
    browser = browser_of(client_.user)
    search(browser)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    page = text(browser.get(url))
    assert "How long?" in page
    assert "takes 1 of your sessions" in page
    assert "Four hours" not in page
    assert browser.post(url, {"service": longer.pk}).url == url
    page = text(browser.get(url))
    assert "takes 2 of your sessions" in page
    form = {"name": CLIENT_NAME, "contact": CLIENT_CONTACT, "request_id": str(uuid4())}
    form["slot"] = times_on(page)[0]
    # From a window in which the shorter one was still chosen: asked again, and nothing booked.
    again = browser.post(url, form | {"shown": desk.service.pk}, follow=True)
    assert "You chose another length meanwhile" in text(again)
    assert Booking.objects.count() == 0
    browser.post(url, form | {"shown": longer.pk})
    booking = Booking.objects.get()
    assert (booking.service, booking.ends_at - booking.starts_at) == (
        longer,
        dt.timedelta(minutes=80),
    )
    assert left_booked_used(client_) == (1, 2, 0)


def test_a_length_there_is_no_time_for_leads_back_to_the_shortest(
    client_: Client, desk: Desk
) -> None:
    long = ServiceTypeFactory(
        practice=desk.practitioner.practice, name="Four hours", minutes=240, units=2
    )
    WeeklyHours.objects.update(ends=dt.time(11))
    browser = browser_of(client_.user)
    search(browser)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    page = text(browser.post(url, {"service": long.pk}, follow=True))
    assert "has no time for that length just now" in page
    assert "takes 1 of your sessions" in page
    for nonsense in ("x", "-1", "99999999"):
        assert "takes 1 of your sessions" in text(
            browser.post(url, {"service": nonsense}, follow=True)
        )


# --- Home --------------------------------------------------------------------------------


def test_home_shows_what_is_left_booked_and_used(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    page = text(browser_of(client_.user).get("/care/"))
    assert "2 left" in page
    assert "1 booked" in page
    assert "0 used" in page
    assert "30 November 2026" in page  # the earliest expiry: 180 days
    assert booking.reference in page


def test_one_is_one_in_spanish_too(client_: Client, desk: Desk) -> None:
    book(client_, desk)
    page = text(browser_of(client_.user).get("/care/", HTTP_ACCEPT_LANGUAGE="es"))
    assert "2 libres" in page
    assert re.search(r"\b1 reservada\b", page)


def test_somebody_without_sessions_meets_a_kind_explanation_and_help() -> None:
    page = text(browser_of(UserFactory()).get("/care/"))
    assert "No sessions yet" in page
    assert page.count('href="/help/"') >= 2


def test_help_is_there_at_zero_too(desk: Desk) -> None:
    client = make_client(units=1)
    book(client, desk)
    page = text(browser_of(client.user).get("/care/"))
    assert "There is none left to book" in page
    assert 'href="/help/"' in page


def test_at_zero_nobody_is_asked_for_consent_and_help_is_there() -> None:
    client = make_client(units=0)
    give(client.pool, client.token, 1, days=1, since=NOW - dt.timedelta(days=2))
    Consent.objects.all().update(withdrawn_at=NOW)
    page = text(browser_of(client.user).get("/care/"))
    assert "Help that costs nothing, at any hour" in page
    assert reverse("ambassadors:my-consent") not in page


@pytest.mark.parametrize(("left", "words"), [(1, "This is the last one"), (2, "last ones for")])
def test_the_last_ones_are_to_be_planned(left: int, words: str) -> None:
    assert words in text(browser_of(make_client(units=left).user).get("/care/"))


def test_who_has_sessions_can_open_a_gift_too(client_: Client) -> None:
    assert reverse("therapy_credits:claim") in text(browser_of(client_.user).get("/care/"))


def test_without_consent_home_leads_to_it(client_: Client) -> None:
    Consent.objects.all().update(withdrawn_at=NOW)
    page = text(browser_of(client_.user).get("/care/"))
    assert reverse("ambassadors:my-consent") in page
    assert reverse("therapy_credits:find") not in page


# --- Finding --------------------------------------------------------------------------------


def test_a_search_shows_who_fits_and_why(client_: Client, desk: Desk) -> None:
    response = search(browser_of(client_.user), topics=["touring"])
    page = text(response)
    assert desk.practitioner.name in page
    assert "May see you in United Kingdom" in page
    assert "Speaks English" in page
    assert "Knows about: Touring and being away" in page


def test_nothing_of_a_search_is_in_an_address(client_: Client, desk: Desk) -> None:
    response = search(browser_of(client_.user), topics=["grief"])
    assert response.redirect_chain == [(reverse("therapy_credits:find"), 302)]
    assert "?" not in response.request["PATH_INFO"] + response.request["QUERY_STRING"]


def test_a_search_rests_sealed_and_can_be_forgotten(client_: Client, desk: Desk) -> None:
    browser = browser_of(client_.user)
    search(browser, topics=["grief"])
    kept = browser.session["care_need"]
    assert "grief" not in kept
    assert '"grief"' in unseal(kept, "session.care_need")
    browser.post(reverse("therapy_credits:forget-search"))
    assert "care_need" not in browser.session


def test_a_search_is_over_after_two_hours(client_: Client, desk: Desk) -> None:
    browser = browser_of(client_.user)
    search(browser)
    with time_machine.travel(NOW + dt.timedelta(hours=2, seconds=1), tick=False):
        assert desk.practitioner.name not in text(browser.get(reverse("therapy_credits:find")))


def test_on_tour_who_may_not_see_you_there_vanishes(client_: Client, desk: Desk) -> None:
    browser = browser_of(client_.user)
    page = text(search(browser, country="US", region="US-NY"))
    assert desk.practitioner.name not in page
    assert "Nobody fits all of this just now" in page
    LicenceFactory(practitioner=desk.practitioner, country="US", region="NY")
    assert desk.practitioner.name in text(search(browser, country="US", region="US-NY"))
    assert desk.practitioner.name not in text(search(browser, country="US", region="US-NJ"))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"country": "US"}, "Licences are given by state there"),
        ({"country": "US", "region": "CA-ON"}, "not in the country you chose"),
        ({"country": ""}, "Choose one."),
        ({"language": "xx"}, "Select a valid choice"),
        ({"topics": ["diagnosis"]}, "Select a valid choice"),
    ],
)
def test_a_wrong_answer_is_told_with_help(client_: Client, desk: Desk, answers, words) -> None:
    response = search(browser_of(client_.user), **answers)
    assert response.status_code == 200
    assert words in text(response)
    assert desk.practitioner.name not in text(response)


def test_a_region_left_over_from_another_country_does_no_harm(client_: Client, desk: Desk) -> None:
    assert desk.practitioner.name in text(search(browser_of(client_.user), region="US-NY"))


def test_age_is_asked_once_and_a_no_is_kept_nowhere(client_: Client, desk: Desk) -> None:
    AdultConfirmation.objects.all().delete()
    browser = browser_of(client_.user)
    assert "Are you 18 or older?" in text(browser.get(reverse("therapy_credits:find")))
    page = text(search(browser, is_adult="no"))
    assert "There is help made for you" in page
    assert AdultConfirmation.objects.count() == 0
    assert "care_need" not in browser.session
    assert desk.practitioner.name in text(search(browser, is_adult="yes"))
    assert AdultConfirmation.objects.count() == 1
    assert "Are you 18 or older?" not in text(browser.get(reverse("therapy_credits:find")))


def test_who_a_pool_does_not_pay_is_not_shown(client_: Client, desk: Desk) -> None:
    desk.service.rate_minor = 7001
    desk.service.save()
    assert desk.practitioner.name not in text(search(browser_of(client_.user)))


def test_a_practitioners_page_asks_first_where_one_will_be(client_: Client, desk: Desk) -> None:
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    response = browser_of(client_.user).get(url)
    assert response.url == reverse("therapy_credits:find")


# --- Booking ---------------------------------------------------------------------------------


def book_in_browser(browser: Browser, desk: Desk, kind: str = "one", **other: object):
    search(browser, kind=kind)
    url = reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])
    return browser.post(
        url,
        {
            "request_id": str(uuid4()),
            "slot": NEXT_THURSDAY_NINE.isoformat(),
            "name": CLIENT_NAME,
            "contact": CLIENT_CONTACT,
        }
        | other,
    )


def test_times_are_the_persons_own(client_: Client, desk: Desk) -> None:
    browser = browser_of(client_.user)
    browser.cookies["tz"] = "America%2FNew_York"
    search(browser)
    page = text(browser.get(reverse("therapy_credits:practitioner", args=[desk.practitioner.slug])))
    assert "Times are yours, in New York. The practice is in London." in page
    assert ">04:00<" in page  # nine in London


def test_booking_in_the_browser(client_: Client, desk: Desk) -> None:
    browser = browser_of(client_.user)
    response = book_in_browser(browser, desk)
    booking = Booking.objects.get()
    assert response.url == reverse("therapy_credits:booking", args=[booking.reference])
    assert left_booked_used(client_) == (2, 1, 0)
    page = text(browser.get(response.url))
    for words in (desk.practitioner.name, CLIENT_NAME, CLIENT_CONTACT, booking.join_url):
        assert words in page
    assert "care_need" not in browser.session


def test_what_was_typed_stays_when_something_is_missing(client_: Client, desk: Desk) -> None:
    response = book_in_browser(browser_of(client_.user), desk, contact="")
    page = text(response)
    assert "Give a number or an address" in page
    assert f'value="{CLIENT_NAME}"' in page
    assert "checked" in page
    assert Booking.objects.count() == 0


def test_a_time_taken_meanwhile_is_told(client_: Client, desk: Desk) -> None:
    book(make_client("recipient"), desk)
    response = book_in_browser(browser_of(client_.user), desk)
    assert "That time is no longer free" in text(response)
    assert left_booked_used(client_) == (3, 0, 0)


def test_cancelling_says_first_what_it_means(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    browser = browser_of(client_.user)
    url = reverse("therapy_credits:booking-cancel", args=[booking.reference])
    page = text(browser.get(url))
    assert "The session is yours again." in page
    assert left_booked_used(client_) == (2, 1, 0)
    browser.post(url, {"agreed": "in_time"})
    assert left_booked_used(client_) == (3, 0, 0)


def test_cancelling_on_old_terms_shows_the_new_ones(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    url = reverse("therapy_credits:booking-cancel", args=[booking.reference])
    with time_machine.travel(NEXT_THURSDAY_NINE - dt.timedelta(hours=1), tick=False):
        page = text(browser_of(client_.user).post(url, {"agreed": "in_time"}))
    assert "What cancelling means has changed" in page
    assert "this is the first time" in page
    assert left_booked_used(client_) == (2, 1, 0)


def test_cancelled_on_they_see_at_one_tap_who_else_may_see_them(
    client_: Client, desk: Desk
) -> None:
    other = make_desk("Harbour Rooms")
    booking = book(client_, desk)
    practice_cancel(booking=booking, membership=desk.membership, at=NOW)
    browser = browser_of(client_.user)
    page = reverse("therapy_credits:booking", args=[booking.reference])
    assert "Find another time" in text(browser.get(page))
    again = reverse("therapy_credits:booking-again", args=[booking.reference])
    found = text(browser.post(again, follow=True))
    assert "Who can see you" in found
    assert "United Kingdom" in found
    assert other.practitioner.name in found


def test_a_missed_session_says_what_it_cost_and_blames_nobody(client_: Client, desk: Desk) -> None:
    after, browser = NEXT_THURSDAY_NINE + dt.timedelta(hours=1), browser_of(client_.user)
    for week, words in enumerate(["It cost you nothing", "1 session was used for it"]):
        starts_at = NEXT_THURSDAY_NINE + dt.timedelta(days=7 * week)
        booking = book(client_, desk, starts_at, at=starts_at - dt.timedelta(days=3))
        after = starts_at + dt.timedelta(hours=1)
        confirm_session(booking=booking, membership=desk.membership, outcome="missed", at=after)
        with time_machine.travel(after, tick=False):
            page = text(browser.get(reverse("therapy_credits:booking", args=[booking.reference])))
        assert f"That happens. {words}" in page


# --- Codes ------------------------------------------------------------------------------------


def shown_code(page: str) -> str | None:
    found = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{4}", page)
    return found and found.group()


def test_a_code_is_shown_until_the_person_has_it_and_never_again(client_: Client) -> None:
    browser = browser_of(client_.user)
    url = reverse("therapy_credits:code")
    form = {"request_id": str(uuid4())}
    page = text(browser.post(url, form, follow=True))
    code = shown_code(page)
    assert code
    assert "<svg" in page  # as a QR code too
    # A second click is the same code, still on the screen.
    assert shown_code(text(browser.post(url, form, follow=True))) == code
    assert SessionCode.objects.count() == 1
    assert code.replace("-", "") not in str(dict(browser.session))
    browser.post(reverse("therapy_credits:code-done"))
    assert shown_code(text(browser.get(url))) is None
    assert f"…{code[-4:]}" in text(browser.get(url))


def test_a_code_nobody_confirmed_seeing_is_gone_after_ten_minutes(client_: Client) -> None:
    browser = browser_of(client_.user)
    url = reverse("therapy_credits:code")
    browser.post(url, {"request_id": str(uuid4())})
    with time_machine.travel(NOW + dt.timedelta(minutes=10, seconds=1), tick=False):
        assert shown_code(text(browser.get(url))) is None


def test_a_code_can_be_taken_back(client_: Client) -> None:
    browser = browser_of(client_.user)
    browser.post(reverse("therapy_credits:code"), {"request_id": str(uuid4())})
    code = SessionCode.objects.get()
    browser.post(reverse("therapy_credits:code-cancel", args=[code.reference]))
    assert left_booked_used(client_) == (3, 0, 0)


# --- Nobody else -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["coordinator", "care", "finance", "analyst", "admin"])
def test_no_staff_reaches_a_booking(client_: Client, desk: Desk, role: str) -> None:
    booking = book(client_, desk)
    staff = UserFactory(is_staff=role == "admin", is_superuser=role == "admin", is_demo=True)
    give_role(user=staff, role=role, giver=None, at=NOW)
    browser = browser_of(staff)
    for name in ("booking", "booking-cancel", "practice-booking"):
        url = reverse(f"therapy_credits:{name}", args=[booking.reference])
        assert browser.get(url).status_code == 404
        answer = browser.post(url, {"agreed": "in_time", "action": "attended"})
        assert answer.status_code in (404, 405)
    for name in ("practice-today", "practice-bookings", "practice-confirm", "practice-hours"):
        assert browser.get(reverse(f"therapy_credits:{name}")).status_code == 404
    assert left_booked_used(client_) == (2, 1, 0)


def test_the_admin_site_has_no_page_of_care() -> None:
    for model in ("booking", "sessioncode", "subject", "account", "transfer"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:therapy_credits_{model}_changelist")


@pytest.mark.parametrize("path", ["/care/", "/care/practices/", "/care/nothing/", "/practice/"])
def test_care_leaves_no_referer_and_no_copy(client_: Client, path: str) -> None:
    response = browser_of(client_.user).get(path)
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store"


def test_other_pages_keep_their_own_rule(client_: Client) -> None:
    assert browser_of(client_.user).get("/help/").headers["Cache-Control"] != "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "same-origin"}, 302),
        ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_ORIGIN": "https://elsewhere.example.com"}, 403),
    ],
)
def test_a_form_without_a_referrer_is_taken_from_our_own_pages_only(
    client_: Client, headers, status
) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(client_.user, backend="accounts.adapters.SignInBackend")
    page = browser.get(reverse("therapy_credits:find")).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    response = browser.post(
        reverse("therapy_credits:forget-search"), {"csrfmiddlewaretoken": token[1]}, **headers
    )
    assert response.status_code == status


def test_the_token_of_the_form_is_needed_all_the_same(client_: Client) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(client_.user, backend="accounts.adapters.SignInBackend")
    response = browser.post(
        reverse("therapy_credits:forget-search"),
        HTTP_ORIGIN="null",
        HTTP_SEC_FETCH_SITE="same-origin",
    )
    assert response.status_code == 403


# --- The practice --------------------------------------------------------------------------------


def desk_browser(desk: Desk) -> Browser:
    desk.membership.user.is_demo = True
    desk.membership.user.save()
    return browser_of(desk.membership.user)


@pytest.fixture(autouse=True)
def without_second_factor(settings) -> None:
    settings.REQUIRE_MFA = False


def test_a_practice_sees_what_the_client_chose_and_no_programme(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    other = make_desk("Elsewhere")
    book(make_client("stranger"), other)
    browser = desk_browser(desk)
    pages = [
        text(browser.get(path))
        for path in (
            "/practice/",
            "/practice/bookings/",
            f"/practice/bookings/{booking.reference}/",
            "/practice/confirm/",
            "/practice/hours/",
        )
    ]
    assert CLIENT_NAME in pages[1]
    for words in (CLIENT_NAME, CLIENT_CONTACT, booking.reference, "United Kingdom"):
        assert words in pages[2]
    for page in pages:
        for secret in (
            PROGRAMME_NAME,
            client_.pool.name,
            client_.pool.partner,
            client_.user.email,
            client_.user.name,
            str(client_.token),
            "Elsewhere",
        ):
            assert secret not in page


def test_each_look_of_the_practice_is_told_to_the_client(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    desk_browser(desk).get(f"/practice/bookings/{booking.reference}/")
    (look,) = AccessLook.objects.all()
    assert (look.actor, look.subject_user) == (desk.membership.user, client_.user)
    assert look.purpose == "", "the log outlives what leads from a booking to its person"


def test_a_practitioner_sees_own_bookings_only(client_: Client, desk: Desk) -> None:
    mine = book(client_, desk)
    colleague = PractitionerFactory(practice=desk.practitioner.practice, user=UserFactory())
    desk.membership.role = "practitioner"
    desk.membership.user = colleague.user
    desk.membership.save()
    browser = browser_of(colleague.user)
    assert browser.get(f"/practice/bookings/{mine.reference}/").status_code == 404
    assert CLIENT_NAME not in text(browser.get("/practice/bookings/"))
    Practitioner.objects.filter(pk=colleague.pk).update(user=None)
    Practitioner.objects.filter(pk=desk.practitioner.pk).update(user=colleague.user)
    assert browser.get(f"/practice/bookings/{mine.reference}/").status_code == 200


def test_attended_in_two_taps_and_undo(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    browser = desk_browser(desk)
    url = reverse("therapy_credits:practice-booking", args=[booking.reference])
    with time_machine.travel(NEXT_THURSDAY_NINE + dt.timedelta(hours=1), tick=False):
        assert "Attended" in text(browser.get("/practice/"))
        response = browser.post(url, {"action": "attended", "next": "/practice/"}, follow=True)
        assert response.redirect_chain == [("/practice/", 302)]
        assert "You can undo this for seven days" in text(response)
        assert left_booked_used(client_) == (2, 0, 1)
        browser.post(url, {"action": "undo", "next": "https://elsewhere.example.com/"})
        assert left_booked_used(client_) == (2, 1, 0)


def test_it_never_leads_away_from_the_site(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    url = reverse("therapy_credits:practice-booking", args=[booking.reference])
    response = desk_browser(desk).post(
        url, {"action": "cancel", "next": "https://elsewhere.example.com/"}
    )
    assert response.url == url


def test_to_cancel_takes_two_taps_and_says_first_that_it_cannot_be_undone(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    with time_machine.travel(NEXT_THURSDAY_NINE + dt.timedelta(minutes=50), tick=False):
        page = text(desk_browser(desk).get(f"/practice/bookings/{booking.reference}/"))
    before, asked, cancelling = page.partition("We have to cancel…</summary>")
    assert asked
    assert 'value="attended"' in before
    assert 'value="cancel"' not in before
    said, button, _ = cancelling.partition('value="cancel"')
    assert button
    assert "This cannot be undone." in said


def test_a_word_nobody_knows_changes_nothing(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    url = reverse("therapy_credits:practice-booking", args=[booking.reference])
    page = text(desk_browser(desk).post(url, {"action": "forget"}, follow=True))
    assert "Choose what took place" in page
    assert left_booked_used(client_) == (2, 1, 0)


def test_several_are_confirmed_at_once(desk: Desk) -> None:
    client = make_client()
    later = [NEXT_THURSDAY_NINE + dt.timedelta(hours=n) for n in range(3)]
    bookings = [book(client, desk, starts_at) for starts_at in later]
    browser = desk_browser(desk)
    with time_machine.travel(NEXT_THURSDAY_NINE + dt.timedelta(hours=8), tick=False):
        page = text(
            browser.post(
                "/practice/bookings/",
                {"reference": [one.reference for one in bookings[:2]] + ["NOSUCH"]},
                follow=True,
            )
        )
    assert "2 sessions confirmed" in page
    assert left_booked_used(client) == (0, 1, 2)


def test_entering_a_code(client_: Client, desk: Desk) -> None:
    own = browser_of(client_.user)
    page = text(
        own.post(reverse("therapy_credits:code"), {"request_id": str(uuid4())}, follow=True)
    )
    form = {"code": shown_code(page), "held_on": "2026-06-03", "service": desk.service.pk}
    browser = desk_browser(desk)
    wrong = text(browser.post("/practice/confirm/", form | {"code": "ABCDE"}))
    assert "One of the symbols is wrong or missing" in wrong
    assert 'value="ABCDE"' in wrong
    done = text(browser.post("/practice/confirm/", form, follow=True))
    assert "is confirmed" in done
    assert shown_code(text(own.get(reverse("therapy_credits:code")))) is None, "it is spent"
    assert left_booked_used(client_) == (2, 0, 1)
    code = SessionCode.objects.get()
    browser.post(reverse("therapy_credits:practice-undo-code", args=[code.reference]))
    assert left_booked_used(client_) == (3, 0, 0)


def test_a_code_is_entered_for_what_takes_one_session(desk: Desk) -> None:
    house, browser = desk.practitioner.practice, desk_browser(desk)
    ServiceTypeFactory(practice=house, name="80 minutes", minutes=80, units=2)
    page = text(browser.get("/practice/confirm/"))
    assert "80 minutes" not in page
    assert "Kind of session" not in page, "there is nothing to choose"
    assert f'name="service" value="{desk.service.pk}"' in page
    ServiceTypeFactory(practice=house, name="45 minutes", minutes=45)
    page = text(browser.get("/practice/confirm/"))
    assert "Kind of session" in page
    assert "45 minutes" in page


def test_hours_and_days_off(desk: Desk) -> None:
    browser = desk_browser(desk)
    one = desk.practitioner
    weekly = {
        "action": "weekly",
        "weekly-practitioner": one.pk,
        "weekly-weekday": 0,
        "weekly-starts": "10:00",
        "weekly-ends": "09:00",
    }
    assert "The end must come after the start" in text(browser.post("/practice/hours/", weekly))
    assert one.weekly_hours.count() == 1
    browser.post("/practice/hours/", weekly | {"weekly-ends": "12:00"})
    added = one.weekly_hours.get(weekday=0)
    single = {
        "action": "single",
        "single-practitioner": one.pk,
        "single-on_date": "2026-06-02",
        "single-starts": "",
        "single-ends": "",
    }
    assert "This day is over" in text(browser.post("/practice/hours/", single))
    browser.post("/practice/hours/", single | {"single-on_date": "2026-06-11"})
    day_off = one.hours_exceptions.get()
    assert day_off.is_closed
    browser.post("/practice/hours/", {"action": "remove-weekly", "id": added.pk})
    browser.post("/practice/hours/", {"action": "remove-single", "id": day_off.pk})
    assert (one.weekly_hours.count(), one.hours_exceptions.count()) == (1, 0)
    browser.post("/practice/hours/", {"action": "pause", "id": one.pk})
    one.refresh_from_db()
    assert one.is_active is False


def test_hours_of_others_cannot_be_touched(desk: Desk) -> None:
    other = make_desk("Elsewhere").practitioner.weekly_hours.get()
    browser = desk_browser(desk)
    for number in (other.pk, "x", "9" * 30, ""):
        response = browser.post("/practice/hours/", {"action": "remove-weekly", "id": number})
        assert response.status_code == 404
    assert type(other).objects.filter(pk=other.pk).exists()


def test_a_member_who_left_finds_nothing(desk: Desk) -> None:
    desk.membership.ended_at = NOW
    desk.membership.save()
    assert browser_of(desk.membership.user).get("/practice/").status_code == 404


def test_a_practice_needs_a_second_factor(desk: Desk, settings) -> None:
    settings.REQUIRE_MFA = True
    response = browser_of(desk.membership.user).get("/practice/")
    assert response.url == reverse("mfa_index")


# --- What other pages ask ---------------------------------------------------------------------


def test_the_home_card_is_for_those_who_have_sessions(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    (card,) = home_cards([client_.token], at=NOW)
    assert (card.balance.left, card.next_booking) == (2, booking)
    assert home_cards([], at=NOW) == []


def test_needs_you_tells_a_practice_and_those_who_check_licences(
    client_: Client, desk: Desk
) -> None:
    book(client_, desk)
    after = NEXT_THURSDAY_NINE + dt.timedelta(hours=1)
    assert needs_you(desk.membership.user, at=NOW) == []
    (waiting,) = needs_you(desk.membership.user, at=after)
    assert waiting.url == reverse("therapy_credits:practice-bookings")
    LicenceFactory(practitioner=desk.practitioner, confirmed_by=None, confirmed_at=None)
    care = UserFactory()
    give_role(user=care, role="care", giver=None, at=NOW)
    (waiting,) = needs_you(care, at=NOW)
    assert desk.practitioner.slug in waiting.url
    new = make_desk(status="pending", confirmed_by=None, confirmed_at=None).practitioner.practice
    assert reverse("therapy_credits:staff-practice", args=[new.slug]) in [
        one.url for one in needs_you(care, at=NOW)
    ]
    assert needs_you(client_.user, at=after) == []


# --- As many rows, as many queries ----------------------------------------------------------


def count(browser: Browser, path: str) -> int:
    browser.get(path)
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(path).status_code == 200
    return len(seen)


def test_lists_ask_as_often_for_three_rows_as_for_one() -> None:
    client, desk = make_client(units=6), make_desk()
    person, practice = browser_of(client.user), desk_browser(desk)
    staff = UserFactory(is_demo=True)
    give_role(user=staff, role="care", giver=None, at=NOW)
    setting_up = browser_of(staff)

    def counts() -> list[int]:
        search(person)
        found = count(person, "/care/practices/")
        return [
            found,
            count(person, "/care/"),
            count(person, "/care/code/"),
            count(practice, "/practice/"),
            count(practice, "/practice/bookings/"),
            count(practice, "/practice/hours/"),
            count(setting_up, "/staff/practices/"),
            count(setting_up, f"/staff/practices/{desk.practitioner.practice.slug}/"),
        ]

    book(client, desk)
    LicenceFactory(practitioner=desk.practitioner, confirmed_by=None, confirmed_at=None)
    # Two, because a form about one practitioner does not ask which.
    PractitionerFactory(practice=desk.practitioner.practice)
    make_desk("New house", status="pending", confirmed_by=None, confirmed_at=None)
    first = counts()
    for n in range(1, 3):
        book(client, desk, NEXT_THURSDAY_NINE + dt.timedelta(hours=2 * n))
        other = PractitionerFactory(practice=desk.practitioner.practice)
        LicenceFactory(practitioner=other)
        LicenceFactory(practitioner=other, confirmed_by=None, confirmed_at=None)
        WeeklyHoursFactory(practitioner=other)
        make_desk(f"House {n}")
        make_desk(f"New house {n}", status="pending", confirmed_by=None, confirmed_at=None)
    assert counts() == first
