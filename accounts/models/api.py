"""Keys for programs, and what was answered to them."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common import tokens


class Scope(models.TextChoices):
    """What a key may be used for. Each names one kind of thing and one direction."""

    EVENTS_READ = "events:read", _("read events that are not public")
    RSVPS_WRITE = "rsvps:write", _("make and change RSVPs")
    BOOKINGS_READ = "bookings:read", _("read bookings of its practice")
    REDEMPTIONS_WRITE = "redemptions:write", _("confirm sessions of its practice")
    STATEMENTS_READ = "statements:read", _("read statements of its practice")
    REPORTS_READ = "reports:read", _("read published reports")
    ENROLMENTS_READ = "enrolments:read", _("read enrolments")
    ENROLMENTS_WRITE = "enrolments:write", _("make and change enrolments")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> Self:
        return self.filter(revoked_at__isnull=True)


class ApiKey(models.Model):
    """A program that may use the API. The key itself is shown once; a digest of it is kept."""

    name = models.CharField(_("name"), max_length=120, help_text=_("Whose program it is."))
    key_digest = models.CharField(_("digest"), max_length=64, unique=True)
    scopes = ArrayField(
        models.CharField(max_length=24, choices=Scope.choices), verbose_name=_("scopes")
    )
    # By id: practices belong to an app that accounts does not know.
    practice_id = models.BigIntegerField(_("practice"), null=True, blank=True)
    # By id as well. Empty for every programme, those to come too.
    programme_ids = ArrayField(
        models.BigIntegerField(), verbose_name=_("programmes"), null=True, blank=True
    )
    made_at = models.DateTimeField(_("made"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gte=1),
                name="api_key_scopes_known",
            ),
            # A key for sessions is always one practice's.
            models.CheckConstraint(
                condition=Q(practice_id__isnull=False)
                | ~Q(scopes__overlap=["bookings:read", "redemptions:write", "statements:read"]),
                name="api_key_for_sessions_has_a_practice",
            ),
            # An empty list must never be taken for no limit.
            models.CheckConstraint(
                condition=Q(programme_ids__isnull=True) | Q(programme_ids__len__gte=1),
                name="api_key_limit_names_a_programme",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(secret: str) -> str:
        return tokens.digest("api-key", secret)

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class ApiReply(models.Model):
    """What a key was answered for one ``Idempotency-Key``, written with the effect itself.

    Neither the request nor anybody's name is kept: a digest tells whether it is the same one.
    """

    key = models.ForeignKey(
        ApiKey, models.CASCADE, related_name="replies", verbose_name=_("API key")
    )
    idempotency_key = models.CharField(_("idempotency key"), max_length=200)
    request_digest = models.CharField(_("digest of the request"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    body = models.JSONField(_("answer"), null=True)
    answered_at = models.DateTimeField(_("answered"))

    class Meta:
        verbose_name = _("API reply")
        verbose_name_plural = _("API replies")
        constraints = [
            models.UniqueConstraint(fields=["key", "idempotency_key"], name="api_reply_once"),
        ]
        indexes = [models.Index(fields=["answered_at"], name="api_reply_by_age")]

    def __str__(self) -> str:
        return f"{self.key_id}/{self.idempotency_key}"

    @staticmethod
    def kept_since(*, at: dt.datetime) -> dt.datetime:
        """Replies older than this are forgotten: a program that repeats itself does so soon."""
        return at - dt.timedelta(days=7)
