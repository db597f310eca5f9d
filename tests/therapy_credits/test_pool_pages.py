"""Pools in the staff console: amounts for finance, bands for coordinators, names for nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from uuid6 import uuid7

from accounts.models import Approval, AuditEntry, Role, StaffGrant, User
from accounts.services import approvals
from ambassadors.models import ProgrammeGrant
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, ProgrammeFactory, TermFactory
from tests.therapy_credits.care import make_desk
from tests.therapy_credits.conftest import give, hold, make_pool
from therapy_credits.models import Expiry, Funding, Policy, Pool, ServiceType, Transfer
from therapy_credits.queries.bookings import Source, pays, pays_for
from therapy_credits.queries.pools import Band, books_of
from therapy_credits.services import allocation, funding, ledger

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _second_factor_has_its_own_tests(settings: Any) -> None:
    settings.REQUIRE_MFA = False


def as_(client: Client, user: User) -> Client:
    client.force_login(user, backend="accounts.adapters.SignInBackend")
    return client


def url(name: str, *args: object) -> str:
    return reverse(f"therapy_credits:{name}", args=args)


NEW_POOL = {
    "name": "Northlight 2026",
    "partner": "Northlight Records",
    "country": "gb",
    "currency": "gbp",
    "ceiling_price": "70.00",
    "goodwill_percent": "5",
}


def test_finance_opens_a_pool(client: Client, finance: User) -> None:
    response = as_(client, finance).post(url("pool-new"), NEW_POOL)
    pool = Pool.objects.get()
    assert response["Location"] == url("pool", pool.pk)
    assert (pool.country, pool.currency, pool.ceiling_price_minor) == ("GB", "GBP", 7000)
    assert books_of([pool])[0].band == Band.UNFUNDED
    assert AuditEntry.objects.filter(verb="pool.open", target_id=str(pool.pk)).exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("country", "UKX", "at most 2"),
        ("country", "ZQ", "not a country code"),
        ("currency", "ABC", "not a currency code"),
        ("ceiling_price", "70.005", "digits after the point"),
        ("ceiling_price", "0", "greater than or equal to 0.01"),
        ("goodwill_percent", "51", "less than or equal to 50"),
        ("name", "", "required"),
        ("name", "Taken", "Choose another name"),
    ],
)
def test_a_wrong_pool_is_answered_with_help_and_nothing_is_made(
    client: Client, finance: User, field: str, value: str, words: str
) -> None:
    make_pool("Taken", units=0)
    response = as_(client, finance).post(url("pool-new"), NEW_POOL | {field: value})
    assert response.status_code == 200
    assert words in response.content.decode()
    assert "Northlight Records" in response.content.decode(), "what was typed is kept"
    assert Pool.objects.count() == 1


def test_a_currency_without_small_coins_is_kept_whole(client: Client, finance: User) -> None:
    as_(client, finance).post(
        url("pool-new"), NEW_POOL | {"currency": "JPY", "country": "JP", "ceiling_price": "9000"}
    )
    assert Pool.objects.get().ceiling_price_minor == 9000


FUND = {"units": "100", "amount": "7000.00", "reference": "Agreement 7"}


def test_a_pool_pays_for_what_it_was_opened_for_and_later_for_more_never_for_less(
    client: Client, finance: User
) -> None:
    desk = make_desk()
    house, service = desk.practitioner.practice, desk.service
    house.network = "Quiet Hands"
    house.save()
    as_(client, finance).post(
        url("pool-new"), {**NEW_POOL, "networks": "Quiet Hands", "kinds": ["one", "two"]}
    )
    pool = Pool.objects.get()

    def paid() -> bool:
        """By the rule for one row, and by that for many: the same answer."""
        pool.refresh_from_db()
        source = Source(uuid4(), pool)
        by_query = ServiceType.objects.filter(pays_for([source]), pk=service.pk).exists()
        assert pays(source, house, service) == by_query
        return by_query

    assert paid()
    shown = client.get(url("pool", pool.pk)).content.decode()
    assert "Practices of: Quiet Hands." in shown
    assert "Sessions for: One person, Two people." in shown
    service.kind = ServiceType.Kind.GROUP
    service.save()
    assert not paid()
    limits = url("pool-limits", pool.pk)
    narrower = client.post(limits, {"networks": "Quiet Hands", "kinds": ["one", "group"]})
    assert "never for less" in narrower.content.decode()
    assert not paid()
    client.post(limits, {"networks": "Quiet Hands", "kinds": ["one", "two", "group"]})
    assert paid()
    house.network = "Elsewhere"
    house.save()
    assert not paid()
    client.post(limits, {})
    assert paid()
    assert "never for less" in client.post(limits, {"kinds": "one"}).content.decode()
    assert AuditEntry.objects.filter(verb="pool.limits").count() == 2
    with pytest.raises(IntegrityError, match="pool_kinds_known"), transaction.atomic():
        Pool.objects.update(kinds=["choir"])


def ask(client: Client, finance: User, pool: Pool, **other: str) -> Any:
    data = {"request_id": str(uuid7()), **FUND, **other}
    return as_(client, finance).post(url("pool-fund", pool.pk), data)


def decide(user: User, decision: Callable[..., Approval]) -> None:
    decision(approval=Approval.objects.get(), approver=user, at=NOW)
    funding.book_decided(at=NOW)


def test_funding_takes_two_people(client: Client, finance: User, admin_user: User) -> None:
    pool = make_pool(units=0)
    assert ask(client, finance, pool)["Location"] == url("pool", pool.pk)
    assert books_of([pool])[0].paid_in == 0
    page = client.get(url("pool", pool.pk)).content.decode()
    assert "Waits for an administrator" in page
    decide(admin_user, lambda **how: approvals.approve(**how))
    assert books_of([pool])[0].paid_in == 100
    assert funding.book_decided(at=NOW) == 0, "a decision is booked once"
    assert "£7,000.00" in client.get(url("pool", pool.pk)).content.decode()


def test_refused_funding_books_nothing(client: Client, finance: User, admin_user: User) -> None:
    pool = make_pool(units=0)
    ask(client, finance, pool)
    decide(admin_user, lambda **how: approvals.refuse(**how))
    assert books_of([pool])[0].paid_in == 0
    assert "Refused" in client.get(url("pool", pool.pk)).content.decode()


def test_a_double_click_asks_once(client: Client, finance: User) -> None:
    pool = make_pool(units=0)
    request_id = str(uuid7())
    for _ in range(2):
        assert ask(client, finance, pool, request_id=request_id).status_code == 302
    assert (Funding.objects.count(), Approval.objects.count()) == (1, 1)
    changed = ask(client, finance, pool, request_id=request_id, units="99")
    assert "already done with other details" in changed.content.decode()
    assert Funding.objects.get().units == 100


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "6999.99", "does not pay for that many sessions"),
        ("amount", "7000.001", "digits after the point"),
        ("units", "0", "greater than or equal to 1"),
        ("reference", "", "required"),
    ],
)
def test_wrong_funding_is_answered_with_help_and_nothing_is_asked(
    client: Client, finance: User, field: str, value: str, words: str
) -> None:
    pool = make_pool(units=0)
    response = ask(client, finance, pool, **{field: value})
    assert words in response.content.decode()
    assert (Funding.objects.count(), Approval.objects.count()) == (0, 0)


POLICY = {"units": "6", "expiry": "term_end", "expiry_days": "60", "priority": "10"}


def test_a_policy_gives_and_its_change_counts_from_then_on(
    client: Client, finance: User, pool: Pool
) -> None:
    enrolment = EnrolmentFactory()
    as_(client, finance).post(url("policy-new", pool.pk), POLICY | {"term": str(enrolment.term.pk)})
    policy = Policy.objects.get()
    assert (policy.units, policy.expiry, policy.priority) == (6, Expiry.TERM_END, 10)
    assert allocation.allocate_due(at=NOW) == 1
    client.post(url("policy", pool.pk, policy.pk), POLICY | {"units": "3", "is_paused": "on"})
    policy.refresh_from_db()
    assert (policy.units, policy.paused_at is None) == (3, False)
    change = AuditEntry.objects.get(verb="policy.change")
    assert sorted(change.fields) == ["paused_at", "units"]
    client.post(url("policy", pool.pk, policy.pk), POLICY | {"units": "3", "is_paused": "on"})
    assert AuditEntry.objects.filter(verb="policy.change").count() == 1, "nothing changed"


def test_a_second_policy_for_a_term_is_refused(client: Client, finance: User, pool: Pool) -> None:
    term = TermFactory()
    for _ in range(2):
        response = as_(client, finance).post(
            url("policy-new", pool.pk), POLICY | {"term": str(term.pk)}
        )
    assert "already has a policy for this term" in response.content.decode()
    assert Policy.objects.count() == 1


def test_coordinators_see_bands_and_no_amount(
    client: Client, coordinator: User, finance: User
) -> None:
    pool = make_pool(units=8765)
    Policy.objects.create(pool=pool, term=TermFactory(), units=1)
    for page in (url("pools"), url("pool", pool.pk)):
        text = as_(client, coordinator).get(page).content.decode()
        assert "More than half left" in text
        assert not any(word in text for word in ("8765", "8,765", "8326", "£", "Records"))
        assert "8765" in as_(client, finance).get(page).content.decode()


def test_a_coordinator_sees_only_pools_of_programmes_they_run(
    client: Client, coordinator: User, pool: Pool
) -> None:
    mine, other = ProgrammeFactory(), ProgrammeFactory()
    StaffGrant.objects.filter(user=coordinator, role=Role.COORDINATOR).update(all_programmes=False)
    ProgrammeGrant.objects.create(grant=coordinator.staff_grants.get(), programme=mine)
    Policy.objects.create(pool=pool, term=TermFactory(programme=other), units=1)
    assert as_(client, coordinator).get(url("pool", pool.pk)).status_code == 404
    Policy.objects.create(pool=pool, term=TermFactory(programme=mine), units=1)
    assert client.get(url("pool", pool.pk)).status_code == 200


def test_nobody_sees_a_name(client: Client, finance: User, pool: Pool) -> None:
    enrolment = EnrolmentFactory()
    Policy.objects.create(pool=pool, term=enrolment.term, units=6)
    allocation.allocate_due(at=NOW)
    text = as_(client, finance).get(url("pool", pool.pk)).content.decode()
    assert enrolment.user.email not in text
    assert enrolment.user.name not in text
    lot = Transfer.objects.get(code="ALLOCATE").credit
    assert lot.short_token in text


def test_the_lines_of_a_pool_add_up_to_what_was_paid_in(pool: Pool) -> None:
    ana = uuid4()
    give(pool, ana, 6)
    ledger.post_hold(group=hold(ana).group, actor=ana, at=NOW)
    hold(ana)
    books = books_of([pool])[0]
    lines = (books.free, books.kept_back, books.with_people, books.held, books.used, books.expired)
    assert lines == (89, 5, 4, 1, 1, 0)
    assert sum(lines) == books.paid_in == 100


@pytest.mark.parametrize(
    ("given", "band"),
    [(49, Band.PLENTY), (50, Band.HALF), (75, Band.QUARTER), (89, Band.QUARTER), (90, Band.TENTH)],
)
def test_bands(pool: Pool, given: int, band: Band) -> None:
    give(pool, uuid4(), given)
    assert books_of([pool])[0].band == band


def queries_of(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page).status_code == 200
    return len(queries)


def test_the_list_takes_the_same_queries_for_one_pool_as_for_three(
    client: Client, finance: User, pool: Pool
) -> None:
    as_(client, finance).get(url("pools"))
    one = queries_of(client, url("pools"))
    make_pool("Southlight")
    make_pool("Westlight")
    assert queries_of(client, url("pools")) == one


def test_the_journal_takes_the_same_queries_however_long(
    client: Client, finance: User, pool: Pool
) -> None:
    as_(client, finance).get(url("pool", pool.pk))
    give(pool, uuid4(), 1)
    short = queries_of(client, url("pool", pool.pk) + "?page=2")
    for _ in range(60):
        give(pool, uuid4(), 1)
    assert queries_of(client, url("pool", pool.pk) + "?page=2") == short
    assert "Page 2 of 3" in client.get(url("pool", pool.pk) + "?page=2").content.decode()
