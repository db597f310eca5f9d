"""Saying yes, waiting, leaving, and who gets what becomes free."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from events.errors import (
    DateIsCancelled,
    DateIsOver,
    NoLongerComing,
    NotEnoughPlaces,
    NotOpenYet,
    PartyTooLarge,
    RsvpClosed,
    TooManyNames,
)
from events.models import Event, Occurrence, Rsvp, Seats
from events.queries import is_link_live, rsvp_opened_by
from events.services.rsvps import (
    Guest,
    add_rsvp,
    change_party,
    confirm_rsvp,
    drop_unconfirmed,
    leave,
    place_rsvp,
    release_rsvp,
    wake_queue,
)
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, publish, state, write_mails
from tests.factories import OccurrenceFactory, RsvpFactory, UserFactory

pytestmark = pytest.mark.django_db
Join = Callable[..., Rsvp]


def mails_to(email: str) -> list[str]:
    """What somebody was told, oldest first."""
    write_mails()
    keys = Message.objects.filter(to=email).order_by("pk").values_list("key", flat=True)
    return [key.split(":")[2] for key in keys]


def test_a_yes_takes_a_place_and_is_confirmed_by_mail(circle: Occurrence, attendee: User) -> None:
    rsvp = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    assert state(rsvp) == [("going", None)]
    assert Seats.objects.get(pk=circle.pk).firm == 1
    message = Message.objects.get()
    assert message.to == "attendee@example.org"
    assert message.subject == "You have a place: Thu 4 June, 18:00"
    assert circle.event.title not in message.subject
    assert message.files[0].file_name == "event.ics"
    assert f"UID:{circle.uid}".encode() in message.files[0].content
    assert rsvp.token in message.text


def test_saying_yes_twice_is_one_yes_and_one_mail(circle: Occurrence, attendee: User) -> None:
    first = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    second = place_rsvp(occurrence=circle, person=attendee, party_size=2, at=minutes(1))
    assert first.pk == second.pk
    assert second.party_size == 1
    assert Message.objects.count() == 1


def test_who_comes_to_a_full_date_waits_in_order(join: Join) -> None:
    going = [join(), join()]
    waiting = [join(at=minutes(1)), join(at=minutes(2))]
    assert state(*going, *waiting) == [
        ("going", None),
        ("going", None),
        ("waitlisted", 1),
        ("waitlisted", 2),
    ]
    assert mails_to(waiting[1].email) == ["waitlisted"]
    assert "You are number 2 on the waiting list" in Message.objects.get(to=waiting[1].email).text


def test_a_freed_place_goes_to_the_first_in_the_queue_with_a_mail(join: Join) -> None:
    leaver, stayer, first, second = (join(at=minutes(n)) for n in range(4))
    leave(rsvp=leaver, at=minutes(10))
    assert state(leaver, stayer, first, second) == [
        ("left", None),
        ("going", None),
        ("going", None),
        ("waitlisted", 1),
    ]
    assert mails_to(first.email) == ["waitlisted", "promoted"]
    assert mails_to(leaver.email) == ["going", "left"]


def test_a_party_that_does_not_fit_is_passed_over_and_keeps_its_turn(join: Join) -> None:
    leaver, other = join(), join()
    couple, single = join(2, at=minutes(1)), join(at=minutes(2))
    leave(rsvp=leaver, at=minutes(3))
    assert state(couple, single) == [("waitlisted", 1), ("going", None)]
    leave(rsvp=single, at=minutes(4))
    leave(rsvp=other, at=minutes(5))
    assert state(couple) == [("going", None)]


def test_nobody_new_passes_somebody_waiting_who_fits(circle: Occurrence, join: Join) -> None:
    join(), join()
    waiting = join(at=minutes(1))
    # Room was made by a path that could not wake the queue (a hold that ran out).
    Occurrence.objects.filter(pk=circle.pk).update(capacity=3)
    newcomer = join(at=minutes(2))
    assert state(waiting, newcomer) == [("going", None), ("waitlisted", 1)]


def test_leaving_twice_is_leaving_once(join: Join) -> None:
    rsvp = join()
    leave(rsvp=rsvp, at=minutes(1))
    leave(rsvp=rsvp, at=minutes(2))
    assert mails_to(rsvp.email) == ["going", "left"]
    rsvp.refresh_from_db()
    assert rsvp.changed_at == minutes(1)


def test_who_left_and_comes_back_joins_the_end_of_the_queue(circle: Occurrence, join: Join) -> None:
    join(), join()
    early, late = join(at=minutes(1)), join(at=minutes(2))
    leave(rsvp=early, at=minutes(3))
    again = place_rsvp(occurrence=circle, person=early.user, at=minutes(4))
    assert again.pk != early.pk
    assert state(late, again) == [("waitlisted", 1), ("waitlisted", 2)]


def test_leaving_works_when_rsvps_are_closed_and_the_room_is_overfull(
    circle: Occurrence, join: Join
) -> None:
    rsvp, other, waiting = join(), join(), join(at=minutes(1))
    publish(circle, rsvp_closes_at=minutes(2))
    Occurrence.objects.filter(pk=circle.pk).update(capacity=1)
    leave(rsvp=rsvp, at=minutes(3))
    assert state(rsvp, other, waiting) == [
        ("left", None),
        ("going", None),
        ("waitlisted", 1),
    ]


def test_no_place_is_given_out_once_the_date_has_begun(circle: Occurrence, join: Join) -> None:
    rsvp, _other, waiting = join(), join(), join(at=minutes(1))
    leave(rsvp=rsvp, at=circle.starts_at)
    assert state(rsvp, waiting) == [("left", None), ("waitlisted", 1)]


def test_a_party_grows_while_there_are_places(circle: Occurrence, join: Join) -> None:
    rsvp = join()
    change_party(rsvp=rsvp, party_size=2, companions=["Bo"], at=minutes(1))
    rsvp.refresh_from_db()
    assert (rsvp.party_size, rsvp.companions) == (2, ["Bo"])
    with pytest.raises(NotEnoughPlaces, match="no more places"):
        change_party(rsvp=rsvp, party_size=3, at=minutes(2))
    rsvp.refresh_from_db()
    assert (rsvp.party_size, rsvp.companions) == (2, ["Bo"])
    assert Seats.objects.get(pk=circle.pk).firm == 2


def test_a_party_that_shrinks_frees_a_place_for_the_queue(join: Join) -> None:
    couple, waiting = join(2), join(at=minutes(1))
    change_party(rsvp=couple, party_size=1, at=minutes(2))
    assert state(couple, waiting) == [("going", None), ("going", None)]


def test_a_party_that_shrinks_in_the_queue_may_fit_at_once(circle: Occurrence, join: Join) -> None:
    join()
    couple = join(2, at=minutes(1))
    assert state(couple) == [("waitlisted", 1)]
    changed = change_party(rsvp=couple, party_size=1, at=minutes(2))
    assert changed.is_going
    assert Seats.objects.get(pk=circle.pk).firm == 2


def test_more_people_than_the_event_allows_are_refused(circle: Occurrence, attendee: User) -> None:
    with pytest.raises(PartyTooLarge, match="up to 3 people"):
        place_rsvp(occurrence=circle, person=attendee, party_size=4, at=NOW)
    with pytest.raises(TooManyNames):
        place_rsvp(occurrence=circle, person=attendee, party_size=2, companions=["A", "B"], at=NOW)
    assert Rsvp.objects.count() == 0


@pytest.mark.parametrize(
    ("event", "date", "error"),
    [
        ({"rsvp_opens_at": minutes(1)}, {}, NotOpenYet),
        ({"rsvp_closes_at": NOW}, {}, RsvpClosed),
        ({"status": Event.Status.CANCELLED, "cancelled_at": NOW}, {}, DateIsCancelled),
        ({}, {"cancelled_at": NOW}, DateIsCancelled),
        ({}, {"starts_at": NOW}, RsvpClosed),
        ({}, {"starts_at": minutes(-90), "ends_at": NOW}, DateIsOver),
    ],
)
def test_a_closed_date_takes_nobody_even_from_a_page_opened_before(
    circle: Occurrence,
    attendee: User,
    event: dict[str, object],
    date: dict[str, object],
    error: type[Exception],
) -> None:
    opened_before = Occurrence.objects.select_related("event").get(pk=circle.pk)
    publish(circle, **event)
    Occurrence.objects.filter(pk=circle.pk).update(**date)
    now = Occurrence.objects.select_related("event").get(pk=circle.pk)
    for occurrence in (opened_before, now):
        with pytest.raises(error):
            place_rsvp(occurrence=occurrence, person=attendee, at=NOW)
    assert Rsvp.objects.count() == 0
    assert Message.objects.count() == 0


def test_a_guest_holds_a_place_for_15_minutes(circle: Occurrence, join: Join) -> None:
    guest = place_rsvp(occurrence=circle, person=ANA, party_size=2, at=NOW)
    assert state(guest) == [("pending", None)]
    assert guest.hold_expires_at == minutes(15)
    assert mails_to("ana@example.org") == ["confirm"]
    early = join(at=minutes(14))
    assert state(early) == [("waitlisted", 1)]
    # The clock frees the places, not a job; the queue is served before anybody new.
    late = join(at=minutes(15))
    assert state(early, late) == [("going", None), ("going", None)]


def test_confirming_in_time_keeps_the_held_place_before_the_queue(
    circle: Occurrence, join: Join
) -> None:
    guest = place_rsvp(occurrence=circle, person=ANA, party_size=2, at=NOW)
    waiting = join(at=minutes(1))
    confirm_rsvp(rsvp=guest, at=minutes(14))
    assert state(guest, waiting) == [("going", None), ("waitlisted", 1)]
    confirm_rsvp(rsvp=guest, at=minutes(20))
    assert mails_to("ana@example.org") == ["confirm", "going"]


def test_confirming_late_takes_what_is_left_or_joins_the_queue(
    circle: Occurrence, join: Join
) -> None:
    guest = place_rsvp(occurrence=circle, person=ANA, party_size=2, at=NOW)
    join(at=minutes(15))
    confirm_rsvp(rsvp=guest, at=minutes(16))
    assert state(guest) == [("waitlisted", 1)]
    assert guest.hold_expires_at is None


def test_a_guest_at_a_full_date_waits_after_confirming_only(circle: Occurrence, join: Join) -> None:
    join(2)
    guest = place_rsvp(occurrence=circle, person=ANA, at=minutes(1))
    assert (guest.status, guest.hold_expires_at) == ("pending", None)
    confirm_rsvp(rsvp=guest, at=minutes(2))
    assert state(guest) == [("waitlisted", 1)]


def test_an_address_holds_places_at_three_dates_at_most(db: None) -> None:
    holds = [
        place_rsvp(occurrence=OccurrenceFactory(capacity=1), person=ANA, at=NOW).hold_expires_at
        for _ in range(4)
    ]
    assert holds == [minutes(15)] * 3 + [None]


def test_a_network_that_asks_too_much_holds_nothing(circle: Occurrence) -> None:
    guest = place_rsvp(occurrence=circle, person=ANA, may_hold=False, at=NOW)
    assert (guest.status, guest.hold_expires_at) == ("pending", None)


def test_asking_again_sends_a_guest_the_link_again_once_a_minute(circle: Occurrence) -> None:
    first = place_rsvp(occurrence=circle, person=ANA, at=NOW)
    place_rsvp(occurrence=circle, person=Guest("Ana", "ANA@example.org"), at=NOW)
    assert mails_to("ana@example.org") == ["confirm"]
    again = place_rsvp(occurrence=circle, person=ANA, at=minutes(2))
    assert again.pk == first.pk
    assert mails_to("ana@example.org") == ["confirm", "confirm"]


def test_a_guest_address_that_has_an_account_with_an_answer_gets_its_link(
    circle: Occurrence, attendee: User
) -> None:
    mine = place_rsvp(occurrence=circle, person=attendee, at=NOW)
    same = place_rsvp(occurrence=circle, person=Guest("Me", attendee.email), at=minutes(1))
    assert same.pk == mine.pk
    assert mails_to(attendee.email) == ["going", "already"]


def test_signing_in_takes_over_what_was_said_as_a_guest(circle: Occurrence, attendee: User) -> None:
    asked = place_rsvp(occurrence=circle, person=Guest("Me", attendee.email), at=NOW)
    mine = place_rsvp(occurrence=circle, person=attendee, at=minutes(1))
    mine.refresh_from_db()
    assert (mine.pk, mine.status, mine.user, mine.guest_email) == (
        asked.pk,
        "going",
        attendee,
        "",
    )


def test_what_nobody_confirmed_is_forgotten_after_a_day(circle: Occurrence, join: Join) -> None:
    place_rsvp(occurrence=circle, person=ANA, at=NOW)
    join()
    assert drop_unconfirmed(before=NOW) == 0
    assert drop_unconfirmed(before=minutes(1)) == 1
    assert list(Rsvp.objects.values_list("status", flat=True)) == ["going"]


def test_an_ended_rsvp_can_neither_be_confirmed_nor_changed(join: Join) -> None:
    rsvp = join()
    release_rsvp(rsvp=rsvp, at=minutes(1))
    assert mails_to(rsvp.email) == ["going", "released"]
    with pytest.raises(NoLongerComing):
        confirm_rsvp(rsvp=rsvp, at=minutes(2))
    with pytest.raises(NoLongerComing):
        change_party(rsvp=rsvp, party_size=2, at=minutes(2))
    assert state(rsvp) == [("released", None)]


def test_staff_add_somebody_within_the_places_there_are(circle: Occurrence, join: Join) -> None:
    publish(circle, rsvp_closes_at=NOW)
    added = [
        add_rsvp(occurrence=circle, guest=Guest(name, f"{name}@example.org"), at=NOW)
        for name in ("bo", "cy", "di", "bo")
    ]
    assert state(*added) == [
        ("going", None),
        ("going", None),
        ("waitlisted", 1),
        ("going", None),
    ]
    assert added[0].pk == added[3].pk


def test_a_larger_room_serves_the_queue(circle: Occurrence, join: Join) -> None:
    join(2)
    first, second, third = (join(at=minutes(n)) for n in (1, 2, 3))
    Occurrence.objects.filter(pk=circle.pk).update(capacity=4)
    wake_queue(occurrence_id=circle.pk, at=minutes(4))
    assert state(first, second, third) == [
        ("going", None),
        ("going", None),
        ("waitlisted", 1),
    ]


def test_a_link_opens_its_own_rsvp_and_nothing_else(join: Join) -> None:
    one, other = join(), join()
    assert rsvp_opened_by(one.token) == one
    for wrong in (
        "",
        "x",
        one.reference,
        one.token[:-1],
        f"{other.reference}-{one.token.partition('-')[2]}",
    ):
        assert rsvp_opened_by(wrong) is None
    Rsvp.objects.filter(pk=one.pk).update(link_generation=1)
    assert rsvp_opened_by(one.token) is None


def test_links_live_a_day_unconfirmed_and_thirty_past_the_date(
    circle: Occurrence, join: Join
) -> None:
    guest = place_rsvp(occurrence=circle, person=ANA, at=NOW)
    assert is_link_live(guest, at=minutes(24 * 60 - 1))
    assert not is_link_live(guest, at=minutes(24 * 60))
    going = join()
    assert is_link_live(going, at=circle.ends_at + dt.timedelta(days=29))
    assert not is_link_live(going, at=circle.ends_at + dt.timedelta(days=30))


def test_taking_a_place_needs_few_statements(circle: Occurrence, attendee: User) -> None:
    OccurrenceFactory.create_batch(2)
    RsvpFactory.create_batch(30, occurrence=OccurrenceFactory())
    with CaptureQueriesContext(
        connection,
    ) as captured:
        place_rsvp(occurrence=circle, person=attendee, at=NOW)
    # Who answered before, and one that takes the place and promises the mail. The goal of
    # docs/architecture is ten, with BEGIN and COMMIT.
    asked = [
        query["sql"] for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
    ]
    assert len(asked) == 2, "\n".join(asked)


def test_a_user_elsewhere_changes_nothing_here(circle: Occurrence) -> None:
    elsewhere = OccurrenceFactory(capacity=1)
    person = UserFactory()
    place_rsvp(occurrence=elsewhere, person=person, at=NOW)
    rsvp = place_rsvp(occurrence=circle, person=person, at=NOW)
    assert state(rsvp) == [("going", None)]
