"""Text that is unreadable in the database: AES-256-GCM under ``FIELD_KEYS``.

The newest key seals, every key opens, so keys can be rotated by sealing again.
``purpose`` is bound to the text: what was sealed for one column does not open in
another. A lost key loses the texts, never the books.
"""

from __future__ import annotations

import os
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class CannotOpen(ValueError):
    """No key opens this text: it was sealed for something else, changed, or its key is lost."""


def seal(text: str, purpose: str) -> str:
    """``text``, readable only by ``unseal`` with the same ``purpose``."""
    nonce = os.urandom(_NONCE_BYTES)
    box = _ciphers(tuple(settings.FIELD_KEYS))[0].encrypt(nonce, text.encode(), purpose.encode())
    return urlsafe_b64encode(nonce + box).decode()


def unseal(sealed: str, purpose: str) -> str:
    """What was sealed for ``purpose``. Raises CannotOpen."""
    raw = urlsafe_b64decode(sealed)
    for cipher in _ciphers(tuple(settings.FIELD_KEYS)):
        try:
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except InvalidTag:
            continue
    raise CannotOpen


@lru_cache(maxsize=4)
def _ciphers(keys: tuple[str, ...]) -> list[AESGCM]:
    return [AESGCM(b64decode(key)) for key in keys]
