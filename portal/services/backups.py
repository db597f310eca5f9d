"""Two backups: everything, and apart from it what leads from care to its person.

Whoever has both and ``FIELD_KEYS`` can read it all. Of the second only a month is kept: what was
erased or forgotten cannot be read out of the first any more after that, however old it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from common.sealing import CannotOpen, unwrap
from portal import gateway
from therapy_credits.models import Booking, CareKey, FitCall
from therapy_credits.models.subjects import purpose_of

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Made:
    """The files that were written, and the old ones of keys that were deleted."""

    main: Path
    keys: Path
    deleted: list[Path]


def make(*, directory: Path, keys_directory: Path, at: datetime) -> Made:
    """Write both. The keys come second: none that the first needs is missing from them."""
    stamp = at.astimezone(UTC).strftime(_STAMP)
    main = directory / f"greenroom-{stamp}.dump"
    keys = keys_directory / f"keys-{stamp}.dump"
    for path, dump in ((main, gateway.dump_main), (keys, gateway.dump_apart)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(".part")
        draft.touch(mode=0o600)
        dump(draft)
        draft.rename(path)
    older_than = at - timedelta(days=settings.KEY_BACKUP_DAYS)
    deleted = [
        old for old in sorted(keys_directory.glob("keys-*.dump")) if _is_old(old, older_than)
    ]
    for old in deleted:
        old.unlink()
    return Made(main, keys, deleted)


def _is_old(path: Path, older_than: datetime) -> bool:
    try:
        made_at = datetime.strptime(path.stem.removeprefix("keys-"), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False  # not one of ours
    return made_at < older_than


def keys_beside(directory: Path) -> Path:
    """Where the keys of what is backed up in ``directory`` are, unless somebody says."""
    path = directory.resolve()
    return path.with_name(f"{path.name}-keys")


def find(backup: Path, keys: Path | None) -> tuple[Path, Path | None]:
    """The files of a backup and of its keys: the newest where a directory is named.

    There may be no keys where nobody said where. Raises FileNotFoundError with the path.
    """
    main = _newest(backup, "greenroom-*.dump")
    if keys is not None:
        return main, _newest(keys, "keys-*.dump")
    try:
        return main, _newest(keys_beside(main.parent), "keys-*.dump")
    except FileNotFoundError:
        return main, None


def _newest(path: Path, pattern: str) -> Path:
    found = path if path.is_file() else max(path.glob(pattern), default=None)  # by time, in UTC
    if found is None:
        raise FileNotFoundError(path)
    return found


def is_database_empty() -> bool:
    return not connection.introspection.table_names()


def put_back(*, main: Path, keys: Path | None) -> None:
    """Fill the empty database."""
    gateway.restore_main(main)
    if keys is not None:
        gateway.restore_apart(keys)


def is_of_an_older_version() -> bool:
    """Whether migrations are missing: until they have run, nothing can be looked at."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@dataclass(frozen=True)
class Unreadable:
    """What nobody can read: how many."""

    bookings: int
    keys: int


def what_is_unreadable() -> Unreadable:
    """Bookings and calls that say a name under a key that is not there, or that ``FIELD_KEYS`` do
    not open."""
    closed = [key.token for key in CareKey.objects.iterator() if not _opens(key)]
    known = CareKey.objects.exclude(token__in=closed).values("token")
    told = (
        Booking.objects.exclude(sealed_name="").exclude(subject__in=known),
        FitCall.objects.exclude(sealed_name="").exclude(subject__in=known),
    )
    return Unreadable(bookings=sum(rows.count() for rows in told), keys=len(closed))


def _opens(key: CareKey) -> bool:
    try:
        unwrap(key.wrapped, purpose_of(key.token))
    except CannotOpen:
        return False
    return True
