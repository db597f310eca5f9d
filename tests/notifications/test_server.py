"""A mail server that takes, refuses, drops or is not there."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Callable, Iterator
from email import policy

import pytest
from pytest_django import Settings

from notifications.models import Message, MessageStatus
from notifications.tasks import send_messages
from tests.notifications.conftest import Queue


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP to take mail, and does as each test says."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.taken: list[bytes] = []
        self.connections = 0
        self.answer_to_recipient: Callable[[str], str] = lambda address: "250 fine"
        self.answer_to_data = "250 taken"
        self.hangs_up_after_data = False


class Session(socketserver.StreamRequestHandler):
    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.server.connections += 1
        self.say("220 test")
        for raw in self.rfile:
            line = raw.decode().strip()
            verb = line.split(" ")[0].upper()
            if verb == "RCPT":
                self.say(self.server.answer_to_recipient(line.partition("<")[2].rstrip(">")))
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                while (data := self.rfile.readline()) != b".\r\n":
                    lines.append(data)
                self.server.taken.append(b"".join(lines))
                if self.server.hangs_up_after_data:
                    return
                self.say(self.server.answer_to_data)
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_batch_goes_over_one_connection(queue: Queue, server: MailServer) -> None:
    for number in range(5):
        queue(f"letter:{number}")

    assert send_messages() == 5
    assert (len(server.taken), server.connections) == (5, 1)
    mail = email.message_from_bytes(server.taken[0], policy=policy.default)
    assert mail["Message-ID"] == Message.objects.get(key="letter:0").message_id
    assert mail["Auto-Submitted"] == "auto-generated"


def test_an_outage_blocks_nothing_and_counts_against_no_message(
    queue: Queue, settings: Settings
) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    queue("letter")

    assert send_messages() == 0
    message = Message.objects.get()
    assert (message.status, message.attempts) == (MessageStatus.QUEUED, 0)


def test_an_unknown_recipient_is_given_up_and_the_rest_of_the_batch_goes_out(
    queue: Queue, server: MailServer
) -> None:
    queue("bad")
    Message.objects.update(to="nobody@example.org")
    queue("good")
    server.answer_to_recipient = lambda address: (
        "550 no such person" if address.startswith("nobody") else "250 fine"
    )

    assert send_messages() == 1
    assert Message.objects.get(key="bad").status == MessageStatus.DEAD
    assert Message.objects.get(key="good").status == MessageStatus.SENT


def test_a_full_mailbox_is_tried_again_later(queue: Queue, server: MailServer) -> None:
    queue("letter")
    server.answer_to_recipient = lambda address: "452 mailbox full"

    assert send_messages() == 0
    message = Message.objects.get()
    assert (message.status, message.attempts) == (MessageStatus.FAILED, 1)
    assert "452" in message.last_error
    assert "you@example.org" not in message.last_error


def test_a_server_that_hangs_up_after_taking_a_mail_gets_the_same_mail_again(
    queue: Queue, server: MailServer
) -> None:
    message = queue("letter")
    server.hangs_up_after_data = True
    assert send_messages() == 0
    server.hangs_up_after_data = False
    Message.objects.update(next_attempt_at=message.next_attempt_at)
    assert send_messages() == 1

    first, second = (email.message_from_bytes(taken) for taken in server.taken)
    assert first["Message-ID"] == second["Message-ID"] == message.message_id
