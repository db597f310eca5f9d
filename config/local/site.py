"""``make run``: the servers, the web, the worker and the scheduler, until Ctrl-C."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import FrameType
from urllib.parse import urlsplit

from config.local import PROJECT, VAR, LocalError
from config.local.console import say
from config.local.environment import check_settings, given, is_debug, read_file
from config.local.prepare import collect_static, compile_translations, people, prepare
from config.local.process import spawn, stop
from config.local.services import Services, State

HOST = "127.0.0.1"
USUAL_PORT = 8000
PAYMENTS = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE")
# What the stand-in for payments takes for a key, and signs its notices with.
TEST_KEY = "sk_test_standin"
TEST_WEBHOOK_SECRET = "whsec_standin"  # noqa: S105 - signs what a laptop tells itself
# What the demo people come for. Their password and roles are made by "manage.py demo".
DEMO_PEOPLE = {
    "attendee": "comes to events",
    "ambassador": "books therapy sessions, gives one away",
    "touring": "is on tour, and gave sessions to a bandmate",
    "recipient": "was given sessions",
    "practice": "confirms sessions",
    "coordinator": "runs events and enrols ambassadors",
    "care": "helps one person reach care",
    "finance": "funds pools and checks statements",
    "analyst": "reads usage reports",
    "admin": "sets up and gives roles",
    "outsider": "has an account and nothing else",
}


def run() -> int:
    """Serve the site until somebody stops it; returns the exit status."""
    read_file()
    # Without a secret this is a laptop. With one, DEBUG stays what the settings make of it.
    if not os.environ.get("SECRET_KEY"):
        os.environ.setdefault("DEBUG", "1")
    wanted = _wanted_port()
    with _stoppable(), _listen(wanted) as listener, contextlib.ExitStack() as stack:
        port: int = listener.getsockname()[1]
        address = f"http://{HOST}:{port}"
        os.environ.setdefault("BASE_URL", address)
        site = Site(address, listener)
        stack.callback(site.stop)
        try:
            site.start()
            site.greet(wanted_port=wanted, port=port)
            return site.watch()
        except KeyboardInterrupt:
            say("\nStopping …")
            return 0


class Site:
    """All processes of the site on this machine.

    The first one in a checkout owns the servers, the worker and the scheduler. One that is
    started beside it is only another web process on another port, and takes the rest over when
    the first one goes.
    """

    def __init__(self, address: str, listener: socket.socket) -> None:
        self.address = address
        self.listener = listener
        self.services = Services(VAR, given())
        self.is_owner = False
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self.is_owner = self._own_or_join()
        if self.is_owner:
            self._start_servers()
            self._start_payments()
        check_settings()
        from django.conf import settings

        compile_translations()
        if self.is_owner:
            prepare(demo=settings.DEBUG)
            if not settings.DEBUG:
                collect_static()
        self._start_web()
        if self.is_owner:
            self._start_workers()

    def greet(self, *, wanted_port: int, port: int) -> None:
        if port != wanted_port:
            say(f"Port {wanted_port} is taken, so this one has its own.")
        if not self.is_owner:
            say("It shares the database with the one that already runs here.")
        say(f"\nGreenroom is at {self.address}\n")
        there = set(people(os.environ["DATABASE_URL"]))
        signs = {f"{name}@example.org": what for name, what in DEMO_PEOPLE.items()}
        if there & signs.keys():
            say("Sign in with the password greenroom as")
            for email, what in signs.items():
                if email in there:
                    say(f"  {email:<25} {what}")
            say()
        say("Ctrl-C stops everything.")

    def watch(self) -> int:
        """Wait. Ends only when a part of the site does, which then takes the rest with it."""
        while True:
            time.sleep(0.3)
            for name, process in self.processes.items():
                if (status := process.poll()) is not None:
                    say(f"The {name} stopped by itself (status {status}), so everything stops.")
                    return 1
            if server := self.services.stopped():
                say(f"{server} stopped by itself, so everything stops; {VAR / 'log'} says more.")
                return 1
            if not self.is_owner and self.services.acquire():
                say("The other one has stopped; this one takes over the database and the worker.")
                self.is_owner = True
                self._start_servers()
                self._start_payments()
                self._start_workers()

    def stop(self) -> None:
        stop(list(self.processes.values()))
        self.services.stop()

    def _own_or_join(self) -> bool:
        """True: the servers are ours to start. False: they run, and we know where."""
        deadline = time.monotonic() + 300
        told = False
        while time.monotonic() < deadline:
            if self.services.acquire():
                return True
            state = self.services.told()
            if state and state.kind == "run":
                os.environ.update(state.environment)
                return False
            if not told:
                say("Another command is using the local database; waiting for it …")
                told = True
            time.sleep(0.2)
        raise LocalError(f"Another command has held {VAR} for five minutes; stop it first.")

    def _start_servers(self) -> None:
        os.environ.update(self.services.start())

    def _start_payments(self) -> None:
        """A stand-in for the payment processor, on a laptop where no key for the real one is set.

        Whoever takes over starts it where it was: its address is in the environment of processes
        that run already.
        """
        is_ours = (os.environ.get("STRIPE_SECRET_KEY") or TEST_KEY) == TEST_KEY
        if not is_debug() or not is_ours:
            return
        port = urlsplit(os.environ.get("STRIPE_API_BASE", "")).port or 0
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            listener.listen(16)
            os.environ["STRIPE_SECRET_KEY"] = TEST_KEY
            os.environ["STRIPE_WEBHOOK_SECRET"] = TEST_WEBHOOK_SECRET
            os.environ["STRIPE_API_BASE"] = f"http://{HOST}:{listener.getsockname()[1]}"
            self.processes["test payment page"] = spawn(
                [
                    *(sys.executable, "-m", "config.local.card_stand_in"),
                    *("--fd", listener.fileno(), "--file", VAR / "test-payments.json"),
                    *("--hook", f"{self.address}/webhooks/stripe/"),
                ],
                at_parents_death=signal.SIGKILL,
                cwd=PROJECT,
                pass_fds=[listener.fileno()],
            )

    def _start_web(self) -> None:
        self.processes["web server"] = web = spawn(
            [
                *(sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"),
                *(
                    "--bind",
                    f"fd://{self.listener.fileno()}",
                    "--log-level",
                    "warning",
                    "config.wsgi",
                ),
            ],
            # Its processes see within a second that it is gone, and go.
            at_parents_death=signal.SIGKILL,
            cwd=PROJECT,
            pass_fds=[self.listener.fileno()],
        )
        self.listener.close()
        self._wait_for_answer(web)

    def _start_workers(self) -> None:
        # As root Celery warns at length. It takes JSON only, which is what the warning is about.
        calm = ("-W", "ignore:You're running the worker with superuser")
        celery = [sys.executable, *calm, "-m", "celery", "--app", "config.worker", "--quiet"]
        schedule = VAR / "beat-schedule"
        self.processes["worker"] = spawn(
            [
                *(*celery, "worker", "--loglevel", "WARNING", "--concurrency", "2"),
                *("--without-gossip", "--without-mingle"),
            ],
            # What it was doing is done again by the next one; waiting for it would need a broker.
            at_parents_death=signal.SIGKILL,
            cwd=PROJECT,
        )
        self.processes["scheduler"] = spawn(
            [*celery, "beat", "--loglevel", "WARNING", "--schedule", schedule, "--pidfile="],
            cwd=PROJECT,
        )
        shared = ("DATABASE_URL", "CACHE_URL", "BROKER_URL", *PAYMENTS)
        environment = {name: os.environ[name] for name in shared if name in os.environ}
        self.services.tell(State(os.getpid(), "run", environment, self.address))

    def _wait_for_answer(self, web: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        while web.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, TimeoutError, ConnectionError):
                urllib.request.urlopen(f"{self.address}/healthz", timeout=5).close()  # noqa: S310 - our own address
                return
            time.sleep(0.05)
        raise LocalError("The web server did not start; what it said is above.")


def _wanted_port() -> int:
    text = os.environ.get("PORT", "").strip() or str(USUAL_PORT)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise LocalError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


@contextlib.contextmanager
def _listen(wanted: int) -> Iterator[socket.socket]:
    """A listening socket on ``wanted``, else on the next free port.

    We listen ourselves and hand the socket on: two sites that start together cannot both
    believe that a port is theirs.
    """
    for port in (*range(wanted, min(wanted + 20, 65536)), 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        with listener:
            yield listener
        return
    raise LocalError("There is no free port on this machine.")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and a closed terminal stop us like Ctrl-C, and only the first of them counts."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    yield
