"""The launcher, for real: processes that are started, killed and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.local import postgres
from config.local.binaries import find_postgres
from config.local.environment import without_settings
from config.local.process import Account, command_of, spawn, stop
from config.local.services import Services
from tests import schema

pytestmark = pytest.mark.fault

ROOT = Path(__file__).resolve().parent.parent.parent
IS_ROOT = os.geteuid() == 0
NOT_COPIED = {".git", ".venv", "var", "staticfiles", "tests", "docs", "benchmarks"}
# Ports of our own, far from the one a developer's site has.
PORT = 18_431
# Fails on a machine that is about to stop, not on one that is busy.
PATIENCE = 240


@dataclass
class Running:
    """A command in a session of its own, so that all it started can be found."""

    process: subprocess.Popen[bytes]
    log: Path
    checkout: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def family(self) -> dict[int, str]:
        """Every living process of the session or at work in the checkout, with its command."""
        found = {}
        for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            # PostgreSQL's own children leave the session, but stay in the data directory.
            with contextlib.suppress(OSError):
                is_ours = os.getsid(pid) == self.process.pid or self.checkout in (
                    Path(f"/proc/{pid}/cwd").readlink().parents
                )
                if is_ours and (command := command_of(pid)):
                    found[pid] = command
        return found

    def one(self, part: str) -> int:
        """The process whose command line holds ``part``: the first of its kind."""
        return min(pid for pid, command in self.family().items() if part in command)

    def wait_for(self, words: str) -> None:
        wait_until(lambda: words in self.said or self.process.poll() is not None, self)
        assert words in self.said, self.said

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def wait_until(is_so: Callable[[], bool], running: Running | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, running.said if running else "waited in vain"
        time.sleep(0.05)


def is_root(pid: int) -> bool:
    """Whether a process is root here, and not only in a namespace of its own."""
    namespace = Path(f"/proc/{pid}/ns/user").readlink()
    is_ours = namespace == Path("/proc/self/ns/user").readlink()
    return is_ours and Path(f"/proc/{pid}").stat().st_uid == 0


def read(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.status, answer.read().decode()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start a command of the launcher in a checkout; whatever it leaves is killed at the end."""
    started: list[Running] = []

    def start(
        checkout: Path,
        *arguments: str,
        argv: Sequence[str] = (sys.executable, "-m", "config.local"),
        account: Account | None = None,
        **settings: str,
    ) -> Running:
        log = Path(tempfile.mkstemp(prefix="launcher-", suffix=".log")[1])
        process = spawn(
            # A session of its own is begun by setsid, which then becomes the command.
            ["setsid", *argv, *arguments],
            env={**without_settings(), "HOME": str(checkout), **settings},
            cwd=checkout,
            log=log,
            account=account,
            own_group=False,
        )
        started.append(Running(process, log, checkout))
        return started[-1]

    yield start
    for running in started:
        for pid in running.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.process.kill()
        running.process.wait()
        running.log.unlink()


@pytest.fixture(scope="module")
def sources() -> Iterator[Path]:
    """A checkout in a directory everybody may enter. It is there for every test, so that Python
    compiles it once."""
    above = Path(tempfile.mkdtemp(prefix="greenroom-test-"))
    shutil.copytree(ROOT, above / "greenroom", ignore=lambda _, names: NOT_COPIED & set(names))
    yield above / "greenroom"
    shutil.rmtree(above)


@pytest.fixture(scope="module")
def database(sources: Path, django_db_setup: None) -> Path:
    """What the checkout has in ``var`` once there is a database, with one person in it, so that no
    demo data is made."""
    script = (
        "import django; django.setup(); from accounts.models import User;"
        "from config.local.prepare import prepare; prepare(demo=False);"
        "User.objects.create_user('someone@example.net')"
    )
    kept = schema.file()
    restore = f'"{find_postgres()}/psql" -q -f "{kept}" $DATABASE_URL' if kept.exists() else "true"
    commands = f'{restore}; python -c "{script}"'
    subprocess.run(
        [sys.executable, "-m", "config.local", "exec", "--", "sh", "-e", "-c", commands],
        cwd=sources,
        env={**without_settings(), "DJANGO_SETTINGS_MODULE": "config.settings.base"},
        check=True,
    )
    return (sources / "var").rename(sources.parent / "database")


