"""Asking once whether somebody is an adult."""

from __future__ import annotations

import datetime as dt

from accounts.models import User
from ambassadors.models import AdultConfirmation


def say_adult(*, user: User, at: dt.datetime) -> None:
    """Keep the yes, so that nobody asks again. A no is kept nowhere."""
    AdultConfirmation.objects.get_or_create(user=user, defaults={"confirmed_at": at})
