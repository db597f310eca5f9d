"""Some forty events: written, published, answered, come to, moved and called off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accounts.models import User
from ambassadors.models import Programme
from common.batches import batch_after_batch
from events.domain.plans import DatePlan, SeriesPlan
from events.domain.recurrence import Rule
from events.errors import EventsError
from events.models import Event, Occurrence, Question, Rsvp, Visibility
from events.services import check_ins
from events.services.answers import ask_question
from events.services.due_mails import write_due
from events.services.events import (
    cancel_event,
    complete_events,
    draft_event,
    edit_event,
    publish_event,
)
from events.services.hosts import accept_host, ask_host
from events.services.mailings import answer_survey, send_notes, write_note
from events.services.rsvps import (
    Guest,
    approve_request,
    confirm_rsvp,
    leave,
    place_rsvp,
    refuse_request,
)
from events.services.series import change_one_date, start_series
from events.services.series_rsvps import approve_series_request, place_series_rsvp
from portal.management.demo.words import (
    ASKED_TO_HOST,
    BODIES,
    CANCELLED,
    CIRCULO,
    DECIDED,
    HOSTED,
    LISTINGS,
    NOTES,
    QUESTIONS,
    RESCHEDULED,
    SOLD_OUT,
    SURVEYED,
    WEEKLY,
    Asked,
    Listing,
)
from portal.management.demo.world import World

_EMERGENCY = {
    # 112 works in the EU and in the UK; 911 in the US, Canada and Mexico.
    "Europe": "112",
    "America": "911",
}


def stage(world: World) -> None:
    programmes = {term.programme.slug: term.programme for term in world.terms.values()}
    for listing in LISTINGS:
        days = _days(world, listing)
        if not days:
            continue
        event = _write(world, listing, days, programmes)
        for occurrence in event.occurrences.order_by("starts_at"):
            _answer(world, event, occurrence, listing)
        if listing.title == CANCELLED:
            cancel_event(
                event=event,
                note="The house has no heating this week. We will find another day.",
                actor=world.users["coordinator"],
                at=world.ago(hours=20),
            )
        elif listing.title == RESCHEDULED:
            _move(world, event)
        elif listing.title == SOLD_OUT:
            _free_a_place(world, event)
        elif listing.title == CIRCULO or listing.days == WEEKLY:
            _come_back(world, event, listing)
        for to, text in NOTES.get(listing.title, ()):
            _write_to(world, event, to, text)
    complete_events(at=world.at)
    batch_after_batch(write_due, limit=500)


def _write_to(world: World, event: Event, to: str, text: str) -> None:
    """A host has written to people of the next date, or of the last."""
    dates = event.occurrences.filter(cancelled_at=None)
    date = dates.filter(starts_at__gt=world.at).order_by("starts_at").first() or dates.last()
    if date is not None:
        at = world.ago(hours=18)
        write_note(occurrence=date, to=[to], text=text, actor=world.users["coordinator"], at=at)
        send_notes(at=at)


def _ask_hosts(world: World, event: Event, at: dt.datetime) -> None:
    """The ambassador of the demo hosts some; of the others, every third is an ambassador's."""
    artist, coordinator = world.users["ambassador"], world.users["coordinator"]
    if event.title == ASKED_TO_HOST:
        ask_host(
            event=event, email=artist.email, level="host", by=coordinator, at=world.ago(days=2)
        )
        return
    number = [listing.title for listing in LISTINGS].index(event.title)
    if event.title in HOSTED:
        person = artist
    elif number % 3 == 0 and world.ambassadors:
        person = world.ambassadors[number % len(world.ambassadors)].user
    else:
        return
    level = "cohost" if person == artist else "host"
    host = ask_host(event=event, email=person.email, level=level, by=coordinator, at=at)
    accept_host(host=host, person=person, name=person.name, is_shown=True, at=at)


def _come_back(world: World, event: Event, listing: Listing) -> None:
    """Let it come back every week from its next date on, and three people every time."""
    actor = world.users["coordinator"]
    coming = event.occurrences.filter(starts_at__gt=world.at).order_by("starts_at")
    first = coming.first() or event.occurrences.order_by("starts_at")[0]
    first.event = event
    day = first.starts_on
    while day <= world.at.date():
        day += dt.timedelta(weeks=1)
    event.refresh_from_db()
    series = start_series(
        event=event,
        version=event.version,
        plan=SeriesPlan(
            Rule(
                frequency="weekly",
                starts_on=day,
                weekdays=(day.weekday(),),
            ),
            first.local_start.time(),
            listing.minutes,
            listing.capacity,
        ),
        actor=actor,
        at=world.at,
    )
    questions = list(event.questions.asked())
    for number, person in enumerate(world.attendees[:3]):
        mine = place_series_rsvp(
            event=event,
            person=person,
            language=person.language,
            answers=_answers(world, questions, QUESTIONS.get(listing.title, ())),
            at=world.at,
        )
        if mine.is_applied and number == 0:
            # The other two wait for an answer.
            approve_series_request(series_rsvp=mine, actor=actor, at=world.at)
    third = series.occurrences.order_by("starts_at")[2]
    third.event = event
    event.refresh_from_db()
    plan = DatePlan(
        third.starts_at, third.ends_at, third.capacity, note="With a guest: a short talk on sleep."
    )
    change_one_date(occurrence=third, plan=plan, version=event.version, actor=actor, at=world.at)


