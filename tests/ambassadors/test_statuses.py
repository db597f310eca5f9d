"""The status machine of an enrolment, as the database keeps it."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import User
from ambassadors.models import LEGAL_MOVES, Enrolment, EnrolmentStatus
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, ProgrammeFactory, TermFactory

ALL = [str(status) for status in EnrolmentStatus]
LEGAL = {(before, str(after)) for before, afters in LEGAL_MOVES.items() for after in afters}


def history(enrolment: Enrolment) -> list[tuple[str, str]]:
    return list(enrolment.changes.order_by("pk").values_list("from_status", "to_status"))


def set_by_hand(enrolment: Enrolment, status: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ambassadors_enrolment SET status = %s WHERE id = %s", [status, enrolment.pk]
        )


def run_by_hand(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "after"),
    [pair for pair in itertools.product(ALL, ALL) if pair[0] != pair[1]],
)
def test_raw_sql_makes_the_legal_moves_and_no_other(before: str, after: str) -> None:
    enrolment = EnrolmentFactory(status=before)
    told = history(enrolment)

    if (before, after) in LEGAL:
        set_by_hand(enrolment, after)
        assert history(enrolment) == [*told, (before, after)]
    else:
        with pytest.raises(IntegrityError, match="may not go from"):
            set_by_hand(enrolment, after)
        enrolment.refresh_from_db()
        assert enrolment.status == before
        assert history(enrolment) == told


@pytest.mark.django_db
@pytest.mark.parametrize("status", [status for status in ALL if ("", status) not in LEGAL])
def test_nobody_begins_in_the_middle(status: str, outsider: User) -> None:
    term = TermFactory()
    with pytest.raises(IntegrityError, match="may not go from"), transaction.atomic():
        Enrolment.objects.create(term=term, user=outsider, status=status, status_at=NOW)
    assert not Enrolment.objects.exists()


@pytest.mark.django_db
def test_a_status_outside_the_list_is_refused(outsider: User) -> None:
    enrolment = EnrolmentFactory(user=outsider)
    with pytest.raises(IntegrityError):
        set_by_hand(enrolment, "famous")


@pytest.mark.django_db
def test_history_says_who_when_and_why(outsider: User, attendee: User) -> None:
    enrolment = EnrolmentFactory(user=outsider)
    later = NOW + dt.timedelta(days=1)
    Enrolment.objects.filter(pk=enrolment.pk).update(
        status="paused", status_at=later, status_by=attendee, status_reason="on_leave"
    )
    change = enrolment.changes.latest("pk")
    assert (change.actor, change.reason, change.at) == (attendee, "on_leave", later)


@pytest.mark.django_db
def test_writing_the_same_status_again_adds_nothing_to_the_history() -> None:
    enrolment = EnrolmentFactory()
    told = history(enrolment)
    enrolment.save()
    assert history(enrolment) == told


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ambassadors_enrolmentchange SET to_status = 'removed'",
        "DELETE FROM ambassadors_enrolmentchange",
        "DELETE FROM ambassadors_enrolment",
        "UPDATE ambassadors_enrolment SET user_id = user_id + 1",
    ],
)
def test_history_cannot_be_rewritten_by_hand(statement: str) -> None:
    enrolment = EnrolmentFactory()
    with pytest.raises(DatabaseError):
        run_by_hand(statement)
    assert history(enrolment) == [
        ("", "invited"),
        ("invited", "onboarding"),
        ("onboarding", "active"),
    ]


@pytest.mark.django_db
def test_a_person_is_in_a_term_once(outsider: User) -> None:
    enrolment = EnrolmentFactory(user=outsider)
    with pytest.raises(IntegrityError), transaction.atomic():
        EnrolmentFactory(user=outsider, term=enrolment.term)


@pytest.mark.django_db
def test_a_person_may_be_in_several_terms_at_once(outsider: User) -> None:
    EnrolmentFactory(user=outsider)
    EnrolmentFactory(user=outsider)
    assert Enrolment.objects.active(at=NOW).filter(user=outsider).count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("status", ALL)
def test_only_the_active_are_active(status: str) -> None:
    EnrolmentFactory(status=status)
    assert Enrolment.objects.active(at=NOW).exists() is (status == "active")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("at", "is_active"),
    [
        # Auckland is 12 hours ahead of UTC in June: the term is its third of June, no more.
        (dt.datetime(2026, 6, 2, 11, 59, 59, tzinfo=dt.UTC), False),
        (dt.datetime(2026, 6, 2, 12, 0, 0, tzinfo=dt.UTC), True),
        (dt.datetime(2026, 6, 3, 11, 59, 59, tzinfo=dt.UTC), True),
        (dt.datetime(2026, 6, 3, 12, 0, 0, tzinfo=dt.UTC), False),
    ],
)
def test_a_term_begins_and_ends_at_midnight_where_its_programme_is(
    at: dt.datetime, is_active: bool
) -> None:
    term = TermFactory(
        programme=ProgrammeFactory(time_zone="Pacific/Auckland"),
        starts_on=dt.date(2026, 6, 3),
        ends_on=dt.date(2026, 6, 3),
    )
    EnrolmentFactory(term=term)
    assert Enrolment.objects.active(at=at).exists() is is_active
    assert term.is_running(at=at) is is_active


@pytest.mark.django_db
def test_nobody_is_active_in_a_closed_term() -> None:
    EnrolmentFactory(term=TermFactory(ended_at=NOW))
    assert not Enrolment.objects.active(at=NOW).exists()
