"""A quarter from the books to the published page. NOW is 3 June 2026: the second quarter runs."""

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from accounts.models import User
from ambassadors.models import Programme
from events.models import CheckIn
from reports.domain.quarters import Quarter
from reports.errors import AlreadyPublished, QuarterNotOver
from reports.models import PublishedReport
from reports.queries import drafts
from reports.services.reports import draft_content, publish_report
from tests.conftest import NOW
from tests.factories import (
    EnrolmentFactory,
    EventFactory,
    OccurrenceFactory,
    ProgrammeFactory,
    RsvpFactory,
    TermFactory,
)
from tests.therapy_credits.conftest import give, hold, make_pool
from therapy_credits.services import ledger
from therapy_credits.services.subjects import subject_for

SPRING = Quarter(2026, 2)
LATER = dt.datetime(2026, 7, 20, 9, 0, tzinfo=dt.UTC)


def enrol(programme: Programme, people: int) -> list[User]:
    term = TermFactory(programme=programme)
    return [EnrolmentFactory(term=term).user for _ in range(people)]


def attend(programme: Programme | None, people: int, host: User) -> None:
    """One evening in May to which ``people`` people came."""
    event = EventFactory(programme=programme, status="completed")
    starts_at = dt.datetime(2026, 5, 6, 18, 0, tzinfo=dt.UTC)
    occurrence = OccurrenceFactory(event=event, starts_at=starts_at)
    for rsvp in RsvpFactory.create_batch(people, occurrence=occurrence):
        CheckIn.objects.create(
            rsvp=rsvp, people_count=1, checked_in_at=starts_at, checked_in_by=host
        )


def use_sessions(users: list[User], programme: Programme, pool: Any, units: int) -> None:
    """Each of ``users`` is given three sessions and uses ``units`` of them."""
    for user in users:
        subject = subject_for(user=user, programme=programme, year=2026, at=NOW)
        give(pool, subject.token, 3)
        for _ in range(units):
            held = hold(subject.token)
            ledger.post_hold(group=held.group, actor=subject.token, at=NOW)


def value(content: dict[str, Any], table: str, row: str | None, measure: str) -> int | None:
    found = next(one for one in content["tables"] if one["key"] == table)
    cells = found["total"]
    if row is not None:
        cells = next(line["cells"] for line in found["rows"] if line["row"] == row)
    return cells[found["measures"].index(measure)]


@pytest.fixture
def spring(coordinator: User) -> dict[str, Any]:
    """Two programmes: one of 40 people of whom 14 use 2 sessions each, one of 12 of whom 3 do."""
    big = ProgrammeFactory(slug="big", name="Big")
    small = ProgrammeFactory(slug="small", name="Small", time_zone="America/New_York")
    pool = make_pool(units=500)
    people = enrol(big, 40)
    use_sessions(people[:14], big, pool, 2)
    few = enrol(small, 12)
    use_sessions(few[:3], small, pool, 1)
    attend(big, 13, coordinator)
    attend(small, 4, coordinator)
    return draft_content(SPRING, at=LATER)


def test_figures_of_enough_people_are_counted_and_rounded(spring: dict[str, Any]) -> None:
    assert value(spring, "ambassadors", "big", "people_enrolled") == 40
    assert value(spring, "events", "big", "people_attended") == 15
    assert value(spring, "sessions", "big", "units_allocated") == 40
    assert value(spring, "sessions", "big", "units_used") == 30
    assert value(spring, "sessions", "big", "units_booked") == 30


def test_figures_of_few_people_are_withheld_with_their_totals(spring: dict[str, Any]) -> None:
    assert value(spring, "sessions", "small", "units_used") is None
    assert value(spring, "events", "small", "people_attended") is None
    assert value(spring, "sessions", None, "units_used") is None
    assert value(spring, "sessions", "big", "units_expired") is None


def test_a_total_over_programmes_with_enough_people_is_shown(spring: dict[str, Any]) -> None:
    assert value(spring, "ambassadors", "small", "people_enrolled") == 10
    assert value(spring, "ambassadors", None, "people_enrolled") == 50
    assert value(spring, "events", None, "events_held") == 2


@pytest.mark.django_db
def test_tokens_of_two_years_do_not_make_two_people() -> None:
    """Six people in the programme's last year and its new one are six, not twelve."""
    programme = ProgrammeFactory(slug="big")
    pool = make_pool(units=500)
    people = enrol(programme, 40)
    for year in (2025, 2026):
        for user in people[:6]:
            subject = subject_for(user=user, programme=programme, year=year, at=NOW)
            give(pool, subject.token, 3)
    content = draft_content(SPRING, at=LATER)
    assert value(content, "sessions", "big", "units_allocated") is None


@pytest.mark.django_db
def test_a_session_given_back_is_not_used() -> None:
    programme = ProgrammeFactory(slug="big")
    pool = make_pool(units=500)
    people = enrol(programme, 40)
    use_sessions(people[:14], programme, pool, 2)
    subject = subject_for(user=people[0], programme=programme, year=2026, at=NOW)
    held = hold(subject.token)
    ledger.post_hold(group=held.group, actor=subject.token, at=NOW)
    ledger.reverse_charge(group=held.group, actor=subject.token, at=NOW)
    content = draft_content(SPRING, at=LATER)
    assert value(content, "sessions", "big", "units_used") == 30


