"""The day: codes, searches, people who walk in, and phones without a network."""

import datetime as dt
import json
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from events.errors import NoRoomAtTheDoor, NotGoing, NotYetBegun
from events.models import CheckIn, Occurrence, Rsvp, Seats
from events.queries import attendance_by_quarter, door_count, door_list
from events.services.check_ins import check_in, let_in, scan, undo_check_in, walk_in
from events.services.rsvps import leave
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import minutes, state
from tests.events.test_pages import signed_in
from tests.events.test_rsvps import Join
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Any:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def host(coordinator: User) -> Client:
    """The coordinator's phone at the door."""
    return signed_in(coordinator)


def door(occurrence: Occurrence, page: str = "") -> str:
    return f"/staff/events/{occurrence.event.slug}/door/{page}?date={occurrence.page_day}"


def send(host: Client, occurrence: Occurrence, *scans: dict[str, Any]) -> list[str]:
    """What became of each scan that a phone sends."""
    response = host.post(
        door(occurrence, "sync/"), json.dumps({"scans": scans}), content_type="application/json"
    )
    assert response.status_code == 200, response.content
    return [result["outcome"] for result in response.json()["results"]]


def seen(rsvp: Rsvp, minute: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "reference": rsvp.reference,
        "seen_at": minutes(minute).isoformat(),
        **more,
    }


def test_a_code_is_good_once_and_the_second_door_is_told(
    circle: Occurrence, join: Join, host: Client
) -> None:
    rsvp = join(2)
    assert send(host, circle, seen(rsvp), seen(rsvp)) == ["in", "again"]
    came = CheckIn.objects.get()
    assert (came.rsvp, came.people_count) == (rsvp, 2)


def test_what_a_phone_sends_twice_counts_once_also_after_an_undo(
    circle: Occurrence, join: Join, host: Client
) -> None:
    rsvp = join()
    one = seen(rsvp, -20)
    assert send(host, circle, one) == ["in"]
    assert send(host, circle, one) == ["in"], "the same answer, and nothing done"
    assert CheckIn.objects.get().checked_in_at == minutes(-20), "when it was scanned"
    undo_check_in(rsvp=rsvp, at=NOW)
    assert send(host, circle, one) == ["in"]
    assert door_count(circle).came == 0
    assert send(host, circle, seen(rsvp)) == ["in"]
    assert door_count(circle).came == 1


def test_a_phones_clock_cannot_write_the_future_or_the_far_past(
    circle: Occurrence, coordinator: User, join: Join
) -> None:
    for minute, kept in ((600, NOW), (-60 * 24 * 30, NOW - dt.timedelta(days=2))):
        rsvp = RsvpFactory(occurrence=OccurrenceFactory())
        found = scan(
            occurrence=rsvp.occurrence,
            reference=rsvp.reference,
            people_count=None,
            scan_id=uuid4(),
            actor=coordinator,
            seen_at=minutes(minute),
            at=NOW,
        )
        assert found.came_at == kept


def test_a_door_says_why_a_code_lets_nobody_in(
    circle: Occurrence, join: Join, host: Client
) -> None:
    leaver = join()
    leave(rsvp=leaver, at=NOW)
    next_week = RsvpFactory(
        occurrence=OccurrenceFactory(
            event=circle.event, starts_at=circle.starts_at + dt.timedelta(days=7)
        )
    )
    elsewhere = RsvpFactory()
    codes = (leaver, next_week, elsewhere)
    assert send(host, circle, *map(seen, codes)) == ["not_going", "other_date", "unknown"]
    assert CheckIn.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"scans": 3}', '{"scans": [{"id": "x", "reference": "A"}]}',
     '{"scans": [{"id": "00000000-0000-0000-0000-000000000000"}]}',
     '{"scans": [{"id": "00000000-0000-0000-0000-000000000000", "reference": "A",'
     ' "seen_at": "yesterday"}]}'],
)  # fmt: skip
def test_what_is_no_scan_is_a_bad_request(circle: Occurrence, host: Client, body: str) -> None:
    response = host.post(door(circle, "sync/"), body, content_type="application/json")
    assert response.status_code == 400


def test_a_phone_that_is_made_ready_gets_the_list_and_that_is_noted(
    circle: Occurrence, join: Join, host: Client
) -> None:
    rsvp = join(2)
    leave(rsvp=join(), at=NOW)
    assert host.get(door(circle, "ready/")).status_code == 405
    answer = host.post(door(circle, "ready/")).json()
    assert rsvp.user is not None
    assert answer["people"] == [
        {"reference": rsvp.reference, "name": rsvp.user.name, "party": 2, "came": False}
    ]
    assert AuditEntry.objects.filter(verb="event.door_list_taken").count() == 1


def test_the_scanner_itself_names_nobody(circle: Occurrence, join: Join, host: Client) -> None:
    rsvp = join()
    page = host.get(door(circle, "scan/")).text
    assert rsvp.name not in page
    assert "/static/js/vendor/jsQR" in page
    worker = host.get("/staff/events/door-worker.js")
    assert worker["Content-Type"] == "text/javascript"
    assert "/static/js/door" in worker.text


def test_a_door_shows_nobody_until_something_is_typed(
    circle: Occurrence, join: Join, host: Client
) -> None:
    rsvp = join()
    page = host.get(door(circle))
    assert rsvp.name not in page.text
    assert "Type a name or a reference" in page.text
    assert rsvp.name in host.get(door(circle) + f"&q={rsvp.reference}").text
    assert "Nobody of that name" in host.get(door(circle) + "&q=zzz").text


