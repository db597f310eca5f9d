"""What an event asks of those who come, and what they answered. Answers are kept for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import DurationField, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.models.events import Event, Occurrence
from events.models.rsvps import Rsvp
from events.models.series import SeriesRsvp

# How long after the date answers about access and health may be kept at most.
CARE_DAYS = 14


class QuestionQuerySet(models.QuerySet["Question"]):
    def asked(self) -> Self:
        """Those that are asked now, in the order in which they were written."""
        return self.filter(is_asked=True).order_by("pk")


class Question(models.Model):
    """One question of an event."""

    class Kind(models.TextChoices):
        TEXT = "text", _("A few words")
        YES_NO = "yes_no", _("Yes or no")
        CHOICE = "choice", _("One of several")

    event = models.ForeignKey(
        Event, models.PROTECT, verbose_name=_("event"), related_name="questions"
    )
    text = models.CharField(_("question"), max_length=200)
    kind = models.CharField(_("answer"), max_length=8, choices=Kind.choices, default=Kind.TEXT)
    options = ArrayField(
        models.CharField(max_length=80), verbose_name=_("options"), default=list, blank=True
    )
    is_required = models.BooleanField(_("must be answered"), default=False)
    is_care = models.BooleanField(_("about access or health"), default=False)
    days_kept = models.PositiveSmallIntegerField(
        _("days the answers are kept after the date"), default=CARE_DAYS
    )
    # A question is no longer asked rather than deleted: its answers go when their time is over.
    is_asked = models.BooleanField(_("asked"), default=True)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["text", "yes_no", "choice"]), name="event_question_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(is_care=False) | Q(days_kept__lte=CARE_DAYS),
                name="event_question_of_care_not_kept_long",
            ),
            models.CheckConstraint(
                condition=~Q(kind="choice") | Q(options__len__gte=2),
                name="event_question_has_options",
            ),
        ]

    def __str__(self) -> str:
        return self.text


# How long an answer to a question is kept after the date.
_KEPT = ExpressionWrapper(
    F("question__days_kept") * Value(timedelta(days=1)), output_field=DurationField()
)


class AnswerQuerySet(models.QuerySet["Answer"]):
    def due_for_purge(self, *, at: datetime) -> Self:
        """Those whose time is over, and those of people who no longer come."""
        return self.alias(kept_until=F("rsvp__occurrence__ends_at") + _KEPT).filter(
            Q(kept_until__lte=at) | ~Q(rsvp__status__in=Rsvp.ACTIVE)
        )


class SeriesAnswerQuerySet(models.QuerySet["SeriesAnswer"]):
    def due_for_purge(self, *, at: datetime) -> Self:
        """Those nobody's later date needs: who no longer comes every time, what is no longer
        asked, and events whose last date is over for as long as answers are kept."""
        dates = Occurrence.objects.filter(event=OuterRef("question__event")).order_by("-ends_at")
        last = Subquery(dates.values("ends_at")[:1])
        return self.alias(last=last, kept_until=F("last") + _KEPT).filter(
            Q(kept_until__lte=at)
            | ~Q(series_rsvp__status__in=SeriesRsvp.STANDING)
            | Q(question__is_asked=False)
        )


class Answered(models.Model):
    """What one party answered to one question."""

    LONGEST: ClassVar[int] = 500

    question = models.ForeignKey(
        Question, models.PROTECT, verbose_name=_("question"), related_name="+"
    )
    text = models.CharField(_("answer"), max_length=LONGEST)

    class Meta:
        abstract = True

    @property
    def in_words(self) -> str:
        if self.question.kind == Question.Kind.YES_NO:
            return gettext("Yes") if self.text == "yes" else gettext("No")
        return self.text


class SeriesAnswer(Answered):
    """What somebody who comes every time answered once. Each date they join takes a copy, which
    is deleted when the time of that date's answers is over."""

    series_rsvp = models.ForeignKey(
        SeriesRsvp, models.CASCADE, verbose_name=_("RSVP to a series"), related_name="answers"
    )
    objects = SeriesAnswerQuerySet.as_manager()

    class Meta:
        verbose_name = _("answer for all dates")
        verbose_name_plural = _("answers for all dates")
        constraints = [
            models.UniqueConstraint(
                fields=["series_rsvp", "question"], name="event_series_answer_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series_rsvp} {self.question_id}"


class Answer(Answered):
    """What one party answered for one date."""

    rsvp = models.ForeignKey(Rsvp, models.CASCADE, verbose_name=_("RSVP"), related_name="answers")

    objects = AnswerQuerySet.as_manager()

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["rsvp", "question"], name="event_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rsvp} {self.question_id}"
