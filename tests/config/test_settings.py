"""A wrong setting stops the start with one sentence that names it."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.local.checks import PRODUCTION
from config.local.environment import names, without_settings

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = {
    **PRODUCTION,
    "DATABASE_URL": "postgres://someone@db.example/greenroom",
    "CACHE_URL": "redis://valkey.example/1",
    "BROKER_URL": "redis://valkey.example/0",
}


def read_settings(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> dict:
    for name in names():
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "config" / "settings" / "base.py"))


def test_a_server_needs_nothing_but_these(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(monkeypatch, SERVER)
    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == ["greenroom.example"]
    assert settings["SESSION_COOKIE_SECURE"] is True


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "FIELD_KEYS",
        "BASE_URL",
        "MAIL_DOMAIN",
        "DATABASE_URL",
        "CACHE_URL",
        "BROKER_URL",
    ],
)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_a_server_needs_is_asked_for_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    environment = {key: text for key, text in SERVER.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(ImproperlyConfigured) as wrong:
        read_settings(monkeypatch, environment)
    assert str(wrong.value) == f"{name} is not set. See .env.example for what it must hold."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DEBUG", "maybe", "DEBUG must be 1 or 0, not 'maybe'."),
        ("REQUIRE_MFA", "2", "REQUIRE_MFA must be 1 or 0, not '2'."),
        ("SECRET_KEY", "short", "SECRET_KEY must have at least 50 characters."),
        (
            "FIELD_KEYS",
            f"{PRODUCTION['FIELD_KEYS']},bm90LTMyLWJ5dGVz",
            "Key 2 of FIELD_KEYS must be 32 random bytes in base64."
            " See .env.example for a command that makes one.",
        ),
        (
            "FIELD_KEYS",
            "not base64!",
            "Key 1 of FIELD_KEYS must be 32 random bytes in base64."
            " See .env.example for a command that makes one.",
        ),
        ("BASE_URL", "greenroom.example", "BASE_URL must start with one of http://, https://."),
        ("BASE_URL", "https://host:port", "BASE_URL is not an address."),
        (
            "DATABASE_URL",
            "mysql://db.example/greenroom",
            "DATABASE_URL must start with one of postgres://, postgresql://.",
        ),
        (
            "DATABASE_URL",
            "db.sqlite3",
            "DATABASE_URL must start with one of postgres://, postgresql://.",
        ),
        (
            "DATABASE_URL",
            "postgres://db.example",
            "DATABASE_URL must end with the name of a database.",
        ),
        (
            "CACHE_URL",
            "memcached://x",
            "CACHE_URL must start with one of redis://, rediss://, unix://.",
        ),
        (
            "BROKER_URL",
            "amqp://x",
            "BROKER_URL must start with one of redis://, redis+socket://, rediss://.",
        ),
        (
            "EMAIL_URL",
            "mail.example",
            "EMAIL_URL must start with one of file://, smtp://, smtp+tls://, smtps://.",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_look_like(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as wrong:
        read_settings(monkeypatch, {**SERVER, name: value})
    assert str(wrong.value) == sentence


def test_a_socket_in_the_address_is_where_the_database_is(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://someone@/greenroom?host=%2Fa%2FDirectory"
    database = read_settings(monkeypatch, {**SERVER, "DATABASE_URL": url})["DATABASES"]["default"]
    assert (database["HOST"], database["NAME"]) == ("/a/Directory", "greenroom")


def test_every_setting_is_documented_and_nothing_else() -> None:
    code = (ROOT / "config" / "settings" / "base.py").read_text()
    read = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", code))
    assert read == names()


@pytest.mark.fault
@pytest.mark.parametrize(
    "argv",
    [
        ["manage.py", "migrate"],
        ["-m", "gunicorn", "-c", "python:config.gunicorn", "--bind", "127.0.0.1:0", "config.wsgi"],
        ["-m", "celery", "--app", "config.worker", "worker"],
    ],
    ids=["manage.py", "web", "worker"],
)
def test_each_process_stops_with_the_sentence(argv: list[str]) -> None:
    environment = {**without_settings(), **SERVER, "BASE_URL": "greenroom.example"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    answer = subprocess.run(
        [sys.executable, *argv],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode != 0
    assert answer.stderr.strip() == (
        "Greenroom cannot start: BASE_URL must start with one of http://, https://."
    )
    assert os.linesep not in answer.stdout.strip()
