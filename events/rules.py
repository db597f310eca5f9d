"""Who may do what with events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.when import day
from events.errors import DateIsCancelled, DateIsOver, NotOpenYet, RsvpClosed
from events.models import (
    Event,
    Format,
    Host,
    Occurrence,
    ReminderHours,
    Rsvp,
    SurveyKind,
    Visibility,
)
from payments.rules import can_charge

# What people say afterwards is shown from so many on: reports.domain.disclosure, which is above.
SURVEY_SHOWN_FROM = 11


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
    if event.is_priced and not can_charge():
        missing["price_kind"] = _(
            "Payments are not set up here, so only an event that costs nothing can be published."
        )
    return missing


@dataclass(frozen=True)
class Ahead:
    """What is still to come of an event, as the rules about its settings need it."""

    dates: Sequence[Occurrence]
    """Those that take place, the next one first, each with the event at hand."""
    is_endless: bool
    """Whether more are made by themselves."""
    is_seen: bool = True
    """Whether anybody at all may see it."""

    @property
    def first_start(self) -> datetime:
        return self.dates[0].starts_at

    @property
    def last_start(self) -> datetime:
        return max(date.starts_at for date in self.dates)

    @property
    def limited(self) -> list[tuple[Occurrence, int]]:
        """Those with so many places and no more."""
        return [(date, date.capacity) for date in self.dates if date.capacity is not None]

    def too_small_for(self, people: int) -> tuple[Occurrence, int] | None:
        """The date with the fewest places, where a party of so many never fits."""
        small = [one for one in self.limited if 0 < one[1] < people]
        return min(small, key=lambda one: one[1]) if small else None


def impossible_settings(event: Event, ahead: Ahead) -> dict[str, str]:
    """Settings that rule one another out, by field, with what to do about it."""
    found: dict[str, str] = {}
    opens = event.rsvp_opens_at
    if ahead.dates and opens and opens >= ahead.last_start and not ahead.is_endless:
        found["rsvp_opens_at"] = _(
            "RSVPs would open when the last date has begun, so nobody could say yes. Let them "
            "open earlier."
        )
    small = ahead.too_small_for(event.largest_party)
    if small and not event.skips_large_parties:
        found["skips_large_parties"] = _(
            "%(day)s has %(places)d places, and a party of %(people)d could wait for it: everybody "
            "would wait behind them for ever. Pass over parties that are too large, allow fewer "
            "plus-ones, or give the date more places."
        ) % _of_party(event, *small)
    return found


def odd_settings(event: Event, ahead: Ahead, *, at: datetime) -> list[tuple[str, str]]:
    """Settings that are allowed and probably not meant: the field, and what to do about it."""
    odd = [*_odd_places(event), *_odd_audience(event, ahead)]
    if ahead.dates:
        odd += [
            *_odd_window(event, ahead, at),
            *_odd_parties(event, ahead),
            *_odd_dates(ahead),
            *_odd_mails(event, ahead, at),
        ]
    return odd


def _odd_places(event: Event) -> list[tuple[str, str]]:
    odd = []
    if event.format == Format.IN_PERSON and event.online_url:
        text = _(
            "Nobody is shown the online link of an event in person. Choose “In person and "
            "online”, or take the link out."
        )
        odd.append(("online_url", text))
    if event.format == Format.ONLINE and (event.place_name or event.address):
        text = _(
            "Nobody is shown the place of an event online. Choose “In person and online”, or "
            "take the place and its address out."
        )
        odd.append(("place_name", text))
    return odd


def _odd_audience(event: Event, ahead: Ahead) -> list[tuple[str, str]]:
    odd = []
    if event.visibility == Visibility.AMBASSADORS and event.programme_id:
        text = _(
            "It belongs to one programme, and the ambassadors of every programme see it. Choose "
            "“Programme only” if it is not for them."
        )
        odd.append(("visibility", text))
    if not ahead.is_seen:
        text = _(
            "Nobody would see it: there is no active ambassador whom it is for. Let others see "
            "it too, or enrol somebody first."
        )
        odd.append(("visibility", text))
    if event.is_restricted and event.max_plus_ones:
        text = _(
            "Only ambassadors see it, and they may bring people who are none. Allow no plus-ones "
            "if it is for ambassadors alone."
        )
        odd.append(("max_plus_ones", text))
    if event.survey == SurveyKind.HEALTH and event.minimum_age < 18:
        text = _(
            "People under 18 may come, and would be asked about their health afterwards. Choose "
            "the short survey, or a minimum age of 18."
        )
        odd.append(("survey", text))
    return odd


def _odd_window(event: Event, ahead: Ahead, at: datetime) -> list[tuple[str, str]]:
    odd = []
    opens, closes = event.rsvp_opens_at, event.rsvp_closes_at
    if opens and ahead.first_start <= opens < ahead.last_start:
        text = _(
            "%(day)s begins before RSVPs open, so nobody can say yes to it. Let them open earlier."
        )
        odd.append(("rsvp_opens_at", text % {"day": day(ahead.dates[0].local_start)}))
    if not closes:
        return odd
    if event.status == Event.Status.DRAFT and closes <= at:
        text = _(
            "RSVPs have closed already, so only staff could add people. Let them close later, or "
            "leave it empty."
        )
        odd.append(("rsvp_closes_at", text))
    elif ahead.is_endless or ahead.first_start <= closes < ahead.last_start:
        text = _(
            "RSVPs close for every date at this one moment, also for all that come later. Leave "
            "it empty, and each date closes when it begins."
        )
        odd.append(("rsvp_closes_at", text))
    elif closes > ahead.last_start:
        text = _(
            "RSVPs for a date end when it begins, and this is later. Leave it empty, or let them "
            "close earlier."
        )
        odd.append(("rsvp_closes_at", text))
    return odd


def _odd_parties(event: Event, ahead: Ahead) -> list[tuple[str, str]]:
    odd = []
    small = ahead.too_small_for(event.largest_party)
    if small and event.skips_large_parties:
        text = _(
            "%(day)s has %(places)d places, and a party of %(people)d would wait for it in vain. "
            "Allow fewer plus-ones, or give the date more places."
        )
        odd.append(("max_plus_ones", text % _of_party(event, *small)))
    closed = next((date for date, places in ahead.limited if not places), None)
    if closed:
        text = _(
            "%(day)s has no places at all. Leave its places empty for no limit, or call the date "
            "off."
        )
        odd.append(("dates", text % {"day": day(closed.local_start)}))
    return odd


def _of_party(event: Event, date: Occurrence, places: int) -> dict[str, str | int]:
    return {"day": day(date.local_start), "places": places, "people": event.largest_party}


def _odd_dates(ahead: Ahead) -> list[tuple[str, str]]:
    odd = []
    for one, following in zip(ahead.dates, ahead.dates[1:], strict=False):
        if following.starts_at < one.ends_at:
            text = _("%(day)s is not over when the next date begins. Let it end earlier.")
            odd.append(("dates", text % {"day": day(one.local_start)}))
    return odd


def _odd_mails(event: Event, ahead: Ahead, at: datetime) -> list[tuple[str, str]]:
    odd = []
    known = max(event.published_at or at, event.rsvp_opens_at or event.published_at or at)
    # What comes back without an end has later dates for everything.
    left = timedelta.max if ahead.is_endless else ahead.last_start - known
    if event.offer_hours and not ahead.limited:
        text = _(
            "No date has a limit, so nobody waits for a place. Say how many places there are, or "
            "give places at once."
        )
        odd.append(("offer_hours", text))
    elif event.offer_hours and timedelta() < left < timedelta(hours=event.offer_hours):
        text = _(
            "From when people can say yes, less time is left than an offer lasts: a place that "
            "is offered could stay empty. Offer it for fewer hours, or give it at once."
        )
        odd.append(("offer_hours", text))
    if event.refund_hours and timedelta() < left <= timedelta(hours=event.refund_hours):
        text = _(
            "From when people can say yes, the time to leave and get it back is over already. Let "
            "it end later, or open RSVPs earlier."
        )
        odd.append(("refund_hours", text))
    for hours in event.reminder_hours:
        if event.rsvp_opens_at and left <= timedelta(hours=hours):
            text = _(
                "“%(when)s” is before RSVPs open, so nobody would be reminded then. Choose later "
                "reminders, or let RSVPs open earlier."
            )
            odd.append(("reminder_hours", text % {"when": ReminderHours(hours).label}))
    places = [places for _date, places in ahead.limited]
    is_small = len(places) == len(ahead.dates) and max(places) < SURVEY_SHOWN_FROM
    if event.survey != SurveyKind.OFF and is_small:
        text = ngettext(
            "What people say afterwards is shown only where at least %(count)d person came, and "
            "no date has so many places. Ask nothing, or give a date more places.",
            "What people say afterwards is shown only where at least %(count)d people came, and "
            "no date has so many places. Ask nothing, or give a date more places.",
            SURVEY_SHOWN_FROM,
        )
        odd.append(("survey", text % {"count": SURVEY_SHOWN_FROM}))
    return odd


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
