"""``manage.py rotate_field_keys``: so that an old key can be taken out of ``FIELD_KEYS``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.services import field_keys


class Command(BaseCommand):
    help = "Seal again, by the newest of FIELD_KEYS, what older ones have sealed."

    def handle(self, *args: Any, **options: Any) -> None:
        sealed, lost = field_keys.rotate()
        self.stdout.write(f"Sealed by the newest key: {sealed}.")
        if lost:
            raise CommandError(f"No key of FIELD_KEYS opens {lost} texts: they are as they were.")
        self.stdout.write("The older keys can be taken out of FIELD_KEYS.")
