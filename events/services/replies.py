"""Answers from people's own calendars: a yes, a maybe or a no there is one here.

The mail gateway stores them (``calendars``); here they are checked against the RSVP they are
about, and become what the person would have done on the page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max

from calendars.models import InboundReply
from calendars.services.inbound import claim_answer, pass_on, settle
from events.errors import Busy, EventsError
from events.models import Event, Host, Rsvp, Series, SeriesRsvp
from events.queries import is_as_its_rule_says, personal_event
from events.services.mails import tell
from events.services.rsvps import (
    Guest,
    accept_offer,
    confirm_rsvp,
    decline_offer,
    leave,
    place_rsvp,
    say_maybe,
)
from events.services.series_rsvps import (
    choose_later_day,
    confirm_series_rsvp,
    end_series_rsvp,
    place_series_rsvp,
    say_maybe_to_all,
)

logger = logging.getLogger(__name__)

Reason = InboundReply.Reason
# How far after the dates that are made an answer may name one.
FURTHEST = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class LaterDay:
    """A day of the rule whose date is not made yet, but is in their calendar."""

    series_rsvp: SeriesRsvp
    day: date

    @property
    def email(self) -> str:
        return self.series_rsvp.email


def apply_replies(*, at: datetime) -> int:
    """Apply every answer that waits; how many there were. Safe to run any number at once.

    One for a date that very many ask for at this moment waits for the next run.
    """
    done = 0
    try:
        while apply_next(at=at):
            done += 1
    except Busy:
        logger.info("a date is busy; the answers that are left wait for the next run")
    return done


@transaction.atomic
def apply_next(*, at: datetime) -> bool:
    """Apply one answer, in one transaction with what it changes. False when none waits."""
    reply = claim_answer(at=at)
    if reply is None:
        return False
    what = _what_it_answers(reply)
    if what is None and (host := _host_of(reply)):
        _take_note(reply, host)
        return True
    refusal = _refusal(reply, what)
    if what is not None and not refusal:
        try:
            with transaction.atomic():
                if isinstance(what, SeriesRsvp):
                    _ACTS_FOR_ALL[reply.answer](what, at)
                elif isinstance(what, LaterDay):
                    choose_later_day(
                        series_rsvp=what.series_rsvp,
                        day=what.day,
                        is_left_out=reply.answer == "DECLINED",
                        at=at,
                    )
                else:
                    _ACTS[reply.answer](what, reply, at)
        except EventsError as error:
            if isinstance(error, Busy):
                raise
            refusal = Reason.TOO_LATE
            if reply.answer == "ACCEPTED" and isinstance(what, Rsvp):
                # Their calendar shows a yes that does not hold.
                tell(what, "not_possible", at=at, once=f"reply-{reply.pk}", why=str(error))
    settle(reply=reply, refusal=refusal)
    return True


def _what_it_answers(reply: InboundReply) -> Rsvp | SeriesRsvp | LaterDay | None:
    """The answer for one date, or for all, that the signed address and the entry name.

    Of an entry that repeats, RECURRENCE-ID says which date is meant; without it, all are.
    """
    rsvps = Rsvp.objects.select_related("occurrence__event", "user", "series_rsvp")
    found = rsvps.filter(reference=reply.about).first()
    if found is not None:
        return found
    all_dates = SeriesRsvp.objects.filter(reference=reply.about)
    series_rsvp = all_dates.select_related("event", "user").first()
    if series_rsvp is None:
        return None
    series = _rule_named(reply.uid, series_rsvp)
    if series is None:
        return None
    if not reply.recurrence_id:
        return series_rsvp
    day = _day_named(reply.recurrence_id, series)
    if day is None:
        return None
    if day > series.made_until:
        # Whoever makes dates holds the event too: this day stays as it is found here.
        Event.objects.select_for_update().get(pk=series.event_id)
        series.refresh_from_db()
        if day > series.made_until:
            return _later_day(reply, series_rsvp, series, day)
    date = rsvps.filter(series_rsvp=series_rsvp, occurrence__series=series)
    return date.filter(occurrence__recurrence_on=day).order_by("pk").last()


def _later_day(
    reply: InboundReply, series_rsvp: SeriesRsvp, series: Series, day: date
) -> LaterDay | None:
    """A later day of the rule, to leave it out or not. There is no maybe before it is made."""
    if not series_rsvp.is_active or reply.answer == "TENTATIVE":
        return None
    if day > series.made_until + FURTHEST or day in series.excluded_on:
        return None
    yesterday = day - timedelta(days=1)
    is_named = series.rule.days_until(day, after=yesterday) == [day]
    return LaterDay(series_rsvp, day) if is_named else None


def _host_of(reply: InboundReply) -> Host | None:
    """The host that the signed address names, while they are one."""
    return Host.objects.accepted().filter(reference=reply.about).select_related("person").first()


def _take_note(reply: InboundReply, host: Host) -> None:
    """A host answers for one date, and stays the host. Anything but a yes is for a person."""
    if host.person is None or reply.attendee != host.person.email.lower():
        settle(reply=reply, refusal=Reason.OTHER_PERSON)
    elif reply.answer == "ACCEPTED":
        settle(reply=reply)
    else:
        pass_on(reply=reply)


def _rule_named(uid: str, series_rsvp: SeriesRsvp) -> Series | None:
    rules = series_rsvp.event.series.all()
    return next((one for one in rules if series_rsvp.calendar_uid(one) == uid), None)


def _day_named(recurrence_id: str, series: Series) -> date | None:
    """The day of the rule that a program names: a day, a moment, or a time on the wall.

    A moment at which no date starts names none, rather than the date of the day it falls on
    somewhere in the world.
    """
    try:
        if len(recurrence_id) == len("2026-06-11"):
            return date.fromisoformat(recurrence_id)
        moment = datetime.fromisoformat(recurrence_id)
        if moment.tzinfo is not None:
            day = moment.astimezone(series.zone).date()
            is_start = moment == series.start_on(day).starts_at
        else:
            day = moment.date()
            is_start = moment == series.wall_start(day)
    except (ValueError, OverflowError):  # years that are no years
        return None
    return day if is_start else None


def _refusal(reply: InboundReply, what: Rsvp | SeriesRsvp | LaterDay | None) -> str:
    """Why this answer does not count, or "". What proves the sender was checked on arrival."""
    if what is None or (isinstance(what, Rsvp) and reply.uid != what.calendar_uid):
        return Reason.OTHER_ENTRY
    if reply.attendee != what.email.lower():
        return Reason.OTHER_PERSON
    if (reply.sequence or 0) < _sequence_shown(reply, what):
        return Reason.OLD
    # Of one date, what was said of it or of all; of all, only what was said of all.
    named = {reply.recurrence_id, ""}
    seen = InboundReply.objects.filter(
        about=reply.about, state=InboundReply.State.APPLIED, recurrence_id__in=named
    )
    last = seen.aggregate(last=Max("stamped_at"))["last"]
    if last and reply.stamped_at and reply.stamped_at <= last:
        return Reason.SEEN
    return Reason.NONE


def _sequence_shown(reply: InboundReply, what: Rsvp | SeriesRsvp | LaterDay) -> int:
    """The SEQUENCE of what their calendar shows, if it has what we sent last."""
    if isinstance(what, LaterDay):
        what = what.series_rsvp
    series_rsvp = what if isinstance(what, SeriesRsvp) else what.repeats_with
    if series_rsvp is None:
        assert isinstance(what, Rsvp)  # a yes to all dates repeats with itself
        return what.occurrence.sequence
    if isinstance(what, Rsvp) and not is_as_its_rule_says(what):
        return personal_event(what).sequence
    series = _rule_named(reply.uid, series_rsvp)
    assert series is not None  # they were found by it
    return series.sequence + series_rsvp.sequence


def _say_yes(rsvp: Rsvp, reply: InboundReply, at: datetime) -> None:
    """Going, if there is room; else their turn in the queue, which their calendar is told."""
    if rsvp.is_offered:
        accept_offer(rsvp=rsvp, at=at)
    elif rsvp.is_maybe:
        confirm_rsvp(rsvp=rsvp, at=at)
    elif rsvp.is_waiting:
        _say_again(rsvp, reply, at)
    elif not rsvp.is_active:
        _come_back(rsvp, at)


def _say_again(rsvp: Rsvp, reply: InboundReply, at: datetime) -> None:
    """Their calendar shows a yes where there is only a turn in the queue: correct it."""
    Rsvp.objects.filter(pk=rsvp.pk).update(changed_at=at)
    rsvp.changed_at = at
    tell(rsvp, "waitlisted", at=at, once=f"reply-{reply.pk}")


def _come_back(rsvp: Rsvp, at: datetime) -> None:
    party_size = min(rsvp.party_size, rsvp.occurrence.event.largest_party)
    place_rsvp(
        occurrence=rsvp.occurrence,
        person=rsvp.user or Guest(rsvp.guest_name, rsvp.guest_email),
        party_size=party_size,
        companions=rsvp.companions[: party_size - 1],
        language=rsvp.language,
        is_vouched=True,  # who holds the signed address got it in the mail
        at=at,
    )


def _say_maybe(rsvp: Rsvp, _reply: InboundReply, at: datetime) -> None:
    say_maybe(rsvp=rsvp, at=at)


def _say_no(rsvp: Rsvp, _reply: InboundReply, at: datetime) -> None:
    if rsvp.is_offered:
        decline_offer(rsvp=rsvp, at=at)
    else:
        leave(rsvp=rsvp, at=at)


_ACTS = {"ACCEPTED": _say_yes, "TENTATIVE": _say_maybe, "DECLINED": _say_no}


def _say_yes_to_all(series_rsvp: SeriesRsvp, at: datetime) -> None:
    """Coming every time, again where they had left. Who has said so already has."""
    if series_rsvp.is_pending:
        confirm_series_rsvp(series_rsvp=series_rsvp, at=at)
    elif not series_rsvp.is_active:
        place_series_rsvp(
            event=series_rsvp.event,
            person=series_rsvp.user or Guest(series_rsvp.guest_name, series_rsvp.guest_email),
            party_size=min(series_rsvp.party_size, series_rsvp.event.largest_party),
            left_out=series_rsvp.left_out,
            days_left_out=series_rsvp.days_left_out,
            language=series_rsvp.language,
            is_vouched=True,  # who holds the signed address got it in the mail
            at=at,
        )


def _say_maybe_to_all(series_rsvp: SeriesRsvp, at: datetime) -> None:
    if series_rsvp.is_active:
        say_maybe_to_all(series_rsvp=series_rsvp, at=at)


def _say_no_to_all(series_rsvp: SeriesRsvp, at: datetime) -> None:
    end_series_rsvp(series_rsvp=series_rsvp, at=at)


_ACTS_FOR_ALL = {
    "ACCEPTED": _say_yes_to_all,
    "TENTATIVE": _say_maybe_to_all,
    "DECLINED": _say_no_to_all,
}