@pytest.fixture
def checkout(sources: Path) -> Iterator[Path]:
    """The checkout, in which nothing was started yet."""
    sources.parent.chmod(0o755)
    yield sources
    shutil.rmtree(sources / "var")


@pytest.fixture
def migrated(checkout: Path, database: Path) -> Path:
    """The checkout with a database."""
    subprocess.run(["cp", "-a", database, checkout / "var"], check=True)
    return checkout


def run(start: Callable[..., Running], checkout: Path, **settings: str) -> Running:
    running = start(checkout, "run", PORT=str(PORT), **settings)
    running.wait_for("Ctrl-C stops everything.")
    return running


def test_killed_it_leaves_nothing_running_and_starts_again(
    start: Callable[..., Running], migrated: Path
) -> None:
    first = run(start, migrated)
    assert read(f"http://127.0.0.1:{PORT}/healthz") == (200, "ok\n")
    commands = " ".join(first.family().values())
    for part in ("postgres", "valkey-server", "gunicorn", "celery", "card_stand_in"):
        assert part in commands
    assert not is_root(first.one("postgres -D"))

    first.process.kill()
    wait_until(lambda: not first.family(), first)

    # Started by make, whose end is its own: make may be killed without a word.
    script = f"PORT={PORT} {sys.executable} -m config.local --end-with-parent run; true"
    under_make = start(migrated, argv=["sh", "-c", script])
    under_make.wait_for("Ctrl-C stops everything.")
    assert read(f"http://127.0.0.1:{PORT}/healthz") == (200, "ok\n")

    under_make.process.kill()
    wait_until(lambda: not under_make.family(), under_make)


def test_a_second_one_has_its_own_port_and_takes_over(
    start: Callable[..., Running], migrated: Path
) -> None:
    migrated.parent.chmod(0o700)  # below a directory that only root may enter
    first = run(start, migrated)
    assert not is_root(first.one("postgres -D"))
    second = run(start, migrated)
    assert f"Port {PORT} is taken, so this one has its own." in second.said
    assert f"Greenroom is at http://127.0.0.1:{PORT + 1}" in second.said
    assert "It shares the database with the one that already runs here." in second.said
    assert read(f"http://127.0.0.1:{PORT + 1}/healthz") == (200, "ok\n")

    assert first.end() == 0
    second.wait_for("this one takes over")
    wait_until(lambda: "celery" in " ".join(second.family().values()), second)
    assert read(f"http://127.0.0.1:{PORT + 1}/readyz")[0] == 200
    assert "card_stand_in" in " ".join(second.family().values())

    for pid in second.family():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # The crashed database's note may name a process that is now another program: this one.
    note = migrated / "var" / "postgres" / "postmaster.pid"
    lines = note.read_text().splitlines()
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    third = run(start, migrated)
    assert read(f"http://127.0.0.1:{PORT}/readyz")[0] == 200
    assert third.end(signal.SIGINT) == 0
    assert third.family() == {}


def test_an_ordinary_user_needs_nothing_else(start: Callable[..., Running], checkout: Path) -> None:
    # For root: the same person under another number, without any privilege.
    account = Account(1000, 1000, namespace=True) if IS_ROOT else None
    connect = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'])"
    script = f'test "$(id -u)" != 0 && python -c "{connect}"'
    running = start(checkout, "exec", "--", "sh", "-c", script, account=account)
    assert running.process.wait(PATIENCE) == 0, running.said
    assert running.family() == {}


def test_a_wrong_setting_stops_it_with_one_sentence(
    start: Callable[..., Running], checkout: Path
) -> None:
    for settings, sentence in (
        ({"PORT": "http"}, "PORT must be a number from 1 to 65535, not 'http'."),
        ({"DEBUG": "perhaps"}, "DEBUG must be 1 or 0, not 'perhaps'."),
    ):
        running = start(checkout, "run", **settings)
        assert running.process.wait(PATIENCE) == 1
        assert running.said == f"Greenroom cannot start: {sentence}\n"
        assert running.family() == {}


