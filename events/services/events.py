"""Writing, publishing, changing and cancelling events."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify

from accounts.models import User
from accounts.services import audit
from calendars.queries import EVENTS_FEED
from calendars.services.revisions import bump
from events.domain.plans import DatePlan
from events.errors import (
    AlreadyPublished,
    EditedMeanwhile,
    NotADraft,
    NotPublished,
    NotReady,
    StillPaidFor,
)
from events.models import Event, EventPhoto, Occurrence, Payment, Rsvp, new_uid
from events.queries import ahead_of
from events.rules import impossible_settings, missing_for_publishing
from events.services.dates import ENTRY_FIELDS, call_off, change_date, save_with_entry
from events.services.due_mails import News
from events.services.host_mails import tell_of_hosting
from events.services.series import as_it_is, follow_words
from events.services.series_rsvps import keep_what_was

# What a co-host may write.
WORDS_OF_HOSTS = ("title", "summary", "body", "hosts", "access_notes", "content_notes")

# What a copy takes over: everything the event says, and nothing of what happened to it.
COPIED_FIELDS = (
    "title",
    "summary",
    "body",
    "hosts",
    "language",
    "topics",
    "visibility",
    "programme",
    "format",
    "time_zone",
    "place_name",
    "address",
    "online_url",
    "access_notes",
    "content_notes",
    "max_plus_ones",
    "minimum_age",
    "needs_approval",
    "price_kind",
    "currency",
    "price_minor",
    "least_minor",
    "refund_hours",
    "reminder_hours",
    "survey",
    "photo_name",
    "photo_alt",
    "offer_hours",
    "skips_large_parties",
    "recording_note",
    "safety_lead",
    "host_briefing",
    "emergency_number",
    "emergency_address",
    "quiet_space",
)


@transaction.atomic
def draft_event(
    *, words: Mapping[str, Any], dates: Sequence[DatePlan], actor: User | None, at: datetime
) -> Event:
    """Write a new event, which nobody but staff can see yet."""
    event = Event(**words, slug=_free_slug(words["title"]), edited_at=at, edited_by=actor)
    event.save(force_insert=True)
    _write_dates(event, dates, changed=frozenset(), news=News(), at=at)
    audit.record(actor, "event.drafted", event, at)
    return event


@transaction.atomic
def copy_event(*, event: Event, actor: User, at: datetime) -> Event:
    """A new draft that says and asks the same. It has no dates, people or link of its own yet."""
    copied = Event(
        **{name: getattr(event, name) for name in COPIED_FIELDS},
        slug=_free_slug(event.title),
        edited_at=at,
        edited_by=actor,
    )
    copied.save(force_insert=True)
    if event.photo_name:
        EventPhoto.objects.create(event=copied, content=event.photo.content)
    for question in event.questions.asked():
        question.pk, question.event, question._state.adding = None, copied, True
        question.save(force_insert=True)
    audit.record(actor, "event.copied", copied, at)
    return copied


@transaction.atomic
def set_photo(*, event: Event, content: bytes, alt: str, actor: User, at: datetime) -> Event:
    """Show a photograph (a JPEG) in place of the drawn picture; no ``content`` takes it away.

    It is nothing the event's form knows, so whoever has that open can still save it.
    """
    event = Event.objects.select_for_update().get(pk=event.pk)
    if content:
        EventPhoto.objects.update_or_create(event=event, defaults={"content": content})
        event.photo_name, event.photo_alt = hashlib.sha256(content).hexdigest()[:20], alt
    else:
        EventPhoto.objects.filter(event=event).delete()
        event.photo_name = event.photo_alt = ""
    event.save(update_fields=["photo_name", "photo_alt"])
    audit.record(actor, "event.photo_changed", event, at)
    return event


@transaction.atomic
def share_draft(*, event: Event, is_shared: bool, actor: User, at: datetime) -> Event:
    """Let the draft be opened by a link, or let the link open nothing any more.

    Shared again it is another link. Raises AlreadyPublished for what needs none.
    """
    event = Event.objects.select_for_update().get(pk=event.pk)
    if event.status != Event.Status.DRAFT:
        raise AlreadyPublished
    if event.is_shared != is_shared:
        event.share_generation += 1
        event.save(update_fields=["share_generation"])
        audit.record(actor, "event.shared" if is_shared else "event.unshared", event, at)
    return event


@transaction.atomic
def edit_event(
    *,
    event: Event,
    version: int,
    words: Mapping[str, Any],
    dates: Sequence[DatePlan],
    actor: User | None,
    at: datetime,
) -> Event:
    """Change what an event says and when it is.

    ``version`` is the one the writer began from: EditedMeanwhile when somebody has saved
    since. Another time or place moves the dates' calendar SEQUENCE on and is told by mail to
    everybody who comes or waits. Dates left out are cancelled, or deleted where nobody could
    know of them. ``dates`` are those written one by one; the dates of a series keep their rule
    and follow the words. Raises NotReady when a published event would lack what it must say,
    or say what rules itself out.
    """
    event = Event.objects.select_for_update().get(pk=event.pk)
    if event.version != version:
        raise EditedMeanwhile
    was_zone = event.zone
    changed = frozenset(name for name, value in words.items() if getattr(event, name) != value)
    if changed & {"price_kind", "currency"} and _is_money_asked(event, at):
        raise NotReady({"price_kind": str(StillPaidFor())})
    for name in changed:
        setattr(event, name, words[name])
    if event.status != Event.Status.DRAFT:
        has_others = event.occurrences.filter(Q(ends_at__lte=at) | Q(series__isnull=False))
        _check_ready(event, has_dates=bool(dates) or has_others.exists())
    if event.status == Event.Status.COMPLETED and any(plan.ends_at > at for plan in dates):
        event.status = Event.Status.PUBLISHED
    event.version += 1
    event.edited_at, event.edited_by = at, actor
    event.save()
    news = News()
    dates_changed = _write_dates(event, dates, changed=changed, news=news, at=at)
    follow_words(event, changed=changed, was_zone=was_zone, news=news, at=at)
    if event.status != Event.Status.DRAFT:
        _check_settings(event, at)
    news.promise(event, at=at)
    fields = sorted(changed) + (["dates"] if dates_changed else [])
    audit.record(actor, "event.edited", event, at, fields)
    if event.status != Event.Status.DRAFT:
        bump(EVENTS_FEED, at)
    return event


@transaction.atomic
def edit_words(
    *, event: Event, version: int, words: Mapping[str, str], actor: User, at: datetime
) -> Event:
    """Change what the event says of itself (WORDS_OF_HOSTS) and nothing else, as a co-host may.

    Raises EditedMeanwhile and NotReady.
    """
    assert set(words) <= set(WORDS_OF_HOSTS)
    coming = event.occurrences.filter(series=None, cancelled_at=None, ends_at__gt=at)
    dates = [as_it_is(one, event, event.zone) for one in coming.order_by("pk")]
    return edit_event(event=event, version=version, words=words, dates=dates, actor=actor, at=at)


@transaction.atomic
def publish_event(*, event: Event, actor: User, at: datetime) -> Event:
    """Show the event to those it is for: list, page and feed.

    Publishing it again changes nothing. Raises NotReady (what is missing, by field) and
    NotADraft for one that was cancelled.
    """
    event = Event.objects.select_for_update().get(pk=event.pk)
    if event.status == Event.Status.PUBLISHED:
        return event
    if event.status != Event.Status.DRAFT:
        raise NotADraft
    _check_ready(event, has_dates=Occurrence.objects.filter(event=event, ends_at__gt=at).exists())
    _check_settings(event, at)
    event.status, event.published_at = Event.Status.PUBLISHED, at
    event.version += 1
    event.save(update_fields=["status", "published_at", "version"])
    audit.record(actor, "event.published", event, at)
    for host in event.hosting.accepted().select_related("person").order_by("pk"):
        host.event = event
        tell_of_hosting(host, "host_accepted", at=at)
    bump(EVENTS_FEED, at)
    return event


@transaction.atomic
def cancel_event(*, event: Event, note: str, actor: User, at: datetime) -> Event:
    """Call off everything that is still to come, and tell everybody why (``note``).

    The page stays and says so; calendars keep the entry as cancelled. Cancelling again
    changes nothing. Raises NotPublished.
    """
    event = Event.objects.select_for_update().get(pk=event.pk)
    if event.status == Event.Status.CANCELLED:
        return event
    if event.status != Event.Status.PUBLISHED:
        raise NotPublished
    event.status, event.cancelled_at = Event.Status.CANCELLED, at
    event.cancellation_note = note
    event.version += 1
    event.edited_at, event.edited_by = at, actor
    event.save(
        update_fields=[
            "status",
            "cancelled_at",
            "cancellation_note",
            "version",
            "edited_at",
            "edited_by",
        ]
    )
    news = News()
    standing = Occurrence.objects.filter(event=event, ends_at__gt=at, cancelled_at=None)
    for occurrence in standing.order_by("pk"):
        occurrence.event = event
        call_off(occurrence, news, at)
    keep_what_was(Rsvp.objects.filter(occurrence__event=event), at=at)
    news.series += event.series.filter(occurrences__in=standing).distinct()
    news.promise(event, at=at)
    audit.record(actor, "event.cancelled", event, at)
    bump(EVENTS_FEED, at)
    return event


@transaction.atomic
def complete_events(*, at: datetime) -> int:
    """Mark the published events whose last date is over. Safe to run at any time."""
    over = Event.objects.filter(status=Event.Status.PUBLISHED, occurrences__isnull=False).exclude(
        occurrences__ends_at__gt=at
    )
    return Event.objects.filter(pk__in=over.values("pk")).update(status=Event.Status.COMPLETED)


def _is_money_asked(event: Event, at: datetime) -> bool:
    """Whether anybody has paid or begun to, or has a place that waits for it."""
    waiting = Rsvp.objects.holding(at=at).filter(status=Rsvp.Status.PAYING)
    return (
        Payment.objects.filter(rsvp__occurrence__event=event).exists()
        or waiting.filter(occurrence__event=event).exists()
    )


def _check_ready(event: Event, *, has_dates: bool) -> None:
    if missing := missing_for_publishing(event, has_dates=has_dates):
        raise NotReady(missing)


def _check_settings(event: Event, at: datetime) -> None:
    if impossible := impossible_settings(event, ahead_of(event, at=at)):
        raise NotReady(impossible)


def _write_dates(
    event: Event,
    plans: Sequence[DatePlan],
    *,
    changed: frozenset[str],
    news: News,
    at: datetime,
) -> bool:
    """Make the event's single dates what ``plans`` say; whether that changed any. The past
    stays, and so do the dates of a series."""
    single = event.occurrences.filter(series=None).order_by("pk")
    existing = {occurrence.pk: occurrence for occurrence in single}
    by_day = {occurrence.starts_on: occurrence for occurrence in existing.values()}
    kept: set[int] = set()
    is_changed = False
    for plan in plans:
        day = plan.starts_at.astimezone(event.zone).date()
        # A day taken out and put in again is the same date: people may have said yes to it.
        occurrence = existing.get(plan.pk or 0) or by_day.get(day)
        if occurrence is None or occurrence.pk in kept:
            occurrence = Occurrence(
                event=event,
                starts_at=plan.starts_at,
                ends_at=plan.ends_at,
                starts_on=day,
                capacity=plan.capacity,
                uid=new_uid(),
                revised_at=at,
            )
            save_with_entry(occurrence)
            news.added(occurrence)
            is_changed = True
        else:
            occurrence.event = event
            is_changed |= change_date(occurrence, plan, changed, news, at)
        kept.add(occurrence.pk)
    for occurrence in existing.values():
        if occurrence.pk in kept or occurrence.ends_at <= at:
            continue
        occurrence.event = event
        if event.status == Event.Status.DRAFT and not occurrence.rsvps.exists():
            occurrence.delete()
            is_changed = True
        elif occurrence.cancelled_at is None:
            is_changed = True
            occurrence.cancelled_at = at
            call_off(occurrence, news, at)
        elif changed & ENTRY_FIELDS:
            # Cancelled before: it stays so, and calendars that keep it learn the new words.
            occurrence.revised_at = at
            save_with_entry(occurrence)
    return is_changed


def _free_slug(title: str) -> str:
    """An address made from the title that no other event has."""
    base = slugify(title)[:70].strip("-") or "event"
    taken = {"new", "month", "import", "export"} | set(
        Event.objects.filter(slug__startswith=base).values_list("slug", flat=True)
    )
    number = 1
    slug = base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug
