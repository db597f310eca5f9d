"""What happens when (events, series), and who comes (rsvps)."""

from events.models.events import (
    CHOICES_OF_CURRENCY,
    HOSTS_SEE_FOR,
    LANGUAGES,
    Event,
    EventPhoto,
    Format,
    Occurrence,
    OfferHours,
    PriceKind,
    RefundHours,
    ReminderHours,
    SurveyKind,
    Topic,
    Visibility,
    new_uid,
)
from events.models.hosts import Host, HostLevel, HostStatus
from events.models.imports import ImportedEvent
from events.models.incidents import Incident, IncidentKind, IncidentQuerySet
from events.models.mailings import Mailing, Note, SurveyAnswer
from events.models.mails import DueMail
from events.models.payments import Payment
from events.models.questions import CARE_DAYS, Answer, Question, SeriesAnswer
from events.models.rsvps import CheckIn, Rsvp, Seats, new_rsvp_reference
from events.models.series import MONTH_WEEKS, WEEKDAYS, Series, SeriesRsvp

__all__ = [
    "CARE_DAYS",
    "CHOICES_OF_CURRENCY",
    "HOSTS_SEE_FOR",
    "LANGUAGES",
    "MONTH_WEEKS",
    "WEEKDAYS",
    "Answer",
    "CheckIn",
    "DueMail",
    "Event",
    "EventPhoto",
    "Format",
    "Host",
    "HostLevel",
    "HostStatus",
    "ImportedEvent",
    "Incident",
    "IncidentKind",
    "IncidentQuerySet",
    "Mailing",
    "Note",
    "Occurrence",
    "OfferHours",
    "Payment",
    "PriceKind",
    "Question",
    "RefundHours",
    "ReminderHours",
    "Rsvp",
    "Seats",
    "Series",
    "SeriesAnswer",
    "SeriesRsvp",
    "SurveyAnswer",
    "SurveyKind",
    "Topic",
    "Visibility",
    "new_rsvp_reference",
    "new_uid",
]
