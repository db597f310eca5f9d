"""What the database itself refuses: each test goes round the code."""

from __future__ import annotations

import datetime as dt

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from events.models import CheckIn, Event, Occurrence, Rsvp, Seats, Series, new_uid
from tests.conftest import NOW
from tests.factories import EventFactory, OccurrenceFactory, RsvpFactory

pytestmark = pytest.mark.django_db


def refused(name: str) -> pytest.RaisesExc[IntegrityError]:
    return pytest.raises(IntegrityError, match=name)


def test_a_new_date_has_a_seats_row_with_its_capacity() -> None:
    occurrence = OccurrenceFactory(capacity=12)
    assert list(Seats.objects.values_list("occurrence", "capacity", "firm")) == [
        (occurrence.pk, 12, 0)
    ]


def test_the_counter_follows_every_way_an_rsvp_changes() -> None:
    seats = OccurrenceFactory(capacity=20).seats

    def firm() -> int:
        seats.refresh_from_db()
        return seats.firm

    here = seats.occurrence
    first = RsvpFactory(occurrence=here, party_size=3)
    second = RsvpFactory(occurrence=here, status="waitlisted", queued_at=NOW)
    assert firm() == 3
    Rsvp.objects.filter(pk=first.pk).update(party_size=1)
    assert firm() == 1
    Rsvp.objects.filter(pk=second.pk).update(status="going", queued_at=None, party_size=4)
    assert firm() == 5
    Rsvp.objects.all().update(guest_name="anything else")
    assert firm() == 5
    Rsvp.objects.filter(pk=first.pk).update(status="left")
    assert firm() == 4
    elsewhere = OccurrenceFactory(capacity=20)
    Rsvp.objects.filter(pk=second.pk).update(occurrence=elsewhere)
    assert firm() == 0
    assert elsewhere.seats.firm == 4
    Rsvp.objects.all().delete()
    assert list(Seats.objects.values_list("firm", flat=True)) == [0, 0]


def test_more_people_than_places_are_refused() -> None:
    here = OccurrenceFactory(capacity=2)
    RsvpFactory(occurrence=here, party_size=2)
    with refused("no places left"), transaction.atomic():
        RsvpFactory(occurrence=here)
    assert Seats.objects.get(pk=here.pk).firm == 2


def test_with_that_trigger_off_the_same_write_oversells() -> None:
    here = OccurrenceFactory(capacity=2)
    RsvpFactory(occurrence=here, party_size=2)
    with pgtrigger.ignore("events.Seats:never_oversold"):
        RsvpFactory(occurrence=here)
    assert Seats.objects.get(pk=here.pk).firm == 3


def test_capacity_may_be_lowered_below_what_is_taken_and_people_may_still_leave() -> None:
    here = OccurrenceFactory(capacity=3)
    first, second = RsvpFactory(occurrence=here), RsvpFactory(occurrence=here, party_size=2)
    Occurrence.objects.filter(pk=here.pk).update(capacity=1)
    assert list(Seats.objects.values_list("capacity", "firm")) == [(1, 3)]
    Rsvp.objects.filter(pk=second.pk).update(party_size=1)
    with refused("no places left"), transaction.atomic():
        Rsvp.objects.filter(pk=first.pk).update(party_size=2)
    assert Seats.objects.get(pk=here.pk).firm == 2


@pytest.mark.parametrize("change", [{"firm": 0}, {"capacity": 99}])
def test_nothing_but_the_triggers_writes_the_counter(change: dict[str, int]) -> None:
    here = OccurrenceFactory(capacity=3)
    RsvpFactory(occurrence=here)
    with refused("kept by triggers"), transaction.atomic():
        Seats.objects.filter(pk=here.pk).update(**change)
    assert list(Seats.objects.values_list("capacity", "firm")) == [(3, 1)]


def test_the_counter_is_never_negative() -> None:
    here = OccurrenceFactory(capacity=3)
    with (
        pgtrigger.ignore("events.Seats:kept_by_triggers"),
        refused("seats_never_negative"),
        transaction.atomic(),
    ):
        Seats.objects.filter(pk=here.pk).update(firm=-1)


def test_no_foreign_key_references_the_counter() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE confrelid = 'events_seats'::regclass"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "unheard-of"}, "rsvp_status_known"),
        ({"party_size": 0}, "rsvp_party_counted"),
        ({"party_size": 51}, "rsvp_party_counted"),
        ({"companions": ["Ana"]}, "rsvp_companions_counted"),
        ({"guest_email": "ana@example.org"}, "rsvp_user_or_guest"),
        ({"user": None}, "rsvp_user_or_guest"),
        ({"status": "waitlisted"}, "rsvp_queued_while_waiting"),
        ({"queued_at": NOW}, "rsvp_queued_while_waiting"),
        ({"hold_expires_at": NOW}, "rsvp_hold_only_while_timed"),
        ({"status": "offered"}, "rsvp_hold_only_while_timed"),
    ],
)
def test_an_rsvp_that_makes_no_sense_is_refused(fields: dict[str, object], constraint: str) -> None:
    here = OccurrenceFactory()
    with refused(constraint), transaction.atomic():
        RsvpFactory(occurrence=here, **fields)
    assert Rsvp.objects.count() == 0


