"""A place that becomes free is offered for some hours, and passed on."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from events.errors import NotEnoughPlaces, OfferEnded
from events.models import DueMail, Event, Occurrence, Rsvp, Seats
from events.queries import calendar_entries, dates_with_room_and_queue, needs_you, room_of
from events.services.due_mails import write_due
from events.services.events import DatePlan, edit_event
from events.services.rsvps import (
    Guest,
    accept_offer,
    add_rsvp,
    change_party,
    decline_offer,
    leave,
    place_rsvp,
    wake_queue,
)
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import minutes, publish, state, write_mails
from tests.events.test_pages import signed_in
from tests.events.test_rsvps import Join, mails_to
from tests.factories import EnrolmentFactory, OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def circle(circle: Occurrence) -> Occurrence:
    """Here, a place that becomes free is offered for an hour."""
    publish(circle, offer_hours=1)
    return circle


def test_a_freed_place_is_offered_to_the_first_in_line_and_held(
    circle: Occurrence, join: Join
) -> None:
    leaver, _stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    assert state(first, second) == [("offered", None), ("waitlisted", 1)]
    assert first.hold_expires_at == minutes(70)
    assert room_of(circle, at=minutes(10)).is_full
    assert mails_to(first.email) == ["waitlisted", "offered"]
    message = Message.objects.get(to=first.email, key__contains=":offered")
    assert message.subject == "A place is kept for you: Thu 4 June, 18:00"
    assert "until Wed 3 June, 15:10" in message.text
    # Nobody new gets it meanwhile.
    assert state(join(at=minutes(11))) == [("waitlisted", 2)]


def test_an_offer_is_taken_once(circle: Occurrence, join: Join) -> None:
    leaver, _stayer, first = (join(at=minutes(n)) for n in range(3))
    leave(rsvp=leaver, at=minutes(10))
    write_mails()
    for minute in (20, 21):
        assert accept_offer(rsvp=first, at=minutes(minute)).is_going
    assert mails_to(first.email) == ["waitlisted", "offered", "going"]
    assert Seats.objects.get(pk=circle.pk).firm == 2
    leave(rsvp=first, at=minutes(30))
    with pytest.raises(OfferEnded):
        accept_offer(rsvp=first, at=minutes(31))
    assert state(first) == [("left", None)]


def test_an_offer_declined_goes_to_the_next_at_once(join: Join) -> None:
    leaver, _stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    write_mails()
    decline_offer(rsvp=first, at=minutes(11))
    assert state(first, second) == [("declined", None), ("offered", None)]
    decline_offer(rsvp=first, at=minutes(12))
    assert mails_to(first.email) == ["waitlisted", "offered", "left"]


def test_an_offer_ends_by_the_clock_also_with_no_worker(circle: Occurrence, join: Join) -> None:
    leaver, stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    # The worker has been dead for more than an hour: nothing has swept.
    with pytest.raises(OfferEnded):
        accept_offer(rsvp=first, at=minutes(70))
    with pytest.raises(OfferEnded):
        accept_offer(rsvp=first, at=minutes(200))
    assert dates_with_room_and_queue(at=minutes(69)) == []
    assert dates_with_room_and_queue(at=minutes(70)) == [circle.pk]
    # Whoever looks next at the date writes it down: here, somebody who leaves.
    leave(rsvp=stayer, at=minutes(70))
    third = join(at=minutes(71))
    assert state(first, second, third) == [("declined", None), ("offered", None), ("going", None)]
    # There was no worker to write of the offer either.
    assert mails_to(first.email) == ["waitlisted", "lapsed"]


def test_the_scheduler_passes_on_what_ran_out(circle: Occurrence, join: Join) -> None:
    leaver, _stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    assert wake_queue(occurrence_id=circle.pk, at=minutes(69)) == 0
    assert wake_queue(occurrence_id=circle.pk, at=minutes(70)) == 1
    assert state(first, second) == [("declined", None), ("offered", None)]
    assert dates_with_room_and_queue(at=minutes(71)) == []


def test_who_let_an_offer_run_out_may_say_yes_again_and_is_last(
    circle: Occurrence, join: Join
) -> None:
    leaver, _stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    again = place_rsvp(occurrence=circle, person=first.user, at=minutes(80))
    assert again.pk != first.pk
    assert state(first, second, again) == [
        ("declined", None),
        ("offered", None),
        ("waitlisted", 1),
    ]


def test_no_offer_outlasts_the_start(circle: Occurrence, join: Join) -> None:
    publish(circle, offer_hours=48)
    leaver, _stayer, first = (join(at=minutes(n)) for n in range(3))
    leave(rsvp=leaver, at=minutes(10))
    assert state(first) == [("offered", None)]
    assert first.hold_expires_at == circle.starts_at
    wake_queue(occurrence_id=circle.pk, at=circle.starts_at)
    assert state(first) == [("declined", None)]
    assert "lapsed" not in mails_to(first.email), "it has begun: nobody is told to join a queue"


def test_a_party_that_has_an_offer_may_shrink_and_frees_the_rest(join: Join) -> None:
    couple, first, second = join(2), join(2, at=minutes(1)), join(at=minutes(2))
    leave(rsvp=couple, at=minutes(10))
    assert state(first, second) == [("offered", None), ("waitlisted", 1)]
    change_party(rsvp=first, party_size=1, at=minutes(11))
    assert state(first, second) == [("offered", None), ("offered", None)]


def test_a_smaller_room_takes_back_the_last_offers_and_never_a_place(
    circle: Occurrence, join: Join
) -> None:
    one, two = join(), join(at=minutes(1))
    waiting = [join(at=minutes(n)) for n in (2, 3, 4)]
    Occurrence.objects.filter(pk=circle.pk).update(capacity=4)
    wake_queue(occurrence_id=circle.pk, at=minutes(5))
    assert state(*waiting) == [("offered", None), ("offered", None), ("waitlisted", 1)]
    write_mails()
    Occurrence.objects.filter(pk=circle.pk).update(capacity=3)
    wake_queue(occurrence_id=circle.pk, at=minutes(6))
    assert state(*waiting) == [("offered", None), ("waitlisted", 1), ("waitlisted", 2)]
    assert mails_to(waiting[1].email) == ["waitlisted", "offered", "taken_back"]
    Occurrence.objects.filter(pk=circle.pk).update(capacity=1)
    wake_queue(occurrence_id=circle.pk, at=minutes(7))
    assert state(one, two, *waiting) == [
        ("going", None),
        ("going", None),
        ("waitlisted", 1),
        ("waitlisted", 2),
        ("waitlisted", 3),
    ]


def test_taking_an_offer_in_a_room_that_shrank_meanwhile_gives_the_turn_back(
    circle: Occurrence, join: Join
) -> None:
    leaver, _stayer, first = (join(at=minutes(n)) for n in range(3))
    leave(rsvp=leaver, at=minutes(10))
    Occurrence.objects.filter(pk=circle.pk).update(capacity=1)
    assert accept_offer(rsvp=first, at=minutes(11)).is_waiting
    assert state(first) == [("waitlisted", 1)]
    assert first.queued_at == minutes(2)


def test_where_nobody_is_passed_everybody_waits_for_the_first(
    circle: Occurrence, join: Join
) -> None:
    publish(circle, offer_hours=0, skips_large_parties=False)
    leaver, stayer = join(), join()
    couple, single = join(2, at=minutes(1)), join(at=minutes(2))
    leave(rsvp=leaver, at=minutes(3))
    assert state(couple, single) == [("waitlisted", 1), ("waitlisted", 2)]
    # Neither who is new nor who wants to bring somebody passes them.
    newcomer = join(at=minutes(4))
    with pytest.raises(NotEnoughPlaces, match="no more places"):
        change_party(rsvp=stayer, party_size=2, at=minutes(5))
    assert state(newcomer) == [("waitlisted", 3)]
    assert dates_with_room_and_queue(at=minutes(6)) == []
    leave(rsvp=stayer, at=minutes(7))
    assert state(couple, single) == [("going", None), ("waitlisted", 1)]


def test_changing_the_rule_wakes_the_queue(circle: Occurrence, coordinator: User) -> None:
    event = publish(circle, offer_hours=0, skips_large_parties=False)
    plan = DatePlan(circle.starts_at, circle.ends_at, circle.capacity, circle.pk)
    place_rsvp(occurrence=circle, person=UserFactory(), at=NOW)
    couple = place_rsvp(occurrence=circle, person=UserFactory(), party_size=2, at=minutes(1))
    single = place_rsvp(occurrence=circle, person=UserFactory(), at=minutes(2))
    edit_event(
        event=event,
        version=event.version,
        words={"skips_large_parties": True},
        dates=[plan],
        actor=coordinator,
        at=minutes(3),
    )
    assert state(couple, single) == [("waitlisted", 1), ("going", None)]


def test_staff_add_somebody_at_the_door_whoever_waits(circle: Occurrence, join: Join) -> None:
    publish(circle, offer_hours=0, skips_large_parties=False)
    join()
    couple = join(2, at=minutes(1))
    added = add_rsvp(occurrence=circle, guest=Guest("Bo", "bo@example.org"), at=circle.starts_at)
    assert state(couple, added) == [("waitlisted", 1), ("going", None)]


def test_an_offer_is_in_the_calendar_and_on_the_home_page_while_it_stands(join: Join) -> None:
    leaver, _stayer, first = (join(at=minutes(n)) for n in range(3))
    leave(rsvp=leaver, at=minutes(10))
    assert first.user is not None
    (entry,) = calendar_entries(first.user, since=NOW)
    assert "STATUS:TENTATIVE" in entry.text
    (need,) = needs_you(first.user, at=minutes(11))
    assert (need.url, need.due_at) == (first.manage_path, minutes(70))
    assert needs_you(first.user, at=minutes(70)) == []


def test_all_who_wait_are_promoted_in_few_statements_and_told_after_the_lock(
    circle: Occurrence,
) -> None:
    publish(circle, offer_hours=0)
    people = 60
    RsvpFactory.create_batch(
        people, occurrence=circle, status=Rsvp.Status.WAITLISTED, queued_at=NOW, language="es"
    )
    Occurrence.objects.filter(pk=circle.pk).update(capacity=people)
    with CaptureQueriesContext(connection) as captured:
        promoted = wake_queue(occurrence_id=circle.pk, at=minutes(1))
    assert promoted == people
    assert len(captured) <= 9, "\n".join(query["sql"][:90] for query in captured)
    assert not Message.objects.exists(), "no mail is written while others wait for the date"
    with CaptureQueriesContext(connection) as captured:
        assert write_due(limit=40, at=minutes(1)) == 40
    # A savepoint around each mail, so that one that cannot be written keeps no other.
    assert len(captured) - 2 * 40 <= 8, "\n".join(query["sql"][:90] for query in captured)
    assert write_due(limit=40, at=minutes(2)) == 20
    assert write_due(limit=40, at=minutes(3)) == 0
    assert Message.objects.filter(key__contains=":promoted").count() == people


def test_who_may_no_longer_see_the_event_is_passed_over_and_keeps_their_turn(
    circle: Occurrence,
) -> None:
    publish(circle, offer_hours=0, visibility="ambassadors", skips_large_parties=False)
    enrolments = [EnrolmentFactory() for _ in range(5)]
    one, two, gone, couple, last = (
        place_rsvp(occurrence=circle, person=enrolment.user, party_size=size, at=minutes(n))
        for n, (enrolment, size) in enumerate(zip(enrolments, (1, 1, 1, 2, 1), strict=True))
    )
    enrolments[2].status = "alumni"
    enrolments[2].save(update_fields=["status"])
    leave(rsvp=one, at=minutes(10))
    assert state(gone, couple, last) == [("waitlisted", n) for n in (1, 2, 3)]
    leave(rsvp=two, at=minutes(11))
    assert state(gone, couple, last) == [("waitlisted", 1), ("going", None), ("waitlisted", 2)]


def test_a_mail_says_what_is_so_when_it_is_written(circle: Occurrence, join: Join) -> None:
    """Who takes an offer before the mail of it was written hears that they are going."""
    leaver, _stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    accept_offer(rsvp=first, at=minutes(11))
    assert mails_to(first.email) == ["waitlisted", "going"]
    assert mails_to(second.email) == ["waitlisted"]


def test_a_mail_that_cannot_be_written_stays_and_keeps_no_other(
    circle: Occurrence, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    publish(circle, offer_hours=0)
    leaver, other, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    leave(rsvp=other, at=minutes(11))
    broken = DueMail.objects.get(key__contains=first.reference)
    DueMail.objects.filter(pk=broken.pk).update(what="unheard of")
    assert write_due(limit=100, at=minutes(12)) == 1
    assert mails_to(second.email)[-1] == "promoted"
    assert broken.key in caplog.text
    assert DueMail.objects.get().attempts == 2
    DueMail.objects.update(what="promoted")
    assert mails_to(first.email)[-1] == "promoted"
    assert not DueMail.objects.exists()


@pytest.fixture
def open_date(db: None) -> Occurrence:
    """A date far in the future, for pages that look at the real clock."""
    occurrence: Occurrence = OccurrenceFactory(
        starts_at=NOW.replace(year=2096), capacity=1, event__offer_hours=24
    )
    return occurrence


def offered(occurrence: Occurrence, person: User | Guest, until: dt.datetime) -> Rsvp:
    """An offer that stands until then."""
    owner = (
        {"user": person}
        if isinstance(person, User)
        else {"user": None, "guest_name": person.name, "guest_email": person.email}
    )
    rsvp: Rsvp = RsvpFactory(
        occurrence=occurrence,
        status=Rsvp.Status.OFFERED,
        queued_at=NOW,
        hold_expires_at=until,
        **owner,
    )
    return rsvp


def test_a_guest_takes_the_offer_on_their_own_page(client: Client, open_date: Occurrence) -> None:
    rsvp = offered(open_date, Guest("Ana", "ana@example.org"), open_date.starts_at)
    page = client.get(rsvp.manage_path)
    assert "A place is kept for you" in page.text
    assert "Yes, I take it" in page.text
    rsvp.refresh_from_db()
    assert rsvp.is_offered, "opening the link takes nothing"
    page = client.post(rsvp.manage_path, {"act": "accept"}, follow=True)
    assert "The place is yours" in page.text
    assert state(rsvp) == [("going", None)]


def test_a_guest_lets_the_offer_go(client: Client, open_date: Occurrence) -> None:
    rsvp = offered(open_date, Guest("Ana", "ana@example.org"), open_date.starts_at)
    page = client.post(rsvp.manage_path, {"act": "decline"}, follow=True)
    assert "The place went to the next person" in page.text
    assert state(rsvp) == [("declined", None)]


def test_pages_say_that_an_offer_is_over_before_anybody_swept(
    open_date: Occurrence, attendee: User
) -> None:
    rsvp = offered(open_date, attendee, NOW)
    client = signed_in(attendee)
    assert "The place went to the next person" in client.get(rsvp.manage_path).text
    page = client.get(open_date.page_path)
    assert "The place we kept for you went to the next person" in page.text
    page = client.post(rsvp.manage_path, {"act": "accept"}, follow=True)
    assert "This offer has ended" in page.text
    assert state(rsvp) == [("offered", None)]


def test_my_events_say_that_a_place_waits_for_an_answer(
    open_date: Occurrence, attendee: User
) -> None:
    offered(open_date, attendee, open_date.starts_at)
    client = signed_in(attendee)
    assert "answer now" in client.get(reverse("events:mine")).text
    assert "Take it until" in client.get(open_date.page_path).text


def test_the_editor_says_what_fewer_places_than_people_means(
    coordinator: User, open_date: Occurrence, settings: Any
) -> None:
    RsvpFactory(occurrence=open_date)
    settings.REQUIRE_MFA = False
    client = signed_in(coordinator)
    path = reverse("events:staff-edit", args=[open_date.event.slug])
    page = client.get(path)
    data = {
        field.html_name: field.value() if field.value() is not None else ""
        for form in (page.context["form"], page.context["dates"].management_form)
        for field in form
    }
    (row,) = page.context["dates"].forms
    data |= {field.html_name: field.value() or "" for field in row if field.name != "DELETE"}
    data["form-0-capacity"] = "0"
    page = client.post(path, data, follow=True)
    assert "1 person is going, and the places are 0" in page.text
    assert Event.objects.get().offer_hours == 24
