"""Making drafts from somebody else's calendar: what would be made, and making it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from ambassadors.models import Programme
from events.domain.foreign_calendars import ForeignEvent
from events.domain.plans import DatePlan
from events.models import Event, Format, ImportedEvent
from events.services.events import draft_event, edit_event

What = Literal["new", "same", "changed", "edited", "published", "cancelled", "nothing"]


@dataclass(frozen=True)
class Planned:
    """What an import does with one entry."""

    what: What
    entry: ForeignEvent
    event: Event | None
    """The event that was made from it before."""

    @property
    def is_work(self) -> bool:
        return self.what in ("new", "changed")


def plan_import(entries: Sequence[ForeignEvent]) -> list[Planned]:
    """What importing ``entries`` would do. It writes nothing."""
    rows = ImportedEvent.objects.filter(source_uid__in=[entry.uid for entry in entries])
    known = {row.source_uid: row for row in rows.select_related("event")}
    return [_planned(entry, known.get(entry.uid)) for entry in entries]


def _planned(entry: ForeignEvent, known: ImportedEvent | None) -> Planned:
    if known is None:
        is_possible = bool(entry.dates) and not entry.is_cancelled
        what: What = "new" if is_possible else "cancelled" if entry.is_cancelled else "nothing"
        return Planned(what, entry, None)
    if known.digest == entry.digest:
        return Planned("same", entry, known.event)
    if entry.is_cancelled:
        return Planned("cancelled", entry, known.event)
    if known.event.status != Event.Status.DRAFT:
        return Planned("published", entry, known.event)
    if known.event.version != known.version:
        return Planned("edited", entry, known.event)
    return Planned("changed" if entry.dates else "nothing", entry, known.event)


@transaction.atomic
def import_entries(
    *,
    entries: Sequence[ForeignEvent],
    programme: Programme | None,
    language: str,
    actor: User | None,
    at: datetime,
) -> list[Planned]:
    """Make a draft of each new entry, and bring drafts nobody has touched up to date.

    The same entries again change nothing. Nothing is published, and nobody is told: a draft
    still needs what a calendar does not say (who is there to help, how many places).
    """
    plans = plan_import(entries)
    for plan in plans:
        if not plan.is_work:
            continue
        words = _words_of(plan.entry)
        dates = [DatePlan(one.starts_at, one.ends_at, None) for one in plan.entry.dates]
        if plan.event is None:
            words |= {"programme": programme, "language": language}
            event = draft_event(words=words, dates=dates, actor=actor, at=at)
            ImportedEvent.objects.create(
                source_uid=plan.entry.uid,
                event=event,
                digest=plan.entry.digest,
                version=event.version,
                imported_at=at,
            )
        else:
            event = edit_event(
                event=plan.event,
                version=plan.event.version,
                words=words,
                dates=dates,
                actor=actor,
                at=at,
            )
            ImportedEvent.objects.filter(event=event).update(
                digest=plan.entry.digest, version=event.version, imported_at=at
            )
    return plans


def _words_of(entry: ForeignEvent) -> dict[str, Any]:
    place, _comma, address = entry.location.replace("\n", ", ").partition(",")
    summary = next(iter(entry.description.splitlines()), "")
    if entry.online_url:
        kind = Format.HYBRID if place.strip() else Format.ONLINE
    else:
        kind = Format.IN_PERSON
    return {
        "title": (entry.title or _("Without a title"))[:120],
        "summary": summary[:240],
        "body": entry.description,
        "format": kind,
        "time_zone": entry.time_zone,
        "place_name": place.strip()[:120],
        "address": address.strip()[:240],
        "online_url": entry.online_url,
    }


def note_in_words(code: str, detail: str) -> str:
    """What a note of the reader means, for a person."""
    words = {
        "all_day": _("It lasts all day: it is made from midnight to midnight. Set the hours."),
        "floating": _("Its time names no zone. It was read in the zone you chose."),
        "zone_unknown": _("Nobody knows the zone “%(detail)s”. It was read in the zone you chose."),
        "zone_by_rules": _(
            "The zone “%(detail)s” is described in the file only. The moments are right; check "
            "the zone they are shown in."
        ),
        "no_start": _("It does not say when it starts, so nothing can be made of it."),
        "no_length": _("It does not say how long it lasts, or too long. Check when it ends."),
        "no_title": _("It has no title."),
        "past": _("Everything in it is over."),
        "too_old": _("It repeats from long ago on, so its rule was not followed."),
        "rule_unknown": _("Its rule for repeating was not understood: %(detail)s"),
        "never_ends": _(
            "It repeats without an end. Its dates of one year are made; let the event come back "
            "by a rule of ours for more."
        ),
        "date_moved": _("Its date of %(detail)s was moved or changed alone; that was kept."),
        "date_cancelled": _("Its date of %(detail)s was cancelled alone; it is left out."),
        "twice_a_day": _("It happens twice on %(detail)s. Only the first was kept."),
        "too_many": _("It has %(detail)s more dates than an event can have at once."),
    }
    return words[code] % {"detail": detail}
