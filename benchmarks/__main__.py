"""Measures everything, prints a table, writes ``benchmarks/results.json``.

With ``--quick`` (``make bench BENCH=--quick``) it takes half a minute, proves only that everything
can be measured, and writes nothing.
"""

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from benchmarks import postgres
from benchmarks.load import Load, drive, fetch, get
from benchmarks.servers import serve
from config.local.checks import PRODUCTION

RESULTS = Path(__file__).with_name("results.json")
CLIENTS = 8
EVENTS = 2000
BUSY_EVENTS = 1000
UNITS = 20


@dataclass(frozen=True)
class Plan:
    """How long it takes and how sure it is."""

    rounds: int = 3
    seconds: int = 3
    people: int = 100_000
    guests_a_round: int = 2_000
    """More than can say yes in the seconds there are."""


QUICK = Plan(rounds=1, seconds=1, people=2_000, guests_a_round=500)
plan = QUICK if "--quick" in sys.argv else Plan()


@dataclass
class Result:
    """One thing measured. ``ratio`` is ours to the limit: 1 would be at the limit."""

    work: str
    ours: float
    limit: float
    limit_is: str
    unit: str = "/s"
    p50_ms: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.limit if self.unit == "/s" else self.limit / self.ours


def main() -> int:
    os.environ.update(
        PRODUCTION, BASE_URL="http://127.0.0.1", DJANGO_SETTINGS_MODULE="config.settings.base"
    )
    _manage("migrate", "--no-input", "--verbosity", "0")
    _manage("collectstatic", "--no-input", "--verbosity", "0")
    import django

    django.setup()
    with postgres.connect() as connection:
        connection.execute(postgres.TABLES)
    say(f"{'work':<46}{'ours':>10}{'limit':>10}{'ratio':>8}   the limit is")
    results = []
    for result in chain(measure_events(), measure_sessions()):
        results.append(result)
        say(_line(result))
    if plan is not QUICK:
        RESULTS.write_text(json.dumps(_report(results), indent=2) + "\n")
        say(f"Written to {RESULTS.relative_to(Path.cwd())}.")
    return 0


def measure_events() -> Iterator[Result]:
    from benchmarks.data import Guests, make_events
    from events.models import Rsvp, Seats

    events = make_events(EVENTS, places=10_000)
    guests = Guests(plan.guests_a_round * plan.rounds * 3)
    hot, busy = events[:1], events[:BUSY_EVENTS]
    with serve("config.wsgi", "/healthz") as site, serve("benchmarks.bare", "/") as bare:

        def say_yes(chosen: list, clients: int) -> Callable[[], Load]:
            def once() -> Load:
                requests = guests.say_yes_to(chosen, people=plan.guests_a_round)
                load = drive(site, requests, clients=clients, seconds=plan.seconds)
                _only(load, 302)
                return load

            return once

        def place(seats: int, clients: int) -> Callable[[], float]:
            return lambda: postgres.pgbench(
                postgres.PLACE, clients=clients, seconds=plan.seconds, events=seats
            )

        yield compare(
            "RSVP over HTTP, one event", say_yes(hot, 8), place(1, 8), "pgbench, same lock"
        )
        yield compare("RSVP over HTTP, 1,000 events", say_yes(busy, 8), place(1000, 8), "pgbench")
        yield compare(
            "RSVP over HTTP, one event, 32 clients", say_yes(hot, 32), place(1, 32), "pgbench, 32"
        )
        going = Rsvp.objects.filter(status=Rsvp.Status.GOING).count()
        counted = sum(Seats.objects.values_list("firm", flat=True))
        if going != counted:
            raise RuntimeError(f"{going} people are going, and {counted} seats are taken")

        answers = {
            "/events/": get("/events/"),
            "/events/feed.ics": get("/events/feed.ics", Accept_Encoding="gzip"),
        }
        with from_memory(site, answers) as (memory, etags):
            feed = answers["/events/feed.ics"]
            known = get(
                "/events/feed.ics",
                Accept_Encoding="gzip",
                If_None_Match=etags["/events/feed.ics"],
            )
            for work, request, status in (
                ("event list, 2,000 events", answers["/events/"], 200),
                ("public feed of 2,000 events, whole", feed, 200),
                ("public feed, not changed (304)", known, 304),
            ):
                yield compare(
                    work,
                    lambda request=request, status=status: _only(
                        drive(site, request, clients=CLIENTS, seconds=plan.seconds), status
                    ),
                    lambda request=request, status=status: (
                        _only(
                            drive(memory, request, clients=CLIENTS, seconds=plan.seconds), status
                        ).rate
                    ),
                    "same bytes from memory",
                )
            yield compare(
                "any page at all (/healthz)",
                lambda: _only(
                    drive(site, get("/healthz"), clients=CLIENTS, seconds=plan.seconds), 200
                ),
                lambda: (
                    _only(drive(bare, get("/"), clients=CLIENTS, seconds=plan.seconds), 200).rate
                ),
                "Django with nothing in it",
            )
        yield _first_feed(site, feed)