def _days(world: World, listing: Listing) -> tuple[int, ...]:
    """All its dates in the large demo; the nearest two, one past and one coming, in a small one."""
    if world.scale >= 1:
        return listing.days
    past = [day for day in listing.days if day < 0][-1:]
    coming = [day for day in listing.days if day >= 0][:1]
    return tuple(past + coming)


def _write(
    world: World, listing: Listing, days: tuple[int, ...], programmes: dict[str, Programme]
) -> Event:
    plans = []
    for day in days:
        starts_at = world.local(listing.zone, day, listing.hour)
        ends_at = starts_at + dt.timedelta(minutes=listing.minutes)
        plans.append(DatePlan(starts_at=starts_at, ends_at=ends_at, capacity=listing.capacity))
    at = world.at + dt.timedelta(days=min(*days, 0) - 40)
    event = draft_event(
        words=words_of(world, listing, programmes),
        dates=plans,
        actor=world.users["coordinator"],
        at=at,
    )
    _ask_hosts(world, event, at)
    for asked in QUESTIONS.get(listing.title, ()):
        words = {
            "text": asked.text,
            "kind": asked.kind,
            "options": list(asked.answers) if asked.kind == "choice" else [],
            "is_care": asked.is_care,
        }
        ask_question(event=event, words=words, actor=world.users["coordinator"], at=at)
    return publish_event(
        event=event, actor=world.users["coordinator"], at=at + dt.timedelta(hours=2)
    )


def words_of(world: World, listing: Listing, programmes: Mapping[str, Programme]) -> dict[str, Any]:
    """Everything the event says."""
    emergency = _EMERGENCY[listing.zone.partition("/")[0]]
    has_place = listing.format != "online"
    return {
        "title": listing.title,
        "summary": listing.summary,
        "body": BODIES[listing.language].strip(),
        "hosts": listing.hosts or (world.stage_name() if listing.title not in HOSTED else ""),
        "language": listing.language,
        "topics": list(listing.topics),
        "format": listing.format,
        "time_zone": listing.zone,
        "place_name": listing.place[0],
        "address": listing.place[1],
        "online_url": "" if listing.format == "in_person" else "https://meet.example.org/room",
        "access_notes": "Step-free, with a quiet corner and chairs with backs."
        if has_place
        else "Captions on. Cameras and microphones as you like.",
        "max_plus_ones": listing.plus_ones,
        "needs_approval": listing.title in DECIDED,
        "survey": "health" if listing.title == SURVEYED else "off",
        "offer_hours": 24 if listing.title == SOLD_OUT else 0,
        "visibility": listing.visibility,
        "programme": programmes.get(listing.programme),
        "safety_lead": "Sam Lantern",
        "host_briefing": "Begin with the room rules. If somebody is in danger, call first, "
        "then tell the safety lead.",
        "emergency_number": emergency,
        "emergency_address": listing.place[1] if has_place else "",
        "quiet_space": "The small room beside the entrance"
        if has_place
        else "A second room in the same call, with a host in it",
    }


def _answers(world: World, questions: Sequence[Question], asked: Sequence[Asked]) -> dict[int, str]:
    """What somebody answers: to most questions, and seldom to one about what they need."""
    answers = {}
    for question, words in zip(questions, asked, strict=True):
        if world.random.random() < (0.25 if words.is_care else 0.85):
            answers[question.pk] = world.random.choice(words.answers)
    return answers


def _people(world: World, event: Event) -> Iterator[User | Guest]:
    """Who might come, in a random order: enrolled people where it is for them only."""
    dice = world.random
    if event.visibility == Visibility.PROGRAMME:
        own = [one for one in world.ambassadors if one.term.programme_id == event.programme_id]
        people: list[User | Guest] = [one.user for one in own]
    elif event.visibility == Visibility.AMBASSADORS:
        people = [one.user for one in world.ambassadors]
    else:
        people = [*world.attendees, *(one.user for one in world.ambassadors)]
    dice.shuffle(people)
    # About one in six has no account.
    for person in people:
        if event.visibility == Visibility.PUBLIC and dice.random() < 0.16:
            name = world.stage_name()
            yield Guest(name=name, email=f"{name.lower().replace(' ', '.')}@example.org")
        else:
            yield person


