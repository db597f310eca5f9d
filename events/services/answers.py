"""Answers to an event's questions: written, changed, and deleted when their time is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from accounts.services.access_log import record_look
from events.models import Answer, Event, Question, Rsvp
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
def look_at_care_answers(*, event: Event, actor: User, at: datetime) -> list[Answer]:
    """What people answered about access and health, for a host. Each person sees who looked."""
    answers = list(
        Answer.objects.filter(
            question__event=event, question__is_care=True, rsvp__status__in=Rsvp.ACTIVE
        )
        .select_related("question", "rsvp__user", "rsvp__occurrence")
        .order_by("rsvp__occurrence__starts_at", "question", "pk")
    )
    for user in {answer.rsvp.user for answer in answers if answer.rsvp.user}:
        record_look(actor, user, "answers about access", at)
    if answers:
        audit.record(actor, "event.care_answers_read", event, at)
    return answers


@transaction.atomic
def purge_answers(*, at: datetime) -> Purge:
    """Delete the answers whose time is over, and leave a row that proves it."""
    rows, _by_model = Answer.objects.due_for_purge(at=at).delete()
    return Purge.objects.create(at=at, what="event answers", older_than=at, rows=rows)
