"""What people pay, what they are given back, and what the processor told us.

Amounts are whole minor units with their ISO currency. Nothing here says who paid or what for in
words: that is known where the money belongs (``Charge.purpose``), and by the processor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.codes import new_reference


def new_charge_reference() -> str:
    """What stands behind our name on the card statement. It opens nothing."""
    return new_reference(10)


class ChargeQuerySet(models.QuerySet["Charge"]):
    def to_settle(self, purpose: str) -> Self:
        """Those that were paid, or will not be, and whose owner has not acted on it yet."""
        over = self.filter(status__in=[Charge.Status.PAID, Charge.Status.ENDED])
        return over.filter(purpose=purpose, settled_at__isnull=True).order_by("pk")

    def unpaid(self) -> Self:
        """Those somebody may still pay."""
        return self.filter(status__in=[Charge.Status.STARTED, Charge.Status.OPEN])


class Charge(models.Model):
    """One payment somebody was asked for. Its amount never changes; another amount is another.

    The key under which the processor is asked is saved before it is asked, so that asking again
    after a crash is the same question.
    """

    class Status(models.TextChoices):
        STARTED = "started", _("Begun")
        OPEN = "open", _("Waiting for payment")
        PAID = "paid", _("Paid")
        ENDED = "ended", _("Not paid")

    class Purpose(models.TextChoices):
        EVENT = "event", _("A place at an event")

    class Dispute(models.TextChoices):
        NONE = "", _("None")
        OPEN = "open", _("Disputed")
        WON = "won", _("Dispute won")
        LOST = "lost", _("Dispute lost")

    purpose = models.CharField(_("what for"), max_length=12, choices=Purpose.choices)
    reference = models.CharField(_("reference"), max_length=12, unique=True, editable=False)
    amount_minor = models.PositiveBigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    description = models.CharField(_("what the payment page says"), max_length=120)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.STARTED
    )
    idempotency_key = models.UUIDField(_("key the processor is asked with"), unique=True)
    started_at = models.DateTimeField(_("begun"))
    closes_at = models.DateTimeField(_("can be paid until"))
    session_id = models.CharField(
        _("payment page"), max_length=120, unique=True, null=True, blank=True
    )
    page_url = models.TextField(_("address of the payment page"), blank=True)
    payment_intent = models.CharField(
        _("payment at the processor"), max_length=120, unique=True, null=True, blank=True
    )
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    # Its owner wants it no more: the payment page is closed, unless somebody was faster.
    closing_at = models.DateTimeField(_("to be closed"), null=True, blank=True)
    settled_at = models.DateTimeField(_("acted on"), null=True, blank=True)
    dispute = models.CharField(
        _("dispute"), max_length=4, choices=Dispute.choices, default=Dispute.NONE, blank=True
    )

    objects = ChargeQuerySet.as_manager()

    class Meta:
        verbose_name = _("charge")
        verbose_name_plural = _("charges")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["started", "open", "paid", "ended"]),
                name="charge_status_known",
            ),
            models.CheckConstraint(condition=Q(purpose__in=["event"]), name="charge_purpose_known"),
            models.CheckConstraint(
                condition=Q(dispute__in=["", "open", "won", "lost"]), name="charge_dispute_known"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="charge_is_of_something"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="charge_currency_three_letters"
            ),
            models.CheckConstraint(
                condition=~Q(status="open") | Q(session_id__isnull=False),
                name="charge_open_has_its_page",
            ),
            models.CheckConstraint(
                condition=Q(status="paid", paid_at__isnull=False, payment_intent__isnull=False)
                | (~Q(status="paid") & Q(paid_at__isnull=True)),
                name="charge_paid_says_when",
            ),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True) | Q(status__in=["paid", "ended"]),
                name="charge_settled_when_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["purpose", "id"],
                condition=Q(status__in=["paid", "ended"], settled_at__isnull=True),
                name="charge_to_settle",
            ),
            models.Index(
                fields=["closes_at"],
                condition=Q(status__in=["started", "open"]),
                name="charge_unpaid",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="says_what_it_said",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF (NEW.purpose, NEW.reference, NEW.amount_minor, NEW.currency,
                        NEW.idempotency_key, NEW.started_at)
                        IS DISTINCT FROM
                       (OLD.purpose, OLD.reference, OLD.amount_minor, OLD.currency,
                        OLD.idempotency_key, OLD.started_at) THEN
                        RAISE EXCEPTION 'a charge stays what it was asked for'
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'charge_never_changes';
                    END IF;
                    IF OLD.status = 'paid' AND (NEW.status, NEW.paid_at, NEW.payment_intent)
                        IS DISTINCT FROM (OLD.status, OLD.paid_at, OLD.payment_intent) THEN
                        RAISE EXCEPTION 'what was paid stays paid'
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'charge_paid_stays_paid';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Protect(name="kept_for_good", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_paid(self) -> bool:
        return self.status == self.Status.PAID

    @property
    def is_unpaid(self) -> bool:
        """Whether somebody may still pay it."""
        return self.status in (self.Status.STARTED, self.Status.OPEN)


class RefundQuerySet(models.QuerySet["Refund"]):
    def standing(self) -> Self:
        """Those that give something back, or will."""
        return self.exclude(status=Refund.Status.FAILED)

    def to_send(self, *, at: datetime) -> Self:
        return self.filter(status=Refund.Status.WAITING, next_attempt_at__lte=at).order_by("pk")


class Refund(models.Model):
    """Money that goes back to the card it came from. Asking for it and sending it are two steps:
    a row that a task sends, so that a crash between the two loses and doubles nothing."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("On its way")
        SENT = "sent", _("Sent")
        DONE = "done", _("Given back")
        FAILED = "failed", _("Failed")

    class Kind(models.TextChoices):
        STAFF = "staff", _("By staff")
        DEPOSIT = "deposit", _("Deposit")
        NO_PLACE = "no_place", _("Paid without a place")
        CANCELLED = "cancelled", _("Event cancelled")
        OUTSIDE = "outside", _("Made at the processor")
        LEFT = "left", _("Left in time")

    charge = models.ForeignKey(
        Charge, models.PROTECT, verbose_name=_("charge"), related_name="refunds"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount_minor = models.PositiveBigIntegerField(_("amount in minor units"))
    reason = models.CharField(_("reason"), max_length=240, blank=True)
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.WAITING
    )
    # What asked for it: a form that was shown once, a party that was checked in. Twice is once.
    asked_by_key = models.CharField(_("what asked for it"), max_length=120, unique=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("asked by"),
        null=True,
        blank=True,
        related_name="+",
    )
    asked_at = models.DateTimeField(_("asked for"))
    idempotency_key = models.UUIDField(_("key the processor is asked with"), null=True, blank=True)
    key_made_at = models.DateTimeField(_("key made"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"))
    processor_id = models.CharField(
        _("refund at the processor"), max_length=120, unique=True, null=True, blank=True
    )
    done_at = models.DateTimeField(_("given back"), null=True, blank=True)
    failure = models.CharField(_("why it failed"), max_length=240, blank=True)
    seen_at = models.DateTimeField(_("failure looked after"), null=True, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "sent", "done", "failed"]),
                name="refund_status_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["staff", "deposit", "no_place", "cancelled", "outside", "left"]
                ),
                name="refund_kind_known",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_is_of_something"),
            models.CheckConstraint(
                condition=~Q(status__in=["sent", "done"]) | Q(processor_id__isnull=False),
                name="refund_sent_is_named",
            ),
            models.CheckConstraint(
                condition=~Q(kind="staff") | (~Q(reason="") & Q(asked_by__isnull=False)),
                name="refund_by_staff_says_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(status="waiting"), name="refund_to_send"
            ),
        ]
        triggers = [
            # The row of the charge is the lock: two refunds at once are counted one by one.
            pgtrigger.Trigger(
                name="never_more_than_paid",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.status <> 'failed'"),
                declare=[("paid", "bigint"), ("back", "bigint")],
                func="""
                    SELECT amount_minor INTO paid FROM payments_charge
                        WHERE id = NEW.charge_id AND status = 'paid' FOR UPDATE;
                    SELECT coalesce(sum(amount_minor), 0) INTO back FROM payments_refund
                        WHERE charge_id = NEW.charge_id AND status <> 'failed' AND id <> NEW.id;
                    IF paid IS NULL OR back + NEW.amount_minor > paid THEN
                        RAISE EXCEPTION 'more would be given back than was paid'
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'refund_never_more_than_paid';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Protect(name="kept_for_good", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.charge_id} {self.amount_minor}"

    @property
    def is_failed(self) -> bool:
        return self.status == self.Status.FAILED


class ProcessorEvent(models.Model):
    """A notice of the processor: kept with what we act on and nothing about the person."""

    processor_id = models.CharField(_("name"), max_length=120, unique=True)
    kind = models.CharField(_("kind"), max_length=60)
    facts = models.JSONField(_("facts"))
    happened_at = models.DateTimeField(_("happened"))
    received_at = models.DateTimeField(_("received"))
    applied_at = models.DateTimeField(_("applied"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice of the processor")
        verbose_name_plural = _("notices of the processor")
        indexes = [
            models.Index(
                fields=["id"], condition=Q(applied_at__isnull=True), name="processor_event_to_apply"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_at__isnull=True) | Q(applied_at__gte=F("received_at")),
                name="processor_event_applied_later",
            ),
        ]

    def __str__(self) -> str:
        return self.processor_id
