"""What this app keeps about a person, for the person."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from events.models import CheckIn, Rsvp, SeriesRsvp
from payments.services.refunds import left_of


def export(user: User) -> dict[str, Any]:
    """Everything about ``user`` that is kept here, in words and dates that can be read."""
    rsvps = (
        Rsvp.objects.of_user(user)
        .select_related("occurrence__event")
        .prefetch_related("answers__question", "payments__charge")
        .order_by("placed_at", "pk")
    )
    came = CheckIn.objects.standing().filter(rsvp__user=user)
    came_at = dict(came.values_list("rsvp", "checked_in_at"))
    return {
        "answered": [
            {
                "event": rsvp.occurrence.event.title,
                "starts_at": rsvp.occurrence.starts_at,
                "status": rsvp.status,
                "people": rsvp.party_size,
                "with": rsvp.companions,
                "answered_at": rsvp.placed_at,
                "came_at": came_at.get(rsvp.pk),
                "paid": [
                    {
                        "reference": one.charge.reference,
                        "amount_minor": one.charge.amount_minor,
                        "currency": one.charge.currency,
                        "paid_at": one.charge.paid_at,
                        "given_back_minor": one.charge.amount_minor - left_of(one.charge),
                    }
                    for one in rsvp.payments.all()
                    if one.charge.is_paid
                ],
                "said": {answer.question.text: answer.text for answer in rsvp.answers.all()},
            }
            for rsvp in rsvps
        ],
        "every_time": list(
            SeriesRsvp.objects.filter(user=user)
            .order_by("placed_at", "pk")
            .values("event__title", "status", "party_size", "placed_at")
        ),
        "hosting": [
            {
                "event": host.event.title,
                "named_as": host.name,
                "named_on_the_page": host.is_shown,
                "status": host.status,
                "asked_at": host.invited_at,
                "accepted_at": host.accepted_at,
                "ended_at": host.ended_at,
            }
            for host in user.hosting.select_related("event").order_by("invited_at", "pk")
        ],
    }
