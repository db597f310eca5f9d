"""What the calendar of somebody who comes every time is sent by mail, and what it answers."""

import datetime as dt
import os
import random
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import time_machine
from dateutil.rrule import rrulestr
from django.test import Client

from accounts.models import User
from calendars.models import FeedToken, InboundReply
from calendars.services.inbound import receive
from calendars.services.links import personal_link
from common.reply_addresses import name_in, reply_address
from events.domain.plans import DatePlan
from events.models import Event, Occurrence, Rsvp, SeriesRsvp
from events.services.events import cancel_event, edit_event
from events.services.hosts import accept_host, ask_host
from events.services.replies import apply_replies
from events.services.rsvps import leave, place_rsvp, release_rsvp, say_maybe
from events.services.series import (
    cancel_date,
    change_one_date,
    change_series,
    extend_series,
    start_series,
)
from events.services.series_rsvps import (
    come_after_all,
    confirm_series_rsvp,
    end_series_rsvp,
    follow_choices,
    join_due,
    place_series_rsvp,
    show_as,
)
from notifications.gateway import compose
from notifications.models import Message
from tests.calendars.mail import AUTH_SERVER, calendar_reply, mail
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, write_mails
from tests.events.test_series import weekly
from tests.factories import EventFactory, UserFactory

pytestmark = pytest.mark.django_db

THURSDAY = dt.date(2026, 6, 4)
HORIZON = NOW + dt.timedelta(days=150)
RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "3"))


@pytest.fixture(autouse=True)
def our_server(settings: Any) -> None:
    settings.MAIL_AUTH_SERVER = AUTH_SERVER


@pytest.fixture
def event(coordinator: User) -> Event:
    """Every Thursday at 18:00 without end, in Berlin, one place on each date."""
    event = EventFactory(slug="circle", time_zone="Europe/Berlin")
    start_series(event=event, version=1, plan=weekly(capacity=1), actor=coordinator, at=NOW)
    return Event.objects.get(pk=event.pk)


def dates(event: Event) -> list[Occurrence]:
    found = event.occurrences.select_related("series").order_by("starts_at")
    for one in found:
        one.event = event
    return list(found)


def entries(body: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(body).walk("VEVENT"))


def messages(to: str, *, after: int = 0) -> list[tuple[str, list[icalendar.Event]]]:
    """Every scheduling message mailed to this person: its method, and its entries."""
    write_mails()
    found = []
    for message in Message.objects.filter(to=to, pk__gt=after).order_by("pk"):
        parts = compose(message).message().walk()
        for part in parts:
            if part.get_content_type() == "text/calendar" and part.get_filename():
                calendar = icalendar.Calendar.from_ical(part.get_payload(decode=True))
                assert calendar["METHOD"] == part.get_param("method")
                found.append((str(calendar["METHOD"]), list(calendar.walk("VEVENT"))))
    return found


def last(to: str) -> tuple[str, list[icalendar.Event]]:
    return messages(to)[-1]


# --- What a program makes of them ---------------------------------------------------------


class Program:
    """A calendar that knows nothing but the mails, and acts on them as RFC 5546 says."""

    def __init__(self) -> None:
        self.entries: dict[str, icalendar.Event] = {}
        self.instead: dict[str, dict[dt.datetime, icalendar.Event]] = {}

    def take(self, method: str, found: list[icalendar.Event]) -> None:
        if method in ("REQUEST", "CANCEL"):
            assert len({str(one["UID"]) for one in found}) == 1
            assert all(one["ATTENDEE"] and one["ORGANIZER"] for one in found)
        if method == "CANCEL":
            assert {str(one["STATUS"]) for one in found} == {"CANCELLED"}
        if method == "REQUEST":
            assert "CANCELLED" not in {str(one["STATUS"]) for one in found}
        masters = [one for one in found if "RECURRENCE-ID" not in one]
        for one in masters:
            uid = str(one["UID"])
            if uid in self.entries:
                assert self.age(one) >= self.age(self.entries[uid])
                assert one["ORGANIZER"] == self.entries[uid]["ORGANIZER"]
            self.entries[uid], self.instead[uid] = one, {}
        for one in found:
            if "RECURRENCE-ID" in one:
                uid, named = str(one["UID"]), one["RECURRENCE-ID"].dt
                assert uid in self.entries, "a date of something that is not in the calendar"
                assert one["ORGANIZER"] == self.entries[uid]["ORGANIZER"]
                assert self.age(one) >= self.age(self.instead[uid].get(named))
                assert one["SEQUENCE"] >= self.entries[uid]["SEQUENCE"]
                self.instead[uid][named] = one

    def age(self, entry: icalendar.Event | None) -> tuple[int, dt.datetime]:
        if entry is None:
            return (0, dt.datetime.min.replace(tzinfo=dt.UTC))
        return int(entry["SEQUENCE"]), entry["DTSTAMP"].dt

    def shown(self) -> list[tuple[str, dt.datetime, str]]:
        return shown(list(self.entries.values()), self.instead)


