"""A PostgreSQL of our own: only on a unix socket in a private directory."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.local import LocalError
from config.local.process import Account, command_of, spawn, stop

DATABASE = "greenroom"
NOBODY = Account(uid=65534, gid=65534)
# Ourselves, shown to PostgreSQL as somebody who is not root.
OURSELVES_RENAMED = Account(uid=1000, gid=1000, namespace=True)
# For tests: a crash of the machine may lose everything, which is never looked at again anyway.
CARELESS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
)
SETTINGS = (
    "listen_addresses=",
    "timezone=UTC",
    "log_timezone=UTC",
    "max_connections=300",
    "max_locks_per_transaction=128",
)


@dataclass(frozen=True)
class Place:
    """Whom PostgreSQL runs as here, from which programs, in which directory."""

    account: Account | None
    programs: Path
    data: Path


def choose_place(home: Path, programs: Path) -> Place:
    """How to run PostgreSQL in ``home``.

    It refuses to run as root. As root we run it as nobody; where nobody cannot reach it (below
    a directory only root may enter), as ourselves under another number; and where the kernel
    does not let us do that either, as nobody from a copy in a directory that nobody can reach.
    """
    if os.geteuid() != 0:
        return Place(None, programs, home / "postgres")
    for account in (NOBODY, OURSELVES_RENAMED):
        if _can_run(account, home, programs):
            return Place(account, programs, home / "postgres")
    elsewhere = _elsewhere(home)
    return Place(NOBODY, _copy_programs(programs, elsewhere), elsewhere / "postgres")


def start(place: Place, *, sockets: Path, log: Path, durable: bool) -> subprocess.Popen[bytes]:
    """Start the server, on a new data directory where there is none, and wait until it answers."""
    if not place.data.exists():
        _create(place, log)
    _give(place.data, place.account)
    _give(sockets, place.account)
    _check_version(place)
    _clear_leftovers(place.data, sockets)
    settings = SETTINGS if durable else SETTINGS + CARELESS
    deadline = time.monotonic() + 15
    while True:
        said_before = log.stat().st_size if log.exists() else 0
        process = spawn(
            [place.programs / "postgres", "-D", place.data, "-k", sockets]
            + [f"--{setting}" for setting in settings],
            # SIGINT asks for a fast, clean shutdown; SIGTERM would wait for every client to leave.
            at_parents_death=signal.SIGINT,
            account=place.account,
            log=log,
            cwd=Path("/"),
        )
        if _becomes_ready(process, place.data):
            break
        said = log.read_bytes()[said_before:]
        if b"shared memory" not in said or time.monotonic() > deadline:
            reasons = re.findall(r"(?:FATAL|PANIC|ERROR): +(.*)", said.decode(errors="replace"))
            why = f": {reasons[0]}" if reasons else ""
            raise LocalError(f"PostgreSQL did not start{why} (see {log}).")
        # Parts of a killed server still hold its memory; they are about to notice, and go.
        time.sleep(0.3)
    _ensure_database(sockets)
    return process


def url(sockets: Path, database: str = DATABASE) -> str:
    """The address of ``database``, as both Django and libpq read it."""
    return f"postgres://postgres@/{database}?host={quote(str(sockets), safe='')}"


def _can_run(account: Account, home: Path, programs: Path) -> bool:
    """Try it: enter ``home`` and run the program as ``account``."""
    script = 'cd "$1" && exec "$2" --version'
    argv = ["/bin/sh", "-c", script, "sh", home, programs / "postgres"]
    try:
        process = spawn(argv, account=account, log=Path(os.devnull), cwd=Path("/"))
    except (OSError, subprocess.SubprocessError):
        return False
    return process.wait() == 0


def _elsewhere(home: Path) -> Path:
    """A directory that nobody can enter, made once; ``home`` remembers where it is."""
    note = home / "elsewhere"
    if note.exists() and (directory := Path(note.read_text())).is_dir():
        return directory
    directory = Path(tempfile.mkdtemp(prefix="greenroom-", dir="/var/tmp"))
    os.chown(directory, NOBODY.uid, NOBODY.gid)
    note.write_text(str(directory))
    return directory


def _copy_programs(programs: Path, elsewhere: Path) -> Path:
    """The installation and, for a wheel, the libraries that lie beside it."""
    installation = programs.parent
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    if not libraries.is_dir():
        return programs
    target = elsewhere / package.name / installation.name
    if not target.exists():
        shutil.copytree(libraries, elsewhere / libraries.name, dirs_exist_ok=True)
        shutil.copytree(installation, target, symlinks=True)
    return target / programs.name


def _create(place: Place, log: Path) -> None:
    """Make the data directory under another name first: half a directory is never found."""
    draft = place.data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    _give(draft, place.account)
    locale = (
        ["--locale-provider=builtin", "--locale=C.UTF-8"]
        if _major(place.programs) >= 17
        else ["--no-locale"]
    )
    process = spawn(
        [
            *(place.programs / "initdb", "-D", draft, "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", *locale, "--no-instructions", "--no-sync"),
        ],
        account=place.account,
        log=log,
        cwd=Path("/"),
    )
    if process.wait() != 0:
        raise LocalError(f"PostgreSQL could not make its data directory; {log} says why.")
    draft.rename(place.data)


def _give(directory: Path, account: Account | None) -> None:
    """Make ``directory`` belong to whom the server runs as: earlier it may have been another."""
    if os.geteuid() != 0 or account is None:
        return
    uid, gid = (0, 0) if account.namespace else (account.uid, account.gid)
    if directory.stat().st_uid == uid:
        return
    for path in (directory, *directory.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _major(programs: Path) -> int:
    answer = subprocess.run(  # noqa: S603 - our own program
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"PostgreSQL\) (\d+)", answer)
    if not found:
        raise LocalError(f"{programs / 'postgres'} does not say which version it is.")
    return int(found[1])


def _check_version(place: Place) -> None:
    made_by, ours = int((place.data / "PG_VERSION").read_text()), _major(place.programs)
    if made_by != ours:
        raise LocalError(
            f"The local database in {place.data} was made by PostgreSQL {made_by}, and this is "
            f"PostgreSQL {ours}. Remove {place.data} to start with a new one."
        )


def _clear_leftovers(data: Path, sockets: Path) -> None:
    """Wait for a server whose supervisor was killed; forget one that is long gone.

    Whoever calls holds the lock of the directory, so a server that still runs here is on its way
    out. What it noted would stop the start wherever its number belongs to another process now.
    """
    note = data / "postmaster.pid"
    deadline = time.monotonic() + 15
    told = False
    while (pid := _postmaster(note)) is not None and "postgres" in command_of(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGQUIT)
            deadline = time.monotonic() + 15
        elif not told:
            os.kill(pid, signal.SIGINT)
            told = True
        time.sleep(0.05)
    for trace in (note, *sockets.glob(".s.PGSQL.*")):
        trace.unlink(missing_ok=True)


def _postmaster(note: Path) -> int | None:
    try:
        return abs(int(note.read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def _becomes_ready(process: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until the server answers; False when it ended instead."""
    note = data / "postmaster.pid"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        lines = note.read_text().splitlines() if note.exists() else []
        if len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(process.pid):
            return True
        time.sleep(0.02)
    stop([process], signal.SIGQUIT)
    return False


def _ensure_database(sockets: Path) -> None:
    with psycopg.connect(url(sockets, "postgres"), autocommit=True) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone()
        if not known:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
