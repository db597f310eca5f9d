"""The tables of therapy credits: the ledger, the pools behind it, and what stands round them."""

from therapy_credits.models.bookings import Booking, SessionCode
from therapy_credits.models.ledger import (
    CHARGES,
    VOIDS,
    Account,
    AccountQuerySet,
    Code,
    Kind,
    Phase,
    Transfer,
)
from therapy_credits.models.missed import MissedSessionRule
from therapy_credits.models.pools import Expiry, Funding, Policy, Pool
from therapy_credits.models.practices import (
    Format,
    HoursException,
    Licence,
    Practice,
    PracticeInvitation,
    PracticeMembership,
    Practitioner,
    ServiceType,
    Topic,
    WeeklyHours,
)
from therapy_credits.models.subjects import Subject

__all__ = [
    "CHARGES",
    "VOIDS",
    "Account",
    "AccountQuerySet",
    "Booking",
    "Code",
    "Expiry",
    "Format",
    "Funding",
    "HoursException",
    "Kind",
    "Licence",
    "MissedSessionRule",
    "Phase",
    "Policy",
    "Pool",
    "Practice",
    "PracticeInvitation",
    "PracticeMembership",
    "Practitioner",
    "ServiceType",
    "SessionCode",
    "Subject",
    "Topic",
    "Transfer",
    "WeeklyHours",
]
