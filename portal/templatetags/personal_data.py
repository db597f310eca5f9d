"""What is kept about a person, in words: the same data as the file, for reading."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django import template
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Role
from ambassadors.models import Absence, Activity, Application, EnrolmentStatus, Profile
from ambassadors.models import Reason as EnrolmentReason
from calendars.models import FeedToken, InboundReply
from common.money import show_money
from events.models import HostStatus, Rsvp, SeriesRsvp
from therapy_credits.models import (
    Booking,
    CareCase,
    FitCall,
    PracticeMembership,
    ServiceType,
    SessionCode,
)
from therapy_credits.models.practices import Format, Topic

register = template.Library()

# Longer words are folded away until somebody wants them.
LONG = 160

# A test holds that no key of a file is without a name here.
LABELS = {
    "about": gettext_lazy("About you"),
    "absences": gettext_lazy("When you were away"),
    "accepted_at": gettext_lazy("Accepted"),
    "account": gettext_lazy("Account"),
    "activities": gettext_lazy("What you did for a programme"),
    "agreed_at": gettext_lazy("You said it is right"),
    "agreements": gettext_lazy("Agreements"),
    "alarm_minutes": gettext_lazy("Alarm, minutes before"),
    "allocated": gettext_lazy("Given by your programme"),
    "amount_minor": gettext_lazy("Amount"),
    "answer": gettext_lazy("Answer"),
    "answered": gettext_lazy("Your answers"),
    "answered_at": gettext_lazy("Answered"),
    "answers": gettext_lazy("Answers"),
    "answers_by_mail": gettext_lazy("Answers from a calendar"),
    "applications": gettext_lazy("Applications"),
    "asked_at": gettext_lazy("Asked"),
    "asked_the_care_desk": gettext_lazy("What you asked the care desk"),
    "at": gettext_lazy("When"),
    "balance": gettext_lazy("How many sessions"),
    "booked": gettext_lazy("Booked"),
    "booked_at": gettext_lazy("Booked on"),
    "bookings": gettext_lazy("Bookings"),
    "calendars": gettext_lazy("Calendars"),
    "came_at": gettext_lazy("Checked in"),
    "cancelled_at": gettext_lazy("Cancelled"),
    "closed_at": gettext_lazy("Closed"),
    "closed_with_a_pin": gettext_lazy("Closed with a PIN"),
    "codes": gettext_lazy("Codes"),
    "consented_at": gettext_lazy("You agreed"),
    "consents": gettext_lazy("Consents"),
    "contact_given": gettext_lazy("Contact you gave"),
    "created_at": gettext_lazy("Since"),
    "currency": gettext_lazy("Currency"),
    "dates_handled_by": gettext_lazy("Who handles your dates"),
    "door": gettext_lazy("Your door"),
    "email": gettext_lazy("E-mail address"),
    "ended_at": gettext_lazy("Ended"),
    "ends_at": gettext_lazy("Ends"),
    "ends_on": gettext_lazy("Last day"),
    "ends_with": gettext_lazy("Ends with"),
    "enrolments": gettext_lazy("Programmes you are or were in"),
    "event": gettext_lazy("Event"),
    "event__title": gettext_lazy("Event"),
    "events": gettext_lazy("Events"),
    "every_time": gettext_lazy("Coming every time"),
    "expired": gettext_lazy("Expired"),
    "expires_at": gettext_lazy("Good until"),
    "fetched_at": gettext_lazy("Last fetched"),
    "files": gettext_lazy("Files"),
    "first_calls": gettext_lazy("Free first calls"),
    "format": gettext_lazy("Online or in person"),
    "from": gettext_lazy("From"),
    "gifted": gettext_lazy("Given away"),
    "gifts_given": gettext_lazy("Gifts"),
    "given_at": gettext_lazy("Given"),
    "given_back_minor": gettext_lazy("Given back"),
    "has_a_password": gettext_lazy("Has a password"),
    "held_on": gettext_lazy("Day of the session"),
    "history": gettext_lazy("History"),
    "hosting": gettext_lazy("Events you host"),
    "ip": gettext_lazy("Network address"),
    "issued_at": gettext_lazy("Issued"),
    "joined_at": gettext_lazy("Account made"),
    "kind": gettext_lazy("Kind"),
    "language": gettext_lazy("Language"),
    "languages": gettext_lazy("Languages"),
    "last_seen_at": gettext_lazy("Last seen"),
    "last_used_at": gettext_lazy("Last used"),
    "left": pgettext_lazy("sessions", "Left"),
    "links": gettext_lazy("Links"),
    "locale_shown": gettext_lazy("Language it was shown in"),
    "looked_for": gettext_lazy("What you looked for"),
    "mail": gettext_lazy("Mail"),
    "mails": gettext_lazy("Mail to you, kept for 30 days"),
    "made_at": gettext_lazy("Made"),
    "name": gettext_lazy("Name"),
    "name_given": gettext_lazy("Name you gave"),
    "named_as": gettext_lazy("Named as"),
    "named_on_the_page": gettext_lazy("Named on the page"),
    "not_a_match_at": gettext_lazy("You said it was not the right match"),
    "note": gettext_lazy("A line about it"),
    "on": gettext_lazy("When"),
    "opened_at": gettext_lazy("Opened"),
    "outcome": gettext_lazy("What became of it"),
    "paid": gettext_lazy("Paid"),
    "paid_at": gettext_lazy("Paid on"),
    "party_size": gettext_lazy("People"),
    "people": gettext_lazy("People"),
    "place": gettext_lazy("Place"),
    "placed_at": gettext_lazy("Answered"),
    "plain_titles": gettext_lazy("Plain titles in calendars"),
    "practice": gettext_lazy("Practice"),
    "practices": gettext_lazy("Practices you work for"),
    "practitioner": gettext_lazy("Practitioner"),
    "private_address": gettext_lazy("Private address"),
    "profile": gettext_lazy("Your card"),
    "program": gettext_lazy("Program"),
    "programme": gettext_lazy("Programme"),
    "programme__name": gettext_lazy("Programme"),
    "programmes": gettext_lazy("Programmes"),
    "pronouns": gettext_lazy("Pronouns"),
    "pronouns_shown_to": gettext_lazy("Pronouns are shown to"),
    "purpose": gettext_lazy("What for"),
    "reason": gettext_lazy("Why"),
    "queued_at": gettext_lazy("Written"),
    "received": gettext_lazy("Received as a gift"),
    "received_at": gettext_lazy("Received"),
    "reference": gettext_lazy("Reference"),
    "resolved_at": gettext_lazy("Settled"),
    "returned": gettext_lazy("Returned"),
    "role": gettext_lazy("Role"),
    "roles": gettext_lazy("Roles"),
    "round": gettext_lazy("Round"),
    "said": gettext_lazy("What you wrote"),
    "said_18_or_over_at": gettext_lazy("You said you are 18 or older"),
    "said_to_live_in_its_country_at": gettext_lazy("You said you live in its country"),
    "second_factors": gettext_lazy("Second ways to prove who you are"),
    "sent_at": gettext_lazy("Sent"),
    "sent_to": gettext_lazy("Goes to"),
    "session": gettext_lazy("Kind of session"),
    "sessions": gettext_lazy("Sessions"),
    "shown_on_public_pages_of": gettext_lazy("Your card is on the public pages of"),
    "shows_busy": gettext_lazy("Shows private appointments as “Busy”"),
    "signed_in_on": gettext_lazy("Where you are signed in"),
    "since": gettext_lazy("Since"),
    "single_dates": gettext_lazy("Every date of a series apart"),
    "snapshot": gettext_lazy("The text"),
    "stage_name": gettext_lazy("Stage name"),
    "starts_at": gettext_lazy("Starts"),
    "starts_on": gettext_lazy("First day"),
    "state": gettext_lazy("State"),
    "status": gettext_lazy("Status"),
    "subject": gettext_lazy("Subject"),
    "term": gettext_lazy("Term"),
    "text": gettext_lazy("Text"),
    "text_sha256": gettext_lazy("Digest of the text"),
    "time_zone": gettext_lazy("Time zone"),
    "to": gettext_lazy("To"),
    "topics": gettext_lazy("Topics"),
    "type": gettext_lazy("Kind"),
    "undone": gettext_lazy("Undone"),
    "until_on": gettext_lazy("Last day"),
    "used": gettext_lazy("Used"),
    "user_agent": gettext_lazy("Browser"),
    "what": gettext_lazy("What"),
    "where_you_are": gettext_lazy("Where you said you are"),
    "who": gettext_lazy("Who"),
    "who_looked": gettext_lazy("Who looked"),
    "with": gettext_lazy("With"),
    "withdrawn_at": gettext_lazy("Taken back"),
    "work": gettext_lazy("Work"),
}

# Where a value is a word of ours, by the key it stands under and that of the list around it.
CHOICES: Mapping[tuple[str, str], type[TextChoices]] = {
    ("absences", "kind"): Absence.Kind,
    ("activities", "kind"): Activity.Kind,
    ("answered", "status"): Rsvp.Status,
    ("answers_by_mail", "state"): InboundReply.State,
    ("applications", "status"): Application.Status,
    ("asked_the_care_desk", "kind"): CareCase.Kind,
    ("asked_the_care_desk", "outcome"): CareCase.Outcome,
    ("asked_the_care_desk", "status"): CareCase.Status,
    ("bookings", "format"): Format,
    ("bookings", "status"): Booking.Status,
    ("codes", "status"): SessionCode.Status,
    ("enrolments", "status"): EnrolmentStatus,
    ("every_time", "status"): SeriesRsvp.Status,
    ("first_calls", "status"): FitCall.Status,
    ("history", "reason"): EnrolmentReason,
    ("history", "status"): EnrolmentStatus,
    ("hosting", "status"): HostStatus,
    ("links", "purpose"): FeedToken.Purpose,
    ("looked_for", "format"): Format,
    ("looked_for", "kind"): ServiceType.Kind,
    ("looked_for", "topics"): Topic,
    ("practices", "role"): PracticeMembership.Role,
    ("profile", "pronouns_shown_to"): Profile.Audience,
    ("roles", "role"): Role,
    ("second_factors", "type"): Authenticator.Type,
}


@dataclass(frozen=True)
class Line:
    """One thing that is kept: its name, and a few words, many words or what it is made of."""

    label: str
    text: str = ""
    long_text: str = ""
    parts: Sequence[Sequence[Line]] = ()


@register.simple_tag
def readable(data: Mapping[str, Any]) -> list[Line]:
    """``data`` of an export, for a page: names and values in the reader's language and zone."""
    return _lines(data, within="")


def _lines(data: Mapping[str, Any], *, within: str) -> list[Line]:
    lines = []
    for key, value in data.items():
        if key == "currency" or value is None or value in ("", [], {}):
            continue  # the one is said with the amount; of what is empty there is nothing to say
        if key.endswith("_minor"):
            value = show_money(value, data["currency"])
        lines.append(_line(key, value, within=within))
    return lines


def _line(key: str, value: Any, *, within: str) -> Line:
    # A question of an organiser's is a key too: its own words are its name.
    label = str(LABELS.get(key, key))
    if isinstance(value, Mapping):
        return Line(label, parts=[_lines(value, within=key)])
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return Line(label, parts=[_lines(one, within=key) for one in value])
    text = _words(value, CHOICES.get((within, key)))
    return Line(label, long_text=text) if len(text) > LONG else Line(label, text)


def _words(value: Any, choices: type[TextChoices] | None) -> str:
    if isinstance(value, list):
        return ", ".join(_words(one, choices) for one in value)
    if choices is not None and value in choices.values:
        return str(choices(value).label)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dt.datetime):
        return date_format(timezone.localtime(value), "DATETIME_FORMAT")
    if isinstance(value, dt.date):
        return date_format(value)
    return str(value)
