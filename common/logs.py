"""What must not reach a log: a secret that is part of an address."""

import logging
import re

# Each opens something of one person's: a calendar, an RSVP, an invitation.
_SECRETS = re.compile(r"(/(?:calendar|rsvp|join|claim|accept)/)[^/?#\s\"'.]{8,}")


def redact(text: str) -> str:
    """``text`` with the secret part of every address replaced."""
    return _SECRETS.sub(r"\1[secret]", text)


class RedactSecrets(logging.Filter):
    """A filter for handlers: takes secrets in addresses out of each line, and drops none."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (redacted := redact(message)) != message:
            record.msg, record.args = redacted, ()
        return True
