"""Who looked at a booking: the client sees it."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_noop

from accounts.models import User
from therapy_credits.models import Booking, FitCall, Subject
from therapy_credits.services.subjects import person_behind

BOOKING = gettext_noop("A booking: the name, contact and place you chose for it")


def note_look(*, booking: Booking | FitCall, actor: User, at: dt.datetime) -> None:
    """Note that ``actor`` opened ``booking``, before it is shown to them.

    A client who erased themselves is nobody any more: there is no one to tell.
    """
    try:
        person_behind(booking.subject, actor=actor, what=BOOKING, at=at, purpose=booking.reference)
    except (Subject.DoesNotExist, User.DoesNotExist):
        return
