"""What hosts are told, with the dates for their calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from calendars.domain.vevent import CalendarEvent
from common.text import speaking
from events.models import Event, Host, Occurrence, Rsvp
from events.queries import entry_of, hosted_event
from events.services.mails import calendar_file, scheduling_message
from notifications.services.messages import queue_message


def tell_of_hosting(host: Host, what: str, *, at: datetime) -> None:
    """Promise the mail ``what`` of a beginning or an end, with every date still to come.

    Needs the event and the person. A draft has no dates that anybody could rely on.
    """
    dates: list[Occurrence] = []
    if host.event.status != Event.Status.DRAFT:
        coming = host.event.occurrences.filter(ends_at__gt=at, cancelled_at=None)
        dates = list(coming.select_related("series").order_by("starts_at"))
    _tell(host, what, dates, {}, once=f"{host.sequence}:{host.event.version}", at=at)


def tell_of_changes(
    host: Host, dates: Mapping[int, tuple[Occurrence, Mapping[str, Any]]], *, at: datetime
) -> None:
    """Promise one host one mail of what has become of ``dates``, each with the facts of its
    change; a date without facts does not take place."""
    occurrences = sorted((one for one, _facts in dates.values()), key=lambda one: one.starts_at)
    facts = {pk: dict(facts) for pk, (_one, facts) in dates.items()}
    once = f"{max(one.sequence for one in occurrences)}:{host.event.version}"
    _tell(host, "host_changed", occurrences, facts, once=once, at=at)


def remind_host(host: Host, dates: Sequence[tuple[Occurrence, int]], *, at: datetime) -> None:
    """Promise one host one mail of dates that are near, each with the hours before its start.

    It names the day, and the link leads to the rest: who comes is behind their sign-in.
    """
    person = host.person
    assert person is not None  # who has accepted is somebody
    first, hours = dates[0]
    queue_message(
        key=f"host:{host.reference}:reminder:{first.pk}:{hours}:{first.page_day}",
        to=person.email,
        template="events/mail/host_reminder",
        context={
            "host": host,
            "event": host.event,
            "occurrence": first,
            "dates": [one for one, _hours in dates],
            "time_zone": person.time_zone,
            "link": f"{settings.BASE_URL}{reverse('events:hosted', args=[host.event.slug])}"
            f"?date={first.page_day}",
        },
        language=person.language or "en",
        at=at,
    )


def _tell(
    host: Host,
    what: str,
    dates: Sequence[Occurrence],
    facts: Mapping[int, dict[str, Any]],
    *,
    once: str,
    at: datetime,
) -> None:
    person, event = host.person, host.event
    assert person is not None  # only who said yes is told
    for date in dates:
        date.event = event
    answers = Rsvp.objects.of_user(person).filter(occurrence__in=[date.pk for date in dates])
    latest = {
        rsvp.occurrence_id: rsvp for rsvp in answers.select_related("occurrence").order_by("pk")
    }
    with speaking(person.language):
        entries = [entry for date in dates for entry in _entries(host, date, latest.get(date.pk))]
        if len(entries) == 1:
            attachments = [scheduling_message(entries[0])]
        else:
            attachments = [calendar_file(entries)] if entries else []
    queue_message(
        key=f"host:{host.reference}:{what}:{once}",
        to=person.email,
        template=f"events/mail/{what}",
        context={
            "host": host,
            "event": event,
            "dates": [
                {"occurrence": date, "is_cancelled": date.is_cancelled, **facts.get(date.pk, {})}
                for date in dates[:10]
            ],
            "more": max(0, len(dates) - 10),
            "time_zone": person.time_zone,
            "link": settings.BASE_URL + reverse("events:hosted", args=[event.slug]),
        },
        language=person.language or "en",
        at=at,
        attachments=attachments,
    )


def _entries(host: Host, date: Occurrence, rsvp: Rsvp | None) -> list[CalendarEvent]:
    """What their calendar shows from now on: who stops hosting may still come as a guest."""
    as_host = hosted_event(host, date, rsvp, is_invitation=True)
    if rsvp is None or not rsvp.is_active or host.hosts(date):
        return [as_host]
    rsvp.occurrence, rsvp.user = date, host.person
    as_guest = entry_of(rsvp, host, is_invitation=True)
    return [as_guest] if as_guest.uid == as_host.uid else [as_host, as_guest]