def shown(
    found: list[icalendar.Event], instead: dict[str, dict[dt.datetime, icalendar.Event]]
) -> list[tuple[str, dt.datetime, str]]:
    """What a person sees up to the horizon: which entry, when, and how sure it is."""
    seen = []
    for entry in found:
        uid = str(entry["UID"])
        if entry["STATUS"] == "CANCELLED":
            continue
        if "RRULE" not in entry:
            seen.append((uid, entry["DTSTART"].dt.astimezone(dt.UTC), str(entry["STATUS"])))
            continue
        first = entry["DTSTART"].dt
        lists = entry.get("EXDATE", [])
        gone = {
            one.dt for each in (lists if isinstance(lists, list) else [lists]) for one in each.dts
        }
        how = entry["RRULE"].copy()
        if "UNTIL" in how:
            how["UNTIL"] = [how["UNTIL"][0].astimezone(first.tzinfo).replace(tzinfo=None)]
        for wall in rrulestr(how.to_ical().decode(), dtstart=first.replace(tzinfo=None)):
            when = wall.replace(tzinfo=first.tzinfo)
            if when > HORIZON:
                break
            one = instead.get(uid, {}).get(when)
            if when in gone and one is None:
                continue
            said = one or entry
            if said["STATUS"] != "CANCELLED":
                at = one["DTSTART"].dt if one else when
                seen.append((uid, at.astimezone(dt.UTC), str(said["STATUS"])))
    return sorted((one for one in seen if one[1] <= HORIZON), key=lambda one: one[1:])


def in_feed(link: FeedToken, at: dt.datetime) -> list[tuple[str, dt.datetime, str]]:
    """The same of the personal feed."""
    with time_machine.travel(at, tick=False):
        found = entries(Client().get(f"/calendar/{link.secret}.ics").content)
    instead: dict[str, dict[dt.datetime, icalendar.Event]] = {}
    for one in found:
        if "RECURRENCE-ID" in one:
            instead.setdefault(str(one["UID"]), {})[one["RECURRENCE-ID"].dt] = one
    return shown([one for one in found if "RECURRENCE-ID" not in one], instead)


def true_of(person: User) -> list[tuple[dt.datetime, str]]:
    """Where the person is expected, from the rows."""
    rsvps = Rsvp.objects.active().filter(user=person).select_related("occurrence__event")
    return sorted(
        (one.occurrence.starts_at, "CONFIRMED" if one.is_going else "TENTATIVE")
        for one in rsvps
        if not one.occurrence.is_cancelled and one.occurrence.starts_at <= HORIZON
    )


def calendar_of(person: User) -> Program:
    program = Program()
    for method, found in messages(person.email):
        program.take(method, found)
    return program


# --- Coming -----------------------------------------------------------------------------


