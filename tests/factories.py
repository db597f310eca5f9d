"""One factory per model, shared by the tests and the demo data."""

from __future__ import annotations

import datetime as dt

import factory
from factory.django import DjangoModelFactory

from accounts.models import User
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
