"""A person's secret calendar link."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import IntegrityError, transaction

from accounts.models import User
from calendars import gateway, tasks
from calendars.models import FeedFetch, FeedRevision, FeedToken
from calendars.queries import link_opened_by, personal_feed_key, personal_link_of
from calendars.services.fetches import last_fetch, write_down_fetches
from calendars.services.links import choose_what_it_shows, close_link, personal_link, rotate_link
from tests.conftest import NOW
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def link(attendee: User) -> FeedToken:
    return personal_link(user=attendee, at=NOW)


def test_a_link_is_made_once(attendee: User, link: FeedToken) -> None:
    assert personal_link(user=attendee, at=NOW) == link
    assert FeedToken.objects.count() == 1


def test_a_new_link_hides_private_appointments_and_shows_titles(link: FeedToken) -> None:
    assert (link.shows_busy, link.user.wants_plain_titles) == (False, False)


def test_the_link_opens_the_persons_calendar(link: FeedToken) -> None:
    assert link_opened_by(link.secret) == link


def test_the_secret_holds_at_least_128_bits_and_is_not_stored(link: FeedToken) -> None:
    _number, _dash, secret = link.secret.partition("-")
    assert len(secret) * 6 >= 128
    stored = FeedToken.objects.values_list().get()
    assert not any(secret in str(value) for value in stored)


def test_the_same_link_can_be_shown_again(attendee: User, link: FeedToken) -> None:
    shown_again = personal_link_of(attendee)
    assert shown_again is not None
    assert shown_again.secret == link.secret


@pytest.mark.parametrize(
    "wrong",
    ["", "-", "1", "1-", "x-y", "0-" + "A" * 32, "١-" + "A" * 32, "9" * 30 + "-" + "A" * 32, "é-é"],
)
def test_what_is_no_link_opens_nothing(link: FeedToken, wrong: str) -> None:
    assert link_opened_by(wrong) is None


def test_the_secret_of_another_row_opens_nothing(link: FeedToken, outsider: User) -> None:
    other = personal_link(user=outsider, at=NOW)
    _number, _dash, secret = other.secret.partition("-")
    assert link_opened_by(f"{link.pk}-{secret}") is None


def test_a_replaced_link_opens_nothing_and_the_new_one_opens(link: FeedToken) -> None:
    old = link.secret
    new = rotate_link(link=link, at=NOW + dt.timedelta(days=1))
    assert link_opened_by(old) is None
    assert link_opened_by(new.secret) == link
    assert new.rotated_at == NOW + dt.timedelta(days=1)


def test_the_link_of_somebody_who_cannot_sign_in_opens_nothing(
    attendee: User, link: FeedToken
) -> None:
    attendee.is_active = False
    attendee.save()
    assert link_opened_by(link.secret) is None


def test_another_choice_moves_the_persons_feed(attendee: User, link: FeedToken) -> None:
    chosen = choose_what_it_shows(link=link, wants_plain_titles=True, shows_busy=True, at=NOW)
    attendee.refresh_from_db()
    assert (attendee.wants_plain_titles, chosen.shows_busy) == (True, True)
    assert FeedRevision.objects.get(key=personal_feed_key(attendee.pk)).revision == 1


def test_a_closed_link_opens_nothing_until_a_new_one_is_made(
    attendee: User, link: FeedToken
) -> None:
    old = link.secret
    closed = close_link(link=link, at=NOW)
    assert personal_link_of(attendee) is None
    assert link_opened_by(old) is None
    assert link_opened_by(closed.secret) is None
    again = personal_link(user=attendee, at=NOW + dt.timedelta(days=1))
    assert link_opened_by(old) is None
    assert link_opened_by(again.secret) == link
    assert again.rotated_at == NOW + dt.timedelta(days=1)


def test_closing_a_link_twice_changes_nothing(link: FeedToken) -> None:
    first = close_link(link=link, at=NOW)
    second = close_link(link=first, at=NOW + dt.timedelta(days=1))
    assert (second.generation, second.closed_at) == (2, NOW)


def test_the_database_knows_the_reminders(link: FeedToken) -> None:
    with pytest.raises(IntegrityError, match="feed_token_alarm_known"), transaction.atomic():
        FeedToken.objects.filter(pk=link.pk).update(alarm_minutes=7)


def test_the_last_fetch_is_remembered_until_the_link_is_replaced(link: FeedToken) -> None:
    assert last_fetch(link, at=NOW) is None
    gateway.note_fetch(link, gateway.Fetch(NOW, "Thunderbird"))
    assert last_fetch(link, at=NOW) == (NOW, "Thunderbird")
    write_down_fetches(at=NOW)
    assert last_fetch(rotate_link(link=link, at=NOW), at=NOW) is None


def test_what_was_written_down_outlives_the_cache_for_seven_days(link: FeedToken) -> None:
    gateway.note_fetch(link, gateway.Fetch(NOW, "Thunderbird"))
    assert (write_down_fetches(at=NOW), write_down_fetches(at=NOW)) == (1, 0)
    cache.clear()
    assert last_fetch(link, at=NOW + dt.timedelta(days=7)) == (NOW, "Thunderbird")
    assert write_down_fetches(at=NOW + dt.timedelta(days=7)) == 0
    assert last_fetch(link, at=NOW + dt.timedelta(days=7)) == (NOW, "Thunderbird")
    later = NOW + dt.timedelta(days=7, seconds=1)
    assert last_fetch(link, at=later) is None
    write_down_fetches(at=later)
    assert not FeedFetch.objects.exists()


def test_a_later_use_is_written_over_the_one_before_by_the_schedule(link: FeedToken) -> None:
    for minute in (0, 30):
        moment = NOW + dt.timedelta(minutes=minute)
        gateway.note_fetch(link, gateway.Fetch(moment, "Outlook"))
        with time_machine.travel(moment, tick=False):
            assert tasks.write_down_fetches() == 1
    assert FeedFetch.objects.get().fetched_at == moment


def test_a_thousand_links_are_written_down_in_few_statements(
    link: FeedToken, django_assert_max_num_queries: Any
) -> None:
    people = UserFactory.create_batch(20)
    FeedToken.objects.bulk_create(
        [FeedToken(user=one, purpose="personal", rotated_at=NOW) for one in people]
    )
    for one in FeedToken.objects.all():
        gateway.note_fetch(one, gateway.Fetch(NOW, ""))
    with django_assert_max_num_queries(4):
        assert write_down_fetches(at=NOW) == 21


def test_the_database_allows_one_link_for_a_purpose(link: FeedToken) -> None:
    with (
        pytest.raises(IntegrityError, match="feed_token_one_per_person_and_purpose"),
        transaction.atomic(),
    ):
        FeedToken.objects.create(user=link.user, purpose="personal", rotated_at=NOW)


def test_the_database_knows_the_purposes(outsider: User) -> None:
    with pytest.raises(IntegrityError, match="feed_token_purpose_known"), transaction.atomic():
        FeedToken.objects.create(user=outsider, purpose="everything", rotated_at=NOW)


def test_the_database_refuses_a_generation_before_the_first(link: FeedToken) -> None:
    with (
        pytest.raises(IntegrityError, match="feed_token_generation_starts_at_one"),
        transaction.atomic(),
    ):
        FeedToken.objects.filter(pk=link.pk).update(generation=0)
