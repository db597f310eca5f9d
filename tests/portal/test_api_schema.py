"""A stranger's program reads the API's own description and tries everything it allows, and more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import time_machine
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from accounts import api as keys
from accounts.models import Scope
from accounts.services.api_keys import make_api_key
from config.wsgi import application
from tests.conftest import NOW
from tests.factories import OccurrenceFactory, PracticeFactory

pytestmark = pytest.mark.django_db


def served(environ: dict[str, Any], start_response: Any) -> Any:
    """The site as a server hands it a request: there is always an address it comes from."""
    return application({"REMOTE_ADDR": "192.0.2.7", **environ}, start_response)


API = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", served)


@pytest.fixture
def secret(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key that may do everything, of a practice; and an event to do it with."""
    for limit in ("ANYBODY_A_MINUTE", "KEY_A_MINUTE", "WRONG_KEYS_A_MINUTE"):
        monkeypatch.setattr(keys, limit, 10**6)
    with time_machine.travel(NOW, tick=False):
        OccurrenceFactory(event__slug="quiet-hour", event__max_plus_ones=2)
        _key, secret = make_api_key(
            name="Everything", scopes=list(Scope.values), practice_id=PracticeFactory().pk, at=NOW
        )
        yield secret


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """A whole request closes its connection, and with it what the test has made and not committed.
    (Django's own test client looks away in the same manner.)"""
    around = (request_started, request_finished)
    for signal in around:
        signal.disconnect(close_old_connections)
    yield
    for signal in around:
        signal.connect(close_old_connections)


@API.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_sent_the_answer_is_one_that_was_described(
    case: schemathesis.Case[Any], secret: str
) -> None:
    # Into the case itself: it would think the key missing, and wonder why it was let in.
    case.headers["Authorization"] = f"Bearer {secret}"
    case.call_and_validate(
        # A cursor of another's list, a code and a reference at once: some of what has the right
        # form is still refused, with the field named. And that an operation without its key is
        # refused has tests of its own, for every scope.
        excluded_checks=[positive_data_acceptance, ignored_auth],
    )
