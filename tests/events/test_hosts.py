"""Hosts: asked, say yes, see who comes and no address, work at the door, and stop."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import icalendar
import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AccessLook, AuditEntry, User
from ambassadors.models import PublicCard
from calendars.models import InboundReply
from calendars.services.inbound import receive
from calendars.services.links import personal_link
from common.reply_addresses import reply_address
from events.errors import (
    AddressUnusable,
    AlreadyAsked,
    HostingClosed,
    HostSentJustNow,
    NobodyNewHosts,
)
from events.models import Answer, CheckIn, Event, Host, Mailing, Occurrence, Question
from events.queries import calendar_entries, needs_you
from events.services.due_mails import write_due
from events.services.events import cancel_event, copy_event, edit_event, publish_event
from events.services.hosts import (
    accept_host,
    ask_host,
    ask_host_again,
    decline_host,
    move_host_up,
    name_host,
    resign_host,
    set_host_level,
    take_back_host,
)
from events.services.mailings import remind_hosts, send_reminders
from events.services.replies import apply_replies
from events.services.rsvps import leave, place_rsvp
from events.services.series import as_it_is, start_series
from notifications.models import Message
from tests.calendars.mail import AUTH_SERVER, calendar_reply, mail
from tests.conftest import NOW, make_user
from tests.events.conftest import ANA, minutes, publish
from tests.events.test_invitations import calendar_parts, invitation, last_mail
from tests.events.test_pages import signed_in
from tests.events.test_series import weekly
from tests.factories import (
    EnrolmentFactory,
    EventFactory,
    OccurrenceFactory,
    ProgrammeFactory,
    RsvpFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Any:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def artist(db: None) -> User:
    """Is asked to host. In no programme."""
    return make_user("artist")


def ask(event: Event, person: User, by: User, *, level: str = "host") -> Host:
    return ask_host(event=event, email=person.email, level=level, by=by, at=NOW)


def hosts(
    event: Event,
    person: User,
    by: User,
    *,
    level: str = "host",
    name: str = "",
    at: dt.datetime = NOW,
) -> Host:
    asked = ask(event, person, by, level=level)
    name = name or person.name
    return accept_host(host=asked, person=person, name=name, is_shown=True, at=at)


@pytest.fixture
def host(circle: Occurrence, artist: User, coordinator: User) -> Host:
    """The artist hosts tomorrow's circle."""
    return hosts(circle.event, artist, coordinator)


def link_in(message: Message) -> str:
    found = re.search(r"/hosting/accept/[^/\s]+/", message.text)
    assert found is not None
    return found[0]


def now_of(circle: Occurrence) -> Occurrence:
    """The date as a request finds it."""
    return Occurrence.objects.select_related("event").get(pk=circle.pk)


def feed(user: User) -> list[icalendar.Event]:
    entries = calendar_entries(user, since=NOW - dt.timedelta(days=30))
    return [icalendar.Event.from_ical(entry.text) for entry in entries]


def path(circle: Occurrence, page: str) -> str:
    return f"/staff/events/{circle.event.slug}/{page}/?date={circle.page_day}"


# --- Being asked --------------------------------------------------------------------


def test_somebody_is_asked_says_yes_by_the_link_and_the_page_names_them(
    circle: Occurrence, artist: User, coordinator: User, client: Client
) -> None:
    sent = {"email": "Artist@Example.org", "level": "host"}
    page = signed_in(coordinator).post(f"/staff/events/{circle.event.slug}/hosts/", sent)
    assert page.status_code == 302
    mail = Message.objects.get()
    assert (mail.to, mail.subject) == (artist.email, "A question for you")
    link = link_in(mail)
    assert link.split("/")[3] not in Host.objects.get().secret_digest, "only a digest is kept"
    assert client.get(link).status_code == 302, "who is not signed in is asked to"
    own = signed_in(artist)
    assert circle.event.title in own.get(link).content.decode()
    assert Host.objects.get().status == "invited", "opening it changes nothing"
    assert own.post(link, {"name": ""}).status_code == 422
    page = own.post(link, {"name": "Velvet Sparrow", "is_shown": "on"})
    assert page["Location"] == f"/me/hosting/{circle.event.slug}/"
    assert own.get(page["Location"]).status_code == 200
    assert own.get(link)["Location"] == page["Location"], "the link is used, and leads on"
    public = client.get(circle.page_path).content.decode()
    assert "Velvet Sparrow" in public
    assert "You host this" in own.get(circle.page_path).content.decode()
    assert "You host this" not in public
    facts = json.loads(public.split('<script type="application/ld+json">')[1].split("</script>")[0])
    assert facts["performer"] == [{"@type": "Person", "name": "Velvet Sparrow"}]
    answer = client.get(f"/api/v1/events/{circle.event.slug}").json()
    assert answer["hosts"] == ["Velvet Sparrow"]
    assert list(
        AuditEntry.objects.filter(verb__startswith="event.host").values_list("verb", "actor")
    ) == [("event.host_asked", coordinator.pk), ("event.host_accepted", artist.pk)]


