"""One factory per model, shared by the tests and the demo data."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import factory
from factory.django import DjangoModelFactory

from accounts.models import User
from ambassadors.models import Enrolment, Programme, Term
from common import tokens
from common.codes import new_code, new_reference
from events.models import Event, Occurrence, Rsvp, Visibility, new_rsvp_reference, new_uid
from therapy_credits.models import (
    Booking,
    CareCase,
    CareKey,
    FitCall,
    Gift,
    Licence,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
    SessionCode,
    Statement,
    WeeklyHours,
)

NOW = dt.datetime(2026, 6, 3, 12, 0, tzinfo=dt.UTC)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")


class EventFactory(DjangoModelFactory[Event]):
    """A published public event with everything it must say; its dates are made apart."""

    class Meta:
        model = Event

    slug = factory.Sequence(lambda n: f"evening-circle-{n}")
    title = factory.Sequence(lambda n: f"Evening circle {n}")
    summary = "An unhurried hour to land after the week."
    body = "Come as you are. **Nothing to prepare.**"
    status = Event.Status.PUBLISHED
    visibility = Visibility.PUBLIC
    time_zone = "Europe/Berlin"
    place_name = "Studio Lindenhof"
    address = "Lindenstrasse 12, Berlin"
    safety_lead = "Mara Lindqvist"
    host_briefing = "Open the room 20 minutes early; introduce the safety lead by name."
    emergency_number = "112"
    emergency_address = "Lindenstrasse 12, 10969 Berlin, courtyard door"
    quiet_space = "The small control room, second door on the left"
    published_at = NOW - dt.timedelta(days=7)
    edited_at = NOW - dt.timedelta(days=7)


class OccurrenceFactory(DjangoModelFactory[Occurrence]):
    """Tomorrow at 18:00 in Berlin for ninety minutes, without a limit of places."""

    class Meta:
        model = Occurrence

    event = factory.SubFactory(EventFactory)
    starts_at = dt.datetime(2026, 6, 4, 16, 0, tzinfo=dt.UTC)
    ends_at = factory.LazyAttribute(lambda o: o.starts_at + dt.timedelta(minutes=90))
    starts_on = factory.LazyAttribute(lambda o: o.starts_at.astimezone(o.event.zone).date())
    uid = factory.LazyFunction(new_uid)
    revised_at = NOW - dt.timedelta(days=7)


class RsvpFactory(DjangoModelFactory[Rsvp]):
    """A person with an account who is going alone."""

    class Meta:
        model = Rsvp

    occurrence = factory.SubFactory(OccurrenceFactory)
    user = factory.SubFactory(UserFactory)
    status = Rsvp.Status.GOING
    reference = factory.LazyFunction(new_rsvp_reference)
    placed_at = NOW
    changed_at = NOW


class ProgrammeFactory(DjangoModelFactory[Programme]):
    """A programme of London that anybody may read about and that says nothing private."""

    class Meta:
        model = Programme

    name = factory.Sequence(lambda n: f"Open Door {n}")
    slug = factory.Sequence(lambda n: f"open-door-{n}")
    summary = "Time, company and quiet help for artists on the road."
    time_zone = "Europe/London"
    is_sensitive = False
    is_listed = True
    contact_email = "programme@example.org"


class TermFactory(DjangoModelFactory[Term]):
    """The whole of 2026 in the United Kingdom, without a limit of places."""

    class Meta:
        model = Term

    programme = factory.SubFactory(ProgrammeFactory)
    name = factory.Sequence(lambda n: f"2026 {n}")
    starts_on = dt.date(2026, 1, 1)
    ends_on = dt.date(2026, 12, 31)
    market = "GB"


# How an enrolment comes to a status: the database takes no other way.
WAYS: dict[str, tuple[str, ...]] = {
    "invited": ("invited",),
    "applied": ("applied",),
    "approved": ("applied", "approved"),
    "onboarding": ("invited", "onboarding"),
    "active": ("invited", "onboarding", "active"),
    "paused": ("invited", "onboarding", "active", "paused"),
    "alumni": ("invited", "onboarding", "active", "alumni"),
    "removed": ("invited", "removed"),
}


class EnrolmentFactory(DjangoModelFactory[Enrolment]):
    """An active person, who came there by every step before (``status`` says how far)."""

    class Meta:
        model = Enrolment

    term = factory.SubFactory(TermFactory)
    user = factory.SubFactory(UserFactory)
    status = "active"
    status_at = NOW - dt.timedelta(days=7)
    country_said_at = NOW - dt.timedelta(days=7)

    @classmethod
    def _create(cls, model_class: type[Enrolment], *args: object, **kwargs: Any) -> Enrolment:
        first, *later = WAYS[kwargs.pop("status")]
        enrolment: Enrolment = super()._create(model_class, *args, status=first, **kwargs)
        for status in later:
            enrolment.status = status
            enrolment.save(update_fields=["status"])
        return enrolment


class PracticeFactory(DjangoModelFactory[Practice]):
    """An active practice in London, checked by two people; bookings twelve hours ahead."""

    class Meta:
        model = Practice

    slug = factory.Sequence(lambda n: f"lantern-house-{n}")
    organisation = factory.Sequence(lambda n: f"Lantern House {n} Ltd")
    name = factory.Sequence(lambda n: f"Lantern House {n}")
    status = Practice.Status.ACTIVE
    country = "GB"
    languages = ["en"]
    time_zone = "Europe/London"
    contact_email = factory.Sequence(lambda n: f"desk{n}@lantern.example.org")
    created_at = NOW
    checked_by = factory.SubFactory(UserFactory)
    checked_at = NOW
    confirmed_by = factory.SubFactory(UserFactory)
    confirmed_at = NOW


class PractitionerFactory(DjangoModelFactory[Practitioner]):
    """Somebody who speaks English and sees people online and in the room."""

    class Meta:
        model = Practitioner

    practice = factory.SubFactory(PracticeFactory)
    slug = factory.Sequence(lambda n: f"noor-abadi-{n}")
    name = factory.Sequence(lambda n: f"Noor Abadi {n}")
    languages = ["en"]
    topics = ["touring", "sleep"]
    formats = ["online", "in_person"]
    bio = "Worked as a sound engineer before training."
    place = "3 Lantern Yard, London"
    join_url = "https://meet.example.org/lantern"


class LicenceFactory(DjangoModelFactory[Licence]):
    """A registration for all of the country, checked by two people."""

    class Meta:
        model = Licence

    practitioner = factory.SubFactory(PractitionerFactory)
    kind = Licence.Kind.REGISTER
    authority = "An invented register"
    number = factory.Sequence(lambda n: f"R{n:06}")
    country = "GB"
    expires_on = dt.date(2027, 6, 3)
    evidence = "Looked up in the register on 1 June 2026."
    added_at = NOW
    checked_by = factory.SubFactory(UserFactory)
    checked_at = NOW
    confirmed_by = factory.SubFactory(UserFactory)
    confirmed_at = NOW


class ServiceTypeFactory(DjangoModelFactory[ServiceType]):
    """Fifty minutes, one session, 60.00 GBP; offered, as two people have looked at it."""

    class Meta:
        model = ServiceType

    practice = factory.SubFactory(PracticeFactory)
    name = "50 minutes"
    minutes = 50
    units = 1
    rate_minor = 6000
    currency = "GBP"
    is_active = True
    checked_by = factory.SubFactory(UserFactory)
    checked_at = NOW
    confirmed_by = factory.SubFactory(UserFactory)
    confirmed_at = NOW


class WeeklyHoursFactory(DjangoModelFactory[WeeklyHours]):
    """Thursdays, nine to five."""

    class Meta:
        model = WeeklyHours

    practitioner = factory.SubFactory(PractitionerFactory)
    weekday = WeeklyHours.Weekday.THURSDAY
    starts = dt.time(9)
    ends = dt.time(17)


class PracticeMembershipFactory(DjangoModelFactory[PracticeMembership]):
    class Meta:
        model = PracticeMembership

    practice = factory.SubFactory(PracticeFactory)
    user = factory.SubFactory(UserFactory)
    role = PracticeMembership.Role.FRONT_DESK
    started_at = NOW


def told(token: UUID, text: str, purpose: str) -> str:
    """``text`` under the key of ``token``, which is made where there is none: of nobody."""
    key = CareKey.objects.filter(token=token).first()
    if key is None:
        key = CareKey.new(token)
        key.save(force_insert=True)
    return key.seal(text, purpose)


class BookingFactory(DjangoModelFactory[Booking]):
    """A row of a booking, without a hold in the ledger: for constraints and pages only."""

    class Meta:
        model = Booking

    reference = factory.LazyFunction(new_reference)
    request_id = factory.LazyFunction(uuid4)
    subject = factory.LazyFunction(uuid4)
    pool = None
    practitioner = factory.SubFactory(PractitionerFactory)
    practice = factory.SelfAttribute("practitioner.practice")
    service = factory.SubFactory(
        ServiceTypeFactory, practice=factory.SelfAttribute("..practitioner.practice")
    )
    starts_at = NOW + dt.timedelta(days=1)
    ends_at = factory.LazyAttribute(lambda one: one.starts_at + dt.timedelta(minutes=50))
    format = "online"
    sealed_name = factory.LazyAttribute(lambda one: told(one.subject, "Wren", "booking.name"))
    sealed_contact = factory.LazyAttribute(
        lambda one: told(one.subject, "wren@example.org", "booking.contact")
    )
    country = "GB"
    hold_group = factory.LazyFunction(uuid4)
    hold_until = factory.LazyAttribute(lambda one: one.ends_at + dt.timedelta(days=30))
    units = 1
    rate_minor = 6000
    currency = "GBP"
    booked_at = NOW


class FitCallFactory(DjangoModelFactory[FitCall]):
    """A first call that somebody arranged."""

    class Meta:
        model = FitCall

    reference = factory.LazyFunction(new_reference)
    request_id = factory.LazyFunction(uuid4)
    subject = factory.LazyFunction(uuid4)
    practitioner = factory.SubFactory(PractitionerFactory)
    starts_at = NOW + dt.timedelta(days=1)
    ends_at = factory.LazyAttribute(lambda one: one.starts_at + dt.timedelta(minutes=15))
    sealed_name = factory.LazyAttribute(lambda one: told(one.subject, "Wren", "fit-call.name"))
    sealed_contact = factory.LazyAttribute(
        lambda one: told(one.subject, "wren@example.org", "fit-call.contact")
    )
    country = "GB"
    language = "en"
    format = "online"
    booked_at = NOW


class SessionCodeFactory(DjangoModelFactory[SessionCode]):
    """A row of a code nobody knows the text of, without a hold in the ledger."""

    class Meta:
        model = SessionCode

    reference = factory.LazyFunction(new_reference)
    request_id = factory.LazyFunction(uuid4)
    digest = factory.LazyFunction(lambda: tokens.digest("session-code", new_code()))
    last_four = "7KQ2"
    subject = factory.LazyFunction(uuid4)
    pool = None
    hold_group = factory.LazyFunction(uuid4)
    issued_at = NOW
    expires_at = NOW + dt.timedelta(days=60)


class GiftFactory(DjangoModelFactory[Gift]):
    """A row of a gift just given, without its units in the ledger."""

    class Meta:
        model = Gift

    id = factory.LazyFunction(uuid4)
    giver_subject = factory.LazyFunction(uuid4)
    subject = factory.LazyFunction(uuid4)
    pool = None
    units = 1
    link_digest = factory.LazyFunction(lambda: tokens.digest("gift-link", tokens.new_secret()))
    code_digest = factory.LazyFunction(lambda: tokens.digest("gift-code", tokens.new_secret()))
    given_at = NOW
    sends_at = factory.LazyAttribute(lambda one: one.given_at + dt.timedelta(minutes=30))
    expires_at = factory.LazyAttribute(lambda one: one.given_at + dt.timedelta(days=30))


class CareCaseFactory(DjangoModelFactory[CareCase]):
    """Somebody said of a booking that it is not right; nobody has taken the case."""

    class Meta:
        model = CareCase

    reference = factory.LazyFunction(new_reference)
    kind = "dispute"
    booking = factory.SubFactory(BookingFactory)
    subject = factory.SelfAttribute("booking.subject")
    opened_at = NOW
    due_at = NOW + dt.timedelta(days=2)


class StatementFactory(DjangoModelFactory[Statement]):
    """An approved statement of May, without lines."""

    class Meta:
        model = Statement

    id = factory.LazyFunction(uuid4)
    practice = factory.SubFactory(PracticeFactory)
    currency = "GBP"
    month = dt.date(2026, 5, 1)
    status = "approved"
    drafted_at = NOW
    approved_at = NOW
