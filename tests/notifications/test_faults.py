"""Real workers, really killed. Nothing is lost, and the folder takes nothing twice."""

from __future__ import annotations

import datetime as dt
import email
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.db import connection, connections
from django.test import Client

from notifications.models import Message, MessageQuerySet, MessageStatus
from notifications.services import messages
from notifications.tasks import send_messages
from tests.notifications.conftest import Queue

REPOSITORY = Path(__file__).resolve().parents[2]


def database_url() -> str:
    """The test database, for another process."""
    address = urlsplit(os.environ["DATABASE_URL"])
    return address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


@contextmanager
def worker(queue: str, email_url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker of two processes, in a process group of its own."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.base",
        "DEBUG": "1",
        "DATABASE_URL": database_url(),
        "EMAIL_URL": email_url,
    }
    command = [sys.executable, "-m", "celery", "-A", "config.celery", "worker"]
    options = ["--pool", "prefork", "--concurrency", "2", "-Q", queue, "-n", f"{uuid4().hex}@test"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *options, *quiet],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the worker and its children: no time to say goodbye."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(timeout=60)


def tick(queue: str) -> None:
    """What the scheduler does each minute."""
    current_app.send_task("notifications.tasks.send_messages", queue=queue)


def wait_until(what: str, is_true: object, log: Path, seconds: float = 180) -> None:
    assert callable(is_true)
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, f"{what} did not happen:\n{log.read_text()[-3000:]}"
        time.sleep(0.02)


def sent() -> int:
    return Message.objects.filter(status=MessageStatus.SENT).count()


@pytest.mark.fault
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_loses_nothing_and_sends_nothing_twice(
    queue: Queue, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    folder, log, name = tmp_path / "mail", tmp_path / "worker.log", f"test-{uuid4().hex}"
    total = 120
    for number in range(total):
        queue(f"letter:{number}", word=f"number {number}")

    handed_over_but_not_written_down = 0
    for _ in range(2):
        before = sent()
        with worker(name, f"file://{folder}?delay=0.02", log) as process:
            tick(name)
            tick(name)
            some = before + chance.randint(5, 25)
            wait_until(f"{some} sent", lambda some=some: sent() >= some, log)
            kill(process)
        written_down = set(
            Message.objects.filter(status=MessageStatus.SENT).values_list("key", flat=True)
        )
        on_disk = {key_of(file) for file in folder.glob("*.eml")}
        assert written_down <= on_disk
        handed_over_but_not_written_down += len(on_disk - written_down)
        assert len(written_down) < total, "the worker was killed too late to prove anything"
        # Five minutes pass: the leases of the dead run out.
        Message.objects.filter(status=MessageStatus.SENDING).update(
            next_attempt_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        )
    assert handed_over_but_not_written_down > 0, "no kill fell where a second copy is possible"
    first_copies = {file.name: file.read_bytes() for file in folder.glob("*.eml")}

    with worker(name, f"file://{folder}", log):
        tick(name)
        wait_until("everything sent", lambda: sent() == total, log)

    files = list(folder.glob("*.eml"))
    assert sorted(key_of(file) for file in files) == sorted(f"letter:{n}" for n in range(total))
    for file in files:
        content = file.read_bytes()
        assert first_copies.get(file.name, content) == content
        subject = email.message_from_bytes(content, policy=policy.default)["Subject"]
        assert key_of(file) == f"letter:{subject.removeprefix('number ')}"


def key_of(file: Path) -> str:
    return file.stem.replace("%3A", ":")


def claim_in_two_threads(at: dt.datetime) -> list[set[int]]:
    """What each of two senders that start together takes."""
    start = threading.Barrier(2, timeout=60)
    taken: list[set[int]] = []

    def run() -> None:
        start.wait()
        try:
            taken.append({message.pk for message in messages.claim(limit=50, at=at)})
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return taken


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_take_each_message_once(queue: Queue, now: dt.datetime) -> None:
    for number in range(80):
        queue(f"letter:{number}")
    taken: list[set[int]] = []
    for _ in range(3):
        taken += claim_in_two_threads(now)

    assert sum(len(ids) for ids in taken) == 80
    assert len(set.union(*taken)) == 80


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_senders_take_the_same_messages(
    queue: Queue, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the test above is able to fail."""
    both_have_read = threading.Barrier(2, timeout=60)

    def unlocked(messages: MessageQuerySet, **options: object) -> list[Message]:
        rows = list(messages)
        both_have_read.wait()
        return rows

    monkeypatch.setattr(MessageQuerySet, "select_for_update", unlocked)
    for number in range(10):
        queue(f"letter:{number}")

    first, second = claim_in_two_threads(now)
    assert len(first & second) == 10


@contextmanager
def fresh_connections() -> Iterator[None]:
    """Connections to the broker that are opened inside, and closed after."""
    current_app.amqp._producer_pool = None
    try:
        yield
    finally:
        current_app.amqp._producer_pool = None


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_a_change_still_succeeds_and_the_sweep_sends(
    queue: Queue,
    mail: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
    with fresh_connections():
        started = time.monotonic()
        queue("letter")
        assert time.monotonic() - started < 1
        answer = Client().post("/accounts/login/code/", {"email": "new@example.org"})
    assert "no broker" in caplog.text

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/code/confirm/")
    assert Message.objects.filter(status=MessageStatus.QUEUED).count() == 2
    assert send_messages() == 2
    assert len(list(mail.glob("*.eml"))) == 2


def test_the_sweep_is_on_the_schedule_each_minute() -> None:
    schedule = django_settings.CELERY_BEAT_SCHEDULE["send-messages"]
    assert schedule["task"] == "notifications.tasks.send_messages" == send_messages.name
    assert schedule["schedule"] == dt.timedelta(minutes=1)
    assert django_settings.HINTS["message-queued"] == [send_messages.name]
