"""Reminders, what hosts write to people, and how it was."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from events.models import CheckIn, Event, Mailing, Note, Occurrence, Rsvp, SurveyAnswer
from events.services.check_ins import check_in
from events.services.events import DatePlan, edit_event
from events.services.mailings import (
    answer_survey,
    send_notes,
    send_reminders,
    send_surveys,
    write_note,
)
from notifications.models import Message
from reports.queries import survey_results
from tests.conftest import NOW
from tests.events.conftest import minutes, publish
from tests.events.test_pages import signed_in
from tests.events.test_rsvps import Join, mails_to
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = pytest.mark.django_db


def hours_before(occurrence: Occurrence, hours: float) -> dt.datetime:
    return occurrence.starts_at - dt.timedelta(hours=hours)


# --- Reminders ------------------------------------------------------------------------


def test_people_are_reminded_a_day_and_two_hours_before_once_each(
    circle: Occurrence, join: Join
) -> None:
    rsvp = join()
    assert send_reminders(at=hours_before(circle, 24.01)) == 0
    for _ in range(2):
        send_reminders(at=hours_before(circle, 24))
    send_reminders(at=hours_before(circle, 12))
    for _ in range(2):
        send_reminders(at=hours_before(circle, 2))
    send_reminders(at=circle.starts_at)
    assert mails_to(rsvp.email) == ["going", "reminder", "reminder"]


def test_a_reminder_is_in_the_persons_language_and_zone_and_its_subject_is_neutral(
    circle: Occurrence,
) -> None:
    user = UserFactory(time_zone="America/New_York")
    RsvpFactory(occurrence=circle, user=user, language="es")
    send_reminders(at=hours_before(circle, 24))
    message = Message.objects.get()
    assert message.subject == "Se acerca: jue 4 de junio, 18:00"
    assert "12:00–13:30 (tu hora)" in message.text
    assert circle.event.title not in message.subject


def test_only_who_is_going_is_reminded_and_only_of_what_takes_place(
    circle: Occurrence, join: Join
) -> None:
    join(2)
    waiting = join()
    cancelled = RsvpFactory(occurrence=OccurrenceFactory(cancelled_at=NOW))
    assert send_reminders(at=hours_before(circle, 24)) == 1
    assert mails_to(waiting.email) == ["waitlisted"]
    assert mails_to(cancelled.email) == []


def test_who_said_yes_after_a_reminder_was_due_is_reminded_by_the_next_only(
    circle: Occurrence, join: Join
) -> None:
    late = join(at=hours_before(circle, 20))
    assert send_reminders(at=hours_before(circle, 19)) == 0
    assert send_reminders(at=hours_before(circle, 2)) == 1
    assert mails_to(late.email) == ["going", "reminder"]


def test_a_worker_that_was_away_sends_the_last_reminder_alone(
    circle: Occurrence, join: Join
) -> None:
    rsvp = join()
    assert send_reminders(at=hours_before(circle, 1.5)) == 1
    assert mails_to(rsvp.email) == ["going", "reminder"]


def test_a_reminder_moves_with_its_date(circle: Occurrence, join: Join, coordinator: User) -> None:
    def move(by: dt.timedelta) -> None:
        circle.refresh_from_db()
        event = Event.objects.get(pk=circle.event_id)
        plan = DatePlan(circle.starts_at + by, circle.ends_at + by, circle.capacity, circle.pk)
        edit_event(
            event=event, version=event.version, words={}, dates=[plan], actor=coordinator, at=NOW
        )
        circle.refresh_from_db()

    rsvp = join()
    move(dt.timedelta(days=2))
    assert send_reminders(at=hours_before(circle, 48)) == 0, "the old time means nothing"
    Rsvp.objects.update(changed_at=NOW)
    assert send_reminders(at=hours_before(circle, 24)) == 1
    move(dt.timedelta(minutes=30))
    assert send_reminders(at=hours_before(circle, 23)) == 0, "the same day is one reminder"
    move(dt.timedelta(days=3))
    assert send_reminders(at=hours_before(circle, 24)) == 1, "another day is another"
    assert mails_to(rsvp.email).count("reminder") == 2


def test_an_event_may_remind_otherwise_or_not_at_all(circle: Occurrence, join: Join) -> None:
    join()
    publish(circle, reminder_hours=[])
    assert send_reminders(at=hours_before(circle, 1)) == 0
    publish(circle, reminder_hours=[48])
    Rsvp.objects.update(changed_at=hours_before(circle, 60))
    assert send_reminders(at=hours_before(circle, 26)) == 1


def test_a_run_that_died_is_continued_and_nobody_is_told_twice(
    circle: Occurrence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.services.mailings.BATCH", 2)
    Occurrence.objects.filter(pk=circle.pk).update(capacity=None)
    RsvpFactory.create_batch(5, occurrence=circle)
    at = hours_before(circle, 24)
    with CaptureQueriesContext(connection) as captured:
        assert send_reminders(at=at) == 5
    inserts = [query for query in captured if "INSERT INTO" in query["sql"]]
    assert len(inserts) == 4, "a batch of two is one statement; one row says that it is done"
    # As after a crash: some have theirs, and nothing says that it was finished.
    Mailing.objects.all().delete()
    Message.objects.order_by("pk").last().delete()  # type: ignore[union-attr]  # there are five
    assert send_reminders(at=at) == 1
    assert Message.objects.count() == 5
    assert send_reminders(at=at) == 0


# --- Notes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "people"),
    [
        (["going"], {"going", "came"}),
        (["waiting"], {"waiting"}),
        (["came"], {"came"}),
        (["missed"], {"going"}),
        (["applied", "waiting", "came"], {"applied", "waiting", "came"}),
    ],
)
def test_a_note_goes_to_people_by_what_became_of_their_answer(
    circle: Occurrence, coordinator: User, to: list[str], people: set[str]
) -> None:
    def somebody(name: str, **fields: Any) -> Rsvp:
        rsvp: Rsvp = RsvpFactory(occurrence=circle, user__email=f"{name}@example.org", **fields)
        return rsvp

    Occurrence.objects.filter(pk=circle.pk).update(capacity=9)
    somebody("going")
    check_in(rsvp=somebody("came"), people_count=1, actor=coordinator, at=NOW)
    somebody("waiting", status="waitlisted", queued_at=NOW)
    somebody("applied", status="applied")
    somebody("left", status="left")
    note = write_note(occurrence=circle, to=to, text="Bring socks.", actor=coordinator, at=NOW)
    send_notes(at=NOW)
    send_notes(at=minutes(1))
    told = Message.objects.values_list("to", flat=True)
    assert set(told) == {f"{name}@example.org" for name in people}
    assert len(told) == len(people)
    note.refresh_from_db()
    assert (note.sent_count, note.finished_at) == (len(people), NOW)
    message = Message.objects.first()
    assert message is not None
    assert message.subject == "About your date: Thu 4 June, 18:00"
    assert "Bring socks." in message.text


def test_hosts_write_on_a_page_that_says_how_many_there_are(
    circle: Occurrence, coordinator: User, join: Join, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    join()
    with time_machine.travel(NOW, tick=False):
        client = signed_in(coordinator)
        path = f"/staff/events/{circle.event.slug}/message/"
        assert "Who is going (1)" in client.get(path).text
        assert "Choose at least one." in client.post(path, {"text": "Hello"}).text
        page = client.post(path, {"to": ["going"], "text": "Hello <b>"}, follow=True).text
        assert "on its way" in page
        assert "Hello &lt;b&gt;" in page
        send_notes(at=NOW)
        assert "1 mail" in client.get(path).text
    assert Note.objects.get().written_by == coordinator


# --- How it was -----------------------------------------------------------------------


@pytest.fixture
def past(db: None, coordinator: User) -> Rsvp:
    """Somebody who was checked in yesterday, at an event that asks about health too."""
    occurrence = OccurrenceFactory(starts_at=NOW - dt.timedelta(hours=20), event__survey="health")
    rsvp: Rsvp = RsvpFactory(occurrence=occurrence)
    check_in(rsvp=rsvp, people_count=1, actor=coordinator, at=occurrence.starts_at)
    return rsvp


WORDS = {"liked": 5, "welcome": 4, "again": True, "helped": 3}


def test_only_those_who_came_are_asked_once(past: Rsvp) -> None:
    missed = RsvpFactory(occurrence=past.occurrence)
    ends_at = past.occurrence.ends_at
    assert send_surveys(at=ends_at + dt.timedelta(minutes=119)) == 0
    assert send_surveys(at=ends_at + dt.timedelta(hours=2)) == 1
    assert send_surveys(at=NOW) == 0
    assert (mails_to(past.email), mails_to(missed.email)) == (["survey"], [])


def test_an_answer_is_given_once_and_is_nobodys(past: Rsvp, client: Client) -> None:
    path = f"/rsvp/survey/{past.token}/"
    with time_machine.travel(NOW, tick=False):
        assert "I feel better able" in client.get(path).text
        said = {"liked": 5, "welcome": 4, "again": "yes", "helped": 3}
        assert "Choose one." in client.post(path, {"liked": 9}).text
        assert "Thank you" in client.post(path, said).text
        assert "Nothing to answer here" in client.post(path, said).text
    answer = SurveyAnswer.objects.get()
    assert (answer.liked, answer.welcome, answer.again, answer.helped) == (5, 4, True, 3)
    assert CheckIn.objects.get().has_answered
    names = {field.name for field in SurveyAnswer._meta.get_fields()}
    assert names == {"id", "occurrence", "liked", "welcome", "again", "helped"}


def test_who_did_not_come_and_who_comes_too_late_answers_nothing(past: Rsvp) -> None:
    missed = RsvpFactory(occurrence=past.occurrence)
    late = past.occurrence.ends_at + dt.timedelta(days=7)
    assert not answer_survey(rsvp=missed, words=WORDS, at=NOW)
    assert not answer_survey(rsvp=past, words=WORDS, at=late)
    assert not answer_survey(rsvp=past, words=WORDS, at=past.occurrence.starts_at)
    assert SurveyAnswer.objects.count() == 0


def say(occurrence: Occurrence, people: int, **words: Any) -> None:
    SurveyAnswer.objects.bulk_create(
        SurveyAnswer(occurrence=occurrence, **{**WORDS, **words}) for _ in range(people)
    )


def test_results_are_together_after_a_week_and_never_of_fewer_than_eleven(
    past: Rsvp, coordinator: User
) -> None:
    occurrence = past.occurrence
    for rsvp in RsvpFactory.create_batch(39, occurrence=occurrence):
        check_in(rsvp=rsvp, people_count=1, actor=coordinator, at=NOW)
    say(occurrence, 12, liked=5, helped=5)
    say(occurrence, 18, liked=1, again=False, helped=1)
    assert survey_results(occurrence, at=NOW) is None
    results = survey_results(occurrence, at=NOW + dt.timedelta(days=7))
    assert results is not None
    shown = {one.question: (one.positive.value, one.answered.value) for one in results}
    assert shown == {
        "liked": (10, 30),
        "welcome": (30, 30),
        "again": (10, 30),
        "helped": (10, 30),
    }


def test_about_health_nearly_everybody_is_as_withheld_as_nearly_nobody(
    past: Rsvp, coordinator: User
) -> None:
    occurrence = past.occurrence
    for rsvp in RsvpFactory.create_batch(24, occurrence=occurrence):
        check_in(rsvp=rsvp, people_count=1, actor=coordinator, at=NOW)
    say(occurrence, 22, helped=5)
    say(occurrence, 3, helped=1, liked=1)
    results = survey_results(occurrence, at=NOW + dt.timedelta(days=7))
    assert results is not None
    shown = {one.question: one.positive.value for one in results}
    assert shown == {"liked": 20, "welcome": 25, "again": 25, "helped": None}
    SurveyAnswer.objects.all().delete()
    say(occurrence, 10)
    few = survey_results(occurrence, at=NOW + dt.timedelta(days=7))
    assert few is not None
    assert all(one.positive.is_withheld and one.answered.is_withheld for one in few)


def test_the_coordinator_reads_results_on_a_page(
    past: Rsvp, coordinator: User, outsider: User, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    path = f"/staff/events/{past.occurrence.event.slug}/survey/"
    say(past.occurrence, 3)
    with time_machine.travel(NOW, tick=False):
        assert "Not yet" in signed_in(coordinator).get(path).text
        assert signed_in(outsider).get(path).status_code == 404
    with time_machine.travel(NOW + dt.timedelta(days=8), tick=False):
        page = signed_in(coordinator).get(path).text
    assert page.count("withheld</span>") == 8


def test_the_database_keeps_answers_between_one_and_five(past: Rsvp) -> None:
    for wrong in ({"liked": 0}, {"welcome": 6}, {"helped": 9}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SurveyAnswer.objects.create(occurrence=past.occurrence, **{**WORDS, **wrong})
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.update(survey="essay")
