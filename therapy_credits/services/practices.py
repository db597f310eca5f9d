"""Setting practices up, and what a practice changes of itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import audit
from common import tokens
from therapy_credits.domain.slots import Span
from therapy_credits.errors import (
    InvitationSpent,
    LicenceAlreadyChecked,
    NotPausedByItself,
    PracticeAlreadyChecked,
    PracticeNotReady,
    PracticeNotVerified,
    ServiceAlreadyChecked,
    WorksElsewhere,
)
from therapy_credits.models import (
    BusyTime,
    HoursException,
    Licence,
    Practice,
    PracticeInvitation,
    PracticeMembership,
    Practitioner,
    ServiceType,
    WeeklyHours,
)
from therapy_credits.services import care_mail

INVITATION_LIFE = dt.timedelta(days=14)


@transaction.atomic
def save_practice(
    *, practice: Practice, by: User, at: dt.datetime, fields: Sequence[str] = ()
) -> Practice:
    """Create ``practice``, or keep what was changed of it."""
    is_new = practice.pk is None
    if is_new:
        practice.created_at = at
    practice.save()
    audit.record(by, "practice.create" if is_new else "practice.edit", practice, at, list(fields))
    return practice


@transaction.atomic
def set_status(
    *, practice: Practice, status: Practice.Status, by: User, at: dt.datetime
) -> Practice:
    """Open, pause or end a practice. What is booked stays booked.

    Raises PracticeNotReady when it is to be opened without anything to offer, and
    PracticeNotVerified where two people have not checked it.
    """
    practice = Practice.objects.select_for_update(no_key=True).get(pk=practice.pk)
    if status == Practice.Status.ACTIVE:
        _check_ready(practice)
    if status in (Practice.Status.ACTIVE, Practice.Status.PAUSED) and not practice.is_verified:
        raise PracticeNotVerified
    practice.status, practice.paused_by_itself = status, False
    practice.save(update_fields=["status", "paused_by_itself"])
    audit.record(by, f"practice.{status}", practice, at, ["status"])
    return practice


@transaction.atomic
def check_practice(*, practice: Practice, by: User, at: dt.datetime) -> Practice:
    """Say that the practice is what was entered of it. The second person opens it to clients.

    It is a look at each of its rates too, which are offered from the second look on. Raises
    PracticeNotReady where there is nothing to check yet, and PracticeAlreadyChecked for the
    same person again; a verified practice stays as it is.
    """
    practice = Practice.objects.select_for_update(no_key=True).get(pk=practice.pk)
    if practice.is_verified:
        return practice
    if practice.checked_by_id == by.pk:
        raise PracticeAlreadyChecked
    _check_ready(practice)
    practice.note_check(by, at)
    for service in practice.service_types.filter(confirmed_at=None).exclude(checked_by=by):
        _look_at(service, by, at)
    if practice.is_verified and practice.status == Practice.Status.PENDING:
        practice.status = Practice.Status.ACTIVE
    practice.save(
        update_fields=["checked_by", "checked_at", "confirmed_by", "confirmed_at", "status"]
    )
    audit.record(by, "practice.check", practice, at, ["status"] if practice.is_verified else [])
    return practice


def _check_ready(practice: Practice) -> None:
    offers = practice.service_types.not_ended().exists()
    if not offers or not practice.practitioners.exists():
        raise PracticeNotReady


@transaction.atomic
def pause_itself(*, membership: PracticeMembership, is_paused: bool, at: dt.datetime) -> Practice:
    """The practice takes no new bookings for now, or takes them again. What is booked stays.

    Raises NotPausedByItself where staff paused it.
    """
    practice = Practice.objects.select_for_update(no_key=True).get(pk=membership.practice_id)
    wanted = Practice.Status.PAUSED if is_paused else Practice.Status.ACTIVE
    if practice.status == wanted:
        return practice
    may = practice.status == Practice.Status.ACTIVE or practice.paused_by_itself
    if not may:
        raise NotPausedByItself
    practice.status, practice.paused_by_itself = wanted, is_paused
    practice.save(update_fields=["status", "paused_by_itself"])
    audit.record(membership.user, f"practice.{wanted}", practice, at, ["status"])
    return practice


@transaction.atomic
def offer_fit_call(*, practitioner: Practitioner, minutes: int) -> None:
    """Offer a free first call of so many minutes, or none with 0. What is arranged stays."""
    Practitioner.objects.filter(pk=practitioner.pk).update(fit_call_minutes=minutes)


@transaction.atomic
def replace_busy_times(*, practitioner: Practitioner, spans: Sequence[Span]) -> int:
    """Take these times, from the calendar they exported, in place of those before. How many."""
    Practitioner.objects.select_for_update(no_key=True).get(pk=practitioner.pk)
    BusyTime.objects.filter(practitioner=practitioner).delete()
    rows = [BusyTime(practitioner=practitioner, starts_at=a, ends_at=b) for a, b in spans]
    return len(BusyTime.objects.bulk_create(rows))


@transaction.atomic
def save_service(*, service: ServiceType, by: User, at: dt.datetime) -> ServiceType:
    """Add a kind of session. It is offered when two people have looked at it, and its rate is
    fixed for a booking when the booking is made."""
    service.save()
    audit.record(by, "practice.service", service.practice, at, ["service_types"])
    return service


@transaction.atomic
def check_service(*, service: ServiceType, by: User, at: dt.datetime) -> ServiceType:
    """Say that its rate, length and sessions are as agreed. The second person has it offered.

    Raises ServiceAlreadyChecked for the same person again; a verified one stays as it is.
    """
    service = ServiceType.objects.select_for_update(no_key=True).get(pk=service.pk)
    if service.is_verified:
        return service
    if service.checked_by_id == by.pk:
        raise ServiceAlreadyChecked
    _look_at(service, by, at)
    audit.record(by, "practice.service-check", service.practice, at, ["service_types"])
    return service


@transaction.atomic
def end_service(*, service: ServiceType, by: User, at: dt.datetime) -> None:
    """It is offered no more, and what is booked stays. What was never offered is taken away.

    Again changes nothing.
    """
    service = ServiceType.objects.select_for_update(no_key=True).get(pk=service.pk)
    if service.is_verified and not service.is_active:
        return
    if service.is_verified:
        service.is_active = False
        service.save(update_fields=["is_active"])
    else:
        service.delete()
    audit.record(by, "practice.service-end", service.practice, at, ["service_types"])


def _look_at(service: ServiceType, by: User, at: dt.datetime) -> None:
    service.note_check(by, at)
    service.is_active = service.is_verified
    service.save(
        update_fields=["checked_by", "checked_at", "confirmed_by", "confirmed_at", "is_active"]
    )


@transaction.atomic
def save_practitioner(
    *, practitioner: Practitioner, by: User, at: dt.datetime, fields: Sequence[str] = ()
) -> Practitioner:
    practitioner.save()
    audit.record(by, "practice.practitioner", practitioner.practice, at, list(fields))
    return practitioner


@transaction.atomic
def add_licence(*, licence: Licence, by: User, at: dt.datetime) -> Licence:
    """Add a licence. It opens nothing until two people have checked it."""
    licence.added_at = at
    licence.save()
    audit.record(by, "licence.add", licence.practitioner.practice, at, ["licences"])
    return licence


@transaction.atomic
def check_licence(*, licence: Licence, by: User, at: dt.datetime) -> Licence:
    """Say that the evidence was looked at. The second person makes the licence count.

    Raises LicenceAlreadyChecked for the same person again; a verified licence stays as it is.
    """
    licence = Licence.objects.select_for_update(no_key=True).get(pk=licence.pk)
    if licence.is_verified:
        return licence
    if licence.checked_by_id == by.pk:
        raise LicenceAlreadyChecked
    licence.note_check(by, at)
    licence.save()
    audit.record(by, "licence.check", licence.practitioner.practice, at, ["licences"])
    return licence


@transaction.atomic
def invite_member(
    *,
    practice: Practice,
    email: str,
    role: str,
    practitioner: Practitioner | None,
    by: User,
    at: dt.datetime,
) -> PracticeInvitation:
    """Send a link that makes somebody a member. A new one replaces those still open."""
    PracticeInvitation.objects.filter(
        practice=practice, email=email.lower(), accepted_at=None, expires_at__gt=at
    ).update(expires_at=at)
    secret = tokens.new_secret()
    invitation = PracticeInvitation.objects.create(
        practice=practice,
        practitioner=practitioner,
        email=email.lower(),
        role=role,
        digest=_digest(secret),
        invited_by=by,
        invited_at=at,
        expires_at=at + INVITATION_LIFE,
    )
    care_mail.invite_member(invitation, secret, at)
    audit.record(by, "practice.invite", practice, at, ["memberships"])
    return invitation


def find_invitation(secret: str) -> PracticeInvitation | None:
    """The invitation a link is for, spent or not; nothing for an unknown one."""
    return (
        PracticeInvitation.objects.select_related("practice").filter(digest=_digest(secret)).first()
    )


@transaction.atomic
def accept_invitation(
    *, invitation: PracticeInvitation, user: User, at: dt.datetime
) -> PracticeMembership:
    """Make ``user`` a member. Raises InvitationSpent and WorksElsewhere."""
    invitation = PracticeInvitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
    mine = PracticeMembership.objects.current().filter(user=user).first()
    if mine and mine.practice_id == invitation.practice_id and invitation.accepted_at:
        return mine
    if invitation.accepted_at or invitation.expires_at <= at:
        raise InvitationSpent
    if mine:
        raise WorksElsewhere
    try:
        with transaction.atomic():
            membership = PracticeMembership.objects.create(
                practice=invitation.practice, user=user, role=invitation.role, started_at=at
            )
    except IntegrityError as refusal:
        raise WorksElsewhere from refusal
    if invitation.practitioner_id:
        Practitioner.objects.filter(pk=invitation.practitioner_id, user=None).update(user=user)
    invitation.accepted_at = at
    invitation.save(update_fields=["accepted_at"])
    audit.record(user, "practice.join", invitation.practice, at, ["memberships"])
    return membership


@transaction.atomic
def end_membership(*, membership: PracticeMembership, by: User, at: dt.datetime) -> None:
    """The person no longer works there. Again changes nothing."""
    ended = PracticeMembership.objects.filter(pk=membership.pk, ended_at=None).update(ended_at=at)
    if ended:
        audit.record(by, "practice.leave", membership.practice, at, ["memberships"])


@transaction.atomic
def add_hours(*, hours: WeeklyHours) -> WeeklyHours:
    """Open a weekly window. The same start again changes its end."""
    kept, _ = WeeklyHours.objects.update_or_create(
        practitioner=hours.practitioner,
        weekday=hours.weekday,
        starts=hours.starts,
        defaults={"ends": hours.ends},
    )
    return kept


@transaction.atomic
def add_exception(*, exception: HoursException) -> HoursException:
    """Other hours on one day. A day off takes away what was said of that day before."""
    day = HoursException.objects.filter(
        practitioner=exception.practitioner, on_date=exception.on_date
    )
    if exception.is_closed:
        day.delete()
    else:
        day.filter(starts=None).delete()
    kept, _ = HoursException.objects.update_or_create(
        practitioner=exception.practitioner,
        on_date=exception.on_date,
        starts=exception.starts,
        defaults={"ends": exception.ends},
    )
    return kept


def remove_hours(*, hours: WeeklyHours | HoursException) -> None:
    """Close it again. What is booked in it stays booked."""
    hours.delete()


@transaction.atomic
def set_takes_bookings(*, practitioner: Practitioner, is_active: bool) -> None:
    """Pause or resume one practitioner. What is booked stays booked."""
    Practitioner.objects.filter(pk=practitioner.pk).update(is_active=is_active)


def _digest(secret: str) -> str:
    return tokens.digest("practice-invitation", secret)
