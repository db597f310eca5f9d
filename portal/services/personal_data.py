"""Everything that is kept about a person, asked of each app, for that person alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

import accounts.services.personal_data
import ambassadors.services.personal_data
import calendars.services.personal_data
import events.services.personal_data
import notifications.services.personal_data
import therapy_credits.services.personal_data
from accounts.models import Erasure, User
from common.erasing import Obstacle
from notifications.models import Purge
from notifications.services.messages import queue_message
from portal.errors import MustBeSettled


def export(user: User) -> dict[str, Any]:
    """All of it but care, which has a page and a file of its own behind the person's door."""
    return {
        "account": accounts.services.personal_data.export(user),
        "events": events.services.personal_data.export(user),
        "programmes": ambassadors.services.personal_data.export(user),
        "calendars": calendars.services.personal_data.export(user),
        "mail": notifications.services.personal_data.export(user),
        "work": therapy_credits.services.personal_data.export_work(user),
    }


def export_care(user: User, *, at: datetime) -> dict[str, Any]:
    """What is kept about sessions, for pages behind ``care_only``."""
    return {"sessions": therapy_credits.services.personal_data.export(user, at=at)}


def obstacles(user: User, *, at: datetime) -> list[Obstacle]:
    """What must be settled before ``user`` can be erased. Of care too: for pages behind
    ``care_only``."""
    return [
        *accounts.services.personal_data.obstacles(user, at=at),
        *ambassadors.services.personal_data.obstacles(user, at=at),
        *events.services.personal_data.obstacles(user, at=at),
        *therapy_credits.services.personal_data.obstacles(user, at=at),
    ]


def erase(user: User, *, at: datetime) -> None:
    """Erase ``user``, at once and for good, after a last mail. Raises MustBeSettled.

    What is ahead is given up first, each date by itself: if that is all that was done (the machine
    stopped), doing it again does the rest. Again changes nothing.
    """
    if obstacles(user, at=at):
        raise MustBeSettled
    _erase(user, at, is_told=True)


def erase_again(*, at: datetime) -> int:
    """Erase whoever was erased after the backup was made that has been put back. How many.

    Nothing stands in the way, and there is no last mail: they had it.
    """
    known = User.objects.filter(
        pk__in=Erasure.objects.values("user_id"), erased_at__isnull=True
    ).order_by("pk")
    users = list(known)
    for user in users:
        _erase(user, at, is_told=False)
    return len(users)


def _erase(user: User, at: datetime, *, is_told: bool) -> None:
    addresses = accounts.services.personal_data.addresses_of(user)
    events.services.personal_data.give_up(user, addresses, at=at)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if user.erased_at is not None:
            return
        private = therapy_credits.services.personal_data.addresses_of(user)
        if is_told:
            queue_message(
                key=f"account-erased:{user.pk}",
                to=user.email,
                template="portal/mail/erased",
                context={},
                language=user.language,
                at=at,
            )
        events.services.personal_data.erase(user, addresses, at=at)
        therapy_credits.services.personal_data.erase(user, at=at)
        ambassadors.services.personal_data.erase(user, addresses, at=at)
        calendars.services.personal_data.erase(user, addresses, at=at)
        notifications.services.personal_data.erase(addresses | private, at=at)
        accounts.services.personal_data.erase(user, at=at)
        Purge.objects.create(at=at, what="account", older_than=at, rows=1)
