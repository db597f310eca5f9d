"""Published usage reports: written once, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User
from accounts.models.trail import append_only
from accounts.rules import has_role

READERS = (Role.COORDINATOR, Role.CARE, Role.FINANCE, Role.ANALYST, Role.ADMIN)


class PublishedReportQuerySet(models.QuerySet["PublishedReport"]):
    def visible_to(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """Reports this user may read. Every page, export and API list starts here."""
        return self.all() if has_role(user, *READERS, at=at) else self.none()

    def newest_first(self) -> Self:
        return self.order_by("-year", "-quarter")


class PublishedReport(models.Model):
    """One calendar quarter as it was published, with the method it was made by."""

    slug = models.SlugField(_("address"), unique=True)
    year = models.PositiveSmallIntegerField(_("year"))
    quarter = models.PositiveSmallIntegerField(_("quarter"))
    method_version = models.CharField(_("method"), max_length=8)
    content = models.JSONField(_("tables"))
    content_sha256 = models.CharField(_("fingerprint"), max_length=64)
    published_at = models.DateTimeField(_("published"))
    published_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, verbose_name=_("published by"), related_name="+"
    )

    objects = PublishedReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("published report")
        verbose_name_plural = _("published reports")
        constraints = [
            models.UniqueConstraint(fields=["year", "quarter"], name="report_one_per_quarter"),
            models.CheckConstraint(
                condition=models.Q(quarter__gte=1, quarter__lte=4), name="report_quarter_1_to_4"
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.slug

    @property
    def tables(self) -> list[dict[str, Any]]:
        tables: list[dict[str, Any]] = self.content["tables"]
        return tables
