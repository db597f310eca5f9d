"""Asking people to join a term, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.services import audit
from ambassadors.domain.addresses import MixedAlphabets, NotAnAddress, normal_address
from ambassadors.domain.names import name_key
from ambassadors.errors import (
    AddressMixesAlphabets,
    AddressUnusable,
    AdultsOnly,
    AlreadyEnrolled,
    AlreadyInvited,
    DeclinedBefore,
    InvitationUnusable,
    LivesElsewhere,
    SentJustNow,
    TermFull,
    TermOver,
)
from ambassadors.models import Enrolment, EnrolmentStatus, Invitation, Reason, Term
from ambassadors.queries import is_country_known, places_left, standing_invitation
from ambassadors.services import agreements
from common.hints import hint
from common.tokens import digest, matches, new_secret
from notifications.services.messages import queue_message

LIFETIME = timedelta(days=21)
# Between two mails to one address for one invitation.
PATIENCE = timedelta(minutes=10)
# How long a page that accepted may repeat itself (a double click, a slow network).
ECHO = timedelta(minutes=10)
PURPOSE = "invitation"


@dataclass(frozen=True)
class Joined:
    """Who used a link, and the enrolment that began with it."""

    user: User
    enrolment: Enrolment


@transaction.atomic
def invite_person(
    *, term: Term, email: str, name: str, language: str, by: User | None, at: datetime
) -> Invitation:
    """Ask one address to join ``term``, by mail. No account begins before the link is used."""
    try:
        address = normal_address(email)
    except MixedAlphabets as error:
        raise AddressMixesAlphabets from error
    except NotAnAddress as error:
        raise AddressUnusable from error
    # The term's row is the lock for its places.
    locked = Term.objects.select_for_update(of=("self",)).select_related("programme")
    row = locked.get(pk=term.pk)
    if row.is_over(at=at):
        raise TermOver
    if standing_invitation(term=row, email=address) is not None:
        raise AlreadyInvited
    if Enrolment.objects.filter(term=row, user__email=address).exists():
        raise AlreadyEnrolled
    if Invitation.objects.filter(term=row, email=address, declined_at__isnull=False).exists():
        raise DeclinedBefore
    if places_left(row) == 0:
        raise TermFull
    invitation = Invitation(
        term=row,
        email=address,
        name=name.strip(),
        name_key=name_key(name),
        language=language,
        invited_by=by,
        invited_at=at,
    )
    invitation.save(force_insert=True)
    audit.record(by, "invitation.create", invitation, at)
    return _send(invitation, at=at)


@transaction.atomic
def resend_invitation(*, invitation: Invitation, by: User | None, at: datetime) -> Invitation:
    """A new link by mail; the old one stops working. ``by`` is nobody when the person asked."""
    row = _locked(invitation)
    if row.state(at=at) not in (Invitation.State.SENT, Invitation.State.EXPIRED):
        raise InvitationUnusable
    if row.term.is_over(at=at):
        raise TermOver
    if row.sent_at is not None and row.sent_at > at - PATIENCE:
        raise SentJustNow
    audit.record(by, "invitation.resend", row, at)
    return _send(row, at=at)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User, at: datetime) -> Invitation:
    """Take the invitation back: its link stops working. Twice is once."""
    row = _locked(invitation)
    if row.revoked_at is not None:
        return row
    if row.accepted_at is not None or row.declined_at is not None:
        raise InvitationUnusable
    row.revoked_at = at
    row.save(update_fields=["revoked_at"])
    audit.record(by, "invitation.revoke", row, at, fields=["revoked_at"])
    return row


@transaction.atomic
def resend_run_out(*, term: Term, by: User, at: datetime) -> int:
    """Have every invitation of ``term`` that ran out unanswered sent anew; how many.

    The mails follow by a task, each with a new link. Until then the old links say nothing.
    """
    if term.is_over(at=at):
        raise TermOver
    waiting = term.invitations.run_out(at=at).update(secret_digest=None, expires_at=None)
    if waiting:
        audit.record(by, "term.invitations.resend", term, at)
        hint("invitations-waiting")
    return waiting


@transaction.atomic
def revoke_run_out(*, term: Term, by: User, at: datetime) -> int:
    """Take back every invitation of ``term`` that ran out unanswered: its place is free again."""
    revoked = term.invitations.run_out(at=at).update(revoked_at=at)
    if revoked:
        audit.record(by, "term.invitations.revoke", term, at, fields=["revoked_at"])
    return revoked


@transaction.atomic
def decline_invitation(*, invitation: Invitation, at: datetime) -> Invitation:
    """ "This is not me": no more mail to this address for this term. Twice is once."""
    row = _locked(invitation)
    if row.declined_at is not None:
        return row
    if row.accepted_at is not None or row.revoked_at is not None:
        raise InvitationUnusable
    row.declined_at = at
    row.save(update_fields=["declined_at"])
    return row


@transaction.atomic
def claim_invitation(
    *, invitation: Invitation, is_adult: bool, lives_there: bool, page_key: str, at: datetime
) -> Joined:
    """Use the link: an account with this address (made now if there is none), and an enrolment.

    Once. The page that did it may repeat itself with the same ``page_key`` and gets the same
    answer; anybody else hears that the link is used. Somebody under 18, or who lives in another
    country than that of the term, leaves no trace.
    """
    row = _locked(invitation)
    key = digest(PURPOSE, page_key)
    if row.accepted_at is not None:
        enrolment = row.enrolment
        if enrolment is None or not matches(row.accepted_key, key) or row.accepted_at < at - ECHO:
            raise InvitationUnusable
        return Joined(enrolment.user, enrolment)
    if row.state(at=at) is not Invitation.State.SENT:
        raise InvitationUnusable
    if row.term.is_over(at=at):
        raise TermOver
    if not is_adult:
        raise AdultsOnly
    is_asked = asks_country(row)
    if is_asked and not lives_there:
        raise LivesElsewhere
    agreements.ensure_texts(at=at)
    user = _person(row)
    agreements.confirm_adult(user=user, at=at)
    enrolment, _ = Enrolment.objects.get_or_create(
        term=row.term,
        user=user,
        defaults={
            "status": EnrolmentStatus.INVITED,
            "status_at": row.invited_at,
            "status_by": row.invited_by,
            "status_reason": Reason.NONE,
        },
    )
    if is_asked and enrolment.country_said_at is None:
        enrolment.country_said_at = at
        enrolment.save(update_fields=["country_said_at"])
    row.accepted_at, row.accepted_key, row.enrolment = at, key, enrolment
    row.save(update_fields=["accepted_at", "accepted_key", "enrolment"])
    return Joined(user, enrolment)


@transaction.atomic
def send_waiting_invitations(*, limit: int, at: datetime) -> int:
    """Send up to ``limit`` invitations that a roster made; how many were sent.

    Two workers never take the same one. Terms that ended meanwhile send nothing.
    """
    waiting = (
        Invitation.objects.unsent()
        .filter(term__ended_at__isnull=True)
        .select_related("term__programme")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("pk")[:limit]
    )
    count = 0
    for invitation in waiting:
        _send(invitation, at=at)
        count += 1
    return count


def asks_country(invitation: Invitation) -> bool:
    """Whether whoever joins by ``invitation`` is asked if they live in the country of its term."""
    if invitation.is_country_known:
        return False
    owner = owner_of(invitation.email)
    return not is_country_known(user=owner, market=invitation.term.market)


def owner_of(email: str) -> User | None:
    """Whose account this address is: the one they sign in with, or another they have proved."""
    owner = User.objects.filter(email=email).first()
    if owner is None:
        proved = EmailAddress.objects.filter(email=email, verified=True).select_related("user")
        owner = next((address.user for address in proved[:1]), None)
    return owner


def _person(invitation: Invitation) -> User:
    """The account of the invited address, proved by having had the mail."""
    user = owner_of(invitation.email)
    if user is None:
        user = User.objects.create_user(
            invitation.email, name=invitation.name, language=invitation.language
        )
    elif not user.is_active:
        raise InvitationUnusable
    has_primary = EmailAddress.objects.filter(user=user, primary=True).exists()
    EmailAddress.objects.update_or_create(
        user=user,
        email=invitation.email,
        defaults={"verified": True},
        create_defaults={"verified": True, "primary": not has_primary},
    )
    return user


def _locked(invitation: Invitation) -> Invitation:
    # Without the enrolment: whoever waited for the lock sees the new row but joins the rows of
    # before, and an enrolment made meanwhile would look absent.
    return (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("term__programme")
        .get(pk=invitation.pk)
    )


def _send(invitation: Invitation, *, at: datetime) -> Invitation:
    """A new secret, and the mail that holds it. Only its digest is kept."""
    secret = new_secret()
    invitation.secret_digest = digest(PURPOSE, secret)
    invitation.sent_at = at
    invitation.sent_count += 1
    invitation.expires_at = at + LIFETIME
    invitation.save(update_fields=["secret_digest", "sent_at", "sent_count", "expires_at"])
    programme = invitation.term.programme
    queue_message(
        key=f"invitation:{invitation.pk}:{invitation.sent_count}",
        to=invitation.email,
        template="ambassadors/mail/invitation",
        context={
            "name": invitation.name,
            # What a person belongs to may itself be private: then the mail does not say it.
            "programme": "" if programme.is_sensitive else programme.name,
            "term": "" if programme.is_sensitive else invitation.term.name,
            "expires_at": invitation.expires_at,
            "link": settings.BASE_URL + reverse("ambassadors:join", args=[secret]),
        },
        language=invitation.language,
        at=at,
    )
    return invitation
