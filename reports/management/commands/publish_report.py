"""``manage.py publish_report [2026-q3]``: publish the quarter named, or every one that is due."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from reports.domain.quarters import Quarter
from reports.errors import ReportError
from reports.queries import drafts
from reports.services.reports import publish_report


class Command(BaseCommand):
    help = "Publish the usage report of a quarter (2026-q3), or of every quarter that is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("quarter", nargs="?", help="2026-q3, say; all that are due if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        if options["quarter"]:
            quarter = Quarter.from_slug(options["quarter"].lower())
            if quarter is None:
                raise CommandError("A quarter is written like 2026-q3.")
            due = [quarter]
        else:
            due = [draft.quarter for draft in reversed(drafts(at=at)) if draft.is_due]
        for quarter in due:
            try:
                report = publish_report(quarter=quarter, actor=None, at=at)
            except ReportError as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"{report.slug} is published: {report.content_sha256}")
        if not due:
            self.stdout.write("No quarter is due.")
