"""``import_roster FILE --programme P --term T [--dry-run]``: what the staff page does."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ambassadors.errors import AmbassadorsError
from ambassadors.models import RosterImport, RosterResult, Term
from ambassadors.services import rosters


class Command(BaseCommand):
    help = "Invite the people of a CSV file to a term. Safe to run again; never removes anybody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--programme", required=True, help="the programme's address (slug)")
        parser.add_argument("--term", required=True, help="the term's name")
        parser.add_argument("--dry-run", action="store_true", help="say what would be, do nothing")
        parser.add_argument(
            "--allow-same-names",
            action="store_true",
            help="import people who share a stage name with somebody else",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        term = (
            Term.objects.with_programme()
            .filter(programme__slug=options["programme"], name__iexact=options["term"])
            .first()
        )
        if term is None:
            raise CommandError(
                f"There is no term “{options['term']}” in a programme “{options['programme']}”."
            )
        try:
            roster = self._upload(term, options["file"])
            self._import(roster, options)
        except AmbassadorsError as error:
            raise CommandError(str(error)) from error

    def _upload(self, term: Term, path: Path) -> RosterImport:
        try:
            with path.open("rb") as file:
                return rosters.upload_roster(
                    term=term, by=None, file_name=path.name, file=file, at=timezone.now()
                )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error

    def _import(self, roster: RosterImport, options: dict[str, Any]) -> None:
        now = timezone.now
        if roster.state != RosterImport.State.IMPORTING:  # a killed import goes on below
            if "email" not in roster.columns:
                rosters.discard_roster(roster=roster)
                raise CommandError(
                    "No column is called “email”. Name the columns in the first row."
                )
            rosters.start_reading(
                roster=roster,
                columns=roster.columns,
                allow_same_names=options["allow_same_names"],
                at=now(),
            )
            self._continue(roster)
            self._say(roster, options["dry_run"])
            if options["dry_run"]:
                rosters.discard_roster(roster=roster)
                return
            rosters.start_importing(roster=roster, by=None, at=now())
        elif options["dry_run"]:
            raise CommandError("This file is being imported already.")
        self._continue(roster)
        self.stdout.write(self.style.SUCCESS("Imported. The invitations are being sent."))

    def _continue(self, roster: RosterImport) -> None:
        while rosters.continue_roster(roster=roster, at=timezone.now()):
            pass
        roster.refresh_from_db(fields=["state", "counts"])

    def _say(self, roster: RosterImport, dry_run: bool) -> None:
        for row in roster.rows.filter(result=RosterResult.PROBLEM).order_by("number").iterator():
            self.stderr.write(f"row {row.number}: {row.email}: {row.get_problem_display()}")
        will = "would be" if dry_run else "will be"
        counts = roster.counts
        self.stdout.write(
            f"{counts['new']} {will} invited, {counts['changed']} corrected,"
            f" {counts['same']} are there already, {counts['problem']} cannot be imported."
        )
