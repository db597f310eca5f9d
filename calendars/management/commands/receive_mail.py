"""``receive_mail``: take in mail from a pipe, or from a Maildir.

In Postfix, for a mailbox with a plus::

    reply unix - n n - - pipe user=greenroom argv=/srv/greenroom/receive ${original_recipient}
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from calendars.domain.mail import MAX_BYTES
from calendars.services.inbound import receive

# What a mail server understands as "keep it and try again" (sysexits.h, EX_TEMPFAIL).
TRY_AGAIN = 75


class Command(BaseCommand):
    help = "Takes in a mail from standard input, or every new one of a Maildir. Safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--maildir", type=Path, help="a directory with new/ and cur/")
        parser.add_argument(
            "--to", action="append", default=[], help="whom it was for, if the mail does not say"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["maildir"]:
                self._take_in(options["maildir"])
            else:
                raw = sys.stdin.buffer.read(MAX_BYTES)
                receive(raw=raw, envelope_to=options["to"], at=timezone.now())
        except DatabaseError as error:
            # Nothing of the mail is said: this may end in the mail server's log.
            raise CommandError(type(error).__name__, returncode=TRY_AGAIN) from error

    def _take_in(self, maildir: Path) -> None:
        if not (maildir / "new").is_dir():
            raise CommandError(f"{maildir} is no Maildir: it has no directory “new”.")
        (maildir / "cur").mkdir(exist_ok=True)
        taken = 0
        for path in sorted((maildir / "new").iterdir()):
            with path.open("rb") as file:
                receive(raw=file.read(MAX_BYTES), at=timezone.now())
            # Moved only now: whatever ends this before is read again, and changes nothing then.
            path.rename(maildir / "cur" / f"{path.name}:2,S")
            taken += 1
        self.stdout.write(f"{taken} taken in.")
