"""Erasing oneself: nothing of a person is left but what is said to stay."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser

from accounts.models import AuditEntry, Erasure, Role, User
from accounts.services.access_log import record_look
from accounts.services.grants import give_role
from accounts.services.personal_data import erase as erase_account
from ambassadors.models import (
    Absence,
    Activity,
    Attachment,
    Delegate,
    Enrolment,
    Invitation,
    Profile,
    PublicCard,
    Review,
)
from calendars.models import FeedToken, InboundReply
from calendars.services.links import personal_link
from config.local import PROJECT
from events.errors import Busy
from events.models import Answer, CheckIn, Host, HostLevel, Occurrence, Question, Rsvp, SeriesRsvp
from events.services.hosts import accept_host, ask_host
from events.services.rsvps import Guest, leave, place_rsvp
from notifications.models import Message, Purge
from notifications.services.messages import claim, purge_contents, record_sent
from portal.errors import MustBeSettled
from portal.services import personal_data
from tests.ambassadors.rounds import make_application, make_round, review
from tests.conftest import NOW, make_user
from tests.events.test_series_races import in_thread, let_run
from tests.factories import (
    OccurrenceFactory,
    PracticeMembershipFactory,
    RsvpFactory,
    TermFactory,
    UserFactory,
)
from tests.portal.test_personal_data import browser_of
from tests.therapy_credits.care import HERE, Client, Desk, book, make_client, make_desk
from tests.therapy_credits.test_care_races import assert_books_are_right
from therapy_credits.domain.matching import Need
from therapy_credits.models import Booking, CareCase, CareDoor, CareKey, Code, Transfer
from therapy_credits.services import doors
from therapy_credits.services.bookings import Identity, book_session, cancel_booking
from therapy_credits.services.cases import ask_to_find
from therapy_credits.services.gifts import give_sessions
from therapy_credits.services.session_codes import issue_code
from therapy_credits.services.subjects import own_tokens, person_to_reach

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
# Long enough that nothing random has it.
SENTINEL = "zqzqzq"
ADDRESS = "zqzqzqwren@example.org"


def apps_that_keep_something() -> dict[str, ModuleType]:
    """Every app with a ``services/personal_data.py`` of its own, but for who asks them all."""
    paths = sorted(PROJECT.glob("*/services/personal_data.py"))
    names = [path.parts[-3] for path in paths if path.parts[-3] != "portal"]
    return {name: import_module(f"{name}.services.personal_data") for name in names}


@pytest.fixture(autouse=True)
def noon(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def wren(desk: Desk, coordinator: User) -> Client:
    """Somebody with something of everything, and their sentinel in each."""
    user = UserFactory(email=ADDRESS, name="Zqzqzqwren", time_zone="UTC")
    EmailAddress.objects.create(user=user, email=ADDRESS, verified=True, primary=True)
    client = make_client(units=6, user=user)
    programme = user.enrolments.get().term.programme
    booking = book_session(
        user=user,
        practitioner=desk.practitioner,
        service=desk.service,
        starts_at=NOW + 8 * DAY - dt.timedelta(hours=4),
        format="online",
        where=HERE,
        identity=Identity("Zqzqzqname", "zqzqzqcontact@example.org"),
        request_id=uuid4(),
        at=NOW,
    )
    cancel_booking(booking=booking, user=user, agreed="in_time", at=NOW)
    issue_code(user=user, request_id=uuid4(), at=NOW)
    give_sessions(user=user, units=1, contact="zqzqzqgift@example.org", request_id=uuid4(), at=NOW)
    ask_to_find(user=user, need=Need("GB", "", "en", "online", frozenset({"sleep"})), at=NOW)
    doors.set_door(user=user, pin=None, address="zqzqzqquiet@example.org", at=NOW)
    # Programmes.
    enrolment = user.enrolments.get()
    Profile.objects.create(user=user, about="Zqzqzqabout", saved_at=NOW)
    PublicCard.objects.create(user=user, programme=programme, consented_at=NOW)
    day = NOW.date()
    Activity.objects.create(enrolment=enrolment, kind="spoke", on=day, note="Zqzqzq", said_by=user)
    Absence.objects.create(user=user, kind="tour", starts_on=day, ends_on=day, said_by=user)
    for number, (whose, person, email) in enumerate(
        [(user, None, "zqzqzqmanager@example.org"), (make_user("star"), user, ADDRESS)]
    ):
        Delegate.objects.create(
            ambassador=whose,
            person=person,
            email=email,
            secret_digest=f"{number:064}",
            asked_at=NOW,
            expires_at=NOW,
            accepted_at=NOW if person else None,
        )
    term = enrolment.term
    Invitation.objects.create(term=term, email=ADDRESS, name="Zqzqzqwren", invited_at=NOW)
    round_ = make_round(TermFactory(), coordinator)
    asked_for = round_.questions.get(kind="file")
    application = make_application(
        round_, user=user, name="Zqzqzqwren", answers={str(asked_for.pk): "Zqzqzqwhy"}
    )
    Attachment.objects.create(
        application=application,
        question=asked_for,
        name="zqzqzq.pdf",
        kind="pdf",
        content=b"zqzqzq",
        size=2,
        added_at=NOW,
    )
    review(application, coordinator, 3)
    Review.objects.update(comment="I know Zqzqzqwren.")
    # Events: one that was, one to come, every time, as a guest, given on, hosted.
    past = RsvpFactory(
        user=user,
        party_size=2,
        companions=["Zqzqzqfriend"],
        occurrence=OccurrenceFactory(starts_at=NOW - 9 * DAY, starts_on=(NOW - 9 * DAY).date()),
    )
    CheckIn.objects.create(
        rsvp=past, people_count=2, checked_in_at=NOW - 9 * DAY, checked_in_by=coordinator
    )
    ahead = place_rsvp(occurrence=OccurrenceFactory(), person=user, at=NOW)
    asked = Question.objects.create(event=ahead.occurrence.event, text="Food?", days_kept=30)
    Answer.objects.create(rsvp=ahead, question=asked, text="Zqzqzqnuts")
    RsvpFactory(user=None, guest_name="Zqzqzqwren", guest_email=ADDRESS.upper(), status="left")
    RsvpFactory(heir_name="Zqzqzqwren", heir_email=ADDRESS)
    SeriesRsvp.objects.create(
        event=ahead.occurrence.event,
        user=user,
        companions=["Zqzqzqfriend"],
        party_size=2,
        status="ended",
        reference="SERIES1",
        placed_at=NOW,
        changed_at=NOW,
    )
    hosted = OccurrenceFactory(starts_at=NOW - 30 * DAY, starts_on=(NOW - 30 * DAY).date()).event
    host = ask_host(event=hosted, email=ADDRESS, level=HostLevel.values[0], by=coordinator, at=NOW)
    accept_host(host=host, person=user, name="Zqzqzqwren", is_shown=True, at=NOW)
    # The rest.
    personal_link(user=user, at=NOW)
    InboundReply.objects.create(
        kind=InboundReply.Kind.LETTER,
        desk=InboundReply.Desk.CARE,
        state=InboundReply.State.CLOSED,
        reason=InboundReply.Reason.WORDS,
        message_id="<one@example.org>",
        received_at=NOW,
        closed_at=NOW,
        closed_by=coordinator,
        sender=ADDRESS,
    )
    record_look(coordinator, user, "enrolment", NOW)
    return client


def found_in_the_database() -> set[str]:
    """The tables in which the sentinel stands."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {name} AS t WHERE t::text ILIKE %s)",
                [f"%{SENTINEL}%"],
            )
            if cursor.fetchone()[0]:
                found.add(table)
    return found


