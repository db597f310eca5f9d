"""Feeds, personal entries, what the reports count, and what the scheduler does."""

import datetime as dt
from io import StringIO

import icalendar
import pgtrigger
import pytest
import time_machine
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from events import tasks
from events.domain.plans import DatePlan
from events.models import CheckIn, Occurrence, Rsvp
from events.queries import attendance_by_quarter, calendar_entries, needs_you
from events.services.events import cancel_event, draft_event, publish_event
from events.services.rsvps import leave, place_rsvp, set_discreet
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, state
from tests.events.test_publishing import WORDS, on
from tests.factories import EventFactory, OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def published(coordinator: User) -> Occurrence:
    """An online event of tomorrow, as the console makes it."""
    words = WORDS | {"format": "online", "online_url": "https://meet.example.org/room"}
    event = draft_event(words=words, dates=[on(capacity=1)], actor=coordinator, at=NOW)
    publish_event(event=event, actor=coordinator, at=NOW)
    return Occurrence.objects.select_related("event").get()


def entries(content: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(content).walk("VEVENT"))


def test_the_feed_keeps_what_was_cancelled_under_the_same_uid(
    published: Occurrence, coordinator: User
) -> None:
    with time_machine.travel(minutes(10), tick=False):
        cache.clear()
        (before,) = entries(Client().get("/events/feed.ics").content)
        cancel_event(event=published.event, note="x", actor=coordinator, at=minutes(10))
        (after,) = entries(Client().get("/events/feed.ics").content)
    assert before["UID"] == after["UID"] == published.uid
    assert (before["SEQUENCE"], after["SEQUENCE"]) == (0, 1)
    assert (before["STATUS"], after["STATUS"]) == ("CONFIRMED", "CANCELLED")


def test_the_feed_is_narrowed_like_the_list(published: Occurrence) -> None:
    OccurrenceFactory(event__visibility="unlisted")
    with time_machine.travel(minutes(10), tick=False):
        cache.clear()
        assert len(entries(Client().get("/events/feed.ics?format=online").content)) == 1
        assert entries(Client().get("/events/feed.ics?language=es").content) == []


def test_an_unchanged_feed_is_not_sent_again(published: Occurrence) -> None:
    with time_machine.travel(minutes(10), tick=False):
        first = Client().get("/events/feed.ics")
        again = Client().get("/events/feed.ics", headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


def test_going_is_busy_and_waiting_is_not(published: Occurrence) -> None:
    going, waiting = UserFactory(), UserFactory()
    for user in (going, waiting):
        place_rsvp(occurrence=published, person=user, at=NOW)
    (mine,) = calendar_entries(going, since=NOW)
    assert "STATUS:CONFIRMED" in mine.text
    assert "TRANSP:OPAQUE" in mine.text
    assert "https://meet.example.org/room" in mine.text
    (theirs,) = calendar_entries(waiting, since=NOW)
    assert "STATUS:TENTATIVE" in theirs.text
    assert "TRANSP:TRANSPARENT" in theirs.text
    assert "https://meet.example.org/room" not in theirs.text


def test_who_left_has_a_cancelled_entry_and_who_came_back_a_sure_one(
    published: Occurrence,
) -> None:
    user = UserFactory()
    rsvp = place_rsvp(occurrence=published, person=user, at=NOW)
    leave(rsvp=rsvp, at=minutes(1))
    (entry,) = calendar_entries(user, since=NOW)
    assert "STATUS:CANCELLED" in entry.text
    place_rsvp(occurrence=published, person=user, at=minutes(2))
    (entry,) = calendar_entries(user, since=NOW)
    assert "STATUS:CONFIRMED" in entry.text


def test_a_discreet_entry_says_when_and_nothing_of_what(published: Occurrence) -> None:
    user = UserFactory()
    rsvp = place_rsvp(occurrence=published, person=user, at=NOW)
    set_discreet(rsvp=rsvp, is_discreet=True, at=minutes(1))
    (entry,) = calendar_entries(user, since=NOW)
    for word in ("circle", "Lindenhof", "meet.example.org", "unhurried"):
        assert word not in entry.text
    assert "SUMMARY:Busy" in entry.text
    assert "CLASS:PRIVATE" in entry.text


def test_the_file_of_an_event_for_members_says_when_and_nothing_of_what(
    coordinator: User, client: Client
) -> None:
    words = WORDS | {"visibility": "ambassadors"}
    event = draft_event(words=words, dates=[on()], actor=coordinator, at=NOW)
    publish_event(event=event, actor=coordinator, at=NOW)
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    response = client.get(f"/events/{event.slug}/event.ics")
    (entry,) = entries(response.content)
    assert (entry["SUMMARY"], entry["CLASS"]) == ("Busy", "PRIVATE")
    assert (entry["UID"], entry["DTSTART"].dt) == (event.occurrences.get().uid, on().starts_at)
    for word in ("circle", "Lindenhof", "unhurried"):
        assert word not in response.content.decode()
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Content-Disposition"] == 'attachment; filename="event.ics"'


def test_dates_for_the_enrolled_are_discreet_from_the_start() -> None:
    here = OccurrenceFactory(event__visibility="ambassadors")
    assert place_rsvp(occurrence=here, person=UserFactory(), at=NOW).is_discreet


def came(rsvp: Rsvp, actor: User, people: int = 1) -> None:
    CheckIn.objects.create(rsvp=rsvp, people_count=people, checked_in_at=NOW, checked_in_by=actor)


def test_attendance_counts_people_once_a_quarter_in_the_programmes_zone(attendee: User) -> None:
    event = EventFactory()
    # 31 March, 23:30 in New York is 1 April in UTC: the first quarter there.
    march = OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 4, 1, 3, 30, tzinfo=dt.UTC))
    april = [
        OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 4, day, 16, 0, tzinfo=dt.UTC))
        for day in (10, 11, 12)
    ]
    came(RsvpFactory(occurrence=march, user=attendee), attendee)
    came(RsvpFactory(occurrence=april[0], user=attendee, party_size=3), attendee, people=3)
    came(RsvpFactory(occurrence=april[1], user=None, guest_email="Attendee@example.org"), attendee)
    came(RsvpFactory(occurrence=april[1], user=None, guest_email="ana@example.org"), attendee)
    undone = RsvpFactory(occurrence=april[1])
    came(undone, attendee)
    CheckIn.objects.filter(rsvp=undone).update(undone_at=NOW)
    Occurrence.objects.filter(pk=april[2].pk).update(cancelled_at=NOW)
    OccurrenceFactory(event=event)  # still to come
    rows = attendance_by_quarter(programme_id=None, time_zone="America/New_York", at=NOW)
    assert [(r.starts_on, r.events_held, r.people, r.visits) for r in rows] == [
        (dt.date(2026, 1, 1), 1, 1, 1),
        (dt.date(2026, 4, 1), 2, 2, 5),
    ]


