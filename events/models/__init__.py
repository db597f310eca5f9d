"""What happens when (events, series), and who comes (rsvps)."""

from events.models.events import (
    LANGUAGES,
    Event,
    Format,
    Occurrence,
    OfferHours,
    Topic,
    Visibility,
    new_uid,
)
from events.models.imports import ImportedEvent
from events.models.rsvps import CheckIn, Rsvp, Seats, new_rsvp_reference
from events.models.series import MONTH_WEEKS, WEEKDAYS, Series, SeriesRsvp

__all__ = [
    "LANGUAGES",
    "MONTH_WEEKS",
    "WEEKDAYS",
    "CheckIn",
    "Event",
    "Format",
    "ImportedEvent",
    "Occurrence",
    "OfferHours",
    "Rsvp",
    "Seats",
    "Series",
    "SeriesRsvp",
    "Topic",
    "Visibility",
    "new_rsvp_reference",
    "new_uid",
]
