"""Which charge is for whose place. What it is and what became of it is in ``payments``."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.rsvps import Rsvp
from payments.models import Charge, Refund


class PaymentQuerySet(models.QuerySet["Payment"]):
    def paid(self) -> Self:
        return self.filter(charge__status=Charge.Status.PAID)

    def unpaid(self) -> Self:
        """Those somebody may still pay."""
        return self.filter(charge__status__in=[Charge.Status.STARTED, Charge.Status.OPEN])

    def out_of_hand(self, *, at: datetime) -> Self:
        """Unpaid ones whose place is not kept any more: nobody should pay them now."""
        keeping = Q(rsvp__status=Rsvp.Status.PAYING, rsvp__hold_expires_at__gt=at)
        return self.unpaid().filter(charge__closing_at__isnull=True).exclude(keeping)

    def deposits_to_return(self, *, at: datetime) -> Self:
        """Deposits of parties that were checked in by ``at``, and of dates that we called off."""
        came = Q(rsvp__check_ins__undone_at__isnull=True, rsvp__check_ins__checked_in_at__lte=at)
        called_off = Q(rsvp__occurrence__cancelled_at__isnull=False) | Q(
            rsvp__occurrence__event__status="cancelled"
        )
        due = self.paid().filter(came | called_off, is_deposit=True)
        returned = Refund.objects.filter(charge=models.OuterRef("charge"))
        return due.exclude(models.Exists(returned)).distinct().order_by("pk")


class Payment(models.Model):
    """One charge for the places of one RSVP."""

    rsvp = models.ForeignKey(Rsvp, models.PROTECT, verbose_name=_("RSVP"), related_name="payments")
    charge = models.OneToOneField(
        Charge, models.PROTECT, verbose_name=_("charge"), related_name="payment"
    )
    party_size = models.PositiveSmallIntegerField(_("people paid for"))
    is_deposit = models.BooleanField(_("a deposit"), default=False)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment for a place")
        verbose_name_plural = _("payments for places")
        constraints = [
            models.CheckConstraint(condition=Q(party_size__gte=1), name="payment_is_for_somebody"),
        ]

    def __str__(self) -> str:
        return str(self.charge)
