"""Giving therapy sessions to everybody at once, and holding them one by one."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from django.db import connection
from django.utils import timezone

from benchmarks import care, matching, postgres
from benchmarks.data import make_ambassadors
from benchmarks.load import Load
from benchmarks.report import Plan, Result, compare
from therapy_credits.models import Account, Kind
from therapy_credits.services.allocation import allocate_due

UNITS = 20
PROCESSES = 4
# Lots to hold from, so many that two holds of one lot hardly ever meet.
LOTS = 40_000


def measure(plan: Plan) -> Iterator[Result]:
    pool = make_ambassadors(plan.people, units=UNITS)
    first = _allocate(plan.people)
    yield Result(
        f"allocate_due for {plan.people:,} enrolments",
        first,
        postgres.allocate(plan.people),
        "a bare INSERT … SELECT of as many rows",
        unit="s",
    )
    yield Result("allocate_due again, nothing due", _allocate(0), first, "the first time", unit="s")
    with connection.cursor() as cursor:
        # As PostgreSQL does by itself within a minute: before, it takes the table for empty.
        cursor.execute("ANALYZE therapy_credits_account, therapy_credits_transfer")
    lots = Account.objects.filter(kind=Kind.LOT).order_by("pk")
    tokens = [str(token) for token in lots.values_list("subject", flat=True)[:LOTS]]
    yield compare(
        plan,
        "ledger transfers (sessions held)",
        lambda: _hold(plan, tokens),
        lambda: postgres.pgbench(postgres.MOVE, clients=PROCESSES, seconds=plan.seconds),
        "pgbench: two accounts and a transfer",
    )
    yield from care.measure(plan, pool)
    yield matching.measure(plan)


def _allocate(expected: int) -> float:
    began = time.perf_counter()
    made = allocate_due(at=timezone.now())
    took = time.perf_counter() - began
    if made != expected:
        raise RuntimeError(f"{made} of {expected} were given their sessions")
    return took


def _hold(plan: Plan, tokens: Sequence[str]) -> Load:
    """By processes that share nothing but the practices' accounts."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.transfers", str(plan.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for n, process in enumerate(processes):
        _tell(process, "\n".join([*tokens[n::PROCESSES], ""]))
    for process in processes:
        assert process.stdout
        process.stdout.readline()  # "ready"
    for process in processes:
        _tell(process, "go")
    held = 0
    for process in processes:
        said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError("a process that holds sessions failed")
        held += int(said)
    rate = held / plan.seconds
    return Load(rate, PROCESSES * 1000 / rate, Counter())


def _tell(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdin
    process.stdin.write(f"{words}\n")
    process.stdin.flush()