def _answer(world: World, event: Event, occurrence: Occurrence, listing: Listing) -> None:
    dice = world.random
    wanted = int((occurrence.capacity or 40) * listing.keen * dice.uniform(0.75, 1.15))
    if listing.keen > 1:
        wanted = int((occurrence.capacity or 40) * listing.keen)
    if world.scale < 1 and listing.title != SURVEYED:
        wanted = min(wanted, 14 if listing.keen <= 1 else (occurrence.capacity or 0) + 4)
    questions = list(event.questions.asked())
    asked = QUESTIONS.get(listing.title, ())
    last = min(world.at, occurrence.starts_at)
    first = max(event.published_at or last, last - dt.timedelta(days=30))
    moments = sorted(dice.uniform(0, 1) for _ in range(wanted))
    going: list[Rsvp] = []
    for moment, person in zip(moments, _people(world, event), strict=False):
        at = first + (last - first) * moment
        size = min(event.largest_party, dice.choice((1, 1, 1, 2, 3)))
        try:
            rsvp = place_rsvp(
                occurrence=occurrence, person=person, party_size=size,
                language=event.language if isinstance(person, Guest) else person.language,
                answers=_answers(world, questions, asked), at=at,
            )  # fmt: skip
            if rsvp.status == Rsvp.Status.PENDING:
                # One in ten never opens the link.
                if dice.random() < 0.1:
                    continue
                rsvp = confirm_rsvp(rsvp=rsvp, at=at + dt.timedelta(minutes=3))
        except EventsError:
            continue
        if dice.random() < 0.07 and at + dt.timedelta(hours=5) < last:
            leave(rsvp=rsvp, at=at + dt.timedelta(hours=5))
            continue
        going.append(rsvp)
    if event.needs_approval:
        _decide(world, going, occurrence)
    if occurrence.ends_at <= world.at:
        _come(world, going, occurrence)
        if listing.title == SURVEYED:
            _say_how_it_was(world, occurrence)


def _decide(world: World, requests: list[Rsvp], occurrence: Occurrence) -> None:
    """Hosts have answered those who asked first; of a date to come, the last third waits."""
    actor = world.users["coordinator"]
    is_over = occurrence.ends_at <= world.at
    answered = requests if is_over else requests[: len(requests) * 2 // 3]
    for number, rsvp in enumerate(answered):
        at = rsvp.placed_at + dt.timedelta(minutes=40)
        if number % 7 == 5:
            refuse_request(rsvp=rsvp, actor=actor, at=at)
        else:
            approve_request(rsvp=rsvp, actor=actor, at=min(at, occurrence.starts_at, world.at))


def _say_how_it_was(world: World, occurrence: Occurrence) -> None:
    """Most of those who came have answered, kindly on the whole."""
    dice = world.random
    at = occurrence.ends_at + dt.timedelta(hours=20)
    for rsvp in Rsvp.objects.filter(occurrence=occurrence, check_ins__isnull=False).order_by("pk"):
        if dice.random() < 0.85:
            rsvp.occurrence = occurrence
            words = {name: dice.choice((3, 4, 4, 5, 5)) for name in ("liked", "welcome", "helped")}
            answer_survey(rsvp=rsvp, words={**words, "again": dice.random() < 0.8}, at=at)


def _come(world: World, rsvps: list[Rsvp], occurrence: Occurrence) -> None:
    """At the door: most came."""
    ids = [rsvp.pk for rsvp in rsvps]
    for rsvp in Rsvp.objects.going().filter(pk__in=ids).order_by("pk"):
        if world.random.random() < 0.84:
            check_ins.check_in(
                rsvp=rsvp,
                people_count=rsvp.party_size,
                actor=world.users["coordinator"],
                at=occurrence.starts_at + dt.timedelta(minutes=world.random.randrange(-10, 12)),
            )


def _move(world: World, event: Event) -> None:
    """A day later, an hour earlier: every calendar hears of it."""
    occurrence = event.occurrences.get()
    for handle in ("attendee", "ambassador"):
        place_rsvp(occurrence=occurrence, person=world.users[handle], at=world.ago(hours=50))
    event.refresh_from_db()
    shift = dt.timedelta(hours=23)
    edit_event(
        event=event,
        version=event.version,
        words={},
        dates=[
            DatePlan(
                pk=occurrence.pk,
                starts_at=occurrence.starts_at + shift,
                ends_at=occurrence.ends_at + shift,
                capacity=occurrence.capacity,
            )
        ],
        actor=world.users["coordinator"],
        at=world.ago(hours=30),
    )


def _free_a_place(world: World, event: Event) -> None:
    """Somebody leaves a full evening; the first in the queue who fits is offered the place."""
    rsvp = Rsvp.objects.going().filter(occurrence__event=event, party_size=1).order_by("pk").first()
    if rsvp is not None:
        leave(rsvp=rsvp, at=world.ago(hours=3))
