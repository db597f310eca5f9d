"""What came from somebody else's calendar."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from events.models.events import Event


class ImportedEvent(models.Model):
    """Which entry of which calendar an event was made from, so that it is made once."""

    source_uid = models.CharField(_("UID over there"), max_length=200, unique=True)
    event = models.OneToOneField(
        Event, models.PROTECT, verbose_name=_("event"), related_name="imported"
    )
    digest = models.CharField(_("digest of what was read"), max_length=64)
    version = models.PositiveIntegerField(
        _("version"), help_text=_("Of the event when it was written; higher: a person edited it.")
    )
    imported_at = models.DateTimeField(_("imported"))

    class Meta:
        verbose_name = _("imported event")
        verbose_name_plural = _("imported events")

    def __str__(self) -> str:
        return self.source_uid
