"""Bringing a database up to date, once: tables, and in an empty one the demo data."""

import hashlib
import os
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from config.local import PROJECT, LocalError
from config.local.console import say
from config.local.process import spawn


def prepare(*, demo: bool) -> None:
    """Migrate when the migrations changed; make demo data when nobody is there yet.

    Both take seconds, and from the second start on neither is needed. What was migrated last is
    noted in the database itself (its comment), so that the note and the data cannot part.
    """
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        known, current = _note(connection), _fingerprint()
        if known != current:
            say("Bringing the database up to date …")
            _manage("migrate", "--no-input", "--verbosity", "0")
            _write_note(connection, current)
        if demo and _is_empty(connection) and _has_demo():
            say("Making the demo data …")
            _manage("demo")


def compile_translations() -> None:
    """Make what gettext reads, where a catalogue is newer."""
    catalogues = PROJECT.glob("locale/*/LC_MESSAGES/django.po")
    if any(_is_newer(path, path.with_suffix(".mo")) for path in catalogues):
        from config.local.translations import compile_all

        compile_all()


def collect_static() -> None:
    _manage("collectstatic", "--no-input", "--verbosity", "0")


def people(connection_url: str) -> list[str]:
    """The addresses one can sign in with on the demo site."""
    with psycopg.connect(connection_url) as connection:
        rows = connection.execute(
            "SELECT email FROM accounts_user WHERE email LIKE '%@example.org'"
        )
        return [email for (email,) in rows]


def _is_newer(source: Path, made: Path) -> bool:
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime


def _manage(*arguments: str) -> None:
    process = spawn([sys.executable, PROJECT / "manage.py", *arguments], cwd=PROJECT)
    if process.wait() != 0:
        raise LocalError(f"'manage.py {arguments[0]}' failed; what it said is above.")


def _fingerprint() -> str:
    """Changes with every migration of ours and every version of a library's."""
    digest = hashlib.sha256()
    files = [*PROJECT.glob("*/migrations/*.py"), PROJECT / "requirements" / "base.txt"]
    for path in sorted(files):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode())
        digest.update(path.read_bytes())
    return f"migrated: {digest.hexdigest()}"


def _note(connection: psycopg.Connection[tuple[str]]) -> str | None:
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    return row[0] if row else None


def _write_note(connection: psycopg.Connection[tuple[str]], text: str) -> None:
    name = sql.Identifier(connection.info.dbname)
    try:
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(text)))
    except psycopg.errors.InsufficientPrivilege:
        return  # not our database to write on: we migrate at every start


def _is_empty(connection: psycopg.Connection[tuple[str]]) -> bool:
    row = connection.execute("SELECT NOT EXISTS (SELECT FROM accounts_user)").fetchone()
    return bool(row and row[0])


def _has_demo() -> bool:
    return any(PROJECT.glob("*/management/commands/demo.py"))
