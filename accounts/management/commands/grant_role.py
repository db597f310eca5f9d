"""``manage.py grant_role EMAIL ROLE``: how the first administrator comes to be."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import queries
from accounts.errors import AccountsError
from accounts.models import Role
from accounts.services.grants import give_role


class Command(BaseCommand):
    help = "Give a role to somebody who has an account. The audit trail says that a command did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--until", type=date.fromisoformat, help="last day, as 2027-01-31")

    def handle(self, *args: Any, **options: Any) -> None:
        person = queries.person_with(options["email"])
        if person is None:
            raise CommandError(f"Nobody has an account with {options['email']}. Sign up first.")
        try:
            give_role(
                user=person,
                role=options["role"],
                giver=None,
                at=timezone.now(),
                until_on=options["until"],
            )
        except AccountsError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{person.email} is {options['role']} now.")
