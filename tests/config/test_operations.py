"""What machines ask of a running process."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from events.models import DueMail
from notifications.models import Message


def queue(*, at: dt.datetime) -> None:
    Message.objects.create(
        key="late",
        message_id="<late@example.org>",
        to="someone@example.org",
        language="en",
        subject="Hello",
        text="Hello",
        queued_at=at,
        next_attempt_at=at,
    )


def test_the_process_answers_without_a_database(client: Client) -> None:
    # No database fixture: pytest-django would refuse a single query.
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert not response.cookies


@pytest.mark.django_db
def test_ready_when_everything_is_there(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "database": "ok",
        "broker": "ok",
        "outbox": "ok",
        "mails_to_write": "ok",
    }


@pytest.mark.django_db
def test_not_ready_without_a_broker(client: Client) -> None:
    from config.celery import app

    before = app.conf.broker_url
    app.conf.broker_url = "redis+socket:///nowhere/valkey.sock"
    try:
        response = client.get("/readyz")
    finally:
        app.conf.broker_url = before
    assert response.status_code == 503
    assert response.json() == {
        "database": "ok",
        "broker": "unavailable",
        "outbox": "ok",
        "mails_to_write": "ok",
    }


@pytest.mark.django_db
def test_not_ready_while_mail_is_ten_minutes_late(client: Client) -> None:
    queue(at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=9))
    assert client.get("/readyz").json()["outbox"] == "ok"
    Message.objects.update(next_attempt_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "database": "ok",
        "broker": "ok",
        "outbox": "unavailable",
        "mails_to_write": "ok",
    }


def promise_mail(*, minutes_ago: int, attempts: int = 0) -> None:
    then = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)
    DueMail.objects.create(
        key=f"promised:{minutes_ago}",
        what="promoted",
        about=[],
        promised_at=then,
        attempts=attempts,
    )


@pytest.mark.django_db
def test_not_ready_while_a_promised_mail_is_not_written_for_ten_minutes(client: Client) -> None:
    promise_mail(minutes_ago=9)
    # One that can never be written is in the log and in the metrics; it stops no deployment.
    promise_mail(minutes_ago=60, attempts=3)
    assert client.get("/readyz").json()["mails_to_write"] == "ok"
    promise_mail(minutes_ago=11)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["mails_to_write"] == "unavailable"
    assert response.json()["outbox"] == "ok"


@pytest.mark.django_db
def test_not_ready_without_a_database(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
        with pytest.raises(Exception, match="no_such_table"):
            cursor.execute("SELECT * FROM no_such_table")
        # The transaction is broken now: every query fails, as with a server that went away.
        response = client.get("/readyz")
        cursor.execute("ROLLBACK TO SAVEPOINT before")
    assert response.status_code == 503
    assert response.json()["database"] == "unavailable"


def test_metrics_are_not_there_without_the_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = "the-token"
    assert client.get("/metrics").status_code == 404
    wrong = client.get("/metrics", headers={"Authorization": "Bearer another"})
    assert wrong.status_code == 404


@pytest.mark.django_db
def test_metrics_say_how_much_mail_waits_and_how_long(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "the-token"
    queue(at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
    promise_mail(minutes_ago=60, attempts=3)
    promise_mail(minutes_ago=2)
    text = client.get("/metrics", headers={"Authorization": "Bearer the-token"}).content.decode()
    said = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("greenroom_"))
    assert 300 <= float(said["greenroom_outbox_delay_seconds"]) < 330
    assert 120 <= float(said["greenroom_mails_to_write_delay_seconds"]) < 150
    assert float(said["greenroom_outbox_due"]) == 1
    assert float(said["greenroom_mails_to_write"]) == 2
    assert float(said["greenroom_mails_to_write_failing"]) == 1


@pytest.mark.django_db
def test_metrics_count_requests_for_whoever_has_the_token(
    client: Client, settings: Settings
) -> None:
    settings.METRICS_TOKEN = "the-token"
    client.get("/healthz")
    response = client.get("/metrics", headers={"Authorization": "Bearer the-token"})
    assert response.status_code == 200
    assert 'view="healthz"' in response.content.decode()
