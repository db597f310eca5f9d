"""Reads of events that are too big for a queryset method."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from calendars.domain.calendar import StoredEvent
from calendars.domain.vevent import CalendarEvent, Status, render_vevent
from common import tokens
from events.models import Occurrence, Rsvp

# How long a guest has to open the link in their mail.
CONFIRM_WITHIN = timedelta(hours=24)
# How long after the date the link of an RSVP still shows it.
LINK_OUTLIVES_DATE = timedelta(days=30)


def page_url(occurrence: Occurrence) -> str:
    """The public address of one date, which holds no secret."""
    path = reverse("events:event", args=[occurrence.event.slug])
    return f"{settings.BASE_URL}{path}?date={occurrence.starts_on.isoformat()}"


def place_line(occurrence: Occurrence) -> str:
    """Where it is, in one line; an online event says so and never how to get in."""
    event = occurrence.event
    parts = [event.place_name, event.address] if event.has_place else [_("Online")]
    return ", ".join(part for part in parts if part)


def public_entry(occurrence: Occurrence) -> CalendarEvent:
    """The date as everybody's calendar shows it."""
    event = occurrence.event
    return CalendarEvent(
        uid=occurrence.uid,
        sequence=occurrence.sequence,
        revised_at=occurrence.revised_at,
        starts_at=occurrence.starts_at,
        ends_at=occurrence.ends_at,
        time_zone=event.time_zone,
        summary=event.title,
        description=event.summary,
        location=place_line(occurrence),
        url=page_url(occurrence),
        status="CANCELLED" if occurrence.is_cancelled else "CONFIRMED",
        transparent=occurrence.is_cancelled,
    )


_CALENDAR_STATUS: dict[str, tuple[Status, bool]] = {
    Rsvp.Status.WAITLISTED: ("TENTATIVE", True),
    Rsvp.Status.MAYBE: ("TENTATIVE", True),
    Rsvp.Status.OFFERED: ("TENTATIVE", False),
    Rsvp.Status.PAYING: ("TENTATIVE", False),
    Rsvp.Status.GOING: ("CONFIRMED", False),
}
IN_CALENDAR = tuple(_CALENDAR_STATUS)


def personal_entry(rsvp: Rsvp) -> StoredEvent:
    """The date as this person's calendar shows it. Needs the occurrence and its event."""
    occurrence = rsvp.occurrence
    status, transparent = _CALENDAR_STATUS.get(rsvp.status, ("CANCELLED", True))
    if occurrence.is_cancelled:
        status, transparent = "CANCELLED", True
    public = public_entry(occurrence)
    entry = CalendarEvent(
        uid=public.uid,
        sequence=public.sequence,
        revised_at=max(occurrence.revised_at, rsvp.changed_at),
        starts_at=public.starts_at,
        ends_at=public.ends_at,
        time_zone=public.time_zone,
        summary=public.summary,
        description=public.description,
        location=public.location,
        url=public.url,
        status=status,
        transparent=transparent,
        conference_url=occurrence.event.online_url or None if rsvp.is_going else None,
    )
    if rsvp.is_discreet:
        entry = entry.discreet(
            summary=_("Appointment"), url=f"{settings.BASE_URL}{reverse('events:mine')}"
        )
    return StoredEvent(render_vevent(entry), occurrence.event.time_zone)


def calendar_entries(user: User, *, since: datetime) -> list[StoredEvent]:
    """What this person's calendar shows of events: what they go to or wait for.

    What they left stays as cancelled, so that a subscribed calendar takes it out.
    """
    rsvps = (
        Rsvp.objects.of_user(user)
        .filter(occurrence__ends_at__gt=since)
        .exclude(status__in=[Rsvp.Status.PENDING, Rsvp.Status.APPLIED])
        .select_related("occurrence__event")
        .order_by("occurrence__starts_at", "occurrence", "pk")
    )
    # Who left and came back has two rows for one date; the last one speaks.
    latest = {rsvp.occurrence_id: rsvp for rsvp in rsvps}
    return [personal_entry(rsvp) for rsvp in latest.values()]


def rsvp_opened_by(token: str) -> Rsvp | None:
    """The RSVP that a link opens, or nothing: unknown and no longer valid are the same."""
    reference, _dash, _secret = token.partition("-")
    rsvp = (
        Rsvp.objects.filter(reference=reference).select_related("occurrence__event", "user").first()
    )
    if rsvp is None or not tokens.matches(token, rsvp.token):
        return None
    return rsvp


def is_link_live(rsvp: Rsvp, *, at: datetime) -> bool:
    """Whether a link still does something: an unconfirmed one for a day, others past the date."""
    if rsvp.is_pending:
        return at < rsvp.changed_at + CONFIRM_WITHIN
    return at < rsvp.occurrence.ends_at + LINK_OUTLIVES_DATE


def standing_rsvp(occurrence: Occurrence, *, user: User | None, email: str) -> Rsvp | None:
    """The answer that stands for this person at this date, as a user or as a guest."""
    email = email.lower()
    user_id = user.pk if user else _user_id_of(email)
    person = Q(user__isnull=True, address=email)
    if user_id:
        person |= Q(user=user_id)
    return (
        Rsvp.objects.active()
        .alias(address=Lower("guest_email"))
        .filter(person, occurrence=occurrence)
        .select_related("user")
        .order_by("user_id")
        .first()
    )


def _user_id_of(email: str) -> int | None:
    return User.objects.filter(email=email).values_list("pk", flat=True).first()


def queue_position(rsvp: Rsvp) -> int | None:
    """How many are served no later than this one; 1 is next. Nothing when not waiting."""
    if not rsvp.is_waiting:
        return None
    earlier = Q(queued_at__lt=rsvp.queued_at) | Q(queued_at=rsvp.queued_at, pk__lte=rsvp.pk)
    return Rsvp.objects.waiting().filter(earlier, occurrence=rsvp.occurrence_id).count()


def people_to_tell(occurrence: Occurrence) -> Iterable[Rsvp]:
    """Those who must hear about a change: going, waiting, or with a place on hold."""
    return (
        Rsvp.objects.active()
        .filter(occurrence=occurrence)
        .exclude(status=Rsvp.Status.PENDING)
        .select_related("user")
        .order_by("pk")
    )
