"""Which rule for missed sessions a booking meets."""

from __future__ import annotations

from therapy_credits.domain.missed import USUAL, MissedRule, rule_for
from therapy_credits.models import Booking, Limits, MissedSessionRule, Pool


def rules_of(pool: Pool | int, limits: Limits | None = None) -> tuple[MissedRule, ...]:
    """The table of ``limits``, or else the pool's, or the usual one where it has none."""
    if limits and limits.missed_rules:
        return tuple(MissedRule.from_numbers(numbers) for numbers in limits.missed_rules)
    rows = MissedSessionRule.objects.filter(pool=pool).order_by("nth")
    own = tuple(
        MissedRule.from_numbers(numbers)
        for numbers in rows.values_list("nth", "notice_hours", "units_charged", "fee_percent")
    )
    return own or USUAL


def rule_of(booking: Booking) -> MissedRule:
    """What it would mean if ``booking`` were missed, or cancelled late."""
    # A token is one person in one programme-year, so this counts what the rule counts.
    misses = (
        Booking.objects.filter(
            subject=booking.subject,
            status__in=[Booking.Status.MISSED, Booking.Status.LATE_CANCEL],
        )
        .exclude(pk=booking.pk)
        .count()
    )
    return rule_for(rules_of(booking.pool_id, booking.limits), misses_before=misses)
