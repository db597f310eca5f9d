"""Take away the PIN of somebody who forgot it and has no passkey."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from therapy_credits.services.doors import forget_pin


class Command(BaseCommand):
    help = (
        "Take away the PIN of a person's own care pages. Make sure first, in person or by a call"
        " to a number you knew before, that it is they who ask: the PIN may be there against the"
        " very person who writes to you."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None or not forget_pin(user=user):
            raise CommandError("There is no PIN for that address.")
        self.stdout.write("The PIN is gone.")
