"""Who is behind a token, and who may know."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from accounts.models import AccessLook, User
from ambassadors.models import Programme
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, ProgrammeFactory, UserFactory
from therapy_credits.models import Subject
from therapy_credits.services import subjects

pytestmark = pytest.mark.django_db


def test_a_person_has_a_new_token_in_every_programme_year(attendee: User) -> None:
    one, other = ProgrammeFactory(), ProgrammeFactory()
    tokens = {
        subjects.subject_for(user=attendee, programme=programme, year=year, at=NOW).token
        for programme in (one, other)
        for year in (2026, 2027)
    }
    assert len(tokens) == 4


def test_a_person_has_one_token_in_a_programme_year(attendee: User) -> None:
    programme = ProgrammeFactory()
    first = subjects.subject_for(user=attendee, programme=programme, year=2026, at=NOW)
    assert subjects.subject_for(user=attendee, programme=programme, year=2026, at=NOW) == first
    assert staged([attendee.pk], programme, make_at=NOW) == [first.token]
    assert Subject.objects.count() == 1


def staged(user_ids: list[int], programme: Programme, **how: Any) -> list[UUID]:
    subjects.stage(user_ids=user_ids, programme_id=programme.pk, year=2026, **how)
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM staged_subject ORDER BY position")
        return [token for (token,) in cursor.fetchall()]


def test_a_set_of_people_is_staged_in_its_order(attendee: User, outsider: User) -> None:
    programme = ProgrammeFactory()
    people = [outsider.pk, attendee.pk]
    assert staged(people, programme) == []
    made = staged(people, programme, make_at=NOW)
    assert made == [
        subjects.subject_for(user=user, programme=programme, year=2026, at=NOW).token
        for user in (outsider, attendee)
    ]
    assert staged(people[::-1], programme) == made[::-1]


def test_people_find_their_own_tokens_and_no_others(outsider: User) -> None:
    enrolment, stranger = EnrolmentFactory(), EnrolmentFactory()
    years = [(e.user, e.term.programme, e.term.starts_on.year) for e in (enrolment, stranger)]
    mine, _ = [
        subjects.subject_for(user=user, programme=programme, year=year, at=NOW)
        for user, programme, year in years
    ]
    assert subjects.own_tokens(enrolment.user) == [mine.token]
    assert subjects.own_tokens(outsider) == []


def test_the_table_says_nothing_to_a_reader_of_the_database() -> None:
    """Neither the id of the person nor two rows that look like the same person."""
    user = UserFactory(id=987654321)
    programme = ProgrammeFactory()
    for year in (2026, 2027):
        subjects.subject_for(user=user, programme=programme, year=year, at=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k::text, person, person_digest, wrapped FROM therapy_credits_carekey k"
        )
        rows = cursor.fetchall()
    assert len(rows) == 2
    assert not any("987654321" in text for text, *_ in rows)
    assert len({value for _, *values in rows for value in values}) == 6


def test_who_looks_is_written_down_for_the_person_to_see(
    attendee: User, care_coordinator: User
) -> None:
    subject = subjects.subject_for(user=attendee, programme=ProgrammeFactory(), year=2026, at=NOW)
    assert (
        subjects.person_behind(
            subject.token, actor=care_coordinator, what="booking", at=NOW, purpose="late claim"
        )
        == attendee
    )
    look = AccessLook.objects.get()
    assert (look.actor, look.subject_user, look.what, look.purpose) == (
        care_coordinator,
        attendee,
        "booking",
        "late claim",
    )


def test_the_systems_own_mail_is_not_a_look(attendee: User) -> None:
    subject = subjects.subject_for(user=attendee, programme=ProgrammeFactory(), year=2026, at=NOW)
    assert subjects.person_to_reach(subject.token) == attendee
    assert not AccessLook.objects.exists()


def test_the_books_remember_who_did_it_by_a_token(attendee: User, outsider: User) -> None:
    assert subjects.actor_token(attendee) == subjects.actor_token(attendee)
    assert subjects.actor_token(attendee) != subjects.actor_token(outsider)
