"""A feed's revision: moves with every change, and never back."""

import datetime as dt
import threading

import pytest
from django.db import IntegrityError, connection, transaction

from calendars.models import FeedRevision
from calendars.queries import KEPT, revision_of, window_start
from calendars.services.revisions import bump, bump_all
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def test_the_first_change_is_revision_one() -> None:
    bump("events", NOW)
    row = FeedRevision.objects.get(key="events")
    assert (row.revision, row.revised_at) == (1, NOW)


def test_each_change_goes_up_by_one() -> None:
    bump("events", NOW)
    bump("events", NOW + dt.timedelta(minutes=1))
    row = FeedRevision.objects.get(key="events")
    assert (row.revision, row.revised_at) == (2, NOW + dt.timedelta(minutes=1))


def test_a_change_that_began_earlier_still_moves_the_moment_forward() -> None:
    bump("events", NOW)
    bump("events", NOW - dt.timedelta(minutes=5))
    row = FeedRevision.objects.get(key="events")
    assert (row.revision, row.revised_at) == (2, NOW + dt.timedelta(seconds=1))


def test_several_feeds_move_in_one_statement(django_assert_num_queries) -> None:
    bump("b", NOW)
    with django_assert_num_queries(1):
        bump_all(["b", "a", "b"], at=NOW + dt.timedelta(minutes=1))
    assert dict(FeedRevision.objects.values_list("key", "revision")) == {"a": 1, "b": 2}


def test_no_feeds_is_no_statement(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        bump_all([], at=NOW)


def test_a_joint_revision_changes_when_either_does() -> None:
    before = revision_of(["events", "person:1"], at=NOW)
    bump("person:1", NOW)
    after = revision_of(["events", "person:1"], at=NOW)
    bump("events", NOW)
    assert len({before.name, after.name, revision_of(["events", "person:1"], at=NOW).name}) == 3
    assert before.revised_at < after.revised_at


def test_the_window_keeps_at_least_thirty_days_and_moves_on_mondays() -> None:
    monday = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    assert window_start(monday) == monday - KEPT
    assert window_start(monday + dt.timedelta(days=6, hours=23)) == monday - KEPT
    assert window_start(monday - dt.timedelta(seconds=1)) == monday - KEPT - dt.timedelta(days=7)


def test_the_revision_moves_when_the_window_does() -> None:
    bump("events", NOW)
    sunday = dt.datetime(2026, 6, 7, 23, 59, 59, tzinfo=dt.UTC)
    monday = dt.datetime(2026, 6, 8, tzinfo=dt.UTC)
    assert revision_of(["events"], at=sunday) == revision_of(["events"], at=NOW)
    assert revision_of(["events"], at=monday).name != revision_of(["events"], at=sunday).name
    assert revision_of(["events"], at=monday).revised_at == monday


def test_the_database_refuses_a_revision_before_the_first() -> None:
    with pytest.raises(IntegrityError, match="feed_revision_starts_at_one"), transaction.atomic():
        FeedRevision.objects.create(key="events", revision=0, revised_at=NOW)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_time_are_all_counted() -> None:
    def change() -> None:
        for _ in range(10):
            bump("events", NOW)
        connection.close()

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FeedRevision.objects.get(key="events").revision == 40
