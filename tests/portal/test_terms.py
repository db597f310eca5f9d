"""What the people of a term are given, in words, where staff look at the term."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, User
from accounts.services.grants import give_role
from ambassadors.models import Term
from portal.queries import needs_you
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, TermFactory
from tests.therapy_credits.conftest import make_pool
from therapy_credits.models import Policy
from therapy_credits.services.pools import add_policy

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_noon(settings: object) -> object:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def term(db: None) -> Term:
    return TermFactory(name="Spring", programme__name="Open Door", programme__slug="open-door")


def cover(term: Term, finance: User, *, name: str = "Northlight", **facts: object) -> Policy:
    """A pool that gives the people of ``term`` three sessions for 90 days."""
    said = {"units": 3, "expiry": "allocation", "expiry_days": 90, "priority": 50}
    return add_policy(
        pool=make_pool(name),
        term=term,
        author=finance,
        at=NOW,
        is_paused=False,
        **{**said, **facts},
    )


def page_of(client: Client, who: User, url: str) -> str:
    client.force_login(who)
    return client.get(url).text


def test_a_coordinator_reads_what_a_term_gives_and_no_balance(
    client: Client, term: Term, coordinator: User, finance: User
) -> None:
    cover(term, finance)
    cover(term, finance, name="Southlight", units=1, expiry="term_end", expiry_days=31, priority=9)
    page = page_of(client, coordinator, f"/staff/terms/{term.pk}/")
    first = page.index("<strong>1</strong> session from Southlight")
    assert first < page.index("<strong>3</strong> sessions from Northlight")
    assert "good for 90 days from when they are given" in page
    assert f"good until {term.ends_on + dt.timedelta(days=31):%-d %B %Y}" in page
    assert "They are used in this order." in page
    assert "half left" not in page  # what a pool still has stands on the pool's own page
    assert "/policies/" not in page  # and the policy is not theirs to change
    page = page_of(client, coordinator, "/staff/programmes/open-door/")
    assert "<strong>3</strong> sessions from Northlight" in page
    assert "No pool gives sessions" not in page


def test_a_new_term_that_no_pool_serves_says_so(
    client: Client, term: Term, coordinator: User
) -> None:
    for url in (f"/staff/terms/{term.pk}/", "/staff/programmes/open-door/"):
        assert "Whoever joins is given none until one does." in page_of(client, coordinator, url)
    Term.objects.filter(pk=term.pk).update(ended_at=NOW)
    for url in (f"/staff/terms/{term.pk}/", "/staff/programmes/open-door/"):
        assert "until one does" not in page_of(client, coordinator, url)


def test_who_may_set_it_is_one_step_away(
    client: Client, term: Term, coordinator: User, admin_user: User
) -> None:
    give_role(user=coordinator, role=Role.FINANCE, giver=admin_user, at=NOW)
    pool = make_pool()
    link = f"/staff/pools/{pool.pk}/policies/new/?term={term.pk}"
    assert link in page_of(client, coordinator, f"/staff/terms/{term.pk}/")
    chosen = f'<option value="{term.pk}" selected>'
    assert chosen in client.get(link).text
    policy = cover(term, coordinator, name="Southlight")
    page = client.get(f"/staff/terms/{term.pk}/").text
    assert f"/staff/pools/{policy.pool_id}/policies/{policy.pk}/" in page


def test_finance_is_told_of_a_term_that_was_forgotten(
    term: Term, coordinator: User, finance: User
) -> None:
    def waiting(user: User) -> list[str]:
        return [need.url for need in needs_you(user, at=NOW) if need.kind == "policy"]

    # A programme that never gave any may mean it.
    assert waiting(finance) == []
    policy = cover(term, finance)
    after = TermFactory(programme=term.programme, ends_on=dt.date(2027, 12, 31))
    assert waiting(finance) == [f"/staff/pools/{policy.pool_id}/policies/new/?term={after.pk}"]
    assert waiting(coordinator) == []
    cover(after, finance, name="Southlight")
    assert waiting(finance) == []


def test_more_terms_cost_no_more_queries(
    client: Client, term: Term, coordinator: User, finance: User
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/staff/programmes/open-door/").status_code == 200
        return len(captured)

    client.force_login(coordinator)
    cover(term, finance)
    count()
    few = count()
    for name in ("Southlight", "Eastlight"):
        other = TermFactory(programme=term.programme)
        EnrolmentFactory(term=other)
        cover(other, finance, name=name)
    assert count() == few
