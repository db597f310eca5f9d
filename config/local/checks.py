"""``make check``: what can be known about the code without running it, two checks at a time."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from config.local import PROJECT
from config.local.console import say

PYTHON = sys.executable
# As on a server. The values are worthless; the servers they name are not asked for anything.
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-for-the-deployment-check-that-is-long-and-varied-enough-0123456789",
    "FIELD_KEYS": "Zm9yLXRoZS1kZXBsb3ltZW50LWNoZWNrLW9ubHktMDE=",
    "BASE_URL": "https://greenroom.example",
    "MAIL_DOMAIN": "greenroom.example",
}


MENDED = {"formatting", "templates"}  # by "make format"


@dataclass(frozen=True)
class Check:
    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def checks() -> list[Check]:
    """All of them, the slowest first."""
    module, manage = [PYTHON, "-m"], [PYTHON, "manage.py"]
    return [
        Check("types", [*module, "mypy"]),
        Check("import rules", program("lint-imports")),
        Check("deployment", [*manage, "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
        Check("migrations", [*manage, "makemigrations", "--check", "--dry-run"]),
        Check("translations", [*module, "config.local.translations", "--check"]),
        Check("lint", [*module, "ruff", "check", "."]),
        Check("formatting", [*module, "ruff", "format", "--check", "."]),
        Check("templates", templates("--check")),
    ]


def program(name: str) -> list[str]:
    """A program of this virtual environment, whatever directory it was made in."""
    return [PYTHON, os.path.join(os.path.dirname(PYTHON), name)]


def templates(*options: str) -> list[str]:
    files = sorted(str(path) for path in (PROJECT / "templates").rglob("*.html"))
    if not files:
        return [PYTHON, "-c", ""]
    return [program("djade")[1], "--target-version", "5.2", *options, *files]


def run(check: Check) -> tuple[Check, bool, str]:
    answer = subprocess.run(  # noqa: S603 - our own tools
        check.argv,
        cwd=PROJECT,
        env={**os.environ, **check.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return check, answer.returncode == 0, answer.stdout.strip()


def main() -> int:
    if sys.argv[1:] == ["--fix-templates"]:
        run(Check("templates", templates()))
        return 0
    began = time.monotonic()
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for check, is_good, output in pool.map(run, checks()):
            say(f"{'ok  ' if is_good else 'FAIL'}  {check.name}")
            if not is_good:
                failed.append(check.name)
                say(output + ("\n'make format' mends this.\n" if check.name in MENDED else "\n"))
    say(f"make check: {', '.join(failed) or 'nothing'} to mend ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
