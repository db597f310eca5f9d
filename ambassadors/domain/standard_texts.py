"""The texts Greenroom comes with, until an organisation publishes its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent / "texts"


@dataclass(frozen=True)
class StandardText:
    title: str
    body: str

    @property
    def sha256(self) -> str:
        return digest(self.title, self.body)


def standard_text(kind: str, locale: str = "en") -> StandardText:
    """The draft of ``kind`` ("agreement", "health_consent")."""
    first, _, rest = (_FOLDER / f"{kind}.{locale}.md").read_text("utf-8").partition("\n")
    return StandardText(first.removeprefix("# ").strip(), rest.strip() + "\n")


def digest(title: str, body: str) -> str:
    """SHA-256, in hexadecimal, of a text as it is kept: the title, an empty line, the body."""
    return hashlib.sha256(f"{title}\n\n{body}".encode()).hexdigest()
