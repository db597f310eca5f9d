"""Requests to hosts, questions and their answers, and giving one's place to somebody else."""

import csv
import datetime as dt
import io
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AccessLook, AuditEntry, User
from events.errors import CannotGive, GivenTooOften, HasAnswered, RequestRefused
from events.models import Answer, CheckIn, Occurrence, Question, Rsvp, Seats, SeriesRsvp
from events.queries import Turnout, ended_rsvps_of, needs_you, turnouts
from events.services.answers import purge_answers, write_answers
from events.services.check_ins import check_in
from events.services.retention import forget_attendance
from events.services.rsvps import (
    Guest,
    add_rsvp,
    approve_request,
    change_party,
    confirm_rsvp,
    leave,
    place_rsvp,
    refuse_request,
)
from events.services.transfers import forget_heirs, give_place, keep_place, take_given_place
from notifications.models import Message, Purge
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, publish, state
from tests.events.test_pages import signed_in
from tests.events.test_rsvps import Join, mails_to
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = pytest.mark.django_db
BO = Guest("Bo", "bo@example.org")


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Any:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


# --- Requests -----------------------------------------------------------------------


@pytest.fixture
def studio(circle: Occurrence) -> Occurrence:
    """The circle with two places, where hosts decide who comes."""
    publish(circle, needs_approval=True)
    return circle


def test_a_request_takes_no_place_until_the_hosts_say_yes(
    studio: Occurrence, attendee: User, coordinator: User
) -> None:
    rsvp = place_rsvp(occurrence=studio, person=attendee, at=NOW)
    assert state(rsvp) == [("applied", None)]
    assert Seats.objects.get(pk=studio.pk).firm == 0
    approve_request(rsvp=rsvp, actor=coordinator, at=minutes(1))
    approve_request(rsvp=rsvp, actor=coordinator, at=minutes(2))
    assert state(rsvp) == [("going", None)]
    assert mails_to(attendee.email) == ["applied", "going"]


def test_a_guest_confirms_first_and_is_decided_about_then(
    studio: Occurrence, coordinator: User
) -> None:
    rsvp = place_rsvp(occurrence=studio, person=ANA, at=NOW)
    assert (rsvp.status, rsvp.hold_expires_at) == ("pending", None)
    confirm_rsvp(rsvp=rsvp, at=minutes(1))
    assert state(rsvp) == [("applied", None)]
    assert mails_to(ANA.email) == ["confirm", "applied"]


def test_who_is_approved_when_it_is_full_waits_and_is_promoted_without_asking_again(
    studio: Occurrence, join: Join, coordinator: User
) -> None:
    first, second, third = (join(at=minutes(n)) for n in range(3))
    for rsvp in (first, second, third):
        approve_request(rsvp=rsvp, actor=coordinator, at=minutes(5))
    assert state(first, second, third) == [("going", None), ("going", None), ("waitlisted", 1)]
    leave(rsvp=first, at=minutes(6))
    assert state(third) == [("going", None)]


def test_a_refusal_is_told_kindly_and_is_not_asked_again(
    studio: Occurrence, attendee: User, coordinator: User
) -> None:
    rsvp = place_rsvp(occurrence=studio, person=attendee, at=NOW)
    refuse_request(rsvp=rsvp, actor=coordinator, at=minutes(1))
    assert state(rsvp) == [("declined", None)]
    assert mails_to(attendee.email) == ["applied", "refused"]
    with pytest.raises(RequestRefused):
        place_rsvp(occurrence=studio, person=attendee, at=minutes(2))
    approve_request(rsvp=rsvp, actor=coordinator, at=minutes(3))
    assert state(rsvp) == [("declined", None)]
    page = signed_in(attendee).get(rsvp.manage_path).text
    assert "Not possible this time" in page


def test_who_takes_their_request_back_may_ask_again(studio: Occurrence, attendee: User) -> None:
    rsvp = place_rsvp(occurrence=studio, person=attendee, at=NOW)
    leave(rsvp=rsvp, at=minutes(1))
    again = place_rsvp(occurrence=studio, person=attendee, at=minutes(2))
    assert state(rsvp, again) == [("left", None), ("applied", None)]


