"""What is outside: the shared cache, and the servers that hand us mail.

Nothing about the cache is worth an error. Without it a feed is joined again, and the page says
that it does not know when the link was last used.
"""

import logging
import re
import warnings
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from secrets import compare_digest
from typing import Any, NamedTuple

from anymail.exceptions import AnymailNotSupportedWarning, AnymailWebhookValidationFailure
from anymail.webhooks import mailersend, mailgun, mailjet, postmark, sendgrid, sparkpost
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from calendars.domain.mail import MAX_BYTES
from calendars.models import FETCHES_KEPT, FeedToken

logger = logging.getLogger(__name__)

_BODY_SECONDS = int(timedelta(hours=1).total_seconds())
# How long the database is not asked again whether something has changed; and how long after a
# change nobody may say that nothing has: longer than any reader's look is old.
_REVISION_SECONDS = 60
_CHANGING_SECONDS = 5
_FETCH_SECONDS = int(FETCHES_KEPT.total_seconds())


class Kept(NamedTuple):
    """What is at hand of a feed that many ask for."""

    revisions: list[tuple[str, int, datetime]] | None
    etag: str
    body: bytes


def kept_feed(key: str, name: str) -> Kept:
    """The revision of the feed ``key``, and with a ``name`` also the bytes that were made last
    under it, with their tag: in one question to the cache."""
    names = [_revision_key(key), *([_body_key(name)] if name else [])]
    found = _try(lambda: cache.get_many(names)) or {}
    etag, body = found.get(_body_key(name), ("", b""))
    return Kept(found.get(_revision_key(key)) or None, etag, body)


def keep_revisions(key: str, rows: list[tuple[str, int, datetime]]) -> None:
    """Keep what the database said of the feed ``key``, unless it has just changed."""
    if rows:
        _try(lambda: cache.add(_revision_key(key), rows, _REVISION_SECONDS))


def note_change(keys: Iterable[str]) -> None:
    """These feeds change, or have changed: for a while everybody asks the database.

    Called when the change is made and again when it is committed, so a reader that looked just
    before cannot keep what it saw. Should the second call be lost, subscribers learn of the
    change up to a minute later.
    """
    nothing = dict.fromkeys(map(_revision_key, keys), ())
    _try(lambda: cache.set_many(nothing, _CHANGING_SECONDS))


def keep_body(name: str, etag: str, body: bytes) -> None:
    _try(lambda: cache.set(_body_key(name), (etag, body), _BODY_SECONDS))


def _revision_key(key: str) -> str:
    return f"feed-revision:{key}"


def _body_key(name: str) -> str:
    return f"feed-body:{name}"


class Fetch(NamedTuple):
    """When a calendar link was last used, and by which program ("" where that is unknown)."""

    at: datetime
    program: str


def note_fetch(link: FeedToken, fetch: Fetch) -> None:
    key = _fetch_key(link.pk, link.generation)
    _try(lambda: cache.set(key, tuple(fetch), _FETCH_SECONDS))


def noted_fetches(links: Iterable[tuple[int, int]]) -> dict[int, Fetch]:
    """What is noted of these links (key and generation), by their keys."""
    keys = {_fetch_key(pk, generation): pk for pk, generation in links}
    found = _try(lambda: cache.get_many(keys)) or {}
    return {keys[key]: Fetch(*fetch) for key, fetch in found.items()}


def _fetch_key(pk: int, generation: int) -> str:
    return f"feed-fetch:{pk}:{generation}"


def _try(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception:  # any failure of the cache is the same to us: do without
        logger.warning("the cache did not answer; feeds do without it")
        return None


# --- Mail that is handed in over HTTP -------------------------------------------

_FORMS = {
    "mailersend": mailersend.MailerSendInboundWebhookView,
    "mailgun": mailgun.MailgunInboundWebhookView,
    "mailjet": mailjet.MailjetInboundWebhookView,
    "postmark": postmark.PostmarkInboundWebhookView,
    "sendgrid": sendgrid.SendGridInboundWebhookView,
    "sparkpost": sparkpost.SparkPostInboundWebhookView,
}
# Those that sign what they send, and what their library calls the key.
_KEYS = {"mailersend": "inbound_secret", "mailgun": "webhook_signing_key"}


class HandedIn(NamedTuple):
    """A mail as it came, and for whom, where the mail itself does not say."""

    raw: bytes
    envelope_to: tuple[str, ...]


def may_hand_in_mail(request: HttpRequest) -> bool:
    """Whether the request has the password of ``MAIL_WEBHOOK_SECRET``, and where the provider
    signs what it sends, its signature."""
    scheme, _space, sent = request.headers.get("Authorization", "").partition(" ")
    if not settings.MAIL_WEBHOOK_SECRET or scheme.lower() != "basic":
        return False
    try:
        password = b64decode(sent.strip(), validate=True)
    except ValueError:
        return False
    if not compare_digest(password, settings.MAIL_WEBHOOK_SECRET.encode()):
        return False
    if settings.MAIL_WEBHOOK_FORM not in _KEYS:
        return True
    try:
        _provider().run_validators(request)
    except AnymailWebhookValidationFailure:
        return False
    return True


def mails_in(request: HttpRequest) -> Iterator[HandedIn]:
    """The mails a request brings, in the form that ``MAIL_WEBHOOK_FORM`` names."""
    form = settings.MAIL_WEBHOOK_FORM
    if form == "raw":
        # From the stream, so that one large attachment does not lose the words beside it.
        yield HandedIn(request.read(MAX_BYTES), ())
        return
    for event in _provider().parse_events(request):
        raw = event.message.as_bytes()
        if form == "sendgrid":
            raw = _found_by_sendgrid(request) + raw
        envelope_to = getattr(event.message, "envelope_recipient", None)
        yield HandedIn(raw, (envelope_to,) if envelope_to else ())


def _provider() -> Any:
    """What reads the form that ``MAIL_WEBHOOK_FORM`` names."""
    form = settings.MAIL_WEBHOOK_FORM
    if form not in _FORMS:
        raise ImproperlyConfigured(f"MAIL_WEBHOOK_FORM is none of {', '.join(['raw', *_FORMS])}.")
    options: dict[str, Any] = {"webhook_secret": [settings.MAIL_WEBHOOK_SECRET]}
    if form in _KEYS:
        if not settings.MAIL_WEBHOOK_KEY:
            raise ImproperlyConfigured(f"MAIL_WEBHOOK_FORM={form} needs MAIL_WEBHOOK_KEY.")
        options[_KEYS[form]] = settings.MAIL_WEBHOOK_KEY
    with warnings.catch_warnings():
        # That nobody there has an account to try it with; here it is tried in tests.
        warnings.simplefilter("ignore", AnymailNotSupportedWarning)
        return _FORMS[form](**options)


def _found_by_sendgrid(request: HttpRequest) -> bytes:
    """What it found out about the sender, which it says beside the mail and not in it. On top,
    so that nothing that came with the mail counts."""
    proved = [
        f"dkim=pass header.d={domain}" for domain in _PASSED.findall(request.POST.get("dkim", ""))
    ]
    results = "; ".join([settings.MAIL_AUTH_SERVER, *(proved or ["none"])])
    return f"Authentication-Results: {results}\n".encode("ascii", "replace")


_PASSED = re.compile(r"@([A-Za-z0-9.-]{1,190}) : pass\b")