def test_the_link_opens_nothing_for_another_address(
    circle: Occurrence, artist: User, outsider: User, coordinator: User
) -> None:
    asked = ask(circle.event, artist, coordinator)
    link = link_in(Message.objects.get())
    page = signed_in(outsider).get(link)
    assert page.status_code == 410
    assert circle.event.title not in page.content.decode()
    assert signed_in(outsider).post(link, {"name": "Me"}).status_code == 410
    assert signed_in(outsider).get(f"/me/hosting/asked/{asked.pk}/").status_code == 404
    with pytest.raises(HostingClosed):
        accept_host(host=asked, person=outsider, name="Me", is_shown=True, at=NOW)
    with pytest.raises(HostingClosed):
        decline_host(host=asked, person=outsider, at=NOW)
    assert Host.objects.get().status == "invited"
    # Another address of theirs counts once they have proved it.
    address = EmailAddress.objects.create(user=outsider, email=artist.email, verified=False)
    assert signed_in(outsider).get(link).status_code == 410
    EmailAddress.objects.filter(pk=address.pk).update(verified=True)
    assert signed_in(outsider).get(link).status_code == 200


def test_who_is_signed_in_with_the_address_needs_no_link(
    circle: Occurrence, artist: User, coordinator: User
) -> None:
    asked = ask(circle.event, artist, coordinator)
    (need,) = needs_you(artist, at=NOW)
    assert (need.title, need.due_at) == ("You are asked to host an event", asked.expires_at)
    own = signed_in(artist)
    assert circle.event.title in own.get("/me/").content.decode()
    own.post(need.url, {"act": "decline"})
    assert Host.objects.get().status == "declined"
    assert needs_you(artist, at=NOW) == []
    assert own.get(need.url).status_code == 404
    again = ask(circle.event, artist, coordinator)
    own.post(f"/me/hosting/asked/{again.pk}/", {"name": "Artist", "is_shown": "on"})
    assert list(Host.objects.values_list("status", flat=True)) == ["declined", "accepted"]


def test_an_answer_is_given_once_and_an_old_link_opens_nothing(
    circle: Occurrence, artist: User, coordinator: User
) -> None:
    asked = ask(circle.event, artist, coordinator)
    first = link_in(Message.objects.get())
    with pytest.raises(HostSentJustNow):
        ask_host_again(host=asked, by=coordinator, at=minutes(1))
    ask_host_again(host=asked, by=coordinator, at=minutes(30))
    second = link_in(Message.objects.order_by("pk")[1])
    own = signed_in(artist)
    assert (own.get(first).status_code, own.get(second).status_code) == (404, 200)
    with time_machine.travel(NOW + dt.timedelta(days=31)):
        assert signed_in(artist).get(second).status_code == 410, "it has run out"
    accept_host(host=asked, person=artist, name="Artist", is_shown=True, at=minutes(31))
    accept_host(host=asked, person=artist, name="Twice", is_shown=False, at=minutes(32))
    assert Host.objects.get().name == "Artist"
    with pytest.raises(HostingClosed):
        decline_host(host=asked, person=artist, at=minutes(33))
    with pytest.raises(HostingClosed):
        ask_host_again(host=asked, by=coordinator, at=minutes(60))


def test_what_cannot_be_asked_says_why_and_writes_nothing(
    circle: Occurrence, artist: User, coordinator: User
) -> None:
    hosts(circle.event, artist, coordinator)
    before = Message.objects.count()
    for email in ("nobody", "аrtist@example.org", ""):
        with pytest.raises(AddressUnusable):
            ask_host(event=circle.event, email=email, level="host", by=coordinator, at=NOW)
    with pytest.raises(AlreadyAsked):
        ask(circle.event, artist, coordinator)
    page = signed_in(coordinator).post(
        f"/staff/events/{circle.event.slug}/hosts/", {"email": artist.email, "level": "host"}
    )
    assert page.status_code == 422
    assert "hosts the event already" in page.content.decode()
    publish(circle, status="cancelled", cancelled_at=NOW)
    with pytest.raises(NobodyNewHosts):
        ask_host(event=circle.event, email="new@example.org", level="host", by=coordinator, at=NOW)
    assert (Host.objects.count(), Message.objects.count()) == (1, before)


def test_mail_to_who_is_asked_does_not_name_what_only_members_see(
    circle: Occurrence, artist: User, coordinator: User
) -> None:
    programme = ProgrammeFactory()
    event = publish(circle, visibility="programme", programme=programme, title="Secret supper")
    hosts(event, artist, coordinator)
    asked, accepted = Message.objects.order_by("pk")
    assert "Secret supper" not in asked.text
    assert "Secret" not in asked.subject + accepted.subject
    # Who hosts it sees its page, and nobody else does.
    assert signed_in(artist).get(circle.page_path).status_code == 200
    assert signed_in(make_user("stranger")).get(circle.page_path).status_code == 404
    (entry,) = feed(artist)
    assert (entry["SUMMARY"], entry["CLASS"]) == ("Busy", "PRIVATE")


