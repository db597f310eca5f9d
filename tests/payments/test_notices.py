"""What the processor tells us: kept if it is signed, applied in any order, once."""

import datetime as dt
import random

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config.local.card_stand_in import signed
from config.local.site import TEST_WEBHOOK_SECRET
from payments.models import Charge, ProcessorEvent, Refund
from payments.services.charges import look_up
from payments.services.notices import apply_notices, forget_notices
from tests.events.test_races import at_once
from tests.processor import Processor, tell


def apply() -> int:
    return apply_notices(limit=100, at=timezone.now())


@pytest.fixture
def told_paid(charge: Charge, processor: Processor) -> dict:
    processor.pay(charge)
    [event] = processor.events(charge.reference)
    return event


def test_a_notice_is_kept_and_applied_later(charge: Charge, told_paid: dict) -> None:
    assert tell(told_paid).status_code == 204
    charge.refresh_from_db()
    assert charge.status == "open", "whoever brings a notice is answered at once"
    assert apply() == 1
    charge.refresh_from_db()
    assert charge.status == "paid"
    assert apply() == 0


def test_nothing_about_the_person_is_kept(charge: Charge, told_paid: dict) -> None:
    assert "who-paid@example.org" in str(told_paid)
    tell(told_paid)
    kept = ProcessorEvent.objects.get()
    assert "example.org" not in str(kept.facts)
    assert "Whoever" not in str(kept.facts)


def test_the_same_notice_twice_is_one(charge: Charge, told_paid: dict) -> None:
    assert [tell(told_paid).status_code for _ in range(2)] == [204, 204]
    assert ProcessorEvent.objects.count() == 1
    apply()
    assert tell(told_paid).status_code == 204
    assert apply() == 0


@pytest.mark.parametrize(
    "header",
    ["", "t=1,v1=00", "v1=abc", "nonsense", "t=x,v1=é"],
)
def test_what_the_processor_did_not_sign_is_refused(db: None, processor, header) -> None:
    answer = Client().post(
        "/webhooks/stripe/",
        b'{"id": "evt_1"}',
        content_type="application/json",
        headers={"Stripe-Signature": header},
    )
    assert answer.status_code == 400
    assert not ProcessorEvent.objects.exists()


def test_a_signature_counts_for_exactly_these_bytes_and_this_secret(
    db: None, processor: Processor, settings: Settings
) -> None:
    event = {"id": "evt_1", "type": "checkout.session.completed", "created": 1, "data": {}}
    assert tell(event, secret="whsec_of_somebody").status_code == 400
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert tell(event).status_code == 400
    assert not ProcessorEvent.objects.exists()


def test_a_notice_signed_long_ago_is_refused(charge: Charge, told_paid: dict) -> None:
    body, header = signed(told_paid, TEST_WEBHOOK_SECRET)
    moment = header.split(",")[0].removeprefix("t=")
    old = header.replace(f"t={moment}", f"t={int(moment) - 301}")
    answer = Client().post(
        "/webhooks/stripe/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": old},
    )
    assert answer.status_code == 400


def test_what_we_do_not_act_on_is_taken_and_forgotten(db: None, processor: Processor) -> None:
    event = {"id": "evt_1", "type": "customer.created", "created": 1, "data": {"object": {}}}
    assert tell(event).status_code == 204
    assert not ProcessorEvent.objects.exists()


def test_news_of_somebody_elses_payment_changes_nothing(charge: Charge, told_paid: dict) -> None:
    told_paid["data"]["object"]["client_reference_id"] = "of-another-shop"
    tell(told_paid)
    assert apply() == 1
    charge.refresh_from_db()
    assert charge.status == "open"


def test_in_any_order_it_comes_to_the_same(paid_and_returned, processor: Processor) -> None:
    """Paid, given back by hand at the processor, that failed, disputed, won: shuffled, twice."""
    charge, events = paid_and_returned
    for seed in range(6):
        order = events * 2
        random.Random(seed).shuffle(order)
        for number, event in enumerate(order):
            tell({**event, "id": f"{event['id']}-{seed}-{number}"})
        apply()
        apply()
        charge.refresh_from_db()
        assert (charge.status, charge.dispute) == ("paid", "won")
        assert [(one.status, one.amount_minor) for one in charge.refunds.all()] == [("failed", 500)]


