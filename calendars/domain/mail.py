"""A mail that came in, as far as we need to understand it. Anybody may have written anything."""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from dataclasses import dataclass
from email.message import EmailMessage
from html import unescape

# What is larger than this is somebody's film. Its beginning, with the words, is still read.
MAX_BYTES = 2_000_000
MAX_PARTS = 40
MAX_TEXT = 20_000
_RECIPIENT_HEADERS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
_MACHINES = frozenset({"mailer-daemon", "postmaster", "no-reply", "noreply", "bounces"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Who wrote to whom, what they wrote, and what their calendar program put beside it."""

    message_id: str
    """The sender's, or a digest of the mail where it has none: the same mail, the same name."""
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    attachments: int
    """How many files there were, which are not read."""
    calendar: bytes | None
    is_automatic: bool
    """Nobody wrote it: a bounce, an out-of-office answer, a list. Never answered."""
    is_bounce: bool
    is_sender_proved: bool
    """Our own mail server found that it comes from the domain it says (DKIM, SPF or DMARC)."""


def read_mail(raw: bytes, *, auth_server: str, own_domain: str) -> Mail:
    """Read a mail as it came, headers and all. Reads anything; never raises.

    ``auth_server`` is the name our mail server signs its ``Authentication-Results`` with
    (RFC 8601); what others wrote there proves nothing.
    """
    message = email.message_from_bytes(raw[:MAX_BYTES], policy=_POLICY)
    assert isinstance(message, EmailMessage)  # the policy's own class
    sender = _first_address(message, "from")
    text, calendar, attachments = _contents(message)
    is_bounce = _is_bounce(message, sender)
    return Mail(
        message_id=_header(message, "message-id")[:200] or _digest(raw),
        sender=sender,
        recipients=tuple(_addresses(message, *_RECIPIENT_HEADERS)),
        subject=" ".join(_header(message, "subject").split())[:200],
        text=text[:MAX_TEXT],
        attachments=attachments,
        calendar=calendar,
        is_automatic=is_bounce or _is_automatic(message, sender, own_domain),
        is_bounce=is_bounce,
        is_sender_proved=_is_proved(message, sender, auth_server),
    )


# Not email.policy.default: its parsers of single headers raise on some of what is really sent.
_POLICY = email.policy.default.clone(header_factory=lambda name, value: str(value))
_ADDRESS = re.compile(r"[^\s<>\"(),:;@\[\]]{1,64}@[A-Za-z0-9.-]{1,190}")


def _header(message: EmailMessage, name: str) -> str:
    return _clean(str(message.get(name, "")))


def _clean(text: str) -> str:
    """Without what a database cannot keep: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode().strip()


def _addresses(message: EmailMessage, *names: str) -> list[str]:
    values = [str(value)[:10_000] for name in names for value in message.get_all(name, [])]
    return [found.lower() for value in values for found in _ADDRESS.findall(value)[:20]]


def _first_address(message: EmailMessage, name: str) -> str:
    # The last one of the first header: before it comes a name, which may pretend to be one.
    found = _ADDRESS.findall(_header(message, name)[:1000])
    return found[-1].lower() if found else ""


def _digest(raw: bytes) -> str:
    return f"<sha256-{hashlib.sha256(raw).hexdigest()}>"


def _contents(message: EmailMessage) -> tuple[str, bytes | None, int]:
    """The words, the calendar part, and how many other files there were."""
    plain, html = "", ""
    calendar: bytes | None = None
    attachments = 0
    for number, part in enumerate(message.walk()):
        if number >= MAX_PARTS:
            break
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        if kind == "text/calendar":
            calendar = calendar or _bytes(part)
        elif part.get_filename():
            attachments += 1
        elif kind == "text/plain":
            plain = plain or _words(part)
        elif kind == "text/html":
            html = html or _words(part)
        else:
            attachments += 1
    return plain.strip() or _without_tags(html), calendar, attachments


def _bytes(part: object) -> bytes:
    assert isinstance(part, EmailMessage)
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return b""
    return payload if isinstance(payload, bytes) else b""


def _words(part: object) -> str:
    assert isinstance(part, EmailMessage)
    charset = part.get_content_charset("utf-8") or "utf-8"
    try:
        return _clean(_bytes(part).decode(charset, "replace"))
    except LookupError:  # a character set nobody knows
        return _clean(_bytes(part).decode("utf-8", "replace"))


def _without_tags(html: str) -> str:
    html = re.sub(r"(?is)<(style|script)\b.*?</\1>", "", html[: MAX_TEXT * 10])
    html = re.sub(r"(?i)<(br|/p|/div|/li|/tr)\b[^>]*>", "\n", html)
    lines = unescape(re.sub(r"<[^>]*>", "", html)).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def _is_bounce(message: EmailMessage, sender: str) -> bool:
    return (
        message.get_content_type() == "multipart/report"
        or _header(message, "return-path") == "<>"
        or sender.partition("@")[0] in _MACHINES
        or not sender
    )


def _is_automatic(message: EmailMessage, sender: str, own_domain: str) -> bool:
    return (
        _header(message, "auto-submitted").lower() not in ("", "no")
        or _header(message, "precedence").lower() in ("bulk", "junk", "list", "auto_reply")
        or "list-id" in message
        or "x-autoreply" in message
        or sender.endswith(f"@{own_domain.lower()}")
    )


# --- Who really sent it -------------------------------------------------------

_RESULT = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*pass\b([^;]*)", re.IGNORECASE)
_FACT = re.compile(r"(header\.(?:d|i|from)|smtp\.mailfrom)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def _is_proved(message: EmailMessage, sender: str, auth_server: str) -> bool:
    """Whether our mail server vouches for the domain of ``sender``.

    Only the topmost results count, and only when they are our server's: it writes its own above
    whatever came with the mail.
    """
    results = message.get_all("authentication-results", [])
    domain = sender.partition("@")[2]
    if not results or not auth_server or not domain:
        return False
    server, _semicolon, rest = _clean(str(results[0])).partition(";")
    if server.split(" ")[0].strip().lower() != auth_server.lower():
        return False
    for found in _RESULT.finditer(re.sub(r"\([^()]*\)", " ", rest)):
        facts = {name.lower(): value.lower() for name, value in _FACT.findall(found[2])}
        names = {
            "dmarc": ("header.from",),
            "dkim": ("header.d", "header.i"),
            "spf": ("smtp.mailfrom",),
        }
        for name in names[found[1].lower()]:
            if is_aligned(facts.get(name, "").rpartition("@")[2], domain):
                return True
    return False


def is_aligned(proved: str, domain: str) -> bool:
    """Whether what is proved of one domain holds for the other (RFC 7489, relaxed): the same, or
    one below the other, and never a whole country or kind of name."""
    if "." not in proved or "." not in domain:
        return False
    return proved == domain or domain.endswith(f".{proved}") or proved.endswith(f".{domain}")
