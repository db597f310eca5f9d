"""What of care may stand in a person's own calendar: that the time is taken, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from calendars.domain.calendar import StoredEvent
from calendars.domain.vevent import CalendarEvent, render_vevent
from therapy_credits.models import Booking, FitCall

_TAKEN_BACK = (
    Booking.Status.CANCELLED,
    Booking.Status.LATE_CANCEL,
    Booking.Status.PRACTICE_CANCELLED,
)


def calendar_entries(
    tokens: Sequence[UUID], *, time_zone: str, since: datetime
) -> list[StoredEvent]:
    """The person's own bookings and calls that end after ``since``, as "Busy".

    They look like any other discreet entry, so that nobody can tell them apart. Nothing of
    them is kept outside this app, not even that one has changed.
    """
    near = {"subject__in": tokens, "ends_at__gt": since}
    calls = [_of_call(call, time_zone) for call in FitCall.objects.filter(**near).order_by("pk")]
    bookings = Booking.objects.filter(**near).order_by("starts_at", "pk")
    return [*(_of_booking(booking, time_zone) for booking in bookings), *calls]


def _of_booking(booking: Booking, time_zone: str) -> StoredEvent:
    is_taken_back = booking.status in _TAKEN_BACK
    return _entry(
        booking,
        # Moved, taken back, put right again: each is a step on, and none goes back.
        sequence=2 * (booking.undo_count + booking.move_count) + is_taken_back,
        revised_at=booking.resolved_at or booking.moved_at or booking.booked_at,
        is_taken_back=is_taken_back,
        time_zone=time_zone,
    )


def _of_call(call: FitCall, time_zone: str) -> StoredEvent:
    return _entry(
        call,
        sequence=int(not call.is_open),
        revised_at=call.cancelled_at or call.booked_at,
        is_taken_back=not call.is_open,
        time_zone=time_zone,
    )


def _entry(
    one: Booking | FitCall,
    *,
    sequence: int,
    revised_at: datetime,
    is_taken_back: bool,
    time_zone: str,
) -> StoredEvent:
    entry = CalendarEvent(
        uid=str(one.request_id),
        sequence=sequence,
        revised_at=revised_at,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        time_zone=time_zone,
        summary=_("Busy"),
        status="CANCELLED" if is_taken_back else "CONFIRMED",
        transparent=is_taken_back,
        private=True,
    )
    return StoredEvent(render_vevent(entry), time_zone)