def test_staff_add_somebody_without_a_request(studio: Occurrence) -> None:
    assert state(add_rsvp(occurrence=studio, guest=BO, at=NOW)) == [("going", None)]


def test_requests_are_decided_on_the_page_of_people(
    studio: Occurrence, attendee: User, outsider: User, coordinator: User
) -> None:
    yes = place_rsvp(occurrence=studio, person=attendee, at=NOW)
    no = place_rsvp(occurrence=studio, person=outsider, at=NOW)
    (need,) = needs_you(coordinator, at=NOW)
    client = signed_in(coordinator)
    page = client.get(need.url)
    assert page.text.count("Say yes") == 2
    for rsvp, act in ((yes, "approve"), (no, "refuse")):
        path = reverse("events:staff-person", args=[studio.event.slug, rsvp.reference])
        client.post(path, {"act": act, "status": "applied"})
    assert state(yes, no) == [("going", None), ("declined", None)]
    assert needs_you(coordinator, at=NOW) == []
    page = client.get(f"/staff/events/{studio.event.slug}/people/?status=ended")
    assert "<span>Outsider" in page.text
    assert "<span>Attendee" not in page.text


def test_the_event_page_says_that_hosts_decide(studio: Occurrence, attendee: User) -> None:
    client = signed_in(attendee)
    assert "Ask to come" in client.get(studio.page_path).text
    client.post(f"/events/{studio.event.slug}/rsvp/", {"party_size": 1, "date": "2026-06-04"})
    assert "The hosts have your request" in client.get(studio.page_path).text
    assert "Asked to come" in client.get("/me/events/").text


# --- One's own list ------------------------------------------------------------------


def test_ones_own_list_shows_what_one_waits_for_and_what_ended(
    circle: Occurrence, join: Join, attendee: User
) -> None:
    join(2)
    waiting = place_rsvp(occurrence=circle, person=attendee, at=minutes(1))
    client = signed_in(attendee)
    assert "Waiting list: number 1" in client.get("/me/events/").text
    leave(rsvp=waiting, at=minutes(2))
    page = client.get("/me/events/").text
    assert "Not coming" in page
    assert "Left" in page
    place_rsvp(occurrence=circle, person=attendee, at=minutes(3))
    assert not ended_rsvps_of(attendee, at=minutes(3)).exists(), "another answer came after"


# --- Questions -----------------------------------------------------------------------


def ask(occurrence: Occurrence, **words: Any) -> Question:
    question: Question = Question.objects.create(event=occurrence.event, **words)
    return question


def test_questions_are_answered_with_the_yes(circle: Occurrence, attendee: User) -> None:
    food = ask(circle, text="What do you not eat?", is_care=True)
    bus = ask(circle, text="Which bus?", kind="choice", options=["North", "South"], days_kept=30)
    client = signed_in(attendee)
    page = client.get(circle.page_path).text
    assert "What do you not eat?" in page
    assert "Only the hosts see it. It is deleted 14 days after the date." in page
    answers = {f"question_{food.pk}": " Nuts ", f"question_{bus.pk}": "North"}
    path = f"/events/{circle.event.slug}/rsvp/"
    client.post(path, {"party_size": 1, "date": "2026-06-04", **answers})
    rsvp = Rsvp.objects.get()
    found = dict(rsvp.answers.values_list("question", "text"))
    assert found == {food.pk: "Nuts", bus.pk: "North"}
    changed = {f"question_{food.pk}": "", f"question_{bus.pk}": "South", "act": "answers"}
    client.post(rsvp.manage_path, changed)
    assert dict(rsvp.answers.values_list("question", "text")) == {bus.pk: "South"}


def test_what_must_be_answered_is_asked_for_again(circle: Occurrence, attendee: User) -> None:
    ask(circle, text="Which bus?", kind="choice", options=["North", "South"], is_required=True)
    page = signed_in(attendee).post(
        f"/events/{circle.event.slug}/rsvp/", {"party_size": 1, "date": "2026-06-04"}
    )
    assert "Choose one." in page.text
    assert Rsvp.objects.count() == 0


def test_an_answer_to_another_events_question_is_left_out(circle: Occurrence, join: Join) -> None:
    elsewhere = ask(OccurrenceFactory(), text="Not here")
    write_answers(rsvp=join(), answers={elsewhere.pk: "Hello"})
    assert Answer.objects.count() == 0


