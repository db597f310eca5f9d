"""Which rule for missed sessions a booking meets."""

from __future__ import annotations

import datetime as dt

from therapy_credits.domain.missed import USUAL, MissedRule, rule_for
from therapy_credits.models import Booking, MissedSessionRule


def rule_of(booking: Booking) -> MissedRule:
    """What it would mean if ``booking`` were missed, or cancelled late."""
    rules = [
        MissedRule(nth, dt.timedelta(hours=hours), units)
        for nth, hours, units in MissedSessionRule.objects.filter(pool=booking.pool_id).values_list(
            "nth", "notice_hours", "units_charged"
        )
    ]
    # A token is one person in one programme-year, so this counts what the rule counts.
    misses = (
        Booking.objects.filter(
            subject=booking.subject,
            status__in=[Booking.Status.MISSED, Booking.Status.LATE_CANCEL],
        )
        .exclude(pk=booking.pk)
        .count()
    )
    return rule_for(rules or USUAL, misses_before=misses)
