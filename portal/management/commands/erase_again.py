"""``manage.py erase_again``: after an older backup was put back."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from portal.services.personal_data import erase_again


class Command(BaseCommand):
    help = "Erase again who was erased after the backup was made that has been put back."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Erased again: {erase_again(at=timezone.now())}.")
