"""What is put right in the books by hand, with a second person behind it."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from therapy_credits.models.bookings import Booking, SessionCode
from therapy_credits.models.pools import Pool


class Adjustment(models.Model):
    """Units handed back to the partner, or a charge undone, once an administrator approves.

    The id is the idempotency key of what is booked. The ground is one of a list:
    there is no place where somebody could write about a person.
    """

    class Kind(models.TextChoices):
        RETURN = "return", _("Hand sessions back to the partner")
        REVERSE = "reverse", _("Undo a charge")

    class Ground(models.TextChoices):
        AGREEMENT_ENDED = "agreement_ended", _("The agreement with the partner ended or shrank")
        WRONG_ENTRY = "wrong_entry", _("Entered by mistake")
        NOT_HELD = "not_held", _("It did not take place")
        TWICE = "twice", _("Entered twice")

    id = models.UUIDField(primary_key=True, editable=False)
    pool = models.ForeignKey(
        Pool, verbose_name=_("pool"), on_delete=models.PROTECT, related_name="adjustments"
    )
    kind = models.CharField(_("what"), max_length=8, choices=Kind)
    ground = models.CharField(_("why"), max_length=20, choices=Ground)
    units = models.PositiveIntegerField(_("sessions"), validators=[MinValueValidator(1)])
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, null=True, blank=True, related_name="adjustments"
    )
    code = models.ForeignKey(
        SessionCode, on_delete=models.PROTECT, null=True, blank=True, related_name="adjustments"
    )
    requested_at = models.DateTimeField(_("asked"))
    booked_at = models.DateTimeField(pgettext_lazy("adjustment", "booked"), null=True, blank=True)
    refused_at = models.DateTimeField(_("refused"), null=True, blank=True)
    # Approved, but by then the books no longer allowed it.
    failed_at = models.DateTimeField(_("no longer possible"), null=True, blank=True)

    objects: ClassVar[models.Manager[Adjustment]] = models.Manager()

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        constraints = [
            models.CheckConstraint(name="adjustment_has_units", condition=Q(units__gte=1)),
            models.CheckConstraint(
                name="adjustment_kind_known", condition=Q(kind__in=["return", "reverse"])
            ),
            models.CheckConstraint(
                name="adjustment_ground_known",
                condition=Q(ground__in=["agreement_ended", "wrong_entry", "not_held", "twice"]),
            ),
            models.CheckConstraint(
                name="adjustment_undoes_one_charge",
                condition=Q(kind="return", booking=None, code=None)
                | Q(kind="reverse", booking__isnull=False, code=None)
                | Q(kind="reverse", booking=None, code__isnull=False),
            ),
            models.CheckConstraint(
                name="adjustment_ends_once",
                condition=Q(refused_at=None, failed_at=None)
                | Q(booked_at=None, failed_at=None)
                | Q(booked_at=None, refused_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def reference(self) -> str:
        """Of the booking or code whose charge is undone."""
        undone = self.booking or self.code
        return undone.reference if undone else ""
