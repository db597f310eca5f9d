"""Somebody who handles an ambassador's dates: a manager, an assistant. Dates and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class DelegateQuerySet(models.QuerySet["Delegate"]):
    def standing(self, *, at: datetime) -> Self:
        """Neither ended nor past their last day (UTC); accepted or still asked."""
        return self.filter(
            Q(until_on__isnull=True) | Q(until_on__gte=at.date()), ended_at__isnull=True
        )

    def held_by(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """For whom ``user`` handles dates at ``at``. Every page of a delegate starts here."""
        if not isinstance(user, User):
            return self.none()
        return self.standing(at=at).filter(
            person=user, accepted_at__lte=at, ambassador__is_active=True
        )


class Delegate(models.Model):
    """(ambassador, person, until when). Asked by mail; it begins when the person says yes."""

    ambassador = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegates"
    )
    email = models.EmailField(_("e-mail address"))
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="delegations",
    )
    until_on = models.DateField(_("last day"), null=True, blank=True)
    secret_digest = models.CharField(max_length=64, unique=True)
    asked_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("the link runs out"))
    accepted_at = models.DateTimeField(_("said yes"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = DelegateQuerySet.as_manager()

    class Meta:
        verbose_name = _("delegate")
        verbose_name_plural = _("delegates")
        constraints = [
            models.UniqueConstraint(
                fields=["ambassador", "email"],
                condition=Q(ended_at__isnull=True),
                name="delegate_once_while_it_lasts",
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=True) | ~Q(person=F("ambassador")),
                name="delegate_is_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, person__isnull=True)
                | Q(accepted_at__isnull=False, person__isnull=False),
                name="delegate_said_yes_as_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ambassador_id} {self.pk}"

    def is_open(self, *, at: datetime) -> bool:
        """Whether its link can still be said yes to."""
        return self.accepted_at is None and self.ended_at is None and at < self.expires_at
