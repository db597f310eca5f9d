"""The cast of care: somebody with sessions, a practice with hours, and how they meet."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from accounts.models import User
from ambassadors.models import AdultConfirmation, Agreement, AgreementVersion, Consent
from tests.conftest import NOW
from tests.factories import (
    EnrolmentFactory,
    LicenceFactory,
    PracticeFactory,
    PracticeMembershipFactory,
    PractitionerFactory,
    ProgrammeFactory,
    ServiceTypeFactory,
    TermFactory,
    UserFactory,
    WeeklyHoursFactory,
)
from tests.therapy_credits.conftest import give, make_pool
from therapy_credits.models import (
    Account,
    Booking,
    Pool,
    PracticeMembership,
    Practitioner,
    ServiceType,
)
from therapy_credits.queries.balances import balance_of
from therapy_credits.services.bookings import Identity, Whereabouts, book_session
from therapy_credits.services.subjects import subject_for

LONDON = ZoneInfo("Europe/London")
# NOW is a Wednesday noon; the practice is open on Thursdays from nine, London time (UTC+1).
THURSDAY_NINE = dt.datetime(2026, 6, 4, 8, 0, tzinfo=dt.UTC)
NEXT_THURSDAY_NINE = THURSDAY_NINE + dt.timedelta(days=7)
HERE = Whereabouts("GB", "", LONDON)
# Sentinels: these words may stand nowhere but where they were meant to.
CLIENT_NAME = "Wren-the-client"
CLIENT_CONTACT = "wren@quiet.example.org"
PROGRAMME_NAME = "Programme-Nightjar"


@dataclass
class Client:
    """An ambassador with a lot of ``lot.left`` sessions from ``pool``."""

    user: User
    token: UUID
    lot: Account
    pool: Pool


@dataclass
class Desk:
    """A practice with one practitioner, open on Thursdays, and its front desk."""

    practitioner: Practitioner
    service: ServiceType
    membership: PracticeMembership


def make_client(
    name: str = "ambassador", units: int = 3, pool: Pool | None = None, user: User | None = None
) -> Client:
    """An adult with consent, active in a programme, who was given ``units``."""
    user = user or UserFactory(email=f"{name}@example.org", name=name.title())
    programme = ProgrammeFactory(name=f"{PROGRAMME_NAME} of {name}")
    enrolment = EnrolmentFactory(user=user, term=TermFactory(programme=programme))
    consent(user)
    AdultConfirmation.objects.get_or_create(user=user, defaults={"confirmed_at": NOW})
    subject = subject_for(
        user=user,
        programme=enrolment.term.programme,
        year=enrolment.term.starts_on.year,
        at=NOW,
    )
    pool = pool or make_pool(f"Pool of {name}")
    lot = give(pool, subject.token, units) if units else Account(kind="lot")
    return Client(user, subject.token, lot, pool)


def consent(user: User) -> Consent:
    """The person's yes to health data being handled."""
    agreement, _ = Agreement.objects.get_or_create(
        slug="health", defaults={"name": "Health data", "kind": Agreement.Kind.HEALTH_CONSENT}
    )
    version, _ = AgreementVersion.objects.get_or_create(
        agreement=agreement, number=1, defaults={"published_at": NOW}
    )
    return Consent.objects.create(
        user=user,
        version=version,
        given_at=NOW,
        locale_shown="en",
        text_sha256="0" * 64,
        snapshot="Yes.",
    )


def make_desk(name: str = "Lantern House", **practice: object) -> Desk:
    house = PracticeFactory(name=name, **practice)
    practitioner = PractitionerFactory(practice=house)
    LicenceFactory(practitioner=practitioner, country=house.country)
    service = ServiceTypeFactory(practice=house)
    WeeklyHoursFactory(practitioner=practitioner)
    membership = PracticeMembershipFactory(practice=house)
    return Desk(practitioner, service, membership)


def book(
    client: Client,
    desk: Desk,
    starts_at: dt.datetime = NEXT_THURSDAY_NINE,
    *,
    request_id: UUID | None = None,
    where: Whereabouts = HERE,
    at: dt.datetime = NOW,
    format: str = "online",
) -> Booking:
    return book_session(
        user=client.user,
        practitioner=desk.practitioner,
        service=desk.service,
        starts_at=starts_at,
        format=format,
        where=where,
        identity=Identity(CLIENT_NAME, CLIENT_CONTACT),
        request_id=request_id or uuid4(),
        at=at,
    )


def left_booked_used(client: Client, at: dt.datetime = NOW) -> tuple[int, int, int]:
    balance = balance_of([client.token], at=at)
    return balance.left, balance.booked, balance.used
