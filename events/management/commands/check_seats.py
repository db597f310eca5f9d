"""Prove that no date's counter of taken places has drifted from who is going."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.models import Seats
from events.queries import overfull_dates, seats_that_disagree


class Command(BaseCommand):
    help = "Check that each date's counter of taken places is the sum of who is going."

    def handle(self, *args: Any, **options: Any) -> None:
        for seats in overfull_dates():
            self.stdout.write(
                f"Date {seats.pk}: {seats.firm} people go and there are {seats.capacity} places. "
                "That is allowed "
                "(the capacity was lowered); nobody new gets a place."
            )
        wrong = seats_that_disagree()
        for pk, counter, total in wrong:
            self.stderr.write(f"Date {pk}: the counter says {counter}, the RSVPs say {total}.")
        if wrong:
            raise CommandError(f"{len(wrong)} dates disagree.")
        self.stdout.write(f"All {Seats.objects.count()} dates agree.")