def test_a_fresh_database_is_its_own_and_leaves_nothing(
    start: Callable[..., Running], checkout: Path
) -> None:
    script = (
        'env; psql_there=$(python manage.py showmigrations accounts); echo "$psql_there"; exit 7'
    )
    running = start(
        checkout,
        *("exec", "--fresh", "--", "sh", "-c", script),
        DATABASE_URL="postgres://nobody@nowhere.example/precious",
        METRICS_TOKEN="a developer's",
    )
    assert running.process.wait(PATIENCE) == 7
    assert "precious" not in running.said
    assert "METRICS_TOKEN" not in running.said
    assert "[ ] 0001" in running.said
    assert list((checkout / "var" / "fresh").iterdir()) == []
    assert running.family() == {}


def test_what_a_killed_test_run_left_is_swept_by_the_next(
    start: Callable[..., Running], checkout: Path
) -> None:
    killed = start(checkout, "exec", "--fresh", "--", "sh", "-c", "echo there; exec sleep 600")
    killed.wait_for("there")
    killed.process.kill()
    wait_until(lambda: not killed.family(), killed)
    assert len(list((checkout / "var" / "fresh").iterdir())) == 1

    after = start(checkout, "exec", "--fresh", "--", "true")
    assert after.process.wait(PATIENCE) == 0
    assert list((checkout / "var" / "fresh").iterdir()) == []


def test_two_commands_share_the_database_of_the_first(
    start: Callable[..., Running], migrated: Path
) -> None:
    gate = migrated / "var" / "gate"
    first = start(
        migrated, "exec", "--", "sh", "-c", f"echo in; while [ ! -e {gate} ]; do sleep 0.1; done"
    )
    first.wait_for("in")
    second = start(
        migrated, "exec", "--", "sh", "-c", "echo in; sleep 2; python manage.py migrate --check"
    )
    second.wait_for("in")
    gate.touch()
    assert second.process.wait(PATIENCE) == 0, second.said
    assert first.process.wait(PATIENCE) == 0
    assert "Another command still uses the local database" in first.said


def test_manage_py_finds_its_database_by_itself(migrated: Path) -> None:
    answer = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "shell",
            "-v",
            "0",
            "-c",
            "from accounts.models import User; print(User.objects.get())",
        ],
        cwd=migrated,
        env=without_settings(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "someone@example.net"
    assert not (migrated / "var" / "state.json").exists()


def test_a_long_path_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 25)
    services = Services(home, given={}, durable=False)
    assert services.acquire()
    try:
        address = services.start()["DATABASE_URL"]
        elsewhere = Path((home / "sockets-are-in").read_text())
        assert len(str(elsewhere)) < 80
        assert str(elsewhere).replace("/", "%2F") in address
        assert elsewhere.stat().st_mode & 0o777 == 0o700
    finally:
        services.stop()
    assert not elsewhere.exists()


def test_as_a_last_resort_nobody_runs_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not IS_ROOT:
        pytest.skip("as root only: sudo make test")
    monkeypatch.setattr(postgres, "_can_run", lambda *_: False)
    home, sockets = tmp_path / "home", Path(tempfile.mkdtemp(prefix="greenroom-test-"))
    home.mkdir(mode=0o700)
    place = postgres.choose_place(home, find_postgres())
    try:
        assert place.account == postgres.NOBODY
        process = postgres.start(place, sockets=sockets, log=tmp_path / "log", durable=False)
        assert Path(f"/proc/{process.pid}").stat().st_uid == postgres.NOBODY.uid
        stop([process], signal.SIGINT)
        # The next start finds the same place again.
        assert postgres.choose_place(home, find_postgres()) == place
    finally:
        shutil.rmtree(place.data.parent)
        shutil.rmtree(sockets)
