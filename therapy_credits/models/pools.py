"""Pools: what a partner pays for, in sessions and in money."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import ClassVar, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, StaffGrant, User
from ambassadors.models import Programme, Term
from therapy_credits.models.practices import ServiceType


class PaysFor(models.Model):
    """What is paid for beside a pool's country. Empty is every network, and every kind."""

    networks = ArrayField(
        models.CharField(max_length=60), verbose_name=_("networks"), default=list, blank=True
    )
    kinds = ArrayField(
        models.CharField(max_length=8, choices=ServiceType.Kind.choices),
        verbose_name=_("kinds of session"),
        default=list,
        blank=True,
    )

    class Meta:
        abstract = True

    @property
    def kind_names(self) -> list[str]:
        """The kinds of session, in words."""
        return [str(ServiceType.Kind(kind).label) for kind in self.kinds]


class PoolQuerySet(models.QuerySet["Pool"]):
    def visible_to(self, user: User, *, at: datetime) -> Self:
        """All for finance and administrators; for coordinators, those that serve a programme
        they run. Whether amounts are shown is another question (``rules.can_see_amounts``)."""
        roles = StaffGrant.objects.active(at=at).filter(user=user)
        if roles.filter(role__in=[Role.FINANCE, Role.ADMIN]).exists():
            return self
        run = Programme.objects.run_by(user, Role.COORDINATOR, at=at)
        return self.filter(
            models.Exists(
                Policy.objects.filter(pool=models.OuterRef("pk"), term__programme__in=run)
            )
        )


