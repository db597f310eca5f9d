"""Who is enrolled in what, what they agreed to, and how they came to be asked."""

from ambassadors.models.absences import Absence
from ambassadors.models.agreements import (
    Acceptance,
    AdultConfirmation,
    Agreement,
    AgreementText,
    AgreementVersion,
    Consent,
)
from ambassadors.models.applications import (
    Application,
    Attachment,
    Criterion,
    Question,
    Review,
    Round,
    RoundReviewer,
)
from ambassadors.models.delegates import Delegate
from ambassadors.models.enrolments import (
    LEGAL_MOVES,
    Enrolment,
    EnrolmentChange,
    EnrolmentStatus,
    Reason,
)
from ambassadors.models.invitations import Invitation
from ambassadors.models.profiles import Activity, Profile, ProgrammeContact, PublicCard
from ambassadors.models.programmes import Programme, ProgrammeGrant, Term
from ambassadors.models.rosters import (
    RosterImport,
    RosterPart,
    RosterProblem,
    RosterResult,
    RosterRow,
)

__all__ = [
    "LEGAL_MOVES",
    "Absence",
    "Acceptance",
    "Activity",
    "AdultConfirmation",
    "Agreement",
    "AgreementText",
    "AgreementVersion",
    "Application",
    "Attachment",
    "Consent",
    "Criterion",
    "Delegate",
    "Enrolment",
    "EnrolmentChange",
    "EnrolmentStatus",
    "Invitation",
    "Profile",
    "Programme",
    "ProgrammeContact",
    "ProgrammeGrant",
    "PublicCard",
    "Question",
    "Reason",
    "Review",
    "RosterImport",
    "RosterPart",
    "RosterProblem",
    "RosterResult",
    "RosterRow",
    "Round",
    "RoundReviewer",
    "Term",
]
