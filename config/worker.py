"""The Celery application for its own command line: ``celery --app config.worker worker``.

It reads the settings first, so that a wrong one stops the start with one sentence.
"""

import sys

from config.celery import app
from config.local import LocalError
from config.local.environment import check_settings

try:
    check_settings()
except LocalError as wrong:
    sys.exit(f"Greenroom cannot start: {wrong}")

__all__ = ["app"]
