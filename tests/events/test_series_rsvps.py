"""Coming every time: to all dates, to all but some, and to dates that are made later."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from events.errors import NoLongerComing, NotASeries, PartyTooLarge, SeriesRefused
from events.models import (
    Answer,
    Event,
    Occurrence,
    Question,
    Rsvp,
    Seats,
    Series,
    SeriesAnswer,
    SeriesRsvp,
    new_rsvp_reference,
)
from events.queries import needs_you, queue_position, seats_that_disagree
from events.services.answers import (
    purge_answers,
    stop_asking,
    write_answers,
    write_series_answers,
)
from events.services.hosts import accept_host, ask_host
from events.services.payments import settle_due, start_payment
from events.services.rsvps import leave, place_rsvp
from events.services.series import extend_series, start_series
from events.services.series_rsvps import (
    approve_series_request,
    come_after_all,
    confirm_series_rsvp,
    drop_unconfirmed_series,
    end_series_rsvp,
    join_due,
    place_series_rsvp,
    refuse_series_request,
)
from events.tasks import join_regulars
from notifications.models import Message
from payments.models import Charge
from payments.services.charges import record_session
from payments.services.refunds import left_of
from tests.conftest import NOW, make_user
from tests.events.conftest import ANA, minutes, publish, write_mails
from tests.events.test_pages import signed_in
from tests.events.test_series import weekly
from tests.factories import EnrolmentFactory, EventFactory, RsvpFactory, UserFactory
from tests.processor import session_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(coordinator: User) -> Series:
    """Every Thursday without end, ten places, each may bring one."""
    event = EventFactory(slug="circle", max_plus_ones=1)
    plan = weekly(capacity=10)
    return start_series(event=event, version=1, plan=plan, actor=coordinator, at=NOW)


@pytest.fixture
def event(series: Series) -> Event:
    return Event.objects.get(pk=series.event_id)


def statuses(event: Event, **person: Any) -> list[str]:
    """The answers of one person, in order of the dates."""
    rsvps = Rsvp.objects.filter(occurrence__event=event, **person).order_by("occurrence__starts_at")
    return list(rsvps.values_list("status", flat=True))


def dates(event: Event) -> list[Occurrence]:
    return list(event.occurrences.order_by("starts_at"))


def test_one_yes_is_a_place_on_every_date_and_one_mail(event: Event) -> None:
    person = UserFactory()
    place_series_rsvp(event=event, person=person, party_size=2, at=NOW)
    assert statuses(event, user=person) == ["going"] * 26
    assert {date.seats.firm for date in dates(event)} == {2}
    (mail,) = Message.objects.filter(to=person.email)
    assert mail.subject == "Your dates: Thu 4 June, 18:00 and every date after"
    assert mail.text.count("18:00–19:30") == 26
    assert mail.files[0].content_type == "text/calendar; method=REQUEST"


def test_saying_it_again_changes_nothing(event: Event) -> None:
    person = UserFactory()
    first = place_series_rsvp(event=event, person=person, at=NOW)
    again = place_series_rsvp(event=event, person=person, at=minutes(1))
    assert first.pk == again.pk
    assert len(statuses(event, user=person)) == 26
    assert Message.objects.filter(to=person.email).count() == 1


def test_dates_left_out_are_not_joined_now_or_later(event: Event) -> None:
    person = UserFactory()
    second = dates(event)[1]
    place_series_rsvp(event=event, person=person, left_out=[second.pk], at=NOW)
    assert len(statuses(event, user=person)) == 25
    assert not Rsvp.objects.filter(user=person, occurrence=second).exists()
    assert join_due(event=event, at=minutes(1)) == 0


def test_later_dates_join_by_themselves_before_anybody_else(event: Event, series: Series) -> None:
    Series.objects.update(capacity=1)
    first, second = UserFactory(), UserFactory()
    place_series_rsvp(event=event, person=first, at=NOW)
    place_series_rsvp(event=event, person=second, at=minutes(1))
    Message.objects.all().delete()
    (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    answers = {rsvp.user: rsvp.status for rsvp in made.rsvps.select_related("user")}
    assert answers == {first: "going", second: "waitlisted"}
    # A place needs no mail of its own; a full date does.
    write_mails()
    assert list(Message.objects.values_list("to", flat=True)) == [second.email]


def test_a_full_date_is_a_turn_in_its_queue_and_the_mail_says_so(event: Event) -> None:
    full = dates(event)[1]
    Occurrence.objects.filter(pk=full.pk).update(capacity=0)
    person = UserFactory()
    place_series_rsvp(event=event, person=person, at=NOW)
    assert statuses(event, user=person)[:3] == ["going", "waitlisted", "going"]
    mail = Message.objects.get(to=person.email)
    assert "These are full" in mail.text


def test_a_date_that_was_left_is_not_joined_again(event: Event) -> None:
    person = UserFactory()
    place_series_rsvp(event=event, person=person, at=NOW)
    leave(rsvp=Rsvp.objects.get(user=person, occurrence=dates(event)[2]), at=minutes(1))
    assert join_due(event=event, at=minutes(2)) == 0
    assert statuses(event, user=person)[:4] == ["going", "going", "left", "going"]


def test_an_answer_given_before_stays_as_it_was(event: Event) -> None:
    person = UserFactory()
    place_rsvp(occurrence=dates(event)[0], person=person, party_size=2, at=NOW)
    place_series_rsvp(event=event, person=person, at=minutes(1))
    sizes = Rsvp.objects.filter(user=person).order_by("occurrence__starts_at")
    assert list(sizes.values_list("party_size", flat=True)[:2]) == [2, 1]


def test_ending_it_gives_every_place_back_in_one_mail(event: Event) -> None:
    person = UserFactory()
    series_rsvp = place_series_rsvp(event=event, person=person, at=NOW)
    Message.objects.all().delete()
    end_series_rsvp(series_rsvp=series_rsvp, at=minutes(1))
    end_series_rsvp(series_rsvp=series_rsvp, at=minutes(2))
    assert set(statuses(event, user=person)) == {"left"}
    assert {date.seats.firm for date in dates(event)} == {0}
    assert Message.objects.get().subject == "You have left: Thu 4 June, 18:00 and every date after"
    assert join_due(event=event, at=minutes(3)) == 0


def test_leaving_many_dates_asks_as_much_as_leaving_two(event: Event) -> None:
    def statements() -> int:
        mine = place_series_rsvp(event=event, person=UserFactory(), at=NOW)
        with CaptureQueriesContext(connection) as asked:
            end_series_rsvp(series_rsvp=mine, at=minutes(1))
        return len(asked)

    many = statements()
    Occurrence.objects.filter(pk__in=[date.pk for date in dates(event)[2:]]).update(
        starts_at=NOW - dt.timedelta(days=1)
    )
    assert statements() == many


def test_who_paid_for_a_date_by_itself_is_given_it_back_with_all_others(event: Event) -> None:
    """A price came later: who came to all dates before it, and paid for one since."""
    person = UserFactory()
    first, second = dates(event)[:2]
    mine = place_series_rsvp(event=event, person=person, left_out=[first.pk, second.pk], at=NOW)
    publish(first, price_kind="fixed", currency="GBP", price_minor=1200, refund_hours=24)
    second.event = first.event
    charges = [paid_for(date, person) for date in (first, second)]
    end_series_rsvp(series_rsvp=mine, at=first.starts_at - dt.timedelta(hours=1))
    assert [left_of(one) for one in charges] == [1200, 0], "for the first it is too late"
    assert set(statuses(event, user=person)) == {"left"}


def paid_for(date: Occurrence, person: User) -> Charge:
    charge = start_payment(rsvp=place_rsvp(occurrence=date, person=person, at=NOW), at=NOW)
    assert charge is not None
    record_session(session=session_of(charge), at=NOW)
    settle_due(at=NOW)
    charge.refresh_from_db()
    return charge


def test_a_guest_confirms_by_mail_and_nothing_is_held_before(event: Event) -> None:
    series_rsvp = place_series_rsvp(event=event, person=ANA, at=NOW)
    assert statuses(event, guest_email=ANA.email) == []
    assert Message.objects.get().subject.startswith("Please confirm: Thu 4 June")
    confirm_series_rsvp(series_rsvp=series_rsvp, at=minutes(5))
    confirm_series_rsvp(series_rsvp=series_rsvp, at=minutes(6))
    assert statuses(event, guest_email=ANA.email) == ["going"] * 26
    assert Message.objects.count() == 2
    end_series_rsvp(series_rsvp=series_rsvp, at=minutes(7))
    with pytest.raises(NoLongerComing):
        confirm_series_rsvp(series_rsvp=series_rsvp, at=minutes(8))


def test_a_guest_who_asks_again_has_the_link_again_but_not_at_once(event: Event) -> None:
    for at in (NOW, minutes(0.5), minutes(2)):
        place_series_rsvp(event=event, person=ANA, at=at)
    assert Message.objects.filter(to=ANA.email).count() == 2
    assert SeriesRsvp.objects.count() == 1


def test_what_nobody_confirmed_is_forgotten(event: Event) -> None:
    place_series_rsvp(event=event, person=ANA, at=NOW)
    assert drop_unconfirmed_series(before=NOW) == 0
    assert drop_unconfirmed_series(before=minutes(1)) == 1


def test_only_what_comes_back_can_be_come_to_every_time(event: Event) -> None:
    with pytest.raises(NotASeries):
        place_series_rsvp(event=EventFactory(), person=UserFactory(), at=NOW)
    with pytest.raises(PartyTooLarge):
        place_series_rsvp(event=event, person=UserFactory(), party_size=3, at=NOW)
    assert not SeriesRsvp.objects.exists()


def test_nobody_joins_later_dates_once_hosts_decide(
    event: Event, series: Series, coordinator: User
) -> None:
    person = UserFactory()
    place_series_rsvp(event=event, person=person, at=NOW)
    Event.objects.filter(pk=event.pk).update(needs_approval=True)
    (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    assert not made.rsvps.exists()
    # They are among those the hosts have to answer, and a yes brings them to the later date.
    (undecided,) = SeriesRsvp.objects.undecided()
    approve_series_request(series_rsvp=undecided, actor=coordinator, at=NOW + dt.timedelta(days=7))
    assert [(rsvp.user, rsvp.status) for rsvp in made.rsvps.all()] == [(person, "going")]


def test_who_may_no_longer_see_the_event_joins_no_more(event: Event, series: Series) -> None:
    stays, goes = EnrolmentFactory(), EnrolmentFactory()
    Event.objects.filter(pk=event.pk).update(visibility="ambassadors")
    event.refresh_from_db()
    for enrolment in (stays, goes):
        place_series_rsvp(event=event, person=enrolment.user, at=NOW)
    goes.status = "alumni"
    goes.save(update_fields=["status"])
    (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    assert [rsvp.user for rsvp in made.rsvps.all()] == [stays.user]


def test_what_a_crash_left_is_joined_and_told_by_the_schedule(event: Event) -> None:
    person = UserFactory()
    SeriesRsvp.objects.create(
        event=event,
        user=person,
        status="active",
        reference=new_rsvp_reference(),
        placed_at=NOW,
        changed_at=NOW,
    )
    with time_machine.travel(NOW, tick=False):
        assert join_regulars() == 26
        assert join_regulars() == 0
    assert Message.objects.filter(to=person.email).count() == 1


# --- Where hosts decide, and where something is asked -----------------------------------


@pytest.fixture
def decided(event: Event, settings: Any) -> Event:
    """The same circle, where hosts decide who comes."""
    settings.REQUIRE_MFA = False
    Event.objects.filter(pk=event.pk).update(needs_approval=True)
    event.refresh_from_db()
    return event


def test_one_request_and_one_yes_stand_for_every_date_and_later_ones(
    decided: Event, series: Series, coordinator: User
) -> None:
    person = UserFactory()
    request = place_series_rsvp(event=decided, person=person, at=NOW)
    assert (request.status, statuses(decided, user=person)) == ("applied", [])
    assert Message.objects.get().subject == "Your request: Thu 4 June, 18:00 and every date after"
    assert join_due(event=decided, at=NOW) == 0, "nothing is taken before the hosts answer"
    for minute in (1, 2):
        approve_series_request(series_rsvp=request, actor=coordinator, at=minutes(minute))
    assert statuses(decided, user=person) == ["going"] * 26
    assert AuditEntry.objects.filter(verb="series_rsvp.approved").count() == 1
    told = Message.objects.filter(key__contains=":series_going").get()
    assert told.text.count("18:00–19:30") == 26
    (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    assert [rsvp.status for rsvp in made.rsvps.all()] == ["going"]


def test_a_no_to_every_date_takes_nothing_and_leaves_single_dates_open(
    decided: Event, coordinator: User
) -> None:
    request = place_series_rsvp(event=decided, person=ANA, at=NOW)
    request = confirm_series_rsvp(series_rsvp=request, at=minutes(1))
    assert request.status == "applied"
    for minute in (2, 3):
        refuse_series_request(series_rsvp=request, actor=coordinator, at=minutes(minute))
    assert statuses(decided) == []
    mails = Message.objects.filter(to=ANA.email).order_by("pk")
    assert [mail.key.split(":")[2] for mail in mails] == [
        "series_confirm",
        "series_applied",
        "series_refused",
    ]
    assert mails[2].subject == "Not possible: Thu 4 June, 18:00 and every date after"
    with pytest.raises(SeriesRefused):
        place_series_rsvp(event=decided, person=ANA, at=minutes(4))
    approve_series_request(series_rsvp=request, actor=coordinator, at=minutes(5))
    assert SeriesRsvp.objects.get().status == "refused", "a no is not turned round by a late press"
    single = place_rsvp(occurrence=dates(decided)[0], person=ANA, is_vouched=True, at=minutes(6))
    assert single.status == "applied"


def test_a_request_can_be_taken_back_and_made_again(decided: Event, coordinator: User) -> None:
    person = UserFactory()
    request = place_series_rsvp(event=decided, person=person, at=NOW)
    end_series_rsvp(series_rsvp=request, at=minutes(1))
    approve_series_request(series_rsvp=request, actor=coordinator, at=minutes(2))
    assert statuses(decided, user=person) == []
    assert place_series_rsvp(event=decided, person=person, at=minutes(3)).status == "applied"


def test_what_is_answered_once_goes_with_every_date_and_goes_when_its_time_is_over(
    event: Event, series: Series
) -> None:
    steps = Question.objects.create(event=event, text="Steps?", is_care=True)
    song = Question.objects.create(event=event, text="Song?", days_kept=30)
    person = UserFactory()
    mine = place_series_rsvp(
        event=event, person=person, answers={steps.pk: "No stairs", song.pk: " Blue "}, at=NOW
    )
    given = Answer.objects.values_list("rsvp__occurrence", "question", "text")
    everywhere = {
        (date.pk, question.pk, text)
        for date in dates(event)
        for question, text in ((steps, "No stairs"), (song, "Blue"))
    }
    assert set(given) == everywhere
    # Changed for all dates to come; one date alone is changed on its own page.
    first, second = Rsvp.objects.order_by("occurrence__starts_at")[:2]
    write_answers(rsvp=second, answers={song.pk: "Green"})
    assert first.answers.get(question=song).text == "Blue"
    after_first = dates(event)[0].ends_at + dt.timedelta(hours=1)
    write_series_answers(
        series_rsvp=mine, answers={song.pk: "Red", steps.pk: "No stairs"}, at=after_first
    )
    assert first.answers.get(question=song).text == "Blue", "what has been stays as it was"
    assert second.answers.get(question=song).text == "Red"
    stop_asking(question=song, actor=person, at=after_first)
    (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    assert [answer.text for answer in made.rsvps.get().answers.all()] == ["No stairs"]
    # Each copy has the time of its own date; what nobody asks any more is kept for no later one.
    assert purge_answers(at=dates(event)[0].ends_at + dt.timedelta(days=14)).rows == 2
    assert [one.text for one in SeriesAnswer.objects.all()] == ["No stairs"]
    end_series_rsvp(series_rsvp=mine, at=NOW + dt.timedelta(days=15))
    purge_answers(at=NOW + dt.timedelta(days=15))
    assert not SeriesAnswer.objects.exists()
    assert not Answer.objects.filter(rsvp__status="left").exists()


def test_answers_for_all_dates_go_after_the_last_one(event: Event) -> None:
    steps = Question.objects.create(event=event, text="Steps?", is_care=True)
    place_series_rsvp(event=event, person=UserFactory(), answers={steps.pk: "No"}, at=NOW)
    over = dates(event)[-1].ends_at + dt.timedelta(days=14)
    assert not SeriesAnswer.objects.due_for_purge(at=over - dt.timedelta(seconds=1)).exists()
    assert SeriesAnswer.objects.due_for_purge(at=over).exists()


def test_coming_back_to_a_date_needs_no_second_yes_of_the_hosts(
    decided: Event, coordinator: User
) -> None:
    person = UserFactory()
    mine = place_series_rsvp(event=decided, person=person, at=NOW)
    mine = approve_series_request(series_rsvp=mine, actor=coordinator, at=minutes(1))
    date = dates(decided)[0]
    leave(rsvp=Rsvp.objects.get(user=person, occurrence=date), at=minutes(2))
    for minute in (3, 4):
        come_after_all(series_rsvp=mine, occurrence=date, at=minutes(minute))
    rows = Rsvp.objects.filter(user=person, occurrence=date).order_by("pk")
    assert [(row.status, row.uid_generation) for row in rows] == [("left", 0), ("going", 1)]
    assert Message.objects.filter(key=f"rsvp:{rows[1].reference}:going").count() == 1


def test_a_host_decides_about_every_time_and_sees_no_address(
    decided: Event, coordinator: User, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    artist, nameless = make_user("artist"), UserFactory(name="")
    asked = ask_host(event=decided, email=artist.email, level="host", by=coordinator, at=NOW)
    accept_host(host=asked, person=artist, name="Artist", is_shown=True, at=NOW)
    decided.refresh_from_db()
    mine = place_series_rsvp(event=decided, person=nameless, at=NOW)
    client = signed_in(artist)
    with time_machine.travel(NOW, tick=False):
        (need,) = needs_you(artist, at=NOW)
        assert need.url == "/staff/events/circle/regulars/"
        assert "1 asks to come every time" in client.get("/me/hosting/circle/").text
        assert "1 request waits" in client.get("/me/hosting/").text
        page = client.get(need.url).text
        assert "No name given" in page
        assert nameless.email not in page
        said = client.post(need.url, {"act": "approve", "on": mine.reference}, follow=True).text
        assert "No name given comes every time." in said
        assert nameless.email not in said
    assert statuses(decided, user=nameless) == ["going"] * 26
    entry = AuditEntry.objects.get(verb="series_rsvp.approved")
    assert entry.actor == artist


def test_hosts_decide_on_one_page_and_are_told_that_somebody_waits(
    decided: Event, coordinator: User, outsider: User
) -> None:
    question = Question.objects.create(event=decided, text="Instrument?")
    care = Question.objects.create(event=decided, text="Steps?", is_care=True)
    answers = {question.pk: "Oboe", care.pk: "No stairs"}
    yes, no = UserFactory(name="Yes Please"), UserFactory(name="Maybe Not")
    for person in (yes, no):
        place_series_rsvp(event=decided, person=person, answers=answers, at=NOW)
    (need,) = needs_you(coordinator, at=NOW)
    assert need.url == "/staff/events/circle/regulars/"
    assert needs_you(outsider, at=NOW) == []
    client = signed_in(coordinator)
    with time_machine.travel(NOW, tick=False):
        page = client.get(need.url).text
        assert "Oboe" in page
        assert "No stairs" not in page
        for person, act in ((yes, "approve"), (no, "refuse")):
            on = SeriesRsvp.objects.get(user=person).reference
            client.post(need.url, {"act": act, "on": on})
        assert "Yes Please" in client.get(need.url).text
        assert "Maybe Not" not in client.get(need.url).text
    assert statuses(decided, user=yes) == ["going"] * 26
    assert statuses(decided, user=no) == []
    assert needs_you(coordinator, at=NOW) == []


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_requests_costs_the_same_for_one_and_for_many(
    decided: Event, coordinator: User, rows: int
) -> None:
    question = Question.objects.create(event=decided, text="Instrument?")
    for _ in range(rows):
        place_series_rsvp(
            event=decided, person=UserFactory(), answers={question.pk: "Oboe"}, at=NOW
        )
    client = signed_in(coordinator)
    client.get("/staff/events/circle/regulars/")
    with CaptureQueriesContext(connection) as captured:
        client.get("/staff/events/circle/regulars/")
    assert len(captured) == 8, "\n".join(str(query["sql"])[:90] for query in captured)


@pytest.mark.parametrize("dates", [4, 26])
def test_every_date_is_joined_in_as_many_statements_as_a_few(coordinator: User, dates: int) -> None:
    event = EventFactory()
    question = Question.objects.create(event=event, text="Instrument?")
    plan = weekly(capacity=2, count=dates)
    start_series(event=event, version=1, plan=plan, actor=coordinator, at=NOW)
    event.refresh_from_db()
    # Every second date is full, and somebody waits already.
    for date in event.occurrences.order_by("starts_at")[::2]:
        RsvpFactory.create_batch(2, occurrence=date, placed_at=NOW)
        RsvpFactory(occurrence=date, status="waitlisted", queued_at=NOW, placed_at=NOW)
    person = UserFactory()
    with CaptureQueriesContext(connection) as captured:
        mine = place_series_rsvp(
            event=event, person=person, answers={question.pk: "Oboe"}, at=minutes(1)
        )
    # Six of them begin and end the three transactions.
    assert len(captured) == 30, "\n".join(str(query["sql"])[:120] for query in captured)
    assert Counter(mine.rsvps.values_list("status", flat=True)) == {
        "going": dates // 2,
        "waitlisted": dates // 2,
    }
    assert set(mine.rsvps.values_list("answers__text", flat=True)) == {"Oboe"}
    assert set(Seats.objects.values_list("firm", flat=True)) == {1, 2}
    assert seats_that_disagree() == []
    assert Message.objects.filter(to=person.email).count() == 1
    last_waiting = mine.rsvps.filter(status="waitlisted").last()
    assert last_waiting is not None
    assert queue_position(last_waiting) == 2


@pytest.mark.parametrize("people", [1, 4])
def test_a_new_date_is_joined_in_as_many_statements_as_by_one(
    event: Event, series: Series, people: int
) -> None:
    question = Question.objects.create(event=event, text="Instrument?")
    Event.objects.filter(pk=event.pk).update(visibility="ambassadors")
    event.refresh_from_db()
    Series.objects.update(capacity=2)
    for _ in range(people):
        place_series_rsvp(
            event=event, person=EnrolmentFactory().user, answers={question.pk: "Oboe"}, at=NOW
        )
    with CaptureQueriesContext(connection) as captured:
        (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    assert made.rsvps.count() == people
    # One statement more promises the mails of those who wait.
    expected = 19 + (people > 2)
    assert len(captured) == expected, "\n".join(str(query["sql"])[:90] for query in captured)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("series_rsvp_status_known", {"status": "maybe"}),
        ("series_rsvp_refused_has_ended", {"is_approved": False}),
        ("series_rsvp_party_counted", {"party_size": 0}),
        ("series_rsvp_user_or_guest", {"user": None}),
        ("series_rsvp_once_per_user", {}),
    ],
)
def test_the_database_refuses_what_cannot_be(
    event: Event, name: str, fields: dict[str, Any]
) -> None:
    person = UserFactory()
    place_series_rsvp(event=event, person=person, at=NOW)
    facts: dict[str, Any] = {
        "event": event,
        "user": person,
        "status": "active",
        "placed_at": NOW,
    }
    facts |= {"reference": new_rsvp_reference(), "changed_at": NOW}
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        SeriesRsvp.objects.create(**(facts | fields))


def test_one_address_is_one_guest_of_the_series(event: Event) -> None:
    facts = {"event": event, "status": "pending", "placed_at": NOW, "changed_at": NOW}
    SeriesRsvp.objects.create(**facts, guest_email="a@example.org", reference="A")
    with pytest.raises(IntegrityError, match="series_rsvp_once_per_guest"), transaction.atomic():
        SeriesRsvp.objects.create(**facts, guest_email="A@example.org", reference="B")


class TestPages:
    @pytest.fixture(autouse=True)
    def _now(self) -> Iterator[None]:
        with time_machine.travel(NOW, tick=False):
            yield

    def test_a_person_comes_every_time_but_once(self, event: Event, client: Client) -> None:
        person = UserFactory()
        client.force_login(person, backend="accounts.adapters.SignInBackend")
        page = client.get("/events/circle/").content.decode()
        assert "Every date, later ones too" in page
        skipped = dates(event)[1]
        yes = {"date": "2026-06-04", "party_size": "1", "scope": "all", "left_out": [skipped.pk]}
        page = client.post("/events/circle/rsvp/", yes, follow=True).content.decode()
        assert "You come every time" in page
        assert page.count("Left out") == 1
        path = SeriesRsvp.objects.get().manage_path
        client.post(path, {"act": "in", "on": skipped.pk})
        assert statuses(event, user=person) == ["going"] * 26
        client.post(path, {"act": "out", "on": skipped.pk})
        client.post(path, {"act": "in", "on": skipped.pk})
        assert sorted(statuses(event, user=person)) == [*["going"] * 26, "left"]
        client.post(path, {"act": "end"})
        assert set(statuses(event, user=person)) == {"left"}

    def test_ones_own_list_has_the_next_dates_of_it_and_a_way_to_all(
        self, event: Event, client: Client
    ) -> None:
        person = UserFactory()
        mine = place_series_rsvp(event=event, person=person, at=NOW)
        client.force_login(person, backend="accounts.adapters.SignInBackend")
        page = client.get("/me/events/").text
        assert page.count("event-card") == 2
        assert mine.manage_path in page

    def test_a_guest_opens_the_link_and_presses_confirm(self, event: Event, client: Client) -> None:
        yes = {"name": ANA.name, "email": ANA.email, "party_size": "1", "scope": "all"}
        client.post("/events/circle/rsvp/", yes | {"date": "2026-06-04"})
        path = SeriesRsvp.objects.get().manage_path
        assert path in Message.objects.get().text
        answer = client.get(path)
        assert answer["Referrer-Policy"] == "no-referrer"
        assert statuses(event, guest_email=ANA.email) == []
        client.post(path, {"act": "confirm"})
        assert statuses(event, guest_email=ANA.email) == ["going"] * 26

    def test_an_old_link_that_was_never_confirmed_opens_nothing(
        self, event: Event, client: Client
    ) -> None:
        place_series_rsvp(event=event, person=ANA, at=NOW - dt.timedelta(hours=24))
        assert client.get(SeriesRsvp.objects.get().manage_path).status_code == 404
        assert client.get("/rsvp/series/0000000000-guess/").status_code == 404

    def test_a_request_with_answers_is_made_changed_and_taken_back(
        self, decided: Event, client: Client
    ) -> None:
        question = Question.objects.create(event=decided, text="Instrument?", is_required=True)
        person = UserFactory()
        client.force_login(person, backend="accounts.adapters.SignInBackend")
        field = f"question_{question.pk}"
        yes = {"date": "2026-06-04", "party_size": "1", "scope": "all"}
        page = client.post("/events/circle/rsvp/", yes, follow=True).text
        assert "Fill this in" in page
        assert not SeriesRsvp.objects.exists()
        page = client.post("/events/circle/rsvp/", yes | {field: "Oboe"}, follow=True).text
        assert "The hosts have your request" in page
        path = SeriesRsvp.objects.get().manage_path
        client.post(path, {"act": "answers", field: "Horn"})
        assert SeriesAnswer.objects.get().text == "Horn"
        assert "Fill this in" in client.post(path, {"act": "answers", field: ""}).text
        assert "You have asked to come every time" in client.get("/events/circle/").text
        assert "Asked to come every time" in client.get("/me/events/").text
        client.post(path, {"act": "end"})
        assert SeriesRsvp.objects.get().status == "ended"
        assert Message.objects.filter(key__contains="series_left").count() == 0

    def test_once_is_the_default(self, event: Event, client: Client) -> None:
        person = UserFactory()
        client.force_login(person, backend="accounts.adapters.SignInBackend")
        client.post("/events/circle/rsvp/", {"date": "2026-06-04", "party_size": "1"})
        assert statuses(event, user=person) == ["going"]
        assert not SeriesRsvp.objects.exists()
