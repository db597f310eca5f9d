"""Asking people to host an event, their answer, and every way in which it ends.

The event's row is the lock: an answer and a taking back, two answers, a publication and a yes
queue there, so that each sees what the other did.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.urls import reverse

from accounts.models import User
from accounts.queries import person_with
from accounts.services import audit
from ambassadors.domain.addresses import NotAnAddress, normal_address
from calendars.queries import EVENTS_FEED, personal_feed_key
from calendars.services.revisions import bump_all
from common.tokens import digest, new_secret
from events.errors import (
    AddressUnusable,
    AlreadyAsked,
    HostingClosed,
    HostSentJustNow,
    NobodyNewHosts,
    TooManyHosts,
)
from events.models import Event, Host, HostLevel, HostStatus, new_rsvp_reference
from events.queries import host_invitations_of
from events.services.host_mails import tell_of_hosting
from events.services.series_rsvps import show_as
from notifications.services.messages import queue_message

LIFETIME = timedelta(days=30)
# Between two mails to one address for one event.
PATIENCE = timedelta(minutes=10)
MOST = 20
PURPOSE = "host"
_PAST = (Event.Status.CANCELLED, Event.Status.COMPLETED)


@transaction.atomic
def ask_host(*, event: Event, email: str, level: str, by: User, at: datetime) -> Host:
    """Ask whoever reads ``email`` to host the event, by mail. Nothing begins before their yes.

    Raises AddressUnusable, AlreadyAsked, TooManyHosts and NobodyNewHosts.
    """
    try:
        address = normal_address(email)
    except NotAnAddress as error:
        raise AddressUnusable from error
    event = _locked(event)
    if event.status in _PAST:
        raise NobodyNewHosts
    standing = event.hosting.standing()
    if standing.filter(email=address).exists() or standing.filter(person__email=address).exists():
        raise AlreadyAsked
    if standing.count() >= MOST:
        raise TooManyHosts
    last = event.hosting.aggregate(last=Max("position"))["last"] or 0
    host = Host(
        event=event,
        email=address,
        level=HostLevel(level),
        position=last + 1,
        reference=new_rsvp_reference(),
        invited_by=by,
        invited_at=at,
        changed_at=at,
        sent_count=0,
    )
    _send(host, at=at)
    audit.record(by, "event.host_asked", event, at)
    return host


@transaction.atomic
def ask_host_again(*, host: Host, by: User, at: datetime) -> Host:
    """A new link by mail; the old one stops working. Raises HostingClosed, HostSentJustNow."""
    event = _locked(host.event)
    host = _now(host, event)
    if not host.is_invited or event.status in _PAST:
        raise HostingClosed
    if host.sent_at > at - PATIENCE:
        raise HostSentJustNow
    _send(host, at=at)
    audit.record(by, "event.host_asked_again", event, at)
    return host


@transaction.atomic
def accept_host(*, host: Host, person: User, name: str, is_shown: bool, at: datetime) -> Host:
    """``person`` says yes; only whoever has the address that was asked. Twice is once.

    ``name`` is how the event's page calls them, where ``is_shown``. Their calendar gets the dates
    that are published. Raises HostingClosed.
    """
    event = _locked(host.event)
    host = _now(host, event)
    if host.is_accepted and host.person_id == person.pk:
        return host
    if not host_invitations_of(person, at=at).filter(pk=host.pk).exists():
        raise HostingClosed
    if event.hosting.accepted().filter(person=person).exists():
        raise HostingClosed
    before = event.hosting.filter(person=person).aggregate(last=Max("sequence"))["last"]
    host.person, host.status, host.accepted_at = person, HostStatus.ACCEPTED, at
    host.name, host.is_shown = name.strip(), is_shown
    host.sequence = _first_sequence(event, person) if before is None else before + 1
    _save(host, at, "person", "status", "accepted_at", "name", "is_shown", "sequence")
    audit.record(person, "event.host_accepted", event, at)
    # As a host their calendar has each date by itself.
    for series_rsvp in event.series_rsvps.active().filter(user=person):
        show_as(series_rsvp=series_rsvp, is_repeating=False, is_chosen=False, at=at)
    tell_of_hosting(host, "host_accepted", at=at)
    _bump(host, at)
    return host


@transaction.atomic
def decline_host(*, host: Host, person: User, at: datetime) -> Host:
    """``person`` says no. Twice is once. Raises HostingClosed."""
    event = _locked(host.event)
    host = _now(host, event)
    if host.status == HostStatus.DECLINED:
        return host
    if not host_invitations_of(person, at=at).filter(pk=host.pk).exists():
        raise HostingClosed
    host.status, host.ended_at = HostStatus.DECLINED, at
    _save(host, at, "status", "ended_at")
    audit.record(person, "event.host_declined", event, at)
    return host


@transaction.atomic
def resign_host(*, host: Host, at: datetime) -> Host:
    """The host stops, at once. Their calendar is told. Twice is once."""
    event = _locked(host.event)
    host = _now(host, event)
    if host.is_accepted:
        _end(host, HostStatus.RESIGNED, at)
        audit.record(host.person, "event.host_resigned", event, at)
    return host


@transaction.atomic
def take_back_host(*, host: Host, by: User, at: datetime) -> Host:
    """Whoever was asked cannot say yes any more; whoever hosts is told that it has ended.

    Twice is once, and what the person ended themselves stays theirs.
    """
    event = _locked(host.event)
    host = _now(host, event)
    if host.is_accepted:
        _end(host, HostStatus.REMOVED, at)
    elif host.is_invited:
        host.status, host.ended_at = HostStatus.REMOVED, at
        _save(host, at, "status", "ended_at")
    else:
        return host
    audit.record(by, "event.host_taken_back", event, at)
    return host


@transaction.atomic
def name_host(*, host: Host, name: str, is_shown: bool, at: datetime) -> Host:
    """How the event's page calls this host, or that it does not name them. Raises HostingClosed."""
    event = _locked(host.event)
    host = _now(host, event)
    if not host.is_accepted:
        raise HostingClosed
    host.name, host.is_shown = name.strip(), is_shown
    _save(host, at, "name", "is_shown")
    audit.record(host.person, "event.host_named", event, at)
    _bump(host, at)
    return host


