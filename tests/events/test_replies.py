"""A yes, a maybe or a no in one's own calendar is one here."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from calendars.models import InboundReply
from calendars.services.inbound import receive
from common.reply_addresses import reply_address
from events import tasks
from events.models import Event, Occurrence, Rsvp
from events.services.events import cancel_event
from events.services.replies import apply_replies
from events.services.rsvps import confirm_rsvp, leave, place_rsvp, release_rsvp, say_maybe
from notifications.models import Message
from tests.calendars.mail import AUTH_SERVER, calendar_reply, mail
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, state
from tests.events.test_invitations import invitation, put_off
from tests.factories import OccurrenceFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def our_server(settings: Any) -> None:
    settings.MAIL_AUTH_SERVER = AUTH_SERVER


@pytest.fixture
def date() -> Occurrence:
    """Tomorrow in Berlin, with one place."""
    occurrence: Occurrence = OccurrenceFactory(capacity=1)
    return occurrence


@pytest.fixture
def going(date: Occurrence, attendee: User) -> Rsvp:
    """The attendee has the one place."""
    return place_rsvp(occurrence=date, person=attendee, at=NOW)


def answer(
    rsvp: Rsvp,
    answer: str,
    *,
    minute: float = 10,
    uid: str = "",
    sequence: int | None = None,
    attendee: str = "",
) -> InboundReply:
    """What the person's calendar program sends at that minute, received and applied."""
    attendee = attendee or rsvp.email
    rsvp.occurrence.refresh_from_db()
    body = calendar_reply(
        uid=uid or rsvp.calendar_uid,
        attendee=attendee,
        answer=answer,
        sequence=rsvp.occurrence.sequence if sequence is None else sequence,
        at=minutes(minute),
    )
    raw = mail(
        sender=attendee,
        to=reply_address(rsvp.reference),
        calendar=body,
        message_id=f"<{rsvp.reference}-{answer}-{minute}-{InboundReply.objects.count()}@x>",
    )
    reply = receive(raw=raw, at=minutes(minute))
    assert reply is not None
    assert apply_replies(at=minutes(minute)) == 1
    reply.refresh_from_db()
    return reply


def test_a_no_frees_the_place_for_who_waits(date: Occurrence, going: Rsvp) -> None:
    waiting = place_rsvp(occurrence=date, person=UserFactory(), at=minutes(1))
    assert answer(going, "DECLINED").state == "applied"
    assert state(going, waiting) == [("left", None), ("going", None)]
    method, entry = invitation(going.email)
    assert (method, entry["STATUS"]) == ("CANCEL", "CANCELLED")
    method, entry = invitation(waiting.email)
    assert (method, entry["STATUS"]) == ("REQUEST", "CONFIRMED")


def test_a_no_in_the_queue_leaves_the_queue(date: Occurrence, going: Rsvp) -> None:
    waiting = place_rsvp(occurrence=date, person=UserFactory(), at=minutes(1))
    answer(waiting, "DECLINED")
    assert state(waiting) == [("left", None)]


def test_a_yes_of_who_is_going_changes_nothing(going: Rsvp) -> None:
    mails = Message.objects.count()
    assert answer(going, "ACCEPTED").state == "applied"
    assert state(going) == [("going", None)]
    assert Message.objects.count() == mails


def test_a_yes_on_a_full_event_is_a_turn_in_the_queue_and_the_calendar_is_told(
    date: Occurrence, going: Rsvp
) -> None:
    person = UserFactory()
    waiting = place_rsvp(occurrence=date, person=person, at=minutes(1))
    _method, before = invitation(person.email)
    answer(waiting, "ACCEPTED")
    assert state(waiting) == [("waitlisted", 1)]
    method, entry = invitation(person.email)
    assert (method, entry["STATUS"]) == ("REQUEST", "TENTATIVE")
    assert entry["ATTENDEE"].params["PARTSTAT"] == "TENTATIVE"
    assert entry["UID"] == before["UID"]
    assert entry["DTSTAMP"].dt > before["DTSTAMP"].dt


