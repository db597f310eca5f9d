"""The only file that talks to a mail server, or to the folder that stands for one.

``EMAIL_URL`` chooses: ``smtp://``, ``smtp+tls://`` (STARTTLS) or ``smtps://``, with
``user:password@host:port``; or ``file:///folder``, where each message is one
``.eml`` named by its key. The folder takes each key once, however often it is
handed over: a copy is written beside it and linked to its name, which the file
system does wholly or not at all, and refuses when the name is there.
"""

from __future__ import annotations

import hashlib
import os
import smtplib
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from notifications.errors import DeliveryError, OutageError
from notifications.models import Message

# Longer than any healthy server needs, shorter than a sender's lease.
TIMEOUT_SECONDS = 20
LONGEST_FILE_NAME = 200


class Connection(ABC):
    """Somewhere to hand mail to, kept open for a batch."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Hand over one message. Returns when it was taken; raises DeliveryError otherwise."""


@contextmanager
def open_connection() -> Iterator[Connection]:
    """The connection that ``EMAIL_URL`` asks for. Raises OutageError when there is none."""
    url = urlsplit(settings.EMAIL_URL)
    if url.scheme == "file":
        slowness = float(parse_qs(url.query).get("delay", ["0"])[0])
        yield Folder(Path(unquote(url.path)), slowness)
        return
    server = EmailBackend(
        host=url.hostname or "localhost",
        port=url.port or {"smtps": 465, "smtp+tls": 587}.get(url.scheme, 25),
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        use_ssl=url.scheme == "smtps",
        use_tls=url.scheme == "smtp+tls",
        timeout=TIMEOUT_SECONDS,
        fail_silently=False,
    )
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        raise OutageError(type(error).__name__) from error
    try:
        yield Server(server)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.close()


class Folder(Connection):
    """Mail as files. ``slowness`` (seconds, ``?delay=``) stands for a slow server."""

    def __init__(self, folder: Path, slowness: float = 0) -> None:
        self.folder = folder
        self.slowness = slowness
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutageError(type(error).__name__) from error

    def send(self, message: Message) -> None:
        target = self.folder / file_name(message.key)
        try:
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as copy:
                copy.write(compose(message).message().as_bytes())
                copy.flush()
                os.fsync(copy.fileno())
            with suppress(FileExistsError):  # handed over before, by somebody who died since
                os.link(copy.name, target)
            os.unlink(copy.name)
        except OSError as error:
            raise DeliveryError(type(error).__name__) from error
        time.sleep(self.slowness)


class Server(Connection):
    """An SMTP server, on one connection; opened again if a message broke it."""

    def __init__(self, server: EmailBackend) -> None:
        self.server = server

    def send(self, message: Message) -> None:
        try:
            self.server.open()
            self.server.send_messages([compose(message)])
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _reason in error.recipients.values()]
            raise DeliveryError(
                f"refused: {codes}", is_final=all(c >= 500 for c in codes)
            ) from error
        except smtplib.SMTPResponseException as error:
            self._hang_up()
            raise DeliveryError(f"{error.smtp_code}", is_final=error.smtp_code >= 550) from error
        except (OSError, smtplib.SMTPException) as error:
            self._hang_up()
            raise DeliveryError(type(error).__name__) from error

    def _hang_up(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self.server.close()
        self.server.connection = None


def compose(message: Message) -> EmailMultiAlternatives:
    """The mail itself, the same each time: fixed Message-ID, fixed Date."""
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.to],
        headers={
            "Message-ID": message.message_id,
            "Date": message.queued_at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
            "Content-Language": message.language,
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(message.html, "text/html")
    scheduling = next((file for file in message.files if file.is_scheduling), None)
    if scheduling:
        # Calendar programs look for it as the last way to read the mail (RFC 6047 §2.4), of
        # which there is one; people whose program does not, find the same as a file.
        mail.attach_alternative(scheduling.content.decode(), scheduling.content_type)
    for file in message.files:
        mail.attach(file.file_name, file.content, file.content_type)
    return mail


def file_name(key: str) -> str:
    """A file name for ``key``: readable, safe, and different for different keys."""
    name = quote(key, safe=" @+=,")
    if len(name) > LONGEST_FILE_NAME:
        name = f"{name[: LONGEST_FILE_NAME - 33]}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    return f"{name}.eml"
