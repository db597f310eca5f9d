"""Set up ``.venv`` as the requirements files say, when they changed since the last time.

Run by ``make`` with whatever Python there is, before anything is installed: it may use only the
standard library and may import nothing of ours.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
VENV = PROJECT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "made-from"
REQUIREMENTS = PROJECT / "requirements"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever Python there is
        sys.exit("Greenroom needs Python 3.11 or newer; say which with PYTHON=...")
    var = PROJECT / "var"
    var.mkdir(exist_ok=True)
    with (var / "setup.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes beside one another take turns
        wanted = requirements()
        fingerprint = fingerprint_of(wanted)
        if STAMP.exists() and STAMP.read_text() == fingerprint and works():
            return
        if VENV.is_symlink() or (VENV.exists() and not works()):
            remove()
        say("Setting up (once) …")
        if not VENV_PYTHON.exists():
            create()
        install(wanted)
        STAMP.write_text(fingerprint)


def requirements() -> Path:
    """What to install: the tools for browser journeys only where there is a browser."""
    has_browser = os.environ.get("CHROMIUM") or any(shutil.which(name) for name in BROWSERS)
    return REQUIREMENTS / ("browser.txt" if has_browser else "dev.txt")


def fingerprint_of(wanted: Path) -> str:
    digest = hashlib.sha256(wanted.read_bytes())
    digest.update(f"{sys.version_info[:2]} {sys.base_prefix} {VENV}".encode())
    return digest.hexdigest()


def works() -> bool:
    return VENV_PYTHON.exists() and run([VENV_PYTHON, "-c", ""], quiet=True)


def create() -> None:
    if run([sys.executable, "-m", "venv", VENV], quiet=True):
        return
    # Some systems keep ensurepip in a package of its own; any pip can install from outside.
    remove()
    if not run([sys.executable, "-m", "venv", "--without-pip", VENV]):
        sys.exit("No virtual environment could be made; what Python said is above.")
    if not run([sys.executable, "-m", "pip", "--python", VENV_PYTHON, "install", "-q", "pip"]):
        sys.exit("pip could not be installed; what it said is above.")


def install(wanted: Path) -> None:
    """With uv, which takes seconds; with pip where uv is not to be had."""
    hashed = ["--require-hashes", "-r"]
    pip = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = [VENV_PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", VENV_PYTHON]
    if run([*pip, *hashed, REQUIREMENTS / "setup.txt"], quiet=True) and run(
        [*uv, *hashed, wanted], quiet=True, env={**os.environ, **pips_choices()}
    ):
        return
    say("(without uv; this takes a minute)")
    if not run([*pip, *hashed, wanted]):
        sys.exit("The requirements could not be installed; what pip said is above.")


def pips_choices() -> dict[str, str]:
    """Where pip was told to look, in uv's words: uv does not read pip's configuration."""
    answer = subprocess.run(  # noqa: S603 - our own Python
        [VENV_PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    choices = {"UV_NATIVE_TLS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    for line in answer.stdout.splitlines():
        key, _, value = line.partition("=")
        name = names.get(key.rpartition(".")[2])
        if name and name not in os.environ:
            choices[name] = value.strip("'\"").replace("\\n", " ").strip()
    return choices


def remove() -> None:
    if VENV.is_symlink():
        VENV.unlink()
    else:
        shutil.rmtree(VENV, ignore_errors=True)


def run(argv: list[object], *, quiet: bool = False, env: dict[str, str] | None = None) -> bool:
    output = subprocess.DEVNULL if quiet else None
    words = [str(part) for part in argv]
    return subprocess.run(words, stdout=output, stderr=output, env=env, check=False).returncode == 0  # noqa: S603 - our own arguments


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
