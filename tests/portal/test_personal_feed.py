"""A person's own calendar, as a subscriber's program meets it."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import icalendar
import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from calendars.models import FeedToken
from calendars.services.fetches import last_fetch
from calendars.services.links import choose_what_it_shows, personal_link, rotate_link
from events.models import Occurrence, Rsvp, Visibility
from events.queries import as_text, calendar_entries, personal_event
from events.services.dates import save_with_entry
from events.services.events import cancel_event
from events.services.rsvps import leave, place_rsvp, set_discreet
from tests.conftest import NOW
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    EventFactory,
    OccurrenceFactory,
    UserFactory,
)
from tests.therapy_credits.conftest import make_pool
from therapy_credits.models import Booking
from therapy_credits.services.subjects import subject_for

pytestmark = pytest.mark.django_db

WELLNESS = ("wellness", "circle", "therap", "session", "care", "mind", "health", "ambassador")


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def link(attendee: User) -> FeedToken:
    return personal_link(user=attendee, at=NOW)


@pytest.fixture
def circle(db: None) -> Occurrence:
    """Tomorrow in Berlin, one place, online too."""
    date: Occurrence = OccurrenceFactory(
        capacity=1, event__format="hybrid", event__online_url="https://meet.example/room-7"
    )
    return date


def fetch(client: Client, link: FeedToken, **headers: str) -> Any:
    return client.get(reverse("portal:personal-feed", args=[link.secret]), headers=headers)


def entries(client: Client, link: FeedToken) -> list[icalendar.Event]:
    response = fetch(client, link)
    assert response.status_code == 200
    return list(icalendar.Calendar.from_ical(response.content).walk("VEVENT"))


def test_who_is_going_has_the_time_taken_and_the_way_in(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    (entry,) = entries(client, link)
    assert (entry["STATUS"], entry["TRANSP"]) == ("CONFIRMED", "OPAQUE")
    assert entry["SUMMARY"] == circle.event.title
    assert entry["CONFERENCE"] == "https://meet.example/room-7"


def test_who_waits_keeps_the_time_free_and_has_no_way_in(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    (entry,) = entries(client, link)
    assert (entry["STATUS"], entry["TRANSP"]) == ("TENTATIVE", "TRANSPARENT")
    assert "CONFERENCE" not in entry
    assert "room-7" not in fetch(client, link).content.decode()


def test_who_is_promoted_learns_it_with_the_same_uid(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    first = place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    before = fetch(client, link)
    leave(rsvp=first, at=NOW + dt.timedelta(minutes=1))
    after = fetch(client, link, **{"if-none-match": before["ETag"]})
    assert after.status_code == 200
    (entry,) = entries(client, link)
    assert (entry["UID"], entry["STATUS"]) == (circle.uid, "CONFIRMED")


def test_a_place_given_up_is_cancelled_in_ones_own_calendar_only(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    rsvp = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    leave(rsvp=rsvp, at=NOW + dt.timedelta(minutes=1))
    (entry,) = entries(client, link)
    assert (entry["STATUS"], entry["TRANSP"]) == ("CANCELLED", "TRANSPARENT")
    public = icalendar.Calendar.from_ical(circle_in_public(client, circle))
    assert "CANCELLED" not in [entry["STATUS"] for entry in public.walk("VEVENT")]


def circle_in_public(client: Client, occurrence: Occurrence) -> bytes:
    return client.get(reverse("events:event-file", args=[occurrence.event.slug])).content


def test_a_cancelled_event_stays_thirty_days_with_a_higher_sequence(
    client: Client, attendee: User, coordinator: User, link: FeedToken, circle: Occurrence
) -> None:
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    (before,) = entries(client, link)
    cancel_event(event=circle.event, note="The roof leaks.", actor=coordinator, at=NOW)
    with time_machine.travel(circle.ends_at + dt.timedelta(days=30)):
        (after,) = entries(client, link)
    assert after["UID"] == before["UID"]
    assert after["STATUS"] == "CANCELLED"
    assert after["SEQUENCE"] == before["SEQUENCE"] + 1
    with time_machine.travel(circle.ends_at + dt.timedelta(days=38)):
        assert entries(client, link) == []


def test_what_is_made_from_stored_text_is_what_would_be_rendered(attendee: User) -> None:
    for number, status in enumerate(Rsvp.Status):
        for is_off in (False, True):
            date = OccurrenceFactory(
                starts_at=NOW + dt.timedelta(days=2 * number + is_off, hours=6),
                event__title="Круг; one, two\nthree",
            )
            date.cancelled_at = NOW if is_off else None
            save_with_entry(date)
            rsvp = place_rsvp(occurrence=OccurrenceFactory(), person=attendee, at=NOW)
            Rsvp.objects.filter(pk=rsvp.pk).update(
                occurrence=date,
                status=status,
                queued_at=NOW if status in ("waitlisted", "offered") else None,
                hold_expires_at=NOW if status in ("offered", "paying") else None,
            )
    rsvps = Rsvp.objects.exclude(status__in=["pending", "applied"])
    rendered = as_text(
        personal_event(rsvp)
        for rsvp in rsvps.select_related("occurrence__event").order_by("occurrence__starts_at")
    )
    assert len(rendered) == 16
    assert calendar_entries(attendee, since=NOW) == rendered


def test_nobody_elses_events_are_in_it(
    client: Client, link: FeedToken, circle: Occurrence, outsider: User
) -> None:
    place_rsvp(occurrence=circle, person=outsider, at=NOW)
    assert entries(client, link) == []


def test_an_empty_calendar_is_valid(client: Client, link: FeedToken) -> None:
    assert entries(client, link) == []


def test_nothing_new_costs_two_queries(
    client: Client,
    attendee: User,
    link: FeedToken,
    circle: Occurrence,
    django_assert_num_queries: Any,
) -> None:
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    etag = fetch(client, link)["ETag"]
    with django_assert_num_queries(2):
        assert fetch(client, link, **{"if-none-match": etag}).status_code == 304


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("form", "queries"), [("in_person", 4), ("hybrid", 5)])
def test_a_full_answer_costs_four_queries_however_many_and_one_more_for_what_is_not_stored(
    client: Client,
    attendee: User,
    link: FeedToken,
    count: int,
    form: str,
    queries: int,
    django_assert_num_queries: Any,
) -> None:
    for _ in range(count):
        date = OccurrenceFactory(event__format=form)
        save_with_entry(date)
        place_rsvp(occurrence=date, person=attendee, at=NOW)
    with django_assert_num_queries(queries):
        assert len(entries(client, link)) == count


def test_it_is_private_to_everything_on_the_way(client: Client, link: FeedToken) -> None:
    response = fetch(client, link)
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Content-Disposition"] == 'inline; filename="calendar.ics"'
    assert response.cookies == {}


def test_unknown_and_replaced_links_are_answered_alike(client: Client, link: FeedToken) -> None:
    old, guess = link.secret, f"{link.pk}-{'A' * 32}"
    rotate_link(link=link, at=NOW)
    replaced, unknown = (
        client.get(reverse("portal:personal-feed", args=[secret])) for secret in (old, guess)
    )
    assert (unknown.status_code, replaced.status_code) == (404, 404)
    # The page knows its own address; apart from that they are the same.
    assert unknown.content == replaced.content.replace(old.encode(), guess.encode())


def test_a_replaced_link_has_a_tag_of_its_own(client: Client, link: FeedToken) -> None:
    before = fetch(client, link)["ETag"]
    assert fetch(client, rotate_link(link=link, at=NOW))["ETag"] != before


def test_the_person_sees_which_program_fetched_last(client: Client, link: FeedToken) -> None:
    fetch(client, link, **{"user-agent": "Google-Calendar-Importer"})
    assert last_fetch(link, at=NOW) == (NOW, "Google Calendar")


# --- Discreet -----------------------------------------------------------------


def no_wellness_word(body: bytes) -> bool:
    text = body.replace(b"\r\n ", b"").decode().lower()
    return not any(word in text for word in WELLNESS)


def test_everything_can_be_discreet(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    plain = fetch(client, link).content
    choose_what_it_shows(link=link, wants_plain_titles=True, shows_busy=False, at=NOW)
    discreet = fetch(client, FeedToken.objects.get()).content
    (entry,) = icalendar.Calendar.from_ical(discreet).walk("VEVENT")
    assert (entry["SUMMARY"], entry["CLASS"]) == ("Busy", "PRIVATE")
    assert not {"LOCATION", "CONFERENCE"} & set(entry)
    assert no_wellness_word(discreet)
    assert not no_wellness_word(plain)  # the words are there to be found


def test_a_reminder_is_there_for_who_chose_one(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    place_rsvp(occurrence=circle, person=attendee, at=NOW)
    before = fetch(client, link)
    assert b"VALARM" not in before.content
    choose_what_it_shows(
        link=link, wants_plain_titles=False, shows_busy=False, alarm_minutes=1440, at=NOW
    )
    after = fetch(client, FeedToken.objects.get(), **{"if-none-match": before["ETag"]})
    assert b"TRIGGER:-PT1440M" in after.content


def test_one_event_can_be_discreet(
    client: Client, attendee: User, link: FeedToken, circle: Occurrence
) -> None:
    rsvp = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    before = fetch(client, link)
    set_discreet(rsvp=rsvp, is_discreet=True, at=NOW + dt.timedelta(minutes=1))
    after = fetch(client, link, **{"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert no_wellness_word(after.content)


def test_an_event_for_members_is_discreet_without_asking(
    client: Client, attendee: User, link: FeedToken
) -> None:
    event = EventFactory(visibility=Visibility.AMBASSADORS)
    place_rsvp(occurrence=OccurrenceFactory(event=event), person=attendee, at=NOW)
    (entry,) = entries(client, link)
    assert (entry["SUMMARY"], entry["CLASS"]) == ("Busy", "PRIVATE")
    assert no_wellness_word(fetch(client, link).content)


# --- Private appointments ---------------------------------------------------------


@pytest.fixture
def booking(attendee: User) -> Booking:
    enrolment = EnrolmentFactory(user=attendee)
    subject = subject_for(user=attendee, programme=enrolment.term.programme, year=2026, at=NOW)
    made: Booking = BookingFactory(subject=subject.token, pool=make_pool(), booked_at=NOW)
    return made


def test_private_appointments_are_left_out_unless_asked_for(
    client: Client, link: FeedToken, booking: Booking
) -> None:
    assert entries(client, link) == []


def test_private_appointments_say_busy_and_nothing_else(
    client: Client, link: FeedToken, booking: Booking
) -> None:
    choose_what_it_shows(link=link, wants_plain_titles=False, shows_busy=True, at=NOW)
    (entry,) = entries(client, link)
    assert set(entry) == {
        "UID",
        "DTSTAMP",
        "LAST-MODIFIED",
        "SEQUENCE",
        "DTSTART",
        "DTEND",
        "SUMMARY",
        "STATUS",
        "TRANSP",
        "CLASS",
    }
    assert (entry["SUMMARY"], entry["CLASS"], entry["TRANSP"]) == ("Busy", "PRIVATE", "OPAQUE")
    assert entry["DTSTART"].dt == booking.starts_at
    body = fetch(client, link).content
    assert no_wellness_word(body)
    for telling in (booking.reference, str(booking.subject), booking.practice.name):
        assert telling not in body.decode()


def test_an_appointment_taken_back_is_new_at_once(
    client: Client, link: FeedToken, booking: Booking
) -> None:
    choose_what_it_shows(link=link, wants_plain_titles=False, shows_busy=True, at=NOW)
    before = fetch(client, link)
    assert fetch(client, link, **{"if-none-match": before["ETag"]}).status_code == 304
    Booking.objects.filter(pk=booking.pk).update(
        status=Booking.Status.CANCELLED, resolved_at=NOW + dt.timedelta(minutes=1)
    )
    after = fetch(client, link, **{"if-none-match": before["ETag"]})
    assert after.status_code == 200
    (entry,) = icalendar.Calendar.from_ical(after.content).walk("VEVENT")
    assert (entry["STATUS"], entry["TRANSP"], entry["SEQUENCE"]) == ("CANCELLED", "TRANSPARENT", 1)


def test_somebody_elses_appointments_are_never_in_it(
    client: Client, outsider: User, booking: Booking
) -> None:
    other = personal_link(user=outsider, at=NOW)
    choose_what_it_shows(link=other, wants_plain_titles=False, shows_busy=True, at=NOW)
    assert entries(client, other) == []
