"""Give ambassadors what they are due, and take back what leavers left."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from therapy_credits.services import allocation


class Command(BaseCommand):
    help = (
        "Gives every active ambassador what the policies of their term say, once, and returns "
        "to the pools what is free of people who left 60 days ago. Safe to run at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        given, taken = allocation.allocate_due(at=now), allocation.claw_back_due(at=now)
        self.stdout.write(f"Allocations made: {given}. Taken back: {taken}.")
