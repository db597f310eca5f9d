"""Which rule for missed sessions a booking meets."""

from __future__ import annotations

from therapy_credits.domain.missed import USUAL, MissedRule, rule_for
from therapy_credits.models import Booking, Limits, MissedSessionRule, Pool


def rules_of_pool(pool: Pool | int) -> tuple[MissedRule, ...]:
    """The pool's own table, which what is given from now on takes along; empty: the usual one."""
    rows = MissedSessionRule.objects.filter(pool=pool).order_by("nth")
    return tuple(
        MissedRule.from_numbers(numbers)
        for numbers in rows.values_list("nth", "notice_hours", "units_charged", "fee_percent")
    )


def rules_of(limits: Limits | None) -> tuple[MissedRule, ...]:
    """The table of what was given under ``limits``."""
    own = limits.missed_rules if limits else ()
    return tuple(MissedRule.from_numbers(numbers) for numbers in own) or USUAL


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
    return rule_for(rules_of(booking.limits), misses_before=misses)
