"""A pool's table for missed sessions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from therapy_credits.models.pools import Pool


class MissedSessionRule(models.Model):
    """What a miss means from the ``nth`` of a person in a programme-year on.

    A pool without rows has the usual table (``domain.missed``). What is given takes the table of
    that moment along, as part of its limits. Nobody who pays for a pool ever sees which rule was
    applied to whom.
    """

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="missed_rules")
    nth = models.PositiveSmallIntegerField(_("from which miss on"))
    notice_hours = models.PositiveSmallIntegerField(_("hours of notice that are in time"))
    units_charged = models.PositiveSmallIntegerField(_("sessions charged to the person"))
    fee_percent = models.PositiveSmallIntegerField(
        _("of its rate, paid to the practice, in percent"), default=100
    )

    class Meta:
        verbose_name = _("rule for missed sessions")
        verbose_name_plural = _("rules for missed sessions")
        constraints = [
            models.UniqueConstraint(fields=["pool", "nth"], name="missed_rule_once_per_miss"),
            models.CheckConstraint(condition=Q(nth__gte=1), name="missed_rule_counts_from_one"),
            models.CheckConstraint(
                condition=Q(notice_hours__lte=168), name="missed_rule_notice_at_most_a_week"
            ),
            models.CheckConstraint(
                condition=Q(fee_percent__lte=100), name="missed_rule_fee_is_a_percentage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool} {self.nth}"
