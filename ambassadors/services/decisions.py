"""Reviewing, deciding, telling people at one stated time, and letting go of what was read."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from accounts.models import User
from accounts.services import audit
from ambassadors.errors import (
    DecidedMeanwhile,
    IllegalMove,
    NotDecidable,
    ReviewClosed,
    TermFull,
)
from ambassadors.models import (
    Application,
    Attachment,
    Criterion,
    Enrolment,
    EnrolmentStatus,
    Reason,
    Review,
    Round,
    Term,
)
from ambassadors.queries.applications import free_places
from common.hints import hint
from notifications.models import Purge
from notifications.services.messages import queue_message

# Applications go this long after their decisions were told; counts stay.
KEEP = timedelta(days=183)
# Of a round that never told anybody anything, counted from its closing.
KEEP_UNTOLD = timedelta(days=365)

_S = Application.Status


# --- Reviews ------------------------------------------------------------------


@transaction.atomic
def save_review(
    *,
    application: Application,
    reviewer: User,
    scores: dict[int, int],
    advice: str,
    comment: str,
    at: datetime,
) -> Review:
    """Keep what ``reviewer`` says; saying it again replaces it, until it is decided.

    ``scores`` has one to five for each criterion; the score is their weighted mean.
    """
    row = Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    if row.status != _S.SUBMITTED:
        raise ReviewClosed
    if Review.objects.filter(application=row, reviewer=reviewer, has_conflict=True).exists():
        raise IllegalMove
    criteria = list(Criterion.objects.filter(round=row.round_id))
    weights = sum(criterion.weight for criterion in criteria)
    total = sum(criterion.weight * scores[criterion.pk] for criterion in criteria)
    review, _ = Review.objects.update_or_create(
        application=row,
        reviewer=reviewer,
        defaults={
            "scores": {str(criterion.pk): scores[criterion.pk] for criterion in criteria},
            "score": (Decimal(total) / weights).quantize(Decimal("0.01"), ROUND_HALF_UP),
            "advice": advice,
            "comment": comment.strip(),
            "saved_at": at,
        },
    )
    return review


@transaction.atomic
def step_aside(*, application: Application, reviewer: User, at: datetime) -> Review:
    """``reviewer`` knows the person: what they wrote goes, and they do not see it again."""
    Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    review, _ = Review.objects.update_or_create(
        application=application,
        reviewer=reviewer,
        defaults={
            "has_conflict": True,
            "scores": {},
            "score": None,
            "advice": "",
            "comment": "",
            "saved_at": at,
        },
    )
    audit.record(reviewer, "review.step_aside", application, at)
    return review


# --- Decisions ----------------------------------------------------------------


@transaction.atomic
def decide_application(
    *,
    application: Application,
    status: str,
    reason: str,
    note: str,
    seen_version: int,
    by: User,
    at: datetime,
) -> Application:
    """Decide one application, as it was when ``by`` looked at it (``seen_version``).

    Until the person is told, a decision can be changed. Afterwards only a place on the waiting
    list can: into a yes or a no, which is told with the next mails.
    """
    # The term's row is the lock for its places, before the row that may take one.
    term = Term.objects.select_for_update(of=("self",)).get(rounds=application.round_id)
    row = Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    if row.version != seen_version:
        raise DecidedMeanwhile
    if by.pk == row.user_id:
        raise IllegalMove
    if status not in Application.DECIDED or not _is_decidable(row):
        raise NotDecidable
    if status == _S.APPROVED and row.status != _S.APPROVED and free_places(term) == 0:
        raise TermFull
    row.status, row.reason, row.note = status, reason, note.strip()
    row.decided_by, row.decided_at, row.announced_at = by, at, None
    row.version += 1
    row.save(
        update_fields=[
            "status",
            "reason",
            "note",
            "decided_by",
            "decided_at",
            "announced_at",
            "version",
        ]
    )
    audit.record(by, "application.decide", row, at, fields=["status", "reason"])
    return row


@transaction.atomic
def decide_many(
    *,
    applications: QuerySet[Application],
    round: Round,
    status: str,
    reason: str,
    by: User,
    at: datetime,
) -> int:
    """Decide all of ``applications`` that wait for a decision; how many that were.

    All or nothing: where there are fewer places than people, nobody is approved.
    """
    term = Term.objects.select_for_update(of=("self",)).get(rounds=round)
    waiting = list(
        applications.filter(round=round, status=_S.SUBMITTED)
        .exclude(user=by)
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk", flat=True)
    )
    if status == _S.APPROVED:
        free = free_places(term)
        if free is not None and len(waiting) > free:
            raise TermFull
    Application.objects.filter(pk__in=waiting).update(
        status=status,
        reason=reason,
        decided_by=by,
        decided_at=at,
        version=F("version") + 1,
    )
    if waiting:
        audit.record(by, "application.decide_many", round, at, fields=["status", "reason"])
    return len(waiting)


def _is_decidable(row: Application) -> bool:
    if row.status == _S.SUBMITTED:
        return True
    return row.is_decided and (row.announced_at is None or row.status == _S.WAITLISTED)


@transaction.atomic
def set_announcement(*, round: Round, announce_at: datetime, by: User, at: datetime) -> Round:
    """When everybody is told. Past that moment, what is decided later is told at once."""
    row = Round.objects.select_for_update(of=("self",)).get(pk=round.pk)
    row.announce_at = announce_at
    row.save(update_fields=["announce_at"])
    audit.record(by, "round.announce", row, at, fields=["announce_at"])
    hint("decisions-due")
    return row


@transaction.atomic
def announce_due(*, limit: int, at: datetime) -> int:
    """Tell up to ``limit`` people whose decision is due; how many. Two workers never share one.

    A yes begins the enrolment here, with its history from the day the application was sent: so
    nothing about a person's place tells staff what people do not know themselves yet.
    """
    due = list(
        Application.objects.filter(
            status__in=Application.DECIDED,
            announced_at__isnull=True,
            round__announce_at__lte=at,
        )
        .select_related("round__term__programme", "user", "decided_by")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("pk")[:limit]
    )
    for row in due:
        if row.status == _S.APPROVED:
            row.enrolment = _enrol(row, at=at)
        row.announced_at = at
        row.save(update_fields=["announced_at", "enrolment"])
        programme = row.round.term.programme
        queue_message(
            key=f"application-decided:{row.pk}:{row.version}",
            to=row.user.email,
            template="ambassadors/mail/application_decided",
            context={
                "name": row.name,
                "programme": "" if programme.is_sensitive else programme.name,
                "link": f"{settings.BASE_URL}/me/applications/{row.pk}/",
            },
            language=row.user.language,
            at=at,
        )
    return len(due)


def _enrol(row: Application, *, at: datetime) -> Enrolment:
    enrolment, created = Enrolment.objects.get_or_create(
        term=row.round.term,
        user=row.user,
        defaults={
            "status": EnrolmentStatus.APPLIED,
            "status_at": row.submitted_at or at,
            "status_by": row.user,
            "status_reason": Reason.NONE,
        },
    )
    # Whoever was invited meanwhile, and said no to that, is let back in by this yes.
    said_no = enrolment.status == EnrolmentStatus.REMOVED and enrolment.status_by == row.user
    to = EnrolmentStatus.APPROVED if created else EnrolmentStatus.ONBOARDING
    if created or said_no:
        enrolment.status, enrolment.status_at, enrolment.status_by = to, at, row.decided_by
        enrolment.status_reason = Reason.NONE if created else Reason.REINSTATED
        enrolment.save(update_fields=["status", "status_at", "status_by", "status_reason"])
    return enrolment


# --- Letting go ---------------------------------------------------------------


@transaction.atomic
def purge_applications(*, at: datetime) -> Purge:
    """Count the rounds whose time is over, then delete their applications and what was said.

    A round goes as a whole, six months after the last decision was told.
    """
    older_than = at - KEEP
    # A round counts as over when nothing of it is younger than the limit.
    young = Application.objects.filter(
        Q(announced_at__gt=older_than)
        | Q(announced_at__isnull=True, round__closes_at__gt=at - KEEP_UNTOLD)
        & ~Q(status__in=[_S.DRAFT, _S.WITHDRAWN])
    )
    over = (
        Round.objects.filter(purged_at__isnull=True, closes_at__lte=older_than)
        .exclude(pk__in=young.values("round"))
        .select_for_update(of=("self",))
    )
    rows = 0
    for round in over:
        round.statistics = count_round(round)
        round.purged_at = at
        round.save(update_fields=["statistics", "purged_at"])
        applications = Application.objects.filter(round=round)
        rows += applications.count()
        Review.objects.filter(application__in=applications).delete()
        Attachment.objects.filter(application__in=applications).delete()
        applications.delete()
    return Purge.objects.create(at=at, what="applications", older_than=older_than, rows=rows)


def count_round(round: Round) -> dict[str, int]:
    """How many of each, and how many reviews: nothing that is about one person."""
    counted = round.applications.order_by().values_list("status").annotate(n=Count("pk"))
    reviews = Review.objects.filter(application__round=round, has_conflict=False).count()
    return {**dict.fromkeys(_S.values, 0), **dict(counted), "reviews": reviews}