# --- What they may, and what not ----------------------------------------------------


def test_a_host_sees_names_and_parties_and_no_address_on_any_page(
    circle: Occurrence, host: Host, artist: User
) -> None:
    Occurrence.objects.update(capacity=None)
    RsvpFactory(occurrence=circle, user__name="Wren", party_size=2, companions=["Kit"])
    nameless = RsvpFactory(occurrence=circle, user__name="", user__email="hidden@secret.example")
    RsvpFactory(occurrence=circle, user=None, guest_name="Ana Guest", guest_email=ANA.email)
    question = Question.objects.create(event=circle.event, text="Anything?", is_care=False)
    Answer.objects.create(question=question, rsvp=nameless, text="Late")
    own = signed_in(artist)
    pages = [
        own.get(f"/me/hosting/{circle.event.slug}/"),
        own.get(path(circle, "people")),
        own.get(path(circle, "people") + "&status=going&q=hidden"),
        own.get(path(circle, "answers")),
        own.get(path(circle, "message")),
        own.get(path(circle, "door") + "&q=name"),
        own.get(path(circle, "door/scan")),
        own.post(path(circle, "door/ready")),
    ]
    text = "".join(page.content.decode() for page in pages)
    assert {page.status_code for page in pages} == {200}
    for name in ("Wren", "Kit", "Ana Guest", "No name given"):
        assert name in text
    assert "hidden@" not in text
    assert ANA.email not in text
    assert "Came before" not in text
    act = f"/staff/events/{circle.event.slug}/door/{nameless.reference}/"
    said = own.post(act, {"act": "in"}, follow=True).content.decode()
    assert "No name given is in." in said


def test_a_host_opens_the_door_and_what_they_do_is_noted(
    circle: Occurrence, host: Host, artist: User
) -> None:
    rsvp = RsvpFactory(occurrence=circle, user__name="Wren")
    own = signed_in(artist)
    door = f"/staff/events/{circle.event.slug}/door/"
    sent = {"id": str(uuid4()), "reference": rsvp.reference}
    answer = own.post(
        f"{door}sync/", json.dumps({"scans": [sent]}), content_type="application/json"
    )
    assert [one["outcome"] for one in answer.json()["results"]] == ["in"]
    assert CheckIn.objects.get().checked_in_by == artist
    own.post(f"{door}{rsvp.reference}/", {"act": "undo"})
    assert AuditEntry.objects.get(verb="rsvp.check_in_undone").actor == artist
    own.post(f"{door}walk-in/", {"name": "Stan", "people_count": 1})
    assert CheckIn.objects.standing().get().rsvp.guest_name == "Stan"
    assert own.post(f"{door}ready/").status_code == 200
    assert AuditEntry.objects.get(verb="event.door_list_taken").actor == artist
    # A place is taken back at the door, and not before it has begun.
    assert own.post(f"{door}{rsvp.reference}/", {"act": "release"}).status_code == 404
    people = f"/staff/events/{circle.event.slug}/people/{rsvp.reference}/"
    assert own.post(people, {"act": "release"}).status_code == 404
    with time_machine.travel(circle.starts_at + dt.timedelta(minutes=20)):
        own.post(f"{door}{rsvp.reference}/", {"act": "release"})
    rsvp.refresh_from_db()
    assert rsvp.status == "released"
    assert AuditEntry.objects.get(verb="rsvp.released").actor == artist


def test_a_host_answers_requests_and_writes_to_people(
    circle: Occurrence, host: Host, artist: User, attendee: User, coordinator: User
) -> None:
    publish(circle, needs_approval=True)
    rsvp = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    assert [need.url for need in needs_you(artist, at=NOW)] == [
        f"/staff/events/{circle.event.slug}/people/?status=applied"
    ]
    own = signed_in(artist)
    assert "1 request waits" in own.get("/me/hosting/").content.decode()
    own.post(f"/staff/events/{circle.event.slug}/people/{rsvp.reference}/", {"act": "approve"})
    rsvp.refresh_from_db()
    assert rsvp.status == "going"
    assert AuditEntry.objects.get(verb="rsvp.approved").actor == artist
    own.post(path(circle, "message"), {"to": ["going"], "text": "Bring a cup."})
    assert circle.notes.get().written_by == artist


def test_a_host_reads_what_people_need_and_each_look_is_shown_to_them(
    circle: Occurrence, host: Host, artist: User, attendee: User
) -> None:
    rsvp = RsvpFactory(occurrence=circle, user=attendee)
    question = Question.objects.create(event=circle.event, text="Needs?", is_care=True)
    Answer.objects.create(question=question, rsvp=rsvp, text="A ramp")
    own = signed_in(artist)
    assert "A ramp" not in own.get(path(circle, "answers")).content.decode()
    assert not AccessLook.objects.exists()
    assert "A ramp" in own.get(path(circle, "answers") + "&about=care").content.decode()
    look = AccessLook.objects.get()
    assert (look.actor, look.subject_user) == (artist, attendee)


