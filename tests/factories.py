"""One factory per model, shared by the tests and the demo data."""

from __future__ import annotations

import datetime as dt
from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.models import User
from ambassadors.models import Enrolment, Programme, Term
from events.models import Event, Occurrence, Rsvp, Visibility, new_rsvp_reference, new_uid

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

    @classmethod
    def _create(cls, model_class: type[Enrolment], *args: object, **kwargs: Any) -> Enrolment:
        first, *later = WAYS[kwargs.pop("status")]
        enrolment: Enrolment = super()._create(model_class, *args, status=first, **kwargs)
        for status in later:
            enrolment.status = status
            enrolment.save(update_fields=["status"])
        return enrolment
