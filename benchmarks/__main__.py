"""Measures everything, prints a table, writes ``benchmarks/results.json``.

With ``--quick`` (``make bench BENCH=--quick``) it proves only that everything can be measured, and
writes nothing.
"""

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import django

from benchmarks import postgres
from benchmarks.report import QUICK, RESULTS, Plan, heading, line, write
from config.local.checks import PRODUCTION


def main() -> int:
    plan = QUICK if "--quick" in sys.argv[1:] else Plan()
    os.environ.update(
        PRODUCTION, BASE_URL="http://127.0.0.1", DJANGO_SETTINGS_MODULE="config.settings.base"
    )
    _manage("migrate", "--no-input", "--verbosity", "0")
    _manage("collectstatic", "--no-input", "--verbosity", "0")
    with postgres.connect() as connection:
        connection.execute(postgres.TABLES)
    django.setup()
    from benchmarks import events, sessions

    print(heading(), flush=True)
    results = []
    for result in chain(events.measure(plan), sessions.measure(plan)):
        results.append(result)
        print(line(result), flush=True)
    if plan is not QUICK:
        write(results, plan)
        print(f"Written to {RESULTS.relative_to(Path.cwd())}.")
    return 0


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
