"""A stand-in for Stripe on this machine: no network, no money, and as strict as the real one.

    python -m config.local.card_stand_in --fd 5 --hook http://127.0.0.1:8000/webhooks/stripe/

It answers what ``payments/gateway.py`` asks. Every parameter, at every level, is held against the
TypedDicts that Stripe's library ships; what these are too loose for is checked by hand. The same
key with the same question has the same answer, with another question a refusal. Its payment page
says in large letters that it is a test. ``make run`` starts it where DEBUG is on and no key is set;
the tests start their own.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import hmac
import html
import json
import re
import secrets
import socket
import threading
import time
import types
import typing
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe.params
import stripe.params.checkout
import typing_extensions

from config.local.process import end_with_parent
from config.local.site import TEST_KEY, TEST_WEBHOOK_SECRET

LONGEST_SUFFIX = 22
MINUTE, DAY = 60, 24 * 60 * 60
# The payments of the demo data are not made here; they say what they are.
DEMO_PAYMENT = re.compile(r"^pi_demo_([a-z]{3})_(\d+)_")


class Refusal(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        kind = "idempotency_error" if code == "idempotency" else "invalid_request_error"
        self.status = status
        self.body = {"error": {"type": kind, "message": message, "code": code, "param": param}}


# --- Parameters ----------------------------------------------------------------------------------


def unflatten(text: str) -> dict[str, Any]:
    """``a[b][0][c]=1`` as ``{"a": {"b": [{"c": "1"}]}}``."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, _, rest = name.partition("[")
        steps = [head, *(re.findall(r"([^\[\]]*)\]", f"{rest}") if rest else [])]
        place = root
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    listed = _listed(root)
    assert isinstance(listed, dict)
    return listed


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(one) for key, one in value.items()}


def check(value: Any, hint: Any, where: str, module: types.ModuleType) -> Any:
    """``value`` as ``hint`` wants it, or Stripe's refusal."""
    if isinstance(hint, str):
        hint = eval(hint, vars(module) | vars(typing))  # noqa: S307 - an annotation of Stripe's library
    if isinstance(hint, typing.ForwardRef):
        return check(value, hint.__forward_arg__, where, module)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing_extensions.NotRequired, typing_extensions.Required):
        return check(value, inner[0], where, module)
    if origin in (typing.Union, types.UnionType):
        refusal = None
        for one in inner:
            try:
                return check(value, one, where, module)
            except Refusal as wrong:
                # What an inner key says is worth more than that it is no empty text.
                refusal = wrong if refusal is None or isinstance(value, (dict, list)) else refusal
        assert refusal is not None
        raise refusal
    if origin in (typing.Literal, typing_extensions.Literal):
        return _expect(value in inner, value, f"Invalid {where}: must be one of {inner}", where)
    if origin is list:
        _expect(isinstance(value, list), value, f"Invalid array: {where}", where)
        return [check(one, inner[0], f"{where}[{n}]", module) for n, one in enumerate(value)]
    if origin is dict:
        _expect(isinstance(value, dict), value, f"Invalid hash: {where}", where)
        return {key: check(one, inner[1], f"{where}[{key}]", module) for key, one in value.items()}
    if typing_extensions.is_typeddict(hint):
        return _check_keys(value, hint, where, module)
    if hint is int:
        is_whole = isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None
        _expect(is_whole, value, f"Invalid integer: {value}", where)
        return int(value)
    if hint is bool:
        _expect(value in ("true", "false"), value, f"Invalid boolean: {value}", where)
        return value == "true"
    if hint is str:
        return _expect(isinstance(value, str), value, f"Invalid string: {where}", where)
    raise Refusal(400, f"{where} is of a kind this stand-in does not know: {hint}", param=where)


