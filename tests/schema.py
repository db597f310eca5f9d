"""The empty database of the tests, kept for as long as no migration changes.

To migrate takes ten seconds of a processor, most of it spent on drawing up the models' past. So
what came of it is written down once (``var/schema/``) and the next run starts from there; Django
then finds every migration applied. Only for servers of our own: elsewhere nothing is kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.db import connection

from config.local import PROJECT, VAR
from config.local.binaries import find_postgres

KEPT = VAR / "schema"
TEMPLATE = "greenroom_schema"


def start_from_kept() -> None:
    """Let the test database begin as a copy of a migrated one.

    The first process that comes makes that, for the others too: from what was kept, or by
    migrating, and then it writes it down for the next run in place of older ones.
    """
    if not Path(connection.settings_dict["HOST"]).is_relative_to(VAR):
        return
    with _turn():
        if not _exists():
            _program("createdb", TEMPLATE)
            if (kept := file()).exists():
                _program(
                    "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", TEMPLATE, "-f", str(kept)
                )
            else:
                _migrate()
                _keep(kept)
    connection.settings_dict["TEST"]["TEMPLATE"] = TEMPLATE


def file() -> Path:
    """Where is kept what just these migrations make."""
    digest = hashlib.sha256((PROJECT / "requirements" / "dev.txt").read_bytes())
    digest.update(" ".join(settings.INSTALLED_APPS).encode())
    for app in sorted(apps.get_app_configs(), key=lambda app: app.name):
        for path in sorted(Path(app.path).glob("migrations/*.py")):
            digest.update(path.read_bytes())
    return KEPT / f"{digest.hexdigest()[:16]}.sql"


def _migrate() -> None:
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{TEMPLATE}")
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--no-input", "--verbosity", "0"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": address.geturl()},
        check=True,
    )


def _keep(kept: Path) -> None:
    draft = kept.with_suffix(f".{os.getpid()}")
    _program("pg_dump", "-f", str(draft), TEMPLATE)
    for older in KEPT.glob("*.sql"):
        older.unlink()
    draft.rename(kept)


def _exists() -> bool:
    names = _program("psql", "-XAt", "-d", "postgres", "-c", "SELECT datname FROM pg_database")
    return TEMPLATE in names.split()


def _program(name: str, *arguments: str) -> str:
    return subprocess.run(
        [
            find_postgres() / name,
            "-h",
            connection.settings_dict["HOST"],
            "-U",
            "postgres",
            *arguments,
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


@contextmanager
def _turn() -> Iterator[None]:
    """One process at a time."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
