"""Who looked at a booking: the client sees it."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_noop

from accounts.models import User
from therapy_credits.models import Booking, CareCase, FitCall, Subject
from therapy_credits.services.subjects import person_behind

BOOKING = gettext_noop("A booking: the name, contact and place you chose for it")
SEARCH = gettext_noop("Your request to find somebody, with your name and address")


def note_look(*, booking: Booking | FitCall, actor: User, at: dt.datetime) -> None:
    """Note that ``actor`` opened ``booking``, before it is shown to them.

    Of which booking is not said: the log outlives the way from the booking to the person. A
    client who is nobody any more has nobody to be told.
    """
    _look(booking, actor, BOOKING, at)


def look_for_whom(*, case: CareCase, actor: User, at: dt.datetime) -> User | None:
    """For whom ``actor`` is to find somebody; nobody where they have been erased meanwhile."""
    return _look(case, actor, SEARCH, at)


def _look(
    source: Booking | FitCall | CareCase, actor: User, what: str, at: dt.datetime
) -> User | None:
    try:
        return person_behind(source.subject, actor=actor, what=what, at=at)
    except Subject.DoesNotExist:
        return None
