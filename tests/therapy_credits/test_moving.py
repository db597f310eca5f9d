"""Another time, another place, a licence that ends, a practice that cannot go on: never at the
person's cost; and what practitioners' own calendars say."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AccessLook, AuditEntry, Role, User
from accounts.services.grants import give_role
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import (
    LicenceFactory,
    PracticeMembershipFactory,
    PractitionerFactory,
    UserFactory,
)
from tests.therapy_credits.care import (
    HERE,
    LONDON,
    NEXT_THURSDAY_NINE,
    THURSDAY_NINE,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from tests.therapy_credits.conftest import DAY
from tests.therapy_credits.test_care_races import assert_books_are_right, at_once
from therapy_credits.domain.busy import NotACalendar, read_busy
from therapy_credits.domain.matching import Need
from therapy_credits.domain.working_days import due_after
from therapy_credits.errors import (
    AlreadyClosed,
    HoldTooShort,
    NotEnoughSessions,
    NotLicensedThere,
    NotPausedByItself,
    SlotTaken,
    TooLate,
    TooLateToMove,
)
from therapy_credits.models import Booking, BusyTime, CareCase, Practice, Transfer
from therapy_credits.queries.calendar import calendar_entries
from therapy_credits.services import cases, lapses, practices
from therapy_credits.services.bookings import (
    Whereabouts,
    cancel_booking,
    confirm_session,
    leave_place,
    move_booking,
    practice_cancel,
    slots_to_move_to,
)
from therapy_credits.services.endings import end_care
from therapy_credits.services.reminders import remind_people

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)
LATER = NEXT_THURSDAY_NINE + 3 * HOUR
NEED = Need("GB", "", "en", "online", frozenset({"touring"}))


@pytest.fixture(autouse=True)
def _second_factor_has_its_own_tests(settings: Any) -> None:
    settings.REQUIRE_MFA = False


@pytest.fixture
def client_() -> Client:
    return make_client()


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def care() -> User:
    user = UserFactory(name="Care One")
    give_role(user=user, role=Role.CARE, giver=None, at=NOW)
    return user


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user, backend="accounts.adapters.SignInBackend")
    return browser


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def move(booking: Booking, client: Client, to: dt.datetime = LATER, **other: Any) -> Booking:
    facts = {"where": HERE, "at": NOW} | other
    return move_booking(booking=booking, user=client.user, starts_at=to, **facts)


# --- Another time --------------------------------------------------------------------------


def test_moved_the_hold_stays_as_it_is(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    moved = move(booking, client_)
    assert (moved.starts_at, moved.ends_at) == (LATER, LATER + dt.timedelta(minutes=50))
    assert (moved.hold_group, moved.hold_until) == (booking.hold_group, booking.hold_until)
    assert Transfer.objects.filter(group=booking.hold_group).count() == 1
    assert left_booked_used(client_) == (2, 1, 0)


def test_moving_there_again_changes_nothing_and_tells_nobody_twice(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    for _ in range(2):
        moved = move(booking, client_)
    assert moved.move_count == 1
    changed = Message.objects.filter(subject__endswith="changed")
    assert changed.filter(to=client_.user.email).count() == 1
    assert changed.filter(to=booking.practice.contact_email).count() == 1


def test_moved_twice_from_pages_opened_before_both_hear_twice(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    for hours in (1, 2):  # each page shows the booking as it was before the first move
        move(booking, client_, LATER + hours * HOUR)
    changed = Message.objects.filter(subject__endswith="changed")
    assert changed.filter(to=client_.user.email).count() == 2
    assert changed.filter(to=booking.practice.contact_email).count() == 2


def test_a_half_overlapping_time_of_ones_own_is_free(client_: Client, desk: Desk) -> None:
    desk.service.minutes = 110
    desk.service.save()
    booking = book(client_, desk)
    overlapping = booking.starts_at + 2 * HOUR
    assert overlapping in slots_to_move_to(booking, at=NOW)


def test_the_calendar_hears_a_higher_sequence(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    move(booking, client_)
    entry = calendar_entries([client_.token], time_zone="UTC", since=NOW)[0]
    assert "SEQUENCE:2" in str(entry)
    assert "20260611T110000Z" in str(entry)


def test_the_reminder_is_of_the_new_time(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    remind_people(at=NEXT_THURSDAY_NINE - DAY)
    move(booking, client_, NEXT_THURSDAY_NINE + 7 * DAY, at=NEXT_THURSDAY_NINE - 25 * HOUR)
    remind_people(at=NEXT_THURSDAY_NINE + 6 * DAY)
    assert Message.objects.filter(subject__endswith="tomorrow").count() == 2


def test_late_it_can_only_be_cancelled_by_policy(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    with pytest.raises(TooLateToMove):
        move(booking, client_, NEXT_THURSDAY_NINE + 7 * DAY, at=NEXT_THURSDAY_NINE - HOUR)
    booking.refresh_from_db()
    assert booking.starts_at == NEXT_THURSDAY_NINE


def test_a_taken_time_and_a_place_without_a_licence_are_refused(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    book(make_client("other"), desk, LATER)
    with pytest.raises(SlotTaken):
        move(booking, client_)
    with pytest.raises(NotLicensedThere):
        move(booking, client_, LATER + 2 * HOUR, where=Whereabouts("FR", "", LONDON))
    booking.refresh_from_db()
    assert (booking.starts_at, booking.move_count) == (NEXT_THURSDAY_NINE, 0)


def test_beyond_the_life_of_the_hold_it_cannot_go(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk, THURSDAY_NINE)
    first = move(booking, client_, THURSDAY_NINE + 21 * DAY, at=NOW - 12 * HOUR)
    late = THURSDAY_NINE + 28 * DAY
    with pytest.raises(HoldTooShort):
        move(first, client_, late, at=THURSDAY_NINE + 5 * DAY)
    assert late not in slots_to_move_to(first, at=THURSDAY_NINE + 5 * DAY)


def test_moving_in_the_browser(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    browser = browser_of(client_.user)
    page = reverse("therapy_credits:booking-move", args=[booking.reference])
    with time_machine.travel(NOW, tick=False):
        assert "It costs nothing." in text(browser.get(page))
        wrong = browser.post(page, {"slot": "2020-01-01T00:00:00+00:00"})
        assert "no longer free" in text(wrong)
        answer = browser.post(page, {"slot": LATER.isoformat()})
    assert answer["Location"] == reverse("therapy_credits:booking", args=[booking.reference])
    booking.refresh_from_db()
    assert booking.starts_at == LATER


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_move_to_one_time_and_one_has_it() -> None:
    desk = make_desk()
    people = [make_client(name) for name in ("one", "two")]
    mine = book(people[0], desk)
    theirs = book(people[1], desk, NEXT_THURSDAY_NINE + HOUR)
    answers = at_once(lambda: move(mine, people[0]), lambda: move(theirs, people[1]))
    assert sum(isinstance(answer, Booking) for answer in answers) == 1
    assert SlotTaken in answers
    assert Booking.objects.filter(starts_at=LATER).count() == 1
    assert_books_are_right()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_moving_races_the_practice_cancelling() -> None:
    desk, client = make_desk(), make_client()
    booking = book(client, desk)
    answers = at_once(
        lambda: move(booking, client),
        lambda: practice_cancel(booking=booking, membership=desk.membership, at=NOW),
    )
    booking.refresh_from_db()
    assert booking.status == "practice_cancelled"
    assert booking.move_count == sum(isinstance(a, Booking) for a in answers) - 1
    assert left_booked_used(client) == (3, 0, 0)
    assert_books_are_right()


# --- Another place -------------------------------------------------------------------------


def test_somewhere_else_that_day_it_is_free_of_charge_at_any_notice(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    minute_before = NEXT_THURSDAY_NINE - dt.timedelta(minutes=1)
    for _ in range(2):
        leave_place(booking=booking, user=client_.user, at=minute_before)
    assert left_booked_used(client_) == (3, 0, 0)
    booking.refresh_from_db()
    assert booking.status == "cancelled"
    other = book(client_, desk)
    with pytest.raises(TooLate):
        leave_place(booking=other, user=client_.user, at=NEXT_THURSDAY_NINE)


def test_two_days_before_the_person_is_asked(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    page = reverse("therapy_credits:booking", args=[booking.reference])
    browser = browser_of(client_.user)
    question = "Will you still be in United Kingdom?"
    with time_machine.travel(NEXT_THURSDAY_NINE - 3 * DAY, tick=False):
        assert question not in text(browser.get(page))
    with time_machine.travel(NEXT_THURSDAY_NINE - DAY, tick=False):
        assert question in text(browser.get(page))
        away = reverse("therapy_credits:booking-elsewhere", args=[booking.reference])
        assert browser.post(away)["Location"] == reverse("therapy_credits:find")
    assert left_booked_used(client_) == (3, 0, 0)


# --- Licences --------------------------------------------------------------------------------


def test_practices_are_warned_at_thirty_and_fourteen_days_once_each(desk: Desk) -> None:
    licence = desk.practitioner.licences.get()
    licence.expires_on = NOW.date() + 40 * DAY
    licence.save()
    for days in range(50):
        lapses.warn_of_lapses(at=NOW + days * DAY)
    warnings = Message.objects.filter(to=desk.practitioner.practice.contact_email)
    assert [m.queued_at.date() - NOW.date() for m in warnings.order_by("pk")] == [
        10 * DAY,
        26 * DAY,
    ]


def test_a_withdrawn_licence_frees_what_is_booked_at_no_cost_and_stops_new_bookings(
    client_: Client, desk: Desk, care: User
) -> None:
    booking = book(client_, desk)
    licence = desk.practitioner.licences.get()
    for released in (1, 0):
        assert lapses.withdraw_licence(licence=licence, by=care, at=NOW) == released
    booking.refresh_from_db()
    assert booking.status == "practice_cancelled"
    assert left_booked_used(client_) == (3, 0, 0)
    assert Message.objects.filter(to=client_.user.email, subject__endswith="changed").exists()
    assert AuditEntry.objects.filter(verb="licence.withdraw").count() == 1
    with pytest.raises(NotLicensedThere):
        book(client_, desk)


def test_only_what_no_other_licence_covers_is_freed(client_: Client, desk: Desk) -> None:
    before = book(client_, desk)
    after = book(client_, desk, NEXT_THURSDAY_NINE + 7 * DAY)
    licence = desk.practitioner.licences.get()
    licence.expires_on = before.starts_at.date()
    licence.save()
    other = LicenceFactory(practitioner=desk.practitioner, confirmed_by=None, confirmed_at=None)
    assert lapses.release_uncovered(at=NOW) == 1, "one look does not make a licence"
    before.refresh_from_db()
    after.refresh_from_db()
    assert (before.status, after.status) == ("booked", "practice_cancelled")
    other.delete()


def test_staff_withdraw_a_licence_in_the_browser(
    client_: Client, desk: Desk, admin_user: User
) -> None:
    book(client_, desk)
    licence = desk.practitioner.licences.get()
    page = reverse(
        "therapy_credits:staff-licence-withdraw",
        args=[desk.practitioner.practice.slug, licence.pk],
    )
    with time_machine.travel(NOW, tick=False):
        said = text(browser_of(admin_user).post(page, follow=True))
    assert "1 booking was released" in said
    assert "withdrawn" in said


# --- Pausing, and endings -------------------------------------------------------------------


def test_a_practice_pauses_itself_and_opens_again(client_: Client, desk: Desk) -> None:
    own = PracticeMembershipFactory(practice=desk.practitioner.practice, role="owner")
    booking = book(client_, desk)
    practices.pause_itself(membership=own, is_paused=True, at=NOW)
    with pytest.raises(SlotTaken):
        book(client_, desk, LATER)
    booking.refresh_from_db()
    assert booking.is_open
    practices.pause_itself(membership=own, is_paused=False, at=NOW)
    assert book(client_, desk, LATER).is_open


def test_what_staff_paused_it_cannot_open(desk: Desk, care: User) -> None:
    own = PracticeMembershipFactory(practice=desk.practitioner.practice, role="owner")
    practices.set_status(practice=own.practice, status=Practice.Status.PAUSED, by=care, at=NOW)
    with pytest.raises(NotPausedByItself):
        practices.pause_itself(membership=own, is_paused=False, at=NOW)


def test_only_the_owner_sees_the_switch(desk: Desk) -> None:
    own = PracticeMembershipFactory(practice=desk.practitioner.practice, role="owner")
    page = reverse("therapy_credits:practice-hours")
    assert "Pause the whole practice" not in text(browser_of(desk.membership.user).get(page))
    browser_of(desk.membership.user).post(page, {"action": "pause-practice"})
    own.practice.refresh_from_db()
    assert own.practice.status == "active"
    browser_of(own.user).post(page, {"action": "pause-practice"})
    own.practice.refresh_from_db()
    assert own.practice.status == "paused"


def test_we_cannot_continue_costs_the_person_nothing_and_the_desk_looks(
    client_: Client, desk: Desk, care: User
) -> None:
    done = book(client_, desk, THURSDAY_NINE)
    confirm_session(
        booking=done, membership=desk.membership, outcome="attended", at=THURSDAY_NINE + HOUR
    )
    at = THURSDAY_NINE + 2 * HOUR
    coming = book(client_, desk, at=at)
    for _ in range(2):
        case = end_care(booking=done, membership=desk.membership, at=at)
    coming.refresh_from_db()
    assert coming.status == "practice_cancelled"
    assert left_booked_used(client_, at) == (2, 0, 1)
    assert case.due_at == due_after(at, 1)
    assert CareCase.objects.count() == 1
    cases.take_case(case=case, by=care, at=at)
    other = make_desk("Quiet Room").practitioner
    cases.answer_search(case=case, practitioner=other, wait_until=None, by=care, at=at)
    with time_machine.travel(at, tick=False):
        page = text(browser_of(client_.user).get("/care/"))
    assert f"We found somebody who fits: {other.name}" in page


# --- Ask us to find somebody -----------------------------------------------------------------


def test_asked_for_is_sealed_and_answered_by_who_took_it(client_: Client, care: User) -> None:
    for _ in range(2):
        case = cases.ask_to_find(user=client_.user, need=NEED, at=NOW)
    assert CareCase.objects.count() == 1
    assert "touring" not in str(CareCase.objects.values())
    assert cases.need_of(case) == NEED
    browser = browser_of(care)
    page = reverse("therapy_credits:desk-case", args=[case.reference])
    with time_machine.travel(NOW, tick=False):
        assert client_.user.email not in text(browser.get(page))
        browser.post(page, {"action": "take"})
        said = text(browser.get(page))
        assert client_.user.email in said
        assert "United Kingdom" in said
        assert AccessLook.objects.filter(actor=care, subject_user=client_.user).exists()
        assert "needed" not in text(browser.post(page, {"action": "nobody"}, follow=True))
        case.refresh_from_db()
        assert case.is_open, "an answer without a day is none"
        browser.post(page, {"action": "nobody", "wait_until": "2026-07-01"})
        home = text(browser_of(client_.user).get("/care/"))
    assert "We look again by 1 July" in home
    mail = Message.objects.get(to=client_.user.email)
    assert mail.subject == f"Greenroom {case.reference}: changed"


def test_who_has_nothing_to_book_with_cannot_ask() -> None:
    with pytest.raises(NotEnoughSessions):
        cases.ask_to_find(user=UserFactory(), need=NEED, at=NOW)


# --- Busy calendars --------------------------------------------------------------------------


def ics(*events: str) -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:{uuid4()}\r\n{event}\r\nEND:VEVENT\r\n" for event in events
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{body}END:VCALENDAR\r\n".encode()


def busy(*events: str, zone: str = "Europe/London", days: int = 60) -> list[tuple[str, str]]:
    spans = read_busy(ics(*events), zone=ZoneInfo(zone), since=NOW, until=NOW + days * DAY)
    return [(f"{a:%d %b %H:%M}", f"{b:%d %b %H:%M}") for a, b in spans]


def test_times_are_read_whatever_zone_they_are_in() -> None:
    assert busy("DTSTART:20260611T090000Z\r\nDTEND:20260611T100000Z") == [
        ("11 Jun 09:00", "11 Jun 10:00")
    ]
    assert busy("DTSTART;TZID=America/New_York:20260611T090000\r\nDURATION:PT30M") == [
        ("11 Jun 13:00", "11 Jun 13:30")
    ]
    assert busy("DTSTART;VALUE=DATE:20260611") == [("10 Jun 23:00", "11 Jun 23:00")]


def test_what_is_free_or_cancelled_or_over_is_left_out() -> None:
    when = "DTSTART:20260611T090000Z\r\nDTEND:20260611T100000Z\r\n"
    assert busy(f"{when}TRANSP:TRANSPARENT", f"{when}STATUS:CANCELLED") == []
    assert busy("DTSTART:20250611T090000Z\r\nDTEND:20250611T100000Z") == []


def test_ten_stays_ten_when_the_clocks_change() -> None:
    found = busy(
        "DTSTART;TZID=Europe/London:20261018T100000\r\nDTEND;TZID=Europe/London:20261018T110000"
        "\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nEXDATE;TZID=Europe/London:20261101T100000",
        days=200,
    )
    assert [start for start, _ in found] == ["18 Oct 09:00", "25 Oct 10:00"]


def test_a_changed_instance_takes_the_place_of_its_own() -> None:
    uid = "UID:same\r\n"
    series = f"{uid}DTSTART:20260611T090000Z\r\nDTEND:20260611T100000Z\r\nRRULE:FREQ=DAILY;COUNT=2"
    changed = (
        f"{uid}RECURRENCE-ID:20260612T090000Z\r\nDTSTART:20260612T150000Z\r\nDTEND:20260612T160000Z"
    )
    data = ics(series, changed).replace(b"UID:same", b"X-OLD:1\r\nUID:same")
    data = re.sub(rb"UID:[0-9a-f-]{36}\r\n", b"", data)
    spans = read_busy(data, zone=LONDON, since=NOW, until=NOW + 60 * DAY)
    assert [f"{a:%d %H}" for a, _ in spans] == ["11 09", "12 15"]


@pytest.mark.parametrize("data", [b"hello", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"\xff\xfe"])
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    with pytest.raises(NotACalendar):
        read_busy(data, zone=LONDON, since=NOW, until=NOW + DAY)


def test_a_rule_without_end_does_not_run_for_ever() -> None:
    with pytest.raises(NotACalendar):
        busy("DTSTART:20200101T000000Z\r\nDURATION:PT1M\r\nRRULE:FREQ=SECONDLY")


def test_an_uploaded_calendar_closes_its_times_and_keeps_no_title(
    client_: Client, desk: Desk
) -> None:
    page = reverse("therapy_credits:practice-hours")
    browser = browser_of(desk.membership.user)
    title = "SUMMARY:Dinner with Wren"
    data = ics(f"DTSTART:20260611T080000Z\r\nDTEND:20260611T090000Z\r\n{title}")
    with time_machine.travel(NOW, tick=False):
        upload = SimpleUploadedFile("me.ics", data)
        facts = {"action": "busy", "busy-practitioner": desk.practitioner.pk}
        said = text(browser.post(page, facts | {"busy-calendar": upload}, follow=True))
        assert "1 busy time is kept" in said
        assert "Dinner" not in str(BusyTime.objects.values())
        with pytest.raises(SlotTaken):
            book(client_, desk)
        wrong = SimpleUploadedFile("me.ics", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT")
        said = text(browser.post(page, facts | {"busy-calendar": wrong}))
        assert "could not be read as a calendar" in said
        assert BusyTime.objects.count() == 1
        browser.post(page, {"action": "forget-busy", "id": desk.practitioner.pk})
    assert book(client_, desk).is_open


def test_hours_take_the_same_queries_for_two_practitioners_as_for_four(desk: Desk) -> None:
    PractitionerFactory(practice=desk.practitioner.practice)
    page = reverse("therapy_credits:practice-hours")
    browser = browser_of(desk.membership.user)
    counts = []
    for _ in range(2):
        browser.get(page)
        with CaptureQueriesContext(connection) as queries:
            browser.get(page)
        counts.append(len(queries))
        for _ in range(2):
            PractitionerFactory(practice=desk.practitioner.practice)
    assert counts[0] == counts[1]


def test_a_cancelled_booking_cannot_be_moved(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    cancel_booking(booking=booking, user=client_.user, agreed="in_time", at=NOW)
    with pytest.raises(AlreadyClosed):
        move(booking, client_)
