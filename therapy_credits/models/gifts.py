"""Gifts: sessions that one person sets aside for another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from therapy_credits.models.subjects import UnderKey


class GiftQuerySet(models.QuerySet["Gift"]):
    def given_by(self, tokens: Sequence[UUID]) -> Self:
        """The gifts of the person who has these tokens, the newest first."""
        return self.filter(giver_subject__in=tokens).order_by("-given_at")

    def open(self) -> Self:
        """Neither claimed nor refused, expired or undone."""
        return self.filter(status__in=[Gift.Status.WAITING, Gift.Status.SENT])


class Gift(UnderKey):
    """Units in lots of a token of their own, and the two secrets that open them.

    Of the link and the code only keyed digests are kept; where it is sent is
    sealed, and forgotten when it has been sent. The id is the ``group`` of its
    transfers. Nothing here says who claimed it: its key does, sealed.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Can be undone")
        SENT = "sent", pgettext_lazy("gift", "Sent")
        CLAIMED = "claimed", _("Claimed")
        REFUSED = "refused", pgettext_lazy("gift", "Refused")
        EXPIRED = "expired", pgettext_lazy("gift", "Expired")
        UNDONE = "undone", pgettext_lazy("gift", "Undone")

    id = models.UUIDField(primary_key=True, editable=False)
    giver_subject = models.UUIDField(db_index=True)
    subject = models.UUIDField(unique=True)
    pool = models.ForeignKey("therapy_credits.Pool", on_delete=models.PROTECT, related_name="+")
    units = models.PositiveSmallIntegerField(_("sessions"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.WAITING)
    link_digest = models.CharField(max_length=64, unique=True)
    code_digest = models.CharField(max_length=64, unique=True)
    sealed_contact = models.TextField(blank=True)
    language = models.CharField(max_length=12, blank=True)
    given_at = models.DateTimeField(_("given"))
    sends_at = models.DateTimeField(_("can be undone until"))
    expires_at = models.DateTimeField(_("can be claimed until"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects: ClassVar[GiftQuerySet] = GiftQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("gift")
        verbose_name_plural = _("gifts")
        indexes = [
            models.Index(
                fields=["sends_at"], condition=Q(status__in=["waiting", "sent"]), name="gift_open"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["waiting", "sent", "claimed", "refused", "expired", "undone"]
                ),
                name="gift_status_known",
            ),
            models.CheckConstraint(condition=Q(units__gte=1), name="gift_has_units"),
            models.CheckConstraint(
                condition=Q(sends_at__gt=F("given_at"), expires_at__gt=F("sends_at")),
                name="gift_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "sent"], ended_at=None)
                | (~Q(status__in=["waiting", "sent"]) & Q(ended_at__isnull=False)),
                name="gift_ends_once",
            ),
            # Undone before it is sent and never after: a later recall would tell whether
            # somebody had claimed it.
            models.CheckConstraint(
                condition=~Q(status="undone") | Q(ended_at__lt=F("sends_at")),
                name="gift_undone_only_before_it_is_sent",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["claimed", "refused"]) | Q(ended_at__gte=F("sends_at")),
                name="gift_answered_only_after_it_is_sent",
            ),
            models.CheckConstraint(
                condition=Q(status="waiting") | Q(sealed_contact=""),
                name="gift_contact_kept_only_until_sent",
            ),
            models.CheckConstraint(
                condition=Q(
                    link_digest__regex=r"^[0-9a-f]{64}$", code_digest__regex=r"^[0-9a-f]{64}$"
                ),
                name="gift_digests_only",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def contact(self) -> str:
        """Where it will be sent; empty once it was, and where it is passed on by hand."""
        return self.opened(self.sealed_contact, "gift.contact")

    def can_be_undone(self, *, at: dt.datetime) -> bool:
        return self.status == self.Status.WAITING and at < self.sends_at

    def is_open(self, *, at: dt.datetime) -> bool:
        """Whether it can be claimed or refused."""
        return (
            self.status in (self.Status.WAITING, self.Status.SENT)
            and self.sends_at <= at < self.expires_at
        )
