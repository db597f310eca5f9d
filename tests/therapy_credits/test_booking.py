"""Booking a session, and every way it ends."""

import datetime as dt
from uuid import uuid4

import pytest

from ambassadors.models import AdultConfirmation, Consent
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import LicenceFactory, ServiceTypeFactory
from tests.therapy_credits.care import (
    CLIENT_CONTACT,
    CLIENT_NAME,
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
from tests.therapy_credits.conftest import account_of, give, make_pool
from therapy_credits.errors import (
    AdultsOnly,
    AlreadyClosed,
    BusyThen,
    CannotUndo,
    ConsentMissing,
    NotEnoughSessions,
    NotLicensedThere,
    OutcomeChanged,
    RequestReused,
    SlotTaken,
    TooEarly,
    TooLate,
)
from therapy_credits.models import Booking, Kind, Licence, Transfer
from therapy_credits.services.bookings import (
    HOLD_LIFE,
    UNDO_WINDOW,
    Whereabouts,
    cancel_booking,
    cancel_terms,
    confirm_session,
    practice_cancel,
    time_out_bookings,
    undo_confirmation,
)

DAY = dt.timedelta(days=1)
AFTER = NEXT_THURSDAY_NINE + dt.timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client_() -> Client:
    """Three sessions, nothing booked."""
    return make_client()


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def codes(booking: Booking) -> list[str]:
    """What the ledger wrote for the booking's present hold, in order."""
    return list(
        Transfer.objects.filter(group=booking.hold_group)
        .order_by("made_at", "phase")
        .values_list("code", flat=True)
    )


# --- Booking ---------------------------------------------------------------------


def test_a_booked_session_is_held(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    assert left_booked_used(client_) == (2, 1, 0)
    assert (booking.status, booking.subject, booking.pool) == (
        "booked",
        client_.token,
        client_.pool,
    )
    assert (booking.rate_minor, booking.currency, booking.units) == (6000, "GBP", 1)
    assert booking.ends_at - booking.starts_at == dt.timedelta(minutes=50)
    assert booking.join_url == desk.practitioner.join_url
    assert booking.place == ""
    assert (booking.client_name, booking.client_contact) == (CLIENT_NAME, CLIENT_CONTACT)


def test_what_the_client_chose_is_sealed_at_rest(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    assert CLIENT_NAME not in booking.sealed_name
    assert CLIENT_CONTACT not in booking.sealed_contact


def test_the_rate_is_fixed_when_it_is_booked(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    desk.service.rate_minor = 7000
    desk.service.save()
    booking.refresh_from_db()
    assert booking.rate_minor == 6000


def test_a_form_sent_twice_is_one_booking(client_: Client, desk: Desk) -> None:
    request_id = uuid4()
    first = book(client_, desk, request_id=request_id)
    assert book(client_, desk, request_id=request_id) == first
    assert left_booked_used(client_) == (2, 1, 0)
    assert Booking.objects.count() == 1
    assert Message.objects.count() == 2  # one to the person, one to the practice


def test_the_same_form_with_another_time_is_refused(client_: Client, desk: Desk) -> None:
    request_id = uuid4()
    book(client_, desk, request_id=request_id)
    with pytest.raises(RequestReused):
        book(client_, desk, NEXT_THURSDAY_NINE + dt.timedelta(hours=1), request_id=request_id)
    assert Booking.objects.count() == 1


def test_without_consent_nothing_is_held(client_: Client, desk: Desk) -> None:
    Consent.objects.filter(user=client_.user).update(withdrawn_at=NOW)
    with pytest.raises(ConsentMissing):
        book(client_, desk, at=NOW + dt.timedelta(seconds=1))
    assert left_booked_used(client_) == (3, 0, 0)


def test_consent_withdrawn_keeps_what_is_booked(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    Consent.objects.filter(user=client_.user).update(withdrawn_at=NOW)
    confirm_session(booking=booking, membership=desk.membership, outcome="attended", at=AFTER)
    assert left_booked_used(client_) == (2, 0, 1)


def test_sessions_are_for_adults(client_: Client, desk: Desk) -> None:
    AdultConfirmation.objects.all().delete()
    with pytest.raises(AdultsOnly):
        book(client_, desk)
    assert left_booked_used(client_) == (3, 0, 0)


def test_a_time_that_is_not_offered_cannot_be_booked(client_: Client, desk: Desk) -> None:
    for starts_at in (
        NEXT_THURSDAY_NINE + dt.timedelta(minutes=7),
        NEXT_THURSDAY_NINE + DAY,
        NEXT_THURSDAY_NINE - dt.timedelta(days=14),
        NEXT_THURSDAY_NINE + dt.timedelta(days=28),
    ):
        with pytest.raises(SlotTaken):
            book(client_, desk, starts_at)
    assert left_booked_used(client_) == (3, 0, 0)


def test_a_taken_time_cannot_be_booked_again(client_: Client, desk: Desk) -> None:
    book(client_, desk)
    other = make_client("recipient")
    with pytest.raises(SlotTaken):
        book(other, desk)
    assert left_booked_used(other) == (3, 0, 0)


def test_a_person_is_not_in_two_places(client_: Client, desk: Desk) -> None:
    book(client_, desk)
    with pytest.raises(BusyThen):
        book(client_, make_desk("Elsewhere"))
    assert left_booked_used(client_) == (2, 1, 0)


def test_notice_a_practice_asks_for_is_kept(client_: Client, desk: Desk) -> None:
    with pytest.raises(SlotTaken):
        book(client_, desk, THURSDAY_NINE, at=THURSDAY_NINE - dt.timedelta(hours=11))
    book(client_, desk, THURSDAY_NINE, at=THURSDAY_NINE - dt.timedelta(hours=12))


def test_a_paused_practice_or_practitioner_takes_none(client_: Client, desk: Desk) -> None:
    desk.practitioner.is_active = False
    desk.practitioner.save()
    with pytest.raises(SlotTaken):
        book(client_, desk)
    desk.practitioner.is_active = True
    desk.practitioner.save()
    desk.practitioner.practice.status = "paused"
    desk.practitioner.practice.save()
    with pytest.raises(SlotTaken):
        book(client_, desk)


def test_who_is_not_licensed_there_cannot_be_booked(client_: Client, desk: Desk) -> None:
    with pytest.raises(NotLicensedThere):
        book(client_, desk, where=Whereabouts("US", "NY", LONDON))
    assert left_booked_used(client_) == (3, 0, 0)


def test_a_licence_must_last_until_the_session_and_be_verified(client_: Client, desk: Desk) -> None:
    licence = Licence.objects.get(practitioner=desk.practitioner)
    licence.expires_on = NEXT_THURSDAY_NINE.date() - DAY
    licence.save()
    with pytest.raises(NotLicensedThere):
        book(client_, desk)
    LicenceFactory(practitioner=desk.practitioner, confirmed_by=None, confirmed_at=None)
    with pytest.raises(NotLicensedThere):
        book(client_, desk)


def test_the_last_session_can_be_booked_and_no_other(desk: Desk) -> None:
    one = make_client(units=1)
    book(one, desk)
    with pytest.raises(NotEnoughSessions):
        book(one, desk, NEXT_THURSDAY_NINE + dt.timedelta(hours=2))
    assert left_booked_used(one) == (0, 1, 0)


@pytest.mark.parametrize(
    ("field", "value"), [("country", "US"), ("currency", "EUR"), ("ceiling_price_minor", 5999)]
)
def test_a_pool_pays_in_its_country_currency_and_ceiling(desk: Desk, field, value) -> None:
    pool = make_pool("Elsewhere")
    setattr(pool, field, value)
    pool.save()
    with pytest.raises(NotEnoughSessions):
        book(make_client(pool=pool), desk)


def test_a_longer_session_takes_more_and_may_cost_more(client_: Client, desk: Desk) -> None:
    desk.service = ServiceTypeFactory(
        practice=desk.practitioner.practice, minutes=100, units=2, rate_minor=14_000
    )
    book(client_, desk)
    assert left_booked_used(client_) == (1, 2, 0)


def test_mails_say_nothing_but_a_reference(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    mine, theirs = Message.objects.order_by("pk")
    assert mine.to == client_.user.email
    assert theirs.to == desk.practitioner.practice.contact_email
    assert mine.subject == f"Greenroom {booking.reference}: confirmed"
    assert theirs.subject == f"Greenroom {booking.reference}: new"
    for mail in (mine, theirs):
        for word in (
            CLIENT_NAME,
            CLIENT_CONTACT,
            desk.practitioner.name,
            desk.practitioner.practice.name,
            "therap",
            "session",
        ):
            assert word.lower() not in (mail.subject + mail.text).lower()


# --- Cancelling ---------------------------------------------------------------------


def test_cancelled_in_time_the_session_is_theirs_again(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    at = NEXT_THURSDAY_NINE - dt.timedelta(hours=24)
    terms = cancel_terms(booking, at=at)
    assert (terms.name, terms.units_charged, terms.free_until) == ("in_time", 0, at)
    cancelled = cancel_booking(booking=booking, user=client_.user, agreed="in_time", at=at)
    assert (cancelled.status, cancelled.resolved_at) == ("cancelled", at)
    assert codes(cancelled) == ["HOLD", "RELEASE"]
    assert left_booked_used(client_) == (3, 0, 0)


def test_cancelling_twice_changes_nothing(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    first = cancel_booking(booking=booking, user=client_.user, agreed="in_time", at=NOW)
    again = cancel_booking(
        booking=booking, user=client_.user, agreed="in_time", at=NOW + dt.timedelta(minutes=1)
    )
    assert again.resolved_at == first.resolved_at
    assert left_booked_used(client_) == (3, 0, 0)


def test_the_first_late_cancellation_is_free_and_the_pool_pays(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    at = NEXT_THURSDAY_NINE - dt.timedelta(hours=23)
    assert cancel_terms(booking, at=at).name == "excused"
    cancel_booking(booking=booking, user=client_.user, agreed="excused", at=at)
    assert left_booked_used(client_) == (3, 0, 0)
    practice = account_of(client_.pool, Kind.PRACTICE)
    assert practice.credits_posted == 1


def test_the_second_costs_one_session(client_: Client, desk: Desk) -> None:
    at = NEXT_THURSDAY_NINE - dt.timedelta(hours=1)
    cancel_booking(booking=book(client_, desk), user=client_.user, agreed="excused", at=at)
    later = NEXT_THURSDAY_NINE + dt.timedelta(days=7)
    second = book(client_, desk, later)
    at = later - dt.timedelta(hours=1)
    terms = cancel_terms(second, at=at)
    assert (terms.name, terms.units_charged) == ("charged", 1)
    cancel_booking(booking=second, user=client_.user, agreed="charged", at=at)
    assert left_booked_used(client_) == (2, 0, 1)
    assert codes(second) == ["HOLD", "LATE_CANCEL"]


def test_nobody_pays_more_than_the_page_said(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    at = NEXT_THURSDAY_NINE - dt.timedelta(hours=23, minutes=59)
    with pytest.raises(OutcomeChanged):
        cancel_booking(booking=booking, user=client_.user, agreed="in_time", at=at)
    assert left_booked_used(client_) == (2, 1, 0)


def test_a_session_that_has_begun_cannot_be_cancelled(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    with pytest.raises(TooLate):
        cancel_booking(booking=booking, user=client_.user, agreed="excused", at=NEXT_THURSDAY_NINE)
    assert left_booked_used(client_) == (2, 1, 0)


def test_a_practice_that_cancels_at_any_notice_costs_the_person_nothing(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    Message.objects.all().delete()
    at = NEXT_THURSDAY_NINE - dt.timedelta(minutes=5)
    cancelled = practice_cancel(booking=booking, membership=desk.membership, at=at)
    assert (cancelled.status, cancelled.resolved_by) == (
        "practice_cancelled",
        desk.membership.user,
    )
    assert codes(cancelled) == ["HOLD", "PRACTICE_CANCEL"]
    assert left_booked_used(client_) == (3, 0, 0)
    (mail,) = Message.objects.all()
    assert (mail.to, mail.subject) == (
        client_.user.email,
        f"Greenroom {booking.reference}: changed",
    )


# --- The practice's word --------------------------------------------------------------


def test_attended_uses_the_session(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    done = confirm_session(
        booking=booking, membership=desk.membership, outcome="attended", at=AFTER
    )
    assert (done.status, done.resolved_at, done.resolved_by) == (
        "attended",
        AFTER,
        desk.membership.user,
    )
    assert codes(done) == ["HOLD", "REDEEM"]
    assert left_booked_used(client_) == (2, 0, 1)


def test_the_same_word_twice_is_one_word(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    for minutes in (0, 1):
        confirm_session(
            booking=booking,
            membership=desk.membership,
            outcome="attended",
            at=AFTER + dt.timedelta(minutes=minutes),
        )
    assert left_booked_used(client_) == (2, 0, 1)


def test_another_word_is_refused(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    confirm_session(booking=booking, membership=desk.membership, outcome="attended", at=AFTER)
    with pytest.raises(AlreadyClosed):
        confirm_session(booking=booking, membership=desk.membership, outcome="missed", at=AFTER)
    with pytest.raises(AlreadyClosed):
        practice_cancel(booking=booking, membership=desk.membership, at=AFTER)
    assert left_booked_used(client_) == (2, 0, 1)


@pytest.mark.parametrize("outcome", ["attended", "missed"])
def test_nothing_took_place_before_it_began(client_: Client, desk: Desk, outcome) -> None:
    booking = book(client_, desk)
    with pytest.raises(TooEarly):
        confirm_session(
            booking=booking,
            membership=desk.membership,
            outcome=outcome,
            at=NEXT_THURSDAY_NINE - dt.timedelta(seconds=1),
        )
    assert left_booked_used(client_) == (2, 1, 0)


def test_a_late_cancellation_told_to_the_practice_counts_before_the_session(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    with pytest.raises(TooEarly):
        confirm_session(booking=booking, membership=desk.membership, outcome="late_cancel", at=NOW)
    at = NEXT_THURSDAY_NINE - dt.timedelta(hours=2)
    done = confirm_session(
        booking=booking, membership=desk.membership, outcome="late_cancel", at=at
    )
    assert done.status == "late_cancel"
    assert left_booked_used(client_) == (3, 0, 0)  # the first is excused


def test_missed_the_first_time_the_pool_pays_and_then_the_person(
    client_: Client, desk: Desk
) -> None:
    first = book(client_, desk)
    confirm_session(booking=first, membership=desk.membership, outcome="missed", at=AFTER)
    assert left_booked_used(client_) == (3, 0, 0)
    second = book(client_, desk, NEXT_THURSDAY_NINE + dt.timedelta(days=7))
    confirm_session(
        booking=second,
        membership=desk.membership,
        outcome="missed",
        at=AFTER + dt.timedelta(days=7),
    )
    assert left_booked_used(client_) == (2, 0, 1)
    assert codes(second) == ["HOLD", "NO_SHOW"]


@pytest.mark.parametrize("outcome", ["attended", "missed"])
def test_an_undone_word_holds_the_session_again(client_: Client, desk: Desk, outcome) -> None:
    booking = book(client_, desk)
    first_hold = booking.hold_group
    confirm_session(booking=booking, membership=desk.membership, outcome=outcome, at=AFTER)
    undone = undo_confirmation(booking=booking, membership=desk.membership, at=AFTER + DAY)
    assert (undone.status, undone.resolved_at, undone.resolved_by) == ("booked", None, None)
    assert undone.hold_group != first_hold
    assert left_booked_used(client_) == (2, 1, 0)
    assert account_of(client_.pool, Kind.PRACTICE).left == 0
    again = confirm_session(
        booking=undone, membership=desk.membership, outcome="attended", at=AFTER + DAY
    )
    assert again.status == "attended"
    assert left_booked_used(client_) == (2, 0, 1)


def test_undoing_twice_changes_nothing(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    confirm_session(booking=booking, membership=desk.membership, outcome="attended", at=AFTER)
    for _ in range(2):
        undo_confirmation(booking=booking, membership=desk.membership, at=AFTER)
    assert left_booked_used(client_) == (2, 1, 0)


def test_undo_ends_after_seven_days(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    confirm_session(booking=booking, membership=desk.membership, outcome="attended", at=AFTER)
    late = AFTER + UNDO_WINDOW + dt.timedelta(seconds=1)
    with pytest.raises(CannotUndo):
        undo_confirmation(booking=booking, membership=desk.membership, at=late)
    assert left_booked_used(client_) == (2, 0, 1)


def test_what_the_person_did_is_not_undone_by_the_practice(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    cancel_booking(booking=booking, user=client_.user, agreed="in_time", at=NOW)
    with pytest.raises(CannotUndo):
        undo_confirmation(booking=booking, membership=desk.membership, at=NOW)


def test_undo_is_refused_when_the_returned_session_is_spent(desk: Desk) -> None:
    one = make_client(units=1)
    booking = book(one, desk)
    confirm_session(booking=booking, membership=desk.membership, outcome="missed", at=AFTER)
    assert left_booked_used(one) == (1, 0, 0)  # excused: it is theirs again
    book(one, desk, NEXT_THURSDAY_NINE + dt.timedelta(days=7), at=AFTER)
    with pytest.raises(CannotUndo):
        undo_confirmation(booking=booking, membership=desk.membership, at=AFTER)
    booking.refresh_from_db()
    assert booking.status == "missed"
    assert left_booked_used(one) == (0, 1, 0)


def test_undo_after_the_lot_is_over_works_through_a_grace_lot(desk: Desk) -> None:
    client = make_client(units=0)
    give(client.pool, client.token, 1, days=8)
    booking = book(client, desk)
    confirm_session(booking=booking, membership=desk.membership, outcome="attended", at=AFTER)
    late = AFTER + DAY
    undo_confirmation(booking=booking, membership=desk.membership, at=late)
    assert left_booked_used(client, at=late) == (0, 1, 0)


# --- The scheduler ----------------------------------------------------------------------


def test_what_nobody_confirms_is_released_after_thirty_days(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    due = booking.ends_at + HOLD_LIFE
    assert time_out_bookings(at=due - dt.timedelta(seconds=1)) == 0
    assert time_out_bookings(at=due) == 1
    assert time_out_bookings(at=due) == 0
    booking.refresh_from_db()
    assert booking.status == "timed_out"
    assert codes(booking) == ["HOLD", "TIMEOUT"]
    assert left_booked_used(client_) == (3, 0, 0)