class Pool(PaysFor):
    """Sessions of one partner, in one country and currency, under one ceiling price.

    A pool is a ledger of its own: no session ever crosses from one to another.
    Which programmes it serves follows from its policies.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    partner = models.CharField(_("partner who pays"), max_length=120)
    country = models.CharField(
        _("country"),
        max_length=2,
        validators=[RegexValidator(r"^[A-Z]{2}$", _("Two capital letters, for example GB."))],
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, for example GBP."))],
    )
    # In minor units (pence, cents). The most one session may cost this pool.
    ceiling_price_minor = models.PositiveIntegerField(
        _("ceiling price of a session"), validators=[MinValueValidator(1)]
    )
    goodwill_percent = models.PositiveSmallIntegerField(
        _("kept back for goodwill and for finishing care, in percent"), default=5
    )
    opened_at = models.DateTimeField(_("opened"))
    # Who of the partner hears when little is left, and the step they last heard of.
    alert_email = models.EmailField(_("address of the partner for alerts"), blank=True)
    alerted_band = models.CharField(max_length=8, blank=True)

    objects: ClassVar[PoolQuerySet] = PoolQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("pool")
        verbose_name_plural = _("pools")
        constraints = [
            models.CheckConstraint(
                name="pool_country_is_two_letters", condition=Q(country__regex=r"^[A-Z]{2}$")
            ),
            models.CheckConstraint(
                name="pool_currency_is_three_letters", condition=Q(currency__regex=r"^[A-Z]{3}$")
            ),
            models.CheckConstraint(
                name="pool_ceiling_price_positive", condition=Q(ceiling_price_minor__gt=0)
            ),
            models.CheckConstraint(
                name="pool_kinds_known", condition=Q(kinds__contained_by=ServiceType.Kind.values)
            ),
            models.CheckConstraint(
                name="pool_goodwill_is_a_percentage", condition=Q(goodwill_percent__lte=100)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Limits(PaysFor):
    """What sessions given under a policy are for, as it stood when they were given.

    Narrower than what their pool pays for: what is empty is as in the pool. A row is
    for good (a trigger refuses to change it); a policy that changes points to another,
    and every lot keeps its own.
    """

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    # As domain.missed.MissedRule: [nth, hours of notice, units charged, fee in percent], by nth.
    missed_rules = ArrayField(
        ArrayField(models.PositiveSmallIntegerField(), size=4), default=list, blank=True
    )

    objects: ClassVar[models.Manager[Limits]] = models.Manager()

    class Meta:
        verbose_name = _("limits of what was given")
        verbose_name_plural = _("limits of what was given")
        constraints = [
            models.CheckConstraint(
                name="limits_kinds_known", condition=Q(kinds__contained_by=ServiceType.Kind.values)
            ),
            models.CheckConstraint(
                name="limits_narrow_something",
                condition=~Q(networks=[], kinds=[], missed_rules=[]),
            ),
            # What a lot's pair of pool and limits refers to: see migration 0019.
            models.UniqueConstraint(name="limits_of_a_pool", fields=["id", "pool"]),
        ]

    def __str__(self) -> str:
        return f"{self.pool} {self.pk}"


class Expiry(models.TextChoices):
    """From when the days of a policy are counted."""

    ALLOCATION = "allocation", _("from the day they are given")
    TERM_END = "term_end", _("from the last day of the term")


class Policy(models.Model):
    """What each active ambassador of a term is given from a pool, once.

    A change touches what is given from then on, never what was given. The id
    is the ``group`` of the allocations made under it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    pool = models.ForeignKey(
        Pool, verbose_name=_("pool"), on_delete=models.PROTECT, related_name="policies"
    )
    term = models.ForeignKey(
        Term, verbose_name=_("term"), on_delete=models.PROTECT, related_name="+"
    )
    units = models.PositiveSmallIntegerField(
        _("sessions for each ambassador"), validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    expiry = models.CharField(
        _("counted from"), max_length=10, choices=Expiry, default=Expiry.ALLOCATION
    )
    expiry_days = models.PositiveSmallIntegerField(
        _("days they are good for"),
        default=365,
        validators=[MinValueValidator(1), MaxValueValidator(1100)],
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=50,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "0 to 100. Where a person has sessions from several pools, the lowest is used first."
        ),
    )
    # None: as in the pool.
    limits = models.ForeignKey(
        Limits, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    goodwill_percent = models.PositiveSmallIntegerField(
        _("kept back in the pool when it gives, in percent"), null=True, blank=True
    )
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True)

    objects: ClassVar[models.Manager[Policy]] = models.Manager()

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        constraints = [
            models.UniqueConstraint(
                name="policy_one_for_a_term_in_a_pool",
                fields=["pool", "term"],
                violation_error_message=_("This pool already has a policy for this term."),
            ),
            models.CheckConstraint(
                name="policy_gives_something", condition=Q(units__gte=1, units__lte=100)
            ),
            models.CheckConstraint(name="policy_lasts", condition=Q(expiry_days__gte=1)),
            models.CheckConstraint(name="policy_priority", condition=Q(priority__lte=100)),
            models.CheckConstraint(
                name="policy_goodwill_is_a_percentage",
                condition=Q(goodwill_percent__isnull=True) | Q(goodwill_percent__lte=100),
            ),
            models.CheckConstraint(
                name="policy_expiry_known", condition=Q(expiry__in=Expiry.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool} · {self.term}"

    @property
    def last_day(self) -> date | None:
        """The last day of all that is given, where it is the same for everybody."""
        if self.expiry == Expiry.ALLOCATION:
            return None
        return self.term.ends_on + timedelta(days=self.expiry_days)

    def expires_at(self, *, at: datetime) -> datetime:
        """When what is given at ``at`` expires: at the end of its last day, by the programme."""
        programme = self.term.programme
        last = self.last_day or programme.today(at=at) + timedelta(days=self.expiry_days)
        over_on = last + timedelta(days=1)
        return datetime.combine(over_on, time(), tzinfo=ZoneInfo(programme.time_zone))


class Funding(models.Model):
    """Money a partner pays into a pool, and the sessions it buys. Two people stand behind it.

    The id is the id of the FUND transfer, so it can be booked only once. The
    money covers its units at the pool's ceiling price: by constraint, with the
    price as it stood at the time.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    pool = models.ForeignKey(
        Pool, verbose_name=_("pool"), on_delete=models.PROTECT, related_name="fundings"
    )
    units = models.PositiveIntegerField(_("sessions"), validators=[MinValueValidator(1)])
    amount_minor = models.PositiveBigIntegerField(_("amount"))
    ceiling_price_minor = models.PositiveIntegerField(_("ceiling price at the time"))
    reference = models.CharField(
        _("reference"), max_length=80, help_text=_("The number of the agreement or the bank line.")
    )
    requested_at = models.DateTimeField(_("asked"))
    funded_at = models.DateTimeField(_("booked"), null=True, blank=True)
    refused_at = models.DateTimeField(_("refused"), null=True, blank=True)

    objects: ClassVar[models.Manager[Funding]] = models.Manager()

    class Meta:
        verbose_name = _("funding")
        verbose_name_plural = _("fundings")
        constraints = [
            models.CheckConstraint(name="funding_has_units", condition=Q(units__gte=1)),
            models.CheckConstraint(
                name="funding_money_covers_its_units",
                condition=Q(amount_minor__gte=F("units") * F("ceiling_price_minor")),
            ),
            models.CheckConstraint(
                name="funding_ends_once",
                condition=Q(funded_at__isnull=True) | Q(refused_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.reference
