"""When the care desk is open, what that promises, and who looks after whose cases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, Role, User
from accounts.services.grants import give_role
from tests.conftest import NOW
from tests.factories import CareCaseFactory, UserFactory
from tests.therapy_credits.care import make_client
from tests.therapy_credits.test_doors import browser_of, text
from therapy_credits.domain.matching import Need
from therapy_credits.domain.slots import DayException, Window
from therapy_credits.domain.working_days import Week, due_after, same_working_day
from therapy_credits.errors import AwayAlready, CannotCover
from therapy_credits.models import CareCase, CareDesk, DeskAbsence, DeskException, DeskHours
from therapy_credits.queries.desk import MOST_CASES, desk_shown, desk_week, staff_at_the_desk
from therapy_credits.services import cases, desk_hours
from therapy_credits.services.desk_hours import hand_to_covers, name_cover

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
TODAY = NOW.date()  # a Wednesday
LONDON = ZoneInfo("Europe/London")
PAGE = "therapy_credits:desk-hours"


@pytest.fixture(autouse=True)
def _still(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def make_care(name: str) -> User:
    user = UserFactory(name=name)
    give_role(user=user, role=Role.CARE, giver=None, at=NOW)
    return user


@pytest.fixture
def ana() -> User:
    """Of the care staff, and about to be away."""
    return make_care("Ana Away")


@pytest.fixture
def ben() -> User:
    """Of the care staff, and there."""
    return make_care("Ben Cover")


def taken(by: User, due_in_days: int) -> CareCase:
    """Somebody to find for a person, which ``by`` looks after."""
    return CareCaseFactory(
        kind="find",
        booking=None,
        subject=uuid4(),
        taken_by=by,
        taken_at=NOW,
        status="taken",
        due_at=NOW + due_in_days * DAY,
    )


def publish(by: User, days: tuple[int, ...] = (0, 1, 2, 3)) -> None:
    """Monday to Thursday, ten to four in London."""
    desk_hours.set_zone(time_zone="Europe/London", by=by, at=NOW)
    for day in days:
        hours = DeskHours(weekday=day, starts=dt.time(10), ends=dt.time(16))
        desk_hours.add_hours(hours=hours, by=by, at=NOW)


# --- Working days --------------------------------------------------------------------------


def utc(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 6, day, hour, minute, tzinfo=dt.UTC)


# The third of June 2026 is a Wednesday; London is an hour ahead of UTC.
WEEK = Week(LONDON, tuple(Window(day, dt.time(10), dt.time(16)) for day in range(4)))


@pytest.mark.parametrize(
    ("asked", "days", "due"),
    [
        (utc(3, 12), 2, utc(8, 12)),  # Wednesday, Thursday, Monday
        (utc(3, 5), 1, utc(4, 9)),  # before it opens counts from when it does
        (utc(3, 20), 1, utc(8, 9)),  # after it closed, from the next day
        (utc(5, 12), 1, utc(9, 9)),  # a day on which it is closed: from Monday
        (utc(3, 12), 0, utc(3, 12)),
    ],
)
def test_what_is_promised_follows_the_hours(
    asked: dt.datetime, days: int, due: dt.datetime
) -> None:
    assert due_after(asked, days, WEEK) == due


def test_a_closed_day_puts_it_off_and_a_short_day_draws_it_in() -> None:
    closed = DayException(dt.date(2026, 6, 4))
    short = DayException(dt.date(2026, 6, 8), dt.time(10), dt.time(11))
    week = Week(WEEK.zone, WEEK.windows, (closed, short))
    assert due_after(utc(3, 12), 1, week) == utc(8, 10)


def test_the_clock_change_moves_nothing_on_the_desk_s_clock() -> None:
    # Britain turns its clocks back on Sunday 25 October 2026.
    thursday = dt.datetime(2026, 10, 22, 12, 0, tzinfo=LONDON)
    assert due_after(thursday, 1, WEEK) == dt.datetime(2026, 10, 26, 12, 0, tzinfo=LONDON)


def test_without_hours_a_working_week_counts() -> None:
    friday, saturday = utc(5, 15), utc(6, 15)
    assert due_after(friday, 2) == utc(9, 15)
    assert due_after(saturday, 1) == utc(9, 9)
    never = Week(LONDON, WEEK.windows, tuple(DayException(TODAY + n * DAY) for n in range(90)))
    assert due_after(friday, 2, never) == utc(9, 15), "nobody is closed for good"


def test_the_same_working_day_ends_when_the_desk_closes() -> None:
    assert same_working_day(utc(3, 12), WEEK) == utc(3, 15)
    assert same_working_day(utc(3, 19), WEEK) == utc(3, 20)
    assert same_working_day(utc(5, 12), WEEK) == utc(8, 15)


# --- What people see -----------------------------------------------------------------------


def test_people_see_the_hours_and_by_when_they_hear(ana: User) -> None:
    client = make_client()
    browser = browser_of(client.user)
    assert "The care desk is open" not in text(browser.get("/care/"))
    publish(ana)
    desk_hours.add_days(
        first_on=TODAY + DAY, last_on=TODAY + DAY, starts=None, ends=None, by=ana, at=NOW
    )
    home = text(browser.get("/care/"))
    assert "Monday to Thursday" in home
    assert "10:00–16:00" in home
    assert "Thursday 4 June: closed" in home
    assert "Who asks now has an answer by Tuesday 9 June." in home
    browser.post(
        reverse("therapy_credits:find"), {"country": "GB", "language": "fr", "format": "online"}
    )
    assert "Tuesday 9 June" in text(browser.get(reverse("therapy_credits:find")))
    asked = browser.post(reverse("therapy_credits:ask-desk"), follow=True)
    assert "You have an answer by Tuesday 9 June." in text(asked)
    with time_machine.travel(NOW + 8 * DAY, tick=False):
        late = text(browser_of(client.user).get("/care/"))
    assert "are later than we said" in late
    assert "it can take longer than two working days" in late


def test_the_wait_is_honest_when_nobody_has_room(ana: User) -> None:
    publish(ana)
    assert not desk_shown(at=NOW).is_stretched
    for _ in range(MOST_CASES):
        taken(ana, 1)
    assert desk_shown(at=NOW).is_stretched
    ben = make_care("Ben Cover")
    assert not desk_shown(at=NOW).is_stretched
    name_cover(user=ben, cover=ana, first_on=TODAY, last_on=TODAY, at=NOW)
    assert desk_shown(at=NOW).is_stretched


def test_what_is_asked_is_due_by_the_published_hours(ana: User) -> None:
    publish(ana, days=(4,))
    client = make_client()
    case = cases.ask_to_find(
        user=client.user, need=Need("GB", "", "en", "online", frozenset()), at=NOW
    )
    assert case.due_at == utc(19, 9), "the second Friday after the next"


# --- Setting it ----------------------------------------------------------------------------


def test_hours_and_closed_days_are_set_in_the_console(ana: User) -> None:
    browser = browser_of(ana)
    page = reverse(PAGE)
    assert "not told yet" in text(browser.get(reverse("therapy_credits:desk")))
    browser.post(page, {"action": "zone", "zone-time_zone": "Europe/London"})
    window = {"action": "weekly", "weekly-weekday": "0", "weekly-starts": "09:00"}
    wrong = browser.post(page, {**window, "weekly-ends": "08:00"})
    assert "The end must come after the start." in text(wrong)
    browser.post(page, {**window, "weekly-ends": "17:00"})
    assert "already exists" in text(browser.post(page, {**window, "weekly-ends": "18:00"}))
    days = {"action": "days", "days-on_date": "2026-12-24"}
    assert "within four weeks" in text(browser.post(page, {**days, "days-until": "2027-03-01"}))
    browser.post(page, {**days, "days-until": "2026-12-26"})
    # Said again of one of them, it counts in place of what was said before.
    browser.post(page, {**days, "days-starts": "10:00", "days-ends": "12:00"})
    found = DeskException.objects.order_by("on_date").values_list("on_date__day", "starts")
    assert list(found) == [(24, dt.time(10)), (25, None), (26, None)]
    assert desk_week().zone == LONDON
    assert "Monday" in text(browser.get(page))
    browser.post(page, {"action": "remove-day", "id": DeskException.objects.last().pk})
    browser.post(page, {"action": "remove-weekly", "id": DeskHours.objects.get().pk})
    assert (DeskHours.objects.count(), DeskException.objects.count()) == (0, 2)
    assert browser.post(page, {"action": "remove-weekly", "id": "0"}).status_code == 404
    assert AuditEntry.objects.filter(verb__startswith="desk.").count() == 6


def test_the_page_of_hours_takes_the_same_queries_for_one_row_as_for_three(ana: User) -> None:
    browser = browser_of(ana)

    def queries() -> int:
        browser.get(reverse(PAGE))
        with CaptureQueriesContext(connection) as found:
            assert browser.get(reverse(PAGE)).status_code == 200
        return len(found)

    def add(number: int) -> None:
        publish(ana, days=(number,))
        DeskException.objects.create(on_date=TODAY + number * DAY)
        DeskAbsence.objects.create(
            user=make_care(f"Away {number}"),
            cover=ana,
            first_on=TODAY,
            last_on=TODAY,
            named_at=NOW,
        )

    add(1)
    one = queries()
    add(2)
    add(3)
    assert queries() == one


# --- Away ----------------------------------------------------------------------------------


def test_what_falls_due_while_somebody_is_away_goes_to_their_cover(ana: User, ben: User) -> None:
    soon, during, after = (taken(ana, days) for days in (1, 5, 12))
    name_cover(user=ana, cover=ben, first_on=TODAY + 2 * DAY, last_on=TODAY + 8 * DAY, at=NOW)
    assert hand_to_covers(at=NOW) == 0, "not away yet"
    assert list(staff_at_the_desk(at=NOW)) == [ana, ben]
    assert hand_to_covers(at=NOW + 2 * DAY) == 2
    assert hand_to_covers(at=NOW + 2 * DAY) == 0
    for case, who in ((soon, ben), (during, ben), (after, ana)):
        case.refresh_from_db()
        assert case.taken_by == who
    assert list(staff_at_the_desk(at=NOW + 2 * DAY)) == [ben]
    assert AuditEntry.objects.filter(verb="case.hand-over").count() == 2


def test_away_from_today_they_go_at_once_and_closed_ones_stay(ana: User, ben: User) -> None:
    one, closed = taken(ana, 1), taken(ana, 1)
    type(closed).objects.filter(pk=closed.pk).update(
        status="closed", outcome="nobody", closed_at=NOW
    )
    browser = browser_of(ana)
    facts = {"action": "away", "away-first_on": TODAY, "away-last_on": TODAY + 2 * DAY}
    assert "Ana Away" not in text(browser.get(reverse(PAGE))).partition("away-cover")[2]
    browser.post(reverse(PAGE), {**facts, "away-cover": ben.pk})
    one.refresh_from_db()
    closed.refresh_from_db()
    assert (one.taken_by, closed.taken_by) == (ben, ana)
    assert "Ana Away is away; Ben Cover covers" in text(
        browser_of(ben).get(reverse("therapy_credits:desk"))
    )
    again = browser.post(reverse(PAGE), {**facts, "away-cover": ben.pk})
    assert "You are away on some of these days already." in text(again)
    absence = DeskAbsence.objects.get()
    back = {"action": "back", "id": absence.pk}
    assert browser_of(ben).post(reverse(PAGE), back).status_code == 404
    browser.post(reverse(PAGE), back)
    assert not DeskAbsence.objects.exists()


def test_nobody_covers_who_is_away_too_or_is_no_care_staff(ana: User, ben: User) -> None:
    coordinator = UserFactory(name="Coordinator")
    give_role(user=coordinator, role=Role.COORDINATOR, giver=None, at=NOW)
    away = {"first_on": TODAY, "last_on": TODAY + DAY, "at": NOW}
    for cover in (coordinator, ana):
        with pytest.raises(CannotCover):
            name_cover(user=ana, cover=cover, **away)
    name_cover(user=ana, cover=ben, **away)
    with pytest.raises(CannotCover):
        name_cover(user=ben, cover=ana, **away)
    cleo = make_care("Cleo")
    with pytest.raises(CannotCover, match="left to you"):
        name_cover(user=ben, cover=cleo, **away)
    with pytest.raises(AwayAlready):
        name_cover(user=ana, cover=cleo, **away)
    assert DeskAbsence.objects.count() == 1


def test_a_cover_who_left_is_given_nothing(ana: User, ben: User) -> None:
    case = taken(ana, 1)
    name_cover(user=ana, cover=ben, first_on=TODAY + DAY, last_on=TODAY + DAY, at=NOW)
    ben.staff_grants.update(withdrawn_at=NOW)
    assert hand_to_covers(at=NOW + DAY) == 0
    case.refresh_from_db()
    assert case.taken_by == ana


@pytest.mark.parametrize(
    ("model", "facts", "rule"),
    [
        (CareDesk, {"id": 2, "time_zone": "UTC"}, "care_desk_is_one"),
        (DeskHours, {"weekday": 7, "starts": "09:00", "ends": "10:00"}, "weekday_known"),
        (DeskHours, {"weekday": 1, "starts": "09:00", "ends": "09:00"}, "end_after_start"),
        (DeskException, {"on_date": TODAY, "starts": "09:00"}, "closed_or_open"),
    ],
)
def test_the_database_refuses_hours_that_are_none(
    model: Any, facts: dict[str, Any], rule: str
) -> None:
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        model.objects.create(**facts)


def test_the_database_refuses_absences_that_make_no_sense(ana: User, ben: User) -> None:
    def away(**other: Any) -> DeskAbsence:
        facts = {"user": ana, "cover": ben, "first_on": TODAY, "last_on": TODAY, "named_at": NOW}
        with transaction.atomic():
            return DeskAbsence.objects.create(**(facts | other))

    with pytest.raises(IntegrityError, match="covered_by_another"):
        away(cover=ana)
    with pytest.raises(IntegrityError, match="in_order"):
        away(last_on=TODAY - DAY)
    away()
    with pytest.raises(IntegrityError, match="one_at_a_time"):
        away(first_on=TODAY - DAY)
    away(first_on=TODAY + DAY, last_on=TODAY + DAY)
