"""Secrets in links.

Two kinds. *Random* secrets are shown once and stored only as a keyed digest
(invitations, codes). *Derived* secrets can be shown again without being stored
(calendar feeds, the link in a guest's mail): they are an HMAC of what they open
and a generation number, and rotate when the number goes up.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

from django.conf import settings


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(purpose: str, secret: str) -> str:
    """What may be stored of a random secret: a keyed HMAC-SHA-256, in hexadecimal."""
    return _hmac(purpose, secret).hexdigest()


def derive(purpose: str, *parts: object) -> str:
    """The secret (192 bits) that opens ``parts`` for ``purpose``; the same each time."""
    message = "|".join(str(part) for part in parts)
    return urlsafe_b64encode(_hmac(purpose, message).digest()[:24]).decode()


def matches(candidate: str, expected: str) -> bool:
    """Whether two secrets are the same, in time that does not depend on where they differ."""
    return hmac.compare_digest(candidate.encode(), expected.encode())


def _hmac(purpose: str, message: str) -> "hmac.HMAC":
    key = hashlib.sha256(f"greenroom.{purpose}|{settings.SECRET_KEY}".encode()).digest()
    return hmac.new(key, message.encode(), hashlib.sha256)
