"""The shared cache, spoken to with less ado than Django's own way."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient


class _Client(RedisCacheClient):
    """Keeps the client of each server. Making one costs more than asking the server something,
    and Django makes one for every question."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: dict[int, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        django: Any = self  # what follows is not in the types of Django
        pool = django._get_connection_pool(write)
        client = self._kept.get(id(pool))
        if client is None:
            client = self._kept[id(pool)] = django._client(connection_pool=pool)
        return client

    def count(self, key: str, timeout: int) -> int:
        client = self.get_client(key, write=True)
        counted = int(client.incr(key))
        if counted == 1:
            client.expire(key, timeout)
        return counted


class SharedCache(RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client

    def count(self, key: str, timeout: int) -> int:
        client: _Client = self._cache  # type: ignore[assignment]  # as __init__ asks for
        return client.count(self.make_and_validate_key(key), timeout)


def count_one(key: str, *, seconds: int) -> int:
    """Add one to the counter ``key`` and say what it is now.

    Two at the same moment get two numbers. The counter is forgotten so many ``seconds`` after its
    first; ``key`` names the time it counts in, because whoever is killed in between leaves one
    that is never forgotten.
    """
    shared: Any = cache
    return int(shared.count(key, seconds))
