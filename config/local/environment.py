"""What a process of ours finds in its environment on one machine.

On a laptop nothing has to be set. On a server everything is, and nothing here changes it.
"""

import os
import re
from pathlib import Path

import environ

from config.local import PROJECT, LocalError

SERVERS = ("DATABASE_URL", "CACHE_URL", "BROKER_URL")


def read_file(path: Path = PROJECT / ".env") -> None:
    """Take from ``.env`` what the environment does not already say."""
    if path.is_file():
        environ.Env.read_env(path)


def is_laptop() -> bool:
    """Nothing says where the data is or with which secret: a developer's machine."""
    return not (os.environ.get("DATABASE_URL") or os.environ.get("SECRET_KEY"))


def given() -> dict[str, str]:
    """The servers somebody named."""
    return {name: value for name in SERVERS if (value := os.environ.get(name, "").strip())}


def names() -> set[str]:
    """Every setting there is: ``.env.example`` lists them."""
    return set(re.findall(r"^#?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.M))


def without_settings() -> dict[str, str]:
    """The environment without a single setting of ours."""
    ours = names()
    return {name: value for name, value in os.environ.items() if name not in ours}


def is_debug() -> bool:
    """What the settings will make of DEBUG, before anything that they need is there."""
    from django.core.exceptions import ImproperlyConfigured

    from config import env

    try:
        return env.flag("DEBUG", default=False)
    except ImproperlyConfigured as wrong:
        raise LocalError(str(wrong)) from None


def check_settings() -> None:
    """Read the settings now, in this process: a wrong one stops us with its sentence."""
    from django.core.exceptions import ImproperlyConfigured

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    try:
        from django.conf import settings

        settings.DEBUG  # noqa: B018 - reading one reads all
    except ImproperlyConfigured as wrong:
        raise LocalError(str(wrong)) from None
