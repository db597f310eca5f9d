"""``import_events FILE.ics [--dry-run]``: what the staff page does."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ambassadors.models import Programme
from events.domain.foreign_calendars import (
    MAX_BYTES,
    NotACalendar,
    iana_name,
    read_calendar,
)
from events.services.imports import Planned, import_entries, note_in_words, plan_import

SAID = {
    "new": "a new draft",
    "same": "is there already, unchanged",
    "changed": "has changed: its draft is brought up to date",
    "edited": "has changed, but somebody edited its draft: left alone",
    "published": "has changed, but its event is published: change it by hand",
    "cancelled": "is cancelled over there: nothing is made or taken out",
    "nothing": "nothing to make of it",
}


class Command(BaseCommand):
    help = "Make drafts from a calendar file. Safe to run again; publishes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would be, do nothing")
        parser.add_argument(
            "--zone", default="UTC", help="where times without a zone are meant (an IANA name)"
        )
        parser.add_argument("--programme", default="", help="the programme's address (slug)")
        parser.add_argument("--language", default="en", help="what the events are held in")

    def handle(self, *args: Any, **options: Any) -> None:
        zone = iana_name(options["zone"])
        if zone is None:
            raise CommandError(f"Nobody knows the zone “{options['zone']}”.")
        programme = Programme.objects.filter(slug=options["programme"]).first()
        if options["programme"] and programme is None:
            raise CommandError(f"There is no programme “{options['programme']}”.")
        try:
            body = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        if len(body) > MAX_BYTES:
            raise CommandError("The file is larger than 1 MB. Export fewer events.")
        at = timezone.now()
        try:
            entries = read_calendar(body, default_zone=zone, at=at)
        except NotACalendar as error:
            raise CommandError(f"{options['file']} is no calendar file.") from error
        if options["dry_run"]:
            plans = plan_import(entries)
        else:
            plans = import_entries(
                entries=entries,
                programme=programme,
                language=options["language"],
                actor=None,
                at=at,
            )
        for plan in plans:
            self._say(plan)
        count = sum(plan.is_work for plan in plans)
        done = "would be written" if options["dry_run"] else "written"
        self.stdout.write(f"{count} of {len(plans)} {done}.")

    def _say(self, plan: Planned) -> None:
        entry = plan.entry
        self.stdout.write(f"{entry.title or entry.uid}: {SAID[plan.what]}")
        for one in entry.dates if plan.is_work else []:
            self.stdout.write(f"    {one.starts_at:%Y-%m-%d %H:%M} UTC")
        for note in entry.notes:
            self.stdout.write(f"    ! {note_in_words(note.code, note.detail)}")
