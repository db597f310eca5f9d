"""A policy may be narrower than its pool; what was given stays as it was given."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client as Browser
from django.urls import reverse
from uuid6 import uuid7

from accounts.models import AuditEntry, User
from ambassadors.models import AdultConfirmation, Enrolment
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, ServiceTypeFactory, UserFactory
from tests.therapy_credits.care import (
    LONDON,
    NEXT_THURSDAY_NINE,
    Client,
    Desk,
    book,
    consent,
    left_booked_used,
    make_client,
    make_desk,
)
from tests.therapy_credits.conftest import DAY, STAFF, give, hold, make_pool
from therapy_credits.domain.matching import Need
from therapy_credits.domain.missed import MissedRule
from therapy_credits.errors import (
    CodeNotAccepted,
    LimitsWider,
    NotEnoughSessions,
)
from therapy_credits.models import Account, Booking, Expiry, Limits, Policy, Pool
from therapy_credits.queries.bookings import live_sources, pays_for
from therapy_credits.queries.missed import rules_of
from therapy_credits.queries.practices import find_offers
from therapy_credits.services import allocation, pools
from therapy_credits.services.bookings import (
    HORIZON,
    cancel_booking,
    cancel_terms,
    confirm_session,
    undo_confirmation,
)
from therapy_credits.services.fit_calls import why_no_call
from therapy_credits.services.gifts import Opener, claim_gift, give_sessions
from therapy_credits.services.session_codes import issue_code, redeem_code
from therapy_credits.services.subjects import own_tokens

pytestmark = pytest.mark.django_db

HARSH = [MissedRule.from_numbers([1, 48, 1, 50])]
MILD = [MissedRule.from_numbers([1, 2, 0, 100])]
NEED = Need("GB", "", "en", "online")


@pytest.fixture
def inside() -> Desk:
    """A practice of the network that the policy is for."""
    return make_desk("Harbour", network="Quiet Hands", contact_email="harbour@example.org")


@pytest.fixture
def outside() -> Desk:
    """A practice that the pool pays for, and the policy does not."""
    return make_desk("Elsewhere", network="Elsewhere")


def make_policy(pool: Pool, enrolment: Enrolment, **own: Any) -> Policy:
    facts: dict[str, Any] = {
        "units": 3,
        "expiry": Expiry.ALLOCATION,
        "expiry_days": 180,
        "priority": 50,
        "is_paused": False,
    }
    return pools.add_policy(
        pool=pool, term=enrolment.term, **facts | own, author=UserFactory(), at=NOW
    )


def change(policy: Policy, **own: Any) -> Policy:
    kept = {name: getattr(policy, name) for name in ("units", "expiry", "expiry_days", "priority")}
    return pools.change_policy(
        policy=policy, **kept, is_paused=False, author=UserFactory(), at=NOW, **own
    )


def given_to(enrolment: Enrolment) -> Client:
    """The ambassador as one who may book, with what the policies of their term gave."""
    user = enrolment.user
    consent(user)
    AdultConfirmation.objects.get_or_create(user=user, defaults={"confirmed_at": NOW})
    allocation.allocate_due(at=NOW)
    (token,) = own_tokens(user)
    return Client(user, token, Account.objects.lots(token).get(), Pool.objects.get())


@pytest.fixture
def enrolment() -> Enrolment:
    return EnrolmentFactory()


@pytest.fixture
def narrow(pool: Pool, enrolment: Enrolment) -> Policy:
    """Three sessions for each, with practices of one network."""
    return make_policy(pool, enrolment, networks=["Quiet Hands"])


def found(user: User, kind: str = "one") -> set[str]:
    offers = find_offers(
        replace(NEED, kind=kind),
        payable=pays_for(live_sources(own_tokens(user), at=NOW)),
        zone=LONDON,
        at=NOW,
        until=NOW + HORIZON,
    )
    return {offer.practitioner.practice.name for offer in offers}


def redeem(text: str, desk: Desk) -> Any:
    return redeem_code(
        text=text,
        membership=desk.membership,
        service=desk.service,
        held_on=NOW.date(),
        address="192.0.2.1",
        at=NOW,
    )


def test_finding_booking_codes_and_first_calls_keep_to_the_policy(
    narrow: Policy, enrolment: Enrolment, inside: Desk, outside: Desk
) -> None:
    client = given_to(enrolment)
    assert found(client.user) == {"Harbour"}
    with pytest.raises(NotEnoughSessions):
        book(client, outside)
    assert left_booked_used(client) == (3, 0, 0)
    assert book(client, inside).limits == narrow.limits
    for desk in (inside, outside):
        desk.practitioner.fit_call_minutes = 15
        desk.practitioner.save()
    assert isinstance(why_no_call(client.user, outside.practitioner, at=NOW), NotEnoughSessions)
    issued = issue_code(user=client.user, request_id=uuid4(), at=NOW)
    assert issued.text
    with pytest.raises(CodeNotAccepted):
        redeem(issued.text, outside)
    assert redeem(issued.text, inside).status == "redeemed"
    assert left_booked_used(client) == (1, 1, 1)


def test_a_policy_is_for_some_kinds_of_session(
    pool: Pool, enrolment: Enrolment, inside: Desk
) -> None:
    make_policy(pool, enrolment, kinds=["group"])
    client = given_to(enrolment)
    assert found(client.user) == found(client.user, "group") == set()
    ServiceTypeFactory(practice=inside.practitioner.practice, kind="group", minutes=80, name="Band")
    assert (found(client.user), found(client.user, "group")) == (set(), {"Harbour"})


def test_a_gift_keeps_the_limits_of_what_it_came_from(
    narrow: Policy, enrolment: Enrolment, inside: Desk, outside: Desk
) -> None:
    giver = given_to(enrolment)
    friend = make_client("recipient", units=0, pool=giver.pool)
    new = give_sessions(user=giver.user, units=1, contact="", request_id=uuid4(), at=NOW)
    assert new.code
    later = NOW + DAY
    claim_gift(opener=Opener(code=new.code), user=friend.user, at=later)
    with pytest.raises(NotEnoughSessions):
        book(friend, outside, at=later)
    assert book(friend, inside, at=later).limits == narrow.limits


def test_a_hold_does_not_span_lots_of_different_limits(pool: Pool, ana: UUID) -> None:
    give(pool, ana, 1)
    limits = Limits.objects.create(pool=pool, kinds=["one"])
    give(pool, ana, 2, days=90, priority=60, limits=limits)
    assert [source.limits for source in live_sources([ana], at=NOW)] == [None, limits]
    with pytest.raises(NotEnoughSessions):
        hold(ana, 3)
    with pytest.raises(NotEnoughSessions):  # of those without limits there is one
        hold(ana, 2, pool=pool)
    held = hold(ana, 2)
    assert [Account.objects.get(pk=lot).limits for _, lot, _ in held.parts] == [limits]


# --- A change counts for what is given from then on ------------------------------------------


def test_a_change_of_policy_never_touches_what_was_given(
    narrow: Policy, enrolment: Enrolment, inside: Desk, outside: Desk
) -> None:
    client = given_to(enrolment)
    before = Account.objects.filter(pk=client.lot.pk).values().get()
    change(narrow, networks=["Elsewhere"])
    newcomer = given_to(EnrolmentFactory(term=enrolment.term))
    assert Account.objects.filter(pk=client.lot.pk).values().get() == before
    assert (found(client.user), found(newcomer.user)) == ({"Harbour"}, {"Elsewhere"})
    change(narrow, networks=[])
    late = given_to(EnrolmentFactory(term=enrolment.term))
    assert late.lot.limits is None
    assert found(late.user) == {"Harbour", "Elsewhere"}
    assert found(client.user) == {"Harbour"}
    book(client, inside)


def test_what_a_miss_means_is_as_it_was_when_the_sessions_were_given(
    narrow: Policy, enrolment: Enrolment, inside: Desk
) -> None:
    staff = UserFactory()
    pools.set_policy_missed_rules(policy=narrow, rules=HARSH, author=staff, at=NOW)
    client = given_to(enrolment)
    booking = book(client, inside)
    pools.set_policy_missed_rules(policy=narrow, rules=MILD, author=staff, at=NOW)
    pools.set_missed_rules(pool=client.pool, rules=MILD, author=staff, at=NOW)
    newcomer = given_to(EnrolmentFactory(term=enrolment.term))
    other = book(newcomer, inside, NEXT_THURSDAY_NINE + DAY / 12)
    day_before = NEXT_THURSDAY_NINE - DAY
    assert cancel_terms(booking, at=day_before).name == "charged"
    assert cancel_terms(other, at=day_before).name == "in_time"
    assert (
        cancel_booking(
            booking=booking, user=client.user, agreed="charged", at=day_before
        ).fee_percent
        == 50
    )
    assert left_booked_used(client, day_before) == (2, 0, 1)
    pools.set_policy_missed_rules(policy=narrow, rules=[], author=staff, at=NOW)
    narrow.refresh_from_db()
    assert narrow.limits is not None
    assert (narrow.limits.networks, narrow.limits.missed_rules) == (["Quiet Hands"], [])
    under_that_of_the_pool = given_to(EnrolmentFactory(term=enrolment.term)).lot.limits
    assert rules_of(under_that_of_the_pool) == tuple(MILD)


def test_a_pool_may_have_its_own_table_and_what_was_given_keeps_it(
    pool: Pool, enrolment: Enrolment, inside: Desk
) -> None:
    make_policy(pool, enrolment)
    clients = [given_to(enrolment)]
    for table in (HARSH, MILD):
        pools.set_missed_rules(pool=pool, rules=table, author=UserFactory(), at=NOW)
        clients.append(given_to(EnrolmentFactory(term=enrolment.term)))
    bookings = [
        book(client, inside, NEXT_THURSDAY_NINE + hours * DAY / 12)
        for hours, client in enumerate(clients)
    ]
    hours_before = NEXT_THURSDAY_NINE - DAY / 8
    terms = [cancel_terms(booking, at=hours_before).name for booking in bookings]
    assert terms == ["excused", "charged", "in_time"]


def test_what_is_given_under_the_same_table_has_the_same_limits(
    pool: Pool, enrolment: Enrolment, inside: Desk
) -> None:
    """Or nobody's two sessions from two policies could be held together."""
    make_policy(pool, enrolment)
    pools.set_missed_rules(pool=pool, rules=HARSH, author=UserFactory(), at=NOW)
    first = given_to(enrolment)
    second = given_to(EnrolmentFactory(term=enrolment.term))
    assert first.lot.limits == second.lot.limits == Limits.objects.get()