def export_of(user: User) -> str:
    data = personal_data.export(user) | personal_data.export_care(user, at=NOW)
    return json.dumps(data, default=str).casefold()


def send_everything() -> list[str]:
    """Send what waits in the outbox; the subjects of it."""
    sent = []
    for message in claim(limit=1000, at=NOW):
        sent.append(message.subject)
        record_sent(message=message, at=NOW)
    return sent


def test_of_who_erased_themselves_nothing_is_left(wren: Client, desk: Desk) -> None:
    before, pk, tokens = found_in_the_database(), wren.user.pk, own_tokens(wren.user)
    assert len(before) >= 14, "the sentinels are there"
    assert SENTINEL in export_of(wren.user)

    personal_data.erase(wren.user, at=NOW)
    assert found_in_the_database() == {"notifications_message"}, "the last ones are to be sent"
    assert "Your account is erased" in send_everything()

    assert found_in_the_database() == set()
    gone = User.objects.get(pk=pk)
    assert str(gone) == "Erased account"
    data = personal_data.export(gone) | personal_data.export_care(gone, at=NOW)
    kept = {
        (app, key)
        for app, values in data.items()
        for key, value in values.items()
        if value and value != {"left": 0, "booked": 0, "used": 0}
    }
    # A row that names nobody, and what the database lets nobody rewrite.
    assert kept <= {
        ("account", "email"),
        ("account", "joined_at"),
        ("account", "who_looked"),
        ("programmes", "enrolments"),
        ("programmes", "agreements"),
        ("programmes", "consents"),
        ("programmes", "applications"),
        ("events", "hosting"),
        ("sessions", "balance"),
    }
    assert own_tokens(gone) == []
    assert not CareKey.objects.filter(token__in=tokens).exists()
    assert person_to_reach(tokens[0]) is None
    assert not FeedToken.objects.filter(user=gone).exists()
    assert not CareDoor.objects.exists()
    assert {one.status for one in Enrolment.objects.filter(user=gone)} == {"alumni"}
    assert Purge.objects.get(what="account").rows == 1
    assert Erasure.objects.get().user_id == pk
    # Again changes nothing.
    personal_data.erase(gone, at=NOW + DAY)
    assert Purge.objects.filter(what="account").count() == 1


