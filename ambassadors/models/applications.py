"""Coming in by application: rounds, what they ask, what people answer, and what reviewers say.

Until it is decided, an application of a blind round has no name for anybody but its own person:
reviewers and coordinators know it by its reference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User
from ambassadors.domain.files import KINDS, LARGEST_BYTES
from ambassadors.models.enrolments import Enrolment
from ambassadors.models.programmes import Programme, Term, validate_time_zone


class RoundQuerySet(models.QuerySet["Round"]):
    def open(self, *, at: datetime) -> Self:
        """Rounds of listed programmes that take applications at ``at``."""
        return self.filter(
            published_at__lte=at,
            opens_at__lte=at,
            closes_at__gt=at,
            term__ended_at__isnull=True,
        )

    def run_by(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """Of the programmes in which ``user`` is a coordinator."""
        return self.filter(
            term__programme__in=Programme.objects.run_by(user, Role.COORDINATOR, at=at)
        )

    def reviewed_by(self, user: User | AnonymousUser) -> Self:
        """Published rounds that ``user`` was asked to review."""
        if not isinstance(user, User):
            return self.none()
        return self.filter(reviewers=user, published_at__isnull=False)


class Round(models.Model):
    """A time in which people may apply to a term, and how their applications are read."""

    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="rounds")
    name = models.CharField(_("name"), max_length=120)
    intro = models.TextField(_("what people should know before they apply"), blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, validators=[validate_time_zone], default="UTC"
    )
    opens_at = models.DateTimeField(_("opens"))
    closes_at = models.DateTimeField(_("closes"))
    is_blind = models.BooleanField(_("names are hidden until the decision"), default=True)
    reviews_wanted = models.PositiveSmallIntegerField(
        _("reviews of each application"),
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(9)],
    )
    reviewers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="RoundReviewer", related_name="rounds_to_review"
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    announce_at = models.DateTimeField(_("decisions are mailed"), null=True, blank=True)
    # What stays when the applications go: counts, and nothing of anybody.
    statistics = models.JSONField(_("counts kept for good"), null=True, blank=True)
    purged_at = models.DateTimeField(_("applications deleted"), null=True, blank=True)

    objects = RoundQuerySet.as_manager()

    class Meta:
        verbose_name = _("round")
        verbose_name_plural = _("rounds")
        constraints = [
            models.UniqueConstraint(fields=["term", "name"], name="round_name_unique"),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="round_closes_after_it_opens"
            ),
            models.CheckConstraint(
                condition=Q(announce_at__isnull=True) | Q(announce_at__gte=F("closes_at")),
                name="round_announces_after_it_closes",
            ),
            models.CheckConstraint(
                condition=Q(reviews_wanted__gte=1, reviews_wanted__lte=9),
                name="round_reviews_wanted_1_to_9",
            ),
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True) | Q(statistics__isnull=False),
                name="round_is_counted_before_it_is_purged",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def is_open(self, *, at: datetime) -> bool:
        return self.published_at is not None and self.opens_at <= at < self.closes_at


class RoundReviewer(models.Model):
    """Somebody who reads the applications of a round. They need no role for it."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("reviewer")
        verbose_name_plural = _("reviewers")
        constraints = [
            models.UniqueConstraint(fields=["round", "user"], name="round_reviewer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.round_id} {self.user_id}"


class Question(models.Model):
    """One thing a round asks. An eligibility question is answered before anything is kept."""

    class Kind(models.TextChoices):
        ELIGIBILITY = "eligibility", _("yes or no, decides at once whether one can apply")
        SHORT = "short", _("a line")
        LONG = "long", _("some paragraphs")
        CHOICE = "choice", _("one of several")
        LINK = "link", _("a link (hidden while names are hidden)")
        FILE = "file", _("a file: PDF, PNG or JPEG")

    class Answer(models.TextChoices):
        YES = "yes", _("Yes")
        NO = "no", _("No")

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField(_("order"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    text = models.CharField(_("question"), max_length=300)
    help = models.CharField(_("hint below it"), max_length=300, blank=True)
    is_required = models.BooleanField(_("has to be answered"), default=True)
    names_person = models.BooleanField(
        _("the answer may show who somebody is: hide it while names are hidden"), default=False
    )
    choices = models.TextField(_("choices, one to a line"), blank=True)
    expected = models.CharField(
        _("answer of those who can apply"), max_length=3, choices=Answer, blank=True
    )
    kind_words = models.CharField(_("what the others are told, kindly"), max_length=400, blank=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["eligibility", "short", "long", "choice", "link", "file"]),
                name="question_kind_known",
            ),
            models.CheckConstraint(
                condition=(Q(kind="eligibility") & Q(expected__in=["yes", "no"]))
                | (~Q(kind="eligibility") & Q(expected="")),
                name="question_of_eligibility_has_its_answer",
            ),
            models.CheckConstraint(
                condition=~Q(kind="choice") | ~Q(choices=""), name="question_of_choice_has_choices"
            ),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def hides_when_blind(self) -> bool:
        return self.names_person or self.kind == self.Kind.LINK

    @property
    def options(self) -> list[str]:
        return [line.strip() for line in self.choices.splitlines() if line.strip()]


class Criterion(models.Model):
    """One line of the rubric: reviewers give it one to five."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="criteria")
    position = models.PositiveSmallIntegerField(_("order"))
    name = models.CharField(_("criterion"), max_length=120)
    help = models.CharField(_("what one to five mean"), max_length=300, blank=True)
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )

    class Meta:
        verbose_name = _("criterion")
        verbose_name_plural = _("criteria")
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__gte=1, weight__lte=5), name="criterion_weight_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApplicationQuerySet(models.QuerySet["Application"]):
    def sent(self) -> Self:
        """Those that reviewers and coordinators know of: not drafts, not taken back."""
        return self.exclude(status__in=["draft", "withdrawn"])

    def run_by(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """Sent ones of the programmes in which ``user`` is a coordinator, but not their own."""
        if not isinstance(user, User):
            return self.none()
        rounds = Round.objects.run_by(user, at=at)
        return self.sent().filter(round__in=rounds).exclude(user=user)

    def reviewable_by(self, user: User | AnonymousUser) -> Self:
        """What ``user`` was asked to read: never their own, never where they know the person."""
        if not isinstance(user, User):
            return self.none()
        conflicts = Review.objects.filter(reviewer=user, has_conflict=True).values("application")
        return (
            self.sent()
            .filter(round__in=Round.objects.reviewed_by(user))
            .exclude(user=user)
            .exclude(pk__in=conflicts)
        )


class Application(models.Model):
    """One person's application to one round."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("sent")
        WITHDRAWN = "withdrawn", _("taken back")
        APPROVED = "approved", _("approved")
        WAITLISTED = "waitlisted", _("on the waiting list")
        DECLINED = "declined", _("declined")

    class Reason(models.TextChoices):
        """Why it was decided so, in words the person reads."""

        FITS = "fits", _("It fits the programme well.")
        NO_PLACES = "no_places", _("There were more good applications than places.")
        OTHERS_CLOSER = "others_closer", _("Others were closer to what this term is for.")
        NOT_YET = "not_yet", _("It seems early: we would like to hear from you again.")
        INCOMPLETE = "incomplete", _("Parts of it were missing or could not be read.")
        NOT_ELIGIBLE = "not_eligible", _("It does not meet the conditions of this term.")

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="applications")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="applications"
    )
    reference = models.CharField(_("reference"), max_length=16, unique=True)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.DRAFT)
    name = models.CharField(_("stage name"), max_length=120, blank=True)
    answers = models.JSONField(_("answers"), default=dict)
    begun_at = models.DateTimeField(_("begun"))
    saved_at = models.DateTimeField(_("last saved"))
    submitted_at = models.DateTimeField(_("sent"), null=True)
    reason = models.CharField(_("reason"), max_length=16, choices=Reason, blank=True)
    note = models.CharField(_("a line to the person"), max_length=500, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    announced_at = models.DateTimeField(_("the person was told"), null=True)
    # Goes up with each decision, so that two people deciding at once do not overwrite each other.
    version = models.PositiveIntegerField(default=0)
    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, null=True, related_name="applications"
    )

    objects = ApplicationQuerySet.as_manager()

    DECIDED = (Status.APPROVED, Status.WAITLISTED, Status.DECLINED)

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        constraints = [
            models.UniqueConstraint(fields=["round", "user"], name="application_once_per_round"),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "draft",
                        "submitted",
                        "withdrawn",
                        "approved",
                        "waitlisted",
                        "declined",
                    ]
                ),
                name="application_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "withdrawn"]) | Q(submitted_at__isnull=False),
                name="application_is_sent_before_it_is_read",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["approved", "waitlisted", "declined"],
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                & ~Q(reason="")
                | Q(status__in=["draft", "submitted", "withdrawn"], decided_at__isnull=True),
                name="application_decision_names_who_when_and_why",
            ),
            models.CheckConstraint(
                condition=Q(announced_at__isnull=True) | Q(decided_at__isnull=False),
                name="application_is_announced_once_decided",
            ),
            models.CheckConstraint(
                condition=Q(enrolment__isnull=True) | Q(status="approved"),
                name="application_with_an_enrolment_is_approved",
            ),
        ]
        indexes = [models.Index(fields=["round", "status"], name="application_round_status")]
        triggers = [
            # What people were told stays true: only a place on the waiting list can change after.
            pgtrigger.Protect(
                name="told_decision_stands",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__announced_at__isnull=False,
                    old__status__in=["approved", "declined"],
                    old__status__df=pgtrigger.F("new__status"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_decided(self) -> bool:
        return self.status in self.DECIDED

    @property
    def is_revealed(self) -> bool:
        """Whether those who read it may see whose it is. Needs the round."""
        return self.is_decided or not self.round.is_blind

    @property
    def shown_as(self) -> str:
        """What those who read it know it by."""
        return self.name if self.is_revealed and self.name else self.reference


class Attachment(models.Model):
    """A file of an application. Its kind is what its bytes say, not what its name says."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="attachments"
    )
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("file"), max_length=200)
    kind = models.CharField(_("kind"), max_length=8)
    content = models.BinaryField()
    size = models.PositiveIntegerField(_("size"))
    added_at = models.DateTimeField(_("added"))

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        constraints = [
            models.UniqueConstraint(
                fields=["application", "question"], name="attachment_one_per_question"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=list(KINDS)), name="attachment_kind_allowed"
            ),
            models.CheckConstraint(
                condition=Q(size__gte=1, size__lte=LARGEST_BYTES), name="attachment_size_limited"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} {self.question_id}"


class Review(models.Model):
    """What one reviewer says about one application; or that they cannot, knowing the person."""

    class Advice(models.TextChoices):
        YES = "yes", _("Yes")
        MAYBE = "maybe", _("Perhaps")
        NO = "no", _("No")

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    has_conflict = models.BooleanField(_("knows the person"), default=False)
    scores = models.JSONField(_("scores by criterion"), default=dict)
    score = models.DecimalField(_("score"), max_digits=4, decimal_places=2, null=True)
    advice = models.CharField(_("advice"), max_length=6, choices=Advice, blank=True)
    comment = models.TextField(_("comment for the other readers"), blank=True)
    saved_at = models.DateTimeField(_("saved"))

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        constraints = [
            models.UniqueConstraint(
                fields=["application", "reviewer"], name="review_once_per_reviewer"
            ),
            models.CheckConstraint(
                condition=Q(has_conflict=True, score__isnull=True, advice="", comment="")
                | (Q(has_conflict=False, score__isnull=False) & ~Q(advice="")),
                name="review_says_something_or_steps_aside",
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=1, score__lte=5),
                name="review_score_1_to_5",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} {self.reviewer_id}"
