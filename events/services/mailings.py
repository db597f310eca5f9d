"""Mail to many, streamed: a batch in a transaction, then the next.

Who should get a mail and has none so far is found from the rows (its key is not there), so a
worker that dies is continued by the next run, and nobody gets it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Concat

from accounts.models import User
from accounts.services import audit
from common.hints import hint
from events.models import CheckIn, Host, Mailing, Note, Occurrence, Rsvp, SurveyAnswer, SurveyKind
from events.queries import SURVEY_OPEN, due_reminders, due_surveys, note_recipients
from events.services.host_mails import remind_host
from events.services.mails import tell_all
from notifications.models import Message

BATCH = 500


def send_reminders(*, at: datetime) -> int:
    """Remind everybody who is going of dates that are near; how many were reminded.

    Each reminder is due so many hours before the start, wherever the start is moved to, and is
    sent once for a day: a date moved within its day is not reminded of again. When several are
    due (the worker was away), only the last is sent. Who said yes after it was due needs none.
    """
    reminded = 0
    for occurrence, hours in due_reminders(at=at):
        due_at = occurrence.starts_at - timedelta(hours=hours)
        going = Rsvp.objects.going().filter(occurrence=occurrence, changed_at__lte=due_at)
        # Hosts have a reminder of their own.
        hosts = Host.objects.accepted().filter(event=occurrence.event_id, person=OuterRef("user"))
        going = going.exclude(Exists(hosts))
        once = f"{hours}:{occurrence.starts_on.isoformat()}"
        reminded += _stream(occurrence, going, "reminder", once, at=at)
        Mailing.objects.get_or_create(
            occurrence=occurrence, what=f"reminder:{once}", defaults={"finished_at": at}
        )
    return reminded


def remind_hosts(*, at: datetime) -> int:
    """Remind hosts of their dates, when guests are reminded or else a day before; how many mails.

    As for guests, it moves with the date, and is sent once for a day. Dates of one event that are
    due together are in one mail.
    """
    by_event: dict[int, list[tuple[Occurrence, int]]] = {}
    for occurrence, hours in due_reminders(at=at, what="host_reminder"):
        by_event.setdefault(occurrence.event_id, []).append((occurrence, hours))
    return sum(_remind_hosts_of(due, at) for due in by_event.values())


@transaction.atomic
def _remind_hosts_of(due: Sequence[tuple[Occurrence, int]], at: datetime) -> int:
    event = due[0][0].event
    reminded = 0
    for host in event.hosting.accepted().select_related("person").order_by("pk"):
        host.event = event
        # Who said yes after it was due has just had a mail with the dates.
        theirs = [
            (one, hours)
            for one, hours in due
            if host.accepted_at and host.accepted_at <= one.starts_at - timedelta(hours=hours)
        ]
        if theirs:
            remind_host(host, theirs, at=at)
            reminded += 1
    for occurrence, hours in due:
        Mailing.objects.get_or_create(
            occurrence=occurrence,
            what=f"host_reminder:{hours}:{occurrence.page_day}",
            defaults={"finished_at": at},
        )
    return reminded


def send_surveys(*, at: datetime) -> int:
    """Ask those who were checked in how it was; how many were asked."""
    asked = 0
    for occurrence in due_surveys(at=at):
        came = Exists(CheckIn.objects.standing().filter(rsvp=OuterRef("pk")))
        people = Rsvp.objects.filter(came, occurrence=occurrence)
        asked += _stream(occurrence, people, "survey", "", at=at)
        Mailing.objects.get_or_create(
            occurrence=occurrence, what="survey", defaults={"finished_at": at}
        )
    return asked


@transaction.atomic
def write_note(
    *, occurrence: Occurrence, to: Sequence[str], text: str, actor: User, at: datetime
) -> Note:
    """Write to people of a date, by what became of their answer. It is sent at once."""
    note = Note.objects.create(
        occurrence=occurrence, to=list(to), text=text, written_by=actor, written_at=at
    )
    audit.record(actor, "event.note_written", note, at)
    hint("note-written")
    return note


def send_notes(*, at: datetime) -> int:
    """Promise the mails of every note that waits; how many."""
    sent = 0
    for note in Note.objects.filter(finished_at__isnull=True).order_by("pk"):
        occurrence = Occurrence.objects.select_related("event").get(pk=note.occurrence_id)
        people = note_recipients(occurrence, note.to)
        sent += _stream(occurrence, people, "note", str(note.pk), at=at, text=note.text)
        told = Message.objects.filter(
            key__startswith="rsvp:", key__endswith=f":note:{note.pk}"
        ).count()
        Note.objects.filter(pk=note.pk).update(finished_at=at, sent_count=told)
    return sent


@transaction.atomic
def answer_survey(*, rsvp: Rsvp, words: dict[str, Any], at: datetime) -> bool:
    """Keep how it was for somebody who came, once; whether this was the time.

    That they have answered is kept with their check-in, what they answered is kept apart, and
    nothing joins the two.
    """
    mine = CheckIn.objects.standing().filter(
        rsvp=rsvp,
        has_answered=False,
        rsvp__occurrence__ends_at__lte=at,
        rsvp__occurrence__ends_at__gt=at - SURVEY_OPEN,
    )
    if rsvp.occurrence.event.survey == SurveyKind.OFF or not mine.update(has_answered=True):
        return False
    SurveyAnswer.objects.create(occurrence=rsvp.occurrence, **words)
    return True


def _stream(
    occurrence: Occurrence,
    people: QuerySet[Rsvp],
    what: str,
    once: str,
    *,
    at: datetime,
    **context: Any,
) -> int:
    """Promise each of ``people`` the mail ``what``, those who have it already left out."""
    parts = [Value("rsvp:"), F("reference"), Value(f":{what}" + (f":{once}" if once else ""))]
    has_it = Message.objects.filter(key=OuterRef("key"))
    missing = people.alias(key=Concat(*parts)).exclude(Exists(has_it)).select_related("user")
    last, told = 0, 0
    while batch := list(missing.filter(pk__gt=last).order_by("pk")[:BATCH]):
        for rsvp in batch:
            rsvp.occurrence = occurrence
        with transaction.atomic():
            tell_all(batch, what, at=at, once=once, **context)
        last, told = batch[-1].pk, told + sum(bool(rsvp.email) for rsvp in batch)
    return told