def test_a_yes_to_every_date_is_one_request_with_the_rule(event: Event, attendee: User) -> None:
    out = dates(event)[2]
    series_rsvp = place_series_rsvp(event=event, person=attendee, left_out=[out.pk], at=NOW)
    ((method, (entry,)),) = messages(attendee.email)
    series = event.series.get()
    assert (method, entry["UID"], entry["SEQUENCE"]) == ("REQUEST", series.uid, 0)
    assert entry["RRULE"].to_ical() == b"FREQ=WEEKLY;BYDAY=TH"
    assert [one.dt for one in entry["EXDATE"].dts] == [out.starts_at]
    assert entry["ATTENDEE"] == f"mailto:{attendee.email}"
    assert entry["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    assert name_in(str(entry["ORGANIZER"]).removeprefix("mailto:")) == series_rsvp.reference


def test_a_date_on_which_they_wait_is_tentative_in_the_request(
    event: Event, attendee: User
) -> None:
    full = dates(event)[1]
    place_rsvp(occurrence=full, person=UserFactory(), at=NOW)
    place_series_rsvp(event=event, person=attendee, at=minutes(1))
    ((_method, (master, waiting)),) = messages(attendee.email)
    assert (waiting["UID"], waiting["RECURRENCE-ID"].dt) == (master["UID"], full.starts_at)
    assert (waiting["STATUS"], waiting["TRANSP"]) == ("TENTATIVE", "TRANSPARENT")
    assert waiting["ATTENDEE"].params["PARTSTAT"] == "TENTATIVE"


def test_a_date_they_had_answered_before_stays_an_entry_of_its_own(
    event: Event, attendee: User
) -> None:
    first = dates(event)[0]
    place_rsvp(occurrence=first, person=attendee, at=NOW)
    place_series_rsvp(event=event, person=attendee, at=minutes(1))
    seen = calendar_of(attendee).shown()
    assert [(when, status) for _uid, when, status in seen] == true_of(attendee)
    assert seen == in_feed(personal_link(user=attendee, at=NOW), minutes(3))


def test_a_guest_is_invited_to_every_date_once_they_have_confirmed(event: Event) -> None:
    series_rsvp = place_series_rsvp(event=event, person=ANA, at=NOW)
    assert messages(ANA.email) == []
    confirm_series_rsvp(series_rsvp=series_rsvp, at=minutes(1))
    ((method, (entry,)),) = messages(ANA.email)
    assert (method, entry["ATTENDEE"]) == ("REQUEST", f"mailto:{ANA.email}")


def test_a_discreet_series_says_when_and_nothing_of_what(event: Event, attendee: User) -> None:
    User.objects.filter(pk=attendee.pk).update(wants_plain_titles=True)
    attendee.refresh_from_db()
    place_series_rsvp(event=event, person=attendee, at=NOW)
    _method, (entry,) = last(attendee.email)
    assert (entry["SUMMARY"], entry["CLASS"]) == ("Busy", "PRIVATE")
    assert "LOCATION" not in entry
    assert event.title not in Message.objects.get(to=attendee.email).files[0].content.decode()


# --- One date ----------------------------------------------------------------------------


def test_a_promotion_on_one_date_names_it(event: Event, attendee: User) -> None:
    full = dates(event)[1]
    first = place_rsvp(occurrence=full, person=UserFactory(), at=NOW)
    place_series_rsvp(event=event, person=attendee, at=minutes(1))
    leave(rsvp=first, at=minutes(2))
    method, (entry,) = last(attendee.email)
    assert (method, entry["STATUS"]) == ("REQUEST", "CONFIRMED")
    assert (entry["UID"], entry["RECURRENCE-ID"].dt) == (event.series.get().uid, full.starts_at)


def test_leaving_one_date_cancels_that_date_alone(event: Event, attendee: User) -> None:
    place_series_rsvp(event=event, person=attendee, at=NOW)
    second = dates(event)[1]
    leave(rsvp=Rsvp.objects.get(user=attendee, occurrence=second), at=minutes(1))
    method, (entry,) = last(attendee.email)
    assert (method, entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    assert (entry["UID"], entry["RECURRENCE-ID"].dt) == (event.series.get().uid, second.starts_at)


def test_a_date_that_moves_or_does_not_take_place_names_the_day_of_the_rule(
    event: Event, attendee: User, coordinator: User
) -> None:
    place_series_rsvp(event=event, person=attendee, at=NOW)
    first, second, *_others = dates(event)
    later = first.starts_at + dt.timedelta(hours=2)
    plan = DatePlan(later, later + dt.timedelta(hours=1), 1, first.pk)
    change_one_date(
        occurrence=first, plan=plan, version=event.version, actor=coordinator, at=minutes(1)
    )
    method, (entry,) = last(attendee.email)
    assert (method, entry["SEQUENCE"], entry["DTSTART"].dt) == ("REQUEST", 1, later)
    assert entry["RECURRENCE-ID"].dt == first.starts_at
    event.refresh_from_db()
    cancel_date(occurrence=second, note="", version=event.version, actor=coordinator, at=minutes(2))
    method, (entry,) = last(attendee.email)
    assert (method, entry["SEQUENCE"]) == ("CANCEL", 1)
    assert entry["RECURRENCE-ID"].dt == second.starts_at


def test_a_date_that_was_left_out_is_there_after_all(event: Event, attendee: User) -> None:
    out = dates(event)[1]
    series_rsvp = place_series_rsvp(event=event, person=attendee, left_out=[out.pk], at=NOW)
    come_after_all(series_rsvp=series_rsvp, occurrence=out, at=minutes(1))
    method, (entry,) = last(attendee.email)
    assert (method, entry["SEQUENCE"]) == ("REQUEST", 1)
    assert "EXDATE" not in entry


# --- The whole ---------------------------------------------------------------------------


def test_this_and_following_ends_one_entry_and_begins_another(
    event: Event, attendee: User, coordinator: User
) -> None:
    place_series_rsvp(event=event, person=attendee, at=NOW)
    series = event.series.get()
    pivot = dates(event)[2]
    assert pivot.recurrence_on is not None
    later = change_series(
        series=series,
        pivot=pivot.recurrence_on,
        plan=weekly(3, starts_on=pivot.recurrence_on, clock=dt.time(20), capacity=1),
        keep=[],
        version=event.version,
        actor=coordinator,
        at=minutes(1),
    )
    (_first, (method, (old,)), (again, (new,))) = messages(attendee.email)
    assert (method, again) == ("REQUEST", "REQUEST")
    assert (old["UID"], old["SEQUENCE"]) == (series.uid, 1)
    assert "UNTIL" in old["RRULE"]
    assert (new["UID"], new["DTSTART"].dt.hour) == (later.uid, 20)
    told = Message.objects.filter(to=attendee.email).order_by("pk").last()
    assert told is not None
    assert "it was" in told.text
    seen = calendar_of(attendee).shown()
    assert [(when, status) for _uid, when, status in seen] == true_of(attendee)


def test_another_place_is_the_same_entry_with_a_higher_sequence(
    event: Event, attendee: User, coordinator: User
) -> None:
    place_series_rsvp(event=event, person=attendee, at=NOW)
    edit_event(
        event=event,
        version=event.version,
        words={"place_name": "Studio Süd"},
        dates=[],
        actor=coordinator,
        at=minutes(1),
    )
    (_first, (method, (entry,))) = messages(attendee.email)
    assert (method, entry["UID"], entry["SEQUENCE"]) == ("REQUEST", event.series.get().uid, 1)
    assert "Studio Süd" in entry["LOCATION"]


def test_a_cancelled_event_takes_the_whole_out_in_one_mail(
    event: Event, attendee: User, coordinator: User
) -> None:
    place_series_rsvp(event=event, person=attendee, at=NOW)
    cancel_event(event=event, note="The room burned.", actor=coordinator, at=minutes(1))
    (_first, (method, (entry,))) = messages(attendee.email)
    assert (method, entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    assert "RECURRENCE-ID" not in entry
    assert in_feed(personal_link(user=attendee, at=NOW), minutes(2)) == []


def test_who_no_longer_comes_has_the_whole_taken_out_and_may_come_again(
    event: Event, attendee: User
) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    end_series_rsvp(series_rsvp=series_rsvp, at=minutes(1))
    (_first, (method, (entry,))) = messages(attendee.email)
    assert (method, entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    assert "RECURRENCE-ID" not in entry
    place_series_rsvp(event=event, person=attendee, at=minutes(2))
    method, (again,) = last(attendee.email)
    assert (method, again["SEQUENCE"]) == ("REQUEST", 0)
    assert again["UID"] != entry["UID"]
    assert Rsvp.objects.active().filter(user=attendee).count() == 26
    seen = calendar_of(attendee).shown()
    assert [(when, status) for _uid, when, status in seen] == true_of(attendee)
    assert seen == in_feed(personal_link(user=attendee, at=NOW), minutes(3))


def test_what_was_stays_in_ones_own_feed_when_the_whole_ends(event: Event, attendee: User) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    first = dates(event)[0]
    later = first.ends_at + dt.timedelta(days=1)
    end_series_rsvp(series_rsvp=series_rsvp, at=later)
    ((uid, when, status),) = in_feed(personal_link(user=attendee, at=NOW), later)
    assert (uid, when, status) == (first.uid, first.starts_at, "CONFIRMED")


def test_dates_joined_later_than_the_mail_are_told_in_one(event: Event, attendee: User) -> None:
    Event.objects.update(rsvp_opens_at=minutes(60))
    event.refresh_from_db()
    place_series_rsvp(event=event, person=attendee, at=NOW)
    assert messages(attendee.email) == []
    join_due(event=event, at=minutes(61))
    ((method, (entry,)),) = messages(attendee.email)
    assert (method, entry["RRULE"].to_ical()) == ("REQUEST", b"FREQ=WEEKLY;BYDAY=TH")


# --- Single dates ------------------------------------------------------------------------


def test_who_wants_single_dates_has_a_file_of_them_that_asks_nothing(
    event: Event, attendee: User
) -> None:
    User.objects.filter(pk=attendee.pk).update(wants_single_dates=True)
    attendee.refresh_from_db()
    place_series_rsvp(event=event, person=attendee, at=NOW)
    ((method, found),) = messages(attendee.email)
    assert method == "PUBLISH"
    assert [str(one["UID"]) for one in found] == [one.uid for one in dates(event)]
    assert all("ORGANIZER" in one and "ATTENDEE" not in one for one in found)
    leave(rsvp=Rsvp.objects.get(user=attendee, occurrence=dates(event)[0]), at=minutes(1))
    method, (entry,) = last(attendee.email)
    assert (method, entry["UID"]) == ("CANCEL", dates(event)[0].uid)
    assert "RECURRENCE-ID" not in entry


def test_another_form_takes_out_the_one_and_brings_the_other(event: Event, attendee: User) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    link = personal_link(user=attendee, at=NOW)
    for minute, is_repeating in enumerate([False, True, False], start=1):
        show_as(series_rsvp=series_rsvp, is_repeating=is_repeating, at=minutes(minute))
        show_as(series_rsvp=series_rsvp, is_repeating=is_repeating, at=minutes(minute))
        assert len(messages(attendee.email)) == 1 + 2 * minute
        seen = calendar_of(attendee).shown()
        assert [(when, status) for _uid, when, status in seen] == true_of(attendee)
        assert seen == in_feed(link, minutes(minute + 0.5))
    attendee.refresh_from_db()
    assert attendee.wants_single_dates
    User.objects.update(wants_single_dates=False)
    assert (follow_choices(at=minutes(9)), follow_choices(at=minutes(10))) == (1, 0)


def test_a_guest_chooses_the_form_on_the_page_of_their_dates(event: Event, client: Client) -> None:
    series_rsvp = place_series_rsvp(event=event, person=ANA, is_vouched=True, at=NOW)
    with time_machine.travel(minutes(5), tick=False):
        assert b"Each date by itself" in client.get(series_rsvp.manage_path).content
        client.post(series_rsvp.manage_path, {"act": "single"})
        assert b"One entry that repeats" in client.get(series_rsvp.manage_path).content
    assert [method for method, _found in messages(ANA.email)] == ["REQUEST", "CANCEL", "PUBLISH"]


# --- Answers -----------------------------------------------------------------------------


def answer(
    series_rsvp: SeriesRsvp,
    what: str,
    *,
    on: str = "",
    minute: float = 10,
    sequence: int = 0,
    uid: str = "",
) -> InboundReply:
    """What the person's program sends of all dates, or of the one that ``on`` names."""
    series = series_rsvp.event.series.order_by("pk").first()
    assert series is not None
    body = calendar_reply(
        uid=uid or series_rsvp.calendar_uid(series),
        attendee=series_rsvp.email,
        answer=what,
        sequence=sequence,
        at=minutes(minute),
        more=f"RECURRENCE-ID{on}" if on else "",
    )
    raw = mail(
        sender=series_rsvp.email,
        to=reply_address(series_rsvp.reference),
        calendar=body,
        message_id=f"<{InboundReply.objects.count()}@calendar.example>",
    )
    reply = receive(raw=raw, at=minutes(minute))
    assert reply is not None
    assert apply_replies(at=minutes(minute)) == 1
    reply.refresh_from_db()
    return reply


@pytest.mark.parametrize(
    "on",
    [
        ":20260611T160000Z",
        ";TZID=Europe/Berlin:20260611T180000",
        ":20260611T180000",
        ";VALUE=DATE:20260611",
    ],
)
def test_an_answer_about_one_date_is_an_answer_for_that_date(
    event: Event, attendee: User, on: str
) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    assert answer(series_rsvp, "DECLINED", on=on).state == "applied"
    statuses = Rsvp.objects.filter(user=attendee).order_by("occurrence__starts_at")
    assert list(statuses.values_list("status", flat=True)[:3]) == ["going", "left", "going"]
    method, (entry,) = last(attendee.email)
    assert (method, entry["RECURRENCE-ID"].dt) == ("CANCEL", dates(event)[1].starts_at)


def test_answers_about_several_dates_each_count(event: Event, attendee: User) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    answer(series_rsvp, "DECLINED", on=":20260611T160000Z", minute=10)
    late = answer(series_rsvp, "TENTATIVE", on=":20260618T160000Z", minute=9)
    assert late.state == "applied"
    statuses = Rsvp.objects.filter(user=attendee).order_by("occurrence__starts_at")
    assert list(statuses.values_list("status", flat=True)[:3]) == ["going", "left", "maybe"]
    again = answer(series_rsvp, "ACCEPTED", on=":20260618T160000Z", minute=8)
    assert (again.state, again.reason) == ("refused", "seen")


def test_a_no_to_all_is_the_end_of_coming_every_time(event: Event, attendee: User) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    assert answer(series_rsvp, "DECLINED").state == "applied"
    series_rsvp.refresh_from_db()
    assert series_rsvp.status == "ended"
    assert set(Rsvp.objects.filter(user=attendee).values_list("status", flat=True)) == {"left"}
    assert last(attendee.email)[0] == "CANCEL"


@pytest.mark.parametrize("is_guest", [True, False])
def test_a_yes_to_all_after_the_end_is_a_new_one(event: Event, is_guest: bool) -> None:
    person = ANA if is_guest else UserFactory()
    series_rsvp = place_series_rsvp(event=event, person=person, is_vouched=True, at=NOW)
    end_series_rsvp(series_rsvp=series_rsvp, at=minutes(5))
    assert answer(series_rsvp, "ACCEPTED", sequence=1).state == "applied"
    assert Rsvp.objects.active().count() == 26
    method, (entry,) = last(person.email)
    assert (method, entry["SEQUENCE"]) == ("REQUEST", 0)


def test_a_yes_to_all_of_who_comes_changes_nothing(event: Event, attendee: User) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    assert answer(series_rsvp, "ACCEPTED").state == "applied"
    assert len(messages(attendee.email)) == 1


def test_a_maybe_to_all_gives_the_places_to_others_in_one_mail(
    event: Event, attendee: User
) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    waiting = place_rsvp(occurrence=dates(event)[0], person=UserFactory(), at=minutes(1))
    assert answer(series_rsvp, "TENTATIVE").state == "applied"
    waiting.refresh_from_db()
    assert waiting.status == "going"
    assert set(Rsvp.objects.filter(user=attendee).values_list("status", flat=True)) == {"maybe"}
    assert Message.objects.filter(to=attendee.email).count() == 2
    seen = calendar_of(attendee).shown()
    assert {status for _uid, when, status in seen if when > NOW} >= {"TENTATIVE"}
    assert [(when, status) for _uid, when, status in seen] == true_of(attendee)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"uid": "somebody-elses"}, "other_entry"),
        ({"on": ":20270611T160000Z"}, "other_entry"),
        ({"on": ":20260610T160000Z"}, "other_entry"),
    ],
)
def test_an_answer_about_nothing_that_is_there_changes_nothing(
    event: Event, attendee: User, how: dict[str, str], reason: str
) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    reply = answer(series_rsvp, "DECLINED", **how)
    assert (reply.state, reply.reason) == ("refused", reason)
    assert Rsvp.objects.active().filter(user=attendee).count() == 26


