"""How long one stays signed in, and what an anonymous visit costs."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.middleware import session_limits
from accounts.models import User
from tests.factories import PracticeMembershipFactory

START = dt.datetime(2026, 6, 3, 12, 0, tzinfo=dt.UTC)
BACKEND = "accounts.adapters.SignInBackend"


def stays_signed_in(user: User, *minutes: int) -> bool:
    """Sign in at noon and look at a page at each of these minutes after."""
    visitor = Client()
    with time_machine.travel(START, tick=False) as clock:
        visitor.force_login(user, BACKEND)
        for minute in (0, *minutes):
            clock.move_to(START + dt.timedelta(minutes=minute))
            visitor.get(reverse("account_email"))
        return "_auth_user_id" in visitor.session


def test_staff_are_signed_out_after_half_an_hour_of_nothing(coordinator: User) -> None:
    assert stays_signed_in(coordinator, 30)
    assert not stays_signed_in(coordinator, 31)


def test_people_of_a_practice_are_signed_out_as_early_as_staff(attendee: User) -> None:
    PracticeMembershipFactory(user=attendee)

    assert stays_signed_in(attendee, 30)
    assert not stays_signed_in(attendee, 31)


def test_staff_who_keep_working_stay_for_twelve_hours_and_no_longer(coordinator: User) -> None:
    visits = range(20, 12 * 60 + 1, 20)
    assert stays_signed_in(coordinator, *visits)
    assert not stays_signed_in(coordinator, *visits, 12 * 60 + 1)


def test_everybody_else_stays_for_two_weeks_and_no_longer(attendee: User) -> None:
    two_weeks = 14 * 24 * 60
    days = range(24 * 60, two_weeks, 24 * 60)
    assert stays_signed_in(attendee, *days, two_weeks - 1)
    assert not stays_signed_in(attendee, *days, two_weeks + 1)


def test_pages_of_a_signed_in_person_are_kept_nowhere(attendee: User) -> None:
    visitor = Client()
    visitor.force_login(attendee, BACKEND)
    cache_control = visitor.get(reverse("account_email"))["Cache-Control"]
    assert "no-store" in cache_control


class Untouchable:
    """A session that must not be looked at."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError("the session was touched")

    __contains__ = __getitem__ = __getattr__  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("path", "cookie"), [("/events/", ""), ("/help/", "x"), ("/help/es/", "x")]
)
def test_neither_the_anonymous_nor_the_help_page_reach_the_session(
    path: str, cookie: str, settings: object
) -> None:
    request = RequestFactory().get(path)
    request.session = Untouchable()  # type: ignore[assignment]
    if cookie:
        request.COOKIES[settings.SESSION_COOKIE_NAME] = cookie  # type: ignore[attr-defined]

    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    assert session_limits(page)(request).content == b"ok"


def test_the_control_of_that(settings: object) -> None:
    request = RequestFactory().get("/events/")
    request.session = Untouchable()  # type: ignore[assignment]
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="touched"):
        session_limits(lambda request: HttpResponse())(request)
