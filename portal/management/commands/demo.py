"""``manage.py demo``: fill an empty site with an invented programme, for trying things out."""

from __future__ import annotations

from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from notifications.models import Message, MessageStatus
from portal.management.demo import (
    care,
    company,
    happenings,
    letters,
    money,
    people,
    programmes,
    rounds,
    usage,
)
from portal.management.demo.world import World

SCALES = {"small": 0.2, "large": 1.0}
# In the order it would have happened.
STEPS = (
    people.stage,
    programmes.open_terms,
    care.fund_pools,
    care.open_practices,
    programmes.enrol,
    rounds.stage,
    company.stage,
    happenings.stage,
    letters.write_to_us,
    care.give_sessions,
    usage.publish,
    money.stage,
)


class Command(BaseCommand):
    help = "Make the demo: invented people, programmes, events and sessions. Only with DEBUG on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", choices=SCALES, default="large")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo has well-known passwords. It is made only with DEBUG on.")
        if User.objects.exists():
            raise CommandError("There are people here already. The demo is for an empty database.")
        at = timezone.now().replace(second=0, microsecond=0)
        world = World(at=at, scale=SCALES[options["size"]])
        for step in STEPS:
            begun = monotonic()
            step(world)
            name = step.__name__.replace("_", " ")
            self.stdout.write(f"  {name}: {monotonic() - begun:.1f} s")
        # Mails of a past that did not happen are kept as sent; and nobody need be hinted at them.
        Message.objects.filter(status=MessageStatus.QUEUED).update(
            status=MessageStatus.SENT, sent_at=at
        )
        connection.run_on_commit.clear()
        self.stdout.write("The demo is ready.")