def _first_feed(site: int, request: bytes) -> Result:
    """The feed after a change, when nobody has asked for it yet; beside the joining of its text."""
    from django.utils import timezone

    from calendars.queries import EVENTS_FEED
    from calendars.services.revisions import bump
    from events.models import Occurrence

    ours, limit = [], []
    for _ in range(plan.rounds):
        bump(EVENTS_FEED, timezone.now())
        began = time.perf_counter()
        assert fetch(site, request)[0] == 200
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with postgres.connect() as connection:
            rows = connection.execute(
                f"SELECT vevent FROM {Occurrence._meta.db_table} ORDER BY starts_at"  # noqa: S608 - our own name
            ).fetchall()
        "".join(str(text) for (text,) in rows).encode()
        limit.append(time.perf_counter() - began)
    return Result(
        "public feed of 2,000 events, first after a change",
        statistics.median(ours) * 1000,
        statistics.median(limit) * 1000,
        "read the rows and join them",
        unit="ms",
    )


def measure_sessions() -> Iterator[Result]:
    from django.utils import timezone

    from benchmarks.data import make_ambassadors
    from therapy_credits.models import Account, Kind
    from therapy_credits.services.allocation import allocate_due

    make_ambassadors(plan.people, units=UNITS)
    at = timezone.now()
    began = time.perf_counter()
    made = allocate_due(at=at)
    took = time.perf_counter() - began
    assert made == plan.people, f"{made} of {plan.people} were given theirs"
    yield Result(
        f"allocate_due for {plan.people:,} enrolments",
        took,
        postgres.allocate(plan.people),
        "bare INSERT … SELECT of as many rows",
        unit="s",
    )
    began = time.perf_counter()
    assert allocate_due(at=at) == 0
    again = time.perf_counter() - began
    yield Result("allocate_due again, nothing due", again, took, "the first time", unit="s")

    tokens = [
        str(token)
        for token in Account.objects.filter(kind=Kind.LOT).values_list("subject", flat=True)[
            :40_000
        ]
    ]
    yield compare(
        "ledger transfers (sessions held)",
        lambda: Load(_held_per_second(tokens), 0, None),
        lambda: postgres.pgbench(postgres.MOVE, clients=4, seconds=plan.seconds),
        "pgbench, two accounts",
    )


def _held_per_second(tokens: list[str]) -> float:
    """By four processes that share nothing but the practices' accounts."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.transfers", str(plan.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for n, process in enumerate(processes):
        process.stdin.write("\n".join([*tokens[n::4], "", ""]))
        process.stdin.flush()
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    held = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return sum(int(words) for words in held) / plan.seconds


def compare(
    work: str, ours: Callable[[], Load], limit: Callable[[], float], limit_is: str
) -> Result:
    """Both in turn, so that what else the machine does falls on both; the medians."""
    loads, limits = [], []
    for _ in range(plan.rounds):
        loads.append(ours())
        limits.append(limit())
    rate = statistics.median(load.rate for load in loads)
    p50 = statistics.median(load.p50_ms for load in loads)
    return Result(work, rate, statistics.median(limits), limit_is, p50_ms=p50 or None)


@contextmanager
def from_memory(site: int, requests: dict[str, bytes]) -> Iterator[tuple[int, dict[str, str]]]:
    """The answers of the site, served from memory: the port, and their ETags."""
    answers, etags = {}, {}
    for path, request in requests.items():
        status, headers, body = fetch(site, request)
        assert status == 200, f"{path}: {status}"
        etags[path] = headers.get("etag", "")
        kept = [(n, headers[n]) for n in ("content-type", "content-encoding") if n in headers]
        answers[path] = {
            "etag": etags[path],
            "headers": [*kept, ("Content-Length", str(len(body)))],
            "body": b64encode(body).decode(),
        }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(answers, file)
        file.flush()
        with serve("benchmarks.memory", "/events/", BENCHMARK_ANSWERS=file.name) as port:
            yield port, etags


def say(text: str) -> None:
    print(text, flush=True)


def _only(load: Load, status: int) -> Load:
    if set(load.statuses) != {status}:
        raise RuntimeError(f"expected only {status}, got {dict(load.statuses)}")
    return load


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], check=True)


def _line(result: Result) -> str:
    def figure(value: float) -> str:
        return f"{value:,.0f}{result.unit}" if value >= 100 else f"{value:.2f}{result.unit}"

    return (
        f"{result.work:<46}{figure(result.ours):>10}{figure(result.limit):>10}"
        f"{result.ratio:>8.3f}   {result.limit_is}"
    )


def _report(results: list[Result]) -> dict[str, object]:
    return {
        "measured_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "how": f"medians of {plan.rounds} rounds of {plan.seconds} s, ours and the limit in turn",
        "results": [{**asdict(result), "ratio": round(result.ratio, 4)} for result in results],
    }


if __name__ == "__main__":
    sys.exit(main())
