"""Money becomes sessions, and sessions become a report: steps 3 and 7 of the main job."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import override_settings
from playwright.sync_api import Page, expect

from accounts.models import Role
from tests.conftest import NOW, make_staff, make_user
from tests.factories import EnrolmentFactory, ProgrammeFactory, TermFactory
from tests.journeys.conftest import PHONE, Open
from therapy_credits.services.allocation import allocate_due
from therapy_credits.services.funding import book_decided

# Summer 2026: the second quarter is over and has settled.
LATER = dt.datetime(2026, 7, 20, 9, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def without_second_factor() -> Iterator[None]:
    with override_settings(REQUIRE_MFA=False):
        yield


def test_finance_funds_a_pool_a_second_person_approves_and_the_ambassador_has_sessions(
    open_page: Open, check_accessible: Callable[[Page], None]
) -> None:
    term = TermFactory(programme=ProgrammeFactory(name="Open Door"), name="2026")
    ambassador = make_user("wren")
    EnrolmentFactory(term=term, user=ambassador)
    finance = make_staff("jo", Role.FINANCE)
    admin = make_staff("ada", Role.ADMIN)
    with time_machine.travel(NOW, tick=True):
        page = open_page("/staff/pools/new/", user=finance)
        page.get_by_label("Name of the pool").fill("Harbour Trust")
        page.get_by_label("Partner who pays").fill("Harbour Records")
        page.get_by_label("Country").fill("GB")
        page.get_by_label("Currency").fill("GBP")
        page.get_by_label("Ceiling price of a session").fill("90")
        page.get_by_role("button", name="Open the pool").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Harbour Trust")
        pool = page.url

        page.get_by_role("link", name="New policy").click()
        page.get_by_label("Term", exact=True).select_option(index=1)
        page.get_by_role("button", name="Save").click()
        page.goto(pool)
        page.get_by_role("link", name="Add funding").click()
        # Too little money for so many sessions is met with help, and nothing is asked.
        page.get_by_label("Sessions", exact=True).fill("40")
        page.get_by_label("Amount in GBP").fill("100")
        page.get_by_label("Reference").fill("HT-2026-1")
        page.get_by_role("button", name="Ask for approval").click()
        expect(page.get_by_text("There is a problem")).to_be_visible()
        page.get_by_label("Amount in GBP").fill("3600")
        page.get_by_role("button", name="Ask for approval").click()
        check_accessible(page)

        second = open_page("/staff/approvals/", user=admin)
        second.get_by_role("button", name="Approve").click()
        expect(second.get_by_text("Decided.")).to_be_visible()
        # What the scheduler does within minutes.
        book_decided(at=NOW)
        allocate_due(at=NOW)

        page.goto(pool)
        expect(page.get_by_role("row", name="Paid in 40")).to_be_visible()
        home = open_page("/care/", user=ambassador, width=PHONE)
        expect(home.get_by_text("6 left")).to_be_visible()


def test_an_analyst_publishes_a_quarter_that_tells_nobody_who(
    open_page: Open, check_accessible: Callable[[Page], None]
) -> None:
    crowd = TermFactory(programme=ProgrammeFactory(name="Open Door"))
    EnrolmentFactory.create_batch(14, term=crowd)
    few = TermFactory(programme=ProgrammeFactory(name="Small Hours"))
    EnrolmentFactory.create_batch(3, term=few)
    analyst = make_staff("noor", Role.ANALYST)
    with time_machine.travel(LATER, tick=True):
        page = open_page("/staff/reports/", user=analyst)
        page.get_by_role("link", name="Quarter 2 of 2026").click()
        page.get_by_role("button", name="Publish for good").click()
        expect(page.get_by_text("It will not change any more.")).to_be_visible()
        ambassadors = page.get_by_role("region", name="Ambassadors")
        expect(ambassadors.get_by_role("row", name="Open Door 15")).to_be_visible()
        expect(ambassadors.get_by_role("row", name="Small Hours withheld")).to_be_visible()
        expect(ambassadors.get_by_role("row", name="All together withheld")).to_be_visible()
        check_accessible(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        assert download.value.suggested_filename == "usage-2026-q2.csv"
