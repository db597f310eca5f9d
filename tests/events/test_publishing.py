"""Writing, publishing, changing and cancelling."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.models import AuditEntry, User
from calendars.models import FeedRevision
from events.domain.clock_times import HappensTwiceError, NoSuchTimeError, moment
from events.domain.plans import DatePlan
from events.errors import EditedMeanwhile, NotADraft, NotPublished, NotReady
from events.models import Event, Occurrence, Rsvp
from events.services.events import (
    cancel_event,
    complete_events,
    draft_event,
    edit_event,
    publish_event,
)
from events.services.rsvps import place_rsvp
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, write_mails
from tests.factories import EnrolmentFactory, EventFactory, OccurrenceFactory, UserFactory

pytestmark = pytest.mark.django_db
TOMORROW = dt.datetime(2026, 6, 4, 16, 0, tzinfo=dt.UTC)
WORDS: dict[str, Any] = {
    "title": "Evening circle",
    "summary": "An unhurried hour.",
    "body": "Come as you are.",
    "time_zone": "Europe/Berlin",
    "format": "in_person",
    "place_name": "Studio Lindenhof",
    "address": "Lindenstrasse 12",
    "safety_lead": "Mara Lindqvist",
    "host_briefing": "Open early.",
    "emergency_number": "112",
    "emergency_address": "Courtyard door",
    "quiet_space": "The small room",
}


def on(days: int = 0, capacity: int | None = 10, pk: int | None = None, hour: int = 0) -> DatePlan:
    start = TOMORROW + dt.timedelta(days=days, hours=hour)
    return DatePlan(start, start + dt.timedelta(minutes=90), capacity, pk)


def write(coordinator: User, *dates: DatePlan, **words: Any) -> Event:
    return draft_event(words=WORDS | words, dates=dates or [on()], actor=coordinator, at=NOW)


def rewrite(event: Event, actor: User, *dates: DatePlan, **words: Any) -> Event:
    event.refresh_from_db()
    return edit_event(
        event=event,
        version=event.version,
        words=WORDS | words,
        dates=dates,
        actor=actor,
        at=minutes(5),
    )


@pytest.fixture
def event(coordinator: User) -> Event:
    """A published event with one date tomorrow."""
    return publish_event(event=write(coordinator), actor=coordinator, at=NOW)


def test_a_draft_is_nobodys_to_see_until_it_is_published(coordinator: User) -> None:
    draft = write(coordinator)
    assert not Event.objects.visible_to(AnonymousUser()).exists()
    assert not Event.objects.visible_to(coordinator, at=NOW).exists()
    published = publish_event(event=draft, actor=coordinator, at=NOW)
    assert list(Event.objects.visible_to(AnonymousUser())) == [published]
    assert FeedRevision.objects.get(key="events").revision == 1
    entries = AuditEntry.objects.filter(verb__startswith="event.").order_by("pk")
    verbs = list(entries.values_list("verb", flat=True))
    assert verbs == ["event.drafted", "event.published"]


def test_publishing_twice_is_publishing_once(event: Event, coordinator: User) -> None:
    again = publish_event(event=event, actor=coordinator, at=minutes(9))
    assert again.published_at == NOW


def test_publishing_asks_for_what_keeps_people_safe(coordinator: User) -> None:
    draft = write(coordinator, safety_lead=" ", quiet_space="", address="")
    with pytest.raises(NotReady) as refused:
        publish_event(event=draft, actor=coordinator, at=NOW)
    assert set(refused.value.missing) == {"safety_lead", "quiet_space", "address"}
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_an_online_event_needs_its_link_and_no_address(coordinator: User) -> None:
    draft = write(coordinator, format="online", place_name="", address="", emergency_address="")
    with pytest.raises(NotReady) as refused:
        publish_event(event=draft, actor=coordinator, at=NOW)
    assert set(refused.value.missing) == {"online_url"}


def test_an_event_without_a_date_to_come_is_not_published(coordinator: User) -> None:
    draft = write(coordinator, on(-7))
    with pytest.raises(NotReady) as refused:
        publish_event(event=draft, actor=coordinator, at=NOW)
    assert set(refused.value.missing) == {"dates"}


def test_addresses_are_made_from_titles_and_never_twice(coordinator: User) -> None:
    slugs = [write(coordinator, title=title).slug for title in ("Círculo", "Circulo", "昼", "New")]
    assert slugs == ["circulo", "circulo-2", "event", "new-2"]


def test_another_time_is_another_sequence_and_a_mail(event: Event, coordinator: User) -> None:
    occurrence = event.occurrences.get()
    before = occurrence.vevent
    going = place_rsvp(occurrence=occurrence, person=UserFactory(), at=NOW)
    place_rsvp(occurrence=occurrence, person=ANA, at=NOW)
    rewrite(event, coordinator, on(pk=occurrence.pk, hour=1))
    occurrence.refresh_from_db()
    assert (occurrence.sequence, occurrence.revised_at) == (1, minutes(5))
    assert "SEQUENCE:0" in before
    assert "SEQUENCE:1" in occurrence.vevent
    assert f"UID:{occurrence.uid}" in before
    assert f"UID:{occurrence.uid}" in occurrence.vevent
    write_mails()
    message = Message.objects.get(key__contains=":changed:")
    assert message.to == going.email
    assert message.subject == "Changed: now Thu 4 June, 19:00"
    assert "It was Thu 4 June, 18:00" in message.text
    assert b"SEQUENCE:1" in message.files[0].content


def test_another_place_is_another_sequence_and_a_mail(event: Event, coordinator: User) -> None:
    occurrence = event.occurrences.get()
    place_rsvp(occurrence=occurrence, person=UserFactory(), at=NOW)
    rewrite(event, coordinator, on(pk=occurrence.pk), address="Gartenweg 3")
    occurrence.refresh_from_db()
    assert occurrence.sequence == 1
    assert "Gartenweg 3" in occurrence.vevent
    write_mails()
    assert Message.objects.filter(key__contains=":changed:").count() == 1


def test_another_title_is_the_same_appointment(event: Event, coordinator: User) -> None:
    occurrence = event.occurrences.get()
    place_rsvp(occurrence=occurrence, person=UserFactory(), at=NOW)
    rewrite(event, coordinator, on(pk=occurrence.pk), title="Late circle")
    occurrence.refresh_from_db()
    assert (occurrence.sequence, occurrence.revised_at) == (0, minutes(5))
    assert "SUMMARY:Late circle" in occurrence.vevent
    write_mails()
    assert not Message.objects.filter(key__contains=":changed:").exists()


def test_words_no_calendar_shows_leave_the_entry_alone(event: Event, coordinator: User) -> None:
    occurrence = event.occurrences.get()
    rewrite(event, coordinator, on(pk=occurrence.pk), host_briefing="Bring tea.")
    same = Occurrence.objects.get(pk=occurrence.pk)
    assert (same.vevent, same.revised_at) == (occurrence.vevent, NOW)


def test_the_second_of_two_editors_is_told_and_nothing_is_lost(
    event: Event, coordinator: User
) -> None:
    occurrence = event.occurrences.get()
    opened = event.version
    rewrite(event, coordinator, on(pk=occurrence.pk), title="First editor")
    with pytest.raises(EditedMeanwhile):
        edit_event(
            event=event,
            version=opened,
            words=WORDS | {"title": "Second editor"},
            dates=[on(pk=occurrence.pk)],
            actor=coordinator,
            at=minutes(6),
        )
    event.refresh_from_db()
    assert event.title == "First editor"


def test_a_published_event_cannot_lose_what_it_must_say(event: Event, coordinator: User) -> None:
    with pytest.raises(NotReady) as refused:
        rewrite(event, coordinator, on(pk=event.occurrences.get().pk), safety_lead="")
    assert set(refused.value.missing) == {"safety_lead"}
    event.refresh_from_db()
    assert event.safety_lead == "Mara Lindqvist"


def test_dates_can_move_to_one_anothers_days(coordinator: User) -> None:
    event = write(coordinator, on(0), on(7))
    first, second = event.occurrences.order_by("starts_at")
    rewrite(event, coordinator, on(7, pk=first.pk), on(14, pk=second.pk))
    days = list(event.occurrences.order_by("pk").values_list("starts_on", flat=True))
    assert days == [dt.date(2026, 6, 11), dt.date(2026, 6, 18)]


def test_a_date_left_out_is_deleted_from_a_draft_and_cancelled_when_people_know(
    coordinator: User,
) -> None:
    draft = write(coordinator, on(0), on(7))
    kept = draft.occurrences.order_by("starts_at")[0]
    rewrite(draft, coordinator, on(0, pk=kept.pk))
    assert draft.occurrences.count() == 1
    published = publish_event(event=write(coordinator, on(0), on(7)), actor=coordinator, at=NOW)
    kept, gone = published.occurrences.order_by("starts_at")
    place_rsvp(occurrence=gone, person=UserFactory(), at=NOW)
    rewrite(published, coordinator, on(0, pk=kept.pk))
    gone.refresh_from_db()
    assert (gone.cancelled_at, gone.sequence) == (minutes(5), 1)
    assert "STATUS:CANCELLED" in gone.vevent
    write_mails()
    assert Message.objects.filter(key__contains=":cancelled:").count() == 1


def test_a_day_taken_out_and_put_in_again_is_the_same_date(event: Event, coordinator: User) -> None:
    occurrence = event.occurrences.get()
    rewrite(event, coordinator, on(7))
    # Why it was cancelled is no longer so when it takes place.
    event.occurrences.filter(pk=occurrence.pk).update(note="The room floods.")
    rewrite(event, coordinator, on(0), on(7))
    occurrence.refresh_from_db()
    assert (occurrence.cancelled_at, occurrence.sequence, occurrence.note) == (None, 2, "")
    assert event.occurrences.count() == 2


def test_more_places_go_to_the_queue_and_fewer_take_nobodys(
    event: Event, coordinator: User
) -> None:
    occurrence = event.occurrences.get()
    Occurrence.objects.filter(pk=occurrence.pk).update(capacity=1)
    rsvps = [
        place_rsvp(occurrence=occurrence, person=UserFactory(), at=minutes(n)) for n in range(3)
    ]
    rewrite(event, coordinator, on(capacity=2, pk=occurrence.pk))
    statuses = [Rsvp.objects.get(pk=rsvp.pk).status for rsvp in rsvps]
    assert statuses == ["going", "going", "waitlisted"]
    rewrite(event, coordinator, on(capacity=1, pk=occurrence.pk))
    assert [Rsvp.objects.get(pk=rsvp.pk).status for rsvp in rsvps] == statuses


def test_cancelling_tells_everybody_once_and_keeps_the_entry(
    event: Event, coordinator: User
) -> None:
    occurrence = event.occurrences.get()
    Occurrence.objects.filter(pk=occurrence.pk).update(capacity=1)
    people = [
        place_rsvp(occurrence=occurrence, person=UserFactory(), at=NOW).email for _ in range(2)
    ]
    for _ in range(2):
        cancel_event(event=event, note="The pipes burst.", actor=coordinator, at=minutes(5))
    write_mails()
    told = Message.objects.filter(key__contains=":cancelled:").order_by("pk")
    assert [message.to for message in told] == people
    assert told[0].subject == "Cancelled: Thu 4 June, 18:00"
    assert "The pipes burst." in told[0].text
    occurrence.refresh_from_db()
    assert occurrence.sequence == 1
    assert "STATUS:CANCELLED" in occurrence.vevent
    with pytest.raises(NotADraft):
        publish_event(event=event, actor=coordinator, at=minutes(6))


def test_a_draft_cannot_be_cancelled(coordinator: User) -> None:
    with pytest.raises(NotPublished):
        cancel_event(event=write(coordinator), note="x", actor=coordinator, at=NOW)


def test_an_event_is_completed_when_its_last_date_is_over(event: Event, coordinator: User) -> None:
    end = event.occurrences.get().ends_at
    assert complete_events(at=end - dt.timedelta(seconds=1)) == 0
    assert complete_events(at=end) == 1
    event.refresh_from_db()
    assert event.status == "completed"


def test_who_sees_what(attendee: User, coordinator: User) -> None:
    enrolment = EnrolmentFactory()
    ambassador, programme = enrolment.user, enrolment.term.programme
    other = EnrolmentFactory().user
    for visibility in ("public", "unlisted", "ambassadors", "programme"):
        event = EventFactory(slug=visibility, visibility=visibility, programme=programme)
        OccurrenceFactory(event=event)
    everything = {"public", "unlisted", "ambassadors", "programme"}

    def seen(user: User | AnonymousUser) -> set[str]:
        return {event.slug for event in Event.objects.visible_to(user, at=NOW)}

    assert seen(AnonymousUser()) == {"public", "unlisted"}
    assert seen(attendee) == {"public", "unlisted"}
    assert seen(other) == {"public", "unlisted", "ambassadors"}
    assert seen(ambassador) == everything
    assert seen(coordinator) == everything
    after_the_term = NOW.replace(year=2027)
    left = {e.slug for e in Event.objects.visible_to(ambassador, at=after_the_term)}
    assert left == {"public", "unlisted"}


@pytest.mark.parametrize(
    ("zone", "day", "clock"),
    [
        ("Europe/Berlin", dt.date(2026, 3, 29), dt.time(2, 30)),
        ("America/New_York", dt.date(2026, 3, 8), dt.time(2, 0)),
        ("Australia/Sydney", dt.date(2026, 10, 4), dt.time(2, 59)),
    ],
)
def test_a_time_the_clock_jumps_over_is_refused(zone: str, day: dt.date, clock: dt.time) -> None:
    with pytest.raises(NoSuchTimeError) as refused:
        moment(day, clock, ZoneInfo(zone))
    assert (
        refused.value.instead.time()
        == (dt.datetime.combine(day, clock) + dt.timedelta(hours=1)).time()
    )


def test_a_time_that_happens_twice_must_be_said_which() -> None:
    day, clock, berlin = dt.date(2026, 10, 25), dt.time(2, 30), ZoneInfo("Europe/Berlin")
    with pytest.raises(HappensTwiceError):
        moment(day, clock, berlin)
    assert moment(day, clock, berlin, is_second=False).hour == 0
    assert moment(day, clock, berlin, is_second=True).hour == 1
