"""A kept query answers as its queryset would."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.test.utils import CaptureQueriesContext

from common.prepared import Prepared
from events.models import Event, Occurrence, Rsvp
from tests.factories import EventFactory, OccurrenceFactory, RsvpFactory

DAY = dt.date(2026, 6, 10)


def dates_of(slug: str, day: dt.date) -> QuerySet[Occurrence]:
    return (
        Occurrence.objects.filter(event__slug=slug, starts_on__gte=day)
        .annotate(has_people=Exists(Rsvp.objects.going().filter(occurrence=OuterRef("pk"))))
        .select_related("event__programme", "series")
        .order_by("starts_at", "pk")
    )


def everything(occurrence: Occurrence) -> dict[str, object]:
    event = occurrence.event
    return {
        **{name: getattr(occurrence, name) for name in occurrence.__dict__ if name[0] != "_"},
        **{f"event.{name}": value for name, value in event.__dict__.items() if name[0] != "_"},
        "programme": event.programme,
        "series": occurrence.series,
    }


@pytest.mark.django_db
def test_it_returns_what_the_queryset_returns_whenever_it_is_asked() -> None:
    event = EventFactory(slug="a'; DROP TABLE events_event; --", topics=["sleep", "touring"])
    first = OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 6, 12, 18, tzinfo=dt.UTC))
    OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 6, 1, 18, tzinfo=dt.UTC))
    last = OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 6, 19, 18, tzinfo=dt.UTC))
    RsvpFactory(occurrence=last)
    OccurrenceFactory(starts_at=dt.datetime(2026, 6, 12, 18, tzinfo=dt.UTC))
    kept = Prepared(dates_of)
    for _ in range(4):  # from the third time on PostgreSQL has it prepared
        found = kept.all(slug=event.slug, day=DAY)
        assert found == [first, last]
        wanted = list(dates_of(event.slug, DAY))
        assert [everything(one) for one in found] == [everything(one) for one in wanted]
        assert [one.has_people for one in found] == [False, True]  # type: ignore[attr-defined]
        assert kept.first(slug=event.slug, day=dt.date(2026, 6, 13)) == last
        assert kept.first(slug=event.slug, day=dt.date(2027, 1, 1)) is None
        assert kept.all(slug="nothing", day=DAY) == []


@pytest.mark.django_db
def test_one_asking_is_one_statement_and_reading_on_is_none() -> None:
    OccurrenceFactory(event=EventFactory(slug="one"))
    kept = Prepared(dates_of)
    with CaptureQueriesContext(connection) as statements:
        [found] = kept.all(slug="one", day=dt.date(2020, 1, 1))
        assert (found.event.slug, found.event.programme, found.series) == ("one", None, None)
    assert len(statements) == 1


@pytest.mark.django_db
def test_what_it_returns_can_be_saved() -> None:
    event = EventFactory(slug="one")
    OccurrenceFactory(event=event)
    [found] = Prepared(dates_of).all(slug="one", day=dt.date(2020, 1, 1))
    found.note = "By the back door"
    found.save(update_fields=["note"])
    assert event.occurrences.get().note == "By the back door"


@pytest.mark.django_db(transaction=True)
def test_threads_that_ask_at_once_each_get_their_own_answer() -> None:
    slugs = [f"event-{number}" for number in range(6)]
    for slug in slugs:
        OccurrenceFactory(event=EventFactory(slug=slug))
    kept = Prepared(dates_of)

    def ask(slug: str) -> set[str]:
        try:
            return {
                one.event.slug
                for _ in range(20)
                for one in kept.all(slug=slug, day=dt.date(2020, 1, 1))
            }
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, slugs)) == [{slug} for slug in slugs]


def test_only_what_is_to_be_kept_is_kept(db: None) -> None:
    """What ordinary queries say of people does not stay in the memory of a connection."""

    @Prepared
    def named(title: str) -> QuerySet[Event]:
        return Event.objects.filter(title=title)

    for number in range(4):
        assert not Event.objects.filter(title="somebody's secret").exists()
        assert named.first(title=str(number)) is None
    kept = connection.connection._prepared
    assert "somebody" not in repr((kept._counts, kept._names))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s",
            ['%"events_event"."title" = $1%'],
        )
        assert cursor.fetchone() == (1,)
