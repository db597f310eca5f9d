"""Reading the environment, once, loudly.

A missing or malformed setting stops the start with one sentence that names it,
says what it must look like, and says where it is documented.
"""

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str | None = None) -> str:
    """The setting ``name``. Without a ``default`` it must be there."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. See .env.example for what it must hold.")
    return default


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


def items(name: str, default: list[str]) -> list[str]:
    """A comma-separated setting."""
    value = os.environ.get(name, "")
    return [item.strip() for item in value.split(",") if item.strip()] or default


def url(name: str, default: str | None = None, *, schemes: set[str]) -> str:
    """An address whose scheme is one of ``schemes``."""
    value = text(name, default)
    if urlsplit(value).scheme not in schemes:
        allowed = ", ".join(f"{scheme}://" for scheme in sorted(schemes))
        raise ImproperlyConfigured(f"{name} must start with one of {allowed}.")
    return value
