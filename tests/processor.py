"""The payment processor of the tests: the stand-in, in a process of its own, and its remote."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from config.local import PROJECT
from config.local.card_stand_in import signed
from config.local.process import spawn
from config.local.site import TEST_WEBHOOK_SECRET
from payments.domain.facts import Session
from payments.models import Charge


@dataclass
class Processor:
    """What a test makes happen at the processor, and what it has there."""

    base: str

    def ask(self, act: str, **given: object) -> Any:
        body = urlencode(given).encode()
        with urllib.request.urlopen(f"{self.base}/test/{act}", body, timeout=10) as answer:
            return json.load(answer)

    def lose(self, answers: int, *, after_seconds: float = 0) -> None:
        """Let so many of the next answers be lost, after the work was done."""
        self.ask("lose", answers=answers, seconds=after_seconds)

    def pay(self, charge: Charge) -> dict[str, Any]:
        """Somebody pays on the page of the charge."""
        return self.ask("pay", session=charge.session_id)

    def events(self, about: str = "") -> list[dict[str, Any]]:
        """The notices it has sent or would send, of one object or payment."""
        return [one for one in self.ask("events") if about in json.dumps(one)]

    def refunds(self, charge: Charge) -> list[dict[str, Any]]:
        return [
            one for one in self.ask("refunds") if one["payment_intent"] == charge.payment_intent
        ]

    def session(self, charge: Charge) -> dict[str, Any]:
        [found] = [
            one for one in self.ask("sessions") if one["client_reference_id"] == charge.reference
        ]
        return found


def session_of(charge: Charge, **changed: object) -> Session:
    """What the processor says of a charge that was paid, or of one where something is different."""
    facts = {
        "id": charge.session_id or f"cs_{charge.reference}",
        "reference": charge.reference,
        "status": "complete",
        "is_paid": True,
        "payment_intent": f"pi_{charge.reference}",
        "amount_minor": charge.amount_minor,
        "currency": charge.currency,
        "url": "",
    }
    return Session(**(facts | changed))


def tell(event: dict[str, Any], *, secret: str = TEST_WEBHOOK_SECRET, client: Client | None = None):
    """Bring a notice to our door, signed as the processor signs."""
    body, signature = signed(event, secret)
    return (client or Client()).post(
        "/webhooks/stripe/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )


def start() -> tuple[subprocess.Popen[bytes], str]:
    """A new one, and its address once it answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = spawn(
            [sys.executable, "-m", "config.local.card_stand_in", "--fd", listener.fileno()],
            cwd=PROJECT,
            pass_fds=[listener.fileno()],
        )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            Processor(base).ask("events")
        except OSError:
            time.sleep(0.02)
        else:
            return process, base
    raise AssertionError("the stand-in for the processor did not start")
