"""``manage.py doctor`` says in words what works and what does not."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events.models import DueMail
from notifications.models import Message
from portal.management.commands import doctor as command


@pytest.fixture(autouse=True)
def _nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker here that could answer."""
    monkeypatch.setattr(command, "WORKERS_ANSWER_SECONDS", 0.05)


def doctor() -> tuple[str, str]:
    """What it said, and how it ended."""
    out = StringIO()
    try:
        call_command("doctor", stdout=out, no_color=True)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def lines_about(output: str, name: str) -> list[str]:
    return [line for line in output.splitlines() if f" {name}: " in line]


@pytest.mark.django_db
def test_each_thing_we_stand_on_has_its_line(settings: Settings, tmp_path: object) -> None:
    settings.EMAIL_URL = f"file://{tmp_path}/mail"
    settings.DEBUG = True
    output, end = doctor()
    assert [line.split(": ")[0].split("  ")[-1].strip() for line in output.splitlines()] == [
        "Settings",
        "Database",
        "Tables",
        "Cache",
        "Broker",
        "Workers",
        "Mail",
        "Outbox",
        "Payments",
        "Static files",
    ]
    assert lines_about(output, "Tables") == ["ok       Tables: every migration is applied"]
    # Under test there is no worker, and that is all that is wrong.
    assert end == "1 of 10 have a problem."
    assert lines_about(output, "Workers") == [
        "PROBLEM  Workers: none answers. Start one: celery --app config.worker worker"
    ]


@pytest.mark.django_db
def test_late_mail_is_a_problem(settings: Settings) -> None:
    then = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=25)
    Message.objects.create(
        key="late",
        message_id="<late@example.org>",
        to="someone@example.org",
        language="en",
        subject="Hello",
        text="Hello",
        queued_at=then,
        next_attempt_at=then,
    )
    output, _ = doctor()
    assert lines_about(output, "Outbox") == [
        "PROBLEM  Outbox: mail is 25 minutes late: the worker or the mail server is away."
    ]


@pytest.mark.django_db
def test_promised_mail_that_nobody_writes_is_a_problem() -> None:
    then = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=25)
    DueMail.objects.create(key="promised", what="promoted", about=[], promised_at=then)
    assert "mail is 25 minutes late" in lines_about(doctor()[0], "Outbox")[0]
    DueMail.objects.update(attempts=3)
    (line,) = lines_about(doctor()[0], "Outbox")
    assert line.endswith("promised mails that cannot be written: 1. The worker's log says why.")


@pytest.mark.django_db
def test_a_mail_server_that_is_away_is_named_without_its_password(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://someone:secret@127.0.0.1:1"
    output, _ = doctor()
    (line,) = lines_about(output, "Mail")
    assert line.startswith("PROBLEM  Mail: 127.0.0.1:1 does not answer (")
    assert "secret" not in output


@pytest.mark.django_db
def test_static_files_must_be_collected_on_a_server(settings: Settings, tmp_path: object) -> None:
    settings.DEBUG = False
    settings.STATIC_ROOT = tmp_path
    output, _ = doctor()
    assert lines_about(output, "Static files") == [
        "PROBLEM  Static files: not collected. Run: manage.py collectstatic --no-input"
    ]
