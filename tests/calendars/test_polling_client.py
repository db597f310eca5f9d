"""Whatever happens to events, in whatever order: what a person's calendar ends up with is true.

Three programs look on: one subscribes and asks with the tag it has, one asks with the date only,
and one knows nothing but the mails, which reach it in any order.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import re
from collections.abc import Iterable
from typing import Any

import icalendar
import pytest
import time_machine
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from calendars.models import FeedToken
from calendars.services.links import personal_link
from events.models import Event, Host, Occurrence, Rsvp
from events.services.events import (
    DatePlan,
    cancel_event,
    draft_event,
    edit_event,
    publish_event,
)
from events.services.hosts import accept_host, ask_host, resign_host
from events.services.rsvps import leave, place_rsvp, release_rsvp
from notifications.models import Message
from tests.conftest import NOW, make_staff
from tests.events.conftest import minutes, write_mails
from tests.events.test_publishing import WORDS
from tests.factories import UserFactory

RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "6"))
STARTS_AT = NOW + dt.timedelta(days=7, hours=4)

Seen = dict[str, tuple[str, int, dt.datetime, str]]


def entries(body: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(body).walk("VEVENT"))


def facts(entry: icalendar.Event) -> tuple[str, int, dt.datetime, str]:
    when: dt.datetime = entry["DTSTART"].dt
    return (
        str(entry["STATUS"]),
        int(entry["SEQUENCE"]),
        when.astimezone(dt.UTC),
        str(entry["SUMMARY"]),
    )


def date_uid(uid: str) -> str:
    """The UID of the date itself: who comes back has one of their own, made from it."""
    return re.sub(r"^\d+-[a-z0-9]{10}-", "", uid)


def shown(
    entries: Iterable[tuple[str, int, dt.datetime, str, str]],
) -> dict[str, tuple[str, dt.datetime]]:
    """What stands in a calendar: one entry for a date at most."""
    standing: dict[str, tuple[str, dt.datetime]] = {}
    for status, _sequence, when, _title, uid in entries:
        if status != "CANCELLED":
            assert date_uid(uid) not in standing, "one date has two entries"
            standing[date_uid(uid)] = (status, when)
    return standing


class Subscriber:
    """A program that keeps what it was last given until it is told that there is something new."""

    def __init__(self, path: str, validator: str, header: str) -> None:
        self.path, self.validator, self.header = path, validator, header
        self.known: str | None = None
        self.seen: Seen = {}

    def ask(self) -> None:
        headers = {self.header: self.known} if self.known else {}
        response = Client().get(self.path, headers=headers)
        if response.status_code == 304:
            return
        assert response.status_code == 200
        self.known = response[self.validator]
        found = {str(entry["UID"]): facts(entry) for entry in entries(response.content)}
        for uid, now in found.items():
            before = self.seen.get(uid)
            assert before is None or now[1] >= before[1], "SEQUENCE never goes down"
        self.seen = found


class Inbox:
    """A program that acts on invitations: a higher SEQUENCE wins, then a later DTSTAMP."""

    def __init__(self) -> None:
        self.entries: dict[str, icalendar.Event] = {}

    def take(self, entry: icalendar.Event) -> None:
        held = self.entries.get(str(entry["UID"]))
        if held is None or self._age(entry) >= self._age(held):
            self.entries[str(entry["UID"])] = entry

    def _age(self, entry: icalendar.Event) -> tuple[int, dt.datetime]:
        return int(entry["SEQUENCE"]), entry["DTSTAMP"].dt


class Programs(RuleBasedStateMachine):
    """A coordinator who cannot make up their mind, and a person who comes and goes."""

    @initialize()
    def begin(self) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        cache.clear()  # rows are rolled back after each history; what is kept of them is not
        self.minute = 0.0
        self.coordinator = make_staff(f"planner{id(self)}", "coordinator")  # type: ignore[arg-type]
        self.person = UserFactory()
        self.events: list[Event] = []
        self.delivered = 0
        self.inbox = Inbox()
        link: FeedToken = personal_link(user=self.person, at=NOW)
        self.subscribers = [
            Subscriber("/events/feed.ics", "ETag", "If-None-Match"),
            Subscriber("/events/feed.ics", "Last-Modified", "If-Modified-Since"),
        ]
        self.own = Subscriber(f"/calendar/{link.secret}.ics", "ETag", "If-None-Match")

    def teardown(self) -> None:
        if hasattr(self, "transaction"):
            try:
                if hasattr(self, "own"):
                    self.every_program_looks(is_reversed=False)
            finally:
                connection.set_rollback(True)
                self.transaction.__exit__(None, None, None)

    def tick(self) -> dt.datetime:
        self.minute += 0.1
        return minutes(self.minute)

    def pick(self, number: int) -> Event:
        return Event.objects.get(pk=self.events[number % len(self.events)].pk)

    def plans(self, event: Event) -> list[DatePlan]:
        standing = event.occurrences.filter(cancelled_at=None).order_by("starts_at")
        return [DatePlan(one.starts_at, one.ends_at, one.capacity, one.pk) for one in standing]

    def rewrite(self, event: Event, dates: list[DatePlan] | None = None, **words: Any) -> None:
        if event.status != Event.Status.CANCELLED:
            edit_event(
                event=event,
                version=event.version,
                words=words,
                dates=self.plans(event) if dates is None else dates,
                actor=self.coordinator,
                at=self.tick(),
            )

    @rule(dates=st.integers(1, 3), capacity=st.sampled_from([None, 1]))
    def a_new_event(self, dates: int, capacity: int | None) -> None:
        at = self.tick()
        plans = [
            DatePlan(
                STARTS_AT + dt.timedelta(days=7 * number + len(self.events)),
                STARTS_AT + dt.timedelta(days=7 * number + len(self.events), hours=1),
                capacity,
            )
            for number in range(dates)
        ]
        event = draft_event(words=WORDS, dates=plans, actor=self.coordinator, at=at)
        self.events.append(publish_event(event=event, actor=self.coordinator, at=at))

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9), title=st.sampled_from(["Quiet, hour", "Круг 🎧", "One; two"]))
    def another_title(self, number: int, title: str) -> None:
        self.rewrite(self.pick(number), title=title)

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9), place=st.sampled_from(["Studio Nord", "Studio Süd"]))
    def another_place(self, number: int, place: str) -> None:
        self.rewrite(self.pick(number), place_name=place)

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9), hours=st.sampled_from([-2, 1, 24]))
    def another_time(self, number: int, hours: int) -> None:
        event = self.pick(number)
        delay = dt.timedelta(hours=hours)
        moved = [
            DatePlan(one.starts_at + delay, one.ends_at + delay, one.capacity, one.pk)
            for one in self.plans(event)
        ]
        self.rewrite(event, moved)

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9))
    def a_date_is_taken_out(self, number: int) -> None:
        event = self.pick(number)
        if len(plans := self.plans(event)) > 1:
            self.rewrite(event, plans[1:])

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9), visibility=st.sampled_from(["public", "unlisted"]))
    def it_leaves_the_list_or_returns(self, number: int, visibility: str) -> None:
        self.rewrite(self.pick(number), visibility=visibility)

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9))
    def an_event_is_cancelled(self, number: int) -> None:
        event = self.pick(number)
        cancel_event(event=event, note="", actor=self.coordinator, at=self.tick())

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9), act=st.sampled_from(["come", "come", "leave", "release"]))
    def the_person_comes_or_goes(self, number: int, act: str) -> None:
        at = self.tick()
        event = self.pick(number)
        date = event.occurrences.select_related("event").order_by("starts_at").first()
        assert date is not None
        standing = Rsvp.objects.active().filter(occurrence=date, user=self.person).first()
        if act == "come" and not date.is_cancelled:
            place_rsvp(occurrence=date, person=self.person, at=at)
        elif standing is not None and act != "come":
            (leave if act == "leave" else release_rsvp)(rsvp=standing, at=at)

    @precondition(lambda self: self.events)
    @rule(number=st.integers(0, 9))
    def the_person_hosts_or_stops(self, number: int) -> None:
        event = self.pick(number)
        host = event.hosting.accepted().filter(person=self.person).first()
        if host is not None:
            resign_host(host=host, at=self.tick())
        elif event.status == Event.Status.PUBLISHED:
            email, by = self.person.email, self.coordinator
            asked = ask_host(event=event, email=email, level="host", by=by, at=self.tick())
            accept_host(host=asked, person=self.person, name="Host", is_shown=False, at=self.tick())

    @rule(is_reversed=st.booleans())
    def every_program_looks(self, is_reversed: bool) -> None:
        with time_machine.travel(self.tick(), tick=False):
            for subscriber in [*self.subscribers, self.own]:
                subscriber.ask()
        self.the_mails_arrive(is_reversed)
        self.what_they_see_is_true()

    def the_mails_arrive(self, is_reversed: bool) -> None:
        write_mails()
        mails = list(Message.objects.filter(to=self.person.email, pk__gt=self.delivered))
        self.delivered = max([self.delivered, *(mail.pk for mail in mails)])
        for mail in sorted(mails, key=lambda mail: mail.pk, reverse=is_reversed):
            for file in mail.attachments:
                for entry in entries(base64.b64decode(file["content"])):
                    self.inbox.take(entry)

    def what_they_see_is_true(self) -> None:
        dates = list(Occurrence.objects.select_related("event"))
        public = {
            date.uid: (
                "CANCELLED" if date.is_cancelled else "CONFIRMED",
                date.sequence,
                date.starts_at,
                date.event.title,
            )
            for date in dates
            if date.event.visibility == "public"
        }
        for subscriber in self.subscribers:
            assert subscriber.seen == public, subscriber.header
        by_pk = {date.pk: date for date in dates}
        standing, gone = {}, set()
        hosted = set(Host.objects.accepted().filter(person=self.person).values_list("event"))
        for date in dates:
            # A host is there, whatever they answered as a guest.
            if (date.event_id,) in hosted and not date.is_cancelled:
                standing[date.uid] = ("CONFIRMED", date.starts_at)
        rsvps = Rsvp.objects.filter(user=self.person).order_by("pk")
        for rsvp in rsvps:
            rsvp.occurrence = by_pk[rsvp.occurrence_id]
            is_on = rsvp.is_active and not rsvp.occurrence.is_cancelled
            status = "CONFIRMED" if rsvp.is_going else "TENTATIVE"
            if rsvp.occurrence.uid in standing and (rsvp.occurrence.event_id,) in hosted:
                continue
            if is_on:
                standing[rsvp.occurrence.uid] = (status, rsvp.occurrence.starts_at)
            else:
                gone.add(rsvp.occurrence.uid)
        assert shown((*facts(entry), uid) for uid, entry in self.inbox.entries.items()) == standing
        assert shown((*one, uid) for uid, one in self.own.seen.items()) == standing
        assert gone <= {date_uid(uid) for uid in self.inbox.entries}


@pytest.mark.django_db
@pytest.mark.machine
def test_what_a_program_ends_up_with_is_true() -> None:
    """Many random histories; ``STATE_MACHINE_RUNS=300`` for the long version."""
    run_state_machine_as_test(
        Programs,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=15,
            deadline=None,
            derandomize="STATE_MACHINE_RUNS" not in os.environ,
            # A history is slow to make shorter, and short enough to be read as it is.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
