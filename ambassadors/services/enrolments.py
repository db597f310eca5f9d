"""Every move of an enrolment from one status to the next."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.services import audit
from ambassadors.errors import (
    IllegalMove,
    LivesElsewhere,
    NotPausedByYou,
    TermOver,
    TextChanged,
)
from ambassadors.models import (
    AgreementText,
    Enrolment,
    EnrolmentStatus,
    Reason,
)
from ambassadors.models.enrolments import BEEN_IN, JOINING
from ambassadors.queries import has_health_consent, owes_country, required_version
from ambassadors.services import agreements
from common.hints import hint
from notifications.services.messages import queue_message

# How long before its last day people are told that a term ends.
ENDING_NOTICE = timedelta(days=30)
# How long nobody is reminded that they have not finished joining.
PATIENCE = timedelta(days=7)
_LEFT = (EnrolmentStatus.ALUMNI, EnrolmentStatus.REMOVED)


@transaction.atomic
def confirm_country(*, enrolment: Enrolment, user: User, at: datetime) -> Enrolment:
    """``user`` says that they live in the country of the term they are asked to. Twice is once."""
    row = _locked(enrolment, of=user)
    if row.term.is_over(at=at):
        raise TermOver
    if owes_country(row):
        row.country_said_at = at
        row.save(update_fields=["country_said_at"])
    return row


@transaction.atomic
def accept_agreement(
    *, enrolment: Enrolment, user: User, text: AgreementText, at: datetime
) -> Enrolment:
    """``user`` agrees to what their term asks; from invited or approved they go on joining.

    Agreeing again (a second tab, a newer version) keeps the status.
    """
    row = _locked(enrolment, of=user)
    if row.term.is_over(at=at):
        raise TermOver
    if text.version != required_version(row.term):
        raise TextChanged
    if row.status == EnrolmentStatus.REMOVED:
        raise IllegalMove
    if owes_country(row):
        raise LivesElsewhere
    agreements.record_acceptance(enrolment=row, text=text, user=user, at=at)
    if row.status in (EnrolmentStatus.INVITED, EnrolmentStatus.APPROVED):
        _move(row, EnrolmentStatus.ONBOARDING, by=user, reason=Reason.ACCEPTED_AGREEMENT, at=at)
        if has_health_consent(user, at=at):
            # Their yes from another term stands: nothing is left to ask.
            _move(row, EnrolmentStatus.ACTIVE, by=user, reason=Reason.FINISHED_JOINING, at=at)
    return row


@transaction.atomic
def finish_joining(
    *, enrolment: Enrolment, user: User, consent: AgreementText | None, at: datetime
) -> Enrolment:
    """The last step: an answer about health data, and the person is active.

    ``consent`` is the text they said yes to, or None for no. Both lead to the same place.
    """
    row = _locked(enrolment, of=user)
    if row.status not in (EnrolmentStatus.ONBOARDING, EnrolmentStatus.ACTIVE):
        raise IllegalMove
    if owes_country(row):
        raise LivesElsewhere
    if not row.acceptances.filter(version=required_version(row.term)).exists():
        raise TextChanged
    if consent is not None:
        agreements.give_consent(user=user, text=consent, at=at)
    return _move(row, EnrolmentStatus.ACTIVE, by=user, reason=Reason.FINISHED_JOINING, at=at)


@transaction.atomic
def pause(*, enrolment: Enrolment, user: User, at: datetime) -> Enrolment:
    """A person pauses their own enrolment, without a reason and without a penalty."""
    row = _locked(enrolment, of=user)
    return _move(row, EnrolmentStatus.PAUSED, by=user, reason=Reason.OWN_WISH, at=at)


@transaction.atomic
def resume(*, enrolment: Enrolment, user: User, at: datetime) -> Enrolment:
    """A person resumes what they paused themselves."""
    row = _locked(enrolment, of=user)
    if row.status == EnrolmentStatus.PAUSED and row.status_by_id != user.pk:
        raise NotPausedByYou
    if row.status not in (EnrolmentStatus.PAUSED, EnrolmentStatus.ACTIVE):
        raise IllegalMove
    return _move(row, EnrolmentStatus.ACTIVE, by=user, reason=Reason.OWN_WISH, at=at)


@transaction.atomic
def leave(*, enrolment: Enrolment, user: User, at: datetime) -> Enrolment:
    """A person leaves, or says no to what they were asked, without a reason.

    Whoever was in becomes an alum; whoever had not finished joining is simply out again.
    """
    row = _locked(enrolment, of=user)
    if row.status in (EnrolmentStatus.ALUMNI, EnrolmentStatus.REMOVED):
        return row
    was_in = row.status in (EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED)
    to = EnrolmentStatus.ALUMNI if was_in else EnrolmentStatus.REMOVED
    return _move(row, to, by=user, reason=Reason.OWN_WISH, at=at)


@transaction.atomic
def write_of_endings(*, limit: int, at: datetime) -> int:
    """Tell people a month before that their term ends, and what happens then; how many."""
    soon = at + ENDING_NOTICE
    due = (
        Enrolment.objects.filter(
            status__in=[EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED],
            told_of_end_at__isnull=True,
            term__ended_at__isnull=True,
            term__ends_on__lte=soon.date(),
            term__starts_on__lt=at.date(),
        )
        .select_related("term__programme", "user")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("pk")[:limit]
    )
    told = 0
    for row in due:
        row.told_of_end_at = at
        row.save(update_fields=["told_of_end_at"])
        write_to(row, "term_ends", f"term-ends:{row.pk}", at=at)
        told += 1
    return told


@transaction.atomic
def remind_of_joining(*, limit: int, at: datetime) -> int:
    """Write once, a week later, to people who have not finished joining; how many."""
    due = (
        Enrolment.objects.filter(
            status__in=JOINING,
            status_at__lte=at - PATIENCE,
            reminded_at__isnull=True,
            is_renewal_due=False,
            term__ended_at__isnull=True,
            term__ends_on__gte=at.date(),
        )
        .select_related("term__programme", "user")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("status_at", "pk")[:limit]
    )
    rows = list(due)
    for row in rows:
        write_to(row, "joining_waits", f"joining-waits:{row.pk}", at=at)
    Enrolment.objects.filter(pk__in=[row.pk for row in rows]).update(reminded_at=at)
    return len(rows)


@transaction.atomic
def write_farewells(*, limit: int, at: datetime) -> int:
    """Write to people whose place has ended: what stays theirs, and whom to ask; how many."""
    due = (
        Enrolment.objects.filter(is_farewell_due=True)
        .select_related("term__programme", "user")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("pk")[:limit]
    )
    told = 0
    for row in due:
        row.is_farewell_due = False
        row.save(update_fields=["is_farewell_due"])
        # Somebody let back in meanwhile needs no farewell, and who was erased cannot have one.
        is_out = row.status in (EnrolmentStatus.ALUMNI, EnrolmentStatus.REMOVED)
        if is_out and row.user.erased_at is None:
            write_to(
                row, "place_ended", f"place-ended:{row.pk}:{int(row.status_at.timestamp())}", at=at
            )
        told += 1
    return told


def write_to(row: Enrolment, template: str, key: str, *, at: datetime) -> None:
    """A mail that names the programme only where belonging to it is nobody's secret."""
    programme = row.term.programme
    queue_message(
        key=key,
        to=row.user.email,
        template=f"ambassadors/mail/{template}",
        context={
            "name": row.user.name,
            "programme": "" if programme.is_sensitive else programme.name,
            "term": "" if programme.is_sensitive else row.term.name,
            "ends_on": row.term.ends_on,
            "link": settings.BASE_URL + reverse("ambassadors:my-enrolment", args=[row.pk]),
        },
        language=row.user.language,
        at=at,
    )


