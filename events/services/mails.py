"""The mails events send. Each is promised in the transaction of the change it tells about.

Subjects are neutral: they say that something is settled and when, never what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import override

from calendars.domain.calendar import Method, render_calendar, render_message
from calendars.domain.vevent import CalendarEvent
from events.models import Rsvp, SeriesRsvp
from events.queries import (
    answers_by_date,
    as_text,
    entry_of,
    hosting_of,
    page_url,
    queue_position,
    series_dates,
)
from notifications.domain import Attachment
from notifications.models import Message
from notifications.services.messages import prepare_message, queue_all, queue_prepared


def tell(rsvp: Rsvp, what: str, *, at: datetime, once: object = "", **context: Any) -> None:
    """Promise this person the mail ``what``, one for each ``once``.

    Needs ``rsvp.occurrence.event`` and ``rsvp.user`` loaded. Who walked in has no address.
    """
    if rsvp.email:
        queue_prepared(prepare(rsvp, what, at=at, once=once, **context))


def tell_all(
    rsvps: Iterable[Rsvp], what: str, *, at: datetime, once: object = "", **context: Any
) -> None:
    """Promise each of them the mail ``what``: as many statements as for one."""
    queue_all([prepare(rsvp, what, at=at, once=once, **context) for rsvp in rsvps if rsvp.email])


def prepare_of_dates(
    rsvps: Sequence[Rsvp], changes: Mapping[int, Mapping[str, Any]], *, key: str, at: datetime
) -> Message:
    """One mail to one person about several dates of an event that changed together.

    ``rsvps`` are theirs, in order of time; ``changes`` is what changed, by RSVP, and a date
    that is not there is cancelled. Needs each ``occurrence.event`` and ``user`` loaded.
    """
    first = rsvps[0]
    host = hosting_of(first.user, first.occurrence.event)
    with override(first.language):
        attached = calendar_file(entry_of(rsvp, host) for rsvp in rsvps)
    dates = [
        {
            "occurrence": rsvp.occurrence,
            "is_cancelled": rsvp.pk not in changes,
            "manage_url": settings.BASE_URL + rsvp.manage_path,
            **changes.get(rsvp.pk, {}),
        }
        for rsvp in rsvps
    ]
    return prepare_message(
        key=key,
        to=first.email,
        template="events/mail/dates_changed",
        context={
            "rsvp": first,
            "event": first.occurrence.event,
            "dates": dates,
            "are_cancelled": not changes,
            "time_zone": first.user.time_zone if first.user else "",
        },
        language=first.language,
        at=at,
        attachments=[attached],
    )


def tell_of_series(series_rsvp: SeriesRsvp, what: str, *, at: datetime, once: object = "") -> None:
    """Promise this person the mail ``what`` about all dates of an event they come to.

    Needs ``series_rsvp.event`` and ``series_rsvp.user`` loaded.
    """
    event = series_rsvp.event
    dates = series_dates(event, at=at)
    answers = answers_by_date(series_rsvp, dates)
    rsvps = [answers[date.pk] for date in dates if date.pk in answers]
    for rsvp, date in zip(rsvps, [date for date in dates if date.pk in answers], strict=True):
        rsvp.occurrence = date
    standing = [rsvp for rsvp in rsvps if rsvp.is_active]
    attachments = []
    if what == "series_going" and standing:
        host = hosting_of(series_rsvp.user, event)
        with override(series_rsvp.language):
            attachments = [calendar_file(entry_of(rsvp, host) for rsvp in standing)]
    message = prepare_message(
        key=":".join(["series", series_rsvp.reference, what, *([str(once)] if once else [])]),
        to=series_rsvp.email,
        template=f"events/mail/{what}",
        context={
            "series_rsvp": series_rsvp,
            "event": event,
            "first": dates[0] if dates else None,
            "going": [rsvp for rsvp in standing if rsvp.is_going],
            "waiting": [rsvp for rsvp in standing if rsvp.is_waiting],
            "time_zone": series_rsvp.user.time_zone if series_rsvp.user else "",
            "manage_url": settings.BASE_URL + series_rsvp.manage_path,
        },
        language=series_rsvp.language,
        at=at,
        attachments=attachments,
    )
    queue_prepared(message)


def prepare(
    rsvp: Rsvp, what: str, *, at: datetime, once: object = "", key: str = "", **context: Any
) -> Message:
    """The mail ``what`` as ``tell`` would promise it, ready to be promised; ``key`` names it
    where it has a name already. A waiting RSVP may come with its ``position``."""
    occurrence = rsvp.occurrence
    attachments = []
    if what in _WITH_CALENDAR:
        attachments = [_invitation(rsvp)]
    return prepare_message(
        key=key or ":".join(["rsvp", rsvp.reference, what, *([str(once)] if once else [])]),
        to=rsvp.email,
        template=f"events/mail/{what}",
        context={
            "rsvp": rsvp,
            "occurrence": occurrence,
            "event": occurrence.event,
            "time_zone": rsvp.user.time_zone if rsvp.user else "",
            "manage_url": settings.BASE_URL + rsvp.manage_path,
            "page_url": page_url(occurrence),
            "position": queue_position(rsvp),
            **context,
        },
        language=rsvp.language,
        at=at,
        attachments=attachments,
    )


def _invitation(rsvp: Rsvp) -> Attachment:
    """The file that puts the date into this person's calendar, or takes it out."""
    host = hosting_of(rsvp.user, rsvp.occurrence.event)
    with override(rsvp.language):
        entry = entry_of(rsvp, host, is_invitation=True)
    return scheduling_message(entry)


def scheduling_message(entry: CalendarEvent) -> Attachment:
    """The file that asks a calendar to put the entry in, or to take it out."""
    method: Method = "CANCEL" if entry.status == "CANCELLED" else "REQUEST"
    content = render_message(as_text([entry]), method=method)
    return Attachment("event.ics", f"text/calendar; method={method}", content)


def calendar_file(entries: Iterable[CalendarEvent]) -> Attachment:
    """Several entries in one file, to be added by hand."""
    content = render_calendar(as_text(entries), name="Greenroom")
    return Attachment("event.ics", "text/calendar; charset=utf-8", content)


_WITH_CALENDAR = frozenset(
    {
        "going",
        "promoted",
        "waitlisted",
        "offered",
        "taken_back",
        "lapsed",
        "maybe",
        "passed_on",
        "changed",
        "cancelled",
        "left",
        "released",
        "not_possible",
    }
)
