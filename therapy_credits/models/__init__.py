"""The tables of therapy credits: the ledger, the pools behind it, and what stands round them."""

from therapy_credits.models.adjustments import Adjustment
from therapy_credits.models.bookings import Booking, SessionCode
from therapy_credits.models.desk import (
    CareCase,
    CareDesk,
    DeskAbsence,
    DeskException,
    DeskHours,
)
from therapy_credits.models.fit_calls import FitCall
from therapy_credits.models.gifts import Gift
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
from therapy_credits.models.pools import Expiry, Funding, Limits, Policy, Pool
from therapy_credits.models.practices import (
    BusyTime,
    FitCallLength,
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
    WeeklyWindow,
)
from therapy_credits.models.privacy import CareDoor, Concern, SafeguardingLead
from therapy_credits.models.statements import Statement, StatementLine
from therapy_credits.models.subjects import CareKey, Subject

__all__ = [
    "CHARGES",
    "VOIDS",
    "Account",
    "AccountQuerySet",
    "Adjustment",
    "Booking",
    "BusyTime",
    "CareCase",
    "CareDesk",
    "CareDoor",
    "CareKey",
    "Code",
    "Concern",
    "DeskAbsence",
    "DeskException",
    "DeskHours",
    "Expiry",
    "FitCall",
    "FitCallLength",
    "Format",
    "Funding",
    "Gift",
    "HoursException",
    "Kind",
    "Licence",
    "Limits",
    "MissedSessionRule",
    "Phase",
    "Policy",
    "Pool",
    "Practice",
    "PracticeInvitation",
    "PracticeMembership",
    "Practitioner",
    "SafeguardingLead",
    "ServiceType",
    "SessionCode",
    "Statement",
    "StatementLine",
    "Subject",
    "Topic",
    "Transfer",
    "WeeklyHours",
    "WeeklyWindow",
]
