"""One event, one identity: feed, download, mail and personal calendar agree, whatever happens."""

import base64
import datetime as dt
import html
from collections.abc import Iterator
from typing import Any, NamedTuple

import icalendar
import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from calendars.domain.programs import subscribe_links
from calendars.domain.vevent import render_vevent
from calendars.services.links import personal_link
from events.domain.plans import DatePlan
from events.models import Event, Occurrence, Visibility
from events.queries import public_entry
from events.services.events import cancel_event, draft_event, edit_event, publish_event
from events.services.rsvps import place_rsvp
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import write_mails

pytestmark = pytest.mark.django_db

WORDS: dict[str, Any] = {
    "title": "Evening circle",
    "summary": "An unhurried hour.",
    "body": "Come as you are.",
    "format": "in_person",
    "time_zone": "Europe/Berlin",
    "place_name": "Studio Lindenhof",
    "address": "Lindenstrasse 12, Berlin",
    "safety_lead": "Mara Lindqvist",
    "host_briefing": "Open the room early.",
    "emergency_number": "112",
    "emergency_address": "Lindenstrasse 12, Berlin",
    "quiet_space": "The small control room",
}
STARTS_AT = dt.datetime(2026, 6, 11, 16, 0, tzinfo=dt.UTC)


def minutes(count: int) -> dt.datetime:
    return NOW + dt.timedelta(minutes=count)


class Identity(NamedTuple):
    uid: str
    sequence: int
    status: str
    starts_at: dt.datetime


@pytest.fixture(autouse=True)
def after_it_all() -> Iterator[None]:
    with time_machine.travel(minutes(60), tick=False):
        yield


@pytest.fixture
def event(coordinator: User) -> Event:
    """Written and published by the services, as a coordinator does."""
    plan = DatePlan(STARTS_AT, STARTS_AT + dt.timedelta(minutes=90), capacity=None)
    draft = draft_event(words=WORDS, dates=[plan], actor=coordinator, at=NOW)
    return publish_event(event=draft, actor=coordinator, at=minutes(1))


@pytest.fixture
def date(event: Event, attendee: User) -> Occurrence:
    """The event's one date, to which the attendee goes."""
    date = event.occurrences.get()
    place_rsvp(occurrence=date, person=attendee, at=minutes(2))
    return date


def edit(event: Event, actor: User, at: dt.datetime, days: int = 0, **words: object) -> None:
    """Change words, or put the one date off by some days."""
    date = event.occurrences.get()
    starts_at, ends_at = (
        moment + dt.timedelta(days=days) for moment in (date.starts_at, date.ends_at)
    )
    edit_event(
        event=event,
        version=Event.objects.get(pk=event.pk).version,
        words={**WORDS, **words},
        dates=[DatePlan(starts_at, ends_at, capacity=None, pk=date.pk)],
        actor=actor,
        at=at,
    )


