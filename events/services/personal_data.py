"""What this app keeps about a person, for the person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from common.erasing import NOWHERE, Obstacle
from events.errors import Busy
from events.models import CheckIn, Host, HostStatus, Payment, Rsvp, SeriesRsvp
from events.models.rsvps import RsvpQuerySet
from events.queries import hosted_dates_of
from events.services.hosts import resign_host
from events.services.retention import forget_rsvps
from events.services.rsvps import leave
from events.services.series_rsvps import end_series_rsvp
from payments.models import Charge
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


def obstacles(user: User, *, at: datetime) -> list[Obstacle]:
    """What must be settled before ``user`` can be erased."""
    hosted = {date.event for date in hosted_dates_of(user, at=at)}
    paid = Payment.objects.exclude(charge__status=Charge.Status.ENDED)
    coming = Rsvp.objects.of_user(user).active().filter(occurrence__ends_at__gt=at)
    with_money = coming.filter(Exists(paid.filter(rsvp=OuterRef("pk"))))
    return [
        *(
            Obstacle(
                _("You host “%(event)s”, which is still to come. Step down first.")
                % {"event": event.title},
                reverse("events:hosted-self", args=[event.slug]),
            )
            for event in sorted(hosted, key=lambda event: event.pk)
        ),
        *(
            Obstacle(
                _(
                    "You have paid for “%(event)s”, or begun to. Leave it first: its page says what"
                    " you get back."
                )
                % {"event": rsvp.occurrence.event.title},
                rsvp.manage_path,
            )
            for rsvp in with_money.select_related("occurrence__event").order_by("pk")
        ),
    ]


def give_up(user: User, addresses: Iterable[str], *, at: datetime) -> None:
    """Leave everything that is ahead, also what they answered without their account from one of
    these addresses (in lower case): the places go to whoever waits, and calendars are told.

    Each in a transaction of its own, since each holds the places of its date. Safe to repeat.
    """
    mine = _of(user, addresses)
    standing = _every_time(mine).filter(status__in=SeriesRsvp.STANDING)
    for every_time in standing.order_by("pk"):
        end_series_rsvp(series_rsvp=every_time, at=at)
    for rsvp in _ahead(mine, at).order_by("occurrence", "pk"):
        leave(rsvp=rsvp, at=at)
    for host in user.hosting.accepted().order_by("pk"):
        resign_host(host=host, at=at)


def erase(user: User, addresses: Iterable[str], *, at: datetime) -> None:
    """Take out of every answer, and of what they hosted, who it was. After ``give_up``.

    Raises Busy when they have said yes to something since.
    """
    emails = list(addresses)
    mine = _of(user, emails)
    if _ahead(mine, at).exists():
        raise Busy
    forget_rsvps(_answers(mine).order_by("pk"), at=at)
    _every_time(mine).delete()
    given = Rsvp.objects.alias(address=Lower("heir_email")).filter(address__in=emails)
    given.update(heir_name="", heir_email="")
    # That somebody hosted is the event's; the page named them where they wanted it to.
    asked = Host.objects.filter(Q(person=user) | Q(email__in=emails))
    asked.filter(status=HostStatus.INVITED).update(status=HostStatus.DECLINED, ended_at=at)
    for host in asked:
        host.email, host.is_shown = f"{host.pk}{NOWHERE}", False
        host.name = "–" if host.accepted_at else ""
        host.save(update_fields=["email", "is_shown", "name"])


def _of(user: User, addresses: Iterable[str]) -> Q:
    return Q(user=user) | Q(user=None, address__in=list(addresses))


def _ahead(mine: Q, at: datetime) -> RsvpQuerySet:
    return _answers(mine).active().filter(occurrence__ends_at__gt=at)


def _answers(mine: Q) -> RsvpQuerySet:
    return Rsvp.objects.named().alias(address=Lower("guest_email")).filter(mine)


def _every_time(mine: Q) -> QuerySet[SeriesRsvp]:
    return SeriesRsvp.objects.alias(address=Lower("guest_email")).filter(mine)