@transaction.atomic
def move_as_coordinator(
    *, enrolment: Enrolment, to: str, reason: str, by: User, at: datetime
) -> Enrolment:
    """A coordinator's move. Joining is not among them: only the person can agree."""
    row = _locked(enrolment)
    if row.status != to and to not in row.coordinator_moves:
        raise IllegalMove
    before = row.status
    moved = _move(row, EnrolmentStatus(to), by=by, reason=Reason(reason), at=at)
    if before != to:
        audit.record(by, "enrolment.move", moved, at, fields=["status", "status_reason"])
    return moved


def _locked(enrolment: Enrolment, *, of: User | None = None) -> Enrolment:
    """The row, held until the end of the transaction; only its own person may pass ``of``."""
    row = (
        Enrolment.objects.select_for_update(of=("self",))
        .select_related("term__programme", "term__agreement_version")
        .get(pk=enrolment.pk)
    )
    if of is not None and row.user_id != of.pk:
        raise IllegalMove
    return row


def _move(
    row: Enrolment, to: EnrolmentStatus, *, by: User | None, reason: Reason, at: datetime
) -> Enrolment:
    if row.status == to:
        return row
    if to not in row.legal_moves:
        raise IllegalMove
    # Whoever was in, and is so no more, is written to; joining that came to nothing is not.
    row.is_farewell_due = row.status in BEEN_IN and to in _LEFT
    row.status, row.status_by, row.status_at, row.status_reason = to, by, at, reason
    row.save(update_fields=["status", "status_by", "status_at", "status_reason", "is_farewell_due"])
    hint("enrolment-changed")
    if row.is_farewell_due:
        hint("farewells-due")
    return row