def _check_keys(value: Any, hint: Any, where: str, module: types.ModuleType) -> dict[str, Any]:
    _expect(isinstance(value, dict), value, f"Invalid object: {where}", where)
    # What every call may have besides belongs to the library, never into the body.
    known = {
        name: one
        for name, one in hint.__annotations__.items()
        if name not in stripe.RequestOptions.__annotations__
    }
    found = {}
    for key, one in value.items():
        path = f"{where}[{key}]" if where else key
        _expect(key in known, one, f"Received unknown parameter: {path}", path)
        found[key] = check(one, known[key], path, module)
    for key in hint.__required_keys__:
        path = f"{where}[{key}]" if where else key
        _expect(key in value or key not in known, None, f"Missing required param: {path}.", path)
    return found


def _expect(is_right: bool, value: Any, message: str, where: str) -> Any:
    if not is_right:
        raise Refusal(400, message, param=where)
    return value


@functools.cache
def _types_of(name: str) -> tuple[Any, types.ModuleType]:
    import importlib

    package = "stripe.params.checkout" if name.startswith("Session") else "stripe.params"
    words = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
    module = importlib.import_module(f"{package}._{words}")
    return getattr(module, name), module


def read_params(text: str, name: str) -> dict[str, Any]:
    """The parameters in ``text``, checked against the TypedDict ``name``."""
    hint, module = _types_of(name)
    return _check_keys(unflatten(text), hint, "", module)


# --- What it knows -------------------------------------------------------------------------------


