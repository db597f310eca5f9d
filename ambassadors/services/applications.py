"""What a person does with their application: begin, save, add files, send, take back."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.models import User
from ambassadors.domain.files import LARGEST_BYTES, Refused, SafeFile, look_through
from ambassadors.errors import (
    AdultsOnly,
    AlreadyEnrolled,
    ApplicationIncomplete,
    FileActive,
    FileLocked,
    FileNotAllowed,
    FileTooLarge,
    FileTooManyPixels,
    IllegalMove,
    RoundNotOpen,
)
from ambassadors.models import (
    AdultConfirmation,
    Application,
    Attachment,
    Enrolment,
    Question,
    Round,
    RoundReviewer,
)
from ambassadors.services import agreements
from common.codes import new_reference
from notifications.services.messages import queue_message

_S = Application.Status


@transaction.atomic
def begin_application(*, round: Round, user: User, is_adult: bool, at: datetime) -> Application:
    """A draft for somebody whom the eligibility questions let through. Twice is the same one.

    Somebody under 18 leaves no trace; somebody who said once that they are 18 is not asked again.
    """
    if not round.is_open(at=at):
        raise RoundNotOpen
    if not is_adult and not AdultConfirmation.objects.filter(user=user).exists():
        raise AdultsOnly
    if Enrolment.objects.filter(term=round.term_id, user=user).exists():
        raise AlreadyEnrolled
    if RoundReviewer.objects.filter(round=round, user=user).exists():
        raise IllegalMove
    agreements.confirm_adult(user=user, at=at)
    application, _ = Application.objects.get_or_create(
        round=round,
        user=user,
        defaults={
            "reference": new_reference(),
            "name": user.name,
            "begun_at": at,
            "saved_at": at,
        },
    )
    return application


@transaction.atomic
def save_answers(
    *, application: Application, name: str, answers: dict[str, str], at: datetime
) -> Application:
    """Keep what is there so far, complete or not, while the round is open."""
    row = _own_draft(application, at=at)
    row.name, row.answers, row.saved_at = name, answers, at
    row.save(update_fields=["name", "answers", "saved_at"])
    return row


@transaction.atomic
def attach_file(
    *, application: Application, question: Question, name: str, content: bytes, at: datetime
) -> Attachment:
    """Keep a file as the answer to ``question``; a second one takes the first one's place.

    Of a picture only the picture is kept. What is not safe to open is refused.
    """
    safe = _safe(content)
    row = _own_draft(application, at=at)
    attachment, _ = Attachment.objects.update_or_create(
        application=row,
        question=question,
        defaults={
            "name": name[:200],
            "kind": safe.kind,
            "content": safe.content,
            "size": len(safe.content),
            "added_at": at,
        },
    )
    return attachment


_REFUSALS = {
    "kind": FileNotAllowed,
    "pixels": FileTooManyPixels,
    "locked": FileLocked,
    "active": FileActive,
}


def _safe(content: bytes) -> SafeFile:
    if len(content) > LARGEST_BYTES:
        raise FileTooLarge
    try:
        safe = look_through(content)
    except Refused as refusal:
        raise _REFUSALS[refusal.why] from refusal
    if len(safe.content) > LARGEST_BYTES:
        raise FileTooLarge
    return safe


@transaction.atomic
def remove_file(*, application: Application, attachment: Attachment, at: datetime) -> None:
    _own_draft(application, at=at)
    attachment.delete()


@transaction.atomic
def submit_application(*, application: Application, at: datetime) -> Application:
    """Send it. Nobody reads a draft; from now on reviewers do. Twice is once."""
    row = _locked(application)
    if row.status == _S.SUBMITTED:
        return row
    row = _own_draft(application, at=at)
    if missing(row):
        raise ApplicationIncomplete
    row.status, row.submitted_at, row.saved_at = _S.SUBMITTED, at, at
    row.save(update_fields=["status", "submitted_at", "saved_at"])
    programme = row.round.term.programme
    queue_message(
        key=f"application-received:{row.pk}:{at:%Y%m%d%H%M%S}",
        to=row.user.email,
        template="ambassadors/mail/application_received",
        context={
            "name": row.name,
            "programme": "" if programme.is_sensitive else programme.name,
            "closes_at": row.round.closes_at.astimezone(row.round.zone),
            "zone": row.round.time_zone,
            "link": f"{settings.BASE_URL}/me/applications/{row.pk}/",
        },
        language=row.user.language,
        at=at,
    )
    return row


@transaction.atomic
def reopen_application(*, application: Application, at: datetime) -> Application:
    """Back to a draft, to change something, while the round is open and nobody decided.

    What reviewers wrote about the words before goes: it was about other words.
    """
    row = _locked(application)
    if row.status not in (_S.SUBMITTED, _S.WITHDRAWN):
        raise IllegalMove
    if not row.round.is_open(at=at):
        raise RoundNotOpen
    row.reviews.filter(has_conflict=False).delete()
    row.status, row.submitted_at = _S.DRAFT, None
    row.save(update_fields=["status", "submitted_at"])
    return row


@transaction.atomic
def withdraw_application(*, application: Application, at: datetime) -> Application:
    """Take it back: nobody reads it any more. Always possible before the decision is told."""
    row = _locked(application)
    if row.status == _S.WITHDRAWN:
        return row
    if row.announced_at is not None and row.status != _S.WAITLISTED:
        raise IllegalMove
    row.status, row.saved_at = _S.WITHDRAWN, at
    row.decided_at = row.decided_by = row.announced_at = None
    row.reason = row.note = ""
    row.save(
        update_fields=[
            "status",
            "saved_at",
            "decided_at",
            "decided_by",
            "announced_at",
            "reason",
            "note",
        ]
    )
    return row


def missing(application: Application) -> set[int]:
    """The questions that have to be answered and are not."""
    files = set(application.attachments.values_list("question_id", flat=True))
    return {
        question.pk
        for question in application.round.questions.exclude(kind=Question.Kind.ELIGIBILITY)
        if question.is_required
        and not (
            question.pk in files
            if question.kind == Question.Kind.FILE
            else str(application.answers.get(str(question.pk), "")).strip()
        )
    }


def _locked(application: Application) -> Application:
    return (
        Application.objects.select_for_update(of=("self",))
        .select_related("round__term__programme", "user")
        .get(pk=application.pk)
    )


def _own_draft(application: Application, *, at: datetime) -> Application:
    row = _locked(application)
    if row.status != _S.DRAFT:
        raise IllegalMove
    if not row.round.is_open(at=at):
        raise RoundNotOpen
    return row
