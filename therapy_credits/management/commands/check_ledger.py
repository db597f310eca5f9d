"""Prove the session ledger."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from therapy_credits.queries.books import differences


class Command(BaseCommand):
    help = (
        "Recomputes every account from its transfers and compares the money with the sessions "
        "not yet settled. Exits with 1 and a line for each difference if the books are wrong."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for found, line in enumerate(differences(), start=1):  # noqa: B007 - the last number counts
            self.stderr.write(line)
        if found:
            raise CommandError(f"The books are wrong in {found} places.")
        self.stdout.write("The books are right.")