@pytest.mark.parametrize("level", ["host", "cohost"])
def test_the_rest_of_the_console_is_closed_to_hosts(
    circle: Occurrence, artist: User, coordinator: User, level: str
) -> None:
    hosts(circle.event, artist, coordinator, level=level)
    other = OccurrenceFactory()
    own = signed_in(artist)
    base = f"/staff/events/{circle.event.slug}/"
    pages = ["", "preview/", "publish/", "cancel/", "copy/", "share/", "history/", "dates/"]
    pages += ["dates/repeat/", f"dates/{circle.page_day}/", "questions/", "hosts/", "door/add/"]
    urls = [base + page for page in pages]
    urls += ["/staff/", "/staff/events/", "/staff/events/new/", "/staff/events/export/"]
    urls += ["/staff/events/month/", "/staff/events/import/", "/staff/audit/"]
    urls += [f"/staff/events/{other.event.slug}/people/", f"/staff/events/{other.event.slug}/door/"]
    urls += [f"/me/hosting/{other.event.slug}/"]
    for url in urls:
        assert own.get(url).status_code in (404, 405), url
        assert own.post(url).status_code in (404, 405), url
    circle.event.refresh_from_db()
    assert circle.event.status == "published"


def test_two_weeks_after_a_date_its_people_are_closed_to_hosts(
    circle: Occurrence, host: Host, artist: User
) -> None:
    rsvp = RsvpFactory(occurrence=circle, user__name="Wren")
    act = f"/staff/events/{circle.event.slug}/door/{rsvp.reference}/"
    with time_machine.travel(circle.ends_at + dt.timedelta(days=13)):
        own = signed_in(artist)
        assert "Wren" in own.get(path(circle, "people")).content.decode()
    with time_machine.travel(circle.ends_at + dt.timedelta(days=14, minutes=1)):
        own = signed_in(artist)
        assert own.get(path(circle, "people")).status_code == 404
        assert own.get(f"/me/hosting/{circle.event.slug}/").status_code == 404
        assert "You host nothing" in own.get("/me/hosting/").content.decode()
    later = OccurrenceFactory(event=circle.event, starts_at=circle.starts_at.replace(month=8))
    with time_machine.travel(circle.ends_at + dt.timedelta(days=20)):
        own = signed_in(artist)
        page = own.get(path(circle, "people")).content.decode()
        assert "Wren" not in page, "of a series, the dates of long ago are closed"
        assert own.post(act, {"act": "in"}).status_code == 404
        scan = {"id": str(uuid4()), "reference": rsvp.reference}
        url = f"/staff/events/{circle.event.slug}/door/sync/?date={later.page_day}"
        body = json.dumps({"scans": [scan]})
        answer = own.post(url, body, content_type="application/json").json()
        assert (answer["results"][0]["outcome"], answer["results"][0]["name"]) == ("unknown", "")