@pytest.fixture
def paid_and_returned(charge: Charge, processor: Processor):
    intent = processor.pay(charge)["payment_intent"]
    refund = {
        "id": "re_by_hand",
        "amount": 500,
        "currency": "gbp",
        "payment_intent": intent,
        "metadata": {},
        "status": "succeeded",
    }

    def notice(name: str, kind: str, thing: dict) -> dict:
        return {"id": f"evt_{name}", "type": kind, "created": 1, "data": {"object": thing}}

    events = [
        *processor.events(charge.reference),
        notice("made", "refund.created", refund),
        notice("back", "refund.failed", {**refund, "status": "failed", "failure_reason": "x"}),
        notice(
            "dis", "charge.dispute.created", {"payment_intent": intent, "status": "needs_response"}
        ),
        notice("won", "charge.dispute.closed", {"payment_intent": intent, "status": "won"}),
    ]
    # The refund itself first, or there would be nothing that could fail.
    for event in events[:2]:
        tell(event)
    apply()
    return charge, events


def test_a_refund_told_before_the_payment_is_applied_after_it(
    charge: Charge, processor: Processor
) -> None:
    intent = processor.pay(charge)["payment_intent"]
    thing = {
        "id": "re_early",
        "amount": 1200,
        "currency": "gbp",
        "payment_intent": intent,
        "metadata": {},
        "status": "succeeded",
    }
    tell({"id": "evt_early", "type": "refund.created", "created": 1, "data": {"object": thing}})
    apply()
    assert not Refund.objects.exists(), "nobody can tell so far whose it is"
    tell(processor.events(charge.reference)[0])
    apply()
    apply()
    [refund] = Refund.objects.all()
    assert (refund.charge, refund.kind, refund.status) == (charge, "outside", "done")


def test_a_notice_that_does_not_fit_stops_none_behind_it(
    charge: Charge, processor: Processor
) -> None:
    intent = processor.pay(charge)["payment_intent"]
    tell(processor.events(charge.reference)[0])
    apply()
    for number, amount in enumerate((900, 600, 300)):
        thing = {
            "id": f"re_{number}",
            "amount": amount,
            "currency": "gbp",
            "payment_intent": intent,
            "metadata": {},
            "status": "succeeded",
        }
        event = {"id": f"evt_{number}", "type": "refund.created", "created": 1}
        tell({**event, "data": {"object": thing}})
    assert apply() == 2
    assert sorted(one.amount_minor for one in Refund.objects.all()) == [300, 900]
    # Once there is news that the first of them failed, the one that waited fits.
    Refund.objects.filter(amount_minor=900).update(status="failed")
    assert apply() == 1
    assert ProcessorEvent.objects.filter(applied_at=None).count() == 0


def test_notices_are_forgotten_once_they_are_applied_and_old(
    charge: Charge, told_paid: dict
) -> None:
    tell(told_paid)
    later = timezone.now() + dt.timedelta(days=31)
    assert forget_notices(before=later) == 0, "it is not applied"
    apply()
    assert forget_notices(before=later) == 1


@pytest.mark.django_db
def test_the_database_keeps_each_notice_once() -> None:
    facts = {"kind": "x", "facts": {}, "happened_at": timezone.now(), "received_at": timezone.now()}
    ProcessorEvent.objects.create(processor_id="evt_1", **facts)
    with pytest.raises(IntegrityError, match="processor_id"):
        ProcessorEvent.objects.create(processor_id="evt_1", **facts)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_notice_twice_at_once_beside_the_look_up_is_one_payment(
    charge: Charge, told_paid: dict
) -> None:
    def notify() -> int:
        answer = tell(told_paid)
        apply()
        return answer.status_code

    def ask() -> str:
        return look_up(charge=Charge.objects.get(pk=charge.pk), at=timezone.now()).status

    outcomes = at_once([notify, notify, notify, ask, ask])
    assert sorted(map(str, outcomes)) == ["204", "204", "204", "paid", "paid"]
    apply()
    charge.refresh_from_db()
    assert (charge.status, ProcessorEvent.objects.count()) == ("paid", 1)
