"""Mails as people's calendar programs write them."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage

from calendars.domain.text import quoted, utc
from tests.conftest import NOW

AUTH_SERVER = "mx.greenroom.example"


def calendar_reply(
    *,
    uid: str,
    attendee: str,
    answer: str = "ACCEPTED",
    sequence: int = 0,
    at: dt.datetime = NOW,
    method: str = "REPLY",
    more: str = "",
) -> bytes:
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Google Inc//Google Calendar 70.9054//EN",
        "VERSION:2.0",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{utc(at)}",
        f"SEQUENCE:{sequence}",
        f"ATTENDEE;CN={quoted(attendee)};PARTSTAT={answer}:mailto:{attendee}",
        *([more] if more else []),
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


def mail(
    *,
    sender: str,
    to: str,
    text: str = "",
    subject: str = "Accepted",
    calendar: bytes | None = None,
    message_id: str = "<one@mail.example>",
    proved: str | None = "dkim=pass header.d={domain}",
    **headers: str,
) -> bytes:
    """A mail as our server passes it on; ``proved`` is what it found, None when nothing."""
    message = EmailMessage()
    if proved is not None:
        results = proved.format(domain=sender.partition("@")[2])
        message["Authentication-Results"] = f"{AUTH_SERVER}; {results}"
    message["From"] = f"Somebody <{sender}>"
    message["To"] = to
    message["Subject"] = subject
    if message_id:
        message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text or "(no words)")
    if calendar is not None:
        method = b"REPLY" if b"METHOD:REPLY" in calendar else b"COUNTER"
        message.add_alternative(
            calendar, maintype="text", subtype="calendar", params={"method": method.decode()}
        )
    return message.as_bytes()
