"""``manage.py backup DIRECTORY [KEYS_DIRECTORY]``: both backups, into two places."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.errors import ProgramFailed
from portal.services import backups


class Command(BaseCommand):
    help = (
        "Write a backup of everything into DIRECTORY, and of the keys of care, which it leaves"
        " out, into KEYS_DIRECTORY (by default DIRECTORY-keys, beside it); delete backups of keys"
        " that are older than KEY_BACKUP_DAYS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("keys_directory", type=Path, nargs="?")

    def handle(self, *args: Any, **options: Any) -> None:
        directory = options["directory"]
        keys_directory = options["keys_directory"] or backups.keys_beside(directory)
        if directory.resolve() == keys_directory.resolve():
            raise CommandError("The keys need a directory of their own, where they are not copied.")
        try:
            made = backups.make(
                directory=directory, keys_directory=keys_directory, at=timezone.now()
            )
        except ProgramFailed as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(f"{made.main}\n{made.keys}")
        for old in made.deleted:
            self.stdout.write(f"deleted: {old}")
