"""Mails that are promised and not written so far."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


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

    class Meta:
        verbose_name = _("mail to write")
        verbose_name_plural = _("mails to write")
        indexes = [models.Index(fields=["attempts", "id"], name="due_mail_in_order")]

    def __str__(self) -> str:
        return self.key
