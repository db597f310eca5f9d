"""``manage.py restore DIRECTORY [--keys DIRECTORY]``: both backups, back into an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.errors import ProgramFailed
from portal.services import backups


class Command(BaseCommand):
    help = (
        "Put a backup, and that of the keys of care, into the database, which must be empty: the"
        " newest of a directory, or the file that is named."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path)
        parser.add_argument(
            "--keys",
            type=Path,
            help="the backups of the keys (by default DIRECTORY-keys, beside it); without them"
            " nobody can read whose care is whose",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            main, keys = backups.find(options["backup"], options["keys"])
        except FileNotFoundError as missing:
            raise CommandError(f"There is no backup at {missing}.") from None
        if not backups.is_database_empty():
            raise CommandError("The database is not empty. Make a new one, and name that.")
        try:
            backups.put_back(main=main, keys=keys)
        except ProgramFailed as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(f"{main}\n{keys or 'No keys of care were put back.'}")
        self.stdout.write(
            "It is back. Nobody is signed in. Next: manage.py migrate, then manage.py erase_again."
        )
        if backups.is_of_an_older_version():
            return
        lost = backups.what_is_unreadable()
        if lost.keys:
            self.stdout.write(f"FIELD_KEYS do not open {lost.keys} keys of care.")
        if lost.bookings:
            self.stdout.write(
                f"Of {lost.bookings} bookings and calls nobody can read whose they are: their key"
                " is not there. Where it was erased or forgotten that is right."
            )
