"""Giving back: once, never more than was paid, and through every crash."""

import datetime as dt
import subprocess
import sys
import time
from threading import Barrier

import pytest
from django.conf import settings as live
from django.db import IntegrityError, ProgrammingError, connection
from django.db.models.query import QuerySet
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from config.local import PROJECT
from payments.errors import MoreThanWasPaid, NothingWasPaid
from payments.models import Charge, Refund
from payments.services import refunds
from payments.services.notices import apply_notices
from payments.services.refunds import ask_refund, left_of, look_after, send_refunds
from tests.events.test_races import at_once
from tests.processor import Processor, tell

SOON = dt.timedelta(minutes=3)


def ask(charge: Charge, key: str = "form-1", amount_minor: int | None = None) -> Refund:
    return ask_refund(
        charge=charge, kind="deposit", key=key, amount_minor=amount_minor, at=timezone.now()
    )


def send(after: dt.timedelta = dt.timedelta(0)) -> int:
    return send_refunds(limit=10, at=timezone.now() + after)


def test_a_refund_is_asked_for_and_sent_by_a_task(paid: Charge, processor: Processor) -> None:
    refund = ask(paid, amount_minor=500)
    assert processor.refunds(paid) == []
    assert (refund.status, left_of(paid)) == ("waiting", 700)
    assert send() == 1
    refund.refresh_from_db()
    assert (refund.status, refund.idempotency_key is None) == ("done", False)
    assert [one["amount"] for one in processor.refunds(paid)] == [500]
    assert send() == 0


def test_all_that_is_left_is_given_back_when_nobody_says_how_much(paid: Charge) -> None:
    ask(paid, "one", 500)
    assert ask(paid, "two").amount_minor == 700


def test_the_same_form_sent_twice_gives_back_once(paid: Charge, processor: Processor) -> None:
    assert ask(paid, amount_minor=500) == ask(paid, amount_minor=500)
    send()
    assert ask(paid, amount_minor=500).status == "done"
    assert send() == 0
    assert len(processor.refunds(paid)) == 1


def test_never_more_than_was_paid(paid: Charge) -> None:
    ask(paid, "one", 1000)
    for amount in (201, 0, -1):
        with pytest.raises(MoreThanWasPaid):
            ask(paid, "two", amount)
    assert left_of(paid) == 200


def test_what_was_not_paid_is_not_given_back(charge: Charge) -> None:
    with pytest.raises(NothingWasPaid):
        ask(charge, amount_minor=1)


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_key(
    paid: Charge, processor: Processor
) -> None:
    refund = ask(paid)
    processor.lose(2)  # the library itself asks twice
    assert send() == 0
    refund.refresh_from_db()
    key = refund.idempotency_key
    assert (refund.status, len(processor.refunds(paid))) == ("waiting", 1), "it was made"
    assert send() == 0, "not at once again"
    assert send(SOON) == 1
    refund.refresh_from_db()
    assert (refund.status, refund.idempotency_key) == ("done", key)
    assert len(processor.refunds(paid)) == 1


def test_after_a_day_it_is_looked_up_instead_of_asked_for(
    paid: Charge, processor: Processor
) -> None:
    refund = ask(paid, amount_minor=500)
    processor.lose(2)
    send()
    processor.ask("forget-keys")
    assert send(dt.timedelta(hours=25)) == 1
    refund.refresh_from_db()
    assert refund.status == "done"
    assert len(processor.refunds(paid)) == 1, "under its old key it would be made twice now"


def test_one_that_never_arrived_is_asked_for_anew_after_a_day(
    paid: Charge, processor: Processor
) -> None:
    refund = ask(paid)
    refunds._take(refund.pk, timezone.now())  # the key is saved, and the worker dies
    refund.refresh_from_db()
    first = refund.idempotency_key
    assert first is not None
    assert send(dt.timedelta(hours=25)) == 1
    refund.refresh_from_db()
    assert (refund.status, refund.idempotency_key == first) == ("done", False)
    assert len(processor.refunds(paid)) == 1


def test_a_worker_that_died_after_saving_the_key_is_taken_over(
    paid: Charge, processor: Processor
) -> None:
    refund = ask(paid)
    refunds._take(refund.pk, timezone.now())
    key = Refund.objects.get().idempotency_key
    assert send() == 0, "it may be at it"
    assert send(SOON) == 1
    refund.refresh_from_db()
    assert (refund.status, refund.idempotency_key) == ("done", key)


def test_what_the_processor_refuses_has_failed_and_can_be_asked_for_again(
    paid: Charge, processor: Processor, coordinator: User
) -> None:
    by_hand = {
        "id": "re_hand",
        "amount": 1200,
        "currency": "gbp",
        "payment_intent": paid.payment_intent,
        "metadata": {},
        "status": "succeeded",
    }
    ours = ask(paid, amount_minor=500)
    event = {"id": "evt_hand", "type": "refund.created", "created": 1, "data": {"object": by_hand}}
    tell(event)
    apply_notices(limit=10, at=timezone.now())
    ours.refresh_from_db()
    assert (ours.status, left_of(paid)) == ("failed", 0), "it was given back there already"
    look_after(refund=ours, actor=coordinator, at=timezone.now())
    ours.refresh_from_db()
    assert ours.seen_at is not None


