"""What happened at a date that must be looked after: written by its hosts, read by very few."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.sealing import seal, unseal
from events.models.events import Occurrence

SEALED_FOR = "incident.words"


class IncidentKind(models.TextChoices):
    UNWELL = "unwell", _("Somebody was hurt or not well")
    CONDUCT = "conduct", _("How somebody was treated")
    PLACE = "place", _("The place, or the call, was not safe")
    OTHER = "other", _("Something else")


class IncidentQuerySet(models.QuerySet["Incident"]):
    def waiting(self) -> Self:
        return self.filter(closed_at=None).order_by("due_at", "pk")


class Incident(models.Model):
    """Something that happened at a date. Its words are sealed, and whoever wrote them does not
    see them again."""

    occurrence = models.ForeignKey(
        Occurrence, models.PROTECT, verbose_name=_("date"), related_name="incidents"
    )
    kind = models.CharField(_("what kind"), max_length=8, choices=IncidentKind)
    was_emergency = models.BooleanField(_("emergency services were called"), default=False)
    sealed_words = models.TextField(editable=False)
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("written by"), related_name="+"
    )
    reported_at = models.DateTimeField(_("written"))
    due_at = models.DateTimeField(_("due"))
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("looked after by"),
        null=True,
        blank=True,
        related_name="+",
    )
    closed_at = models.DateTimeField(_("looked after"), null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["unwell", "conduct", "place", "other"]),
                name="incident_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(closed_by=None, closed_at=None)
                | Q(closed_by__isnull=False, closed_at__isnull=False),
                name="incident_closed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def deleted_at(self) -> datetime | None:
        """When it is deleted, once it was looked after."""
        return self.closed_at and self.closed_at + timedelta(days=settings.INCIDENT_DAYS)

    @property
    def words(self) -> str:
        return unseal(self.sealed_words, SEALED_FOR)

    @words.setter
    def words(self, text: str) -> None:
        self.sealed_words = seal(text, SEALED_FOR)
