"""Asking for money and learning whether it came."""

import datetime as dt
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone, translation
from pytest_django import Settings

from common.money import NotAnAmount, TooManyDecimals, read_money, write_money
from config.local.site import TEST_KEY
from payments.domain.currencies import as_processor_counts, as_we_count, is_chargeable
from payments.errors import NoProcessor, ProcessorAway, ProcessorRefused
from payments.models import Charge
from payments.services.charges import (
    close_pages,
    give_up_charge,
    look_up,
    open_page,
    record_session,
)
from tests.payments.conftest import PAGES, begin
from tests.processor import Processor, session_of


@pytest.mark.parametrize(
    ("typed", "currency", "language", "minor"),
    [
        ("12.50", "GBP", "en", 1250),
        ("12,50", "GBP", "en", 1250),
        ("£1,250.50", "GBP", "en", 125050),
        ("1.250,50 €", "EUR", "es", 125050),
        ("12,5", "EUR", "es", 1250),
        ("12.5", "EUR", "es", 1250),
        ("1.000", "EUR", "es", 100000),
        ("1500", "JPY", "en", 1500),
        ("1.250", "KWD", "en", 1250),
        ("GBP 9", "GBP", "en", 900),
        ("0", "GBP", "en", 0),
        ("1 250,50 €", "EUR", "fr", 125050),
        ("R$ 1.250,50", "BRL", "pt-br", 125050),
        ("1.250,50", "EUR", "de", 125050),
        ("١٬٢٥٠٫٥٠", "EUR", "ar", 125050),
        ("1,250.50", "USD", "ar", 125050),
    ],
)
def test_an_amount_is_read_as_people_write_it(typed, currency, language, minor) -> None:
    with translation.override(language):
        assert read_money(typed, currency) == minor
        assert read_money(write_money(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("typed", "currency", "why"),
    [
        ("twelve", "GBP", NotAnAmount),
        ("-3", "GBP", NotAnAmount),
        ("1e10", "GBP", NotAnAmount),
        ("NaN", "GBP", NotAnAmount),
        ("", "GBP", NotAnAmount),
        ("1.005", "GBP", TooManyDecimals),
        ("1.000", "GBP", TooManyDecimals),
        ("1.5", "JPY", TooManyDecimals),
        ("99999999999", "GBP", NotAnAmount),
    ],
)
def test_what_is_no_amount_is_refused_and_never_guessed(typed, currency, why) -> None:
    with pytest.raises(why):
        read_money(typed, currency)


def test_the_processor_counts_some_currencies_in_its_own_way() -> None:
    assert [as_processor_counts(1500, one) for one in ("GBP", "JPY", "KWD", "ISK")] == [
        1500,
        1500,
        1500,
        150000,
    ]
    assert as_we_count(150000, "isk") == 1500
    assert is_chargeable(1230, "KWD")
    assert not is_chargeable(1234, "KWD"), "of thousandths, only whole tens"
    assert not is_chargeable(29, "GBP")
    assert is_chargeable(999_999, "ISK")
    assert not is_chargeable(1_000_000, "ISK"), "eight digits at most, as the processor counts"


def test_the_page_of_a_charge_says_what_it_is_and_nothing_about_anybody(
    charge: Charge, processor: Processor
) -> None:
    session = processor.session(charge)
    assert (session["amount_total"], session["currency"]) == (1200, "gbp")
    assert session["title"] == "A place"
    assert session["client_reference_id"] == charge.reference
    assert charge.page_url == session["url"]
    assert charge.status == Charge.Status.OPEN
    assert not {"customer", "customer_email"} & session.keys()


def test_asking_for_the_page_again_is_the_same_page(charge: Charge, processor: Processor) -> None:
    assert open_page(charge=charge, **PAGES) == charge.page_url
    before = len(processor.ask("sessions"))
    # A crash after the answer and before it was noted: the key brings the same page back.
    Charge.objects.filter(pk=charge.pk).update(status="started", session_id=None, page_url="")
    again = Charge.objects.get(pk=charge.pk)
    assert open_page(charge=again, **PAGES) == charge.page_url
    assert len(processor.ask("sessions")) == before


def test_an_answer_that_is_lost_is_asked_for_again_and_is_the_same(
    db: None, processor: Processor
) -> None:
    started = begin()
    processor.lose(2)  # the library itself asks twice
    with pytest.raises(ProcessorAway):
        open_page(charge=started, **PAGES)
    started.refresh_from_db()
    assert (started.status, started.session_id) == ("started", None)
    url = open_page(charge=started, **PAGES)
    assert url == processor.session(started)["url"], "one page, however often it was asked for"


def test_a_page_the_processor_refuses_ends_the_charge(db: None, processor: Processor) -> None:
    late = begin(at=timezone.now() - dt.timedelta(minutes=5))
    with pytest.raises(ProcessorRefused) as refusal:
        open_page(charge=late, **PAGES)
    assert "between 30 minutes and 24 hours" in refusal.value.detail
    late.refresh_from_db()
    assert late.status == Charge.Status.ENDED


def test_a_key_the_processor_does_not_take_ends_nothing(
    db: None, processor: Processor, settings: Settings
) -> None:
    started = begin()
    right, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_test_of_yesterday"
    with pytest.raises(ProcessorAway) as away:
        open_page(charge=started, **PAGES)
    assert "Invalid API Key" in away.value.detail
    settings.STRIPE_SECRET_KEY = right
    assert open_page(charge=started, **PAGES)


def test_without_keys_nothing_is_asked(db: None) -> None:
    started = begin()
    with pytest.raises(NoProcessor):
        open_page(charge=started, **PAGES)


def test_the_processor_is_never_asked_inside_a_transaction(charge: Charge) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        look_up(charge=charge, at=timezone.now())


def test_looking_up_finds_that_it_was_paid(charge: Charge, processor: Processor) -> None:
    assert look_up(charge=charge, at=timezone.now()).status == Charge.Status.OPEN
    processor.pay(charge)
    paid = look_up(charge=charge, at=timezone.now())
    assert (paid.status, paid.settled_at) == (Charge.Status.PAID, None)
    assert paid.payment_intent == processor.session(charge)["payment_intent"]


def test_a_charge_given_up_is_closed_at_the_processor(charge: Charge, processor: Processor) -> None:
    now = timezone.now()
    assert close_pages(at=now) == 0
    give_up_charge(charge=charge, at=now)
    assert close_pages(at=now) == 1
    charge.refresh_from_db()
    assert charge.status == Charge.Status.ENDED
    assert processor.session(charge)["status"] == "expired"
    assert close_pages(at=now) == 0


def test_who_was_faster_than_the_closing_has_paid(charge: Charge, processor: Processor) -> None:
    processor.pay(charge)
    give_up_charge(charge=charge, at=timezone.now())
    close_pages(at=timezone.now())
    charge.refresh_from_db()
    assert charge.status == Charge.Status.PAID


def test_a_charge_nobody_told_us_about_is_asked_about_after_its_page_has_closed(
    charge: Charge, processor: Processor
) -> None:
    processor.pay(charge)
    assert close_pages(at=charge.closes_at) == 0
    assert close_pages(at=charge.closes_at + dt.timedelta(minutes=3)) == 1
    charge.refresh_from_db()
    assert charge.status == Charge.Status.PAID


def test_a_charge_whose_page_was_never_made_ends_by_itself(db: None, processor: Processor) -> None:
    started = begin()
    assert close_pages(at=started.closes_at) == 0
    assert close_pages(at=started.closes_at + dt.timedelta(minutes=3)) == 1
    started.refresh_from_db()
    assert started.status == Charge.Status.ENDED


def test_that_it_was_paid_outlives_every_other_news(charge: Charge) -> None:
    now = timezone.now()
    record_session(session=session_of(charge, status="expired", is_paid=False), at=now)
    Charge.objects.update(settled_at=now)
    record_session(session=session_of(charge), at=now)
    charge.refresh_from_db()
    assert (charge.status, charge.settled_at) == ("paid", None), "its owner must look again"
    record_session(session=session_of(charge, status="expired", is_paid=False), at=now)
    charge.refresh_from_db()
    assert charge.status == "paid"


def test_another_amount_than_was_asked_for_counts_as_nothing(charge: Charge) -> None:
    record_session(session=session_of(charge, amount_minor=1), at=timezone.now())
    charge.refresh_from_db()
    assert charge.status == "open"


# --- Round the code ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"status": "given"}, "charge_status_known"),
        ({"purpose": "tea"}, "charge_purpose_known"),
        ({"dispute": "meh"}, "charge_dispute_known"),
        ({"amount_minor": 0}, "charge_is_of_something"),
        ({"currency": "gbp"}, "charge_currency_three_letters"),
        ({"status": "open"}, "charge_open_has_its_page"),
        ({"status": "paid"}, "charge_paid_says_when"),
        ({"settled_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, "charge_settled_when_over"),
    ],
)
@pytest.mark.django_db
def test_the_database_refuses_a_charge_that_cannot_be(changed, rule) -> None:
    begin()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_charge DISABLE TRIGGER USER")
    with pytest.raises(IntegrityError, match=rule):
        Charge.objects.update(**changed)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"amount_minor": 1}, "charge_never_changes"),
        ({"currency": "EUR"}, "charge_never_changes"),
        ({"reference": "X"}, "charge_never_changes"),
        ({"status": "ended", "paid_at": None}, "charge_paid_stays_paid"),
        ({"payment_intent": "pi_other"}, "charge_paid_stays_paid"),
    ],
)
@pytest.mark.django_db
def test_what_was_asked_for_and_paid_stays_so(changed, rule) -> None:
    charge = begin()
    Charge.objects.update(
        status="paid", paid_at=charge.started_at, payment_intent="pi_1", session_id="cs_1"
    )
    with pytest.raises(IntegrityError, match=r"asked for|stays paid") as refusal:
        Charge.objects.filter(pk=charge.pk).update(**changed)
    assert refusal.value.__cause__.diag.constraint_name == rule


