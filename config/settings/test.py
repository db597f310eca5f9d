"""The few lines that differ under test."""

import os

os.environ.setdefault("DEBUG", "1")

from config.settings.base import *  # noqa: F403 - the point of this file
from config.settings.base import DATABASES

DEBUG = False
# Threads in race tests own their connections; a pool would hide who holds which.
DATABASES["default"]["OPTIONS"].pop("pool")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = False