def test_two_doors_see_the_same_live_numbers(circle: Occurrence, join: Join, host: Client) -> None:
    rsvp = join(2)
    assert host.get(door(circle, "numbers/")).json() == {"came": 0, "expected": 2, "waiting": 0}
    send(host, circle, seen(rsvp, people=1))
    response = host.get(door(circle, "numbers/"))
    assert response.json() == {"came": 1, "expected": 2, "waiting": 0}
    assert "no-store" in response["Cache-Control"]


def test_who_walks_in_has_a_place_is_in_and_gets_no_mail(circle: Occurrence, host: Client) -> None:
    for name in ("Cy", ""):
        page = host.post(door(circle, "walk-in/"), {"name": name, "people_count": 1}, follow=True)
        assert f"{name or 'Walked in'} is in." in page.text
    assert (Seats.objects.get(pk=circle.pk).firm, door_count(circle).came) == (2, 2)
    page = host.post(door(circle, "walk-in/"), {"name": "Di", "people_count": 1}, follow=True)
    assert "There are no places left" in page.text
    assert Rsvp.objects.count() == 2
    assert Message.objects.count() == 0


def test_before_it_begins_nobody_who_walks_in_passes_the_queue(
    circle: Occurrence, coordinator: User, join: Join
) -> None:
    join(2)
    waiting = join()
    Occurrence.objects.filter(pk=circle.pk).update(capacity=3)
    with pytest.raises(NoRoomAtTheDoor):
        walk_in(occurrence=circle, name="Cy", people_count=1, actor=coordinator, at=NOW)
    begun = circle.starts_at
    Occurrence.objects.filter(pk=circle.pk).update(capacity=4)
    walk_in(occurrence=circle, name="Cy", people_count=1, actor=coordinator, at=begun)
    assert state(waiting) == [("waitlisted", 1)]


def test_once_it_has_begun_hosts_let_in_who_waited_when_there_is_room(
    circle: Occurrence, coordinator: User, join: Join
) -> None:
    going = join(2)
    couple, single = join(2), join()
    with pytest.raises(NotYetBegun):
        let_in(rsvp=single, actor=coordinator, at=NOW)
    begun = circle.starts_at
    with pytest.raises(NoRoomAtTheDoor):
        let_in(rsvp=single, actor=coordinator, at=begun)
    leave(rsvp=going, at=begun)
    let_in(rsvp=single, actor=coordinator, at=begun)
    let_in(rsvp=single, actor=coordinator, at=begun)
    assert state(single, couple) == [("going", None), ("waitlisted", 1)]
    assert door_count(circle).came == 1
    with pytest.raises(NotGoing):
        let_in(rsvp=going, actor=coordinator, at=begun)


def test_the_code_on_ones_page_is_what_the_door_reads(
    circle: Occurrence, attendee: User, host: Client
) -> None:
    rsvp = RsvpFactory(occurrence=circle, user=attendee)
    page = signed_in(attendee).get(rsvp.manage_path).text
    assert 'aria-label="QR"' in page
    assert rsvp.reference in page
    assert rsvp.door_code == f"GR:{rsvp.reference}"


def test_who_left_no_address_counts_as_a_visit_and_as_nobodys_second_one(
    coordinator: User,
) -> None:
    past = OccurrenceFactory(starts_at=NOW - dt.timedelta(days=3))
    for name in ("Cy", "Di"):
        walk_in(occurrence=past, name=name, people_count=2, actor=coordinator, at=past.starts_at)
    check_in(
        rsvp=RsvpFactory(occurrence=past), people_count=1, actor=coordinator, at=past.starts_at
    )
    (quarter,) = attendance_by_quarter(programme_id=None, time_zone="UTC", at=NOW)
    assert (quarter.people, quarter.visits) == (1, 5)


def test_the_database_wants_a_name_or_an_address_and_each_scan_once(
    circle: Occurrence, coordinator: User
) -> None:
    with pytest.raises(IntegrityError, match="rsvp_user_or_guest"), transaction.atomic():
        RsvpFactory(occurrence=circle, user=None)
    scan_id = uuid4()
    for number, rsvp in enumerate([RsvpFactory(), RsvpFactory()]):
        made = {
            "rsvp": rsvp, "people_count": 1, "checked_in_at": NOW, "scan_id": scan_id,
            "checked_in_by": coordinator,
        }  # fmt: skip
        if number:
            with pytest.raises(IntegrityError, match="scan_id"), transaction.atomic():
                CheckIn.objects.create(**made)
        else:
            CheckIn.objects.create(**made)


def test_a_full_house_is_searched_in_one_page_and_the_same_number_of_questions(
    host: Client,
) -> None:
    occurrence = OccurrenceFactory(event__title="Full house")
    users = UserFactory.create_batch(3)
    RsvpFactory(occurrence=occurrence, user=users[0])
    path = door(occurrence) + "&q=person"
    host.get(path)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            host.get(path)
        counts.append(len(captured))
        for user in users[1:]:
            Rsvp.objects.filter(user=user).exists() or RsvpFactory(occurrence=occurrence, user=user)
    assert counts[0] == counts[1]
    Rsvp.objects.bulk_create(
        Rsvp(
            occurrence=occurrence, guest_name=f"Person {n}", guest_email=f"p{n}@example.org",
            status="going", reference=f"REF{n:05}", placed_at=NOW, changed_at=NOW,
        )
        for n in range(300)
    )  # fmt: skip
    page = host.get(path)
    assert len(page.context["page"].object_list) == 100
    assert door_list(occurrence, "REF00007").get().guest_name == "Person 7"
