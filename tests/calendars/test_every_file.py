"""Every file that leaves the house in one long story: two readers see the same in each."""

import datetime as dt
import json
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from calendars.services.links import personal_link
from events.domain.foreign_calendars import read_calendar
from events.domain.plans import DatePlan
from events.models import Event, Host, Occurrence, Rsvp
from events.services.events import cancel_event, edit_event
from events.services.hosts import accept_host, ask_host, resign_host
from events.services.rsvps import leave, place_rsvp, release_rsvp, say_maybe
from events.services.series import cancel_date, change_one_date, change_series, start_series
from events.services.series_rsvps import end_series_rsvp, place_series_rsvp
from notifications.gateway import compose
from notifications.models import Message
from tests.calendars.test_repeating import ZONES
from tests.calendars.test_repeating import read_by_python as dates_by_python
from tests.calendars.test_second_reader import (
    NODE,
    each_read_by_thunderbird,
    read_by_python,
    read_file,
)
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, write_mails
from tests.events.test_series import weekly
from tests.factories import EventFactory, UserFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(NODE is None, reason="Node.js is not here: install nodejs"),
]

TWO_YEARS = 104


class Story:
    """A weekly event and all who come to it; every file they are given on the way."""

    def __init__(self, coordinator: User, zone: str) -> None:
        self.coordinator, self.minute = coordinator, 0
        self.event = EventFactory(
            slug="circle",
            title="Evening circle; with 🎧, é and \\",
            time_zone=zone,
            place_name="Studio Nord, 2nd floor; left",
            online_url="https://meet.example/a?x=1;y=2,3",
        )
        plan = weekly(capacity=4, interval=2)
        start_series(event=self.event, version=1, plan=plan, actor=coordinator, at=NOW)
        self.regular, self.other, self.late = (UserFactory() for _ in range(3))
        self.host = UserFactory()
        self.quiet = UserFactory(wants_plain_titles=True)
        self.plain = UserFactory(wants_single_dates=True)
        self.people = [self.regular, self.other, self.late, self.host, self.quiet, self.plain]
        self.files: dict[str, bytes] = {}
        self.jcal: dict[str, Any] = {}

    def tick(self) -> dt.datetime:
        self.minute += 1
        return minutes(self.minute)

    def date(self, number: int) -> Occurrence:
        self.event = Event.objects.get(pk=self.event.pk)
        found = self.event.occurrences.select_related("series").order_by("starts_at")[number]
        found.event = self.event
        return found

    def rsvp(self, person: User, number: int) -> Rsvp:
        found = Rsvp.objects.filter(user=person, occurrence=self.date(number))
        return found.order_by("-pk")[0]

    def everybody_comes(self) -> None:
        for person in (self.regular, self.quiet, self.plain):
            place_series_rsvp(event=self.event, person=person, at=self.tick())
        place_series_rsvp(event=self.event, person=ANA, is_vouched=True, at=self.tick())
        place_rsvp(occurrence=self.date(1), person=self.other, at=self.tick())
        place_series_rsvp(event=self.event, person=self.late, at=self.tick())

    def some_go(self) -> None:
        leave(rsvp=self.rsvp(self.regular, 1), at=self.tick())
        leave(rsvp=self.rsvp(self.quiet, 4), at=self.tick())
        leave(rsvp=self.rsvp(self.plain, 4), at=self.tick())
        say_maybe(rsvp=self.rsvp(self.regular, 5), at=self.tick())
        release_rsvp(rsvp=self.rsvp(self.regular, 6), at=self.tick())
        place_rsvp(occurrence=self.date(1), person=self.regular, at=self.tick())

    def somebody_hosts(self) -> None:
        event, email = self.event, self.host.email
        asked = ask_host(event=event, email=email, level="host", by=self.coordinator, at=NOW)
        accept_host(host=asked, person=self.host, name="M", is_shown=True, at=self.tick())

    def dates_change(self) -> None:
        first = self.date(0)
        later = first.starts_at + dt.timedelta(days=1, hours=3)
        plan = DatePlan(later, later + dt.timedelta(hours=2), 4, first.pk, "Bring a mat; 🎧")
        self.change(change_one_date, occurrence=first, plan=plan)
        self.change(cancel_date, occurrence=self.date(2), note="")

    def the_rule_changes(self) -> None:
        pivot = self.date(8).recurrence_on
        assert pivot is not None
        plan = weekly(1, starts_on=pivot, clock=dt.time(20), capacity=4, interval=2)
        series = self.event.series.get()
        self.change(change_series, series=series, pivot=pivot, plan=plan, keep=[])
        words = {"place_name": "Studio Süd"}
        self.event.refresh_from_db()
        self.change(edit_event, event=self.event, words=words, dates=[])

    def some_end(self) -> None:
        end_series_rsvp(series_rsvp=self.event.series_rsvps.get(user=self.late), at=self.tick())
        resign_host(host=Host.objects.get(), at=self.tick())

    def all_is_cancelled(self) -> None:
        self.event.refresh_from_db()
        cancel_event(event=self.event, note="", actor=self.coordinator, at=self.tick())

    def change(self, service: Any, **what: Any) -> None:
        version = Event.objects.get(pk=self.event.pk).version
        service(**what, version=version, actor=self.coordinator, at=self.tick())

    def collect(self, chapter: str) -> None:
        """What everybody's program is sent and may ask for now."""
        write_mails()
        for message in Message.objects.order_by("pk"):
            for part in compose(message).message().walk():
                if part.get_content_type() == "text/calendar":
                    payload = part.get_payload(decode=True)
                    assert isinstance(payload, bytes)
                    name = f"mail {message.pk} {part.get_param('method')}"
                    assert self.files.setdefault(name, payload) == payload
        day = self.date(3).page_day
        secrets = [personal_link(user=person, at=NOW).secret for person in self.people]
        paths = [
            "/events/feed.ics",
            "/events/circle/event.ics",
            f"/events/circle/event.ics?date={day}",
            *(f"/calendar/{secret}.ics" for secret in secrets),
            f"/calendar/{secrets[3]}.ics?only=hosted",
        ]
        with time_machine.travel(self.tick(), tick=False):
            for path in paths:
                page = Client().get(path)
                assert page.status_code == 200, path
                self.files[f"{chapter} {path}"] = page.content
            page = Client().get("/api/v1/events/circle/calendar")
            self.jcal[chapter] = json.loads(page.content)


