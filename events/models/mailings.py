"""Mail to many: reminders, what hosts write to those who come, and how it was, asked afterwards."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.events import Occurrence


class Mailing(models.Model):
    """Everybody who should get one kind of mail about a date has been promised it.

    The promise itself is one message for each person, by its key. This row only saves looking
    for whom it is missing again and again.
    """

    occurrence = models.ForeignKey(
        Occurrence, models.CASCADE, verbose_name=_("date"), related_name="mailings"
    )
    what = models.CharField(_("what"), max_length=60)
    finished_at = models.DateTimeField(_("finished"))

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        constraints = [
            models.UniqueConstraint(fields=["occurrence", "what"], name="mailing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.occurrence_id} {self.what}"


class Note(models.Model):
    """What hosts wrote to people of a date, by what became of their answer."""

    class To(models.TextChoices):
        GOING = "going", _("Who is going")
        WAITING = "waiting", _("Who waits, or has an offer")
        APPLIED = "applied", _("Who has asked to come")
        CAME = "came", _("Who was checked in")
        MISSED = "missed", _("Who was going and was not checked in")

    occurrence = models.ForeignKey(
        Occurrence, models.PROTECT, verbose_name=_("date"), related_name="notes"
    )
    to = ArrayField(
        models.CharField(max_length=8, choices=To.choices), verbose_name=_("to whom"), size=5
    )
    text = models.TextField(_("message"))
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), related_name="+"
    )
    written_at = models.DateTimeField(_("written"))
    sent_count = models.PositiveIntegerField(_("people"), default=0)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("message to people")
        verbose_name_plural = _("messages to people")
        constraints = [
            models.CheckConstraint(condition=Q(to__len__gte=1), name="note_goes_to_somebody"),
        ]

    def __str__(self) -> str:
        return f"{self.occurrence_id} {self.written_at:%Y-%m-%d}"

    @property
    def to_labels(self) -> list[str]:
        return [str(self.To(to).label) for to in self.to]


class SurveyAnswer(models.Model):
    """How one person who came found a date. Nothing here says who, nor when."""

    SCALE = ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5"))

    occurrence = models.ForeignKey(
        Occurrence, models.PROTECT, verbose_name=_("date"), related_name="survey_answers"
    )
    liked = models.PositiveSmallIntegerField(_("good for me"), choices=SCALE)
    welcome = models.PositiveSmallIntegerField(_("welcome and safe"), choices=SCALE)
    again = models.BooleanField(_("would come again"))
    helped = models.PositiveSmallIntegerField(
        _("better able to look after myself"), choices=SCALE, null=True, blank=True
    )

    class Meta:
        verbose_name = _("survey answer")
        verbose_name_plural = _("survey answers")
        constraints = [
            models.CheckConstraint(
                condition=Q(liked__range=(1, 5), welcome__range=(1, 5))
                & (Q(helped__isnull=True) | Q(helped__range=(1, 5))),
                name="survey_answers_from_one_to_five",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
