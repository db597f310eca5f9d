"""How long a pool lasts, and who hears when little is left: in steps, on two days of the month."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import User
from notifications.models import Message
from tests.conftest import NOW
from tests.therapy_credits.conftest import DAY, STAFF, give, hold, make_pool
from therapy_credits.models import Pool
from therapy_credits.queries.pools import books_of, forecast_of
from therapy_credits.services import ledger, pools

pytestmark = pytest.mark.django_db

FIRST = dt.datetime(2026, 7, 1, 8, 0, tzinfo=dt.UTC)
FIFTEENTH = dt.datetime(2026, 7, 15, 8, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _second_factor_has_its_own_tests(settings: Any) -> None:
    settings.REQUIRE_MFA = False


def use(pool: Pool, units: int, at: dt.datetime = NOW) -> None:
    """A person is given ``units`` and uses them."""
    token = uuid4()
    give(pool, token, units, since=at)
    held = hold(token, units, at=at, pool=pool)
    ledger.post_hold(group=held.group, actor=STAFF, at=at)


def test_it_lasts_as_long_as_at_the_rate_of_three_months() -> None:
    pool = make_pool(units=100)
    use(pool, 30, NOW + DAY)
    use(pool, 10, NOW - 100 * DAY + DAY)  # too long ago to count
    found = forecast_of(books_of([pool])[0], at=NOW + 2 * DAY)
    assert (found.used_a_month, found.unused, found.months) == (10.0, 60, 6)
    assert found.lasts_until == (NOW + 182 * DAY).date()


def test_what_was_undone_was_not_used() -> None:
    pool = make_pool(units=100)
    token = uuid4()
    give(pool, token, 6)
    held = hold(token, 6, pool=pool)
    ledger.post_hold(group=held.group, actor=STAFF, at=NOW)
    ledger.reverse_charge(group=held.group, actor=STAFF, at=NOW)
    assert forecast_of(books_of([pool])[0], at=NOW).used_a_month == 0


def test_too_little_use_says_nothing_and_what_expires_is_told() -> None:
    pool = make_pool(units=100)
    give(pool, uuid4(), 4, days=60)
    give(pool, uuid4(), 5, days=180)
    found = forecast_of(books_of([pool])[0], at=NOW)
    assert (found.months, found.lasts_until, found.expiring) == (None, None, 4)


def test_finance_reads_it_and_coordinators_do_not(finance: User) -> None:
    pool = make_pool(units=100)
    use(pool, 30)
    browser = Browser()
    browser.force_login(finance, backend="accounts.adapters.SignInBackend")
    with time_machine.travel(NOW + DAY, tick=False):
        page = browser.get(reverse("therapy_credits:pool", args=[pool.pk])).content.decode()
    assert "70 sessions are paid for and not used." in page


# --- Alerts --------------------------------------------------------------------------------


def mails() -> list[tuple[str, str]]:
    rows = Message.objects.filter(key__startswith="pool-low").order_by("pk")
    return [(row.to, row.subject) for row in rows]


def test_a_step_is_told_once_to_finance_and_the_partner_and_without_a_number(
    finance: User,
) -> None:
    pool = make_pool(units=100)
    pools.set_alert_address(pool=pool, address="partner@example.org", author=finance, at=NOW)
    use(pool, 60)
    for at in (FIRST, FIRST, FIFTEENTH):
        pools.alert_low_pools(at=at)
    subject = "Greenroom: half or less is left"
    assert sorted(mails()) == sorted([(finance.email, subject), ("partner@example.org", subject)])
    texts = "".join(row.text for row in Message.objects.all())
    assert "40" not in texts
    assert "60" not in texts


def test_only_on_the_first_and_the_fifteenth(finance: User) -> None:
    use(make_pool(units=100), 60)
    for day in range(2, 15):
        assert pools.alert_low_pools(at=FIRST.replace(day=day)) == 0
    assert mails() == []


def test_each_further_step_is_told_and_a_filled_pool_can_fall_again(finance: User) -> None:
    pool = make_pool(units=100)
    use(pool, 60)
    pools.alert_low_pools(at=FIRST)
    use(pool, 34)
    pools.alert_low_pools(at=FIFTEENTH)
    ledger.fund(pool=pool, units=300, transfer_id=uuid4(), actor=STAFF, at=FIFTEENTH)
    august = FIRST.replace(month=8)
    assert pools.alert_low_pools(at=august) == 0
    use(pool, 160)
    pools.alert_low_pools(at=august.replace(day=15))
    assert [subject for _, subject in mails()] == [
        "Greenroom: half or less is left",
        "Greenroom: a tenth or less is left",
        "Greenroom: half or less is left",
    ]


def test_a_pool_that_was_never_funded_is_not_low(finance: User) -> None:
    make_pool(units=0)
    assert pools.alert_low_pools(at=FIRST) == 0


def test_the_address_is_set_in_the_browser(finance: User) -> None:
    pool = make_pool(units=1)
    browser = Browser()
    browser.force_login(finance, backend="accounts.adapters.SignInBackend")
    page = reverse("therapy_credits:pool-alerts", args=[pool.pk])
    assert "valid email" in browser.post(page, {"address": "nobody"}).content.decode()
    browser.post(page, {"address": "partner@example.org"})
    pool.refresh_from_db()
    assert pool.alert_email == "partner@example.org"
