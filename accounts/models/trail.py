"""Who did what, and who looked at whom. Rows are written once and never changed.

The database refuses UPDATE and TRUNCATE on both tables, whoever asks, and DELETE of what is not
six years old.
Rows hold ids and field names, never values: the trail must not become a second
copy of what it guards.
"""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


def append_only() -> list[pgtrigger.Trigger]:
    """Triggers that let rows in and nothing else. For the ``Meta.triggers`` of a history table."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        _no_truncate(),
    ]


def kept_for_years() -> list[pgtrigger.Trigger]:
    """As ``append_only``, but what is older than six years may go, and nothing younger."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update),
        pgtrigger.Protect(
            name="kept_six_years",
            operation=pgtrigger.Delete,
            condition=pgtrigger.Condition("OLD.at > now() - interval '6 years'"),
        ),
        _no_truncate(),
    ]


def _no_truncate() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="no_truncate",
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        func="RAISE EXCEPTION 'Cannot truncate % table', TG_TABLE_NAME;",
    )


class AuditEntry(models.Model):
    """Somebody changed something that matters."""

    at = models.DateTimeField(_("when"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("who"),
        help_text=_("Nobody when the schedule or a command did it."),
    )
    verb = models.CharField(_("did what"), max_length=60)
    target_type = models.CharField(_("to what kind of thing"), max_length=60)
    target_id = models.CharField(_("which"), max_length=60)
    fields = ArrayField(models.CharField(max_length=60), verbose_name=_("fields"), default=list)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            models.Index(fields=["target_type", "target_id"], name="audit_by_target"),
            models.Index(fields=["actor", "at"], name="audit_by_actor"),
        ]
        triggers = kept_for_years()

    def __str__(self) -> str:
        return f"{self.verb} {self.target_type} {self.target_id}"


class AccessLook(models.Model):
    """Somebody looked at what is sensitive about a person, who can see that they did."""

    at = models.DateTimeField(_("when"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("who looked")
    )
    subject_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="looks",
        verbose_name=_("at whom"),
    )
    what = models.CharField(_("at what"), max_length=120)
    purpose = models.CharField(_("what for"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("look")
        verbose_name_plural = _("looks")
        indexes = [models.Index(fields=["subject_user", "-at"], name="look_by_subject")]
        triggers = kept_for_years()

    def __str__(self) -> str:
        return f"{self.what} #{self.pk}"


class SealedLog(models.TextChoices):
    AUDIT = "audit", _("Audit trail")
    LOOKS = "looks", _("Looks")


class Seal(models.Model):
    """A link of the chain that proves a log was not rewritten: what stood in it up to ``last_id``.

    Rows are sealed in batches, later, because chaining inside each write would make
    every writer wait for every other.
    """

    log = models.CharField(_("log"), max_length=10, choices=SealedLog.choices)
    last_id = models.BigIntegerField(_("up to row"))
    rows = models.PositiveIntegerField(_("rows"))
    previous = models.CharField(_("previous digest"), max_length=64, blank=True)
    digest = models.CharField(_("digest"), max_length=64)
    sealed_at = models.DateTimeField(_("sealed"))

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        constraints = [
            models.CheckConstraint(condition=Q(log__in=SealedLog.values), name="seal_log_is_known"),
            models.CheckConstraint(condition=Q(rows__gt=0), name="seal_holds_rows"),
            models.UniqueConstraint(fields=["log", "previous"], name="seal_chain_does_not_fork"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.log} {self.last_id}"
