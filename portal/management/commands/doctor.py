"""``manage.py doctor``: what this installation stands on, and what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from common.connections import broker_problem, cache_problem, database_problem
from events.models import DueMail
from notifications.errors import OutageError
from notifications.gateway import open_connection
from notifications.queries import outbox_delay
from payments import gateway
from payments.errors import PaymentsError

LATEST_MAIL_MINUTES = 10
WORKERS_ANSWER_SECONDS = 1.5


class Problem(Exception):
    """Something is wrong; the message says what, and what to do."""


class Command(BaseCommand):
    help = "Says what works and what does not: settings, servers, workers, mail, files."
    requires_system_checks = ()
    # So that a database that does not answer is told in our words.
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        examinations: list[tuple[str, Callable[[], str]]] = [
            ("Settings", _settings),
            ("Database", _database),
            ("Tables", _tables),
            ("Cache", _cache),
            ("Broker", _broker),
            ("Workers", _workers),
            ("Mail", _mail),
            ("Outbox", _outbox),
            ("Payments", _payments),
            ("Static files", _static_files),
        ]
        problems = 0
        for name, examine in examinations:
            try:
                self.stdout.write(f"ok       {name}: {examine()}")
            except Problem as problem:
                problems += 1
                self.stdout.write(self.style.ERROR(f"PROBLEM  {name}: {problem}"))
        if problems:
            raise CommandError(f"{problems} of {len(examinations)} have a problem.")


def _settings() -> str:
    if not settings.DEBUG:
        return f"as on a server, at {settings.BASE_URL}; hosts {', '.join(settings.ALLOWED_HOSTS)}"
    return f"as on a laptop (DEBUG is on, secrets may be worthless), at {settings.BASE_URL}"


def _database() -> str:
    if problem := database_problem():
        raise Problem(f"does not answer ({problem}). Is DATABASE_URL right, and the server up?")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_database()")
        version, name = cursor.fetchone()
    if connection.connection.info.server_version < 150000:
        raise Problem(f"PostgreSQL {version} is too old; 15 or newer is needed.")
    return f"PostgreSQL {version}, {name}"


def _tables() -> str:
    if database_problem():
        raise Problem("unknown without the database.")
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise Problem(f"{len(waiting)} migrations are not applied. Run: manage.py migrate")
    return "every migration is applied"


def _cache() -> str:
    if problem := cache_problem():
        raise Problem(f"does not answer ({problem}). Is CACHE_URL right, and the server up?")
    return "answers"


def _broker() -> str:
    if problem := broker_problem():
        raise Problem(f"does not answer ({problem}). Is BROKER_URL right, and the server up?")
    return "answers"


def _workers() -> str:
    if broker_problem():
        raise Problem("unknown without the broker.")
    there = current_app.control.ping(timeout=WORKERS_ANSWER_SECONDS)
    if not there:
        raise Problem("none answers. Start one: celery --app config.worker worker")
    return f"{len(there)} answer" if len(there) > 1 else "one answers"


def _mail() -> str:
    where = settings.EMAIL_URL.split("@")[-1]  # without user and password
    try:
        with open_connection():
            return f"goes to {where}"
    except OutageError as outage:
        raise Problem(f"{where} does not answer ({outage}). Is EMAIL_URL right?") from outage


def _outbox() -> str:
    if database_problem():
        raise Problem("unknown without the database.")
    at = timezone.now()
    if failing := DueMail.objects.failing().count():
        raise Problem(
            f"promised mails that cannot be written: {failing}. The worker's log says why."
        )
    delay = max(outbox_delay(at=at), DueMail.objects.delay(at=at))
    minutes = delay.total_seconds() / 60
    if minutes > LATEST_MAIL_MINUTES:
        raise Problem(f"mail is {minutes:.0f} minutes late: the worker or the mail server is away.")
    return "nothing is late"


def _payments() -> str:
    if not settings.STRIPE_SECRET_KEY:
        return "not set up (STRIPE_SECRET_KEY): events with a price cannot be published"
    try:
        account = gateway.account()
    except PaymentsError as wrong:
        why = getattr(wrong, "detail", "") or "no answer"
        raise Problem(f"Stripe does not take STRIPE_SECRET_KEY ({why}).") from wrong
    mode = "real payments" if account.is_live else "test payments only"
    statement = (
        f"statements begin with “{account.statement}”"
        if account.statement
        else ("Stripe makes up what card statements say: set a statement descriptor there")
    )
    return f"Stripe answers for {account.name or 'an account without a name'}: {mode}; {statement}"


def _static_files() -> str:
    if settings.DEBUG:
        return "served from where they are written"
    if not (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        raise Problem("not collected. Run: manage.py collectstatic --no-input")
    return "collected"
