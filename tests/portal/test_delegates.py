"""A manager or an assistant handles an artist's dates, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from ambassadors import errors
from ambassadors.models import Absence, Delegate
from ambassadors.services import absences, delegates
from events.models import Occurrence, Rsvp, Visibility
from notifications.models import Message
from tests.ambassadors.helpers import secret_in
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, OccurrenceFactory, RsvpFactory


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def artist(db: None) -> User:
    """An active ambassador with a manager."""
    user = make_user("artist")
    EnrolmentFactory(user=user)
    return user


@pytest.fixture
def manager(db: None) -> User:
    """Handles the artist's dates once they said yes."""
    return make_user("manager")


@pytest.fixture
def held(artist: User, manager: User) -> Delegate:
    asked = delegates.ask_delegate(ambassador=artist, email=manager.email, until_on=None, at=NOW)
    return delegates.accept_delegate(delegate=asked, person=manager, at=NOW)


@pytest.fixture
def desk(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def test_an_artist_asks_somebody_and_it_begins_with_their_yes(
    artist: User, manager: User, desk: Client
) -> None:
    mine = Client()
    mine.force_login(artist)
    mine.post("/me/delegates/", {"email": "Manager@Example.org"})
    delegate = Delegate.objects.get()
    mail = Message.objects.get(key=f"delegate:{delegate.pk}")
    assert (mail.to, mail.subject) == (manager.email, "A question about dates")
    assert "Open Door" not in mail.text
    assert desk.get(f"/delegate/{delegate.pk}/").status_code == 404
    link = f"/delegate/accept/{secret_in(mail.key)}/"
    assert "Handle the dates of Artist?" in desk.get(link).content.decode()
    assert not Delegate.objects.held_by(manager, at=NOW).exists()  # opening changes nothing
    desk.post(link)
    assert desk.get(f"/delegate/{delegate.pk}/").status_code == 200
    assert "Artist" in desk.get("/delegate/").content.decode()


def test_the_link_says_yes_for_nobody_else(artist: User, manager: User, outsider: User) -> None:
    asked = delegates.ask_delegate(ambassador=artist, email=manager.email, until_on=None, at=NOW)
    client = Client()
    client.force_login(outsider)
    link = f"/delegate/accept/{secret_in(f'delegate:{asked.pk}')}/"
    page = client.get(link).content.decode()
    assert manager.email not in page
    client.post(link)
    assert not Delegate.objects.filter(accepted_at__isnull=False).exists()
    assert client.post(f"{link}switch/")["Location"] == link
    assert "/accounts/login/" in client.get(link)["Location"]


def test_a_link_that_ran_out_or_was_taken_back_says_yes_no_more(
    artist: User, manager: User
) -> None:
    asked = delegates.ask_delegate(ambassador=artist, email=manager.email, until_on=None, at=NOW)
    with pytest.raises(errors.InvitationUnusable):
        delegates.accept_delegate(delegate=asked, person=manager, at=NOW + delegates.LIFETIME)
    delegates.end_delegate(delegate=asked, by=artist, at=NOW)
    with pytest.raises(errors.InvitationUnusable):
        delegates.accept_delegate(delegate=asked, person=manager, at=NOW)


def test_only_ambassadors_have_delegates_at_most_five_and_never_themselves(
    artist: User, outsider: User
) -> None:
    with pytest.raises(errors.NotForAmbassadors):
        delegates.ask_delegate(ambassador=outsider, email="a@example.org", until_on=None, at=NOW)
    with pytest.raises(errors.OneselfAsDelegate):
        delegates.ask_delegate(ambassador=artist, email=artist.email, until_on=None, at=NOW)
    for number in range(5):
        delegates.ask_delegate(
            ambassador=artist, email=f"m{number}@example.org", until_on=None, at=NOW
        )
    with pytest.raises(errors.AlreadyDelegate):
        delegates.ask_delegate(ambassador=artist, email="m1@example.org", until_on=None, at=NOW)
    with pytest.raises(errors.TooManyDelegates):
        delegates.ask_delegate(ambassador=artist, email="m9@example.org", until_on=None, at=NOW)


def test_a_delegate_says_yes_and_takes_it_back_and_the_artist_is_told(
    desk: Client, held: Delegate, artist: User
) -> None:
    date = OccurrenceFactory()
    assert date.event.title in desk.get(f"/delegate/{held.pk}/").content.decode()
    desk.post(f"/delegate/{held.pk}/dates/{date.pk}/yes/")
    rsvp = Rsvp.objects.get(user=artist)
    assert (rsvp.status, rsvp.occurrence) == ("going", date)
    assert Message.objects.filter(to=artist.email).exists()
    desk.post(f"/delegate/{held.pk}/answers/{rsvp.pk}/leave/")
    rsvp.refresh_from_db()
    assert rsvp.status == "left"


@pytest.mark.parametrize("visibility", [Visibility.PROGRAMME, Visibility.AMBASSADORS])
def test_what_only_a_programme_sees_is_a_time_that_is_taken(
    desk: Client, held: Delegate, artist: User, visibility: str
) -> None:
    theirs = {
        "event__visibility": visibility,
        "event__programme": artist.enrolments.get().term.programme,
    }
    date = OccurrenceFactory(**theirs, event__title="Zqeventzq")
    rsvp = RsvpFactory(occurrence=date, user=artist)
    page = desk.get(f"/delegate/{held.pk}/").content.decode()
    assert "Busy" in page
    assert "Zqeventzq" not in page
    assert desk.post(f"/delegate/{held.pk}/answers/{rsvp.pk}/leave/").status_code == 404
    other = OccurrenceFactory(**theirs)
    assert desk.post(f"/delegate/{held.pk}/dates/{other.pk}/yes/").status_code == 404


def test_a_discreet_yes_is_a_time_that_is_taken(desk: Client, held: Delegate, artist: User) -> None:
    date = OccurrenceFactory(event__title="Zqeventzq")
    RsvpFactory(occurrence=date, user=artist, is_discreet=True)
    assert "Zqeventzq" not in desk.get(f"/delegate/{held.pk}/").content.decode()


def test_a_delegate_notes_tours_and_sees_no_reason_for_other_days(
    desk: Client, held: Delegate, artist: User, manager: User
) -> None:
    absences.add_absence(
        user=artist,
        kind="leave",
        starts_on=dt.date(2026, 7, 1),
        ends_on=dt.date(2026, 7, 9),
        time_zone="",
        by=artist,
        at=NOW,
    )
    page = desk.get(f"/delegate/{held.pk}/").content.decode()
    assert "9 Jul" in page
    assert "leave" not in page.casefold().replace("/leave/", "").replace("leave it empty", "")
    desk.post(f"/delegate/{held.pk}/", {"starts_on": "2026-08-01", "ends_on": "2026-08-20"})
    noted = Absence.objects.get(kind="tour")
    assert (noted.user, noted.said_by) == (artist, manager)
    desk.post(f"/delegate/{held.pk}/away/{noted.pk}/remove/")
    assert Absence.objects.get().kind == "leave"


def test_it_ends_on_its_last_day_and_whenever_either_of_the_two_says_so(
    desk: Client, held: Delegate, artist: User, manager: User
) -> None:
    Delegate.objects.update(until_on=NOW.date() - dt.timedelta(days=1))
    assert desk.get(f"/delegate/{held.pk}/").status_code == 404
    Delegate.objects.update(until_on=None)
    desk.post(f"/me/delegates/{held.pk}/end/")
    assert desk.get(f"/delegate/{held.pk}/").status_code == 404
    with pytest.raises(errors.InvitationUnusable):
        delegates.end_delegate(delegate=held, by=make_user("third"), at=NOW)


def test_the_database_refuses_oneself_as_delegate(held: Delegate, artist: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Delegate.objects.update(person=artist)


def test_dates_of_nobody_else_are_touched(desk: Client, held: Delegate, outsider: User) -> None:
    rsvp = RsvpFactory(occurrence=OccurrenceFactory(), user=outsider)
    assert desk.post(f"/delegate/{held.pk}/answers/{rsvp.pk}/leave/").status_code == 404
    assert Occurrence.objects.count() == 1
    rsvp.refresh_from_db()
    assert rsvp.status == "going"
