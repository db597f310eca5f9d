"""HTTP clients that do as little as possible themselves."""

import socket
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

HOST = "127.0.0.1"


@dataclass
class Load:
    """What a number of clients got out of a server in some seconds."""

    rate: float
    p50_ms: float
    statuses: Counter[int]


@dataclass
class _Client:
    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    error: Exception | None = None


def get(path: str, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    return _request("GET", path, b"", headers)


def post(
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    content_type: str = "application/x-www-form-urlencoded",
) -> bytes:
    sent = {**headers, "Content-Type": content_type, "Content-Length": str(len(body))}
    return _request("POST", path, body, sent)


def drive(port: int, requests: deque[bytes] | bytes, *, clients: int, seconds: float) -> Load:
    """Send ``requests`` (each once; or one again and again) from ``clients`` for ``seconds``."""
    following: Callable[[], bytes]
    following = requests.popleft if isinstance(requests, deque) else lambda: requests
    people = [_Client() for _ in range(clients)]
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=_work, args=(port, following, client, until)) for client in people
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    for client in people:
        if client.error:
            raise client.error
    took = [seconds for client in people for seconds in client.took]
    statuses: Counter[int] = sum((client.statuses for client in people), Counter())
    return Load(len(took) / elapsed, statistics.median(took) * 1000, statuses)


def fetch(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """One request: status, headers (lower case) and body."""
    with socket.create_connection((HOST, port), timeout=60) as connection:
        return _exchange(connection, request)


def _request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _work(port: int, following: Callable[[], bytes], client: _Client, until: float) -> None:
    connection = None
    try:
        while time.perf_counter() < until:
            try:
                request = following()
            except IndexError:  # every request was sent
                return
            began = time.perf_counter()
            if connection is None:
                connection = socket.create_connection((HOST, port), timeout=60)
            status, headers, _body = _exchange(connection, request)
            client.took.append(time.perf_counter() - began)
            client.statuses[status] += 1
            if headers.get("connection", "").lower() == "close":
                connection.close()
                connection = None
    except Exception as error:  # told to whoever waits for this thread
        client.error = error
    finally:
        if connection:
            connection.close()


def _exchange(connection: socket.socket, request: bytes) -> tuple[int, dict[str, str], bytes]:
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = 0 if status in (204, 304) else int(headers["content-length"])
    parts, size = [body], len(body)
    while size < length:
        part = connection.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        parts.append(part)
        size += len(part)
    return status, headers, b"".join(parts)
