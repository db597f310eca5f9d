"""Which charge is for whose place. What it is and what became of it is in ``payments``."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from events.models.events import Occurrence
from events.models.rsvps import Rsvp
from payments.domain.currencies import step_of
from payments.models import Charge, Refund


class PaymentQuerySet(models.QuerySet["Payment"]):
    def paid(self) -> Self:
        return self.filter(charge__status=Charge.Status.PAID)

    def unpaid(self) -> Self:
        """Those somebody may still pay."""
        return self.filter(charge__status__in=[Charge.Status.STARTED, Charge.Status.OPEN])

    def out_of_hand(self, *, at: datetime) -> Self:
        """Unpaid ones whose place is not kept any more, or of what was called off: nobody should
        pay them now."""
        keeping = Q(rsvp__status=Rsvp.Status.PAYING, rsvp__hold_expires_at__gt=at)
        called_off = Q(rsvp__occurrence__in=Occurrence.objects.called_off())
        wanted = self.unpaid().filter(charge__closing_at__isnull=True)
        return wanted.filter(~keeping | called_off)

    def called_off(self) -> Self:
        """Those for dates that do not take place."""
        return self.filter(rsvp__occurrence__in=Occurrence.objects.called_off())

    def with_money_left(self) -> Self:
        """Paid ones of which something was not given back, nor is on its way."""
        standing = Refund.objects.standing().filter(charge=models.OuterRef("charge")).order_by()
        back = standing.values("charge").annotate(total=Sum("amount_minor")).values("total")
        left = self.paid().alias(returned_minor=Coalesce(models.Subquery(back), 0))
        return left.filter(charge__amount_minor__gt=F("returned_minor"))

    def deposits_to_return(self, *, at: datetime) -> Self:
        """Deposits of parties that were checked in by ``at``, and of dates that we called off:
        what is left of each, once."""
        came = Q(rsvp__check_ins__undone_at__isnull=True, rsvp__check_ins__checked_in_at__lte=at)
        called_off = Q(rsvp__occurrence__in=Occurrence.objects.called_off())
        due = self.with_money_left().filter(came | called_off, is_deposit=True)
        returned = Refund.objects.filter(charge=models.OuterRef("charge"), kind=Refund.Kind.DEPOSIT)
        return due.exclude(models.Exists(returned)).distinct().order_by("pk")


class Payment(models.Model):
    """One charge for the places of one RSVP."""

    rsvp = models.ForeignKey(Rsvp, models.PROTECT, verbose_name=_("RSVP"), related_name="payments")
    charge = models.OneToOneField(
        Charge, models.PROTECT, verbose_name=_("charge"), related_name="payment"
    )
    party_size = models.PositiveSmallIntegerField(_("people paid for"))
    is_deposit = models.BooleanField(_("a deposit"), default=False)
    # What the rule of the event was when they began to pay: it is kept, whatever comes later.
    refundable_until = models.DateTimeField(
        _("given back to who leaves until"), null=True, blank=True
    )

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment for a place")
        verbose_name_plural = _("payments for places")
        constraints = [
            models.CheckConstraint(condition=Q(party_size__gte=1), name="payment_is_for_somebody"),
        ]

    def __str__(self) -> str:
        return str(self.charge)

    def goes_back_until(self, occurrence: Occurrence) -> datetime | None:
        """Until when leaving gives it back by itself: as was promised when they began to pay, or
        as the event says now where that is longer, and never once it has begun."""
        if self.is_deposit:
            return None
        promised = [self.refundable_until, occurrence.refundable_until]
        moments = [moment for moment in promised if moment is not None]
        return min(max(moments), occurrence.starts_at) if moments else None

    def share_of(self, people: int) -> int:
        """What of it is for so many of those who were paid for, in steps that a card can take."""
        charge = self.charge
        step = step_of(charge.currency)
        steps = -(-charge.amount_minor * people // (self.party_size * step))
        return min(charge.amount_minor, steps * step)
