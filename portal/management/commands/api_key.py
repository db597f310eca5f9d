"""Make a key for a program, and show it once; or end one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import AccountsError
from accounts.models import ApiKey, Scope
from accounts.services.api_keys import make_api_key, revoke_api_key
from ambassadors.models import Programme
from therapy_credits.models import Practice


class Command(BaseCommand):
    help = (
        "Make a key for a program. The key is printed once and cannot be shown again."
        " With --revoke, end the keys of that name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="whose program it is")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=Scope.values,
            dest="scopes",
            help="what it may do; say it again for more",
        )
        parser.add_argument("--practice", help="the slug of the practice it belongs to")
        parser.add_argument(
            "--programme",
            action="append",
            dest="programmes",
            help="the slug of the only programme it reaches; say it again for more",
        )
        parser.add_argument("--revoke", action="store_true", help="end the keys of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["revoke"]:
            self.stdout.write(self._revoke(options["name"]))
            return
        try:
            _key, secret = make_api_key(
                name=options["name"],
                scopes=options["scopes"],
                practice_id=_practice(options["practice"]),
                programme_ids=_programmes(options["programmes"]),
                at=timezone.now(),
            )
        except AccountsError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(secret)

    def _revoke(self, name: str) -> str:
        keys = list(ApiKey.objects.live().filter(name=name))
        if not keys:
            raise CommandError(f"There is no key in use with the name {name}.")
        for key in keys:
            revoke_api_key(key=key, at=timezone.now())
        return f"{len(keys)} revoked."


def _practice(slug: str | None) -> int | None:
    if not slug:
        return None
    practice = Practice.objects.filter(slug=slug).first()
    if practice is None:
        raise CommandError(f"There is no practice with the slug {slug}.")
    return practice.pk


def _programmes(slugs: list[str] | None) -> list[int] | None:
    if slugs is None:
        return None
    known = dict(Programme.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    for slug in slugs:
        if slug not in known:
            raise CommandError(f"There is no programme with the slug {slug}.")
    return list(known.values())
