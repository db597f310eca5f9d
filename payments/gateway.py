"""Talking to Stripe: the only file that does. Never inside a transaction.

Every call either returns facts, or raises ProcessorRefused (an answer: nothing was done) or
ProcessorAway (no answer: whether it was done is not known, so ask again with the same key).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from payments.domain.currencies import as_processor_counts
from payments.domain.facts import Returned, Session, returned_of, session_of
from payments.errors import NoProcessor, NotFromProcessor, ProcessorAway, ProcessorRefused

if TYPE_CHECKING:
    from stripe import StripeClient

    from payments.models import Charge, Refund

logger = logging.getLogger(__name__)

# A person waits for the payment page, and a worker for a refund: neither for long.
TIMEOUT_SECONDS = 10
# A notice signed longer ago is one that somebody kept and plays again.
SIGNED_WITHIN_SECONDS = 300
# Its page does not speak Arabic: there it takes what the browser asks for.
_PAGE_LANGUAGES = {"en": "en", "es": "es", "pt-br": "pt-BR", "fr": "fr", "de": "de"}


@dataclass(frozen=True)
class Notice:
    """A signed notice of the processor."""

    id: str
    kind: str
    created_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class AccountFacts:
    """Whose account it is, as far as an operator wants to see it."""

    name: str
    statement: str
    """What stands on card statements before the reference; empty: Stripe makes it up."""
    is_live: bool


def open_session(charge: Charge, *, success_url: str, cancel_url: str, language: str) -> Session:
    """The payment page of a charge. The same charge has the same page, however often we ask.

    The processor learns the amount, a title and our reference: not who comes, and not their
    address. The title on the card statement is the organisation's own (set at Stripe), with the
    reference behind it.
    """
    with _asking() as client:
        session = client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                # Paid at once or not at all: nothing that is settled days later.
                "allowed_payment_method_types": ["card"],
                "client_reference_id": charge.reference,
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": charge.currency.lower(),
                            "unit_amount": as_processor_counts(
                                charge.amount_minor, charge.currency
                            ),
                            "product_data": {"name": charge.description},
                        },
                    }
                ],
                "payment_intent_data": {
                    "description": charge.description,
                    "metadata": {"reference": charge.reference},
                    "statement_descriptor_suffix": charge.reference,
                },
                "metadata": {"reference": charge.reference},
                "expires_at": int(charge.closes_at.timestamp()),
                "success_url": success_url,
                "cancel_url": cancel_url,
                "locale": _PAGE_LANGUAGES.get(language, "auto"),
                "submit_type": "pay",
            },
            {"idempotency_key": str(charge.idempotency_key)},
        )
        return session_of(session.to_dict())


def find_session(session_id: str) -> Session:
    with _asking() as client:
        return session_of(client.v1.checkout.sessions.retrieve(session_id).to_dict())


def close_session(session_id: str) -> Session:
    """Let nobody pay there any more. Raises ProcessorRefused where it is over already."""
    with _asking() as client:
        return session_of(client.v1.checkout.sessions.expire(session_id).to_dict())


def send_refund(refund: Refund, charge: Charge) -> Returned:
    with _asking() as client:
        sent = client.v1.refunds.create(
            {
                "payment_intent": charge.payment_intent or "",
                "amount": as_processor_counts(refund.amount_minor, charge.currency),
                "reason": "requested_by_customer",
                "metadata": {"asked_by": refund.asked_by_key, "reference": charge.reference},
            },
            {"idempotency_key": str(refund.idempotency_key)},
        )
        return returned_of(sent.to_dict())


def find_refund(refund: Refund, charge: Charge) -> Returned | None:
    """The refund at the processor that this one asked for, if it is there."""
    with _asking() as client:
        found = client.v1.refunds.list(
            {"payment_intent": charge.payment_intent or "", "limit": 100}
        )
        for one in found.auto_paging_iter():
            returned = returned_of(one.to_dict())
            if returned.asked_by_key == refund.asked_by_key:
                return returned
    return None


def account() -> AccountFacts:
    with _asking() as client:
        found = client.v1.accounts.retrieve_current().to_dict()
    shown = found.get("settings") or {}
    profile = found.get("business_profile") or {}
    return AccountFacts(
        name=profile.get("name") or (shown.get("dashboard") or {}).get("display_name") or "",
        statement=(shown.get("card_payments") or {}).get("statement_descriptor_prefix")
        or (shown.get("payments") or {}).get("statement_descriptor")
        or "",
        is_live="_live_" in settings.STRIPE_SECRET_KEY,
    )


def read_notice(body: bytes, signature: str) -> Notice:
    """A notice, if the processor signed exactly these bytes, and lately. Else NotFromProcessor."""
    import json

    import stripe

    if not settings.STRIPE_WEBHOOK_SECRET:
        raise NotFromProcessor
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(
            text, signature, settings.STRIPE_WEBHOOK_SECRET, SIGNED_WITHIN_SECONDS
        )
        event = json.loads(text)
        return Notice(
            id=event["id"],
            kind=event["type"],
            created_at=datetime.fromtimestamp(event["created"], tz=UTC),
            data=event["data"]["object"],
        )
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as wrong:
        raise NotFromProcessor from wrong


@contextmanager
def _asking() -> Iterator[StripeClient]:
    if not settings.STRIPE_SECRET_KEY:
        raise NoProcessor
    # A lock held while a server far away makes up its mind stops everybody else. This is refused
    # inside a transaction, and does nothing outside of one.
    with transaction.atomic(durable=True):
        pass
    import stripe

    try:
        yield _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)
    except (stripe.APIConnectionError, stripe.RateLimitError) as away:
        raise ProcessorAway from away
    except (stripe.AuthenticationError, stripe.PermissionError) as wrong:
        # A key that is wrong or may not do this says nothing of what was asked: once it is put
        # right, the same can be asked again. ``doctor`` says so, and so does the log.
        logger.error("Stripe does not take STRIPE_SECRET_KEY: %s", wrong)
        raise ProcessorAway(str(wrong)) from wrong
    except stripe.StripeError as wrong:
        # A conflict is another process asking the same at this moment: it has the answer.
        if wrong.http_status is None or wrong.http_status >= 500 or wrong.http_status == 409:
            raise ProcessorAway from wrong
        raise ProcessorRefused(str(wrong), wrong.code or "") from wrong


@functools.lru_cache(maxsize=4)
def _client(key: str, base: str) -> StripeClient:
    # Stripe's client takes half a second to load, which a site without payments is spared.
    import stripe

    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        max_network_retries=1,
    )
