"""What a person's calendar is sent by mail: invitations, changes, and the end of them."""

import datetime as dt
from email.message import Message as Mail

import icalendar
import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from calendars.services.links import choose_what_it_shows, personal_link
from common.reply_addresses import name_in
from events.models import Occurrence, Rsvp
from events.queries import calendar_entries
from events.services.events import DatePlan, cancel_event, edit_event
from events.services.rsvps import (
    confirm_rsvp,
    leave,
    place_rsvp,
    release_rsvp,
    set_discreet,
)
from notifications.gateway import compose
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, write_mails
from tests.events.test_publishing import WORDS
from tests.factories import OccurrenceFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def date() -> Occurrence:
    """Tomorrow in Berlin, with one place."""
    occurrence: Occurrence = OccurrenceFactory(capacity=1, event__title="Evening circle")
    return occurrence


def last_mail(to: str) -> Mail:
    write_mails()
    message = Message.objects.filter(to=to).order_by("pk").last()
    assert message is not None
    return compose(message).message()


def calendar_parts(mail: Mail) -> list[Mail]:
    return [part for part in mail.walk() if part.get_content_type() == "text/calendar"]


def invitation(to: str) -> tuple[str, icalendar.Event]:
    """The method of the last mail to this person, and its one entry."""
    in_words, attached = calendar_parts(last_mail(to))
    body = in_words.get_payload(decode=True)
    assert body == attached.get_payload(decode=True)
    calendar = icalendar.Calendar.from_ical(body)
    (entry,) = calendar.walk("VEVENT")
    assert in_words.get_param("method") == attached.get_param("method") == calendar["METHOD"]
    return str(calendar["METHOD"]), entry


def put_off(date: Occurrence, actor: User, *, days: int, at: dt.datetime) -> None:
    date.event.refresh_from_db()
    delay = dt.timedelta(days=days)
    edit_event(
        event=date.event,
        version=date.event.version,
        words={name: getattr(date.event, name) for name in WORDS},
        dates=[DatePlan(date.starts_at + delay, date.ends_at + delay, date.capacity, date.pk)],
        actor=actor,
        at=at,
    )


def test_a_yes_is_answered_with_a_request_that_programs_find(
    date: Occurrence, attendee: User
) -> None:
    place_rsvp(occurrence=date, person=attendee, at=NOW)
    mail = last_mail(attendee.email)
    assert mail.get_content_type() == "multipart/mixed"
    words, attached = mail.get_payload()
    assert words.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in words.get_payload()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    part = words.get_payload()[-1]
    assert part.get_param("method") == "REQUEST"
    assert part.get_content_charset() == "utf-8"
    assert attached.get_filename() == "event.ics"
    assert attached.get_content_disposition() == "attachment"