@pytest.mark.django_db
def test_no_charge_is_ever_deleted() -> None:
    charge = begin()
    with pytest.raises(ProgrammingError, match="Cannot delete"):
        Charge.objects.filter(pk=charge.pk).delete()


# --- The stand-in is as strict as what it stands for ---------------------------------------------


def post(processor: Processor, path: str, key: str = "", **fields: object) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{processor.base}{path}",
        urlencode(fields).encode(),
        {"Authorization": f"Bearer {TEST_KEY}"} | ({"Idempotency-Key": key} if key else {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


FINE = {
    "mode": "payment",
    "success_url": "https://x.example/",
    "line_items[0][quantity]": 1,
    "line_items[0][price_data][currency]": "gbp",
    "line_items[0][price_data][unit_amount]": 1200,
    "line_items[0][price_data][product_data][name]": "A place",
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"custmer": "x"}, "unknown parameter: custmer"),
        (
            {"line_items[0][price_data][amount]": 1},
            "unknown parameter: line_items[0][price_data][amount]",
        ),
        ({"line_items[0][quantity]": "two"}, "Invalid integer"),
        (
            {"line_items[0][price_data][currency]": None},
            "Missing required param: line_items[0][price_data][currency]",
        ),
        ({"mode": "gift"}, "single payments"),
        ({"success_url": None}, "success_url"),
        ({"expires_at": 1}, "between 30 minutes"),
        ({"payment_intent_data[statement_descriptor]": "X"}, "statement_descriptor"),
        ({"payment_intent_data[statement_descriptor_suffix]": "X" * 23}, "suffix"),
        ({"line_items[0][price_data][unit_amount]": 3}, "half a dollar"),
        ({"idempotency_key": "k"}, "unknown parameter: idempotency_key"),
    ],
)
def test_the_stand_in_refuses_what_stripe_would(processor: Processor, wrong, said) -> None:
    fields = {name: value for name, value in (FINE | wrong).items() if value is not None}
    status, answer = post(processor, "/v1/checkout/sessions", **fields)
    assert status == 400
    assert said in answer


def test_the_stand_in_keeps_the_answer_of_a_key(processor: Processor) -> None:
    first = post(processor, "/v1/checkout/sessions", "a-key", **FINE)
    assert first[0] == 200
    assert post(processor, "/v1/checkout/sessions", "a-key", **FINE) == first
    other = FINE | {"line_items[0][quantity]": 2}
    status, answer = post(processor, "/v1/checkout/sessions", "a-key", **other)
    assert (status, "same parameters" in answer) == (400, True)
