"""What people wrote to us: they are answered at once, and a person looks after it."""

import datetime as dt

import pytest
import time_machine
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import AccessLook, User
from calendars.models import InboundReply
from calendars.services.inbound import receive
from common.reply_addresses import reply_address
from events.models import Rsvp
from notifications.models import Message
from portal.queries import needs_you
from portal.tasks import answer_letters
from tests.calendars.mail import mail
from tests.conftest import NOW
from tests.factories import ProgrammeFactory, RsvpFactory

pytestmark = pytest.mark.django_db
LATER = NOW + dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_second_factor(settings: object) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # pytest-django's


@pytest.fixture
def rsvp(attendee: User) -> Rsvp:
    made: Rsvp = RsvpFactory(user=attendee, occurrence__event__title="Evening circle")
    return made


def write(text: str, *, to: str = "hello@greenroom.example", number: int = 1) -> InboundReply:
    raw = mail(sender="attendee@example.org", to=to, text=text, message_id=f"<{number}@x>")
    letter = receive(raw=raw, at=NOW)
    assert letter is not None
    return letter


def visit(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.adapters.SignInBackend")
    return client


def test_who_writes_is_told_at_once_where_help_is(attendee: User) -> None:
    User.objects.update(language="es")
    write("I cannot go on.")
    with time_machine.travel(LATER):
        assert answer_letters() == 1
        assert answer_letters() == 0
    receipt = Message.objects.get()
    assert (receipt.to, receipt.language) == ("attendee@example.org", "es")
    for words in ("/help/", "112", "999", "911"):
        assert words in receipt.text
    assert "go on" not in receipt.text + receipt.subject


def test_two_letters_of_a_day_have_one_receipt(attendee: User) -> None:
    write("One", number=1)
    write("Two", number=2)
    with time_machine.travel(LATER):
        assert answer_letters() == 2
    assert Message.objects.count() == 1
    assert not InboundReply.objects.filter(answered_at=None).exists()


def test_a_coordinator_reads_and_settles_what_is_about_their_event(
    rsvp: Rsvp, coordinator: User
) -> None:
    letter = write("Is there a lift?", to=reply_address(rsvp.reference))
    client = visit(coordinator)
    assertContains(client.get("/staff/mail/"), "attendee@example.org")
    page = client.get(f"/staff/mail/{letter.pk}/")
    assertContains(page, "Is there a lift?")
    assertContains(page, "Evening circle")
    assertRedirects(client.post(f"/staff/mail/{letter.pk}/done/"), "/staff/mail/")
    assertContains(client.get("/staff/mail/"), "Nobody waits for an answer")
    assertContains(client.get("/staff/mail/?show=past"), "attendee@example.org")
    letter.refresh_from_db()
    assert (letter.state, letter.closed_by) == ("closed", coordinator)


def test_a_look_at_somebodys_words_is_noted(rsvp: Rsvp, coordinator: User, attendee: User) -> None:
    letter = write("Is there a lift?", to=reply_address(rsvp.reference))
    visit(coordinator).get(f"/staff/mail/{letter.pk}/")
    look = AccessLook.objects.get()
    assert (look.actor, look.subject_user, look.what) == (coordinator, attendee, "letter")


def test_what_may_be_about_care_is_read_by_care_alone(
    coordinator: User, care_coordinator: User
) -> None:
    letter = write("My last session was hard.")
    assertNotContains(visit(coordinator).get("/staff/mail/"), "attendee@example.org")
    assert visit(coordinator).get(f"/staff/mail/{letter.pk}/").status_code == 404
    assert visit(coordinator).post(f"/staff/mail/{letter.pk}/done/").status_code == 404
    assertContains(visit(care_coordinator).get(f"/staff/mail/{letter.pk}/"), "was hard")


def test_care_does_not_read_what_is_about_events(rsvp: Rsvp, care_coordinator: User) -> None:
    letter = write("Is there a lift?", to=reply_address(rsvp.reference))
    assert visit(care_coordinator).get(f"/staff/mail/{letter.pk}/").status_code == 404


def test_a_coordinator_of_one_programme_reads_nothing_of_others(
    rsvp: Rsvp, coordinator: User
) -> None:
    coordinator.staff_grants.update(all_programmes=False)
    rsvp.occurrence.event.programme = ProgrammeFactory()
    rsvp.occurrence.event.save()
    letter = write("Is there a lift?", to=reply_address(rsvp.reference))
    assert visit(coordinator).get(f"/staff/mail/{letter.pk}/").status_code == 404


def test_an_answer_that_did_not_count_says_why(rsvp: Rsvp, coordinator: User) -> None:
    InboundReply.objects.create(
        kind="answer",
        desk="events",
        state="refused",
        reason="sender",
        answer="DECLINED",
        message_id="<r@x>",
        received_at=NOW,
        sender="attendee@example.org",
        about=rsvp.reference,
    )
    page = visit(coordinator).get("/staff/mail/?show=past")
    assertContains(page, "Their calendar says no.")
    assertContains(page, "Nothing proves that it comes from the address it says.")


def test_what_waits_is_among_what_needs_somebody(rsvp: Rsvp, coordinator: User) -> None:
    assert needs_you(coordinator, at=NOW) == []
    write("Is there a lift?", to=reply_address(rsvp.reference))
    (need,) = needs_you(coordinator, at=NOW)
    assert (need.url, need.due_at) == ("/staff/mail/", NOW + dt.timedelta(days=1))


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_costs_the_same_however_long_it_is(
    rsvp: Rsvp, coordinator: User, count: int, django_assert_max_num_queries: object
) -> None:
    for number in range(count):
        write("One", to=reply_address(rsvp.reference), number=number)
    client = visit(coordinator)
    with django_assert_max_num_queries(16):  # type: ignore[operator]  # pytest-django's
        client.get("/staff/mail/")