def test_undone_it_is_held_from_the_same_lot_again(
    narrow: Policy, enrolment: Enrolment, inside: Desk
) -> None:
    client = given_to(enrolment)
    booking = book(client, inside)
    after = NEXT_THURSDAY_NINE + DAY
    stamp: dict[str, Any] = {"membership": inside.membership, "at": after}
    booking = confirm_session(booking=booking, outcome="attended", **stamp)
    booking = undo_confirmation(booking=booking, **stamp)
    assert (booking.status, booking.limits) == (Booking.Status.BOOKED, narrow.limits)
    assert left_booked_used(client, after) == (2, 1, 0)


# --- Never wider than the pool -----------------------------------------------------------------


@pytest.mark.parametrize(
    "own",
    [
        {"networks": ["Elsewhere"]},
        {"networks": ["Quiet Hands", "Elsewhere"]},
        {"kinds": ["group"]},
        {"goodwill_percent": 9},
    ],
)
def test_a_policy_is_never_wider_than_its_pool(enrolment: Enrolment, own: dict[str, Any]) -> None:
    pool = make_pool(networks=["Quiet Hands"], kinds=["one", "two"], goodwill_percent=10)
    with pytest.raises(LimitsWider):
        make_policy(pool, enrolment, **own)
    assert Policy.objects.count() == 0
    policy = make_policy(pool, enrolment, kinds=["one"], goodwill_percent=10)
    with pytest.raises(LimitsWider):
        change(policy, **own)
    policy.refresh_from_db()
    assert (policy.limits.kinds, policy.goodwill_percent) == (["one"], 10)


