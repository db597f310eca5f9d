"""Events that come back: making their dates ahead, and changing them together.

The dates of a series are ordinary occurrences, so RSVPs, seats and calendars need not know of
it. They are made ahead of time for as long as ``WINDOW``, on saving and each night, so a rule
that never ends is as good as any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from accounts.models import User
from accounts.services import audit
from calendars.queries import EVENTS_FEED
from calendars.services.revisions import bump_all
from events.domain.plans import DatePlan, SeriesPlan
from events.domain.recurrence import pair_days, start_on
from events.errors import (
    DateIsOver,
    DayTaken,
    EditedMeanwhile,
    EventIsCancelled,
    NoDatesLeft,
    NotReady,
)
from events.models import Event, Occurrence, Series, new_uid
from events.rules import missing_for_publishing
from events.services.dates import (
    ENTRY_FIELDS,
    PLACE_FIELDS,
    QUEUE_FIELDS,
    call_off,
    change_date,
    render_entry,
    save_with_entry,
)
from events.services.due_mails import News
from events.services.series_rsvps import join_new_dates

# How far ahead dates exist, and how many there are at least, for rules of few dates.
WINDOW = timedelta(days=182)
DATES_AHEAD = 4


@dataclass(frozen=True)
class DateChange:
    """What a change of the series does to one date."""

    what: Literal["stays", "moves", "ends", "begins", "kept"]
    day: date | None
    """The day by the new rule; None for a date that ends."""
    starts_at: datetime
    """When it will start; for one that ends, when it would have."""
    occurrence: Occurrence | None = None
    by_hand: tuple[str, ...] = ()
    """What somebody changed about this date alone, in words, and what would be overwritten."""


@transaction.atomic
def start_series(
    *, event: Event, version: int, plan: SeriesPlan, actor: User, at: datetime
) -> Series:
    """Let the event come back by a rule.

    A single date that it already has on a day of the rule becomes a date of the series, with
    its people. Raises NoDatesLeft for a rule without a date to come, and EditedMeanwhile.
    """
    event = lock_event(event, version)
    series = _new_series(event, plan, at)
    series.excluded_on = sorted(plan.excluded_on | _days_gone(series, at))
    series.save(force_insert=True)
    single = event.occurrences.filter(series=None, cancelled_at=None, ends_at__gt=at)
    days = set(_days_ahead(series, at)) - plan.excluded_on
    adopted = single.filter(starts_on__in=days)
    has_adopted = adopted.update(series=series, recurrence_on=F("starts_on")) > 0
    made = make_dates(series=series, at=at)
    if not made and not has_adopted:
        raise NoDatesLeft
    # First what repeats, then what waits: the calendars of those who come every time get one
    # entry, and then what is different on a date of it.
    news = News(series=[series])
    for occurrence in made:
        news.added(occurrence)
    news.promise(event, at=at)
    keys = join_new_dates(event, made, at=at)
    _note_edit(event, "series.started", actor, at, feed_keys=keys)
    return series


def plan_start(*, event: Event, plan: SeriesPlan, at: datetime) -> list[DateChange]:
    """Which dates ``start_series`` would make or join, in order. It writes nothing."""
    series = _new_series(event, plan, at)
    dates = {date.starts_on: date for date in event.occurrences.all()}
    changes = []
    for day in _days_ahead(series, at):
        if day in plan.excluded_on or not _is_to_come(series, day, at):
            continue
        starts_at = series.start_on(day).starts_at
        date = dates.get(day)
        if date is None:
            changes.append(DateChange("begins", day, starts_at))
        elif date.series_id is None and date.cancelled_at is None:
            date.event = event
            changes.append(DateChange("stays", day, date.starts_at, date))
    return changes


@transaction.atomic
def extend_series(*, series: Series, at: datetime) -> list[Occurrence]:
    """Make the dates of ``series`` that have come within the window. Safe at any time."""
    # The event is the lock: a change of the series and this never interleave.
    event = Event.objects.select_for_update().get(pk=series.event_id)
    if event.status not in (Event.Status.PUBLISHED, Event.Status.DRAFT):
        return []
    series = Series.objects.get(pk=series.pk)
    series.event = event
    was = series.sequence
    made = make_dates(series=series, at=at)
    if made and event.status == Event.Status.PUBLISHED:
        if series.sequence != was:
            # A day that the rule names and that cannot be: calendars must be told to leave it out.
            News(series=[series]).promise(event, at=at)
        bump_all({EVENTS_FEED, *join_new_dates(event, made, at=at)}, at=at)
    return made


def make_dates(*, series: Series, at: datetime) -> list[Occurrence]:
    """Make the dates up to the edge of the window that are not made yet."""
    own = set(series.occurrences.values_list("recurrence_on", flat=True))
    ahead = _days_ahead(series, at)
    days = [day for day in ahead if day > series.made_until and day not in own]
    taken = set(
        series.event.occurrences.filter(starts_on__in=days).values_list("starts_on", flat=True)
    )
    left_out = taken - set(series.excluded_on)
    series.excluded_on = sorted({*series.excluded_on, *left_out})
    made = [_new_date(series, day, at) for day in days if day not in series.excluded_on]
    Occurrence.objects.bulk_create(made)
    series.made_until = max([series.made_until, *days, _edge(at)])
    if series.ends_on:
        series.made_until = min(series.made_until, series.ends_on)
    series.sequence += bool(left_out)
    series.save(update_fields=["made_until", "excluded_on", "sequence"])
    return made


def plan_change(
    *, series: Series, pivot: date, plan: SeriesPlan, keep: Collection[int], at: datetime
) -> list[DateChange]:
    """What changing ``series`` from the day ``pivot`` on would do to each date, in order.

    Dates in ``keep`` stay what a hand made of them. It writes nothing: it is what a person is
    shown before, and what ``change_series`` then does.
    """
    coming = _coming(series, pivot, at)
    old_days = {occurrence.recurrence_on: occurrence for occurrence in coming}
    wanted = _new_series(series.event, plan, at)
    last = max([_edge(at), *(day for day in old_days if day)])
    # A day on which the event has another date, or a kept one that was moved there, is taken.
    taken = set(
        series.event.occurrences.exclude(pk__in=[date.pk for date in coming]).values_list(
            "starts_on", flat=True
        )
    )
    kept = {date.pk: date for date in coming if date.pk in keep}
    taken |= {date.starts_on for date in kept.values() if date.starts_on != date.recurrence_on}
    new_days = [
        day
        for day in _days_within(wanted, last, at)
        if day not in taken and day not in plan.excluded_on
    ]
    pairs = pair_days([day for day in old_days if day], new_days)
    changes = []
    for old_day, occurrence in old_days.items():
        assert old_day is not None
        day = pairs.get(old_day)
        by_hand = changed_by_hand(occurrence, series)
        if occurrence.pk in kept and day is not None:
            change = DateChange("kept", day, occurrence.starts_at, occurrence, by_hand)
        elif day is None:
            change = DateChange("ends", None, occurrence.starts_at, occurrence, by_hand)
        else:
            starts_at = wanted.start_on(day).starts_at
            is_same = (occurrence.starts_at, occurrence.duration, occurrence.capacity) == (
                starts_at,
                wanted.duration,
                wanted.capacity,
            )
            what: Literal["stays", "moves"] = "stays" if is_same and not by_hand else "moves"
            change = DateChange(what, day, starts_at, occurrence, by_hand)
        changes.append(change)
    reached = set(pairs.values())
    changes += [
        DateChange("begins", day, wanted.start_on(day).starts_at)
        for day in new_days
        if day not in reached
    ]
    return sorted(changes, key=lambda change: change.starts_at)


@transaction.atomic
def change_series(
    *,
    series: Series,
    pivot: date,
    plan: SeriesPlan,
    keep: Collection[int],
    version: int,
    actor: User,
    at: datetime,
) -> Series:
    """Let the dates from ``pivot`` (a day by the present rule) on follow ``plan``.

    A date that moves is the same date: people keep their places and are told, each in one
    mail. Dates the new rule has no day for are cancelled; those of a draft that nobody knows
    of are taken out. What has been keeps its rule, so unless ``pivot`` is the first date, the
    present series ends before it and another begins. Raises NoDatesLeft and EditedMeanwhile.
    """
    event = lock_event(series.event, version)
    series = Series.objects.get(pk=series.pk)
    series.event = event
    changes = plan_change(series=series, pivot=pivot, plan=plan, keep=keep, at=at)
    if all(change.day is None for change in changes):
        raise NoDatesLeft
    target = _series_from(series, pivot, plan, at)
    is_another = target.pk != series.pk
    if not is_another and target.sequence == series.sequence:
        # Another set of days by the same rule is another appointment too.
        target.sequence += any(change.what in ("begins", "ends") for change in changes)
    news = News()
    if is_another or target.sequence != series.sequence:
        news.series = [series, target] if is_another else [target]
    made = [date for change in changes if (date := _carry_out(change, target, news, at))]
    days = {change.day for change in changes if change.day}
    reachable = set(_days_within(target, max(days), at))
    target.excluded_on = sorted(set(plan.excluded_on) | (reachable - days) | _days_gone(target, at))
    target.made_until = max(days)
    target.save()
    made += make_dates(series=target, at=at)
    for occurrence in made:
        news.added(occurrence)
    news.promise(event, at=at)
    keys = join_new_dates(event, made, at=at)
    _note_edit(event, "series.changed", actor, at, [f"{len(changes)} dates"], feed_keys=keys)
    return target


@transaction.atomic
def change_one_date(
    *, occurrence: Occurrence, plan: DatePlan, version: int, actor: User, at: datetime
) -> Occurrence:
    """Change one date alone; the others keep following the rule.

    A cancelled date takes place again. Raises DateIsOver, DayTaken and EditedMeanwhile.
    """
    event = lock_event(occurrence.event, version)
    occurrence = Occurrence.objects.get(pk=occurrence.pk)
    occurrence.event = event
    if occurrence.is_over(at=at):
        raise DateIsOver
    day = plan.starts_at.astimezone(event.zone).date()
    if event.occurrences.exclude(pk=occurrence.pk).filter(starts_on=day).exists():
        raise DayTaken
    news = News()
    if change_date(occurrence, plan, frozenset(), news, at):
        news.promise(event, at=at)
        _note_edit(event, "event.date_changed", actor, at, [str(occurrence.starts_on)])
    return occurrence


@transaction.atomic
def cancel_date(
    *, occurrence: Occurrence, note: str, version: int, actor: User, at: datetime
) -> None:
    """Call off one date, and tell everybody why (``note``). Again changes nothing.

    Of a draft it is taken out instead, since nobody can know of it. Raises DateIsOver.
    """
    event = lock_event(occurrence.event, version)
    occurrence = Occurrence.objects.get(pk=occurrence.pk)
    occurrence.event = event
    if occurrence.is_cancelled:
        return
    if occurrence.is_over(at=at):
        raise DateIsOver
    day = str(occurrence.starts_on)
    news = News()
    _take_out(occurrence, news, at, note=note)
    news.promise(event, at=at)
    _note_edit(event, "event.date_cancelled", actor, at, [day])


def follow_words(
    event: Event, *, changed: frozenset[str], was_zone: ZoneInfo, news: News, at: datetime
) -> None:
    """Let the series of an event that was edited follow: entries, places, and the zone.

    Another zone than ``was_zone`` keeps the hour on the wall clock. Called by ``edit_event``.
    """
    if not changed & (ENTRY_FIELDS | QUEUE_FIELDS):
        return
    if "time_zone" in changed:
        for series in event.series.order_by("starts_on"):
            if _move_to_zone(series, event, at):
                news.series.append(series)
    for series in event.series.all():
        coming = series.occurrences.filter(ends_at__gt=at)
        if not coming.exists():
            continue
        if changed & PLACE_FIELDS and series not in news.series:
            news.series.append(series)
        if changed & ENTRY_FIELDS:
            series.revised_at = at
            series.sequence += bool(changed & PLACE_FIELDS)
            series.save(update_fields=["revised_at", "sequence"])
        for occurrence in coming.filter(cancelled_at=None).order_by("starts_at"):
            occurrence.event, occurrence.series = event, series
            change_date(occurrence, as_it_is(occurrence, event, was_zone), changed, news, at)


def changed_by_hand(occurrence: Occurrence, series: Series) -> tuple[str, ...]:
    """What about this date is not as its series says, as names of facts."""
    assert occurrence.recurrence_on is not None
    by_rule = series.start_on(occurrence.recurrence_on).starts_at
    is_moved = occurrence.starts_at != by_rule or occurrence.duration != series.duration
    facts = {
        "cancelled": occurrence.cancelled_at is not None,
        "time": is_moved,
        "capacity": occurrence.capacity != series.capacity,
        "place": bool(occurrence.other_place or occurrence.other_url),
        "note": bool(occurrence.note) and occurrence.cancelled_at is None,
    }
    return tuple(name for name, is_so in facts.items() if is_so)


def lock_event(event: Event, version: int) -> Event:
    """The event as it is, locked; EditedMeanwhile when it is not what the editor began from."""
    event = Event.objects.select_for_update().get(pk=event.pk)
    if event.status == Event.Status.CANCELLED:
        raise EventIsCancelled
    if event.version != version:
        raise EditedMeanwhile
    return event


def _note_edit(
    event: Event,
    verb: str,
    actor: User,
    at: datetime,
    fields: Iterable[str] = (),
    *,
    feed_keys: Iterable[str] = (),
) -> None:
    """What every change of the dates leaves behind: a version, a trace, and a new feed."""
    if event.status != Event.Status.DRAFT:
        has_dates = event.occurrences.exists()
        if missing := missing_for_publishing(event, has_dates=has_dates):
            raise NotReady(missing)
    if event.status == Event.Status.COMPLETED and (
        event.occurrences.filter(ends_at__gt=at, cancelled_at=None).exists()
    ):
        event.status = Event.Status.PUBLISHED
    event.version += 1
    event.edited_at, event.edited_by = at, actor
    event.save(update_fields=["status", "version", "edited_at", "edited_by"])
    audit.record(actor, verb, event, at, list(fields))
    if event.status != Event.Status.DRAFT:
        bump_all({EVENTS_FEED, *feed_keys}, at=at)


def _new_series(event: Event, plan: SeriesPlan, at: datetime) -> Series:
    """A series as ``plan`` says, not saved. It begins on the first day its rule names."""
    rule = plan.rule
    first = next(rule.days(), None)
    if first is None:
        raise NoDatesLeft
    return Series(
        event=event,
        frequency=rule.frequency,
        interval=rule.interval,
        weekdays=list(rule.weekdays),
        month_week=rule.month_week,
        month_day=rule.month_day,
        starts_on=first,
        ends_on=rule.ends_on,
        count=rule.count,
        starts_clock=plan.starts_clock,
        minutes=plan.minutes,
        time_zone=event.time_zone,
        capacity=plan.capacity,
        excluded_on=sorted(plan.excluded_on),
        made_until=first - timedelta(days=1),
        uid=new_uid(),
        revised_at=at,
    )


def _series_from(series: Series, pivot: date, plan: SeriesPlan, at: datetime) -> Series:
    """The row that will hold the plan: this one, or a new one when this one has a past."""
    wanted = _new_series(series.event, plan, at)
    if not series.occurrences.filter(recurrence_on__lt=pivot).exists():
        wanted.pk, wanted.uid = series.pk, series.uid
        wanted.sequence = series.sequence + (_appointment(wanted) != _appointment(series))
        wanted.save(force_update=True)
        return wanted
    series.ends_on, series.count = pivot - timedelta(days=1), None
    series.excluded_on = [day for day in series.excluded_on if day < pivot]
    series.made_until = min(series.made_until, series.ends_on)
    series.sequence += 1
    series.revised_at = at
    series.save()
    wanted.save(force_insert=True)
    return wanted


def _appointment(series: Series) -> tuple[object, ...]:
    """What makes it another appointment when it changes."""
    return (series.rrule, series.starts_on, series.starts_clock, series.minutes, series.time_zone)


def _carry_out(change: DateChange, target: Series, news: News, at: datetime) -> Occurrence | None:
    """Do to one date what was planned; returns the date where it is a new one."""
    occurrence = change.occurrence
    if occurrence is None:
        assert change.day is not None
        made = _new_date(target, change.day, at)
        made.save(force_insert=True)
        return made
    if change.day is None:
        occurrence.series = occurrence.recurrence_on = None
        if occurrence.cancelled_at is None:
            _take_out(occurrence, news, at)
        else:
            occurrence.save(update_fields=["series", "recurrence_on"])
        return None
    occurrence.series, occurrence.recurrence_on = target, change.day
    if change.what == "kept":
        save_with_entry(occurrence)
    else:
        ends_at = change.starts_at + target.duration
        plan = DatePlan(
            change.starts_at, ends_at, target.capacity, note="", other_place="", other_url=""
        )
        change_date(occurrence, plan, frozenset(), news, at)
    return None


def _take_out(occurrence: Occurrence, news: News, at: datetime, *, note: str = "") -> None:
    """Cancel a date, or forget it where nobody can know of it."""
    if occurrence.event.status == Event.Status.DRAFT and not occurrence.rsvps.exists():
        if occurrence.series is not None and occurrence.recurrence_on is not None:
            series = occurrence.series
            series.excluded_on = sorted({*series.excluded_on, occurrence.recurrence_on})
            series.sequence += 1
            series.save(update_fields=["excluded_on", "sequence"])
        occurrence.delete()
        return
    occurrence.cancelled_at = at
    occurrence.note = note or occurrence.note
    call_off(occurrence, news, at)


def _new_date(series: Series, day: date, at: datetime) -> Occurrence:
    starts_at = series.start_on(day).starts_at
    occurrence = Occurrence(
        event=series.event,
        series=series,
        recurrence_on=day,
        starts_at=starts_at,
        ends_at=starts_at + series.duration,
        starts_on=starts_at.astimezone(series.event.zone).date(),
        capacity=series.capacity,
        uid=new_uid(),
        revised_at=at,
    )
    render_entry(occurrence)
    return occurrence


def _coming(series: Series, pivot: date, at: datetime) -> list[Occurrence]:
    """The dates from ``pivot`` on that have not begun to be over, each with its event."""
    coming = series.occurrences.filter(recurrence_on__gte=pivot, ends_at__gt=at)
    found = list(coming.order_by("recurrence_on"))
    for occurrence in found:
        occurrence.event, occurrence.series = series.event, series
    return found


def _edge(at: datetime) -> date:
    return (at + WINDOW).date()


def _days_ahead(series: Series, at: datetime) -> list[date]:
    """Its days up to the edge of the window, and at least the next few."""
    days = series.rule.days_until(_edge(at))
    coming = sum(1 for day in days if _is_to_come(series, day, at))
    if coming < DATES_AHEAD:
        later = series.rule.days(after=max([_edge(at), *days]))
        days += [day for day, _n in zip(later, range(DATES_AHEAD - coming), strict=False)]
    return days


def _days_within(series: Series, last: date, at: datetime) -> list[date]:
    """The days of its rule to come, up to ``last`` or as far as dates are made ahead."""
    days = set(_days_ahead(series, at)) | set(series.rule.days_until(last))
    return sorted(day for day in days if _is_to_come(series, day, at))


def _days_gone(series: Series, at: datetime) -> set[date]:
    """Days its rule names that were over before the series was written."""
    days = series.rule.days_until((at + timedelta(days=1)).date())
    return {day for day in days if not _is_to_come(series, day, at)}


def _is_to_come(series: Series, day: date, at: datetime) -> bool:
    return series.start_on(day).starts_at + series.duration > at


def _move_to_zone(series: Series, event: Event, at: datetime) -> bool:
    """Keep the hour on the wall clock when the event's zone changes; its past keeps the old.
    Whether it has dates to come."""
    series.event = event
    coming = series.occurrences.filter(ends_at__gt=at).order_by("recurrence_on")
    first = coming.first()
    if first is None or first.recurrence_on is None:
        return False
    pivot = first.recurrence_on
    rule = series.rule
    if rule.count is not None:
        rule = replace(rule, count=rule.count - rule.count_before(pivot))
    plan = SeriesPlan(
        replace(rule, starts_on=pivot),
        series.starts_clock,
        series.minutes,
        series.capacity,
        frozenset(day for day in series.excluded_on if day >= pivot),
    )
    made_until = series.made_until
    target = _series_from(series, pivot, plan, at)
    target.made_until = made_until
    target.save(update_fields=["made_until"])
    coming = Occurrence.objects.filter(series=series, recurrence_on__gte=pivot)
    coming.update(series=target)
    return True


def as_it_is(occurrence: Occurrence, event: Event, was_zone: ZoneInfo) -> DatePlan:
    """A date as it is, with the same wall-clock time when the zone is another."""
    starts_at = occurrence.starts_at
    if was_zone != event.zone:
        local = starts_at.astimezone(was_zone)
        starts_at = start_on(local.date(), local.time(), event.zone).starts_at
    ends_at = starts_at + occurrence.duration
    return DatePlan(starts_at, ends_at, occurrence.capacity, occurrence.pk)
