"""What is outside: the shared cache, and the servers that hand us mail.

Nothing about the cache is worth an error. Without it a feed is joined again, and the page says
that it does not know when the link was last used.
"""

import logging
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from secrets import compare_digest
from typing import Any, NamedTuple

from anymail.webhooks import mailjet, postmark, sendgrid, sparkpost
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from calendars.domain.mail import MAX_BYTES
from calendars.models import FeedToken

logger = logging.getLogger(__name__)

_BODY_SECONDS = int(timedelta(hours=1).total_seconds())
# How long anybody can see that a link was used (see docs/privacy.md on feed fetches).
_FETCH_SECONDS = int(timedelta(days=7).total_seconds())


def kept_body(etag: str) -> bytes | None:
    """The bytes that go with ``etag``, if they are at hand."""
    body: bytes | None = _try(lambda: cache.get(f"feed-body:{etag}"))
    return body


def keep_body(etag: str, body: bytes) -> None:
    _try(lambda: cache.set(f"feed-body:{etag}", body, _BODY_SECONDS))


class Fetch(NamedTuple):
    """When a calendar link was last used, and by which program ("" where that is unknown)."""

    at: datetime
    program: str


def note_fetch(link: FeedToken, fetch: Fetch) -> None:
    _try(lambda: cache.set(_fetch_key(link), tuple(fetch), _FETCH_SECONDS))


def last_fetch(link: FeedToken) -> Fetch | None:
    """The last use within seven days of the link as it is now; a replaced one starts anew."""
    fetch = _try(lambda: cache.get(_fetch_key(link)))
    return Fetch(*fetch) if fetch else None


def _fetch_key(link: FeedToken) -> str:
    return f"feed-fetch:{link.pk}:{link.generation}"


def _try(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception:  # any failure of the cache is the same to us: do without
        logger.warning("the cache did not answer; feeds do without it")
        return None


# --- Mail that is handed in over HTTP -------------------------------------------

_FORMS = {
    "mailjet": mailjet.MailjetInboundWebhookView,
    "postmark": postmark.PostmarkInboundWebhookView,
    "sendgrid": sendgrid.SendGridInboundWebhookView,
    "sparkpost": sparkpost.SparkPostInboundWebhookView,
}


class HandedIn(NamedTuple):
    """A mail as it came, and for whom, where the mail itself does not say."""

    raw: bytes
    envelope_to: tuple[str, ...]


def may_hand_in_mail(request: HttpRequest) -> bool:
    """Whether the request has the password of ``MAIL_WEBHOOK_SECRET``."""
    scheme, _space, sent = request.headers.get("Authorization", "").partition(" ")
    if not settings.MAIL_WEBHOOK_SECRET or scheme.lower() != "basic":
        return False
    try:
        password = b64decode(sent.strip(), validate=True)
    except ValueError:
        return False
    return compare_digest(password, settings.MAIL_WEBHOOK_SECRET.encode())


def mails_in(request: HttpRequest) -> Iterator[HandedIn]:
    """The mails a request brings, in the form that ``MAIL_WEBHOOK_FORM`` names."""
    form = settings.MAIL_WEBHOOK_FORM
    if form == "raw":
        # From the stream, so that one large attachment does not lose the words beside it.
        yield HandedIn(request.read(MAX_BYTES), ())
        return
    if form not in _FORMS:
        raise ImproperlyConfigured(f"MAIL_WEBHOOK_FORM is none of {', '.join(['raw', *_FORMS])}.")
    webhook = _FORMS[form](webhook_secret=[settings.MAIL_WEBHOOK_SECRET])
    for event in webhook.parse_events(request):
        envelope_to = getattr(event.message, "envelope_recipient", None)
        yield HandedIn(event.message.as_bytes(), (envelope_to,) if envelope_to else ())