def test_a_policy_may_leave_more_in_the_pool_than_the_pool_asks(pool: Pool) -> None:
    enrolment = EnrolmentFactory()
    for _ in range(3):
        EnrolmentFactory(term=enrolment.term)
    make_policy(pool, enrolment, units=30, goodwill_percent=20)
    assert allocation.allocate_due(at=NOW) == 2  # 80 of 100 are there to be given


# --- The database refuses -----------------------------------------------------------------------


def refused(rule: str) -> Any:
    return pytest.raises(DatabaseError, match=rule)


def test_what_was_given_keeps_its_limits_whatever_code_there_is(
    narrow: Policy, enrolment: Enrolment
) -> None:
    client = given_to(enrolment)
    limits = Limits.objects.filter(pk=narrow.limits_id)
    with refused("a policy that changes has others"), transaction.atomic():
        limits.update(networks=["Elsewhere"])
    with refused("a policy that changes has others"), transaction.atomic():
        limits._raw_delete(limits.db)
    lot = Account.objects.filter(pk=client.lot.pk)
    with refused("stays as it was given"), transaction.atomic():
        lot.update(limits=None)
    other = Limits.objects.create(pool=make_pool("Southlight"), kinds=["one"])
    with refused("account_limits_are_of_its_pool"), transaction.atomic():
        _open_lot(client, other)
    with refused("policy_limits_are_of_its_pool"), transaction.atomic():
        Policy.objects.update(limits=other)
    with refused("account_only_lots_have_limits"), transaction.atomic():
        Account.objects.create(
            pool=client.pool, kind="practice", practice_id=99, bounded=True, limits=narrow.limits
        )
    with refused("limits_narrow_something"), transaction.atomic():
        Limits.objects.create(pool=client.pool)
    with refused("limits_kinds_known"), transaction.atomic():
        Limits.objects.create(pool=client.pool, kinds=["choir"])
    with refused("policy_goodwill_is_a_percentage"), transaction.atomic():
        Policy.objects.update(goodwill_percent=101)