def test_an_answer_to_what_has_changed_since_is_not_applied(
    event: Event, attendee: User, coordinator: User
) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    first = dates(event)[0]
    later = first.starts_at + dt.timedelta(hours=2)
    plan = DatePlan(later, later + dt.timedelta(hours=1), 1, first.pk)
    change_one_date(
        occurrence=first, plan=plan, version=event.version, actor=coordinator, at=minutes(1)
    )
    reply = answer(series_rsvp, "DECLINED", on=":20260604T160000Z", sequence=0)
    assert (reply.state, reply.reason) == ("refused", "old")
    assert (
        answer(series_rsvp, "DECLINED", on=":20260604T160000Z", sequence=1, minute=11).reason == ""
    )


LATER = ";TZID=Europe/Berlin:20270107T180000"


def test_a_no_to_a_date_that_is_not_made_yet_holds_when_it_is_made(
    event: Event, attendee: User
) -> None:
    link = personal_link(user=attendee, at=NOW)
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    series = event.series.get()
    for minute in (10, 11):
        reply = answer(series_rsvp, "DECLINED", on=LATER, minute=minute)
        assert (reply.state, reply.reason) == ("applied", "")
    series_rsvp.refresh_from_db()
    assert series_rsvp.days_left_out == [dt.date(2027, 1, 7)]
    assert Rsvp.objects.active().filter(user=attendee).count() == 26
    with time_machine.travel(minutes(12), tick=False):
        (entry,) = entries(Client().get(f"/calendar/{link.secret}.ics").content)
    assert [one.dt.date() for one in entry["EXDATE"].dts] == [dt.date(2027, 1, 7)]
    extend_series(series=series, at=NOW + dt.timedelta(days=60))
    join_due(event=event, at=NOW + dt.timedelta(days=60))
    made = event.occurrences.filter(recurrence_on__gte=dt.date(2026, 12, 31))
    coming = made.filter(rsvps__user=attendee).order_by("recurrence_on")
    days = list(coming.values_list("recurrence_on", flat=True))
    assert days[:2] == [dt.date(2026, 12, 31), dt.date(2027, 1, 14)]
    # They may still come, from the page of their dates.
    out = made.select_related("event").get(recurrence_on=dt.date(2027, 1, 7))
    come_after_all(series_rsvp=series_rsvp, occurrence=out, at=minutes(20))
    assert Rsvp.objects.active().filter(user=attendee, occurrence=out).exists()
    series_rsvp.refresh_from_db()
    assert series_rsvp.days_left_out == []


