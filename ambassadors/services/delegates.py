"""Asking somebody to handle one's dates, saying yes to it, and ending it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.services import audit
from ambassadors.domain.addresses import MixedAlphabets, NotAnAddress, normal_address
from ambassadors.errors import (
    AddressMixesAlphabets,
    AddressUnusable,
    AlreadyDelegate,
    InvitationUnusable,
    NotForAmbassadors,
    OneselfAsDelegate,
    TooManyDelegates,
)
from ambassadors.models import Delegate, Enrolment
from common.tokens import digest, new_secret
from notifications.services.messages import queue_message

LIFETIME = timedelta(days=14)
MOST = 5
PURPOSE = "delegate"


@transaction.atomic
def ask_delegate(*, ambassador: User, email: str, until_on: date | None, at: datetime) -> Delegate:
    """Ask whoever reads ``email`` to handle the dates of ``ambassador``, by mail.

    The mail names the ambassador, who wants it, and no programme.
    """
    try:
        address = normal_address(email)
    except MixedAlphabets as error:
        raise AddressMixesAlphabets from error
    except NotAnAddress as error:
        raise AddressUnusable from error
    User.objects.select_for_update(no_key=True).get(pk=ambassador.pk)
    if not Enrolment.objects.current().filter(user=ambassador).exists():
        raise NotForAmbassadors
    if address == ambassador.email:
        raise OneselfAsDelegate
    # Past their last day makes room, also for the same person again.
    ambassador.delegates.filter(ended_at__isnull=True, until_on__lt=at.date()).update(ended_at=at)
    standing = ambassador.delegates.standing(at=at)
    if standing.filter(email=address).exists():
        raise AlreadyDelegate
    if standing.count() >= MOST:
        raise TooManyDelegates
    secret = new_secret()
    delegate = Delegate.objects.create(
        ambassador=ambassador,
        email=address,
        until_on=until_on,
        secret_digest=digest(PURPOSE, secret),
        asked_at=at,
        expires_at=at + LIFETIME,
    )
    audit.record(ambassador, "delegate.ask", delegate, at)
    queue_message(
        key=f"delegate:{delegate.pk}",
        to=address,
        template="ambassadors/mail/delegate",
        context={
            "who": ambassador.get_short_name() if ambassador.name else ambassador.email,
            "expires_at": delegate.expires_at,
            "link": settings.BASE_URL + reverse("ambassadors:delegate-accept", args=[secret]),
        },
        language=ambassador.language,
        at=at,
    )
    return delegate


@transaction.atomic
def accept_delegate(*, delegate: Delegate, person: User, at: datetime) -> Delegate:
    """``person`` says yes; only whoever has the address that was asked. Twice is once."""
    row = Delegate.objects.select_for_update(of=("self",)).get(pk=delegate.pk)
    if row.person_id == person.pk and row.ended_at is None:
        return row
    if not row.is_open(at=at) or person.email != row.email or person.pk == row.ambassador_id:
        raise InvitationUnusable
    row.person, row.accepted_at = person, at
    row.save(update_fields=["person", "accepted_at"])
    audit.record(person, "delegate.accept", row, at, fields=["person"])
    return row


@transaction.atomic
def end_delegate(*, delegate: Delegate, by: User, at: datetime) -> Delegate:
    """Either of the two ends it, at once. Twice is once."""
    row = Delegate.objects.select_for_update(of=("self",)).get(pk=delegate.pk)
    if by.pk not in (row.ambassador_id, row.person_id):
        raise InvitationUnusable
    if row.ended_at is None:
        row.ended_at = at
        row.save(update_fields=["ended_at"])
        audit.record(by, "delegate.end", row, at, fields=["ended_at"])
    return row