def test_who_said_no_and_then_yes_has_a_place_if_there_is_one(
    date: Occurrence, going: Rsvp, attendee: User
) -> None:
    answer(going, "DECLINED")
    answer(going, "ACCEPTED", minute=20)
    again = Rsvp.objects.active().get(user=attendee)
    assert (again.status, again.uid_generation) == ("going", 1)
    method, entry = invitation(attendee.email)
    assert (method, entry["STATUS"]) == ("REQUEST", "CONFIRMED")
    assert entry["UID"] != date.uid


def test_who_said_no_and_then_yes_waits_when_it_is_full(
    date: Occurrence, going: Rsvp, attendee: User
) -> None:
    place_rsvp(occurrence=date, person=UserFactory(), at=minutes(1))
    answer(going, "DECLINED")
    answer(going, "ACCEPTED", minute=20)
    assert Rsvp.objects.active().get(user=attendee).status == "waitlisted"
    _method, entry = invitation(attendee.email)
    assert entry["STATUS"] == "TENTATIVE"


def test_a_guest_answers_from_their_calendar_too(date: Occurrence) -> None:
    guest = confirm_rsvp(rsvp=place_rsvp(occurrence=date, person=ANA, at=NOW), at=NOW)
    answer(guest, "DECLINED")
    assert state(guest) == [("left", None)]
    answer(guest, "ACCEPTED", minute=20)
    assert Rsvp.objects.active().get().guest_email == ANA.email


def test_a_maybe_gives_the_place_to_others(date: Occurrence, going: Rsvp) -> None:
    waiting = place_rsvp(occurrence=date, person=UserFactory(), at=minutes(1))
    answer(going, "TENTATIVE")
    assert state(going, waiting) == [("maybe", None), ("going", None)]
    method, entry = invitation(going.email)
    assert (method, entry["STATUS"], entry["TRANSP"]) == ("REQUEST", "TENTATIVE", "TRANSPARENT")


def test_a_maybe_becomes_a_yes_if_there_is_room(going: Rsvp) -> None:
    answer(going, "TENTATIVE")
    answer(going, "ACCEPTED", minute=20)
    assert state(going) == [("going", None)]
    method, entry = invitation(going.email)
    assert (method, entry["STATUS"]) == ("REQUEST", "CONFIRMED")


def test_a_maybe_in_the_queue_keeps_its_turn(date: Occurrence, going: Rsvp) -> None:
    waiting = place_rsvp(occurrence=date, person=UserFactory(), at=minutes(1))
    assert answer(waiting, "TENTATIVE").state == "applied"
    assert state(waiting) == [("waitlisted", 1)]


def test_a_maybe_can_be_made_a_yes_on_the_page(client: Client, going: Rsvp) -> None:
    say_maybe(rsvp=going, at=minutes(1))
    with time_machine.travel(minutes(5)):
        page = client.get(going.manage_path).content.decode()
        assert "You may come" in page
        client.post(going.manage_path, {"act": "confirm"})
    assert state(going) == [("going", None)]


