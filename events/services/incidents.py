"""Incidents at a date: written down by whoever works there, and looked after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.services import audit
from events.errors import NobodyToTell
from events.models import Incident, Occurrence
from notifications.models import Purge
from notifications.services.messages import queue_message


@transaction.atomic
def report_incident(
    *,
    occurrence: Occurrence,
    kind: str,
    words: str,
    was_emergency: bool,
    readers: Sequence[User],
    due_at: datetime,
    by: User,
    at: datetime,
) -> Incident:
    """Keep what happened, sealed, and ask ``readers`` to look by ``due_at``. The mail says
    nothing of it. Raises NobodyToTell without readers."""
    if not readers:
        raise NobodyToTell
    incident = Incident(
        occurrence=occurrence,
        kind=kind,
        was_emergency=was_emergency,
        reported_by=by,
        reported_at=at,
        due_at=due_at,
    )
    incident.words = words
    incident.save(force_insert=True)
    for reader in readers:
        queue_message(
            key=f"incident:{incident.pk}:{reader.pk}",
            to=reader.email,
            template="events/mail/incident",
            context={"url": settings.BASE_URL + reverse("portal:incident", args=[incident.pk])},
            language=reader.language or "en",
            at=at,
        )
    audit.record(by, "incident.reported", incident, at)
    return incident


@transaction.atomic
def look_at_incident(*, incident: Incident, by: User, at: datetime) -> str:
    """What happened, in words. Each look is in the audit trail."""
    audit.record(by, "incident.read", incident, at)
    return incident.words


@transaction.atomic
def close_incident(*, incident: Incident, by: User, at: datetime) -> Incident:
    """It has been looked after. Again changes nothing."""
    incident = Incident.objects.select_for_update(no_key=True).get(pk=incident.pk)
    if incident.closed_at is None:
        incident.closed_by, incident.closed_at = by, at
        incident.save(update_fields=["closed_by", "closed_at"])
        audit.record(by, "incident.closed", incident, at)
    return incident


@transaction.atomic
def purge_incidents(*, at: datetime) -> Purge:
    """Delete what was looked after so long ago that nobody needs it (``INCIDENT_DAYS``), and leave
    a row that proves it. What is open is kept, however old it is."""
    older_than = at - timedelta(days=settings.INCIDENT_DAYS)
    rows, _by_model = Incident.objects.filter(closed_at__lte=older_than).delete()
    return Purge.objects.create(at=at, what="incidents", older_than=older_than, rows=rows)