def test_a_draft_that_starts_soon_waits_for_its_coordinator(
    coordinator: User, attendee: User
) -> None:
    draft_event(words=WORDS, dates=[on()], actor=coordinator, at=NOW)
    far = DatePlan(NOW + dt.timedelta(days=60), NOW + dt.timedelta(days=61), None)
    draft_event(words=WORDS, dates=[far], actor=coordinator, at=NOW)
    assert len(needs_you(coordinator, at=NOW)) == 1
    assert needs_you(attendee, at=NOW) == []


def test_the_scheduler_serves_who_waits_when_a_hold_runs_out() -> None:
    here = OccurrenceFactory(capacity=1)
    place_rsvp(occurrence=here, person=ANA, at=NOW)
    waiting = place_rsvp(occurrence=here, person=UserFactory(), at=minutes(1))
    with time_machine.travel(minutes(14), tick=False):
        assert tasks.serve_queues() == 0
    with time_machine.travel(minutes(16), tick=False):
        assert tasks.serve_queues() == 1
        assert tasks.serve_queues() == 0
    assert state(waiting) == [("going", None)]


def test_the_scheduler_forgets_and_completes() -> None:
    here = OccurrenceFactory(starts_at=NOW + dt.timedelta(minutes=30))
    place_rsvp(occurrence=here, person=ANA, at=NOW)
    with time_machine.travel(NOW + dt.timedelta(hours=25), tick=False):
        tasks.tidy()
    assert Rsvp.objects.count() == 0
    here.event.refresh_from_db()
    assert here.event.status == "completed"


def test_check_seats_finds_a_counter_that_drifted() -> None:
    here = OccurrenceFactory(capacity=3)
    RsvpFactory(occurrence=here)
    out = StringIO()
    call_command("check_seats", stdout=out)
    assert "All 1 dates agree." in out.getvalue()
    with pgtrigger.ignore("events.Rsvp:seats_insert"):
        RsvpFactory(occurrence=here)
    errors = StringIO()
    with pytest.raises(CommandError, match="1 dates disagree"):
        call_command("check_seats", stdout=StringIO(), stderr=errors)
    assert "the counter says 1, the RSVPs say 2" in errors.getvalue()
