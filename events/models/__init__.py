"""What happens when (events), and who comes (rsvps)."""

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
from events.models.rsvps import CheckIn, Rsvp, Seats, new_rsvp_reference

__all__ = [
    "LANGUAGES",
    "CheckIn",
    "Event",
    "Format",
    "Occurrence",
    "OfferHours",
    "Rsvp",
    "Seats",
    "Topic",
    "Visibility",
    "new_rsvp_reference",
    "new_uid",
]