def test_an_app_that_forgets_to_forget_is_found(
    wren: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above, for each app."""
    apps = apps_that_keep_something()
    assert set(apps) >= {"accounts", "ambassadors", "calendars", "events", "therapy_credits"}
    for name, module in apps.items():
        with transaction.atomic():
            with monkeypatch.context() as patch:
                patch.setattr(module, "erase", lambda *_args, **_kwargs: None)
                personal_data.erase(User.objects.get(pk=wren.user.pk), at=NOW)
            send_everything()
            user = User.objects.get(pk=wren.user.pk)
            assert found_in_the_database() or SENTINEL in export_of(user), name
            transaction.set_rollback(True)


def test_whoever_keeps_something_gives_it_and_erases_it() -> None:
    for name, module in apps_that_keep_something().items():
        assert callable(module.export), name
        assert callable(module.erase), name
    for path in Path(PROJECT / "portal" / "services").glob("personal_data.py"):
        for name in apps_that_keep_something():
            assert f"{name}.services.personal_data.erase(" in path.read_text(), name


def test_the_books_stay_right_and_what_is_free_returns_to_the_pool(wren: Client) -> None:
    free = wren.pool.account_set.get(kind="pool").left
    personal_data.erase(wren.user, at=NOW)
    # Six were given; none was used, and the gift was still to be undone.
    assert wren.pool.account_set.get(kind="pool").left == free + 6
    back = Transfer.objects.filter(code=Code.CLAWBACK)
    assert sum(back.values_list("amount", flat=True)) == 6
    assert_books_are_right()
    assert not CareCase.objects.exists()
    assert Booking.objects.get().client_name == ""
    call_command("check_seats")


def test_the_place_goes_to_who_waits_and_calendars_are_told(attendee: User) -> None:
    circle = OccurrenceFactory(capacity=1)
    user = make_user("zqzqzqleaver")
    mine = place_rsvp(occurrence=circle, person=user, at=NOW)
    waiting = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    assert waiting.is_waiting
    Message.objects.all().delete()
    personal_data.erase(user, at=NOW)
    waiting.refresh_from_db()
    assert waiting.is_going
    told = Message.objects.get(key=f"rsvp:{mine.reference}:left")
    assert "METHOD:CANCEL" in json.dumps(told.attachments) or told.attachments
    assert (told.to, told.is_last) == ("zqzqzqleaver@example.org", True)
    record_sent(message=told, at=NOW)
    told.refresh_from_db()
    assert (told.to, told.text, told.attachments, told.purged_at) == ("", "", [], NOW)
    mine.refresh_from_db()
    assert (mine.status, mine.user) == ("left", None)


def test_who_says_yes_again_while_it_begins_is_asked_to_try_again(
    attendee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_rsvp(occurrence=OccurrenceFactory(), person=attendee, at=NOW)
    monkeypatch.setattr("events.services.personal_data.leave", lambda **_: None)
    with pytest.raises(Busy):
        personal_data.erase(attendee, at=NOW)
    attendee.refresh_from_db()
    assert attendee.erased_at is None
    assert Rsvp.objects.get().user == attendee


def says_yes_while_being_erased() -> list[Any]:
    """What came of a yes that arrives when the account's row is held to be erased."""
    user, date = make_user("zqzqzqleaver"), OccurrenceFactory()
    came: list[Any] = []

    def say_yes() -> None:
        try:
            came.append(place_rsvp(occurrence=date, person=user, at=NOW).status)
        except IntegrityError as refused:
            came.append(str(refused).split("\n")[0])

    with transaction.atomic():
        held = User.objects.select_for_update().get(pk=user.pk)
        yes = in_thread(say_yes)
        let_run(yes)
        assert yes.is_alive()
        erase_account(held, at=NOW)
    yes.join(timeout=30)
    return came


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_yes_of_the_same_moment_is_nobodys() -> None:
    (answer,) = says_yes_while_being_erased()
    assert answer.endswith("is erased")
    assert not Rsvp.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_trigger_a_place_is_held_for_nobody() -> None:
    """The control."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_rsvp DISABLE TRIGGER USER")
    try:
        assert says_yes_while_being_erased() == ["going"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE events_rsvp ENABLE TRIGGER USER")


def test_a_last_mail_whose_sender_died_is_emptied_by_the_nightly_run(attendee: User) -> None:
    personal_data.erase(attendee, at=NOW)
    Message.objects.update(status="sent", sent_at=NOW)
    assert purge_contents(at=NOW).rows == 1
    assert not Message.objects.exclude(to="").exists()


def test_the_page_says_what_goes_and_does_it_once_the_address_is_typed(wren: Client) -> None:
    browser = browser_of(wren.user)
    browser.get("/me/")
    page = browser.get("/me/erase/").text
    for words in ("What goes", "What stays, and for how long", "today", "six years", "30 days"):
        assert words in page
    wrong = browser.post("/me/erase/", {"address": "other@example.org"})
    assert "This is not the address of your account." in wrong.text
    assert not Erasure.objects.exists()
    done = browser.post("/me/erase/", {"address": " ZQZQZQWREN@example.org "})
    assert done["Location"] == "/erased/"
    assert "Your account is erased" in browser.get("/erased/").text
    assert browser.get("/me/").status_code == 302
    assert not UserSession.objects.exists()
    assert AuditEntry.objects.filter(verb="account.erase").count() == 1
    other = browser_of(make_user("other"))
    for address in ("/me/profile/", "/me/privacy/", "/me/data/"):
        assert "/me/erase/" in other.get(address).text


def test_who_finds_an_open_laptop_or_reads_the_mailbox_erases_nobody(wren: Client) -> None:
    laptop = browser_of(wren.user, proved=False)
    sent = laptop.post("/me/erase/", {"address": ADDRESS})
    assert sent["Location"].startswith("/accounts/reauthenticate/")
    doors.set_door(user=wren.user, pin="482913", address=None, at=NOW)
    assert browser_of(wren.user).post("/me/erase/", {"address": ADDRESS})["Location"] == (
        "/care/door/"
    )
    assert not Erasure.objects.exists()


def test_what_must_be_settled_first_is_said_with_the_way_on(desk: Desk, coordinator: User) -> None:
    client = make_client()
    user = client.user
    booking = book(client, desk)
    date: Occurrence = OccurrenceFactory()
    host = ask_host(
        event=date.event, email=user.email, level=HostLevel.values[0], by=coordinator, at=NOW
    )
    accept_host(host=host, person=user, name="Wren", is_shown=True, at=NOW)
    browser = browser_of(user)
    page = browser.post("/me/erase/", {"address": user.email}).text
    for url in (f"/care/bookings/{booking.reference}/", f"/me/hosting/{date.event.slug}/me/"):
        assert f'href="{url}"' in page
    assert "Erase my account" not in page
    with pytest.raises(MustBeSettled):
        personal_data.erase(user, at=NOW)
    user.refresh_from_db()
    assert user.erased_at is None
    cancel_booking(booking=booking, user=user, agreed="in_time", at=NOW)
    Host.objects.update(status="resigned", ended_at=NOW)
    assert "Erase my account" in browser.get("/me/erase/").text


@pytest.mark.parametrize("work", ["staff", "practice"])
def test_who_works_here_is_refused_in_words(work: str, attendee: User) -> None:
    if work == "staff":
        give_role(user=attendee, role=Role.FINANCE, giver=None, at=NOW)
    else:
        PracticeMembershipFactory(user=attendee)
    page = browser_of(attendee).post("/me/erase/", {"address": attendee.email}).text
    words = {"staff": "You work here.", "practice": "You work for a practice."}
    assert words[work] in page
    assert not Erasure.objects.exists()


def test_who_was_erased_is_erased_again_when_an_older_backup_is_back(wren: Client) -> None:
    Erasure.objects.create(user_id=wren.user.pk, erased_at=NOW)
    Erasure.objects.create(user_id=987654, erased_at=NOW)
    for count in (1, 0):
        out = StringIO()
        call_command("erase_again", stdout=out)
        assert out.getvalue() == f"Erased again: {count}.\n"
    send_everything()
    assert found_in_the_database() == set()


def test_an_erased_account_is_nobody_whoever_writes_it(attendee: User) -> None:
    with pytest.raises(IntegrityError, match="user_erased_is_nobody"), transaction.atomic():
        User.objects.filter(pk=attendee.pk).update(erased_at=NOW)


def test_a_guest_is_forgotten_by_the_link_in_their_mail() -> None:
    circle = OccurrenceFactory()
    rsvp = place_rsvp(
        occurrence=circle,
        person=Guest("Zqzqzqana", "zqzqzqana@example.org"),
        is_vouched=True,
        at=NOW,
    )
    guest, path = Browser(), rsvp.manage_path
    assert "Delete your name" not in guest.get(path).text
    assert "Leave it first." in guest.post(path, {"act": "forget"}, follow=True).text
    assert Rsvp.objects.get().guest_name == "Zqzqzqana"
    with time_machine.travel(circle.ends_at + DAY, tick=False):
        assert "Delete your name" in guest.get(path).text
        done = guest.post(path, {"act": "forget"}, follow=True)
        assert "Your name and address are deleted from this date." in done.text
        assert guest.get(path).status_code == 404
    for message in Message.objects.filter(purged_at=None):
        record_sent(message=message, at=NOW)
    assert found_in_the_database() == set()
    assert Rsvp.objects.get().is_going
    call_command("check_seats")


def test_who_left_before_the_date_need_not_wait_for_it() -> None:
    rsvp = place_rsvp(
        occurrence=OccurrenceFactory(),
        person=Guest("Zqzqzqana", "zqzqzqana@example.org"),
        is_vouched=True,
        at=NOW,
    )
    leave(rsvp=rsvp, at=NOW)
    Browser().post(rsvp.manage_path, {"act": "forget"})
    assert Rsvp.objects.get().guest_name == ""
