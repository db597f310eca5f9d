"""The mails events send. Each is promised in the transaction of the change it tells about.

Subjects are neutral: they say that something is settled and when, never what it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings

from calendars.domain.calendar import Method, StoredEvent, render_message
from calendars.domain.vevent import CalendarEvent
from common.text import speaking
from events.models import Rsvp, SeriesRsvp
from events.queries import (
    answers_by_date,
    as_text,
    dates_by_rule,
    dates_through,
    entry_of,
    hosting_of,
    is_repeating_off,
    page_url,
    queue_position,
    repeating_entries,
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
    """One mail to one person about many dates of an event that changed together.

    ``rsvps`` are theirs, in order of time; ``changes`` is what changed, by RSVP, and a date
    that is not there is cancelled. Needs each ``occurrence.event`` and ``user`` loaded.
    """
    return _dates_mail(rsvps[0], rsvps, changes, [_all_of(rsvps)], key=key, at=at)


def prepare_of_rules(
    series_rsvp: SeriesRsvp,
    series_ids: Collection[int],
    rsvps: Sequence[Rsvp],
    changes: Mapping[int, Mapping[str, Any]],
    *,
    key: str,
    at: datetime,
) -> list[Message]:
    """What the calendar of somebody who comes every time needs after a change of these rules:
    each entry that repeats anew, in a mail of its own.

    ``rsvps`` are their dates that changed themselves, in order of time, of which the last mail
    tells in words (``changes`` as for ``prepare_of_dates``). Needs ``series_rsvp.event`` and its
    ``user`` loaded.
    """
    rules = [
        (dates, file)
        for dates in dates_by_rule([series_rsvp])[series_rsvp.pk]
        if dates[0].occurrence.series_id in series_ids and (file := _series_file(dates))
    ]
    if rsvps and not rules:
        return [prepare_of_dates(rsvps, changes, key=key, at=at)]
    mails = [
        _rule_mail(series_rsvp, dates, file, key=f"{key}:{dates[0].occurrence.series_id}", at=at)
        for dates, file in (rules[:-1] if rsvps else rules)
    ]
    if rsvps:
        _dates, file = rules[-1]
        mails.append(_dates_mail(series_rsvp, rsvps, changes, [file], key=key, at=at))
    return mails


def tell_of_series(series_rsvp: SeriesRsvp, what: str, *, at: datetime, once: object = "") -> None:
    """Promise this person the mail ``what`` about all dates of an event they come to.

    Their calendar is given each entry that repeats: one in this mail, any other in a mail of its
    own, since a program acts on one. Who wants single dates has a file of them. Needs
    ``series_rsvp.event`` and ``series_rsvp.user`` loaded.
    """
    event = series_rsvp.event
    dates = series_dates(event, at=at)
    answers = answers_by_date(series_rsvp, dates)
    standing = []
    for date in dates:
        rsvp = answers.get(date.pk)
        if rsvp is not None and rsvp.is_active:
            rsvp.occurrence = date
            standing.append(rsvp)
    files: list[Attachment] = []
    others: list[tuple[list[Rsvp], Attachment]] = []
    if what in ("series_going", "series_left"):
        files, others = _series_files(series_rsvp, standing, what, at)
    queue_prepared(
        prepare_message(
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
            attachments=files,
        )
    )
    for rule, file in others:
        key = f"series:{series_rsvp.reference}:{what}:{once}:{rule[0].occurrence.series_id}"
        queue_prepared(_rule_mail(series_rsvp, rule, file, key=key, at=at))


def tell_of_form(series_rsvp: SeriesRsvp, *, is_off: bool, at: datetime) -> None:
    """Promise somebody who comes every time a mail with all their dates in the form they chose,
    or one that takes out what they had (``is_off``). Needs ``event`` and ``user`` loaded."""
    now = copy(series_rsvp)
    if is_off:
        now.status = SeriesRsvp.Status.ENDED
    files = []
    if now.is_repeating:
        rules = dates_by_rule([now])[now.pk]
        files = [(rule, file) for rule in rules if (file := _series_file(rule))]
    elif dates := [rsvp for rsvp in dates_through(now) if rsvp.occurrence.ends_at > at]:
        for rsvp in dates:
            rsvp.status = Rsvp.Status.LEFT if is_off else rsvp.status
        files = [(dates, _all_of(dates))]
    for rule, file in files:
        form = f"form:{now.uid_generation}:{'off' if is_off else 'on'}"
        key = f"series:{now.reference}:{form}:{rule[0].occurrence.series_id}"
        queue_prepared(_rule_mail(now, rule, file, key=key, is_form=True, at=at))


def _series_files(
    series_rsvp: SeriesRsvp, standing: Sequence[Rsvp], what: str, at: datetime
) -> tuple[list[Attachment], list[tuple[list[Rsvp], Attachment]]]:
    """The files of a mail about all dates, and those that each need a mail of their own."""
    repeating = []
    for rule in dates_by_rule([series_rsvp])[series_rsvp.pk]:
        is_to_come = any(rsvp.occurrence.ends_at > at for rsvp in rule)
        if is_to_come and (file := _series_file(rule)):
            repeating.append((rule, file))
    single = [rsvp for rsvp in standing if rsvp.repeats_with is None]
    if what == "series_left":
        for rsvp in single:
            rsvp.status, rsvp.changed_at = Rsvp.Status.LEFT, at
    elif series_rsvp.is_repeating:
        # What they answered by itself before stays by itself; they have its invitation.
        single = []
    files = [file for _rule, file in repeating[:1]]
    if single:
        files.append(_all_of(single))
    return files, repeating[1:]


def _dates_mail(
    who: Rsvp | SeriesRsvp,
    rsvps: Sequence[Rsvp],
    changes: Mapping[int, Mapping[str, Any]],
    files: Sequence[Attachment],
    *,
    key: str,
    at: datetime,
) -> Message:
    """One mail about several dates that changed together, with what their calendar needs."""
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
        to=who.email,
        template="events/mail/dates_changed",
        context={
            "rsvp": who,
            "event": rsvps[0].occurrence.event,
            "dates": dates,
            "are_cancelled": not changes,
            "time_zone": who.user.time_zone if who.user else "",
        },
        language=who.language,
        at=at,
        attachments=files,
    )


def _rule_mail(
    series_rsvp: SeriesRsvp,
    dates: Sequence[Rsvp],
    file: Attachment,
    *,
    key: str,
    is_form: bool = False,
    at: datetime,
) -> Message:
    """A mail that is there for the calendar, with a few words for the person."""
    series = dates[0].occurrence.series
    to_come = [rsvp.occurrence for rsvp in dates if rsvp.occurrence.ends_at > at]
    return prepare_message(
        key=key,
        to=series_rsvp.email,
        template="events/mail/series_changed",
        context={
            "series_rsvp": series_rsvp,
            "event": series_rsvp.event,
            "series": series,
            "first": to_come[0] if to_come else None,
            "is_off": is_repeating_off(dates),
            "is_form": is_form,
            "manage_url": settings.BASE_URL + series_rsvp.manage_path,
        },
        language=series_rsvp.language,
        at=at,
        attachments=[file],
    )


def _series_file(dates: Sequence[Rsvp]) -> Attachment | None:
    """The entry that repeats, as a request to this person, or the end of it. None where there
    is nothing left to say."""
    method: Method = "CANCEL" if is_repeating_off(dates) else "REQUEST"
    series_rsvp = dates[0].series_rsvp
    assert series_rsvp is not None  # its dates were put together by it
    with speaking(series_rsvp.language):
        entries = repeating_entries(dates, is_invitation=True)
    return _file(entries, method) if entries else None


def _all_of(rsvps: Sequence[Rsvp]) -> Attachment:
    """Many single dates of one person, as they are now."""
    host = hosting_of(rsvps[0].user, rsvps[0].occurrence.event)
    with speaking(rsvps[0].language):
        return calendar_file(entry_of(rsvp, host, is_invitation=True) for rsvp in rsvps)


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
            "is_refund_over": occurrence.is_refund_over(at=at),
            **context,
        },
        language=rsvp.language,
        at=at,
        attachments=attachments,
    )


def _invitation(rsvp: Rsvp) -> Attachment:
    """The file that puts the date into this person's calendar, or takes it out."""
    host = hosting_of(rsvp.user, rsvp.occurrence.event)
    with speaking(rsvp.language):
        entry = entry_of(rsvp, host, is_invitation=True)
    return scheduling_message(entry)


def scheduling_message(entry: CalendarEvent) -> Attachment:
    """The file that asks a calendar to put the entry in, or to take it out."""
    return _file(as_text([entry]), "CANCEL" if entry.status == "CANCELLED" else "REQUEST")


def calendar_file(entries: Iterable[CalendarEvent]) -> Attachment:
    """Many entries in one file. A REQUEST is about one UID (RFC 5546 §3.2.2), so this only tells
    (PUBLISH, §3.2.1): programs take all of it in at once, and nobody answers to it."""
    told = [
        replace(entry, invitation=replace(entry.invitation, attendee=""))
        if entry.invitation
        else entry
        for entry in entries
    ]
    return _file(as_text(told), "PUBLISH")


def _file(entries: Iterable[StoredEvent], method: Method) -> Attachment:
    content = render_message(entries, method=method)
    return Attachment("event.ics", f"text/calendar; method={method}", content)


_WITH_CALENDAR = frozenset(
    {
        "going",
        "promoted",
        "waitlisted",
        "offered",
        "taken_back",
        "lapsed",
        "unpaid",
        "maybe",
        "passed_on",
        "changed",
        "cancelled",
        "left",
        "released",
        "not_possible",
    }
)
