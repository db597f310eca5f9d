"""What is kept about a person, for that person: a page and a file, and for care its own two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from allauth.account.internal.flows import login
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from accounts.services.access_log import record_look
from ambassadors.models import Absence, Activity, Profile
from calendars.services.links import personal_link
from events.models import HostLevel, SeriesRsvp
from events.services.hosts import accept_host, ask_host
from notifications.models import Message
from portal.services import personal_data
from portal.templatetags.personal_data import LABELS, readable
from tests.conftest import NOW
from tests.factories import EventFactory, PracticeMembershipFactory, RsvpFactory
from tests.therapy_credits.care import Client, Desk, book, make_client, make_desk
from therapy_credits.domain.matching import Need
from therapy_credits.models import Gift
from therapy_credits.services import doors
from therapy_credits.services.cases import ask_to_find
from therapy_credits.services.gifts import give_sessions
from therapy_credits.services.session_codes import issue_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def desk() -> Desk:
    return make_desk("Harbour")


@pytest.fixture
def client_(desk: Desk) -> Client:
    """Somebody with something of everything."""
    return make_client(units=6)


def browser_of(user: User, *, proved: bool = True) -> Browser:
    """Signed in; just now by password, unless it is an open laptop somebody found."""
    browser = Browser()
    browser.force_login(user, backend="accounts.adapters.SignInBackend")
    if proved:
        session = browser.session
        session["account_authentication_methods"] = [
            {"method": "password", "reauthenticated": True, "at": NOW.timestamp()}
        ]
        session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
        session.save()
    return browser


def keys_of(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield key
            if key not in ("said", "answers"):  # whose keys are an organiser's questions
                yield from keys_of(value)
    elif isinstance(data, list):
        for one in data:
            yield from keys_of(one)


def test_the_file_holds_what_the_page_shows_and_nothing_of_care(
    client_: Client, desk: Desk
) -> None:
    booking = book(client_, desk)
    rsvp = RsvpFactory(user=client_.user)
    browser = browser_of(client_.user)
    page = browser.get("/me/data/")
    file = browser.get("/me/data/file/")
    assert file["Content-Disposition"] == 'attachment; filename="my-data.json"'
    data = json.loads(file.content)
    assert [one["event"] for one in data["events"]["answered"]] == [rsvp.occurrence.event.title]
    assert data["account"]["email"] == client_.user.email
    for answer in (page, file):
        assert "no-store" in answer["Cache-Control"]
        assert rsvp.occurrence.event.title in answer.content.decode()
        assert desk.practitioner.name not in answer.content.decode()
        assert booking.place not in answer.content.decode() or not booking.place


def test_care_has_a_file_of_its_own_whose_name_says_nothing(client_: Client, desk: Desk) -> None:
    booking = book(client_, desk)
    browser = browser_of(client_.user)
    page = browser.get("/care/data/").content.decode()
    file = browser.get("/care/data/file/")
    assert file["Content-Disposition"] == 'attachment; filename="my-data-2.json"'
    (kept,) = json.loads(file.content)["sessions"]["bookings"]
    assert (kept["reference"], kept["practitioner"], kept["name_given"]) == (
        booking.reference,
        desk.practitioner.name,
        booking.client_name,
    )
    assert booking.reference in page
    assert desk.practitioner.name in page


@pytest.mark.parametrize(
    "address", ["/me/data/", "/me/data/file/", "/care/data/", "/care/data/file/"]
)
def test_who_finds_an_open_laptop_must_prove_who_they_are(client_: Client, address: str) -> None:
    answer = browser_of(client_.user, proved=False).get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")


@pytest.mark.parametrize("address", ["/care/data/", "/care/data/file/"])
def test_who_closed_their_care_is_asked_for_the_pin(client_: Client, address: str) -> None:
    doors.set_door(user=client_.user, pin="482913", address=None, at=NOW)
    answer = browser_of(client_.user).get(address)
    assert answer["Location"] == "/care/door/"
    assert browser_of(client_.user).get("/me/data/").status_code == 200


def test_the_giver_of_a_gift_learns_nothing_more(client_: Client) -> None:
    gift = give_sessions(user=client_.user, units=1, contact="", request_id=uuid4(), at=NOW).gift
    for status in ("sent", "claimed", "refused"):
        ended_at = None if status == "sent" else gift.sends_at
        Gift.objects.filter(pk=gift.pk).update(status=status, ended_at=ended_at)
        (kept,) = personal_data.export_care(client_.user, at=NOW)["sessions"]["gifts_given"]
        assert kept == {"sessions": 1, "given_at": NOW, "undone": False, "sent_to": ""}


def test_every_key_of_a_file_has_a_name_on_the_page(
    client_: Client, desk: Desk, coordinator: User
) -> None:
    user = client_.user
    book(client_, desk)
    issue_code(user=user, request_id=uuid4(), at=NOW)
    give_sessions(user=user, units=1, contact="x@example.org", request_id=uuid4(), at=NOW)
    ask_to_find(user=user, need=Need("GB", "", "en", "online", frozenset({"sleep"})), at=NOW)
    doors.set_door(user=user, pin=None, address=None, at=NOW)
    enrolment = user.enrolments.get()
    Profile.objects.create(user=user, saved_at=NOW)
    Activity.objects.create(enrolment=enrolment, kind="spoke", on=NOW.date(), said_by=user)
    Absence.objects.create(
        user=user,
        kind="tour",
        starts_on=NOW.date(),
        ends_on=NOW.date(),
        time_zone="UTC",
        said_by=user,
    )
    personal_link(user=user, at=NOW)
    RsvpFactory(user=user)
    event = EventFactory()
    SeriesRsvp.objects.create(
        event=event, user=user, status="active", reference="SERIES1", placed_at=NOW, changed_at=NOW
    )
    host = ask_host(
        event=event, email=user.email, level=HostLevel.values[0], by=coordinator, at=NOW
    )
    accept_host(host=host, person=user, name="Wren", is_shown=True, at=NOW)
    PracticeMembershipFactory(user=user)
    record_look(user, user, "enrolment", NOW)
    data = personal_data.export(user) | personal_data.export_care(user, at=NOW)
    found = set(keys_of(data))
    assert found >= {"bookings", "looked_for", "gifts_given", "agreements", "hosting", "who_looked"}
    assert not found - set(LABELS)


def test_values_are_in_the_words_and_the_zone_of_the_reader(client_: Client, desk: Desk) -> None:
    book(client_, desk)
    with timezone.override("America/New_York"):
        (sessions,) = readable(personal_data.export_care(client_.user, at=NOW))
    lines = {line.label: line for line in sessions.parts[0]}
    booking = {line.label: line.text for line in lines["Bookings"].parts[0]}
    assert (booking["Status"], booking["Online or in person"]) == ("Booked", "Online")
    assert booking["Starts"] == "11 June 2026, 04:00"
    assert "You said it is right" not in booking, "of what is empty there is nothing to say"


def test_mail_is_there_for_as_long_as_it_is_kept(client_: Client, desk: Desk) -> None:
    book(client_, desk)
    written = Message.objects.filter(to=client_.user.email).count()
    assert written
    mails = personal_data.export(client_.user)["mail"]["mails"]
    assert len(mails) == written