def test_it_names_the_person_alone_and_an_address_that_we_read(
    date: Occurrence, attendee: User
) -> None:
    rsvp = place_rsvp(occurrence=date, person=attendee, at=NOW)
    method, entry = invitation(attendee.email)
    assert method == "REQUEST"
    assert entry["ATTENDEE"] == f"mailto:{attendee.email}"
    assert entry["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    assert entry["ATTENDEE"].params["RSVP"] == "TRUE"
    assert entry["ATTENDEE"].params["CN"] == attendee.name
    assert name_in(str(entry["ORGANIZER"]).removeprefix("mailto:")) == rsvp.reference
    assert (entry["UID"], entry["SEQUENCE"], entry["STATUS"]) == (date.uid, 0, "CONFIRMED")


def test_a_name_cannot_break_out_of_its_place(date: Occurrence) -> None:
    person = UserFactory(
        name='Ana "Quote";PARTSTAT=DECLINED:x,\r\nATTENDEE:mailto:evil@example.org'
    )
    place_rsvp(occurrence=date, person=person, at=NOW)
    _method, entry = invitation(person.email)
    assert entry["ATTENDEE"] == f"mailto:{person.email}"
    assert entry["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"


def test_who_waits_is_invited_tentatively_and_surely_when_a_place_is_theirs(
    date: Occurrence, attendee: User
) -> None:
    first = place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    place_rsvp(occurrence=date, person=attendee, at=NOW)
    method, waiting = invitation(attendee.email)
    assert (method, waiting["STATUS"], waiting["TRANSP"]) == ("REQUEST", "TENTATIVE", "TRANSPARENT")
    assert waiting["ATTENDEE"].params["PARTSTAT"] == "TENTATIVE"
    leave(rsvp=first, at=minutes(5))
    method, going = invitation(attendee.email)
    assert (method, going["STATUS"]) == ("REQUEST", "CONFIRMED")
    assert going["UID"] == waiting["UID"]
    assert going["DTSTAMP"].dt > waiting["DTSTAMP"].dt


def test_a_guest_is_invited_once_they_have_confirmed(date: Occurrence) -> None:
    rsvp = place_rsvp(occurrence=date, person=ANA, at=NOW)
    assert calendar_parts(last_mail(ANA.email)) == []
    confirm_rsvp(rsvp=rsvp, at=minutes(1))
    method, entry = invitation(ANA.email)
    assert (method, entry["ATTENDEE"]) == ("REQUEST", f"mailto:{ANA.email}")


def test_another_time_is_the_same_entry_with_a_higher_sequence(
    date: Occurrence, attendee: User, coordinator: User
) -> None:
    place_rsvp(occurrence=date, person=attendee, at=NOW)
    put_off(date, coordinator, days=1, at=minutes(10))
    method, entry = invitation(attendee.email)
    assert (method, entry["UID"], entry["SEQUENCE"]) == ("REQUEST", date.uid, 1)
    assert entry["DTSTART"].dt == date.starts_at + dt.timedelta(days=1)


def test_a_cancelled_event_is_taken_out_of_every_calendar(
    date: Occurrence, attendee: User, coordinator: User
) -> None:
    place_rsvp(occurrence=date, person=attendee, at=NOW)
    cancel_event(event=date.event, note="The roof leaks.", actor=coordinator, at=minutes(10))
    method, entry = invitation(attendee.email)
    assert (method, entry["STATUS"], entry["UID"]) == ("CANCEL", "CANCELLED", date.uid)
    assert entry["SEQUENCE"] == 1
    assert "COMMENT" not in entry


def test_a_place_taken_back_is_cancelled_for_that_person_and_says_so(
    date: Occurrence, attendee: User
) -> None:
    Occurrence.objects.update(capacity=5)
    other = place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    mine = place_rsvp(occurrence=date, person=attendee, at=NOW)
    release_rsvp(rsvp=mine, at=minutes(5))
    method, entry = invitation(attendee.email)
    assert (method, entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    assert entry["COMMENT"] == "Your place was released. The event itself takes place."
    assert Message.objects.filter(to=other.email).count() == 1  # their first one
    date.refresh_from_db()
    assert (date.sequence, "STATUS:CANCELLED" in date.vevent) == (0, False)


def test_who_left_and_comes_back_has_an_entry_of_their_own(
    date: Occurrence, attendee: User
) -> None:
    first = place_rsvp(occurrence=date, person=attendee, at=NOW)
    leave(rsvp=first, at=minutes(1))
    method, gone = invitation(attendee.email)
    assert (method, gone["UID"], gone["SEQUENCE"]) == ("CANCEL", date.uid, 1)
    uids = [str(gone["UID"])]
    for number in (1, 2):
        again = place_rsvp(occurrence=date, person=attendee, at=minutes(10 * number))
        method, entry = invitation(attendee.email)
        assert (method, entry["STATUS"]) == ("REQUEST", "CONFIRMED")
        (mine,) = calendar_entries(attendee, since=NOW)
        assert f"UID:{entry['UID']}\r\n" in mine.text.replace("\r\n ", "")
        uids.append(str(entry["UID"]))
        leave(rsvp=again, at=minutes(10 * number + 1))
    assert len(set(uids)) == 3
    assert Rsvp.objects.filter(uid_generation=2).count() == 1


def test_a_guest_who_comes_back_has_an_entry_of_their_own_too(date: Occurrence) -> None:
    rsvp = confirm_rsvp(rsvp=place_rsvp(occurrence=date, person=ANA, at=NOW), at=NOW)
    leave(rsvp=rsvp, at=minutes(1))
    confirm_rsvp(rsvp=place_rsvp(occurrence=date, person=ANA, at=minutes(2)), at=minutes(3))
    _method, entry = invitation(ANA.email)
    assert entry["UID"] != date.uid


@pytest.mark.parametrize("chosen", ["for this date", "for everything"])
def test_a_discreet_invitation_says_when_and_nothing_of_what(
    date: Occurrence, attendee: User, coordinator: User, chosen: str
) -> None:
    if chosen == "for everything":
        link = personal_link(user=attendee, at=NOW)
        choose_what_it_shows(link=link, wants_plain_titles=True, shows_busy=False, at=NOW)
    rsvp = place_rsvp(occurrence=date, person=attendee, at=NOW)
    if chosen == "for this date":
        set_discreet(rsvp=rsvp, is_discreet=True, at=minutes(1))
    put_off(date, coordinator, days=1, at=minutes(10))
    method, entry = invitation(attendee.email)
    assert (method, entry["SUMMARY"], entry["CLASS"]) == ("REQUEST", "Busy", "PRIVATE")
    body = entry.to_ical().decode()
    for word in ("circle", "Lindenhof", "unhurried"):
        assert word not in body
    assert entry["ATTENDEE"] == f"mailto:{attendee.email}"


def test_nobody_is_named_in_a_file_that_is_not_a_mail(
    client: Client, date: Occurrence, attendee: User
) -> None:
    place_rsvp(occurrence=date, person=attendee, at=NOW)
    with time_machine.travel(minutes(5), tick=False):
        link = personal_link(user=attendee, at=NOW)
        for url in (
            reverse("events:feed"),
            reverse("events:event-file", args=[date.event.slug]),
            reverse("portal:personal-feed", args=[link.secret]),
        ):
            body = client.get(url).content
            assert b"ATTENDEE" not in body
            assert b"ORGANIZER" not in body


def test_a_guest_may_ask_for_a_neutral_title_and_a_mail_replaces_their_entry(
    date: Occurrence,
) -> None:
    rsvp = place_rsvp(occurrence=date, person=ANA, is_vouched=True, at=NOW)
    assert invitation(ANA.email)[1]["SUMMARY"] == "Evening circle"
    for minute in (1, 2):
        set_discreet(rsvp=rsvp, is_discreet=True, at=minutes(minute))
    method, entry = invitation(ANA.email)
    assert (method, entry["SUMMARY"], entry["UID"]) == ("REQUEST", "Busy", date.uid)
    assert Message.objects.filter(to=ANA.email).count() == 2
