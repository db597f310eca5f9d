"""A round of applications for next year's term: some sent, some read, one a draft."""

from __future__ import annotations

import datetime as dt

from accounts.models import User
from ambassadors.models import Application, Criterion, Programme, Question, Round, Term
from ambassadors.services import applications, decisions, programmes, rounds
from portal.management.demo.world import World

_QUESTIONS = (
    {
        "kind": Question.Kind.LONG,
        "text": "What would a year of company change for you?",
        "help": "A few honest sentences are plenty.",
    },
    {
        "kind": Question.Kind.CHOICE,
        "text": "Where are you with your first record?",
        "choices": "It is out\nIt comes out this year\nWe are writing it",
    },
    {"kind": Question.Kind.LINK, "text": "Where can we hear you?", "is_required": False},
    {
        "kind": Question.Kind.FILE,
        "text": "A page about your work, if you have one",
        "is_required": False,
    },
)
_CRITERIA = (
    ("What it would change", "1 hardly anything, 5 a great deal", 2),
    ("Fits the programme", "1 another programme fits better, 5 exactly this", 1),
)
_ANSWERS = (
    "The van is quiet after a show and nobody says why. I would like one person to ring.",
    "We finished the record and I have not slept well since. Company would help me go on.",
    "I play in four bands and belong to none. A year beside others would be new to me.",
    "My hearing scares me and I keep it to myself. I want to learn how others live with it.",
    "I am good at stages and bad at the days between them.",
)


def stage(world: World) -> None:
    term = programmes.create_term(
        term=Term(
            programme=Programme.objects.get(slug="first-light"),
            name="Next year UK",
            market="GB",
            starts_on=world.at.date() + dt.timedelta(days=160),
            ends_on=world.at.date() + dt.timedelta(days=524),
            capacity=40,
        ),
        by=world.users["coordinator"],
        at=world.ago(days=30),
    )
    made = _open_round(world, term)
    applicants = [world.users["attendee"], *world.attendees[5 : 5 + world.count(24, at_least=8)]]
    sent = [_apply(world, made, user, number) for number, user in enumerate(applicants)]
    applications.begin_application(
        round=made, user=world.users["outsider"], is_adult=True, at=world.ago(days=1)
    )
    for number, application in enumerate(sent[: len(sent) * 2 // 3]):
        _read(world, made, application, number)


def _open_round(world: World, term: Term) -> Round:
    coordinator = world.users["coordinator"]
    made = rounds.create_round(
        round=Round(
            term=term,
            name="Autumn round",
            intro="Forty places for one year. Nobody needs a label, a manager or a number.",
            time_zone="Europe/London",
            opens_at=world.ago(days=20),
            closes_at=world.at + dt.timedelta(days=10),
            announce_at=world.at + dt.timedelta(days=24),
        ),
        by=coordinator,
        at=world.ago(days=25),
    )
    for fields in _QUESTIONS:
        rounds.add_question(
            question=Question(round=made, **fields), by=coordinator, at=world.ago(days=24)
        )
    for name, help, weight in _CRITERIA:
        rounds.add_criterion(
            criterion=Criterion(round=made, name=name, help=help, weight=weight),
            by=coordinator,
            at=world.ago(days=24),
        )
    for handle in ("touring", "recipient"):
        rounds.add_reviewer(
            round=made, email=world.users[handle].email, by=coordinator, at=world.ago(days=24)
        )
    return rounds.publish_round(round=made, by=coordinator, at=world.ago(days=22))


def _apply(world: World, made: Round, user: User, number: int) -> Application:
    at = world.ago(days=18 - number % 16, hours=number % 7)
    application = applications.begin_application(round=made, user=user, is_adult=True, at=at)
    answers = {}
    for question in made.questions.all():
        if question.kind == Question.Kind.LONG:
            answers[str(question.pk)] = _ANSWERS[number % len(_ANSWERS)]
        elif question.kind == Question.Kind.CHOICE:
            answers[str(question.pk)] = question.options[number % 3]
        elif question.kind == Question.Kind.LINK:
            answers[str(question.pk)] = f"https://example.org/music/{number}"
    application = applications.save_answers(
        application=application, name=user.name, answers=answers, at=at
    )
    return applications.submit_application(application=application, at=at)


def _read(world: World, made: Round, application: Application, number: int) -> None:
    for handle in ("touring", "recipient")[: 1 + number % 2]:
        decisions.save_review(
            application=application,
            reviewer=world.users[handle],
            scores={row.pk: world.random.randint(2, 5) for row in made.criteria.all()},
            advice=world.random.choice(("yes", "yes", "maybe", "no")),
            comment="Clear about what would help." if number % 3 == 0 else "",
            at=world.ago(days=1),
        )
