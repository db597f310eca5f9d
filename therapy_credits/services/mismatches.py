"""Not the right match: the first session with somebody, given back once in a programme-year."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction

from accounts.models import User
from therapy_credits.errors import CannotRefund
from therapy_credits.models import Booking
from therapy_credits.services import care_mail, ledger

# How long after the session it can be said.
SAID_WITHIN = dt.timedelta(days=7)


def can_say_mismatch(booking: Booking, *, at: dt.datetime) -> bool:
    """Whether the person can have ``booking`` back: it took place within the week, was their
    first with that practitioner, and they have had none back in this programme-year."""
    if booking.status != Booking.Status.ATTENDED or at > booking.ends_at + SAID_WITHIN:
        return False
    own = Booking.objects.filter(subject=booking.subject).exclude(pk=booking.pk)
    attended = own.filter(practitioner=booking.practitioner, status=Booking.Status.ATTENDED)
    had_one_back = own.filter(mismatch_at__isnull=False)
    return booking.mismatch_at is None and not (attended | had_one_back).exists()


@transaction.atomic
def say_mismatch(*, booking: Booking, user: User, at: dt.datetime) -> Booking:
    """Give the session back: the practice stays paid, by the pool. No reason is asked.

    Again changes nothing. Raises CannotRefund.
    """
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
    if booking.mismatch_at:
        return booking
    if not can_say_mismatch(booking, at=at):
        raise CannotRefund
    booking.mismatch_at = at
    try:
        with transaction.atomic():
            booking.save(update_fields=["mismatch_at"])
    except IntegrityError as refusal:  # two sessions at the same moment: one of them
        raise CannotRefund from refusal
    back = ledger.refund_from_pool(group=booking.hold_group, actor=booking.subject, at=at)
    if back is None:
        raise CannotRefund
    care_mail.tell_given_back(booking, user, at)
    return booking
