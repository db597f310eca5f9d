"""What happened at an event: written by whoever works there, read by two people."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import AuditEntry, Role, User
from accounts.services.grants import give_role
from events.models import Incident, Occurrence
from events.services.hosts import accept_host, ask_host
from events.services.incidents import close_incident, purge_incidents, report_incident
from events.tasks import forget_incidents
from notifications.models import Message, Purge
from portal.queries import needs_you
from tests.conftest import NOW, make_user
from tests.events.test_pages import signed_in
from tests.factories import OccurrenceFactory
from therapy_credits.services.concerns import name_lead

pytestmark = pytest.mark.django_db
FACTS = {"kind": "unwell", "words": "Wren fainted by the stairs.", "was_emergency": "on"}


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def circle(coordinator: User) -> Occurrence:
    """A circle that somebody from outside the staff hosts."""
    occurrence: Occurrence = OccurrenceFactory()
    artist = make_user("artist")
    host = ask_host(
        event=occurrence.event, email=artist.email, level="host", by=coordinator, at=NOW
    )
    accept_host(host=host, person=artist, name="Artist", is_shown=True, at=NOW)
    Message.objects.all().delete()
    return occurrence


@pytest.fixture
def artist(circle: Occurrence) -> User:
    return User.objects.get(email="artist@example.org")


@pytest.fixture
def leads(coordinator: User) -> dict[str, User]:
    people = {}
    for name in ("lead", "deputy"):
        people[name] = make_user(name)
        give_role(user=people[name], role=Role.CARE, giver=None, at=NOW)
        name_lead(user=people[name], is_deputy=name == "deputy", by=coordinator, at=NOW)
    return people


def path_of(circle: Occurrence) -> str:
    return f"/staff/events/{circle.event.slug}/incident/?date={circle.page_day}"


def test_a_host_writes_it_down_and_only_the_lead_and_the_deputy_read_it(
    circle: Occurrence, artist: User, leads: dict[str, User], coordinator: User
) -> None:
    host = signed_in(artist)
    assert path_of(circle) in host.get(f"/me/hosting/{circle.event.slug}/").text
    asked = host.get(path_of(circle)).text
    assert circle.event.emergency_number in asked
    assert "@example.org" not in asked.split("<main", 1)[1]
    said = host.post(path_of(circle), FACTS, follow=True)
    assert "Written down." in said.text
    one = Incident.objects.get()
    assert (one.occurrence, one.reported_by, one.was_emergency) == (circle, artist, True)
    assert one.due_at == NOW.replace(hour=18)
    assert "Wren" not in str(Incident.objects.values())
    page = f"/staff/incidents/{one.pk}/"
    for person in leads.values():
        assert "Wren fainted" in signed_in(person).get(page).text
        assert page in signed_in(person).get("/staff/incidents/").text
        assert page in [need.url for need in needs_you(person, at=NOW)]
    looks = AuditEntry.objects.filter(verb="incident.read")
    assert {look.actor for look in looks} == set(leads.values())
    for person in (artist, coordinator):
        assert signed_in(person).get(page).status_code == 404, "not even who wrote it"
        assert signed_in(person).get("/staff/incidents/").status_code == 404
        assert page not in [need.url for need in needs_you(person, at=NOW)]
    assert (
        "incident"
        not in signed_in(coordinator)
        .get(f"/staff/events/{circle.event.slug}/history/")
        .text.lower()
    )


def test_its_mail_is_neutral_and_goes_to_both(
    circle: Occurrence, artist: User, leads: dict[str, User]
) -> None:
    signed_in(artist).post(path_of(circle), FACTS)
    mails = Message.objects.all()
    assert {mail.to for mail in mails} == {person.email for person in leads.values()}
    for mail in mails:
        assert mail.subject == "Greenroom: please look today"
        for word in ("Wren", "fainted", circle.event.title):
            assert word not in mail.text


def test_it_is_closed_once(circle: Occurrence, artist: User, leads: dict[str, User]) -> None:
    signed_in(artist).post(path_of(circle), FACTS)
    one = Incident.objects.get()
    for name in ("deputy", "lead"):
        signed_in(leads[name]).post(f"/staff/incidents/{one.pk}/")
    one.refresh_from_db()
    assert (one.closed_by, one.closed_at) == (leads["deputy"], NOW)
    assert needs_you(leads["lead"], at=NOW) == []
    assert "Looked after" in signed_in(leads["lead"]).get("/staff/incidents/").text


def test_while_nobody_is_named_nothing_is_kept_and_the_words_stay(
    circle: Occurrence, coordinator: User
) -> None:
    page = signed_in(coordinator).post(path_of(circle), FACTS).text
    assert "No safeguarding lead is named yet" in page
    assert "Wren fainted by the stairs." in page
    assert not Incident.objects.exists()


def test_strangers_and_the_anonymous_cannot_write_one(circle: Occurrence, outsider: User) -> None:
    assert signed_in(outsider).post(path_of(circle), FACTS).status_code == 404
    assert Client().post(path_of(circle), FACTS).status_code == 302
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("incident_kind_known", {"kind": "gossip"}),
        ("incident_closed_by_somebody", {"closed_at": NOW}),
    ],
)
def test_the_database_keeps_what_an_incident_is(
    circle: Occurrence, artist: User, leads: dict[str, User], name: str, fields: dict[str, Any]
) -> None:
    signed_in(artist).post(path_of(circle), FACTS)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Incident.objects.update(**fields)


def test_what_was_looked_after_is_deleted_after_its_time_and_what_is_open_is_not(
    circle: Occurrence, artist: User, leads: dict[str, User], settings: Any
) -> None:
    for words in ("Looked after.", "Still open."):
        report_incident(
            occurrence=circle,
            kind="other",
            words=words,
            was_emergency=False,
            readers=[leads["lead"]],
            due_at=NOW,
            by=artist,
            at=NOW,
        )
    closed, waiting = Incident.objects.order_by("pk")
    close_incident(incident=closed, by=leads["lead"], at=NOW)
    page = signed_in(leads["lead"]).get(f"/staff/incidents/{closed.pk}/").text
    assert "It is deleted on 2 June 2029." in page
    over = NOW + dt.timedelta(days=1095)
    assert purge_incidents(at=over - dt.timedelta(seconds=1)).rows == 0
    with time_machine.travel(over):
        assert forget_incidents() == 1
    assert list(Incident.objects.all()) == [waiting]
    proof = Purge.objects.latest("pk")
    assert (proof.what, proof.older_than, proof.rows) == ("incidents", NOW, 1)
    settings.INCIDENT_DAYS = 1
    assert purge_incidents(at=over).rows == 0, "it is open, however old"