def test_only_hosts_see_answers_about_access_and_each_person_sees_who_looked(
    circle: Occurrence, join: Join, coordinator: User, admin_user: User
) -> None:
    care, other = ask(circle, text="Steps?", is_care=True), ask(circle, text="Song?")
    rsvp = join()
    write_answers(rsvp=rsvp, answers={care.pk: "No stairs", other.pk: "Blue"})
    path = f"/staff/events/{circle.event.slug}/answers/"
    host = signed_in(coordinator)
    assert "No stairs" not in host.get(path).text
    assert "Blue" in host.get(path).text
    assert AccessLook.objects.count() == 0
    assert "No stairs" in host.get(f"{path}?about=care").text
    look = AccessLook.objects.get()
    assert (look.actor, look.subject_user, look.what) == (
        coordinator,
        rsvp.user,
        "answers about access",
    )
    assert signed_in(admin_user).get(f"{path}?about=care").status_code == 404
    for page in ("people/", "door/?q=Person"):
        assert "No stairs" not in host.get(f"/staff/events/{circle.event.slug}/{page}").text


def test_answers_go_when_their_time_is_over_and_a_row_proves_it(
    circle: Occurrence, join: Join
) -> None:
    care, other = ask(circle, text="Steps?", is_care=True), ask(circle, text="?", days_kept=30)
    rsvp, leaver = join(), join()
    for one in (rsvp, leaver):
        write_answers(rsvp=one, answers={care.pk: "x", other.pk: "y"})
    leave(rsvp=leaver, at=minutes(1))
    assert purge_answers(at=minutes(2)).rows == 2, "who left leaves nothing behind"
    end = circle.ends_at
    assert purge_answers(at=end + dt.timedelta(days=14, seconds=-1)).rows == 0
    assert purge_answers(at=end + dt.timedelta(days=14)).rows == 1
    assert list(Answer.objects.values_list("text", flat=True)) == ["y"]
    assert purge_answers(at=end + dt.timedelta(days=30)).rows == 1
    assert Purge.objects.filter(what="event answers").count() == 4


