"""Pools: what a partner pays for, in sessions and in money."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Pool(models.Model):
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

    objects: ClassVar[models.Manager[Pool]] = models.Manager()

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
                name="pool_goodwill_is_a_percentage", condition=Q(goodwill_percent__lte=100)
            ),
        ]

    def __str__(self) -> str:
        return self.name
