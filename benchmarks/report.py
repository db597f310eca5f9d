"""What was measured, how it is compared with its limit, and how it is told."""

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import Load

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Plan:
    """How long it takes, and how sure it is then."""

    rounds: int = 3
    seconds: int = 3
    people: int = 100_000
    guests_a_round: int = 2_000
    """More than can say yes in the seconds there are."""
    confirmed_a_round: int = 3_000
    """More than can be confirmed in them."""
    confirmed_in_sql: int = 8_000
    """So many take bare SQL about as long; a number that divides by the clients."""


QUICK = Plan(
    rounds=1,
    seconds=1,
    people=2_000,
    guests_a_round=500,
    confirmed_a_round=500,
    confirmed_in_sql=400,
)


@dataclass(frozen=True)
class Cost:
    """What one request costs our process, whatever else the machine does."""

    cpu_ms: float
    statements: int


@dataclass(frozen=True)
class Result:
    """One thing measured, beside its limit."""

    work: str
    ours: float
    limit: float
    limit_is: str
    unit: str = "/s"
    p50_ms: float | None = None
    cost: Cost | None = None

    @property
    def ratio(self) -> float:
        """1 would be at the limit; the higher the better."""
        return self.ours / self.limit if self.unit == "/s" else self.limit / self.ours


def compare(
    plan: Plan,
    work: str,
    ours: Callable[[], Load],
    limit: Callable[[], float],
    limit_is: str,
    cost: Cost | None = None,
) -> Result:
    """Both in turn, so that what else the machine does falls on both; the medians."""
    loads, limits = [], []
    for _ in range(plan.rounds):
        loads.append(ours())
        limits.append(limit())
    rate = statistics.median(load.rate for load in loads)
    p50_ms = statistics.median(load.p50_ms for load in loads)
    return Result(
        work, rate, statistics.median(limits), limit_is, p50_ms=round(p50_ms, 2), cost=cost
    )


def heading() -> str:
    return (
        f"{'work':<50}{'ours':>11}{'limit':>11}{'ratio':>8}{'p50':>9}{'CPU':>8}{'SQL':>5}"
        "   the limit is"
    )


def line(result: Result) -> str:
    p50 = f"{result.p50_ms:.1f}ms" if result.p50_ms else ""
    cpu = f"{result.cost.cpu_ms:.1f}ms" if result.cost else ""
    statements = str(result.cost.statements) if result.cost else ""
    return (
        f"{result.work:<50}{_figure(result.ours, result.unit):>11}"
        f"{_figure(result.limit, result.unit):>11}{result.ratio:>8.3f}"
        f"{p50:>9}{cpu:>8}{statements:>5}   {result.limit_is}"
    )


def write(results: Sequence[Result], plan: Plan) -> None:
    report = {
        "measured_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "how": f"medians of {plan.rounds} rounds of {plan.seconds} s, ours and the limit in turn",
        "results": [{**asdict(result), "ratio": round(result.ratio, 4)} for result in results],
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f}{unit}" if value >= 100 else f"{value:.2f}{unit}"
