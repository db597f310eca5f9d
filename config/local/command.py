"""The servers for one command: the running ones, ones started for it, or brand new ones."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from config.local import VAR, LocalError
from config.local.console import say
from config.local.environment import (
    given,
    is_laptop,
    read_file,
    without_settings,
)
from config.local.prepare import compile_translations
from config.local.process import spawn
from config.local.services import Services, State

# Commands of manage.py that read no data. They get addresses, and nothing is started for them.
WITHOUT_SERVERS = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "version",
}
NOWHERE = {
    "DATABASE_URL": "postgres://postgres@/greenroom?host=/nowhere",
    "CACHE_URL": "unix:///nowhere/valkey.sock",
    "BROKER_URL": "redis+socket:///nowhere/valkey.sock",
}


@contextlib.contextmanager
def for_management(argv: Sequence[str]) -> Iterator[None]:
    """What ``manage.py`` needs on a laptop, put into the environment. On a server, nothing."""
    read_file()
    if not is_laptop():
        yield
        return
    os.environ.setdefault("DEBUG", "1")
    command = argv[1] if len(argv) > 1 else "help"
    if command in WITHOUT_SERVERS or command.startswith("-") or {"-h", "--help"} & set(argv):
        os.environ.update(NOWHERE | given())
        yield
        return
    with servers() as addresses:
        os.environ.update(addresses)
        yield


def execute(argv: Sequence[str], *, fresh: bool, durable: bool = False) -> int:
    """Run ``argv`` with servers; returns its exit status."""
    compile_translations()
    if fresh:
        with fresh_servers(durable=durable) as environment:
            return _run(argv, environment)
    read_file()
    if is_laptop():
        os.environ.setdefault("DEBUG", "1")
    with servers() as addresses:
        return _run(argv, {**os.environ, **addresses})


@contextlib.contextmanager
def servers(home: Path = VAR) -> Iterator[dict[str, str]]:
    """The developer's servers: those of a running site, else started for as long as needed."""
    named = given()
    services = Services(home, named)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if services.acquire():
            try:
                addresses = services.start() | named
                services.tell(State(os.getpid(), "command", addresses))
                yield addresses
                _wait_for_guests(home)
            finally:
                services.stop()
            return
        if state := services.told():
            with _as_guest(home):
                yield state.environment | named
            return
        time.sleep(0.1)
    raise LocalError(f"Another process has been starting in {home} for two minutes; stop it first.")


@contextlib.contextmanager
def fresh_servers(*, durable: bool) -> Iterator[dict[str, str]]:
    """New, empty servers for one command, and an environment that holds no setting but theirs.

    Nothing of the developer's is touched; everything is removed at the end.
    """
    homes = VAR / "fresh"
    _sweep(homes)
    home = homes / secrets.token_hex(4)
    services = Services(home, given={}, durable=durable)
    services.acquire()
    try:
        yield {
            **without_settings(),
            **services.start(),
            "DEBUG": "1",
            "EMAIL_URL": f"file://{home / 'mail'}",
        }
    finally:
        services.stop()
        _remove(home)


def _run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    # The programs of this virtual environment come first, so that "exec -- pytest" finds ours.
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    try:
        process = spawn(argv, env={**environment, "PATH": path}, own_group=False)
    except FileNotFoundError:
        raise LocalError(f"There is no command {argv[0]!r}.") from None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    # Ctrl-C reaches the command by itself; we wait for it and then put away.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGHUP, pass_on)
    status = process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _as_guest(home: Path) -> Iterator[None]:
    with (home / "guests").open("a") as guests:
        fcntl.flock(guests, fcntl.LOCK_SH)
        yield


def _wait_for_guests(home: Path) -> None:
    """Keep the servers for commands that came while ours ran."""
    with (home / "guests").open("a") as guests:
        try:
            fcntl.flock(guests, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command still uses the local database; waiting for it to finish.")
            fcntl.flock(guests, fcntl.LOCK_EX)


def _sweep(homes: Path) -> None:
    """Remove what killed test runs left."""
    for home in homes.glob("*"):
        services = Services(home, given={})
        if services.acquire():
            services.stop()
            _remove(home)


def _remove(home: Path) -> None:
    note = home / "elsewhere"
    if note.exists():
        shutil.rmtree(note.read_text(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
