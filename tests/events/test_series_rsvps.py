"""Coming every time: to all dates, to all but some, and to dates that are made later."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from events.errors import NoLongerComing, NotASeries, PartyTooLarge
from events.models import Event, Occurrence, Rsvp, Series, SeriesRsvp, new_rsvp_reference
from events.services.rsvps import leave, place_rsvp
from events.services.series import extend_series, start_series
from events.services.series_rsvps import (
    confirm_series_rsvp,
    drop_unconfirmed_series,
    end_series_rsvp,
    join_due,
    place_series_rsvp,
)
from events.tasks import join_regulars
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, write_mails
from tests.events.test_series import weekly
from tests.factories import EnrolmentFactory, EventFactory, UserFactory

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
    assert mail.files[0].content.count(b"BEGIN:VEVENT") == 26


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


def test_where_hosts_decide_each_date_is_asked_for_by_itself(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(needs_approval=True)
    event.refresh_from_db()
    with pytest.raises(NotASeries):
        place_series_rsvp(event=event, person=UserFactory(), at=NOW)
    with time_machine.travel(NOW, tick=False):
        assert "Every date, later ones too" not in Client().get("/events/circle/").content.decode()


def test_nobody_joins_later_dates_once_hosts_decide(event: Event, series: Series) -> None:
    person = UserFactory()
    place_series_rsvp(event=event, person=person, at=NOW)
    Event.objects.filter(pk=event.pk).update(needs_approval=True)
    (made,) = extend_series(series=series, at=NOW + dt.timedelta(days=7))
    assert not made.rsvps.exists()


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


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("series_rsvp_status_known", {"status": "maybe"}),
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
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
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

    def test_once_is_the_default(self, event: Event, client: Client) -> None:
        person = UserFactory()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        client.post("/events/circle/rsvp/", {"date": "2026-06-04", "party_size": "1"})
        assert statuses(event, user=person) == ["going"]
        assert not SeriesRsvp.objects.exists()
