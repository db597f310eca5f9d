"""Answers to an event's questions: written, changed, and deleted when their time is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from accounts.services.access_log import record_look
from events.models import Answer, Event, Occurrence, Question, Rsvp, SeriesAnswer, SeriesRsvp
from events.queries import answers_by_date, series_dates
from notifications.models import Purge


@transaction.atomic
def write_answers(*, rsvp: Rsvp, answers: Mapping[int, str]) -> None:
    """Keep what this party answered, by the question's key; an empty answer takes one back.

    What is not a question of their event is left out.
    """
    if not answers:
        return
    asked = Question.objects.asked().filter(event__occurrences=rsvp.occurrence_id, pk__in=answers)
    for question in asked:
        text = answers[question.pk].strip()[: Answer.LONGEST]
        if text:
            Answer.objects.update_or_create(rsvp=rsvp, question=question, defaults={"text": text})
        else:
            Answer.objects.filter(rsvp=rsvp, question=question).delete()


@transaction.atomic(savepoint=False)
def write_series_answers(
    *, series_rsvp: SeriesRsvp, answers: Mapping[int, str], at: datetime
) -> None:
    """Keep what somebody who comes every time answered, for the dates to come and later ones.

    What they answered for a date that has begun stays as it was.
    """
    asked = Question.objects.asked().filter(event=series_rsvp.event_id, pk__in=answers)
    texts = {question.pk: answers[question.pk].strip()[: Answer.LONGEST] for question in asked}
    kept = {key: text for key, text in texts.items() if text}
    SeriesAnswer.objects.filter(series_rsvp=series_rsvp, question__in=texts).delete()
    SeriesAnswer.objects.bulk_create(
        [
            SeriesAnswer(series_rsvp=series_rsvp, question_id=key, text=text)
            for key, text in kept.items()
        ]
    )
    dates = answers_by_date(series_rsvp, series_dates(series_rsvp.event, at=at))
    standing = [rsvp.pk for rsvp in dates.values() if rsvp.is_active]
    Answer.objects.filter(rsvp__in=standing, question__in=texts).delete()
    Answer.objects.bulk_create(
        [
            Answer(rsvp_id=pk, question_id=key, text=text)
            for pk in standing
            for key, text in kept.items()
        ]
    )


@transaction.atomic
def ask_question(*, event: Event, words: Mapping[str, Any], actor: User, at: datetime) -> Question:
    """Ask one more thing of those who come."""
    question = Question.objects.create(event=event, **words)
    audit.record(actor, "event.question_asked", event, at)
    return question


@transaction.atomic
def stop_asking(*, question: Question, actor: User, at: datetime) -> None:
    """Ask it no more. What was answered goes when its time is over. Again changes nothing."""
    if Question.objects.filter(pk=question.pk, is_asked=True).update(is_asked=False):
        audit.record(actor, "event.question_dropped", question.event, at)


@transaction.atomic
def look_at_care_answers(*, occurrence: Occurrence, actor: User, at: datetime) -> list[Answer]:
    """What people answered about access and health for a date, for a host. Each person sees who
    looked."""
    answers = list(
        Answer.objects.filter(
            rsvp__occurrence=occurrence, question__is_care=True, rsvp__status__in=Rsvp.ACTIVE
        )
        .select_related("question", "rsvp__user")
        .order_by("question", "pk")
    )
    for user in {answer.rsvp.user for answer in answers if answer.rsvp.user}:
        record_look(actor, user, "answers about access", at)
    if answers:
        audit.record(actor, "event.care_answers_read", occurrence.event, at)
    return answers


@transaction.atomic
def purge_answers(*, at: datetime) -> Purge:
    """Delete the answers whose time is over, and leave a row that proves it."""
    rows, _by_model = Answer.objects.due_for_purge(at=at).delete()
    rows += SeriesAnswer.objects.due_for_purge(at=at).delete()[0]
    return Purge.objects.create(at=at, what="event answers", older_than=at, rows=rows)
