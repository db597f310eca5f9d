"""``manage.py check_audit``: prove that nobody rewrote the audit trail or the access log."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Seal
from accounts.services import seals


class Command(BaseCommand):
    help = "Prove the audit trail and the access log up to their last seal."

    def handle(self, *args: Any, **options: Any) -> None:
        older_than = timezone.now() - timedelta(days=settings.LOG_DAYS)
        wrong = [
            sentence for log in seals.SEALED for sentence in seals.check(log, older_than=older_than)
        ]
        if wrong:
            raise CommandError("\n".join(wrong))
        for log in seals.SEALED:
            last = Seal.objects.filter(log=log).order_by("-pk").first()
            if last is None:
                self.stdout.write(f"{log}: nothing is sealed yet.")
            else:
                when = f"{last.sealed_at:%Y-%m-%d %H:%M} UTC"
                self.stdout.write(f"{log}: whole up to row {last.last_id}, sealed {when}.")
