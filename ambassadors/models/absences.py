"""Days on which an ambassador is on tour or on leave."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def on(self, day: date) -> Self:
        return self.filter(starts_on__lte=day, ends_on__gte=day)

    def not_over(self, day: date) -> Self:
        return self.filter(ends_on__gte=day).order_by("starts_on", "pk")


class Absence(models.Model):
    """From one day to another, both included. Why is a kind, never words: it may be private."""

    class Kind(models.TextChoices):
        TOUR = "tour", _("on tour")
        LEAVE = "leave", _("on leave")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="absences"
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    time_zone = models.CharField(_("time zone there"), max_length=64, blank=True)
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["tour", "leave"]), name="absence_kind"),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")), name="absence_ends_after_it_starts"
            ),
            models.UniqueConstraint(fields=["user", "starts_on", "ends_on"], name="absence_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.starts_on} – {self.ends_on}"