CHAPTERS = {
    "they come": [Story.everybody_comes, Story.some_go, Story.somebody_hosts],
    "it changes": [Story.dates_change, Story.the_rule_changes],
    "it ends": [Story.some_end, Story.all_is_cancelled],
}


EVERY_KIND = {
    *(f"REQUEST {shape} CONFIRMED" for shape in ("", "RRULE", "RECURRENCE-ID")),
    *(f"REQUEST {shape} TENTATIVE" for shape in ("", "RECURRENCE-ID")),
    *(f"CANCEL {shape} CANCELLED" for shape in ("", "RRULE", "RECURRENCE-ID")),
    *(f"PUBLISH  {status}" for status in ("CONFIRMED", "CANCELLED")),
    *(f"None  {status}" for status in ("CONFIRMED", "TENTATIVE", "CANCELLED")),
    *(f"None RECURRENCE-ID {status}" for status in ("CONFIRMED", "TENTATIVE", "CANCELLED")),
    *(f"None RRULE {status}" for status in ("CONFIRMED", "CANCELLED")),
}


@pytest.mark.parametrize("zone", ZONES)
def test_two_readers_see_the_same_in_every_file(coordinator: User, zone: str) -> None:
    story = Story(coordinator, zone)
    for chapter, acts in CHAPTERS.items():
        for act in acts:
            act(story)
        story.collect(chapter)
    files, jcal = list(story.files.items()), list(story.jcal.items())
    seen = each_read_by_thunderbird(
        [*(body for _name, body in files), *(body for _name, body in jcal)], instances=TWO_YEARS
    )
    said = set()
    for (name, body), by_thunderbird in zip(files, seen, strict=False):
        calendar = read_file(body)
        method = str(calendar["METHOD"]) if "METHOD" in calendar else None
        assert by_thunderbird["method"] == method
        assert method == (name.split()[-1] if name.startswith("mail") else None)
        assert by_thunderbird["events"] == read_by_python(body), name
        assert by_thunderbird["instances"] == dates_by_python(body, TWO_YEARS), name
        for entry in calendar.walk("VEVENT"):
            shape = "RRULE" if "RRULE" in entry else "RECURRENCE-ID" * ("RECURRENCE-ID" in entry)
            said.add(f"{method} {shape} {entry['STATUS']}")
    assert said >= EVERY_KIND

    # The API says the same as the file, and a file that is read in again is about the same dates.
    for (chapter, _body), by_thunderbird in zip(jcal, seen[len(files) :], strict=True):
        file = story.files[f"{chapter} /events/circle/event.ics"]
        assert by_thunderbird["events"] == read_by_python(file)
        with time_machine.travel(minutes(60), tick=False):
            found = read_calendar(file, default_zone="UTC", at=NOW)
        live = [one for one in by_thunderbird["events"] if one["status"] != "CANCELLED"]
        assert [
            (one.uid, date.starts_at.timestamp(), date.ends_at.timestamp())
            for one in found
            for date in one.dates
            if one.uid in {entry["uid"] for entry in live}
        ] == [(one["uid"], one["starts_at"], one["ends_at"]) for one in live]