def test_a_person_answers_once_for_a_date(attendee: User) -> None:
    here = OccurrenceFactory()
    RsvpFactory(occurrence=here, user=attendee, status="left")
    RsvpFactory(occurrence=here, user=attendee)
    with refused("rsvp_once_per_user"), transaction.atomic():
        RsvpFactory(occurrence=here, user=attendee, status="waitlisted", queued_at=NOW)
    assert Rsvp.objects.active().count() == 1


def test_a_guest_answers_once_for_a_date_in_any_case_of_their_address() -> None:
    here = OccurrenceFactory()
    RsvpFactory(occurrence=here, user=None, guest_email="ana@example.org")
    with refused("rsvp_once_per_guest"), transaction.atomic():
        RsvpFactory(occurrence=here, user=None, guest_email="Ana@Example.org", status="pending")
    assert Rsvp.objects.active().count() == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "unheard-of"}, "event_status_known"),
        ({"visibility": "unheard-of"}, "event_visibility_known"),
        ({"format": "unheard-of"}, "event_format_known"),
        ({"visibility": "programme"}, "event_programme_only_names_it"),
        ({"safety_lead": ""}, "event_cared_for_before_published"),
        ({"host_briefing": ""}, "event_cared_for_before_published"),
        ({"emergency_number": ""}, "event_cared_for_before_published"),
        ({"emergency_address": ""}, "event_cared_for_before_published"),
        ({"quiet_space": ""}, "event_cared_for_before_published"),
        ({"published_at": None}, "event_cared_for_before_published"),
        (
            {"rsvp_opens_at": NOW, "rsvp_closes_at": NOW - dt.timedelta(hours=1)},
            "event_rsvp_window_forward",
        ),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(
    fields: dict[str, object], constraint: str
) -> None:
    with refused(constraint), transaction.atomic():
        EventFactory(**fields)
    assert Event.objects.count() == 0


def test_an_online_event_needs_no_emergency_address() -> None:
    assert EventFactory(format="online", emergency_address="").pk


def test_a_date_ends_after_it_starts() -> None:
    with refused("occurrence_ends_after_start"), transaction.atomic():
        OccurrenceFactory(ends_at=dt.datetime(2026, 6, 4, 16, 0, tzinfo=dt.UTC))


def test_an_event_has_one_date_a_day() -> None:
    here = OccurrenceFactory()
    with refused("occurrence_once_a_day"), transaction.atomic():
        OccurrenceFactory(event=here.event, starts_at=here.ends_at)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_person_is_checked_in_once_until_it_is_undone(attendee: User) -> None:
    rsvp = RsvpFactory()
    one = CheckIn.objects.create(
        rsvp=rsvp, people_count=1, checked_in_at=NOW, checked_in_by=attendee
    )
    with refused("check_in_once"), transaction.atomic():
        CheckIn.objects.create(rsvp=rsvp, people_count=1, checked_in_at=NOW, checked_in_by=attendee)
    one.undone_at = NOW
    one.save()
    CheckIn.objects.create(rsvp=rsvp, people_count=1, checked_in_at=NOW, checked_in_by=attendee)
    assert CheckIn.objects.standing().count() == 1


def test_a_check_in_counts_somebody(attendee: User) -> None:
    with refused("check_in_people_counted"), transaction.atomic():
        CheckIn.objects.create(
            rsvp=RsvpFactory(), people_count=0, checked_in_at=NOW, checked_in_by=attendee
        )


def series(event: Event, **fields: object) -> Series:
    facts = {
        "frequency": "weekly",
        "weekdays": [3],
        "starts_on": dt.date(2026, 6, 4),
        "starts_clock": dt.time(18),
        "minutes": 90,
        "time_zone": "Europe/Berlin",
        "made_until": dt.date(2026, 6, 3),
        "uid": new_uid(),
        "revised_at": NOW,
    }
    return Series.objects.create(event=event, **(facts | fields))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("series_rule_is_whole", {"weekdays": []}),
        ("series_rule_is_whole", {"frequency": "monthly"}),
        ("series_rule_is_whole", {"frequency": "monthly", "month_week": 1, "month_day": 1}),
        ("series_rule_is_whole", {"frequency": "hourly", "weekdays": []}),
        ("series_interval_counted", {"interval": 0}),
        ("series_month_day_exists", {"frequency": "monthly", "weekdays": [], "month_day": 32}),
        ("series_month_week_exists", {"frequency": "monthly", "month_week": 5}),
        ("series_ends_one_way", {"count": 3, "ends_on": dt.date(2026, 7, 2)}),
        ("series_count_counted", {"count": 0}),
        ("series_lasts_a_while", {"minutes": 0}),
    ],
)
def test_a_rule_that_is_none_is_refused(name: str, fields: dict[str, object]) -> None:
    with refused(name):
        series(EventFactory(), **fields)


def test_a_series_has_each_of_its_days_once() -> None:
    event = EventFactory()
    days = {"series": series(event), "recurrence_on": dt.date(2026, 6, 4), "event": event}
    OccurrenceFactory(**days)
    OccurrenceFactory(**days, starts_on=dt.date(2026, 6, 5))
    with refused("occurrence_once_by_the_rule"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_date_of_a_series_names_its_day() -> None:
    event = EventFactory()
    with refused("occurrence_of_a_series_by_its_rule"):
        OccurrenceFactory(event=event, series=series(event))
