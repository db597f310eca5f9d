"""What a practice is owed for a month: one line for each booking or code, to the minor unit."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from therapy_credits.models.bookings import Booking, SessionCode
from therapy_credits.models.pools import Pool
from therapy_credits.models.practices import Practice


class StatementQuerySet(models.QuerySet["Statement"]):
    def visible_to_practice(self, practice: Practice | int | None) -> Self:
        """The practice's own, once finance stands behind them: a draft is nobody's money."""
        return self.filter(practice=practice).exclude(status=Statement.Status.DRAFT)

    def newest_first(self) -> Self:
        return self.order_by("-month", "practice__name", "currency")


class Statement(models.Model):
    """One practice, one currency, one month. The id is the ``group`` of its settling transfers."""

    class Status(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("statement", "Draft")
        APPROVED = "approved", pgettext_lazy("statement", "Approved")

    id = models.UUIDField(primary_key=True, editable=False)
    practice = models.ForeignKey(
        Practice, verbose_name=_("practice"), on_delete=models.PROTECT, related_name="statements"
    )
    currency = models.CharField(_("currency"), max_length=3)
    # The first day of the month in which it was due; what was too fresh comes with the next.
    month = models.DateField(_("month"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    drafted_at = models.DateTimeField(_("drafted"))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)

    objects: ClassVar[StatementQuerySet] = StatementQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        constraints = [
            models.CheckConstraint(
                name="statement_status_known", condition=Q(status__in=["draft", "approved"])
            ),
            models.CheckConstraint(name="statement_month_begins", condition=Q(month__day=1)),
            models.CheckConstraint(
                name="statement_approved_has_a_time",
                condition=Q(status="draft", approved_at=None)
                | (~Q(status="draft") & Q(approved_at__isnull=False)),
            ),
            models.UniqueConstraint(
                name="statement_one_a_month", fields=["practice", "currency", "month"]
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What it is called on paper: the month, the currency and a few symbols of its id."""
        month: dt.date = self.month
        return f"{month:%Y-%m}-{self.currency}-{str(self.pk)[:4].upper()}"


class StatementLine(models.Model):
    """One booking or code on one statement, or what corrects it on a later one."""

    class Kind(models.TextChoices):
        SESSION = "session", _("Session")
        CORRECTION = "correction", _("Correction")

    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="lines")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.SESSION)
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, null=True, blank=True, related_name="lines"
    )
    code = models.ForeignKey(
        SessionCode, on_delete=models.PROTECT, null=True, blank=True, related_name="lines"
    )
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    held_on = models.DateField(_("day of the session"))
    outcome = models.CharField(_("outcome"), max_length=20)
    # Both negative on a correction.
    units = models.SmallIntegerField(_("sessions"))
    amount_minor = models.IntegerField(_("amount"))

    class Meta:
        verbose_name = _("line of a statement")
        verbose_name_plural = _("lines of a statement")
        constraints = [
            models.CheckConstraint(
                name="line_is_of_a_booking_or_a_code",
                condition=Q(booking__isnull=False, code=None) | Q(booking=None, code__isnull=False),
            ),
            models.CheckConstraint(
                name="line_sign_fits_its_kind",
                condition=Q(kind="session", units__gte=1, amount_minor__gte=0)
                | Q(kind="correction", units__lte=-1, amount_minor__lte=0),
            ),
            models.UniqueConstraint(
                name="line_booking_on_one_statement", fields=["booking", "kind"]
            ),
            models.UniqueConstraint(name="line_code_on_one_statement", fields=["code", "kind"]),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        source = self.booking or self.code
        return source.reference if source else ""