def identity(body: bytes) -> Identity:
    (entry,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    return Identity(
        str(entry["UID"]), int(entry["SEQUENCE"]), str(entry["STATUS"]), entry["DTSTART"].dt
    )


def everywhere(client: Client, event: Event, user: User) -> set[Identity]:
    """What each way into a calendar says of the event's one date."""
    event.refresh_from_db()
    secret = personal_link(user=user, at=NOW).secret
    write_mails()
    last_mail = Message.objects.filter(to=user.email).order_by("pk").last()
    assert last_mail is not None
    bodies = [
        client.get(reverse("events:feed")).content,
        client.get(reverse("events:feed"), secure=True).content,
        client.get(reverse("events:event-file", args=[event.slug])).content,
        client.get(reverse("portal:personal-feed", args=[secret])).content,
        base64.b64decode(last_mail.attachments[0]["content"]),
    ]
    return {identity(body) for body in bodies}


def test_a_published_event_is_the_same_everywhere(
    client: Client, event: Event, date: Occurrence, attendee: User
) -> None:
    assert everywhere(client, event, attendee) == {Identity(date.uid, 0, "CONFIRMED", STARTS_AT)}


def test_a_new_time_is_the_same_entry_with_a_higher_sequence_everywhere(
    client: Client, event: Event, date: Occurrence, attendee: User, coordinator: User
) -> None:
    edit(event, coordinator, minutes(10), days=1)
    assert everywhere(client, event, attendee) == {
        Identity(date.uid, 1, "CONFIRMED", STARTS_AT + dt.timedelta(days=1))
    }


def test_another_place_is_a_higher_sequence_everywhere(
    client: Client, event: Event, date: Occurrence, attendee: User, coordinator: User
) -> None:
    edit(event, coordinator, minutes(10), place_name="Studio Nord")
    assert everywhere(client, event, attendee) == {Identity(date.uid, 1, "CONFIRMED", STARTS_AT)}


def test_another_title_keeps_uid_and_sequence(
    client: Client, event: Event, date: Occurrence, attendee: User, coordinator: User
) -> None:
    edit(event, coordinator, minutes(10), title="Late circle")
    Event.objects.filter(pk=event.pk).update(slug="late-circle")
    body = client.get(reverse("events:feed")).content
    assert identity(body) == (date.uid, 0, "CONFIRMED", STARTS_AT)
    assert b"SUMMARY:Late circle" in body


def test_a_cancelled_event_is_cancelled_everywhere(
    client: Client, event: Event, date: Occurrence, attendee: User, coordinator: User
) -> None:
    cancel_event(event=event, note="The roof leaks.", actor=coordinator, at=minutes(10))
    assert everywhere(client, event, attendee) == {Identity(date.uid, 1, "CANCELLED", STARTS_AT)}


def test_a_cancelled_event_is_kept_thirty_days_in_the_public_feed(
    client: Client, event: Event, date: Occurrence, coordinator: User
) -> None:
    cancel_event(event=event, note="The roof leaks.", actor=coordinator, at=minutes(10))
    with time_machine.travel(date.ends_at + dt.timedelta(days=30)):
        assert identity(client.get(reverse("events:feed")).content).status == "CANCELLED"
    with time_machine.travel(date.ends_at + dt.timedelta(days=38)):
        assert b"BEGIN:VEVENT" not in client.get(reverse("events:feed")).content


def test_the_sequence_never_goes_down(
    client: Client, event: Event, date: Occurrence, attendee: User, coordinator: User
) -> None:
    seen = []
    for number, days in enumerate([1, -1, 2]):
        edit(event, coordinator, minutes(10 + number), days=days)
        seen.append(identity(client.get(reverse("events:feed")).content).sequence)
    assert seen == [1, 2, 3]


def test_an_event_that_is_no_longer_public_leaves_a_feed_that_moves(
    client: Client, event: Event, date: Occurrence, coordinator: User
) -> None:
    before = client.get(reverse("events:feed"))
    edit(event, coordinator, minutes(10), visibility=Visibility.UNLISTED)
    after = client.get(reverse("events:feed"), headers={"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert b"BEGIN:VEVENT" not in after.content


def test_a_date_taken_out_is_cancelled_in_a_feed_that_moves(
    client: Client, event: Event, date: Occurrence, coordinator: User
) -> None:
    before = client.get(reverse("events:feed"))
    week_later = STARTS_AT + dt.timedelta(days=7)
    edit_event(
        event=event,
        version=Event.objects.get(pk=event.pk).version,
        words=WORDS,
        dates=[DatePlan(week_later, week_later + dt.timedelta(minutes=90), capacity=None)],
        actor=coordinator,
        at=minutes(10),
    )
    after = client.get(reverse("events:feed"), headers={"if-none-match": before["ETag"]})
    assert after.status_code == 200
    entries = icalendar.Calendar.from_ical(after.content).walk("VEVENT")
    assert [str(entry["STATUS"]) for entry in entries] == ["CANCELLED", "CONFIRMED"]
    assert str(entries[0]["UID"]) == date.uid != str(entries[1]["UID"])


def test_the_stored_entry_is_what_the_facts_say(event: Event, date: Occurrence) -> None:
    assert date.vevent == render_vevent(public_entry(date))


def test_nothing_new_costs_one_query(
    client: Client, event: Event, date: Occurrence, django_assert_num_queries: Any
) -> None:
    etag = client.get(reverse("events:feed"))["ETag"]
    with django_assert_num_queries(1):
        response = client.get(reverse("events:feed"), headers={"if-none-match": etag})
    assert response.status_code == 304


def test_no_join_link_and_no_secret_link_is_in_a_public_file(
    client: Client, event: Event, date: Occurrence, coordinator: User
) -> None:
    edit(
        event,
        coordinator,
        minutes(10),
        format="hybrid",
        online_url="https://meet.example/room-7",
    )
    for url in (reverse("events:feed"), reverse("events:event-file", args=[event.slug])):
        body = client.get(url).content.replace(b"\r\n ", b"")
        assert b"Evening circle" in body
        for secret in (b"room-7", b"/rsvp/", b"/calendar/", b"VALARM", b"ATTENDEE"):
            assert secret not in body


def test_the_list_offers_its_own_feed_to_every_kind_of_program(
    client: Client, event: Event, date: Occurrence, settings: Any
) -> None:
    settings.BASE_URL = "https://greenroom.example"
    page = html.unescape(client.get("/events/?language=en&q=&page=1").content.decode())
    feed = "greenroom.example/events/feed.ics?language=en"
    assert f'value="https://{feed}"' in page
    assert f'href="webcal://{feed}"' in page
    for way in ("google", "outlook", "office"):
        link = getattr(subscribe_links(f"https://{feed}", name="Greenroom events"), way)
        assert f'href="{link}"' in page
    assert identity(client.get("/events/feed.ics?language=en").content).uid == date.uid


def test_an_edit_renders_its_own_entry_and_no_other(
    client: Client, event: Event, date: Occurrence, coordinator: User
) -> None:
    other = draft_event(
        words=WORDS,
        dates=[DatePlan(STARTS_AT, STARTS_AT + dt.timedelta(hours=1), None)],
        actor=coordinator,
        at=NOW,
    )
    publish_event(event=other, actor=coordinator, at=NOW)
    # Whatever is stored is what is joined: a text that was rendered again would lose the mark.
    marked = other.occurrences.get().vevent.replace("Evening circle", "Marked")
    other.occurrences.update(vevent=marked)
    edit(event, coordinator, minutes(10), title="Late circle")
    body = client.get(reverse("events:feed")).content
    assert b"SUMMARY:Late circle" in body
    assert b"SUMMARY:Marked" in body
