"""What machines ask of a running process."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

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
    assert response.json() == {"database": "ok", "broker": "ok", "outbox": "ok"}


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
    assert response.json() == {"database": "ok", "broker": "unavailable", "outbox": "ok"}


@pytest.mark.django_db
def test_not_ready_while_mail_is_ten_minutes_late(client: Client) -> None:
    queue(at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=9))
    assert client.get("/readyz").json()["outbox"] == "ok"
    Message.objects.update(next_attempt_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "broker": "ok", "outbox": "unavailable"}


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


def test_metrics_count_requests_for_whoever_has_the_token(
    client: Client, settings: Settings
) -> None:
    settings.METRICS_TOKEN = "the-token"
    client.get("/healthz")
    response = client.get("/metrics", headers={"Authorization": "Bearer the-token"})
    assert response.status_code == 200
    assert 'view="healthz"' in response.content.decode()
