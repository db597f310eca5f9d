"""Changing single dates, whoever asks for it: the event's form, a series, or a hand.

Everything here runs inside the transaction of the service that calls it, which has locked the
event.
"""

from __future__ import annotations

from datetime import datetime

from calendars.domain.vevent import render_vevent
from common.text import speaking
from events.domain.plans import DatePlan
from events.models import Occurrence
from events.queries import public_entry
from events.services.due_mails import News
from events.services.rsvps import wake_queue

# What makes the same date another appointment (RFC 5546: SEQUENCE goes up).
PLACE_FIELDS = frozenset({"format", "time_zone", "place_name", "address", "online_url"})
# What a calendar entry shows besides.
ENTRY_FIELDS = PLACE_FIELDS | {"title", "summary"}
# What decides how free places reach those who wait.
QUEUE_FIELDS = frozenset({"offer_hours", "skips_large_parties"})


def change_date(
    occurrence: Occurrence, plan: DatePlan, changed: frozenset[str], news: News, at: datetime
) -> bool:
    """Make one date what ``plan`` says; whether that changed anything about it.

    ``changed`` are the fields of its event that were changed too. Whoever comes is told when
    it is at another time or elsewhere. What is over stays as it was.
    """
    if occurrence.ends_at <= at:
        return False
    before = Occurrence(
        event=occurrence.event, starts_at=occurrence.starts_at, ends_at=occurrence.ends_at
    )
    is_moved = (plan.starts_at, plan.ends_at) != (before.starts_at, before.ends_at)
    is_back = occurrence.cancelled_at is not None
    # What it said while it was cancelled is why it was.
    note = _said(plan.note, "" if is_back else occurrence.note)
    other_place = _said(plan.other_place, occurrence.other_place)
    other_url = _said(plan.other_url, occurrence.other_url)
    has_other_place = (other_place, other_url) != (occurrence.other_place, occurrence.other_url)
    is_elsewhere = bool(changed & PLACE_FIELDS) or has_other_place
    has_other_places = plan.capacity != occurrence.capacity
    has_other_note = note != occurrence.note
    occurrence.starts_at, occurrence.ends_at = plan.starts_at, plan.ends_at
    occurrence.starts_on = plan.starts_at.astimezone(occurrence.event.zone).date()
    occurrence.capacity = plan.capacity
    occurrence.note = note
    occurrence.other_place, occurrence.other_url = other_place, other_url
    occurrence.cancelled_at = None
    if is_moved or is_elsewhere or is_back:
        occurrence.sequence += 1
    if is_moved or is_elsewhere or is_back or has_other_note or changed & ENTRY_FIELDS:
        occurrence.revised_at = at
    save_with_entry(occurrence)
    if is_moved or is_elsewhere or is_back:
        news.changed(occurrence, before, is_moved=is_moved, is_elsewhere=is_elsewhere)
    if has_other_places or changed & QUEUE_FIELDS:
        wake_queue(occurrence_id=occurrence.pk, at=at)
    return is_moved or is_back or has_other_places or has_other_place or has_other_note


def _said(planned: str | None, now: str) -> str:
    return now if planned is None else planned


def call_off(occurrence: Occurrence, news: News, at: datetime) -> None:
    """One date does not take place: its entry says so, and everybody is told."""
    occurrence.sequence += 1
    occurrence.revised_at = at
    save_with_entry(occurrence)
    news.cancelled(occurrence)


def save_with_entry(occurrence: Occurrence) -> None:
    """Save a date together with its calendar text, which is a function of what is stored."""
    render_entry(occurrence)
    occurrence.save()


def render_entry(occurrence: Occurrence) -> None:
    """Write the calendar text of a date that is about to be saved."""
    with speaking(occurrence.event.language):
        occurrence.vevent = render_vevent(public_entry(occurrence))
