"""What a member of staff may do, and until when."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    COORDINATOR = "coordinator", _("Coordinator")
    CARE = "care", _("Care coordinator")
    FINANCE = "finance", _("Finance")
    ANALYST = "analyst", _("Analyst")
    ADMIN = "admin", _("Administrator")


class StaffGrantQuerySet(models.QuerySet["StaffGrant"]):
    def active(self, *, at: dt.datetime) -> Self:
        """Grants that hold at ``at``: not withdrawn, and not past their last day (UTC)."""
        return self.filter(
            Q(until_on__isnull=True) | Q(until_on__gte=at.astimezone(dt.UTC).date()),
            Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=at),
            granted_at__lte=at,
        )


class StaffGrant(models.Model):
    """One role of one person, for all programmes or for some, until a day or for good.

    A grant is never deleted: it is withdrawn, and says by whom.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="staff_grants", verbose_name=_("who")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    all_programmes = models.BooleanField(_("for all programmes"), default=True)
    until_on = models.DateField(_("last day"), null=True, blank=True)
    granted_at = models.DateTimeField(_("given"))
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("given by"),
        help_text=_("Nobody when a command gave it."),
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("withdrawn by"),
    )

    objects = StaffGrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("staff grant")
        verbose_name_plural = _("staff grants")
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="staff_grant_role_is_known"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=False) | Q(withdrawn_by__isnull=True),
                name="staff_grant_withdrawn_by_needs_a_time",
            ),
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(withdrawn_at__isnull=True),
                name="staff_grant_one_open_per_role",
            ),
            # Who decides what people are given never sees who is in care.
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(withdrawn_at__isnull=True, role__in=["coordinator", "care"]),
                name="staff_grant_coordinator_or_care",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} #{self.pk}"
