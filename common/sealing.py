"""Text that is unreadable in the database: AES-256-GCM.

``seal`` uses ``FIELD_KEYS``: the newest key seals, every key opens, so keys can be rotated by
sealing again. ``purpose`` is bound to the text: what was sealed for one column does not open in
another. A lost key loses the texts, never the books.

What shall be forgotten on its own is sealed under a key of its own (``seal_under``), which is kept
wrapped by ``FIELD_KEYS``. Without the wrapped key nobody can open the text, in no copy of it.
"""

from __future__ import annotations

import os
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12
_KEY_BYTES = 32


class CannotOpen(ValueError):
    """No key opens this text: it was sealed for something else, changed, or its key is lost."""


def seal(text: str, purpose: str) -> str:
    """``text``, readable only by ``unseal`` with the same ``purpose``."""
    return _close(_field_ciphers()[0], text.encode(), purpose)


def unseal(sealed: str, purpose: str) -> str:
    """What was sealed for ``purpose``. Raises CannotOpen."""
    return _open_with_any(sealed, purpose).decode()


def reseal(sealed: str, purpose: str) -> str:
    """The same text, sealed by the newest of ``FIELD_KEYS``. Raises CannotOpen."""
    return _close(_field_ciphers()[0], _open_with_any(sealed, purpose), purpose)


def new_key(purpose: str) -> tuple[bytes, str]:
    """A new random key, and the same wrapped: to be kept, and opened by ``unwrap``."""
    key = os.urandom(_KEY_BYTES)
    return key, _close(_field_ciphers()[0], key, purpose)


def unwrap(wrapped: str, purpose: str) -> bytes:
    """The key that was wrapped for ``purpose``. Raises CannotOpen."""
    return _open_with_any(wrapped, purpose)


def seal_under(key: bytes, text: str, purpose: str) -> str:
    """``text``, readable only by ``unseal_under`` with the same key and ``purpose``."""
    return _close(AESGCM(key), text.encode(), purpose)


def unseal_under(key: bytes, sealed: str, purpose: str) -> str:
    """What was sealed under ``key`` for ``purpose``. Raises CannotOpen."""
    try:
        return _open(AESGCM(key), urlsafe_b64decode(sealed), purpose).decode()
    except InvalidTag as wrong:
        raise CannotOpen from wrong


def _close(cipher: AESGCM, content: bytes, purpose: str) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return urlsafe_b64encode(nonce + cipher.encrypt(nonce, content, purpose.encode())).decode()


def _open(cipher: AESGCM, raw: bytes, purpose: str) -> bytes:
    return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())


def _open_with_any(sealed: str, purpose: str) -> bytes:
    raw = urlsafe_b64decode(sealed)
    for cipher in _field_ciphers():
        try:
            return _open(cipher, raw, purpose)
        except InvalidTag:
            continue
    raise CannotOpen


def _field_ciphers() -> list[AESGCM]:
    return _ciphers(tuple(settings.FIELD_KEYS))


@lru_cache(maxsize=4)
def _ciphers(keys: tuple[str, ...]) -> list[AESGCM]:
    return [AESGCM(b64decode(key)) for key in keys]