@pytest.mark.parametrize("code", ["GIFT", "GRACE"])
def test_no_unit_leaves_its_limits(narrow: Policy, enrolment: Enrolment, code: str) -> None:
    client = given_to(enrolment)
    free = _open_lot(client, None)
    row = [uuid7(), client.pool.pk, code, client.lot.pk, free.pk, STAFF, NOW]
    with refused("transfer_keeps_the_limits_of_its_lot"), transaction.atomic():
        connection.cursor().execute(
            """INSERT INTO therapy_credits_transfer
               (id, pool_id, phase, code, debit_id, credit_id, amount, actor, request_hash, made_at)
               VALUES (%s, %s, 'single', %s, %s, %s, 1, %s, '', %s)""",
            row,
        )
    assert left_booked_used(client) == (3, 0, 0)


def _open_lot(client: Client, limits: Limits | None) -> Account:
    return Account.objects.create(
        pool=client.pool,
        kind="lot",
        bounded=True,
        subject=client.token,
        priority=50,
        effective_at=NOW,
        expires_at=client.lot.expires_at,
        limits=limits,
    )


# --- The pages -----------------------------------------------------------------------------------


def test_finance_narrows_a_policy_and_writes_its_table(
    client: Browser,
    finance: User,
    enrolment: Enrolment,
    inside: Desk,
    outside: Desk,
    settings: Any,
) -> None:
    settings.REQUIRE_MFA = False
    pool = make_pool(kinds=["one", "two"])
    client.force_login(finance, backend="accounts.adapters.SignInBackend")
    form: dict[str, Any] = {
        "term": enrolment.term.pk,
        "units": 3,
        "expiry_days": 90,
        "expiry": "allocation",
        "priority": 50,
        "networks": ["Quiet Hands"],
        "kinds": ["one"],
        "goodwill_percent": "",
    }
    new = reverse("therapy_credits:policy-new", args=[pool.pk])
    assert "A band or a team" not in client.get(new).content.decode()
    refused = client.post(new, form | {"goodwill_percent": 4, "kinds": ["group"]})
    assert "greater than or equal to 5" in refused.content.decode()
    assert Policy.objects.count() == 0
    client.post(new, form)
    policy = Policy.objects.get()
    assert policy.limits is not None
    shown = client.get(reverse("therapy_credits:pool", args=[pool.pk])).content.decode()
    assert "Practices of: Quiet Hands." in shown
    own = reverse("therapy_credits:policy", args=[pool.pk, policy.pk])
    assert re.search('value="Quiet Hands"[^>]* checked', client.get(own).content.decode())
    client.post(own, form)
    assert not AuditEntry.objects.filter(verb="policy.change").exists(), "nothing changed"
    table = reverse("therapy_credits:policy-missed-rules", args=[pool.pk, policy.pk])
    client.post(table, {"nth_0": 1, "notice_0": 48, "units_0": 1, "fee_0": 50})
    policy.refresh_from_db()
    assert (policy.limits.networks, policy.limits.missed_rules) == (
        ["Quiet Hands"],
        [[1, 48, 1, 50]],
    )
    assert 'value="48"' in client.get(table).content.decode()
    assert (
        "A table of its own"
        in client.get(reverse("therapy_credits:pool", args=[pool.pk])).content.decode()
    )
    client.post(table, {})
    client.post(own, form | {"networks": [], "kinds": []})
    policy.refresh_from_db()
    assert policy.limits is None
    assert AuditEntry.objects.filter(verb="policy.missed-rules").count() == 2
