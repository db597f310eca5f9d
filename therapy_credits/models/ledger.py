"""The session ledger: accounts, and the transfers that move whole sessions between them.

Two tables and no names. The rules that must never break are kept by the
database (constraints here, triggers in the migration ``ledger_guards``), so
that no shell, bulk insert or later code path can write a wrong book. See
docs/ledger.md for the flows, with worked examples.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from therapy_credits.models.pools import Limits, Pool


class Kind(models.TextChoices):
    """What an account stands for. One of each per pool, but a lot per allocation
    and a practice account per practice."""

    FUNDER = "funder", _("funder")
    POOL = "pool", _("pool")
    ISSUED = "issued", _("issued codes")
    LOT = "lot", _("allocation")
    PRACTICE = "practice", _("practice")
    SETTLED = "settled", _("settled")
    EXPIRED = "expired", _("expired")


class Phase(models.TextChoices):
    """``single`` moves at once; ``pending`` holds, and exactly one ``post`` or ``void`` ends it."""

    SINGLE = "single", _("single")
    PENDING = "pending", _("hold")
    POST = "post", _("post")
    VOID = "void", _("void")


class Code(models.TextChoices):
    """Why sessions moved."""

    FUND = "FUND", _("funded")
    RETURN = "RETURN", _("handed back to the funder")
    ALLOCATE = "ALLOCATE", _("allocated")
    GIFT = "GIFT", _("gifted")
    GIFT_EXPIRED = "GIFT_EXPIRED", _("gift refused or expired")
    GIFT_UNDONE = "GIFT_UNDONE", _("gift undone")
    HOLD = "HOLD", _("held")
    REDEEM = "REDEEM", _("used")
    ASSIGN = "ASSIGN", _("assigned to a practice")
    NO_SHOW = "NO_SHOW", _("missed")
    LATE_CANCEL = "LATE_CANCEL", _("cancelled late")
    RELEASE = "RELEASE", _("released")
    TIMEOUT = "TIMEOUT", _("timed out")
    PRACTICE_CANCEL = "PRACTICE_CANCEL", _("cancelled by the practice")
    GOODWILL = "GOODWILL", _("goodwill")
    REVERSAL = "REVERSAL", _("reversed")
    GRACE = "GRACE", _("given again")
    EXPIRE = "EXPIRE", _("expired")
    CLAWBACK = "CLAWBACK", _("taken back")
    SETTLE = "SETTLE", _("settled")
    ADJUST = "ADJUST", _("adjusted")


# A post charges the person; a void charges nobody.
CHARGES = (Code.REDEEM, Code.NO_SHOW, Code.LATE_CANCEL)
VOIDS = (Code.RELEASE, Code.TIMEOUT, Code.PRACTICE_CANCEL, Code.GOODWILL)
# GOODWILL is both: the void that frees the person, and the single that pays the practice.
SINGLES = (*(c for c in Code if c not in (*CHARGES, *VOIDS, Code.HOLD)), Code.GOODWILL)


class AccountQuerySet(models.QuerySet["Account"]):
    def lots(self, *subjects: UUID) -> Self:
        """The lots of the people behind these tokens."""
        return self.filter(kind=Kind.LOT, subject__in=subjects)

    def live(self, *, at: dt.datetime) -> Self:
        """Lots from which something may be held at ``at``."""
        return self.filter(
            kind=Kind.LOT, effective_at__lte=at, expires_at__gt=at, closed_at__isnull=True
        )

    def in_draw_down_order(self) -> Self:
        """The order in which lots are spent: priority, soonest expiry, effective date, id."""
        return self.order_by("priority", "expires_at", "effective_at", "pk")

    def locked(self) -> Self:
        """Lock for a command: always all of its accounts at once, always in the order of ids.

        The trigger that moves units locks in the same order, so two commands
        can wait for one another but never in a circle.
        """
        return self.order_by("pk").select_for_update(no_key=True)


class Account(models.Model):
    """One place sessions can be in. Its four counters follow the transfers by trigger.

    No code writes the counters: the database refuses it. ``practice_id`` and
    ``subject`` are not foreign keys: the ledger outlives the rows that say who
    they were, and locks none of them.
    """

    pool = models.ForeignKey(Pool, verbose_name=_("pool"), on_delete=models.PROTECT)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    bounded = models.BooleanField(_("cannot be overdrawn"))
    debits_pending = models.BigIntegerField(_("held"), default=0)
    debits_posted = models.BigIntegerField(_("out"), default=0)
    credits_pending = models.BigIntegerField(_("promised"), default=0)
    credits_posted = models.BigIntegerField(_("in"), default=0)
    practice_id = models.BigIntegerField(_("practice"), null=True, blank=True)
    # Only lots have what follows.
    subject = models.UUIDField(_("token of the person"), null=True, blank=True)
    priority = models.SmallIntegerField(_("priority (lowest is spent first)"), null=True)
    effective_at = models.DateTimeField(_("from"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    # What its units are for, where that is narrower than what the pool pays for. A foreign key
    # of (limits, pool) in the migration: nobody's sessions are bound by another pool's limits.
    limits = models.ForeignKey(
        Limits,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    objects: ClassVar[AccountQuerySet] = AccountQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(
                name="account_not_overdrawn",
                condition=Q(bounded=False)
                | Q(credits_posted__gte=F("debits_pending") + F("debits_posted")),
            ),
            models.CheckConstraint(
                name="account_counters_not_negative",
                condition=Q(
                    debits_pending__gte=0,
                    debits_posted__gte=0,
                    credits_pending__gte=0,
                    credits_posted__gte=0,
                ),
            ),
            models.CheckConstraint(name="account_kind_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(
                name="account_only_the_funder_is_unbounded",
                condition=Q(kind=Kind.FUNDER, bounded=False)
                | (~Q(kind=Kind.FUNDER) & Q(bounded=True)),
            ),
            models.CheckConstraint(
                name="account_practice_has_a_practice",
                condition=Q(kind=Kind.PRACTICE, practice_id__isnull=False)
                | (~Q(kind=Kind.PRACTICE) & Q(practice_id__isnull=True)),
            ),
            models.CheckConstraint(
                name="account_lot_has_terms",
                condition=Q(
                    kind=Kind.LOT,
                    subject__isnull=False,
                    priority__isnull=False,
                    effective_at__isnull=False,
                    expires_at__isnull=False,
                    expires_at__gt=F("effective_at"),
                )
                | (
                    ~Q(kind=Kind.LOT)
                    & Q(
                        subject__isnull=True,
                        priority__isnull=True,
                        effective_at__isnull=True,
                        expires_at__isnull=True,
                        closed_at__isnull=True,
                    )
                ),
            ),
            models.CheckConstraint(
                name="account_only_lots_have_limits",
                condition=Q(kind=Kind.LOT) | Q(limits__isnull=True),
            ),
            models.CheckConstraint(
                name="account_closed_is_empty",
                condition=Q(closed_at__isnull=True)
                | Q(debits_pending=0, credits_posted=F("debits_posted")),
            ),
            models.UniqueConstraint(
                name="account_one_of_each_in_a_pool",
                fields=["pool", "kind"],
                condition=~Q(kind__in=[Kind.LOT, Kind.PRACTICE]),
            ),
            models.UniqueConstraint(
                name="account_one_for_each_practice_in_a_pool",
                fields=["practice_id", "pool"],
                condition=Q(kind=Kind.PRACTICE),
            ),
        ]
        # No counter is in an index, so that moving units can update rows in place.
        indexes = [
            models.Index(
                name="account_lots_of_a_person", fields=["subject"], condition=Q(kind=Kind.LOT)
            ),
            models.Index(
                name="account_open_lots_by_expiry",
                fields=["expires_at"],
                condition=Q(kind=Kind.LOT, closed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def short_token(self) -> str:
        """Enough of the token to tell two people's lots apart on a page."""
        return str(self.subject)[:8] if self.subject else ""

    @property
    def left(self) -> int:
        """Units that can still be held or moved."""
        return self.credits_posted - self.debits_posted - self.debits_pending


