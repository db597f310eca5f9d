"""Mails that are promised and not written so far."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Min
from django.utils.translation import gettext_lazy as _

# One that could not be written so often is not late but wrong: each attempt is in the log.
ATTEMPTS_IN_TIME = 3


class DueMailQuerySet(models.QuerySet["DueMail"]):
    def failing(self) -> Self:
        """Those that cannot be written, whoever tries."""
        return self.filter(attempts__gte=ATTEMPTS_IN_TIME)

    def delay(self, *, at: datetime) -> timedelta:
        """How long the mail that waits longest has waited to be written; zero when none does."""
        waiting = self.filter(attempts__lt=ATTEMPTS_IN_TIME)
        first: datetime | None = waiting.aggregate(first=Min("promised_at"))["first"]
        return max(at - first, timedelta(0)) if first else timedelta(0)


class DueMail(models.Model):
    """A mail to one person that somebody shall write soon, from what is true then.

    Whoever holds the lock of a date writes this row and no mail, since writing a thousand mails
    takes seconds and a row for each of them does not. It goes when the mail is in the outbox.
    """

    # That of the message: promised twice, it is one mail.
    key = models.CharField(_("key"), max_length=200, unique=True)
    what = models.CharField(_("what"), max_length=20)
    # The RSVPs it is about, and what changed at the date of each: ``events.services.due_mails``.
    about = models.JSONField(_("about"))
    promised_at = models.DateTimeField(_("promised"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)

    objects = DueMailQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail to write")
        verbose_name_plural = _("mails to write")
        indexes = [models.Index(fields=["attempts", "id"], name="due_mail_in_order")]

    def __str__(self) -> str:
        return self.key
