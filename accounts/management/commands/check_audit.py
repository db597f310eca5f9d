"""``manage.py check_audit``: prove that nobody rewrote the audit trail or the access log."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Seal
from accounts.services import seals


class Command(BaseCommand):
    help = "Prove the audit trail and the access log up to their last seal."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = [sentence for log in seals.SEALED for sentence in seals.check(log)]
        if wrong:
            raise CommandError("\n".join(wrong))
        for log in seals.SEALED:
            last = Seal.objects.filter(log=log).order_by("-pk").first()
            if last is None:
                self.stdout.write(f"{log}: nothing is sealed yet.")
            else:
                when = f"{last.sealed_at:%Y-%m-%d %H:%M} UTC"
                self.stdout.write(f"{log}: whole up to row {last.last_id}, sealed {when}.")
