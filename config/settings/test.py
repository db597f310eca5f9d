"""The few lines that differ under test."""

import os

os.environ.setdefault("DEBUG", "1")

from config.settings.base import *  # noqa: F403 - the point of this file
from config.settings.base import CACHES, DATABASES

DEBUG = False
# Threads in race tests own their connections; a pool would hide who holds which.
DATABASES["default"]["OPTIONS"].pop("pool")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = False

# Tests empty the cache: processes that test side by side have one each (and the broker's is 0).
if _process := os.environ.get("PYTEST_XDIST_WORKER"):
    _address = CACHES["default"]["LOCATION"].partition("?")[0]
    CACHES["default"]["LOCATION"] = f"{_address}?db={2 + int(_process.removeprefix('gw'))}"
