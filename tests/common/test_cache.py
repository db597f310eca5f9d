"""Counting in the shared cache."""

from __future__ import annotations

import threading
from typing import Any

from django.core.cache import cache

from common.cache import count_one

KEY = "count-of-this-test"


def test_the_first_makes_the_counter_and_it_is_forgotten_in_time() -> None:
    cache.delete(KEY)
    shared: Any = cache
    assert [count_one(KEY, seconds=90) for _ in range(3)] == [1, 2, 3]
    left = shared._cache.get_client().ttl(shared.make_key(KEY))
    assert 0 < left <= 90


def test_many_at_once_each_have_a_number_of_their_own() -> None:
    cache.delete(KEY)
    numbers: list[int] = []
    people = [
        threading.Thread(target=lambda: numbers.append(count_one(KEY, seconds=90)))
        for _ in range(20)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(numbers) == list(range(1, 21))


def test_what_it_asks_the_server_with_is_made_once() -> None:
    shared: Any = cache
    client = shared._cache.get_client
    assert client() is client(write=True)