@transaction.atomic
def set_host_level(*, host: Host, level: str, by: User, at: datetime) -> Host:
    """Let them change the words of the event, or not any more. Again changes nothing."""
    event = _locked(host.event)
    host = _now(host, event)
    if host.ended_at is None and host.level != HostLevel(level):
        host.level = HostLevel(level)
        _save(host, at, "level")
        audit.record(by, "event.host_level", event, at, [host.level])
    return host


@transaction.atomic
def move_host_up(*, host: Host, at: datetime) -> None:
    """Name this host before the one who is named before them. The first stays first."""
    event = _locked(host.event)
    order = list(event.hosting.standing().order_by("position", "pk"))
    index = next((number for number, one in enumerate(order) if one.pk == host.pk), 0)
    if index:
        order[index - 1 : index + 1] = [order[index], order[index - 1]]
        for number, one in enumerate(order, start=1):
            one.position = number
        Host.objects.bulk_update(order, ["position"])


def _locked(event: Event) -> Event:
    return Event.objects.select_for_update(no_key=True).get(pk=event.pk)


def _now(host: Host, event: Event) -> Host:
    """The row as it is under the lock."""
    now = Host.objects.select_related("person").get(pk=host.pk)
    now.event = event
    return now


def _save(host: Host, at: datetime, *fields: str) -> None:
    host.changed_at = at
    host.save(update_fields=[*fields, "changed_at"])


def _end(host: Host, status: HostStatus, at: datetime) -> None:
    assert host.person is not None  # they have accepted
    host.status, host.ended_at, host.sequence = status, at, host.sequence + 1
    _save(host, at, "status", "ended_at", "sequence")
    tell_of_hosting(host, "host_ended", at=at)
    _bump(host, at)


def _bump(host: Host, at: datetime) -> None:
    """Their own calendar has changed, and what is found by their name."""
    bump_all([EVENTS_FEED, personal_feed_key(host.person_id or 0)], at=at)


def _first_sequence(event: Event, person: User) -> int:
    """One more than the date's where an answer of theirs has ended: calendars heard of that."""
    rsvps = person.rsvps.filter(
        occurrence__event=event, status__in=["declined", "left", "released"]
    )
    return int(rsvps.exists())


def _send(host: Host, *, at: datetime) -> None:
    """A new secret, and the mail that holds it. Only its digest is kept."""
    event, secret = host.event, new_secret()
    host.secret_digest = digest(PURPOSE, secret)
    host.sent_at, host.sent_count, host.expires_at = at, host.sent_count + 1, at + LIFETIME
    host.save()
    person = person_with(host.email)
    queue_message(
        key=f"host:{host.reference}:asked:{host.sent_count}",
        to=host.email,
        template="events/mail/host_asked",
        context={
            # What only members see is not named in a mail that may reach somebody else.
            "title": "" if event.is_restricted else event.title,
            "is_cohost": host.is_cohost,
            "expires_at": host.expires_at,
            "link": settings.BASE_URL + reverse("events:host-invitation", args=[secret]),
        },
        language=person.language if person else event.language,
        at=at,
    )
