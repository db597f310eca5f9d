"""Who is behind a token: the one table that knows, and knows it sealed."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _

from ambassadors.models import Programme


class Subject(models.Model):
    """One person in one programme-year, as the ledger and the bookings know them.

    The token is random and new for each programme-year, so that nobody can
    follow a person from year to year through the books. ``person`` is the
    user's id, sealed; ``person_digest`` is a keyed digest by which a person who
    is signed in finds their own tokens. Only ``services.subjects`` reads either.
    """

    token = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    programme = models.ForeignKey(
        Programme, verbose_name=_("programme"), on_delete=models.PROTECT, related_name="+"
    )
    # The year in which the term began, as the programme dates it.
    year = models.PositiveSmallIntegerField(_("year"))
    person_digest = models.CharField(max_length=64, unique=True)
    person = models.TextField()
    made_at = models.DateTimeField(_("made"))

    objects: ClassVar[models.Manager[Subject]] = models.Manager()

    class Meta:
        verbose_name = _("subject")
        verbose_name_plural = _("subjects")

    def __str__(self) -> str:
        return str(self.token)
