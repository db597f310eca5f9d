"""What ``make`` installs."""

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parent.parent.parent / "requirements"
FILES = sorted(REQUIREMENTS.glob("*.txt"))


def packages(path: Path) -> dict[str, str]:
    """The packages of a file, each with the rest of its line."""
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==(.*)$", path.read_text(), re.M))


def test_there_is_one_file_for_each_use() -> None:
    assert [path.name for path in FILES] == ["base.txt", "browser.txt", "dev.txt", "setup.txt"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_package_has_hashes_and_no_address(path: Path) -> None:
    text = path.read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


@pytest.mark.parametrize("name", ["base.txt", "browser.txt", "dev.txt"])
def test_the_files_are_for_every_python_from_3_11_on(name: str) -> None:
    # redis needs it before 3.11.3 only, so a file made for one Python alone does not have it.
    assert "python_full_version < '3.11.3'" in packages(REQUIREMENTS / name)["async-timeout"]


def test_all_files_agree_on_every_version() -> None:
    base, dev, browser = (packages(REQUIREMENTS / f"{n}.txt") for n in ("base", "dev", "browser"))
    assert base.items() <= dev.items() <= browser.items()
