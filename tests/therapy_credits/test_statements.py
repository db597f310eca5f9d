"""Was this right? What is disputed is not settled; what is owed adds up; two stand behind it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AccessLook, Approval, AuditEntry, Role, User
from accounts.services import approvals
from accounts.services.grants import give_role
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import PracticeMembershipFactory, StatementFactory, UserFactory
from tests.therapy_credits.care import (
    NEXT_THURSDAY_NINE,
    Client,
    Desk,
    book,
    left_booked_used,
    make_client,
    make_desk,
)
from tests.therapy_credits.conftest import DAY, STAFF, account_of, give, make_pool
from tests.therapy_credits.test_care_races import assert_books_are_right
from therapy_credits.errors import (
    CaseloadFull,
    NotEnoughSessions,
    NothingToReverse,
    NotYourCase,
    ReferenceUnknown,
    TooLate,
)
from therapy_credits.models import (
    Adjustment,
    Booking,
    CareCase,
    Kind,
    Limits,
    MissedSessionRule,
    Pool,
    SessionCode,
    Statement,
    StatementLine,
)
from therapy_credits.queries.pools import most_to_hand_back
from therapy_credits.services import adjustments, cases, funding, ledger, statements
from therapy_credits.services.bookings import (
    confirm_session,
    time_out_bookings,
    undo_confirmation,
)
from therapy_credits.services.reminders import ask_people
from therapy_credits.services.session_codes import issue_code, redeem_code

pytestmark = pytest.mark.django_db

AFTER = NEXT_THURSDAY_NINE + dt.timedelta(hours=1)
WEEK_LATER = AFTER + 7 * DAY
# The session is on 11 June; it is on the statement of June, drafted on 1 July.
JULY = dt.datetime(2026, 7, 1, 5, 0, tzinfo=dt.UTC)
AUGUST = dt.datetime(2026, 8, 1, 5, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _second_factor_has_its_own_tests(settings: Any) -> None:
    settings.REQUIRE_MFA = False


@pytest.fixture
def client_() -> Client:
    return make_client(units=4)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def care() -> User:
    user = UserFactory(name="Care One")
    give_role(user=user, role=Role.CARE, giver=None, at=NOW)
    return user


def told(client: Client, desk: Desk, outcome: str = "attended", weeks: int = 0) -> Booking:
    """A session that was booked, and what the practice said of it."""
    starts_at = NEXT_THURSDAY_NINE + weeks * 7 * DAY
    booking = book(client, desk, starts_at, at=starts_at - 3 * DAY)
    return confirm_session(
        booking=booking,
        membership=desk.membership,
        outcome=outcome,
        at=starts_at + dt.timedelta(hours=1),
    )


def approve(statement: Statement, finance: User, admin: User, at: dt.datetime = JULY) -> Statement:
    statements.request_approval(statement=statement, requester=finance, at=at)
    approvals.approve(approval=Approval.objects.waiting().get(), approver=admin, at=at)
    assert statements.book_decided(at=at) == 1
    statement.refresh_from_db()
    return statement


# --- Was this right? ---------------------------------------------------------------------


def test_the_person_is_asked_once_by_a_neutral_mail(client_: Client, desk: Desk) -> None:
    booking = told(client_, desk)
    assert ask_people(at=AFTER + dt.timedelta(minutes=10)) == 0, "a slip is put right first"
    for hours in (1, 2):
        ask_people(at=AFTER + dt.timedelta(hours=hours))
    mails = Message.objects.filter(to=client_.user.email, subject__contains="was this right?")
    assert [mail.subject for mail in mails] == [f"Greenroom {booking.reference}: was this right?"]


def test_a_yes_ends_the_question(client_: Client, desk: Desk) -> None:
    booking = told(client_, desk)
    assert cases.asks_if_right(booking, at=AFTER)
    cases.agree(source=booking, at=AFTER)
    booking.refresh_from_db()
    assert not cases.asks_if_right(booking, at=AFTER)
    with pytest.raises(TooLate):
        cases.open_dispute(source=booking, at=AFTER)


def test_it_can_be_answered_for_seven_days(client_: Client, desk: Desk) -> None:
    booking = told(client_, desk)
    with pytest.raises(TooLate):
        cases.open_dispute(source=booking, at=WEEK_LATER + DAY)
    assert cases.open_dispute(source=booking, at=WEEK_LATER).kind == "dispute"


def test_nobody_is_asked_about_what_they_did_themselves(client_: Client, desk: Desk) -> None:
    assert not cases.asks_if_right(book(client_, desk), at=NOW)


def test_a_no_in_the_browser_takes_one_tap_and_no_reason(client_: Client, desk: Desk) -> None:
    booking = told(client_, desk)
    browser = Browser()
    browser.force_login(client_.user, backend="accounts.adapters.SignInBackend")
    page = reverse("therapy_credits:booking", args=[booking.reference])
    with time_machine.travel(AFTER, tick=False):
        assert "Was this right?" in browser.get(page).content.decode()
        assert "Was this right?" in browser.get("/care/").content.decode()
        answer = reverse("therapy_credits:booking-right", args=[booking.reference])
        for _ in range(2):
            browser.post(answer, {"right": "no"})
        assert CareCase.objects.get().booking == booking
        said = browser.get(page).content.decode()
    assert "You said that this is not right." in said
    assert "Was this right?" not in said


def test_a_dispute_stops_settlement_until_it_is_decided(
    client_: Client, desk: Desk, care: User
) -> None:
    booking = told(client_, desk)
    case = cases.open_dispute(source=booking, at=AFTER)
    assert statements.draft_statements(at=JULY) == 0
    cases.take_case(case=case, by=care, at=JULY)
    cases.decide_dispute(case=case, is_upheld=False, by=care, at=JULY)
    assert statements.draft_statements(at=AUGUST) == 1
    assert StatementLine.objects.get().booking == booking


def test_upheld_the_session_is_theirs_again_and_it_is_written_down(
    client_: Client, desk: Desk, care: User
) -> None:
    booking = told(client_, desk)
    assert left_booked_used(client_, AFTER) == (3, 0, 1)
    case = cases.open_dispute(source=booking, at=AFTER)
    cases.take_case(case=case, by=care, at=AFTER)
    for _ in range(2):
        cases.decide_dispute(case=case, is_upheld=True, by=care, at=AFTER)
    booking.refresh_from_db()
    assert booking.status == Booking.Status.REVERSED
    assert left_booked_used(client_, AFTER) == (4, 0, 0)
    verbs = AuditEntry.objects.filter(actor=care).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["case.take", "case.close"]
    assert statements.draft_statements(at=JULY) == 0
    assert_books_are_right()


def test_upheld_of_a_miss_that_cost_nobody_anything_it_is_no_miss_any_more(
    desk: Desk, care: User
) -> None:
    # Nothing is left in the pool from which a miss could be paid.
    client = make_client(units=2, pool=make_pool(units=2, goodwill_percent=0))
    booking = told(client, desk, "missed")
    assert left_booked_used(client, AFTER) == (2, 0, 0)
    case = cases.open_dispute(source=booking, at=AFTER)
    cases.take_case(case=case, by=care, at=AFTER)
    cases.decide_dispute(case=case, is_upheld=True, by=care, at=AFTER)
    booking.refresh_from_db()
    assert booking.status == Booking.Status.REVERSED
    assert left_booked_used(client, AFTER) == (2, 0, 0)
    assert_books_are_right()


def used_code(client: Client, desk: Desk) -> SessionCode:
    issued = issue_code(user=client.user, request_id=uuid4(), at=NOW)
    assert issued.text
    return redeem_code(
        text=issued.text,
        membership=desk.membership,
        service=desk.service,
        held_on=NOW.date(),
        address="192.0.2.1",
        at=NOW,
    )


def test_who_took_a_code_along_is_asked_by_mail_and_at_home(client_: Client, desk: Desk) -> None:
    code = used_code(client_, desk)
    for hours in (1, 2):
        ask_people(at=NOW + dt.timedelta(hours=hours))
    mail = Message.objects.get(to=client_.user.email)
    assert mail.subject == f"Greenroom {code.reference}: was this right?"
    assert reverse("therapy_credits:code") in mail.text
    browser = Browser()
    browser.force_login(client_.user, backend="accounts.adapters.SignInBackend")
    with time_machine.travel(NOW + DAY, tick=False):
        assert "Was this right?" in browser.get("/care/").content.decode()
        answer = reverse("therapy_credits:code-right", args=[code.reference])
        browser.post(answer, {"right": "yes"})
        assert "Was this right?" not in browser.get("/care/").content.decode()
    assert ask_people(at=NOW + DAY / 2) == 0


@pytest.mark.parametrize(
    ("is_upheld", "words", "told_practice"),
    [(True, "you were right", 1), (False, "it stays as it was noted", 0)],
)
def test_what_the_desk_decides_of_a_code_is_told(
    client_: Client, desk: Desk, care: User, is_upheld: bool, words: str, told_practice: int
) -> None:
    code, browser = used_code(client_, desk), Browser()
    browser.force_login(client_.user, backend="accounts.adapters.SignInBackend")
    url = reverse("therapy_credits:code")
    with time_machine.travel(NOW + DAY, tick=False):
        case = cases.open_dispute(source=code, at=NOW + DAY)
        page = browser.get(url).content.decode()
        assert "You said that this is not right." in page
        assert code.reference in page
        cases.take_case(case=case, by=care, at=NOW + DAY)
        cases.decide_dispute(case=case, is_upheld=is_upheld, by=care, at=NOW + DAY)
        page = browser.get(url).content.decode()
    assert words in page
    assert "Undone by the practice" not in page, "it was the desk"
    changed = Message.objects.filter(subject__contains=f"{code.reference}: changed")
    assert changed.filter(to=client_.user.email).count() == 1
    to_practice = changed.filter(to=desk.practitioner.practice.contact_email)
    assert to_practice.count() == told_practice


def test_the_page_of_codes_takes_the_same_queries_for_one_as_for_three(
    client_: Client, desk: Desk, care: User
) -> None:
    browser = Browser()
    browser.force_login(client_.user, backend="accounts.adapters.SignInBackend")

    def queries() -> int:
        later = NOW + 8 * DAY  # nothing is asked any more
        with time_machine.travel(later, tick=False), CaptureQueriesContext(connection) as asked:
            browser.get(reverse("therapy_credits:code"))
        return len(asked)

    cases.open_dispute(source=used_code(client_, desk), at=NOW)
    queries()  # what a first request caches
    one = queries()
    for _ in range(2):
        cases.open_dispute(source=used_code(client_, desk), at=NOW)
    assert queries() == one


def test_a_code_can_be_disputed_too(client_: Client, desk: Desk, care: User) -> None:
    code = used_code(client_, desk)
    case = cases.open_dispute(source=code, at=NOW + DAY)
    cases.take_case(case=case, by=care, at=NOW + DAY)
    cases.decide_dispute(case=case, is_upheld=True, by=care, at=NOW + DAY)
    code.refresh_from_db()
    assert code.status == "undone"
    assert left_booked_used(client_) == (4, 0, 0)


def test_a_practice_that_takes_its_word_back_ends_the_dispute(client_: Client, desk: Desk) -> None:
    booking = told(client_, desk)
    cases.open_dispute(source=booking, at=AFTER)
    undo_confirmation(booking=booking, membership=desk.membership, at=AFTER + DAY)
    assert CareCase.objects.get().outcome == "undone"


def test_a_case_is_one_persons(client_: Client, desk: Desk, care: User) -> None:
    other = UserFactory(name="Care Two")
    case = cases.open_dispute(source=told(client_, desk), at=AFTER)
    with pytest.raises(NotYourCase):
        cases.decide_dispute(case=case, is_upheld=True, by=care, at=AFTER)
    cases.take_case(case=case, by=care, at=AFTER)
    with pytest.raises(NotYourCase):
        cases.take_case(case=case, by=other, at=AFTER)
    assert list(CareCase.objects.visible_to(other)) == []
    cases.hand_over(case=case, to=other, by=care, at=AFTER)
    assert list(CareCase.objects.visible_to(care)) == []
    assert list(CareCase.objects.visible_to(other)) == [case]


def test_nobody_takes_more_than_they_can_look_after(
    client_: Client, desk: Desk, care: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "MOST_CASES", 1)
    first, second = (
        cases.open_dispute(source=told(client_, desk, weeks=week), at=AFTER + week * 7 * DAY)
        for week in (0, 1)
    )
    cases.take_case(case=first, by=care, at=WEEK_LATER)
    with pytest.raises(CaseloadFull):
        cases.take_case(case=second, by=care, at=WEEK_LATER)
    cases.decide_dispute(case=first, is_upheld=False, by=care, at=WEEK_LATER)
    assert cases.take_case(case=second, by=care, at=WEEK_LATER).taken_by == care


def test_the_desk_shows_whom_it_is_about_to_who_took_it_and_tells_them(
    client_: Client, desk: Desk, care: User
) -> None:
    case = cases.open_dispute(source=told(client_, desk), at=AFTER)
    browser = Browser()
    browser.force_login(care, backend="accounts.adapters.SignInBackend")
    page = reverse("therapy_credits:desk-case", args=[case.reference])
    with time_machine.travel(AFTER, tick=False):
        assert case.reference in browser.get(reverse("therapy_credits:desk")).content.decode()
        assert "Wren-the-client" not in browser.get(page).content.decode()
        assert not AccessLook.objects.exists()
        browser.post(page, {"action": "take"})
        assert "Wren-the-client" in browser.get(page).content.decode()
        assert AccessLook.objects.filter(actor=care, subject_user=client_.user).exists()
        browser.post(page, {"action": "upheld"})
    assert left_booked_used(client_, AFTER) == (4, 0, 0)


@pytest.mark.parametrize(
    ("decision", "says", "practice_hears"),
    [("upheld", "Both are told to look", True), ("stands", "The person is told to look", False)],
)
def test_the_desk_is_told_who_hears_of_its_decision(
    client_: Client, desk: Desk, care: User, decision: str, says: str, practice_hears: bool
) -> None:
    case = cases.open_dispute(source=told(client_, desk), at=AFTER)
    cases.take_case(case=case, by=care, at=AFTER)
    Message.objects.all().delete()
    browser = Browser()
    browser.force_login(care, backend="accounts.adapters.SignInBackend")
    page = reverse("therapy_credits:desk-case", args=[case.reference])
    with time_machine.travel(AFTER, tick=False):
        answer = browser.post(page, {"action": decision}, follow=True)
    assert says in answer.content.decode()
    heard = set(Message.objects.values_list("to", flat=True))
    assert client_.user.email in heard
    assert (desk.practitioner.practice.contact_email in heard) is practice_hears


# --- Late claims ---------------------------------------------------------------------------


@pytest.fixture
def forgotten(client_: Client, desk: Desk) -> Booking:
    booking = book(client_, desk)
    time_out_bookings(at=AFTER + 31 * DAY)
    booking.refresh_from_db()
    return booking


def test_a_late_claim_goes_to_the_desk_and_is_charged_when_granted(
    client_: Client, forgotten: Booking, care: User
) -> None:
    at = AFTER + 40 * DAY
    case = cases.open_late_claim(booking=forgotten, at=at)
    assert cases.open_late_claim(booking=forgotten, at=at) == case
    cases.take_case(case=case, by=care, at=at)
    cases.decide_late_claim(case=case, is_granted=True, by=care, at=at)
    forgotten.refresh_from_db()
    assert forgotten.status == "attended"
    assert left_booked_used(client_, at) == (3, 0, 1)
    assert cases.asks_if_right(forgotten, at=at), "the person is asked"


def test_a_refused_claim_changes_nothing(client_: Client, forgotten: Booking, care: User) -> None:
    at = AFTER + 40 * DAY
    case = cases.open_late_claim(booking=forgotten, at=at)
    cases.take_case(case=case, by=care, at=at)
    cases.decide_late_claim(case=case, is_granted=False, by=care, at=at)
    assert left_booked_used(client_, at) == (4, 0, 0)


def test_after_ninety_days_it_is_too_late(forgotten: Booking) -> None:
    with pytest.raises(TooLate):
        cases.open_late_claim(booking=forgotten, at=forgotten.ends_at + 91 * DAY)


# --- Statements ----------------------------------------------------------------------------


def test_a_month_is_one_statement_and_again_drafts_nothing(client_: Client, desk: Desk) -> None:
    first, second = told(client_, desk), told(client_, desk, weeks=1)
    assert statements.draft_statements(at=JULY) == 1
    assert statements.draft_statements(at=JULY + DAY) == 0
    statement = Statement.objects.get()
    assert (statement.month, statement.currency) == (dt.date(2026, 6, 1), "GBP")
    lines = statement.lines.order_by("held_on")
    assert [(line.booking, line.units, line.amount_minor) for line in lines] == [
        (first, 1, 6000),
        (second, 1, 6000),
    ]


def test_what_can_still_be_disputed_waits_for_the_next(client_: Client, desk: Desk) -> None:
    told(client_, desk, weeks=2)  # 25 June: seven days later is July
    assert statements.draft_statements(at=JULY) == 0
    assert statements.draft_statements(at=AUGUST) == 1


def test_a_booking_is_on_one_statement_and_no_other(client_: Client, desk: Desk) -> None:
    booking = told(client_, desk)
    statements.draft_statements(at=JULY)
    told(client_, desk, weeks=5)
    statements.draft_statements(at=AUGUST)
    assert StatementLine.objects.filter(booking=booking).count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        StatementLine.objects.create(
            statement=StatementFactory(practice=desk.practitioner.practice),
            booking=booking,
            pool=client_.pool,
            held_on=NOW.date(),
            outcome="attended",
            units=1,
            amount_minor=1,
        )


def test_a_miss_the_pool_pays_is_owed_as_its_table_says(pool: Pool, desk: Desk) -> None:
    client = make_client(units=0, pool=pool)
    limits = Limits.objects.create(pool=pool, missed_rules=[[1, 24, 0, 50]])
    give(pool, client.token, 4, limits=limits)
    told(client, desk, "missed")
    statements.draft_statements(at=JULY)
    assert StatementLine.objects.get().amount_minor == 3000
    assert left_booked_used(client, JULY) == (4, 0, 0)


def test_approved_by_a_second_person_it_is_settled(
    client_: Client, desk: Desk, finance: User, admin_user: User
) -> None:
    told(client_, desk)
    statements.draft_statements(at=JULY)
    statement = approve(Statement.objects.get(), finance, admin_user)
    assert statement.status == "approved"
    assert account_of(client_.pool, Kind.SETTLED).left == 1
    assert statements.book_decided(at=JULY) == 0
    assert_books_are_right()


def test_what_is_undone_between_draft_and_approval_is_taken_off(
    client_: Client, desk: Desk, finance: User, admin_user: User
) -> None:
    told(client_, desk)
    undone = told(client_, desk, weeks=1)
    statements.draft_statements(at=JULY)
    put_right(client_, undone, finance, admin_user)
    statement = approve(Statement.objects.get(), finance, admin_user)
    assert statement.lines.count() == 1
    assert account_of(client_.pool, Kind.SETTLED).left == 1


def put_right(
    client: Client, booking: Booking, finance: User, admin: User, at: dt.datetime = JULY
) -> Adjustment:
    asked = adjustments.request_reversal(
        pool=client.pool,
        reference=booking.reference,
        units=1,
        ground="not_held",
        request_id=uuid4(),
        requester=finance,
        at=at,
    )
    approvals.approve(approval=Approval.objects.waiting().get(), approver=admin, at=at)
    adjustments.book_decided(at=at)
    asked.refresh_from_db()
    return asked


def test_undone_after_settlement_the_next_statement_corrects_it(
    client_: Client, desk: Desk, finance: User, admin_user: User
) -> None:
    booking = told(client_, desk)
    statements.draft_statements(at=JULY)
    approve(Statement.objects.get(), finance, admin_user)
    assert put_right(client_, booking, finance, admin_user).booked_at
    assert left_booked_used(client_, JULY) == (4, 0, 0)
    assert account_of(client_.pool, Kind.SETTLED).left == 0
    assert statements.draft_statements(at=AUGUST) == 0, "nothing to take it from yet"
    told(client_, desk, weeks=4)
    told(client_, desk, weeks=5)
    assert statements.draft_statements(at=AUGUST) == 1
    latest = Statement.objects.get(status="draft")
    assert sorted(line.amount_minor for line in latest.lines.all()) == [-6000, 6000, 6000]
    approve(latest, finance, admin_user, at=AUGUST)
    assert account_of(client_.pool, Kind.SETTLED).left == 2
    assert_books_are_right()


def test_a_share_is_rounded_to_the_nearest_minor_unit() -> None:
    assert statements.owed_minor(10000, 1, 3, 100) == 3333
    assert statements.owed_minor(5, 1, 2, 100) == 3
    assert statements.owed_minor(6000, 1, 1, 50) == 3000


def test_what_waited_for_money_is_paid_when_there_is_some(desk: Desk) -> None:
    pool = make_pool("Small", units=1, goodwill_percent=0)
    client = make_client(pool=pool, units=1)
    told(client, desk, "missed")
    assert [one.subject for one in statements.waiting_for_money()] == [client.token]
    assert statements.pay_what_waits(at=AFTER) == 0
    ledger.fund(pool=pool, units=5, transfer_id=uuid4(), actor=STAFF, at=AFTER)
    assert statements.pay_what_waits(at=AFTER) == 1
    assert statements.pay_what_waits(at=AFTER) == 0
    assert not statements.waiting_for_money()
    assert account_of(pool, Kind.PRACTICE).left == 1


# --- By hand, with two people --------------------------------------------------------------


def ask_return(pool: Any, units: int, finance: User) -> Adjustment:
    return adjustments.request_return(
        pool=pool,
        units=units,
        ground="agreement_ended",
        request_id=uuid4(),
        requester=finance,
        at=NOW,
    )


def test_sessions_go_back_to_the_partner_when_two_people_say_so(
    finance: User, admin_user: User
) -> None:
    pool = make_pool(units=100)
    asked = ask_return(pool, 40, finance)
    assert account_of(pool, Kind.POOL).left == 100
    approvals.approve(approval=Approval.objects.get(), approver=admin_user, at=NOW)
    assert adjustments.book_decided(at=NOW) == 1
    assert adjustments.book_decided(at=NOW) == 0
    asked.refresh_from_db()
    assert asked.booked_at == NOW
    assert account_of(pool, Kind.POOL).left == 60


def test_what_finishes_care_stays_while_anybody_has_sessions(
    client_: Client, finance: User
) -> None:
    assert most_to_hand_back(client_.pool) == 91  # 100, less 4 given, less 5 kept back
    with pytest.raises(NotEnoughSessions):
        ask_return(client_.pool, 92, finance)


def test_refused_or_overtaken_nothing_is_booked(finance: User, admin_user: User) -> None:
    pool = make_pool(units=100)
    first, second = ask_return(pool, 60, finance), ask_return(pool, 60, finance)
    for approval in Approval.objects.all():
        approvals.approve(approval=approval, approver=admin_user, at=NOW)
    adjustments.book_decided(at=NOW)
    third = ask_return(pool, 10, finance)
    approvals.refuse(approval=Approval.objects.waiting().get(), approver=admin_user, at=NOW)
    adjustments.book_decided(at=NOW)
    for one in (first, second, third):
        one.refresh_from_db()
    assert [bool(first.booked_at), bool(second.failed_at)] in ([True, True], [False, False])
    assert third.refused_at
    assert account_of(pool, Kind.POOL).left == 40


def test_only_what_was_charged_can_be_undone(client_: Client, desk: Desk, finance: User) -> None:
    booking = book(client_, desk)
    facts = {
        "pool": client_.pool,
        "ground": "twice",
        "units": 1,
        "requester": finance,
        "at": NOW,
    }
    with pytest.raises(NothingToReverse):
        adjustments.request_reversal(reference=booking.reference, request_id=uuid4(), **facts)
    with pytest.raises(ReferenceUnknown):
        adjustments.request_reversal(reference="NOSUCH", request_id=uuid4(), **facts)
    assert not Adjustment.objects.exists()


# --- In the browser ------------------------------------------------------------------------


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user, backend="accounts.adapters.SignInBackend")
    return browser


def test_a_practice_reads_its_statement_and_takes_it_as_csv(
    client_: Client, desk: Desk, finance: User, admin_user: User
) -> None:
    booking = told(client_, desk)
    statements.draft_statements(at=JULY)
    statement = Statement.objects.get()
    browser = browser_of(desk.membership.user)
    listing = reverse("therapy_credits:practice-statements")
    assert statement.number not in browser.get(listing).content.decode(), "a draft is not money"
    approve(statement, finance, admin_user)
    assert statement.number in browser.get(listing).content.decode()
    page = browser.get(reverse("therapy_credits:practice-statement", args=[statement.pk]))
    assert "£60.00" in page.content.decode()
    assert "Programme-Nightjar" not in page.content.decode()
    response = browser.get(reverse("therapy_credits:practice-statement-csv", args=[statement.pk]))
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert rows == [
        {
            "reference": booking.reference,
            "day": "2026-06-11",
            "kind": "session",
            "outcome": "attended",
            "sessions": "1",
            "amount": "60.00",
            "currency": "GBP",
        }
    ]


def test_practitioners_see_no_money(desk: Desk) -> None:
    own = PracticeMembershipFactory(
        practice=desk.practitioner.practice, role="practitioner", user=UserFactory()
    )
    answer = browser_of(own.user).get(reverse("therapy_credits:practice-statements"))
    assert answer.status_code == 404


def test_finance_asks_and_an_administrator_settles(
    client_: Client, desk: Desk, finance: User, admin_user: User
) -> None:
    told(client_, desk)
    statements.draft_statements(at=JULY)
    page = reverse("therapy_credits:staff-statement", args=[Statement.objects.get().pk])
    browser = browser_of(finance)
    assert "Ask for approval" in browser.get(page).content.decode()
    browser.post(page)
    assert "A second person has been asked." in browser.get(page).content.decode()
    approvals.approve(approval=Approval.objects.get(), approver=admin_user, at=JULY)
    statements.book_decided(at=JULY)
    assert "Ask for approval" not in browser.get(page).content.decode()


def test_the_lists_take_the_same_queries_for_one_as_for_three(desk: Desk, finance: User) -> None:
    practice = desk.practitioner.practice
    pages = [
        (browser_of(desk.membership.user), reverse("therapy_credits:practice-statements")),
        (browser_of(finance), reverse("therapy_credits:staff-statements")),
    ]
    counts = []
    for months in ([1], [2, 3]):
        for month in months:
            StatementFactory(practice=practice, month=dt.date(2026, month, 1))
        for browser, page in pages:
            browser.get(page)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                browser.get(page)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]


def test_adjusting_and_the_table_of_misses_in_the_browser(finance: User) -> None:
    pool = make_pool(units=10)
    browser = browser_of(finance)
    page = reverse("therapy_credits:pool-hand-back", args=[pool.pk])
    wrong = browser.post(page, {"units": "11", "ground": "agreement_ended", "request_id": uuid4()})
    assert "At most 10 can go back now." in wrong.content.decode()
    browser.post(page, {"units": "4", "ground": "agreement_ended", "request_id": uuid4()})
    shown = browser.get(reverse("therapy_credits:pool", args=[pool.pk])).content.decode()
    assert "Hand sessions back to the partner" in shown
    assert "Waits for an administrator" in shown

    table = reverse("therapy_credits:missed-rules", args=[pool.pk])
    rules = {"nth_0": 1, "notice_0": 48, "units_0": 0, "fee_0": 100}
    wrong = browser.post(table, rules | {"nth_1": 3, "notice_1": 48})
    assert "Fill this line in whole" in wrong.content.decode()
    assert not MissedSessionRule.objects.exists()
    browser.post(table, rules | {"nth_1": 3, "notice_1": 48, "units_1": 1, "fee_1": 50})
    assert list(MissedSessionRule.objects.values_list("nth", "notice_hours", "fee_percent")) == [
        (1, 48, 100),
        (3, 48, 50),
    ]
    shown = browser.get(reverse("therapy_credits:pool", args=[pool.pk])).content.decode()
    assert "From miss 3 on" in shown
    assert funding.book_decided(at=NOW) == 0
