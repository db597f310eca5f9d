"""Addresses that we read, and that say by themselves what an answer to them is about.

``reply+<name>.<signature>@…``: a mailbox with a plus, which every mail server can deliver to one
place. The signature (128 bits, in hexadecimal, because some servers put addresses in lower case)
keeps anybody from answering for somebody else by guessing a name.
"""

from __future__ import annotations

import re

from django.conf import settings

from common import tokens

MAILBOX = "reply"
_FORM = re.compile(rf"{MAILBOX}\+([a-z0-9-]{{1,24}})\.([0-9a-f]{{32}})@(.+)", re.IGNORECASE)


def reply_address(name: str) -> str:
    """Where answers about ``name`` (letters, digits, hyphens; any case) go."""
    return f"{MAILBOX}+{name.lower()}.{_signature(name)}@{settings.MAIL_DOMAIN}"


def name_in(address: str) -> str | None:
    """What an answer to ``address`` is about, in upper case; None when we did not make it."""
    found = _FORM.fullmatch(address.strip())
    if found is None or found[3].lower() != settings.MAIL_DOMAIN.lower():
        return None
    return found[1].upper() if tokens.matches(found[2].lower(), _signature(found[1])) else None


def _signature(name: str) -> str:
    return tokens.digest("reply-address", name.upper())[:32]
