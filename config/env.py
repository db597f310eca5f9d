"""Reading the environment, once, loudly.

A missing or malformed setting stops the start with one sentence that names it,
says what it must look like, and says where it is documented.
"""

import os
from base64 import b64decode
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
SECRET_LENGTH = 50
KEY_BYTES = 32


def text(name: str, default: str | None = None) -> str:
    """The setting ``name``. Without a ``default`` it must be there."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. See .env.example for what it must hold.")
    return default


def secret(name: str, default: str | None = None) -> str:
    """A secret that nobody can guess, as far as its length tells."""
    value = text(name, default)
    if len(value) < SECRET_LENGTH:
        raise ImproperlyConfigured(f"{name} must have at least {SECRET_LENGTH} characters.")
    return value


def keys(name: str, default: str | None = None) -> list[str]:
    """Comma-separated keys, each 32 bytes in base64."""
    found = [key.strip() for key in text(name, default).split(",") if key.strip()]
    for number, key in enumerate(found, start=1):
        try:
            size = len(b64decode(key, validate=True))
        except ValueError:
            size = 0
        if size != KEY_BYTES:
            raise ImproperlyConfigured(
                f"Key {number} of {name} must be {KEY_BYTES} random bytes in base64."
                " See .env.example for a command that makes one."
            )
    return found


def flag(name: str, default: bool) -> bool:
    """A yes-or-no setting: 1/0, true/false, yes/no, on/off."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def number(name: str, default: int) -> int:
    """A whole number, zero or more."""
    value = text(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def items(name: str, default: list[str]) -> list[str]:
    """A comma-separated setting."""
    value = os.environ.get(name, "")
    return [item.strip() for item in value.split(",") if item.strip()] or default


def url(name: str, default: str | None = None, *, schemes: set[str]) -> str:
    """An address whose scheme is one of ``schemes``."""
    value = text(name, default)
    try:
        parts = urlsplit(value)
        is_address = "://" in value and (parts.port or True)  # reading the port checks it
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not an address.") from None
    if not is_address or parts.scheme not in schemes:
        allowed = ", ".join(f"{scheme}://" for scheme in sorted(schemes))
        raise ImproperlyConfigured(f"{name} must start with one of {allowed}.")
    return value
