"""The two servers of one directory: who owns them, where they are, starting and stopping.

A directory (``var/`` for the developer, one of its own for each test run) has one owner at a
time, the process that holds its lock. The kernel drops the lock at the owner's death, so there
are no stale locks. Others read from ``state.json`` where the servers are.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from config.local import postgres, valkey
from config.local.binaries import find_postgres, find_valkey
from config.local.process import stop

# A unix socket's path has room for 107 bytes and its end; PostgreSQL's name needs some of them.
LONGEST_SOCKET_PATH = 107
LONGEST_NAME = "/.s.PGSQL.5432.lock"


@dataclass(frozen=True)
class State:
    """What the owner tells the others."""

    owner: int
    kind: str
    """``run`` stays until it is stopped; ``command`` goes when its command is done."""
    environment: dict[str, str]
    web: str = ""
    """The address of the site, once it answers."""


@dataclass
class Services:
    """PostgreSQL and Valkey in ``home``, as far as ``given`` does not already name others."""

    home: Path
    given: Mapping[str, str]
    durable: bool = True
    _lock: IO[str] | None = None
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def acquire(self) -> bool:
        """Become the owner of ``home``; False when another process is."""
        self.home.mkdir(parents=True, exist_ok=True)
        lock = (self.home / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        self._state.unlink(missing_ok=True)
        return True

    def start(self) -> dict[str, str]:
        """Start what is not given; returns the settings that name it. Only for the owner."""
        logs = self.home / "log"
        logs.mkdir(exist_ok=True)
        sockets = self._sockets()
        environment: dict[str, str] = {}
        try:
            if "DATABASE_URL" not in self.given:
                programs = find_postgres()
                environment["PG_PROGRAMS"] = str(programs)
                place = postgres.choose_place(self.home, programs)
                self._running["PostgreSQL"] = postgres.start(
                    place, sockets=sockets, log=logs / "postgres.log", durable=self.durable
                )
                environment["DATABASE_URL"] = postgres.url(sockets)
            if not {"CACHE_URL", "BROKER_URL"} <= self.given.keys():
                self._running["Valkey"] = valkey.start(
                    find_valkey(),
                    data=self.home / "valkey",
                    sockets=sockets,
                    log=logs / "valkey.log",
                    durable=self.durable,
                )
                addresses = {
                    "CACHE_URL": valkey.cache_url(sockets),
                    "BROKER_URL": valkey.broker_url(sockets),
                }
                environment |= {k: v for k, v in addresses.items() if k not in self.given}
        except BaseException:
            self.stop()
            raise
        return environment

    def stopped(self) -> str | None:
        """The name of a server that ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                return name
        return None

    def tell(self, state: State) -> None:
        """Let other processes know where the servers are."""
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state)))
        draft.rename(self._state)

    def told(self) -> State | None:
        """What the owner told; None while it starts."""
        try:
            return State(**json.loads(self._state.read_text()))
        except (FileNotFoundError, ValueError):
            return None

    def stop(self) -> None:
        """Stop both servers and give the lock up."""
        self._state.unlink(missing_ok=True)
        for name, number in (("Valkey", signal.SIGTERM), ("PostgreSQL", signal.SIGINT)):
            if process := self._running.pop(name, None):
                stop([process], number)
        self._forget_sockets()
        if self._lock:
            self._lock.close()
            self._lock = None

    @property
    def _state(self) -> Path:
        return self.home / "state.json"

    def _sockets(self) -> Path:
        """A private directory for the sockets, in ``home`` where its path is short enough."""
        self._forget_sockets()
        directory = self.home / "sockets"
        if len(os.fsencode(f"{directory}{LONGEST_NAME}")) > LONGEST_SOCKET_PATH:
            directory = Path(tempfile.mkdtemp(prefix="greenroom-", dir=_short_temporary()))
            (self.home / "sockets-are-in").write_text(str(directory))
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory

    def _forget_sockets(self) -> None:
        """Remove a directory that an earlier run made outside ``home``."""
        note = self.home / "sockets-are-in"
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(Path(note.read_text()), ignore_errors=True)
            note.unlink()


def _short_temporary() -> str:
    temporary = tempfile.gettempdir()
    return temporary if len(os.fsencode(temporary)) < 60 else "/tmp"  # noqa: S108 - made private by mkdtemp
