"""PostgreSQL's own programs, for backups."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db import connection

from portal.errors import ProgramFailed

# What the main backup leaves out and the one of the keys holds: with these somebody can read whose
# care it was. Mail says to whom it went, and its key about what. Who was erased is here because the
# newest of these goes with any main backup.
APART = ("therapy_credits_carekey", "notifications_message", "accounts_erasure")
# Nobody is signed in after a restore.
NOWHERE = ("django_session",)


def dump_main(path: Path) -> None:
    """Everything but ``APART``, of which only the empty tables are there."""
    without = [f"--exclude-table-data={table}" for table in (*APART, *NOWHERE)]
    _run("pg_dump", "--format=custom", "--no-owner", *without, f"--file={path}")


def dump_apart(path: Path) -> None:
    tables = [f"--table={table}" for table in APART]
    _run("pg_dump", "--format=custom", "--data-only", *tables, f"--file={path}")


def restore_main(path: Path) -> None:
    _run("pg_restore", "--no-owner", *_INTO, str(path))


def restore_apart(path: Path) -> None:
    _run("pg_restore", "--data-only", *_INTO, str(path))


_INTO = ("--single-transaction", "--exit-on-error")


def _run(program: str, *arguments: str) -> None:
    """Run it on our database. No address or password is in its arguments, which others can see."""
    facts = connection.settings_dict
    names: Sequence[tuple[str, str]] = (
        ("PGHOST", "HOST"),
        ("PGPORT", "PORT"),
        ("PGUSER", "USER"),
        ("PGPASSWORD", "PASSWORD"),
        ("PGDATABASE", "NAME"),
    )
    environment = {**os.environ, **{name: str(facts[key]) for name, key in names if facts.get(key)}}
    if program == "pg_restore":
        arguments = (f"--dbname={facts['NAME']}", *arguments)
    where = Path(settings.PG_PROGRAMS) / program if settings.PG_PROGRAMS else program
    try:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's program, with arguments of ours
            [where, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as missing:
        raise ProgramFailed(f"{where} is not there: PG_PROGRAMS says where it is.") from missing
    if done.returncode:
        raise ProgramFailed(done.stderr.strip()[-500:])
