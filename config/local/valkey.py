"""A Valkey of our own: cache and broker, only on a unix socket in a private directory."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from config.local import LocalError
from config.local.process import spawn

NAME = "valkey.sock"


def start(
    program: Path, *, data: Path, sockets: Path, log: Path, durable: bool
) -> subprocess.Popen[bytes]:
    """Start the server and wait until it answers."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = sockets / NAME
    address.unlink(missing_ok=True)
    process = spawn(
        [
            *(program, "--port", "0", "--unixsocket", address, "--unixsocketperm", "700"),
            # What the broker holds survives a restart; what a test holds need not.
            *("--dir", data, "--appendonly", "yes" if durable else "no", "--save", ""),
            *("--daemonize", "no", "--loglevel", "warning"),
        ],
        at_parents_death=signal.SIGTERM,
        log=log,
        cwd=data,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalError(f"Valkey did not start; {log} says why.")
        if _answers(address):
            return process
        time.sleep(0.02)
    raise LocalError(f"Valkey did not start within half a minute; {log} says why.")


def cache_url(sockets: Path) -> str:
    return f"unix://{sockets / NAME}?db=1"


def broker_url(sockets: Path) -> str:
    return f"redis+socket://{sockets / NAME}?virtual_host=0"


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(address))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
