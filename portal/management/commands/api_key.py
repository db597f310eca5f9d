"""Make a key for a program, and show it once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import AccountsError
from accounts.models import Scope
from accounts.services.api_keys import make_api_key
from therapy_credits.models import Practice


class Command(BaseCommand):
    help = "Make a key for a program. The key is printed once and cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="whose program it is")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=Scope.values,
            dest="scopes",
            help="what it may do; say it again for more",
        )
        parser.add_argument("--practice", help="the slug of the practice it belongs to")

    def handle(self, *args: Any, **options: Any) -> None:
        practice = None
        if options["practice"]:
            practice = Practice.objects.filter(slug=options["practice"]).first()
            if practice is None:
                raise CommandError(f"There is no practice with the slug {options['practice']}.")
        try:
            _key, secret = make_api_key(
                name=options["name"],
                scopes=options["scopes"],
                practice_id=practice.pk if practice else None,
                at=timezone.now(),
            )
        except AccountsError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(secret)
