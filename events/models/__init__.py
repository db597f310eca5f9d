"""What happens when (events), and who comes (rsvps)."""

from events.models.events import Event, Format, Occurrence, Topic, Visibility
from events.models.rsvps import CheckIn, Rsvp, Seats

__all__ = [
    "CheckIn",
    "Event",
    "Format",
    "Occurrence",
    "Rsvp",
    "Seats",
    "Topic",
    "Visibility",
]