class Books:
    """Everything that was made here, kept in a file so that a restart loses nothing."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.lock = threading.RLock()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, list[Any]] = {}
        self.events: list[dict[str, Any]] = []
        if file is not None and file.is_file():
            with contextlib.suppress(ValueError):
                kept = json.loads(file.read_text())
                self.sessions, self.refunds = kept["sessions"], kept["refunds"]
                self.answers = kept["answers"]

    def keep(self) -> None:
        if self.file is not None:
            draft = self.file.with_suffix(".new")
            names = ("sessions", "refunds", "answers")
            draft.write_text(json.dumps({name: getattr(self, name) for name in names}))
            draft.rename(self.file)

    def session(self, name: str) -> dict[str, Any]:
        session = self.sessions.get(name)
        if session is None:
            raise Refusal(404, f"No such checkout session: {name}", code="resource_missing")
        if session["status"] == "open" and session["expires_at"] <= time.time():
            session["status"] = "expired"
            self.tell("checkout.session.expired", session)
        return session

    def tell(self, kind: str, thing: Mapping[str, Any]) -> None:
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "type": kind,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": json.loads(json.dumps(thing))},
        }
        self.events.append(event)

    def open_session(self, params: dict[str, Any], base: str) -> dict[str, Any]:
        items = params.get("line_items") or []
        _expect(
            params.get("mode") == "payment", None, "This stand-in takes single payments.", "mode"
        )
        _expect(bool(items), None, "Missing required param: line_items.", "line_items")
        _expect(bool(params.get("success_url")), None, "Missing required param: success_url.", "")
        about = params.get("payment_intent_data") or {}
        _expect(
            "statement_descriptor" not in about,
            None,
            "statement_descriptor is not supported for cards; use statement_descriptor_suffix.",
            "payment_intent_data[statement_descriptor]",
        )
        suffix = about.get("statement_descriptor_suffix", "A")
        is_fine = len(suffix) <= LONGEST_SUFFIX and re.search(r"[A-Za-z]", f"ORG{suffix}")
        _expect(bool(is_fine) and not re.search(r"[<>\\'\"*]", suffix), None, "Bad suffix.", "")
        expires_at = params.get("expires_at", int(time.time()) + DAY)
        left = expires_at - time.time()
        _expect(
            left + 1 >= 30 * MINUTE and left <= DAY,
            None,
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
            "expires_at",
        )
        currencies = {one["price_data"]["currency"] for one in items}
        _expect(len(currencies) == 1, None, "All prices must have one currency.", "line_items")
        total = sum(one["quantity"] * one["price_data"]["unit_amount"] for one in items)
        _expect(total >= 30, None, "The total must be at least about half a dollar.", "line_items")
        for one in items:
            name = one["price_data"].get("product_data", {}).get("name")
            _expect(bool(name), None, "Missing required param: name.", "line_items")
        name = f"cs_test_{secrets.token_hex(24)}"
        session = {
            "id": name,
            "object": "checkout.session",
            "amount_total": total,
            "currency": currencies.pop(),
            "client_reference_id": params.get("client_reference_id"),
            "metadata": params.get("metadata", {}),
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "created": int(time.time()),
            "expires_at": expires_at,
            "success_url": params["success_url"],
            "cancel_url": params.get("cancel_url"),
            "url": f"{base}/pay/{name}",
            "livemode": False,
            "title": items[0]["price_data"]["product_data"]["name"],
        }
        self.sessions[name] = session
        return session

    def expire_session(self, name: str) -> dict[str, Any]:
        session = self.session(name)
        _expect(
            session["status"] == "open",
            None,
            "Only Checkout Sessions with a status in [open] can be expired.",
            "",
        )
        session["status"], session["url"] = "expired", None
        self.tell("checkout.session.expired", session)
        return session

    def pay(self, name: str) -> dict[str, Any]:
        session = self.session(name)
        if session["status"] == "open":
            session |= {
                "status": "complete",
                "payment_status": "paid",
                "payment_intent": f"pi_test_{secrets.token_hex(12)}",
                "customer_details": {"email": "who-paid@example.org", "name": "Whoever Paid"},
            }
            self.tell("checkout.session.completed", session)
        return session

    def paid(self, intent: str) -> tuple[int, str]:
        if demo := DEMO_PAYMENT.match(intent):
            return int(demo[2]), demo[1]
        for session in self.sessions.values():
            if session["payment_intent"] == intent:
                return session["amount_total"], session["currency"]
        raise Refusal(404, f"No such payment_intent: '{intent}'", code="resource_missing")

    def refund(self, params: dict[str, Any]) -> dict[str, Any]:
        intent = params.get("payment_intent", "")
        paid, currency = self.paid(intent)
        back = sum(one["amount"] for one in self.refunds_of(intent) if one["status"] != "failed")
        amount = params.get("amount", paid - back)
        if paid - back <= 0:
            raise Refusal(400, "Charge has already been refunded.", code="charge_already_refunded")
        _expect(
            0 < amount <= paid - back,
            None,
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({paid - back})",
            "amount",
        )
        refund = {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "amount": amount,
            "currency": currency,
            "payment_intent": intent,
            "metadata": params.get("metadata", {}),
            "reason": params.get("reason"),
            "status": "succeeded",
            "failure_reason": None,
            "created": int(time.time()),
        }
        self.refunds[refund["id"]] = refund
        self.tell("refund.created", refund)
        return refund

    def refunds_of(self, intent: str) -> list[dict[str, Any]]:
        return [one for one in self.refunds.values() if one["payment_intent"] == intent]

    def fail_refund(self, name: str) -> dict[str, Any]:
        refund = self.refunds[name]
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        self.tell("refund.failed", refund)
        return refund

    def dispute(self, intent: str, status: str) -> dict[str, Any]:
        kind = "closed" if status in ("won", "lost") else "created"
        dispute = {"id": f"dp_{intent}", "payment_intent": intent, "status": status}
        self.tell(f"charge.dispute.{kind}", dispute)
        return dispute


def signed(event: Mapping[str, Any], secret: str) -> tuple[bytes, str]:
    """A notice as it is sent, and the header that proves who sent it."""
    body = json.dumps(event).encode()
    moment = int(time.time())
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={moment},v1={mac}"


# --- Answering -----------------------------------------------------------------------------------


class StandIn(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, *, hook: str, file: Path | None) -> None:
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()
        host, port = listener.getsockname()
        self.base = f"http://{host}:{port}"
        self.hook = hook
        self.books = Books(file)
        # For tests: how many of the next answers are lost on their way, after the work was done.
        self.answers_to_lose, self.seconds_to_lose = 0, 0.0
        self.told = 0
        if hook:
            threading.Thread(target=self._deliver, daemon=True).start()

    def lose(self, answers: int, seconds: float) -> None:
        self.answers_to_lose, self.seconds_to_lose = answers, seconds

    def _deliver(self) -> None:
        """Send each notice until it is taken, in order; Stripe promises no order, and tests of
        ours bring them in any."""
        while True:
            time.sleep(0.1)
            for event in self.books.events[self.told :]:
                body, signature = signed(event, TEST_WEBHOOK_SECRET)
                request = urllib.request.Request(  # noqa: S310 - our own address
                    self.hook,
                    body,
                    {"Content-Type": "application/json", "Stripe-Signature": signature},
                )
                try:
                    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - as above
                except (urllib.error.URLError, OSError):
                    time.sleep(1)
                    break
                self.told += 1


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what goes wrong is in the answer."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else ""
        if path.path.startswith("/pay/"):
            self._page(path.path.removeprefix("/pay/"), body)
        elif path.path.startswith("/test/"):
            self._test(path.path.removeprefix("/test/"), body)
        else:
            self._api(path.path, path.query if self.command == "GET" else body)

    def _api(self, path: str, text: str) -> None:
        books = self.server.books
        try:
            if self.headers.get("Authorization") != f"Bearer {TEST_KEY}":
                raise Refusal(401, "Invalid API Key provided")
            status, answer = 200, self._keyed(path, text)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        if self.command == "POST" and self.server.answers_to_lose:
            self.server.answers_to_lose -= 1
            time.sleep(self.server.seconds_to_lose)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        with books.lock:
            content = json.dumps(answer).encode()
        self._send(status, content, "application/json")

    def _keyed(self, path: str, text: str) -> Any:
        """The answer, which for one key is always the same. A refusal of what was asked, too."""
        books = self.server.books
        key = self.headers.get("Idempotency-Key") if self.command == "POST" else None
        with books.lock:
            asked = f"{path}?{text}"
            if key and (known := books.answers.get(key)):
                if known[0] != asked:
                    raise Refusal(
                        400,
                        "Keys for idempotent requests can only be used with the same parameters "
                        "they were first used with.",
                        code="idempotency",
                    )
                return known[1]
            # What was wrong in the question is not kept under its key.
            answer = self._do(path, text)
            if key:
                books.answers[key] = [asked, json.loads(json.dumps(answer))]
            books.keep()
            return answer

    def _do(self, path: str, text: str) -> Any:
        books, asked = self.server.books, f"{self.command} {path}"
        session = re.fullmatch(r"/v1/checkout/sessions/([^/]+)(/expire)?", path)
        if asked == "POST /v1/checkout/sessions":
            params = read_params(text, "SessionCreateParams")
            return books.open_session(params, self.server.base)
        if session and self.command == "POST" and session[2]:
            read_params(text, "SessionExpireParams")
            return books.expire_session(session[1])
        if session and self.command == "GET" and not session[2]:
            read_params(text, "SessionRetrieveParams")
            return books.session(session[1])
        if asked == "POST /v1/refunds":
            return books.refund(read_params(text, "RefundCreateParams"))
        if asked == "GET /v1/refunds":
            params = read_params(text, "RefundListParams")
            found = books.refunds_of(params.get("payment_intent", ""))
            return {"object": "list", "url": path, "has_more": False, "data": found}
        if asked == "GET /v1/account":
            return {
                "id": "acct_standin",
                "object": "account",
                "business_profile": {"name": "Stand-in: no money moves"},
                "settings": {"card_payments": {"statement_descriptor_prefix": "GREENROOM"}},
            }
        raise Refusal(404, f"Unrecognized request URL ({asked})")

    def _test(self, act: str, body: str) -> None:
        """What a test makes happen at the processor."""
        books, given = self.server.books, dict(parse_qsl(body))
        acts: dict[str, Callable[[], Any]] = {
            "pay": lambda: books.pay(given["session"]),
            "fail-refund": lambda: books.fail_refund(given["refund"]),
            "dispute": lambda: books.dispute(given["payment_intent"], given["status"]),
            "events": lambda: books.events,
            "refunds": lambda: list(books.refunds.values()),
            "sessions": lambda: list(books.sessions.values()),
            "forget-keys": books.answers.clear,
            "lose": lambda: self.server.lose(int(given["answers"]), float(given["seconds"])),
        }
        with books.lock:
            content = json.dumps(acts[act]() if act in acts else None).encode()
        self._send(200, content, "application/json")

    def _page(self, name: str, body: str) -> None:
        books = self.server.books
        try:
            with books.lock:
                session = books.session(name)
                act = dict(parse_qsl(body)).get("act")
                if act == "pay":
                    session = books.pay(name)
                    books.keep()
        except Refusal:
            self._send(404, b"There is no such test payment.", "text/plain")
            return
        if act == "pay" and session["payment_status"] == "paid":
            self._go(session["success_url"])
        elif act == "leave":
            self._go(session["cancel_url"] or session["success_url"])
        else:
            page = _page_of(session, declined=act == "decline")
            self._send(200, page.encode(), "text/html; charset=utf-8")

    def _go(self, url: str) -> None:
        self.send_response(303)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(content)


_STYLE = """
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; place-items: center; min-height: 100vh; }
main { max-width: 26rem; padding: 1.5rem; }
.test { border: 3px dashed; border-radius: .75rem; padding: .75rem 1rem; font-weight: 700; }
.sum { font-size: 2rem; font-weight: 700; margin: .25rem 0 1.5rem; }
form { display: grid; gap: .75rem; }
button { font: inherit; padding: .8rem 1rem; min-height: 48px; }
button { border-radius: .6rem; border: 1px solid; }
button:first-child { font-weight: 700; background: CanvasText; color: Canvas; }
"""


def _page_of(session: Mapping[str, Any], *, declined: bool) -> str:
    from babel.numbers import format_currency

    from common.money import to_decimal

    currency = session["currency"].upper()
    amount = session["amount_total"]
    total = format_currency(to_decimal(amount, currency), currency, locale="en")
    if session["status"] == "open":
        said = (
            "<p role='alert'><strong>The test card was declined.</strong></p>" if declined else ""
        )
        acts = (
            ("pay", "Pay with a test card"),
            ("decline", "Let the card be declined"),
            ("leave", "Give up"),
        )
        buttons = "".join(
            f"<button name='act' value='{act}'>{label}</button>" for act, label in acts
        )
        rest = f"{said}<form method='post'>{buttons}</form>"
    else:
        rest = f"<p>This page is over: {html.escape(session['status'])}.</p>"
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Test payment</title><link rel='icon' href='data:,'><style>{_STYLE}</style><main>"
        "<p class='test'>Test payment. No money moves, and no card is asked for.</p>"
        f"<h1>{html.escape(session['title'])}</h1><p class='sum'>{html.escape(total)}</p>{rest}"
        "</main></html>"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m config.local.card_stand_in")
    parser.add_argument("--fd", type=int, required=True, help="the socket to listen on")
    parser.add_argument("--hook", default="", help="where notices are sent; empty: nowhere")
    parser.add_argument("--file", type=Path, help="what keeps it over a restart")
    given = parser.parse_args()
    end_with_parent()
    listener = socket.socket(fileno=given.fd)
    StandIn(listener, hook=given.hook, file=given.file).serve_forever()


if __name__ == "__main__":
    main()