@pytest.mark.django_db
def test_an_evening_that_begins_after_midnight_utc_is_in_the_programmes_quarter(
    coordinator: User,
) -> None:
    programme = ProgrammeFactory(slug="ny", time_zone="America/New_York")
    event = EventFactory(programme=programme, status="completed", time_zone="America/New_York")
    OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 7, 1, 1, 0, tzinfo=dt.UTC))
    content = draft_content(SPRING, at=LATER)
    assert value(content, "events", "ny", "events_held") == 1


@pytest.mark.django_db
def test_an_evening_that_was_over_before_its_event_was_cancelled_was_held() -> None:
    programme = ProgrammeFactory(slug="ny")
    cancelled_at = dt.datetime(2026, 5, 10, tzinfo=dt.UTC)
    event = EventFactory(programme=programme, status="cancelled", cancelled_at=cancelled_at)
    for day in (6, 13):
        OccurrenceFactory(event=event, starts_at=dt.datetime(2026, 5, day, 18, tzinfo=dt.UTC))
    content = draft_content(SPRING, at=LATER)
    assert value(content, "events", "ny", "events_held") == 1


def test_a_quarter_is_published_once_and_not_before_it_settled(
    spring: dict[str, Any], analyst: User
) -> None:
    early = dt.datetime(2026, 7, 14, 23, 0, tzinfo=dt.UTC)
    with pytest.raises(QuarterNotOver):
        publish_report(quarter=SPRING, actor=analyst, at=early)
    report = publish_report(quarter=SPRING, actor=analyst, at=LATER)
    assert report.content == spring
    with pytest.raises(AlreadyPublished):
        publish_report(quarter=SPRING, actor=analyst, at=LATER)
    assert PublishedReport.objects.count() == 1


def test_the_database_refuses_to_change_a_published_report(
    spring: dict[str, Any], analyst: User
) -> None:
    publish_report(quarter=SPRING, actor=analyst, at=LATER)
    for change in (
        lambda: PublishedReport.objects.update(content={}),
        lambda: PublishedReport.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert PublishedReport.objects.get().content == spring


def test_drafts_are_the_unpublished_quarters_with_something_in_them(
    spring: dict[str, Any], analyst: User
) -> None:
    assert [(draft.quarter.slug, draft.is_due) for draft in drafts(at=LATER)] == [
        ("2026-q3", False),
        ("2026-q2", True),
        ("2026-q1", True),
    ]
    publish_report(quarter=SPRING, actor=analyst, at=LATER)
    assert SPRING not in [draft.quarter for draft in drafts(at=LATER)]


def test_an_analyst_publishes_in_the_browser_and_downloads_the_same_figures(
    spring: dict[str, Any], analyst: User, client: Client, time_machine: Any, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    time_machine.move_to(LATER, tick=False)
    client.force_login(analyst)
    assert b"Publish for good" in client.get("/staff/reports/2026-q2/").content
    page = client.post("/staff/reports/2026-q2/", follow=True)
    assert page.redirect_chain == [("/reports/2026-q2/", 302)]
    assert "withheld" in page.content.decode()
    rows = list(
        csv.reader(io.StringIO(client.get("/reports/2026-q2.csv").content.decode("utf-8-sig")))
    )
    assert ["2026-q2", "sessions", "Big", "units_used", "30"] in rows
    assert ["2026-q2", "sessions", "Small", "units_used", "withheld"] in rows
    book = load_workbook(io.BytesIO(client.get("/reports/2026-q2.xlsx").content))
    assert book.sheetnames == ["events", "ambassadors", "sessions"]
    frozen = client.get("/reports/2026-q2.json").json()
    assert frozen["tables"] == spring["tables"]


def test_the_report_page_costs_the_same_with_one_and_three_quarters(
    spring: dict[str, Any], analyst: User, client: Client, settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    client.force_login(analyst)
    publish_report(quarter=SPRING, actor=analyst, at=LATER)
    client.get("/reports/2026-q2/")  # the first visit writes down the session
    with CaptureQueriesContext(connection) as one:
        client.get("/reports/2026-q2/")
    publish_report(quarter=Quarter(2026, 1), actor=analyst, at=LATER)
    publish_report(quarter=Quarter(2025, 4), actor=analyst, at=LATER)
    with CaptureQueriesContext(connection) as three:
        client.get("/reports/2026-q2/")
    assert len(three) == len(one)


def test_the_command_publishes_what_is_due(spring: dict[str, Any], time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)
    call_command("publish_report")
    assert sorted(PublishedReport.objects.values_list("slug", flat=True)) == ["2026-q1", "2026-q2"]
    with pytest.raises(CommandError, match="14 days"):
        call_command("publish_report", "2026-q3")
    with pytest.raises(CommandError, match="written like"):
        call_command("publish_report", "spring")