class Transfer(models.Model):
    """``amount`` whole sessions moved from ``debit`` to ``credit``, once, for good.

    ``id`` is the caller's idempotency key. A transfer is never edited or
    deleted; a correction is another transfer. The foreign keys are kept by the
    trigger that moves the units, which looks at every row they name anyway.
    """

    id = models.UUIDField(primary_key=True)
    pool = models.ForeignKey(
        Pool, verbose_name=_("pool"), on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    phase = models.CharField(_("phase"), max_length=7, choices=Phase)
    code = models.CharField(_("code"), max_length=15, choices=Code)
    debit = models.ForeignKey(
        Account,
        verbose_name=_("from"),
        on_delete=models.PROTECT,
        related_name="debits",
        db_constraint=False,
    )
    credit = models.ForeignKey(
        Account,
        verbose_name=_("to"),
        on_delete=models.PROTECT,
        related_name="credits",
        db_constraint=False,
    )
    amount = models.BigIntegerField(_("sessions"))
    pending = models.OneToOneField(
        "self",
        verbose_name=_("resolves"),
        on_delete=models.PROTECT,
        related_name="resolution",
        null=True,
        db_constraint=False,
    )
    pending_amount = models.BigIntegerField(_("held before"), null=True)
    reverses = models.OneToOneField(
        "self",
        verbose_name=_("reverses"),
        on_delete=models.PROTECT,
        related_name="reversal",
        null=True,
        db_constraint=False,
    )
    group = models.UUIDField(_("booking, gift, policy or statement"), null=True)
    timeout_at = models.DateTimeField(_("times out"), null=True)
    actor = models.UUIDField(_("token of who did it"))
    request_hash = models.BinaryField(_("digest of the request"), max_length=32)
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(name="transfer_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="transfer_between_two_accounts", condition=~Q(debit=F("credit"))
            ),
            models.CheckConstraint(
                name="transfer_code_fits_phase",
                condition=Q(phase=Phase.PENDING, code=Code.HOLD)
                | Q(phase=Phase.POST, code__in=CHARGES)
                | Q(phase=Phase.VOID, code__in=VOIDS)
                | Q(phase=Phase.SINGLE, code__in=SINGLES),
            ),
            models.CheckConstraint(
                name="transfer_resolution_names_its_hold",
                condition=Q(
                    phase__in=[Phase.POST, Phase.VOID],
                    pending__isnull=False,
                    pending_amount__isnull=False,
                )
                | Q(
                    phase__in=[Phase.SINGLE, Phase.PENDING],
                    pending__isnull=True,
                    pending_amount__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="transfer_resolution_within_its_hold",
                condition=Q(pending_amount__isnull=True)
                | Q(phase=Phase.POST, amount__lte=F("pending_amount"))
                | Q(phase=Phase.VOID, amount=F("pending_amount")),
            ),
            models.CheckConstraint(
                name="transfer_only_a_reversal_reverses",
                condition=Q(code=Code.REVERSAL, reverses__isnull=False)
                | (~Q(code=Code.REVERSAL) & Q(reverses__isnull=True)),
            ),
            models.CheckConstraint(
                name="transfer_only_a_hold_times_out",
                condition=Q(
                    phase=Phase.PENDING, timeout_at__isnull=False, timeout_at__gt=F("made_at")
                )
                | (~Q(phase=Phase.PENDING) & Q(timeout_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(name="transfer_group", fields=["group"], condition=Q(group__isnull=False)),
            models.Index(name="transfer_made_at", fields=["pool", "made_at"]),
            # What left a lot otherwise than by a session: a balance never reads the sessions.
            models.Index(
                name="transfer_out_at_once", fields=["debit"], condition=Q(phase=Phase.SINGLE)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.amount}"