def test_the_database_keeps_answers_about_health_short_and_choices_real(
    circle: Occurrence,
) -> None:
    for wrong in (
        {"is_care": True, "days_kept": 15},
        {"kind": "choice", "options": ["one"]},
        {"kind": "essay"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ask(circle, text="?", **wrong)


def test_a_coordinator_asks_and_stops_asking(circle: Occurrence, coordinator: User) -> None:
    client = signed_in(coordinator)
    path = f"/staff/events/{circle.event.slug}/questions/"
    data = {"text": "Steps?", "kind": "choice", "options": "One", "is_care": "on", "days_kept": 20}
    page = client.post(path, data)
    assert "Write at least two options" in page.text
    assert "14 days at most" in page.text
    client.post(path, {**data, "options": "None\nA few\n", "days_kept": 14})
    question = Question.objects.get()
    assert (question.options, question.is_care) == (["None", "A few"], True)
    client.post(path, {"drop": question.pk})
    question.refresh_from_db()
    assert not question.is_asked
    assert client.post(path, {"drop": "999"}).status_code == 404


# --- Giving one's place --------------------------------------------------------------


def test_a_place_goes_straight_to_somebody_else_past_the_queue(
    circle: Occurrence, join: Join
) -> None:
    giver, waiting = join(2), join(at=minutes(1))
    write_answers(rsvp=giver, answers={ask(circle, text="Steps?").pk: "Mine"})
    old_link, old_reference = giver.manage_path, giver.reference
    offered = give_place(rsvp=giver, to=BO, at=minutes(2))
    assert state(giver, waiting) == [("going", None), ("waitlisted", 1)]
    mail = Message.objects.get(to=BO.email)
    assert mail.subject == "Somebody gives you a place: Thu 4 June, 18:00"
    assert offered.heir_token in mail.text
    taken = take_given_place(rsvp=offered, person=None, language="es", at=minutes(3))
    assert (taken.name, taken.email, taken.party_size, taken.language) == ("Bo", BO.email, 2, "es")
    assert taken.reference != old_reference
    assert state(taken, waiting) == [("going", None), ("waitlisted", 1)]
    assert Seats.objects.get(pk=circle.pk).firm == 2
    assert not Answer.objects.exists(), "what the giver answered is not the other's"
    left = Rsvp.objects.get(reference=old_reference)
    assert (left.status, left.user, left.manage_path) == ("left", giver.user, old_link)
    assert mails_to(left.email) == ["going", "passed_on"]
    assert mails_to(BO.email) == ["given", "going"]


def test_a_place_in_an_overfull_room_can_still_be_given(circle: Occurrence, join: Join) -> None:
    giver = join(2)
    Occurrence.objects.filter(pk=circle.pk).update(capacity=1)
    offered = give_place(rsvp=giver, to=BO, at=minutes(1))
    assert take_given_place(rsvp=offered, person=None, language="en", at=minutes(2)).is_going
    assert Seats.objects.get(pk=circle.pk).firm == 2


def test_what_was_taken_back_cannot_be_taken(circle: Occurrence, join: Join) -> None:
    giver = join()
    offered = give_place(rsvp=giver, to=BO, at=minutes(1))
    link = reverse("events:given", args=[offered.heir_token])
    keep_place(rsvp=giver)
    with pytest.raises(CannotGive):
        take_given_place(rsvp=offered, person=None, language="en", at=minutes(2))
    assert Client().get(link).status_code == 404
    assert Client().post(link).status_code == 404
    assert state(giver) == [("going", None)]


def test_leaving_takes_back_what_was_given(join: Join) -> None:
    giver = join()
    offered = give_place(rsvp=giver, to=BO, at=minutes(1))
    leave(rsvp=giver, at=minutes(2))
    with pytest.raises(CannotGive):
        take_given_place(rsvp=offered, person=None, language="en", at=minutes(3))


def test_a_place_is_given_to_nobody_who_has_an_answer(circle: Occurrence, join: Join) -> None:
    giver, other = join(), join()
    with pytest.raises(HasAnswered):
        give_place(rsvp=giver, to=Guest("x", other.email), at=minutes(1))
    offered = give_place(rsvp=giver, to=BO, at=minutes(1))
    add_rsvp(occurrence=circle, guest=BO, at=minutes(2))
    with pytest.raises(HasAnswered):
        take_given_place(rsvp=offered, person=None, language="en", at=minutes(3))
    assert state(giver) == [("going", None)]


def test_where_hosts_decide_and_once_it_has_begun_no_place_is_given(
    studio: Occurrence, attendee: User, coordinator: User
) -> None:
    rsvp = place_rsvp(occurrence=studio, person=attendee, at=NOW)
    rsvp = approve_request(rsvp=rsvp, actor=coordinator, at=NOW)
    with pytest.raises(CannotGive):
        give_place(rsvp=rsvp, to=BO, at=minutes(1))
    publish(studio, needs_approval=False)
    with pytest.raises(CannotGive):
        give_place(rsvp=rsvp, to=BO, at=studio.starts_at)


def test_what_is_for_members_is_given_to_members_only(circle: Occurrence, join: Join) -> None:
    giver = join()
    publish(circle, visibility="ambassadors")
    offered = give_place(rsvp=giver, to=BO, at=minutes(1))
    for person in (None, UserFactory()):
        with pytest.raises(CannotGive):
            take_given_place(rsvp=offered, person=person, language="en", at=minutes(2))
    page = Client().get(reverse("events:given", args=[offered.heir_token])).text
    assert "It is for members" in page


def test_a_place_is_offered_to_five_people_at_most(join: Join) -> None:
    giver = join()
    for number in range(5):
        give_place(rsvp=giver, to=Guest("x", f"x{number}@example.org"), at=minutes(1))
    with pytest.raises(GivenTooOften):
        give_place(rsvp=giver, to=BO, at=minutes(2))


def test_addresses_of_who_did_not_take_a_place_are_forgotten(
    circle: Occurrence, join: Join
) -> None:
    give_place(rsvp=join(), to=BO, at=minutes(1))
    assert forget_heirs(at=minutes(2)) == 0
    assert forget_heirs(at=circle.starts_at) == 1
    assert not Rsvp.objects.exclude(heir_email="").exists()


# --- Who came is forgotten ----------------------------------------------------------------


def test_who_came_is_forgotten_after_two_years_and_how_many_came_is_kept(
    circle: Occurrence, join: Join, attendee: User, coordinator: User
) -> None:
    mine = place_rsvp(
        occurrence=circle, person=attendee, party_size=2, companions=["Kim Zq"], at=NOW
    )
    guest = join()
    check_in(rsvp=mine, people_count=2, actor=coordinator, at=circle.starts_at)
    regular = SeriesRsvp.objects.create(
        event=circle.event,
        guest_email="often@example.org",
        status="ended",
        reference="OFTEN1",
        placed_at=NOW,
        changed_at=NOW,
    )
    later = place_rsvp(
        occurrence=OccurrenceFactory(starts_at=circle.starts_at + dt.timedelta(days=1)),
        person=attendee,
        at=NOW,
    )
    seats = Seats.objects.get(pk=circle.pk).firm
    old_path = guest.manage_path
    over = circle.ends_at + dt.timedelta(days=730)

    assert forget_attendance(limit=10, at=over - dt.timedelta(seconds=1)) == 1, "who came often"
    assert not SeriesRsvp.objects.filter(pk=regular.pk).exists()
    assert forget_attendance(limit=1, at=over) == 1
    assert forget_attendance(limit=1, at=over) == 1
    assert forget_attendance(limit=1, at=over) == 0
    assert list(Purge.objects.order_by("pk").values_list("what", "rows")) == [
        ("attendance", 1),
        ("attendance", 1),
        ("attendance", 1),
        ("attendance", 0),
    ]
    for rsvp in (mine, guest):
        rsvp.refresh_from_db()
        assert (rsvp.user, rsvp.guest_name, rsvp.guest_email, rsvp.companions) == (None, "", "", [])
    assert state(mine, guest) == [("going", None), ("waitlisted", 1)]
    assert Seats.objects.get(pk=circle.pk).firm == seats == 2
    assert CheckIn.objects.get(rsvp=mine).people_count == 2
    assert Client().get(old_path).status_code == 404
    later.refresh_from_db()
    assert later.user == attendee
    page = signed_in(coordinator).get(
        f"/staff/events/{circle.event.slug}/people/?date={circle.page_day}"
    )
    assert "Name deleted" in page.text


def test_what_is_forgotten_names_nobody_whoever_writes_it(join: Join) -> None:
    with pytest.raises(IntegrityError, match="rsvp_forgotten_names_nobody"), transaction.atomic():
        Rsvp.objects.filter(pk=join().pk).update(forgotten_at=NOW)


def test_giving_and_taking_in_the_browser(circle: Occurrence, attendee: User) -> None:
    rsvp = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    client = signed_in(attendee)
    page = client.post(rsvp.manage_path, {"act": "give", "name": "Bo", "email": "no"})
    assert "Enter a valid email address" in page.text
    page = client.post(
        rsvp.manage_path, {"act": "give", "name": "Bo", "email": BO.email}, follow=True
    )
    assert "Until they say yes, the place is yours" in page.text
    rsvp.refresh_from_db()
    guest = Client()
    path = reverse("events:given", args=[rsvp.heir_token])
    assert "gives you their place" in guest.get(path).text
    assert state(rsvp) == [("going", None)]
    page = guest.post(path, follow=True)
    assert "You are going" in page.text
    assert "You have left" in client.get(rsvp.manage_path).text


# --- Who came before -----------------------------------------------------------------


def test_hosts_see_how_often_somebody_came_and_how_often_they_missed(
    coordinator: User, attendee: User
) -> None:
    def past(days: int, person: User, came: bool) -> None:
        starts_at = NOW - dt.timedelta(days=days)
        occurrence = OccurrenceFactory(starts_at=starts_at)
        somebody = RsvpFactory(occurrence=occurrence)
        rsvps = [somebody, RsvpFactory(occurrence=occurrence, user=person)]
        for rsvp in rsvps if came else rsvps[:1]:
            CheckIn.objects.create(
                rsvp=rsvp, people_count=1, checked_in_at=starts_at, checked_in_by=coordinator
            )

    past(10, attendee, came=True)
    past(20, attendee, came=True)
    past(30, attendee, came=False)
    past(800, attendee, came=False)
    RsvpFactory(user=attendee, occurrence__starts_at=NOW - dt.timedelta(days=5))
    coming = RsvpFactory(user=attendee, occurrence=OccurrenceFactory())
    assert turnouts([coming], coordinator, at=NOW) == {coming.pk: Turnout(came=2, missed=1)}
    page = signed_in(coordinator).get(f"/staff/events/{coming.occurrence.event.slug}/people/")
    assert "2 times" in page.text
    assert "1 missed" in page.text


def test_a_party_that_asked_may_change_before_the_hosts_answer(
    studio: Occurrence, attendee: User
) -> None:
    rsvp = place_rsvp(occurrence=studio, person=attendee, at=NOW)
    change_party(rsvp=rsvp, party_size=2, companions=["Cy"], at=minutes(1))
    rsvp.refresh_from_db()
    assert (rsvp.party_size, rsvp.companions, rsvp.status) == (2, ["Cy"], "applied")


def test_the_database_refuses_a_refusal_that_stands_and_a_gift_without_a_place(
    circle: Occurrence,
) -> None:
    for wrong in ({"is_approved": False}, {"status": "left", "heir_email": "x@example.org"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            RsvpFactory(occurrence=circle, **wrong)


def test_the_page_of_people_asks_the_same_for_one_row_and_for_three(
    coordinator: User, circle: Occurrence
) -> None:
    Occurrence.objects.filter(pk=circle.pk).update(capacity=9)
    client = signed_in(coordinator)
    client.get(f"/staff/events/{circle.event.slug}/people/")
    counts = []
    for _ in range(3):
        RsvpFactory(occurrence=circle)
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/staff/events/{circle.event.slug}/people/")
        counts.append(len(captured))
    assert counts[0] == counts[2]


# --- A file of the people ------------------------------------------------------------------


def test_people_are_taken_as_a_file_by_who_proves_again_who_they_are(
    circle: Occurrence, coordinator: User
) -> None:
    plain = Question.objects.create(event=circle.event, text="Instrument?")
    care = Question.objects.create(event=circle.event, text="Steps?", is_care=True)
    going = RsvpFactory(occurrence=circle, user__name="=Ada", companions=["Bo"], party_size=2)
    for question, said in ((plain, "Oboe"), (care, "No stairs")):
        Answer.objects.create(rsvp=going, question=question, text=said)
    CheckIn.objects.create(rsvp=going, people_count=2, checked_in_at=NOW, checked_in_by=coordinator)
    RsvpFactory(occurrence=circle, status="pending", user=None, guest_email="x@example.org")
    RsvpFactory(occurrence=OccurrenceFactory())
    client, path = signed_in(coordinator), f"/staff/events/{circle.event.slug}/people/export/"
    asked = client.post(path, {"date": circle.page_day})
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert not AuditEntry.objects.filter(verb="event.people_exported").exists()
    client.post(reverse("account_reauthenticate"), {"password": "greenroom-test"})
    answer = client.post(path, {"date": circle.page_day})
    assert answer["Content-Disposition"] == 'attachment; filename="people-2026-06-04.csv"'
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert header[-2:] == ["came", "Instrument?"]
    assert row[:6] == [going.reference, "'=Ada", going.email, "2", "Bo", "going"]
    assert row[-2:] == ["2", "Oboe"]
    assert "No stairs" not in answer.content.decode()
    assert AuditEntry.objects.filter(verb="event.people_exported").count() == 1
    history = client.get(f"/staff/events/{circle.event.slug}/history/").text
    assert "People taken as a file" in history


def test_the_file_of_people_asks_as_much_for_three_as_for_one(
    circle: Occurrence, coordinator: User
) -> None:
    client, path = signed_in(coordinator), f"/staff/events/{circle.event.slug}/people/export/"
    client.post(reverse("account_reauthenticate"), {"password": "greenroom-test"})
    Occurrence.objects.update(capacity=9)
    circle.refresh_from_db()

    def count() -> int:
        RsvpFactory(occurrence=circle)
        with CaptureQueriesContext(connection) as captured:
            assert client.post(path, {"date": circle.page_day}).status_code == 200
        return len(captured)

    count()
    assert count() == count() == count()