def test_who_stops_or_is_taken_back_has_no_door_any_more(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    own = signed_in(artist)
    own.post(f"/me/hosting/{circle.event.slug}/me/", {"act": "resign"})
    assert Host.objects.get().status == "resigned"
    assert own.get(path(circle, "door")).status_code == 404
    take_back_host(host=host, by=coordinator, at=minutes(1))
    assert Host.objects.get().status == "resigned", "what they ended themselves stays theirs"
    again = hosts(circle.event, artist, coordinator)
    assert own.get(path(circle, "door")).status_code == 200
    url = f"/staff/events/{circle.event.slug}/hosts/{again.pk}/"
    signed_in(coordinator).post(url, {"act": "take_back"})
    assert own.get(path(circle, "door")).status_code == 404
    assert "Artist" not in Client().get(circle.page_path).content.decode()


# --- Words --------------------------------------------------------------------------


def words(event: Event, **changed: str) -> dict[str, str]:
    names = ("title", "summary", "body", "hosts", "access_notes", "content_notes")
    return {**{name: getattr(event, name) for name in names}, "version": event.version, **changed}


def test_a_co_host_changes_the_words_and_nothing_else(
    circle: Occurrence, artist: User, coordinator: User
) -> None:
    host = hosts(circle.event, artist, coordinator)
    Occurrence.objects.update(note="Bring socks", other_place="The attic")
    own, url = signed_in(artist), f"/me/hosting/{circle.event.slug}/words/"
    assert own.get(url).status_code == 404, "a host who is no co-host"
    set_host_level(host=host, level="cohost", by=coordinator, at=NOW)
    assert own.get(url).status_code == 200
    circle.event.refresh_from_db()
    sent = words(circle.event, title="Late circle", capacity="900", visibility="unlisted")
    own.post(url, {**sent, "status": "cancelled"})
    event = Event.objects.get()
    assert (event.title, event.visibility, event.status) == ("Late circle", "public", "published")
    date = Occurrence.objects.get()
    assert (date.note, date.other_place, date.sequence) == ("Bring socks", "The attic", 0)
    assert (date.capacity, date.starts_at) == (2, circle.starts_at)
    assert "SUMMARY:Late circle" in date.vevent
    assert AuditEntry.objects.get(verb="event.edited").actor == artist
    page = own.post(url, words(event, summary=""))
    assert page.status_code == 422, "a published event says what it is"
    page = own.post(url, words(event, title="Mine", version=event.version - 1))
    assert page.status_code == 409
    assert "Mine" in page.content.decode()
    assert "Late circle" in page.content.decode()
    assert Event.objects.get().title == "Late circle"


# --- Their calendar -----------------------------------------------------------------


def test_a_yes_puts_the_date_into_the_calendar_of_the_host(
    circle: Occurrence, host: Host, artist: User
) -> None:
    Event.objects.update(format="hybrid", online_url="https://meet.example/room")
    method, entry = invitation(artist.email)
    assert (method, entry["STATUS"], entry["TRANSP"]) == ("REQUEST", "CONFIRMED", "OPAQUE")
    assert (entry["UID"], entry["SEQUENCE"]) == (circle.uid, 0)
    (own,) = feed(artist)
    assert (own["UID"], own["STATUS"], own["TRANSP"]) == (circle.uid, "CONFIRMED", "OPAQUE")
    assert own["CONFERENCE"] == "https://meet.example/room"
    assert "ATTENDEE" not in own


def test_a_draft_is_in_no_calendar_until_it_is_published(artist: User, coordinator: User) -> None:
    event = EventFactory(status="draft", published_at=None)
    date = OccurrenceFactory(event=event)
    hosts(event, artist, coordinator)
    assert feed(artist) == []
    assert calendar_parts(last_mail(artist.email)) == []
    own = signed_in(artist)
    assert "Not published yet" in own.get(f"/me/hosting/{event.slug}/").content.decode()
    assert own.get(f"/staff/events/{event.slug}/people/").status_code == 404
    publish_event(event=event, actor=coordinator, at=minutes(1))
    method, entry = invitation(artist.email)
    assert (method, entry["UID"]) == ("REQUEST", date.uid)
    assert [entry["UID"] for entry in feed(artist)] == [date.uid]


def move(circle: Occurrence, by: User, *, days: int, at: dt.datetime) -> None:
    event = Event.objects.get(pk=circle.event_id)
    date = Occurrence.objects.get(pk=circle.pk)
    date.starts_at += dt.timedelta(days=days)
    date.ends_at += dt.timedelta(days=days)
    plan = as_it_is(date, event, event.zone)
    edit_event(event=event, version=event.version, words={}, dates=[plan], actor=by, at=at)


def test_a_date_that_moves_or_is_cancelled_moves_in_the_calendar_of_its_host(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    move(circle, coordinator, days=1, at=minutes(1))
    method, entry = invitation(artist.email)
    assert (method, entry["UID"], entry["SEQUENCE"]) == ("REQUEST", circle.uid, 1)
    assert "which you host" in Message.objects.latest("pk").text
    cancel_event(event=circle.event, note="No heating.", actor=coordinator, at=minutes(2))
    method, entry = invitation(artist.email)
    assert (method, entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 2)
    assert "No heating." in Message.objects.latest("pk").text
    (own,) = feed(artist)
    assert (own["UID"], own["STATUS"], own["SEQUENCE"]) == (circle.uid, "CANCELLED", 2)


def test_a_date_that_is_added_reaches_the_host_as_well(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    event = Event.objects.get()
    kept = as_it_is(now_of(circle), event, event.zone)
    later = replace(kept, pk=None, starts_at=kept.starts_at + dt.timedelta(days=7))
    later = replace(later, ends_at=kept.ends_at + dt.timedelta(days=7))
    edit_event(
        event=event,
        version=event.version,
        words={},
        dates=[kept, later],
        actor=coordinator,
        at=minutes(1),
    )
    method, entry = invitation(artist.email)
    added = Occurrence.objects.latest("starts_at")
    assert (method, entry["UID"], entry["STATUS"]) == ("REQUEST", added.uid, "CONFIRMED")


def test_a_host_who_comes_as_a_guest_too_has_one_entry_and_one_mail(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    Occurrence.objects.update(capacity=0)
    rsvp = place_rsvp(occurrence=now_of(circle), person=artist, at=minutes(1))
    assert rsvp.status == "waitlisted"
    (own,) = feed(artist)
    assert (own["UID"], own["STATUS"], own["TRANSP"]) == (circle.uid, "CONFIRMED", "OPAQUE")
    method, entry = invitation(artist.email)
    assert (method, entry["STATUS"]) == ("REQUEST", "CONFIRMED"), "they are there all the same"
    before = Message.objects.filter(to=artist.email).count()
    move(circle, coordinator, days=1, at=minutes(2))
    assert Message.objects.filter(to=artist.email).count() == before + 1
    leave(rsvp=rsvp, at=minutes(3))
    method, entry = invitation(artist.email)
    assert (method, entry["UID"], entry["STATUS"]) == ("REQUEST", circle.uid, "CONFIRMED")
    back = place_rsvp(occurrence=now_of(circle), person=artist, at=minutes(4))
    assert back.calendar_uid == circle.uid, "their calendar was told of no end"
    assert len(feed(artist)) == 1


def test_the_end_of_hosting_takes_the_date_out_and_a_guest_still_comes(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    take_back_host(host=host, by=coordinator, at=minutes(1))
    method, entry = invitation(artist.email)
    assert (method, entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    (own,) = feed(artist)
    assert (own["STATUS"], own["SEQUENCE"]) == ("CANCELLED", 1)
    assert feed_after_a_month(artist) == []
    # What a calendar keeps as cancelled stays so: an answer from now on is another entry.
    rsvp = place_rsvp(occurrence=now_of(circle), person=artist, at=minutes(2))
    assert rsvp.calendar_uid != circle.uid
    assert [entry["STATUS"] for entry in feed(artist)] == ["CONFIRMED"]
    again = hosts(circle.event, artist, coordinator, at=minutes(3))
    assert again.sequence == 2
    assert len(feed(artist)) == 1
    resign_host(host=again, at=minutes(4))
    method, entry = invitation(artist.email)
    assert (method, entry["UID"], entry["STATUS"]) == ("REQUEST", rsvp.calendar_uid, "CONFIRMED")
    assert [entry["STATUS"] for entry in feed(artist)] == ["CONFIRMED"]


def feed_after_a_month(user: User) -> list[Any]:
    """Dates that are still far off, but whose end has been told long enough."""
    Occurrence.objects.update(
        starts_at=NOW + dt.timedelta(days=90), ends_at=NOW + dt.timedelta(days=91)
    )
    found = calendar_entries(user, since=NOW + dt.timedelta(days=1))
    Occurrence.objects.update(
        starts_at=NOW + dt.timedelta(days=1), ends_at=NOW + dt.timedelta(days=1, hours=1)
    )
    return found


def test_an_end_keeps_what_was_hosted_and_a_yes_does_not_reach_back(
    circle: Occurrence, artist: User, coordinator: User
) -> None:
    event = circle.event
    long_ago = OccurrenceFactory(event=event, starts_at=NOW - dt.timedelta(days=7))
    later = OccurrenceFactory(event=event, starts_at=NOW + dt.timedelta(days=8))
    host = hosts(event, artist, coordinator)
    assert "events.ics" not in last_mail(artist.email).as_string()
    resign_host(host=host, at=circle.ends_at + dt.timedelta(minutes=1))
    found = {str(entry["UID"]): str(entry["STATUS"]) for entry in feed(artist)}
    assert found == {circle.uid: "CONFIRMED", later.uid: "CANCELLED"}
    assert long_ago.uid not in found


def test_the_personal_link_follows_and_can_show_what_is_hosted_alone(
    circle: Occurrence, artist: User, coordinator: User, client: Client
) -> None:
    other = OccurrenceFactory()
    place_rsvp(occurrence=other, person=artist, at=NOW)
    link = personal_link(user=artist, at=NOW)
    url = reverse("portal:personal-feed", args=[link.secret])
    tags = [client.get(url)["ETag"]]
    host = hosts(circle.event, artist, coordinator)
    full, alone = client.get(url), client.get(f"{url}?only=hosted")
    tags += [full["ETag"], alone["ETag"]]
    assert full.content.count(b"BEGIN:VEVENT") == 2
    assert alone.content.count(b"BEGIN:VEVENT") == 1
    assert circle.uid.encode() in alone.content
    assert client.get(url, headers={"If-None-Match": full["ETag"]}).status_code == 304
    take_back_host(host=host, by=coordinator, at=minutes(1))
    tags.append(client.get(url)["ETag"])
    assert len(set(tags)) == 4
    assert "?only=hosted" not in signed_in(artist).get("/me/hosting/").content.decode()
    hosts(circle.event, artist, coordinator)
    assert "only%3Dhosted" in signed_in(artist).get("/me/hosting/").content.decode()


def test_a_no_from_the_calendar_of_a_host_is_read_by_who_runs_the_event(
    circle: Occurrence, host: Host, artist: User, coordinator: User, settings: Any
) -> None:
    settings.MAIL_AUTH_SERVER = AUTH_SERVER
    for number, answer in enumerate(("ACCEPTED", "DECLINED")):
        body = calendar_reply(
            uid=circle.uid, attendee=artist.email, answer=answer, sequence=0, at=minutes(number)
        )
        raw = mail(
            sender=artist.email,
            to=reply_address(host.reference),
            calendar=body,
            message_id=f"<{number}@x>",
        )
        receive(raw=raw, at=minutes(number))
    assert apply_replies(at=minutes(5)) == 2
    assert list(InboundReply.objects.order_by("pk").values_list("state", flat=True)) == [
        "applied",
        "open",
    ]
    assert Host.objects.get().status == "accepted"
    staff = signed_in(coordinator)
    assert circle.event.title in staff.get("/staff/mail/").content.decode()
    number = InboundReply.objects.get(state="open").pk
    assert "one of its hosts" in staff.get(f"/staff/mail/{number}/").content.decode()


# --- What others see ----------------------------------------------------------------


def test_a_card_is_linked_only_from_the_name_it_bears(
    circle: Occurrence, artist: User, coordinator: User, client: Client
) -> None:
    enrolment = EnrolmentFactory(user=artist)
    programme = enrolment.term.programme
    card = PublicCard.objects.create(user=artist, programme=programme, consented_at=NOW)
    publish(circle, hosts="Artist & Sam")
    host = hosts(circle.event, artist, coordinator, name="Artist")
    page = client.get(circle.page_path).content.decode()
    assert f'<a href="/programmes/{programme.slug}/#card-{card.pk}">Artist</a>, Sam' in page
    name_host(host=host, name="Somebody Else", is_shown=True, at=NOW)
    page = client.get(circle.page_path).content.decode()
    assert "#card-" not in page
    assert "Somebody Else, Artist &amp; Sam" in page
    name_host(host=host, name="Somebody Else", is_shown=False, at=NOW)
    assert "Somebody Else" not in client.get(circle.page_path).content.decode()
    assert "Somebody Else" not in client.get("/events/?q=Somebody").content.decode()


def test_hosts_are_found_named_in_their_order_and_not_copied(
    circle: Occurrence, artist: User, coordinator: User, client: Client
) -> None:
    hosts(circle.event, artist, coordinator, name="First")
    second = hosts(circle.event, make_user("second"), coordinator, name="Second")
    assert "First, Second" in client.get(circle.page_path).content.decode()
    move_host_up(host=second, at=NOW)
    move_host_up(host=second, at=NOW)
    assert "Second, First" in client.get(circle.page_path).content.decode()
    assert circle.event.title in client.get("/events/?q=Second").content.decode()
    copied = copy_event(event=circle.event, actor=coordinator, at=NOW)
    assert not copied.hosting.exists(), "nobody said yes to another event"


def test_a_person_takes_along_what_events_keep_about_them(
    circle: Occurrence, host: Host, artist: User, attendee: User
) -> None:
    place_rsvp(occurrence=now_of(circle), person=artist, at=NOW)
    place_rsvp(occurrence=now_of(circle), person=attendee, at=NOW)
    page = signed_in(artist).get("/me/events/export/")
    assert page["Content-Disposition"] == 'attachment; filename="my-events.json"'
    kept = page.json()
    assert [(one["event"], one["status"]) for one in kept["answered"]] == [
        (circle.event.title, "going")
    ]
    assert [(one["named_as"], one["status"]) for one in kept["hosting"]] == [("Artist", "accepted")]
    assert attendee.email not in page.content.decode()


# --- What the database refuses ------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"status": "invited"}, "may not go from"),
        ({"status": "resigned"}, "host_ended_when_over"),
        ({"ended_at": NOW}, "host_ended_when_over"),
        ({"name": ""}, "host_said_yes_as_somebody"),
        ({"accepted_at": None, "person": None, "name": ""}, "host_status_as_answered"),
        ({"level": "owner"}, "host_level_known"),
    ],
)
def test_the_database_keeps_a_host_whole(host: Host, change: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Host.objects.filter(pk=host.pk).update(**change)


def test_the_database_keeps_one_host_per_person_and_an_end_final(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    other = ask_host(event=circle.event, email="b@x.example", level="host", by=coordinator, at=NOW)
    with pytest.raises(IntegrityError, match="host_once_per_person"), transaction.atomic():
        Host.objects.filter(pk=other.pk).update(
            status="accepted", person=artist, accepted_at=NOW, name="Twice"
        )
    with pytest.raises(IntegrityError, match="host_asked_once"), transaction.atomic():
        Host.objects.filter(pk=other.pk).update(email=artist.email)
    assert Event.objects.get().has_hosts
    take_back_host(host=other, by=coordinator, at=NOW)
    with pytest.raises(IntegrityError, match="may not go from"), transaction.atomic():
        Host.objects.filter(pk=other.pk).update(status="invited", ended_at=None)


# --- How many questions a page asks -------------------------------------------------


def test_the_pages_of_hosts_ask_as_much_for_three_events_as_for_one(
    circle: Occurrence, host: Host, artist: User, coordinator: User
) -> None:
    own = signed_in(artist)
    urls = ["/me/hosting/", "/me/", path(circle, "people"), circle.page_path]
    urls.append(f"/staff/events/{circle.event.slug}/hosts/")

    def count() -> list[int]:
        counts = []
        for url in urls:
            client = signed_in(coordinator) if url.endswith("/hosts/") else own
            client.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            counts.append(len(queries))
        return counts

    Occurrence.objects.update(capacity=None)
    RsvpFactory(occurrence=circle)
    with_one = count()
    for number in range(2):
        hosts(OccurrenceFactory().event, artist, coordinator)
        hosts(circle.event, make_user(f"more{number}"), coordinator)
        ask(OccurrenceFactory().event, artist, coordinator)
        RsvpFactory(occurrence=circle)
    assert count() == with_one


def test_mail_to_a_full_house_asks_once_who_hosts(
    circle: Occurrence, host: Host, coordinator: User
) -> None:
    Occurrence.objects.update(capacity=None)
    RsvpFactory.create_batch(5, occurrence=circle)
    move(circle, coordinator, days=1, at=minutes(1))
    with CaptureQueriesContext(connection) as queries:
        assert write_due(limit=100, at=minutes(2)) == 5
    assert sum('FROM "events_host"' in query["sql"] for query in queries) == 1


# --- The second factor, and being reminded ---------------------------------------------------


def test_names_and_answers_want_a_second_factor_of_hosts_too(
    circle: Occurrence, host: Host, artist: User, settings: Any
) -> None:
    settings.REQUIRE_MFA = True
    RsvpFactory(occurrence=circle, user__name="Somebody Coming")
    client, slug = signed_in(artist), circle.event.slug
    for page in ("door/", "people/", "answers/", "message/", "regulars/", "door/scan/"):
        answer = client.get(f"/staff/events/{slug}/{page}")
        assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_index")), page
    before = f"/me/hosting/{slug}/"
    assert "need a second way to prove who you are" in client.get(before).text
    assert "Somebody Coming" not in client.get(before).text
    Authenticator.objects.create(user=artist, type=Authenticator.Type.TOTP, data={})
    assert "Somebody Coming" in client.get(f"/staff/events/{slug}/people/").text
    assert "need a second way" not in client.get(before).text


def reminders(person: User) -> list[Message]:
    mails = Message.objects.filter(to=person.email, key__contains=":reminder:")
    return list(mails.order_by("pk"))


def test_a_host_is_reminded_once_in_their_zone_and_not_as_a_guest_besides(
    circle: Occurrence, artist: User, host: Host
) -> None:
    User.objects.filter(pk=artist.pk).update(time_zone="America/New_York", language="es")
    circle = now_of(circle)
    place_rsvp(occurrence=circle, person=artist, at=NOW)
    a_day_before = circle.starts_at - dt.timedelta(hours=24)
    for at in (a_day_before - dt.timedelta(minutes=1), a_day_before, minutes(2000)):
        remind_hosts(at=min(at, a_day_before + dt.timedelta(hours=1)))
        send_reminders(at=min(at, a_day_before + dt.timedelta(hours=1)))
    (mail,) = reminders(artist)
    assert mail.subject == "Se acerca: jue 4 de junio, 18:00"
    assert "12:00–13:30 (tu hora)" in mail.text
    assert f"/me/hosting/{circle.event.slug}/?date=2026-06-04" in mail.text
    assert circle.event.host_briefing not in mail.text


def test_a_hosts_reminder_moves_with_the_date_and_ends_with_hosting(
    circle: Occurrence, artist: User, host: Host
) -> None:
    publish(circle, reminder_hours=[])
    later = circle.starts_at + dt.timedelta(days=3)
    Occurrence.objects.filter(pk=circle.pk).update(
        starts_at=later, ends_at=later + dt.timedelta(hours=1), starts_on=later.date()
    )
    assert remind_hosts(at=circle.starts_at - dt.timedelta(hours=1)) == 0
    assert remind_hosts(at=later - dt.timedelta(hours=24)) == 1, "guests are not reminded at all"
    Mailing.objects.all().delete()
    assert remind_hosts(at=later - dt.timedelta(hours=23)) == 1, "as after a crash"
    assert len(reminders(artist)) == 1
    much_later = later + dt.timedelta(days=5)
    Occurrence.objects.filter(pk=circle.pk).update(
        starts_at=much_later,
        ends_at=much_later + dt.timedelta(hours=1),
        starts_on=much_later.date(),
    )
    resign_host(host=host, at=minutes(5))
    assert remind_hosts(at=much_later - dt.timedelta(hours=24)) == 0


def test_dates_that_are_near_together_are_one_mail_to_a_host(
    circle: Occurrence, artist: User, host: Host
) -> None:
    publish(circle, reminder_hours=[48])
    OccurrenceFactory(event=circle.event, starts_at=circle.starts_at + dt.timedelta(days=1))
    Host.objects.update(accepted_at=NOW - dt.timedelta(days=9))
    # The worker was away: both are due.
    assert remind_hosts(at=circle.starts_at - dt.timedelta(hours=20)) == 1
    (mail,) = reminders(artist)
    assert "Thu 4 June, 18:00" in mail.text
    assert "Fri 5 June, 18:00" in mail.text


def test_hosts_hear_of_the_dates_of_a_new_series_in_one_mail(
    circle: Occurrence, artist: User, host: Host, coordinator: User
) -> None:
    event = Event.objects.get(pk=circle.event_id)
    plan = weekly(capacity=10, count=4)
    start_series(event=event, version=event.version, plan=plan, actor=coordinator, at=minutes(5))
    mails = Message.objects.filter(to=artist.email, key__contains=":host_changed:")
    assert mails.count() == 1
    assert "Thu 11 June" in mails[0].text
