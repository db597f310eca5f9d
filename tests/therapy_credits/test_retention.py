"""The way from a session to its person is forgotten; the books stay as they are."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts.models import User
from notifications.models import Purge
from tests.conftest import NOW
from tests.factories import CareCaseFactory, GiftFactory, SessionCodeFactory
from tests.therapy_credits.care import Client, Desk, book, make_client, make_desk
from tests.therapy_credits.test_care_pages import desk_browser
from tests.therapy_credits.test_care_races import assert_books_are_right
from therapy_credits.models import Account, Booking, CareCase, CareKey, Concern, Statement, Subject
from therapy_credits.models.statements import StatementLine
from therapy_credits.services.bookings import cancel_booking, confirm_session
from therapy_credits.services.concerns import close_concern, name_lead, raise_concern
from therapy_credits.services.expiry import expire_lots
from therapy_credits.services.retention import forget_care
from therapy_credits.services.subjects import own_tokens, person_to_reach

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
YEAR = 365 * DAY


@pytest.fixture
def client_() -> Client:
    return make_client(units=3)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def settle(booking: Booking, at: dt.datetime) -> None:
    statement = Statement.objects.create(
        id=uuid4(),
        practice=booking.practice,
        currency="GBP",
        month=dt.date(2026, 7, 1),
        drafted_at=at,
        approved_at=at,
        status="approved",
    )
    StatementLine.objects.create(
        statement=statement,
        booking=booking,
        pool=booking.pool,
        held_on=at.date(),
        outcome="attended",
        units=1,
        amount_minor=6000,
    )


def test_what_was_told_for_a_session_goes_a_year_after_it_was_settled(
    client_: Client, desk: Desk, settings: Settings
) -> None:
    settings.REQUIRE_MFA = False
    held, off, ahead = (
        book(client_, desk, starts_at=NOW + (n * 7 + 1) * DAY - dt.timedelta(hours=4))
        for n in range(3)
    )
    cancel_booking(booking=off, user=client_.user, agreed="in_time", at=NOW)
    over = held.ends_at
    confirm_session(booking=held, membership=desk.membership, outcome="attended", at=over)
    assert forget_care(limit=10, at=NOW + YEAR - DAY) == 0
    assert forget_care(limit=10, at=over + 2 * YEAR) == 1, "cancelled; the other is not settled"
    settled_at = over + 30 * DAY
    settle(held, settled_at)
    assert forget_care(limit=10, at=settled_at + YEAR - DAY) == 0
    assert forget_care(limit=10, at=settled_at + YEAR) == 1
    assert forget_care(limit=10, at=settled_at + YEAR) == 0
    for booking in (held, off):
        booking = Booking.objects.get(pk=booking.pk)
        told = (booking.client_name, booking.client_contact, booking.country, booking.join_url)
        assert told == ("", "", "", "")
    assert Booking.objects.get(pk=ahead.pk).client_name
    browser = desk_browser(desk)
    for path in ("", f"{held.reference}/"):
        page = browser.get(f"/practice/bookings/{path}")
        assert page.status_code == 200
        assert "Name deleted" in page.text
    assert own_tokens(client_.user) == [client_.token], "the programme-year goes on"
    assert Purge.objects.filter(what="care", rows=1).count() == 2
    assert_books_are_right()


def test_nobody_is_behind_a_token_a_year_after_everything_was_over(client_: Client) -> None:
    key = CareKey.objects.filter(token=client_.token)
    expires_at = Account.objects.get(pk=client_.lot.pk).expires_at
    assert expires_at
    term_over = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    late = max(expires_at, term_over) + YEAR + 2 * DAY
    assert forget_care(limit=10, at=late) == 0, "units are left"
    expire_lots(at=expires_at)
    open_things = [
        SessionCodeFactory(subject=client_.token, pool=client_.pool),
        GiftFactory(giver_subject=client_.token, pool=client_.pool),
        CareCaseFactory(booking=None, subject=client_.token, kind="find", opened_at=NOW),
    ]
    for thing in open_things:
        assert forget_care(limit=10, at=late) == 0, thing
        type(thing)._default_manager.filter(pk=thing.pk).delete()
    assert forget_care(limit=10, at=late - 4 * YEAR) == 0
    assert key.exists()
    assert forget_care(limit=10, at=late) == 1
    assert not key.exists()
    assert own_tokens(client_.user) == []
    assert person_to_reach(client_.token) is None
    assert Subject.objects.filter(token=client_.token).exists(), "reports count it"
    assert_books_are_right()


def test_cases_and_worries_go_when_they_have_long_been_closed(care_coordinator: User) -> None:
    case = CareCaseFactory(
        booking=None, subject=uuid4(), kind="find", status="closed", outcome="found", closed_at=NOW
    )
    name_lead(user=care_coordinator, is_deputy=False, by=care_coordinator, at=NOW)
    one = raise_concern(who="Zq", words="Quiet.", by=care_coordinator, at=NOW)
    close_concern(concern=one, by=care_coordinator, at=NOW)
    assert forget_care(limit=10, at=NOW + YEAR - DAY) == 0
    assert forget_care(limit=10, at=NOW + YEAR) == 1
    assert not CareCase.objects.filter(pk=case.pk).exists()
    assert forget_care(limit=10, at=NOW + 1095 * DAY - DAY) == 0
    assert forget_care(limit=10, at=NOW + 1095 * DAY) == 1
    assert not Concern.objects.exists()
