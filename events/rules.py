"""Who may do what with events."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from events.errors import DateIsCancelled, DateIsOver, NotOpenYet, RsvpClosed
from events.models import Event, Host, Occurrence, Rsvp


def refusal_of_rsvp(occurrence: Occurrence, *, at: datetime) -> RsvpClosed | None:
    """Why nobody new can come to this date at ``at``, or nothing when they can.

    Being full is no reason: there is a queue. Needs the occurrence's event.
    """
    event = occurrence.event
    if occurrence.is_cancelled:
        return DateIsCancelled()
    if occurrence.ends_at <= at:
        return DateIsOver()
    if event.status != Event.Status.PUBLISHED or occurrence.starts_at <= at:
        return RsvpClosed()
    if event.rsvp_opens_at and at < event.rsvp_opens_at:
        return NotOpenYet()
    if event.rsvp_closes_at and event.rsvp_closes_at <= at:
        return RsvpClosed()
    return None


def missing_for_publishing(event: Event, *, has_dates: bool) -> dict[str, str]:
    """What the event still needs before people may see it, by field, in words that help."""
    asked = {
        "summary": _("Say in a sentence what it is. It is what people see on the list."),
        "body": _("Say what will happen, so that people know what they come to."),
        "safety_lead": _("Name the person who is there to help if somebody is not well."),
        "host_briefing": _("Write what the hosts must know before the doors open."),
        "emergency_number": _("Give the emergency number of the country it happens in."),
        "quiet_space": _("Say where people can be quiet for a while, or what it is online."),
    }
    if event.has_place:
        asked["place_name"] = _("Name the place.")
        asked["address"] = _("Give the address, so that people find it.")
        asked["emergency_address"] = _("Give the address an ambulance needs, with the entrance.")
    if event.is_online:
        asked["online_url"] = _("Give the link to join. Only people who are going see it.")
    missing = {name: why for name, why in asked.items() if not getattr(event, name).strip()}
    if not has_dates:
        missing["dates"] = _("Add at least one date that is still to come.")
    return missing


def can_be_given(rsvp: Rsvp, *, at: datetime) -> bool:
    """Whether this place may become somebody else's: until it begins, and not where hosts decide
    who comes. Needs the occurrence and its event."""
    occurrence = rsvp.occurrence
    is_on = occurrence.event.status == Event.Status.PUBLISHED and not occurrence.is_cancelled
    return (
        rsvp.is_going and is_on and at < occurrence.starts_at
    ) and not occurrence.event.needs_approval


def can_release(occurrence: Occurrence, *, is_host: bool, at: datetime) -> bool:
    """Whether a place may be taken back: by who runs the event always, by its hosts at the door,
    once it has begun and somebody has not come."""
    return not is_host or occurrence.starts_at <= at


def can_change_words(host: Host) -> bool:
    """Whether this host may write what the event says of itself. Needs the event."""
    is_open = host.event.status in (Event.Status.DRAFT, Event.Status.PUBLISHED)
    return host.is_accepted and host.is_cohost and is_open
