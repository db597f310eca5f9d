"""Web servers on free ports of this machine, all with the options the site is served with."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.load import HOST, fetch, get
from config.local import PROJECT
from config.local.process import spawn, stop


@contextmanager
def serve(application: str, ready_path: str, **environment: str) -> Iterator[int]:
    """Serve a WSGI ``application``; yields its port once ``ready_path`` answers."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(128)
        port: int = listener.getsockname()[1]
        process = spawn(
            [
                *(sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"),
                *("--bind", f"fd://{listener.fileno()}", "--log-level", "warning", application),
            ],
            env={**os.environ, **environment},
            cwd=PROJECT,
            pass_fds=[listener.fileno()],
        )
    try:
        _wait(port, ready_path)
        yield port
    finally:
        stop([process])


def _wait(port: int, path: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):
            fetch(port, get(path))
            return
        time.sleep(0.1)
    raise RuntimeError(f"no server on port {port}")
