from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from notifications.models import Message
from notifications.services.messages import queue_message
from tests.conftest import NOW


@pytest.fixture
def mail(tmp_path: Path, settings: Settings) -> Path:
    """The folder that stands for the mail server."""
    folder = tmp_path / "mail"
    settings.EMAIL_URL = f"file://{folder}"
    return folder


@pytest.fixture
def letters(settings: Settings, tmp_path: Path) -> Path:
    """Templates that only these tests use."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "letter.subject.txt").write_text("{{ word }}\n")
    (folder / "letter.txt").write_text(
        "Dear {{ word }},\n\nCome.\n\nhttps://example.org/x?a=1&b=2\n"
    )
    templates = [dict(engine) for engine in settings.TEMPLATES]
    templates[0]["DIRS"] = [*templates[0]["DIRS"], folder]
    settings.TEMPLATES = templates
    return folder


Queue = Callable[..., Message]


@pytest.fixture
def queue(db: None, letters: Path) -> Queue:
    """Queue a letter; only the key matters to most tests."""

    def queue_letter(
        key: str, *, word: str = "you", at: dt.datetime = NOW, **more: object
    ) -> Message:
        return queue_message(
            key=key,
            to="you@example.org",
            template="letter",
            context={"word": word},
            language="en",
            at=at,
            **more,
        )

    return queue_letter