@pytest.mark.parametrize(("said", "status"), [("ACCEPTED", "going"), ("DECLINED", "declined")])
def test_an_offer_is_taken_or_passed_on_in_the_calendar(
    date: Occurrence, going: Rsvp, said: str, status: str
) -> None:
    Event.objects.update(offer_hours=4)
    offered = place_rsvp(occurrence=date, person=UserFactory(), at=minutes(1))
    leave(rsvp=going, at=minutes(2))
    _method, entry = invitation(offered.email)
    assert entry["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert answer(offered, said).state == "applied"
    assert state(offered) == [(status, None)]


# --- What does not count ----------------------------------------------------------


def test_an_answer_to_another_entry_does_not_count(going: Rsvp) -> None:
    reply = answer(going, "DECLINED", uid="other@greenroom.example")
    assert (reply.state, reply.reason) == ("refused", "other_entry")
    assert state(going) == [("going", None)]


def test_somebody_else_cannot_answer_with_a_forwarded_invitation(going: Rsvp) -> None:
    reply = answer(going, "DECLINED", attendee="eve@example.org")
    assert (reply.state, reply.reason) == ("refused", "other_person")
    assert state(going) == [("going", None)]


def test_an_answer_to_what_was_before_a_change_does_not_count(
    date: Occurrence, going: Rsvp, coordinator: User
) -> None:
    put_off(date, coordinator, days=1, at=minutes(1))
    old = answer(going, "DECLINED", sequence=0)
    assert (old.state, old.reason) == ("refused", "old")
    assert state(going) == [("going", None)]
    assert answer(going, "DECLINED", minute=20, sequence=1).state == "applied"
    assert state(going) == [("left", None)]


def test_an_answer_that_was_overtaken_does_not_count(going: Rsvp) -> None:
    answer(going, "ACCEPTED", minute=20)
    late = answer(going, "DECLINED", minute=10)
    assert (late.state, late.reason) == ("refused", "seen")
    assert state(going) == [("going", None)]


def test_an_answer_about_nothing_we_know_does_not_count(going: Rsvp) -> None:
    body = calendar_reply(uid=going.calendar_uid, attendee=going.email)
    raw = mail(sender=going.email, to=reply_address("NOSUCHONE0"), calendar=body)
    reply = receive(raw=raw, at=NOW)
    apply_replies(at=NOW)
    assert reply is not None
    reply.refresh_from_db()
    assert reply.reason == "other_entry"


def test_a_yes_when_rsvps_are_closed_is_answered_with_the_truth(
    date: Occurrence, going: Rsvp
) -> None:
    answer(going, "DECLINED")
    Event.objects.update(rsvp_closes_at=minutes(15))
    reply = answer(going, "ACCEPTED", minute=20)
    assert (reply.state, reply.reason) == ("refused", "too_late")
    assert not Rsvp.objects.active().exists()
    method, entry = invitation(going.email)
    assert (method, entry["STATUS"]) == ("CANCEL", "CANCELLED")
    told = Message.objects.filter(to=going.email).order_by("pk").last()
    assert told is not None
    assert "RSVPs for this date are closed." in told.text


def test_a_place_that_staff_took_back_can_be_asked_for_again(going: Rsvp, attendee: User) -> None:
    release_rsvp(rsvp=going, at=minutes(1))
    answer(going, "ACCEPTED")
    assert Rsvp.objects.active().get(user=attendee).status == "going"


def test_a_no_to_a_cancelled_event_is_taken(
    date: Occurrence, going: Rsvp, coordinator: User
) -> None:
    cancel_event(event=date.event, note="", actor=coordinator, at=minutes(1))
    assert answer(going, "DECLINED").state == "applied"
    assert state(going) == [("left", None)]


def test_after_the_date_nothing_changes(date: Occurrence, going: Rsvp) -> None:
    over = (date.ends_at - NOW) / dt.timedelta(minutes=1) + 1
    assert answer(going, "DECLINED", minute=over).reason == "too_late"
    assert state(going) == [("going", None)]


def test_the_scheduler_applies_what_waits_once(going: Rsvp) -> None:
    body = calendar_reply(
        uid=going.calendar_uid, attendee=going.email, answer="DECLINED", at=minutes(5)
    )
    raw = mail(sender=going.email, to=reply_address(going.reference), calendar=body)
    receive(raw=raw, at=minutes(5))
    with time_machine.travel(minutes(6)):
        assert tasks.apply_replies() == 1
        assert tasks.apply_replies() == 0
    leave(rsvp=going, at=minutes(7))  # changes nothing any more
    assert state(going) == [("left", None)]
