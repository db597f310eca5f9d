"""A secret link stays out of the logs."""

import io
import logging

import pytest
from django.conf import settings

from common.logs import RedactSecrets, redact

SECRET = "17-x9A_b-Qw3n5v7z1c4e6g8i0kMmOoPpRr"


@pytest.mark.parametrize(
    "line",
    [
        f'"GET /calendar/{SECRET}.ics HTTP/1.1" 200 5120',
        f"Not Found: /rsvp/{SECRET}/",
        f"https://greenroom.example/join/{SECRET}/?x=1",
    ],
)
def test_the_secret_part_is_taken_out(line: str) -> None:
    assert SECRET not in redact(line)
    assert redact(line) == line.replace(SECRET, "[secret]")


def test_an_address_without_a_secret_is_left_alone() -> None:
    line = '"GET /calendar/ HTTP/1.1" 200, then /events/feed.ics'
    assert redact(line) == line


def test_every_handler_of_ours_has_the_filter() -> None:
    assert settings.LOGGING["handlers"]
    for name, handler in settings.LOGGING["handlers"].items():
        assert "secrets" in handler["filters"], name


def test_the_servers_own_line_is_redacted_with_its_arguments() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactSecrets())
    logger = logging.Logger("a server")
    logger.addHandler(handler)
    logger.info('"%s" %s', f"GET /calendar/{SECRET}.ics HTTP/1.1", 304)
    assert stream.getvalue() == '"GET /calendar/[secret].ics HTTP/1.1" 304\n'