def test_a_yes_after_a_no_to_a_date_that_is_not_made_yet_is_joined(
    event: Event, attendee: User
) -> None:
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    answer(series_rsvp, "DECLINED", on=LATER, minute=10)
    assert answer(series_rsvp, "TENTATIVE", on=LATER, minute=11).reason == "other_entry"
    assert answer(series_rsvp, "ACCEPTED", on=LATER, minute=12).state == "applied"
    extend_series(series=event.series.get(), at=NOW + dt.timedelta(days=60))
    out = event.occurrences.get(recurrence_on=dt.date(2027, 1, 7))
    assert Rsvp.objects.active().filter(user=attendee, occurrence=out).exists()


def test_a_hostile_answer_to_a_date_touches_no_other_date_and_nobody_else(
    event: Event, attendee: User
) -> None:
    """Each says no to what may or may not be a date. Only one that names the moment, the time
    on the wall or the day of a date counts, and for that date."""
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=NOW)
    place_series_rsvp(event=event, person=UserFactory(), at=minutes(1))
    chance = random.Random(6)
    thursdays = {one.starts_at: one for one in dates(event)}
    zones = [*map(ZoneInfo, ("America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "UTC"))]
    unknown = ["Nowhere/At all", "é🎧"]
    texts = ["", "x", "🎧" * 40, "\\;,:", "-1", "T", "0" * 500, "00000000T000000Z"]
    expected: dict[dt.datetime, str] = dict.fromkeys(thursdays, "going")
    for number in range(60):
        some = THURSDAY + dt.timedelta(days=chance.randrange(-30, 400))
        week = THURSDAY + dt.timedelta(weeks=chance.randrange(60))
        day = chance.choice([week, week, some, dt.date(1, 1, 1), dt.date(9999, 12, 31)])
        clock = chance.choice([dt.time(18), dt.time(18), dt.time(16), dt.time(23, 59, 59)])
        elsewhere = chance.choice(zones)
        wall = f"{day.year:04}{day:%m%d}T{clock:%H%M%S}"
        forms = {
            f":{wall}Z": dt.UTC,
            f":{wall}": event.zone,
            f";TZID=Europe/Berlin:{wall}": event.zone,
            f";TZID={elsewhere.key}:{wall}": elsewhere,
            f";TZID={chance.choice(unknown)}:{wall}": event.zone,
            f";VALUE=DATE:{wall[:8]}": event.zone,
            f";VALUE=PERIOD:{wall}Z/PT1H": None,
            f":{wall}Z\r\nRECURRENCE-ID:{wall}Z": None,
            f":{chance.choice(texts)}": None,
        }
        on, zone = chance.choice(list(forms.items()))
        if zone is not None and day.year not in (1, 9999):
            at = dt.time(18) if "VALUE=DATE" in on else clock
            named = dt.datetime.combine(day, at, zone).astimezone(dt.UTC)
            if named in expected:
                expected[named] = "left"
        raw = mail(
            sender=attendee.email,
            to=reply_address(series_rsvp.reference),
            calendar=calendar_reply(
                uid=event.series.get().uid,
                attendee=attendee.email,
                answer="DECLINED",
                at=minutes(10 + number),
                more=f"RECURRENCE-ID{on}",
            ),
            message_id=f"<{number}@calendar.example>",
        )
        receive(raw=raw, at=minutes(10 + number))
        apply_replies(at=minutes(10 + number))
        assert not InboundReply.objects.waiting().exists()
        mine = Rsvp.objects.filter(user=attendee)
        now = dict(mine.values_list("occurrence__starts_at", "status"))
        assert now == expected, on
    assert set(expected.values()) == {"going", "left"}
    others = Rsvp.objects.exclude(user=attendee)
    assert set(others.values_list("status", flat=True)) <= {"going", "waitlisted"}
    assert others.count() == len(thursdays)
    series_rsvp.refresh_from_db()
    assert series_rsvp.status == "active"
    assert {one.weekday() for one in series_rsvp.days_left_out} <= {3}


def test_who_hosts_has_single_dates_whatever_they_choose(
    event: Event, attendee: User, coordinator: User
) -> None:
    asked = ask_host(event=event, email=attendee.email, level="host", by=coordinator, at=NOW)
    accept_host(host=asked, person=attendee, name="M", is_shown=True, at=NOW)
    series_rsvp = place_series_rsvp(event=event, person=attendee, at=minutes(1))
    assert not show_as(series_rsvp=series_rsvp, is_repeating=True, at=minutes(2)).is_repeating
    with time_machine.travel(minutes(5), tick=False):
        link = personal_link(user=attendee, at=NOW)
        found = entries(Client().get(f"/calendar/{link.secret}.ics").content)
    assert [str(one["UID"]) for one in found] == [one.uid for one in dates(event)]
    assert not [one for one in found if "RRULE" in one]


# --- In any order ------------------------------------------------------------------------


class Regular:
    """Coordinators who change everything, and somebody who comes every time, or does not."""

    def __init__(self, chance: random.Random, event: Event, coordinator: User) -> None:
        self.chance, self.pk, self.coordinator = chance, event.pk, coordinator
        self.person, self.other = UserFactory(), UserFactory()
        self.link: FeedToken = personal_link(user=self.person, at=NOW)
        self.program = Program()
        self.minute, self.delivered = 0.0, 0
        place_series_rsvp(event=event, person=self.person, at=self.tick())

    def tick(self) -> dt.datetime:
        self.minute += 0.1
        return minutes(self.minute)

    @property
    def event(self) -> Event:
        return Event.objects.get(pk=self.pk)

    def a_date(self) -> Occurrence | None:
        coming = [one for one in dates(self.event) if not one.is_cancelled][:6]
        return self.chance.choice(coming) if coming else None

    def all_dates(self) -> SeriesRsvp | None:
        return SeriesRsvp.objects.active().filter(user=self.person).first()

    def they_come(self) -> None:
        if (date := self.a_date()) is not None:
            place_rsvp(occurrence=date, person=self.person, at=self.tick())

    def they_come_every_time(self) -> None:
        date = self.a_date()
        if date is not None and date.series_id:
            place_series_rsvp(
                event=self.event, person=self.person, left_out=[date.pk], at=self.tick()
            )

    def they_go(self) -> None:
        coming = Rsvp.objects.active().filter(user=self.person)
        rsvps = list(coming.order_by("occurrence__starts_at")[:6])
        if rsvps:
            act = self.chance.choice([leave, release_rsvp, say_maybe])
            act(rsvp=self.chance.choice(rsvps), at=self.tick())

    def they_leave_all(self) -> None:
        if (all_dates := self.all_dates()) is not None:
            end_series_rsvp(series_rsvp=all_dates, at=self.tick())

    def somebody_else_comes_or_goes(self) -> None:
        if (date := self.a_date()) is None:
            return
        standing = Rsvp.objects.active().filter(user=self.other, occurrence=date).first()
        if standing:
            leave(rsvp=standing, at=self.tick())
        else:
            place_rsvp(occurrence=date, person=self.other, at=self.tick())

    def they_choose_a_form(self) -> None:
        if (all_dates := self.all_dates()) is not None:
            is_repeating = not all_dates.is_repeating
            show_as(series_rsvp=all_dates, is_repeating=is_repeating, at=self.tick())
            self.person.refresh_from_db()

    def a_date_is_called_off(self) -> None:
        if (date := self.a_date()) is not None:
            cancel_date(
                occurrence=date,
                note="",
                version=date.event.version,
                actor=self.coordinator,
                at=self.tick(),
            )

    def a_date_changes(self) -> None:
        if (date := self.a_date()) is None:
            return
        delay = dt.timedelta(hours=self.chance.choice([0, 1]))
        change_one_date(
            occurrence=date,
            plan=DatePlan(
                date.starts_at + delay,
                date.ends_at + delay,
                date.capacity,
                date.pk,
                self.chance.choice(["", "Bring a mat"]),
            ),
            version=date.event.version,
            actor=self.coordinator,
            at=self.tick(),
        )

    def the_rule_changes(self) -> None:
        event = self.event
        series = event.series.order_by("-starts_on").first()
        assert series is not None
        own = list(series.occurrences.order_by("recurrence_on")[:4])
        if event.status == "cancelled" or not own:
            return
        pivot = self.chance.choice(own).recurrence_on
        assert pivot is not None
        weekday, hour = self.chance.choice([1, 3]), self.chance.choice([9, 18])
        plan = weekly(weekday, starts_on=pivot, clock=dt.time(hour), capacity=2)
        change_series(
            series=series,
            pivot=pivot,
            plan=plan,
            keep=[],
            version=event.version,
            actor=self.coordinator,
            at=self.tick(),
        )

    def the_words_change(self) -> None:
        event = self.event
        single = event.occurrences.filter(series=None, cancelled_at=None)
        words: list[dict[str, str]] = [
            {"place_name": f"Studio {self.minute}"},
            {"title": f"Круг 🎧 {self.minute}"},
            {"time_zone": "Asia/Kolkata" if "Berlin" in event.time_zone else "Europe/Berlin"},
        ]
        if event.status != "cancelled":
            edit_event(
                event=event,
                version=event.version,
                words=self.chance.choice(words),
                dates=[DatePlan(one.starts_at, one.ends_at, 2, one.pk) for one in single],
                actor=self.coordinator,
                at=self.tick(),
            )

    def time_brings_later_dates(self) -> None:
        for series in self.event.series.all():
            extend_series(series=series, at=NOW + dt.timedelta(days=21))

    def look(self) -> None:
        for method, found in messages(self.person.email, after=self.delivered):
            self.program.take(method, found)
        newest = Message.objects.order_by("-pk").first()
        self.delivered = newest.pk if newest else 0
        seen = self.program.shown()
        assert [(when, status) for _uid, when, status in seen] == true_of(self.person)
        assert seen == in_feed(self.link, self.tick())


@pytest.mark.parametrize("seed", range(RUNS))
def test_mails_and_feed_agree_with_the_rows_whatever_happens(
    seed: int, event: Event, coordinator: User
) -> None:
    """Random histories; ``STATE_MACHINE_RUNS=300`` for the long version."""
    regular = Regular(random.Random(seed), event, coordinator)
    acts = [
        regular.they_come,
        regular.they_come_every_time,
        regular.they_come_every_time,
        regular.they_go,
        regular.they_leave_all,
        regular.somebody_else_comes_or_goes,
        regular.they_choose_a_form,
        regular.a_date_is_called_off,
        regular.a_date_changes,
        regular.the_rule_changes,
        regular.the_words_change,
        regular.time_brings_later_dates,
    ]
    for step in range(16):
        act = regular.chance.choice(acts)
        act()
        write_mails()
        if step % 2:
            regular.look()
    if Event.objects.get(pk=event.pk).status != "cancelled":
        cancel_event(event=regular.event, note="", actor=coordinator, at=regular.tick())
    regular.look()
    assert regular.program.shown() == []
