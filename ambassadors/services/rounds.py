"""Setting up a round: its dates, what it asks, its rubric, and who reads."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services import audit
from ambassadors.errors import (
    AppliesThemselves,
    NoSuchReviewer,
    RoundFixed,
    RoundUnfinished,
    TermOver,
    TooManyFiles,
)
from ambassadors.models import Application, Criterion, Question, Round, RoundReviewer

# What somebody may be asked to add, and reviewers to open, for one application.
MOST_FILES = 5


@transaction.atomic
def create_round(*, round: Round, by: User | None, at: datetime) -> Round:
    """Keep a new round; nobody sees it before it is published.

    In a term for one country it asks for that country from the start.
    """
    if round.term.is_over(at=at):
        raise TermOver
    round.save(force_insert=True)
    if round.term.market:
        country = {"country": round.term.market_name}
        round.questions.create(
            position=1,
            kind=Question.Kind.ELIGIBILITY,
            text=_("Do you live in this country: %(country)s?") % country,
            expected=Question.Answer.YES,
            kind_words=_("This term is for people in one country: %(country)s.") % country,
        )
    audit.record(by, "round.create", round, at)
    return round


@transaction.atomic
def edit_round(*, round: Round, fields: list[str], by: User, at: datetime) -> Round:
    """Keep what changed. Whether names are hidden is fixed once somebody applied."""
    if not fields:
        return round
    row = Round.objects.select_for_update(of=("self",)).get(pk=round.pk)
    if row.is_blind != round.is_blind and row.applications.exists():
        raise RoundFixed
    round.save(update_fields=fields)
    audit.record(by, "round.edit", round, at, fields=fields)
    return round


@transaction.atomic
def publish_round(*, round: Round, by: User, at: datetime) -> Round:
    """Let people apply from the day it opens. Twice is once."""
    row = (
        Round.objects.select_for_update(of=("self",))
        .select_related("term__programme")
        .get(pk=round.pk)
    )
    if row.published_at is not None:
        return row
    if row.term.is_over(at=at):
        raise TermOver
    asks = row.questions.exclude(kind=Question.Kind.ELIGIBILITY).exists()
    reads = row.reviewers.count() >= row.reviews_wanted
    if not (asks and reads and row.criteria.exists()):
        raise RoundUnfinished
    row.published_at = at
    row.save(update_fields=["published_at"])
    audit.record(by, "round.publish", row, at, fields=["published_at"])
    return row


@transaction.atomic
def add_question(*, question: Question, by: User, at: datetime) -> Question:
    """One more question, at the end. Not once people have begun to answer."""
    row = _unanswered(question.round)
    files = row.questions.filter(kind=Question.Kind.FILE).count()
    if question.kind == Question.Kind.FILE and files >= MOST_FILES:
        raise TooManyFiles
    question.position = (row.questions.aggregate(n=Max("position"))["n"] or 0) + 1
    question.save(force_insert=True)
    audit.record(by, "round.question.add", question, at)
    return question


@transaction.atomic
def remove_question(*, question: Question, by: User, at: datetime) -> None:
    _unanswered(question.round)
    audit.record(by, "round.question.remove", question, at)
    question.delete()


@transaction.atomic
def move_question_up(*, question: Question, by: User, at: datetime) -> None:
    """Ask ``question`` before the one that stands before it now; the first stays first."""
    row = _unanswered(question.round)
    before = row.questions.filter(position__lt=question.position).order_by("-position").first()
    if before is None:
        return
    before.position, question.position = question.position, before.position
    Question.objects.bulk_update([before, question], ["position"])
    audit.record(by, "round.question.move", question, at, fields=["position"])


@transaction.atomic
def add_criterion(*, criterion: Criterion, by: User, at: datetime) -> Criterion:
    row = _unanswered(criterion.round)
    criterion.position = (row.criteria.aggregate(n=Max("position"))["n"] or 0) + 1
    criterion.save(force_insert=True)
    audit.record(by, "round.criterion.add", criterion, at)
    return criterion


@transaction.atomic
def remove_criterion(*, criterion: Criterion, by: User, at: datetime) -> None:
    _unanswered(criterion.round)
    audit.record(by, "round.criterion.remove", criterion, at)
    criterion.delete()


@transaction.atomic
def add_reviewer(*, round: Round, email: str, by: User, at: datetime) -> User:
    """Ask whoever has an account with ``email`` to read. Twice is once."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise NoSuchReviewer
    if round.applications.exclude(status=Application.Status.WITHDRAWN).filter(user=user).exists():
        raise AppliesThemselves
    _, created = RoundReviewer.objects.get_or_create(round=round, user=user)
    if created:
        audit.record(by, "round.reviewer.add", round, at)
    return user


@transaction.atomic
def remove_reviewer(*, round: Round, user: User, by: User, at: datetime) -> None:
    """They read no more; what they wrote stays with the applications."""
    gone, _ = RoundReviewer.objects.filter(round=round, user=user).delete()
    if gone:
        audit.record(by, "round.reviewer.remove", round, at)


def _unanswered(round: Round) -> Round:
    row = Round.objects.select_for_update(of=("self",)).get(pk=round.pk)
    if row.applications.exists():
        raise RoundFixed
    return row
