"""Reads of rounds and applications."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    Avg,
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from accounts.models import User
from ambassadors.models import (
    Application,
    Enrolment,
    Invitation,
    Programme,
    Question,
    Review,
    Round,
    RoundReviewer,
    Term,
)

_READ = Q(reviews__has_conflict=False)


def open_rounds(programme: Programme, *, at: datetime) -> QuerySet[Round]:
    """Rounds of ``programme`` that take applications now, the first to close first."""
    return (
        Round.objects.open(at=at)
        .filter(term__programme=programme)
        .select_related("term")
        .order_by("closes_at", "pk")
    )


def coming_rounds(programme: Programme, *, at: datetime) -> QuerySet[Round]:
    return Round.objects.filter(
        term__programme=programme, published_at__lte=at, opens_at__gt=at
    ).order_by("opens_at", "pk")


def applications_of(
    round: Round, *, user: User, status: str = "", q: str = "", order: str = ""
) -> QuerySet[Application]:
    """Sent applications of ``round`` with ``review_count`` and ``mean_score``; never one's own.

    ``q`` is a reference or, only where names show, a part of the name: a search must not find
    out what the page hides.
    """
    found = (
        round.applications.sent()
        .exclude(user=user)
        .select_related("round")
        .defer("answers")
        .annotate(review_count=Count("reviews", filter=_READ), mean_score=Avg("reviews__score"))
    )
    if status:
        found = found.filter(status=status)
    if q:
        names = Q(name__icontains=q)
        if round.is_blind:
            names &= Q(status__in=Application.DECIDED)
        found = found.filter(Q(reference__iexact=q) | names)
    if order == "reviews":
        return found.order_by("review_count", "reference")
    return found.order_by(F("mean_score").desc(nulls_last=True), "reference")


@dataclass(frozen=True)
class Counts:
    """How many applications of a round are where."""

    by_status: dict[str, int]
    untold: int

    @property
    def total(self) -> int:
        return sum(self.by_status.values())


def count_applications(round: Round, *, user: User) -> Counts:
    """Sent ones by status, and how many decisions people have not been told; never one's own."""
    counted = list(
        round.applications.sent()
        .exclude(user=user)
        .order_by()
        .values_list("status")
        .annotate(
            n=Count("pk"),
            untold=Count("pk", filter=Q(decided_at__isnull=False, announced_at__isnull=True)),
        )
    )
    by_status = {status: n for status, n, _untold in counted}
    return Counts(by_status, sum(untold for _status, _n, untold in counted))


def free_places(term: Term) -> int | None:
    """Places that are neither taken, promised, nor given to somebody who is not told yet.

    None where there is no limit. One statement: a page and a lock both wait for it.
    """
    if term.capacity is None:
        return None
    [spoken_for] = Term.objects.filter(pk=term.pk).values_list(
        count_in_term(Enrolment.objects.current())
        + count_in_term(Invitation.objects.standing())
        + count_in_term(
            Application.objects.filter(status="approved", enrolment__isnull=True), "round__term"
        ),
        flat=True,
    )
    return max(0, int(term.capacity - spoken_for))


def count_in_term(
    rows: QuerySet[Enrolment] | QuerySet[Invitation] | QuerySet[Application], path: str = "term"
) -> Coalesce:
    """For a query of terms: how many of ``rows`` belong to each."""
    counted = (
        rows.filter(**{path: OuterRef("pk")})
        .order_by()
        .values(path)
        .annotate(n=Count("pk"))
        .values("n")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def next_to_read(round: Round, *, user: User) -> Application | None:
    """The first of ``round`` that waits for the review of ``user``."""
    read = Review.objects.filter(reviewer=user).values("application")
    waiting = Application.objects.reviewable_by(user).filter(round=round, status="submitted")
    return waiting.exclude(pk__in=read).order_by("reference").first()


def to_read(round: Round, *, user: User) -> QuerySet[Application]:
    """What ``user`` was asked to read in ``round``, with ``is_read``; those to do come first."""
    return (
        Application.objects.reviewable_by(user)
        .filter(round=round)
        .select_related("round")
        .defer("answers")
        .annotate(is_read=Count("reviews", filter=Q(reviews__reviewer=user)))
        .order_by("is_read", "reference")
    )


@dataclass(frozen=True)
class RoundToRead:
    """A round for its reviewer: how much of it is done."""

    round: Round
    read: int
    total: int

    @property
    def left(self) -> int:
        return self.total - self.read


def rounds_to_read(user: User | AnonymousUser) -> list[RoundToRead]:
    """The rounds ``user`` reviews that are not decided to the end, with their progress."""
    if not isinstance(user, User):
        return []
    rounds = list(
        Round.objects.reviewed_by(user)
        .filter(purged_at__isnull=True)
        .select_related("term__programme")
        .order_by("closes_at", "pk")
    )
    waiting = Application.objects.reviewable_by(user).filter(status="submitted")
    totals = dict(waiting.order_by().values_list("round").annotate(n=Count("pk")))
    mine = Review.objects.filter(reviewer=user, application__in=waiting)
    read = dict(mine.order_by().values_list("application__round").annotate(n=Count("pk")))
    return [RoundToRead(row, read.get(row.pk, 0), totals.get(row.pk, 0)) for row in rounds]


@dataclass(frozen=True)
class Answered:
    """A question with its answer, as whoever looks may see it."""

    question: Question
    answer: str
    attachment_id: int | None
    attachment_name: str
    is_hidden: bool


def answers_of(application: Application, *, is_revealed: bool) -> list[Answered]:
    """Questions and answers in order; what could show who it is is left out until it may."""
    files = {
        row["question_id"]: row
        for row in application.attachments.values("pk", "question_id", "name", "kind")
    }
    answered = []
    questions = application.round.questions.exclude(kind=Question.Kind.ELIGIBILITY)
    for number, question in enumerate(questions.order_by("position", "pk"), start=1):
        is_hidden = question.hides_when_blind and not is_revealed
        file = None if is_hidden else files.get(question.pk)
        label = ""
        if file is not None:  # a file's own name often says whose it is
            label = file["name"] if is_revealed else f"{application.reference}-{number}"
            label = label if "." in label else f"{label}.{file['kind']}"
        answered.append(
            Answered(
                question=question,
                answer="" if is_hidden else str(application.answers.get(str(question.pk), "")),
                attachment_id=file["pk"] if file else None,
                attachment_name=label,
                is_hidden=is_hidden,
            )
        )
    return answered


def reviewers_with_progress(round: Round) -> list[tuple[User, int]]:
    """Each reviewer of ``round``, with how many applications they have read."""
    done = dict(
        Review.objects.filter(application__round=round, has_conflict=False)
        .order_by()
        .values_list("reviewer")
        .annotate(n=Count("pk"))
    )
    rows = RoundReviewer.objects.filter(round=round).select_related("user").order_by("user__email")
    return [(row.user, done.get(row.user_id, 0)) for row in rows]