def test_a_key_the_processor_does_not_take_fails_no_refund(
    paid: Charge, processor: Processor, settings: Settings
) -> None:
    refund = ask(paid)
    right, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_test_of_yesterday"
    assert send() == 0
    settings.STRIPE_SECRET_KEY = right
    assert send(SOON) == 1
    refund.refresh_from_db()
    assert (refund.status, len(processor.refunds(paid))) == ("done", 1)


def test_a_refund_that_the_bank_sends_back_has_failed(paid: Charge, processor: Processor) -> None:
    refund = ask(paid)
    send()
    [made] = processor.refunds(paid)
    processor.ask("fail-refund", refund=made["id"])
    for event in reversed(processor.events(made["id"])):
        tell(event)
    apply_notices(limit=10, at=timezone.now())
    refund.refresh_from_db()
    assert (refund.status, refund.failure) == ("failed", "expired_or_canceled_card")
    assert left_of(paid) == 1200


# --- Round the code ------------------------------------------------------------------------------


def row(charge: Charge, **changed: object) -> Refund:
    now = timezone.now()
    fields = {
        "charge": charge,
        "kind": "deposit",
        "amount_minor": 100,
        "asked_by_key": f"key-{time.monotonic_ns()}",
        "asked_at": now,
        "next_attempt_at": now,
    }
    return Refund(**(fields | changed))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"status": "lost"}, "refund_status_known"),
        ({"kind": "gift"}, "refund_kind_known"),
        ({"amount_minor": 0}, "refund_is_of_something"),
        ({"status": "done"}, "refund_sent_is_named"),
        ({"kind": "staff"}, "refund_by_staff_says_why"),
        ({"amount_minor": 1201}, "refund_never_more_than_paid"),
    ],
)
def test_the_database_refuses_a_refund_that_cannot_be(paid: Charge, changed, rule) -> None:
    with pytest.raises(IntegrityError) as refusal:
        row(paid, **changed).save()
    assert refusal.value.__cause__.diag.constraint_name == rule


def test_the_database_counts_what_is_given_back_together(paid: Charge) -> None:
    row(paid, amount_minor=700).save()
    failed = row(paid, amount_minor=700, status="failed")
    failed.save()
    with pytest.raises(IntegrityError):
        Refund.objects.filter(pk=failed.pk).update(status="waiting")


def test_the_database_gives_nothing_back_that_was_not_paid(charge: Charge) -> None:
    with pytest.raises(IntegrityError):
        row(charge).save()


def test_no_refund_is_ever_deleted(paid: Charge) -> None:
    ask(paid)
    with pytest.raises(ProgrammingError, match="Cannot delete"):
        Refund.objects.all().delete()


# --- At once, and killed -------------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_refunds_at_once_never_give_back_more_than_was_paid(paid: Charge) -> None:
    outcomes = at_once([lambda n=n: ask(paid, f"form-{n}", 700) for n in range(4)])
    given = [one for one in outcomes if isinstance(one, Refund)]
    assert len(given) == 1
    assert {type(one) for one in outcomes} == {Refund, MoreThanWasPaid}
    assert left_of(paid) == 500


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_only_the_database_keeps_it_from_that(
    paid: Charge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    gate = Barrier(4)

    def left(charge: Charge) -> int:
        gate.wait(timeout=10)  # all have looked before anybody writes
        return charge.amount_minor

    monkeypatch.setattr(refunds, "left_of", left)
    outcomes = at_once([lambda n=n: ask(paid, f"form-{n}", 700) for n in range(4)])
    assert sum(isinstance(one, Refund) for one in outcomes) == 1
    assert {type(one) for one in outcomes} == {Refund, IntegrityError}


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_refund_once(paid: Charge, processor: Processor) -> None:
    ask(paid)
    assert sorted(at_once([send] * 3)) == [0, 0, 1]
    assert len(processor.refunds(paid)) == 1


WORKER = """
import django; django.setup()
from django.conf import settings
settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = {key!r}, {base!r}
settings.DATABASES["default"]["NAME"] = {name!r}
from payments.services.refunds import send_refunds
from django.utils import timezone
send_refunds(limit=1, at=timezone.now())
"""


@pytest.mark.fault
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_the_processor_works_gives_back_once(
    paid: Charge, processor: Processor
) -> None:
    refund = ask(paid)
    processor.lose(1, after_seconds=20)
    code = WORKER.format(
        key=live.STRIPE_SECRET_KEY,
        base=live.STRIPE_API_BASE,
        name=connection.settings_dict["NAME"],
    )
    worker = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)
    deadline = time.monotonic() + 60
    while not processor.refunds(paid) and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.kill()
    worker.wait()
    processor.lose(0)
    refund.refresh_from_db()
    assert (refund.status, len(processor.refunds(paid))) == ("waiting", 1)
    assert refund.idempotency_key is not None, "it was saved before anybody was asked"
    assert send(SOON) == 1
    refund.refresh_from_db()
    assert (refund.status, len(processor.refunds(paid))) == ("done", 1)
