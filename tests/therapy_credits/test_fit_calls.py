"""A free first call: it takes a time, and nothing else."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AccessLook
from ambassadors.models import AdultConfirmation
from ambassadors.services.agreements import withdraw_consent
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import BookingFactory, FitCallFactory, UserFactory
from tests.therapy_credits.care import (
    CLIENT_CONTACT,
    CLIENT_NAME,
    LONDON,
    NEXT_THURSDAY_NINE,
    PROGRAMME_NAME,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from tests.therapy_credits.test_care_races import at_once
from tests.therapy_credits.test_doors import browser_of, text
from therapy_credits.domain.matching import Need
from therapy_credits.errors import (
    AdultsOnly,
    BusyThen,
    ConsentMissing,
    NoFitCall,
    NotEnoughSessions,
    NotLicensedThere,
    RequestReused,
    SlotTaken,
    TooLate,
)
from therapy_credits.models import Booking, FitCall, StatementLine, Transfer
from therapy_credits.queries.calendar import calendar_entries
from therapy_credits.queries.practices import open_slots_of, open_times_for_call
from therapy_credits.services import bookings, fit_calls, lapses
from therapy_credits.services.bookings import Identity
from therapy_credits.services.endings import end_care
from therapy_credits.services.fit_calls import (
    book_fit_call,
    cancel_fit_call,
    practice_cancel_fit_call,
    purge_calls,
)
from therapy_credits.services.looks import BOOKING
from therapy_credits.services.reminders import remind_of_calls

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
WEEK = 7 * DAY
NEED = Need("GB", "", "en", "online", frozenset())


@pytest.fixture(autouse=True)
def _still(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client_() -> Client:
    return make_client()


def open_desk(name: str = "Lantern House", minutes: int = 15) -> Desk:
    desk = make_desk(name)
    desk.practitioner.fit_call_minutes = minutes
    desk.practitioner.save()
    return desk


def call(
    client: Client,
    desk: Desk,
    starts_at: dt.datetime = NEXT_THURSDAY_NINE,
    *,
    need: Need = NEED,
    request_id: UUID | None = None,
    at: dt.datetime = NOW,
) -> FitCall:
    return book_fit_call(
        user=client.user,
        practitioner=desk.practitioner,
        starts_at=starts_at,
        need=need,
        time_zone=LONDON,
        identity=Identity(CLIENT_NAME, CLIENT_CONTACT),
        request_id=request_id or uuid4(),
        at=at,
    )


# --- What it costs: nothing ------------------------------------------------------------------


def test_the_books_know_nothing_of_a_call(client_: Client) -> None:
    desk = open_desk()
    before = list(Transfer.objects.order_by("pk").values())
    one = call(client_, desk)
    two = call(client_, open_desk("Harbour Rooms"), NEXT_THURSDAY_NINE + 60 * MINUTE)
    cancel_fit_call(call=one, user=client_.user, at=NOW + MINUTE)
    practice_cancel_fit_call(call=two, membership=desk.membership, at=NOW + MINUTE)
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert left_booked_used(client_) == (3, 0, 0)
    assert not Booking.objects.exists()
    assert not StatementLine.objects.exists()


def test_the_same_form_sent_twice_is_one_call(client_: Client) -> None:
    desk, request_id = open_desk(), uuid4()
    assert call(client_, desk, request_id=request_id) == call(client_, desk, request_id=request_id)
    assert FitCall.objects.count() == 1
    with pytest.raises(RequestReused):
        call(client_, desk, NEXT_THURSDAY_NINE + 60 * MINUTE, request_id=request_id)


# --- Who can have one ------------------------------------------------------------------------


def test_only_where_it_is_offered(client_: Client) -> None:
    desk = open_desk(minutes=0)
    assert open_times_for_call(desk.practitioner, at=NOW, until=NOW + WEEK) == []
    with pytest.raises(NoFitCall):
        call(client_, desk)


def test_it_is_for_adults_with_consent_and_a_session_to_book(client_: Client) -> None:
    desk = open_desk()
    with pytest.raises(NotEnoughSessions):
        call(make_client("emptied", units=0), desk)
    AdultConfirmation.objects.filter(user=client_.user).delete()
    with pytest.raises(AdultsOnly):
        call(client_, desk)
    withdraw_consent(user=client_.user, at=NOW)
    with pytest.raises(ConsentMissing):
        call(client_, desk)
    assert not FitCall.objects.exists()


def test_there_is_one_with_each_and_none_after_a_session(client_: Client) -> None:
    desk, other = open_desk(), open_desk("Harbour Rooms")
    call(client_, desk)
    with pytest.raises(NoFitCall, match="one first call with each"):
        call(client_, desk, NEXT_THURSDAY_NINE + 60 * MINUTE)
    book(client_, other, NEXT_THURSDAY_NINE + 120 * MINUTE)
    with pytest.raises(NoFitCall, match="one first call with each"):
        call(client_, other, NEXT_THURSDAY_NINE + 60 * MINUTE)


def test_there_are_so_many_a_year_and_what_was_cancelled_does_not_count(
    client_: Client, settings: Any
) -> None:
    settings.FIT_CALLS_A_YEAR = 2
    desks = [open_desk(f"House {n}") for n in range(3)]
    one = call(client_, desks[0], NEXT_THURSDAY_NINE)
    call(client_, desks[1], NEXT_THURSDAY_NINE + 60 * MINUTE)
    with pytest.raises(NoFitCall, match="as many free calls"):
        call(client_, desks[2], NEXT_THURSDAY_NINE + 120 * MINUTE)
    cancel_fit_call(call=one, user=client_.user, at=NOW)
    call(client_, desks[2], NEXT_THURSDAY_NINE + 120 * MINUTE)
    assert FitCall.objects.kept().count() == 2


def test_a_licence_counts_for_a_call_too(client_: Client) -> None:
    with pytest.raises(NotLicensedThere):
        call(client_, open_desk(), need=Need("FR", "", "en", "online", frozenset()))


# --- Its time --------------------------------------------------------------------------------


def test_a_call_and_a_session_take_time_from_one_another(client_: Client) -> None:
    desk = open_desk()
    practitioner, until = desk.practitioner, NOW + 2 * WEEK
    call(client_, desk)
    assert NEXT_THURSDAY_NINE not in open_slots_of(practitioner, desk.service, at=NOW, until=until)
    with pytest.raises(SlotTaken):
        book(make_client("second"), desk)
    later = NEXT_THURSDAY_NINE + 120 * MINUTE
    book(make_client("third"), desk, later)
    assert later not in open_times_for_call(practitioner, at=NOW, until=until)
    with pytest.raises(SlotTaken):
        call(make_client("fourth"), desk, later)


def test_nobody_talks_while_they_are_in_a_session(client_: Client) -> None:
    book(client_, make_desk("Harbour Rooms"))
    with pytest.raises(BusyThen):
        call(client_, open_desk())


def test_the_database_keeps_calls_and_sessions_apart_whoever_writes(client_: Client) -> None:
    one = FitCallFactory(starts_at=NEXT_THURSDAY_NINE)
    other = {"practitioner": one.practitioner, "pool": client_.pool}
    with pytest.raises(IntegrityError, match="call or a session"), transaction.atomic():
        BookingFactory(starts_at=NEXT_THURSDAY_NINE - 40 * MINUTE, **other)
    session = BookingFactory(starts_at=NEXT_THURSDAY_NINE + 15 * MINUTE, **other)
    with pytest.raises(IntegrityError, match="call or a session"), transaction.atomic():
        Booking.objects.filter(pk=session.pk).update(starts_at=NEXT_THURSDAY_NINE)
    with pytest.raises(IntegrityError, match="call or a session"), transaction.atomic():
        FitCall.objects.filter(pk=one.pk).update(ends_at=session.ends_at)
    with pytest.raises(IntegrityError, match="fit_call_practitioner_one"), transaction.atomic():
        FitCallFactory(practitioner=one.practitioner, starts_at=NEXT_THURSDAY_NINE + 14 * MINUTE)
    with pytest.raises(IntegrityError, match="fit_call_person_one"), transaction.atomic():
        FitCallFactory(subject=one.subject, starts_at=NEXT_THURSDAY_NINE)
    with pytest.raises(IntegrityError, match="fit_call_one_with_each"), transaction.atomic():
        FitCallFactory(
            practitioner=one.practitioner, subject=one.subject, starts_at=NEXT_THURSDAY_NINE + DAY
        )
    # Cancelled late, a session gives its time away, and cannot have it back.
    Booking.objects.filter(pk=session.pk).update(status="late_cancel", resolved_at=NOW)
    FitCallFactory(practitioner=one.practitioner, starts_at=NEXT_THURSDAY_NINE + 20 * MINUTE)
    with pytest.raises(IntegrityError, match="call or a session"), transaction.atomic():
        Booking.objects.filter(pk=session.pk).update(status="booked", resolved_at=None)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"status": "gone"}, "fit_call_status_known"),
        ({"status": "cancelled"}, "fit_call_status_known"),
        ({"ends_at": NOW}, "fit_call_ends_after_start"),
    ],
)
def test_a_call_cannot_be_written_wrong(fields: dict[str, Any], rule: str) -> None:
    one = FitCallFactory()
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        FitCall.objects.filter(pk=one.pk).update(**fields)


def test_a_length_is_one_of_those_there_are() -> None:
    desk = open_desk()
    with pytest.raises(IntegrityError, match="fit_call_length_known"), transaction.atomic():
        type(desk.practitioner).objects.update(fit_call_minutes=240)


def race_for_one_time() -> list[Any]:
    desk = open_desk()
    caller, booker = make_client("caller"), make_client("booker")
    return at_once(lambda: call(caller, desk), lambda: book(booker, desk))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_call_and_a_session_at_once_and_one_has_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the services' lock: the database alone.
    for module in (bookings, fit_calls):
        monkeypatch.setattr(module, "lock_practitioner", lambda one: one)
    answers = race_for_one_time()
    assert SlotTaken in answers
    assert Booking.objects.count() + FitCall.objects.count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_locks_and_triggers_both_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both_have_looked = threading.Barrier(2)

    def slowly(look: Callable[..., Any]) -> Callable[..., Any]:
        def look_and_wait(*args: Any, **kwargs: Any) -> Any:
            found = look(*args, **kwargs)
            both_have_looked.wait(60)
            return found

        return look_and_wait

    for module, look in ((bookings, "open_slots_of"), (fit_calls, "open_times_for_call")):
        monkeypatch.setattr(module, look, slowly(getattr(module, look)))
        monkeypatch.setattr(module, "lock_practitioner", lambda one: one)
    tables = ("therapy_credits_booking", "therapy_credits_fitcall")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        race_for_one_time()
        assert (Booking.objects.count(), FitCall.objects.count()) == (1, 1)
    finally:
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_five_calls_at_once_stay_within_the_limit(settings: Any) -> None:
    settings.FIT_CALLS_A_YEAR = 2
    client = make_client()
    desks = [open_desk(f"House {n}") for n in range(5)]
    answers = at_once(
        *(
            lambda n=n, desk=desk: call(client, desk, NEXT_THURSDAY_NINE + n * 60 * MINUTE)
            for n, desk in enumerate(desks)
        )
    )
    assert sum(isinstance(answer, FitCall) for answer in answers) == 2
    assert answers.count(NoFitCall) == 3


# --- Who cancels, who is told ----------------------------------------------------------------


def test_each_can_cancel_until_it_begins_and_the_other_is_told(client_: Client) -> None:
    desk = open_desk()
    one = call(client_, desk)
    house = desk.practitioner.practice.contact_email
    assert {mail.to for mail in Message.objects.all()} == {client_.user.email, house}
    for _ in range(2):
        cancel_fit_call(call=one, user=client_.user, at=NOW)
    assert Message.objects.filter(to=house).count() == 2
    two = call(client_, desk)
    begun = NEXT_THURSDAY_NINE
    with pytest.raises(TooLate):
        cancel_fit_call(call=two, user=client_.user, at=begun)
    with pytest.raises(TooLate):
        practice_cancel_fit_call(call=two, membership=desk.membership, at=begun)
    practice_cancel_fit_call(call=two, membership=desk.membership, at=begun - MINUTE)
    assert Message.objects.filter(to=client_.user.email).count() == 4
    said = "".join(f"{mail.subject} {mail.text}" for mail in Message.objects.all())
    for word in (desk.practitioner.name, "Lantern", CLIENT_NAME, PROGRAMME_NAME, "call"):
        assert word not in said.replace("/calls/", "")


def test_the_day_before_one_neutral_reminder(client_: Client) -> None:
    one = call(client_, open_desk())
    for hours in (25, 23, 22):
        remind_of_calls(at=NEXT_THURSDAY_NINE - dt.timedelta(hours=hours))
    reminder = Message.objects.get(key=f"fit-call:{one.reference}:tomorrow")
    assert reminder.subject == f"Greenroom {one.reference}: tomorrow"


def test_a_lapse_and_an_ending_call_it_off(client_: Client) -> None:
    desk = open_desk()
    one = call(client_, desk)
    lapses.withdraw_licence(
        licence=desk.practitioner.licences.get(), by=UserFactory(name="Staff"), at=NOW
    )
    one.refresh_from_db()
    assert one.status == FitCall.Status.PRACTICE_CANCELLED
    other = open_desk("Harbour Rooms")
    two = call(client_, other)
    session = book(client_, other, NEXT_THURSDAY_NINE + 120 * MINUTE)
    end_care(booking=session, membership=other.membership, at=NOW)
    two.refresh_from_db()
    assert two.status == FitCall.Status.PRACTICE_CANCELLED


def test_a_month_later_names_are_forgotten_and_a_year_later_the_call(client_: Client) -> None:
    one = call(client_, open_desk())
    assert purge_calls(at=one.ends_at + 29 * DAY).rows == 0
    assert purge_calls(at=one.ends_at + 30 * DAY).rows == 1
    one.refresh_from_db()
    assert (one.client_name, one.client_contact) == ("", "")
    with time_machine.travel(one.ends_at + 31 * DAY, tick=False):
        page = browser_of(client_.user).get(
            reverse("therapy_credits:fit-call", args=[one.reference])
        )
    assert "What the practice sees" not in text(page)
    assert purge_calls(at=one.ends_at + 365 * DAY).rows == 1
    assert not FitCall.objects.exists()


def test_in_the_feed_it_is_busy_and_taken_back_when_cancelled(client_: Client) -> None:
    one = call(client_, open_desk())

    def entry() -> str:
        (found,) = calendar_entries([client_.token], time_zone="Europe/London", since=NOW)
        return found.text

    assert "SUMMARY:Busy" in entry()
    assert "STATUS:CONFIRMED" in entry()
    cancel_fit_call(call=one, user=client_.user, at=NOW)
    assert "SEQUENCE:1" in entry()
    assert "STATUS:CANCELLED" in entry()


# --- The pages -------------------------------------------------------------------------------


def looking(client: Client) -> Browser:
    browser = browser_of(client.user)
    browser.post(
        reverse("therapy_credits:find"), {"country": "GB", "language": "en", "format": "online"}
    )
    return browser


def test_from_the_search_to_a_call_and_on_to_a_session(client_: Client) -> None:
    desk = open_desk()
    browser, slug = looking(client_), desk.practitioner.slug
    person = reverse("therapy_credits:practitioner", args=[slug])
    assert "Offers a free first call of 15 minutes" in text(
        browser.get(reverse("therapy_credits:find"))
    )
    assert "Arrange a free call" in text(browser.get(person))
    page = reverse("therapy_credits:fit-call-new", args=[slug])
    assert "It takes none of your sessions" in text(browser.get(page))
    facts = {"request_id": uuid4(), "name": CLIENT_NAME, "contact": CLIENT_CONTACT}
    assert "Choose a time." in text(browser.post(page, facts))
    answer = browser.post(page, {**facts, "slot": NEXT_THURSDAY_NINE.isoformat()}, follow=True)
    one = FitCall.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("therapy_credits:fit-call", args=[one.reference])
    assert "Cancel the call" in text(answer)
    assert "Free first call" in text(browser.get("/care/"))
    with time_machine.travel(one.ends_at, tick=False):
        browser.force_login(client_.user, "accounts.adapters.SignInBackend")
        assert "Did you get on?" in text(browser.get("/care/"))
        after = reverse("therapy_credits:fit-call-next", args=[one.reference])
        assert browser.post(after, {"to": "others"})["Location"] == reverse("therapy_credits:find")
        answer = browser.post(after, {"to": "them"}, follow=True)
        assert answer.redirect_chain[-1][0] == person
        assert "Book this time" in text(answer)
        assert "Arrange a free call" not in text(answer)


def test_what_is_taken_or_not_offered_is_said_on_the_page(client_: Client) -> None:
    desk = open_desk()
    browser = looking(client_)
    page = reverse("therapy_credits:fit-call-new", args=[desk.practitioner.slug])
    call(client_, desk)
    assert "one first call with each" in text(browser.get(page, follow=True))
    nobody = reverse("therapy_credits:fit-call-new", args=["nobody"])
    assert browser.get(nobody, follow=True).status_code == 404


def test_the_practice_sees_it_among_its_day_and_calls_it_off(client_: Client) -> None:
    desk = open_desk()
    one = call(client_, desk)
    portal = browser_of(desk.membership.user)
    page = reverse("therapy_credits:practice-fit-call", args=[one.reference])
    assert CLIENT_NAME in text(portal.get(reverse("therapy_credits:practice-bookings")))
    shown = text(portal.get(page))
    assert CLIENT_CONTACT in shown
    assert PROGRAMME_NAME not in shown
    assert AccessLook.objects.filter(what=BOOKING).count() == 1
    with time_machine.travel(one.starts_at, tick=False):
        today = browser_of(desk.membership.user).get(reverse("therapy_credits:practice-today"))
        assert "Free first call" in text(today)
        assert "Attended" not in text(today)
    portal.post(page)
    one.refresh_from_db()
    assert one.status == FitCall.Status.PRACTICE_CANCELLED
    assert "had to cancel this call" in text(
        browser_of(client_.user).get(reverse("therapy_credits:fit-call", args=[one.reference]))
    )


def queries_of(browser: Browser, page: str) -> int:
    browser.get(page)  # the first request of a session does more than the others
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(page).status_code == 200
    return len(queries)


def test_lists_take_the_same_queries_for_one_call_as_for_three(client_: Client) -> None:
    desk = open_desk()
    own, portal = browser_of(client_.user), browser_of(desk.membership.user)
    pages = [
        (own, "/care/"),
        (portal, reverse("therapy_credits:practice-today")),
        (portal, reverse("therapy_credits:practice-bookings")),
    ]

    def add(number: int) -> None:
        """One of this client's with somebody else, one of this practice today, and one over."""
        later = NOW + number * DAY
        FitCallFactory(subject=client_.token, starts_at=later)
        FitCallFactory(subject=client_.token, starts_at=NOW - number * DAY)
        FitCallFactory(
            practitioner=desk.practitioner, starts_at=NOW + number * dt.timedelta(hours=1)
        )

    add(1)
    one = [queries_of(browser, page) for browser, page in pages]
    add(2)
    add(3)
    assert [queries_of(browser, page) for browser, page in pages] == one
    assert text(own.get("/care/")).count("Free first call") == 3


def test_a_practice_says_whether_and_how_long() -> None:
    desk = make_desk()
    portal = browser_of(desk.membership.user)
    page, pk = reverse("therapy_credits:practice-hours"), desk.practitioner.pk
    portal.post(page, {"action": "fit-call", "id": pk, "minutes": "20"})
    desk.practitioner.refresh_from_db()
    assert desk.practitioner.fit_call_minutes == 20
    portal.post(page, {"action": "fit-call", "id": pk, "minutes": "999"})
    other = make_desk("Harbour Rooms").practitioner
    assert (
        portal.post(page, {"action": "fit-call", "id": other.pk, "minutes": "20"}).status_code
        == 404
    )
    desk.practitioner.refresh_from_db()
    assert desk.practitioner.fit_call_minutes == 20
