"""While the database is away one request waits for it, and the rest of the site is not kept."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from common.postgresql.base import OneWaits


class Site:
    """Requests that ask for a connection, and wait until somebody decides what they get."""

    def __init__(self, pool: ThreadPoolExecutor, pause: float = 0) -> None:
        self._pool, self._way = pool, OneWaits(pause)
        self.waiting = threading.Semaphore(0)

    def ask(self, decided: threading.Event, *, is_there: bool) -> Future[str]:
        def connect() -> str:
            with self._way.turn():
                self.waiting.release()
                assert decided.wait(timeout=30)
                if not is_there:
                    raise psycopg.OperationalError("no connection in time")
                return "connected"

        return self._pool.submit(connect)

    def has_waiting(self) -> bool:
        return self.waiting.acquire(timeout=30)


def test_once_a_wait_was_in_vain_one_waits_for_all_until_it_is_back() -> None:
    with ThreadPoolExecutor(8) as pool:
        site = Site(pool)
        over = threading.Event()
        first = [site.ask(over, is_there=False) for _ in range(3)]
        assert all(site.has_waiting() for _ in first), "nobody knows yet: all wait"
        over.set()
        for one in first:
            with pytest.raises(psycopg.OperationalError, match="in time"):
                one.result()

        back = threading.Event()
        the_one = site.ask(back, is_there=True)
        assert site.has_waiting()
        for other in [site.ask(back, is_there=True) for _ in range(5)]:
            with pytest.raises(psycopg.OperationalError, match="another waits"):
                other.result(timeout=30)
        back.set()
        assert the_one.result() == "connected"

        later = [site.ask(back, is_there=True) for _ in range(3)]
        assert [one.result() for one in later] == ["connected"] * 3


def test_one_that_waited_in_vain_leaves_its_turn_to_the_next() -> None:
    with ThreadPoolExecutor(2) as pool:
        site, over = Site(pool), threading.Event()
        over.set()
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError, match="in time"):
                site.ask(over, is_there=False).result()


def test_who_waited_in_vain_does_not_wait_again_for_the_rest_of_the_page() -> None:
    with ThreadPoolExecutor(1) as pool:
        site, over = Site(pool, pause=60), threading.Event()
        over.set()
        for words in ("in time", "another waits", "another waits"):
            with pytest.raises(psycopg.OperationalError, match=words):
                site.ask(over, is_there=False).result()
