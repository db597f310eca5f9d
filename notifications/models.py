"""The outbox: mail as rows, written in the transaction of the change they tell about."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications.domain import Attachment

__all__ = ["Attachment", "Message", "MessageStatus", "Purge"]


class MessageStatus(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Will be tried again")
    DEAD = "dead", _("Given up")


OPEN = (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.FAILED)


class MessageQuerySet(models.QuerySet["Message"]):
    def due(self, *, at: dt.datetime) -> Self:
        """What somebody should send now, oldest debt first.

        Also what a sender took and never finished: its lease is ``next_attempt_at``.
        """
        return self.filter(status__in=OPEN, next_attempt_at__lte=at).order_by(
            "next_attempt_at", "pk"
        )


class Message(models.Model):
    """One mail to one address, as it was when the change happened.

    ``key`` says what it tells, so that telling twice is one mail. ``message_id``
    never changes: a second copy, possible only when a sender dies between the
    server's acceptance and our record, is recognised as the same mail.
    """

    key = models.CharField(_("key"), max_length=200, unique=True)
    message_id = models.CharField(_("Message-ID"), max_length=200, unique=True)
    to = models.EmailField(_("to"), blank=True)
    language = models.CharField(_("language"), max_length=12)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    attachments = models.JSONField(_("attachments"), default=list, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=MessageStatus.choices, default=MessageStatus.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(
        _("next attempt"),
        help_text=_("While it is being sent: when the sender's lease runs out."),
    )
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    queued_at = models.DateTimeField(_("queued"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    purged_at = models.DateTimeField(_("contents deleted"), null=True, blank=True)
    # Whom it is for was erased: its contents go as soon as it is sent or given up.
    is_last = models.BooleanField(_("contents go when it is sent"), default=False, db_default=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=MessageStatus.values), name="message_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status=MessageStatus.SENT, sent_at__isnull=False)
                | (~Q(status=MessageStatus.SENT) & Q(sent_at__isnull=True)),
                name="message_sent_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True)
                | Q(
                    status__in=[MessageStatus.SENT, MessageStatus.DEAD],
                    to="",
                    subject="",
                    text="",
                    html="",
                    attachments=[],
                ),
                name="message_purged_holds_nothing",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(status__in=["queued", "sending", "failed"]),
                name="message_due",
            ),
            models.Index(
                fields=["queued_at"],
                condition=Q(purged_at__isnull=True),
                name="message_unpurged",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def files(self) -> list[Attachment]:
        return [Attachment.from_json(data) for data in self.attachments]


class Purge(models.Model):
    """The proof that a retention job ran: what it deleted, up to when, how many."""

    at = models.DateTimeField(_("when"))
    what = models.CharField(_("what"), max_length=60)
    older_than = models.DateTimeField(_("older than"))
    rows = models.PositiveIntegerField(_("rows"))

    class Meta:
        verbose_name = _("purge")
        verbose_name_plural = _("purges")

    def __str__(self) -> str:
        return f"{self.what}: {self.rows}"
