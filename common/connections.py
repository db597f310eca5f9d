"""Whether the servers we stand on answer, each within seconds, and in words when they do not."""

from celery import current_app
from django.core.cache import cache
from django.db import connection

PATIENCE_SECONDS = 3


def database_problem() -> str:
    """Empty when PostgreSQL answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:  # whatever the driver or its pool raises, it means the same here
        return _words(error)
    return ""


def cache_problem() -> str:
    """Empty when the shared cache answers."""
    try:
        cache.get("connection-check")
    except Exception as error:  # as above
        return _words(error)
    return ""


def broker_problem() -> str:
    """Empty when the broker takes messages."""
    try:
        with current_app.connection_for_write() as link:
            link.ensure_connection(max_retries=0, timeout=PATIENCE_SECONDS)
    except Exception as error:  # as above
        return _words(error)
    return ""


def _words(error: Exception) -> str:
    """The first line of ``error``. Drivers name host and port there, never a password."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
