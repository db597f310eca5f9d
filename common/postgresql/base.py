"""PostgreSQL as Django has it, but that not everybody waits for a database that is not there.

A request that finds no connection waits for one (the pool's timeout), in which a short restart
passes unnoticed. While the database stays away, that would keep every thread of the site busy with
waiting, and the help page, which needs no database, would stand in line behind them. So once a wait
was in vain, one request at a time waits for all, and the others are told at once; and so is the one
that waited, when it asks again for the next part of its page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql import base

# After a wait in vain nobody waits for so long (seconds).
PAUSE = 1.0


class OneWaits:
    """For threads of one process: all may wait, until one has waited in vain."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._lock = threading.Lock()
        self._pause = pause
        self._is_away = False
        self._has_one = False
        self._again_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Around an attempt to connect. Raises psycopg.OperationalError where another waits, or
        did so just now."""
        with self._lock:
            if self._is_away and (self._has_one or time.monotonic() < self._again_at):
                raise psycopg.OperationalError("the database is away, and another waits for it")
            is_the_one = self._has_one = self._is_away
        try:
            yield
        except psycopg.OperationalError:
            self._is_away, self._again_at = True, time.monotonic() + self._pause
            raise
        else:
            self._is_away = False
        finally:
            if is_the_one:
                self._has_one = False


_one_waits = OneWaits()


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        with _one_waits.turn():
            return super().get_new_connection(conn_params)
