"""A round with everything in it, for the tests that need one."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from PIL import Image

from accounts.models import User
from ambassadors.models import (
    Application,
    Criterion,
    Question,
    Review,
    Round,
    RoundReviewer,
    Term,
)
from ambassadors.services import applications
from tests.conftest import NOW
from tests.factories import UserFactory

CLOSES_AT = NOW + dt.timedelta(days=14)
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n%%EOF\n"


def picture(kind: str = "PNG", size: tuple[int, int] = (4, 3), **more: Any) -> bytes:
    """A picture as a program would save it."""
    out = io.BytesIO()
    Image.new("RGB", size, "#1d5c46").save(out, kind, **more)
    return out.getvalue()


PNG = picture()


def make_round(term: Term, *reviewers: User, **fields: Any) -> Round:
    """Open at NOW; one question of each kind; of its two criteria the first counts double."""
    made = Round.objects.create(
        **{
            "term": term,
            "name": "Summer",
            "time_zone": "America/New_York",
            "opens_at": NOW - dt.timedelta(days=1),
            "closes_at": CLOSES_AT,
            "published_at": NOW - dt.timedelta(days=2),
            **fields,
        }
    )
    ask = made.questions.create
    ask(
        position=1,
        kind="eligibility",
        text="Do you live in the United Kingdom?",
        expected="yes",
        kind_words="This term is for people in the United Kingdom.",
    )
    ask(position=2, kind="long", text="What would a year of company change?")
    ask(position=3, kind="link", text="Where can we hear you?", is_required=False)
    ask(position=4, kind="file", text="A page about your work", is_required=False)
    ask(position=5, kind="short", text="Your band", is_required=False, names_person=True)
    Criterion.objects.create(round=made, position=1, name="Need", weight=2)
    Criterion.objects.create(round=made, position=2, name="Fit", weight=1)
    RoundReviewer.objects.bulk_create(RoundReviewer(round=made, user=user) for user in reviewers)
    return made


def question(round: Round, kind: str) -> Question:
    return round.questions.get(kind=kind)


def make_application(round: Round, *, user: User | None = None, **fields: Any) -> Application:
    """Sent, with words, a link and a band's name that say who it is."""
    user = user or UserFactory()
    application = applications.begin_application(round=round, user=user, is_adult=True, at=NOW)
    answers = {
        str(question(round, "long").pk): "Someone to call after the show.",
        str(question(round, "link").pk): "https://music.example.org/zqlinkzq",
        str(question(round, "short").pk): "Zqbandzq",
    }
    applications.save_answers(
        application=application, name=fields.pop("name", "Zqstagezq"), answers=answers, at=NOW
    )
    sent = applications.submit_application(application=application, at=NOW)
    if fields:
        Application.objects.filter(pk=sent.pk).update(**fields)
        sent.refresh_from_db()
    return sent


def review(application: Application, reviewer: User, score: int) -> Review:
    return Review.objects.create(
        application=application,
        reviewer=reviewer,
        score=score,
        scores={},
        advice="yes",
        saved_at=NOW,
    )
