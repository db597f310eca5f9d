"""Two people, or two clicks, at the same moment: real threads on the real database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from accounts.models import User
from ambassadors.domain import rosters as files
from ambassadors.errors import AmbassadorsError, InvitationUnusable, TermFull
from ambassadors.models import Application, Enrolment, Invitation, RosterImport, Term
from ambassadors.services import (
    agreements,
    decisions,
    enrolments,
    invitations,
    renewals,
    rosters,
)
from tests.ambassadors.helpers import agreement_text
from tests.ambassadors.rounds import make_application, make_round
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, TermFactory

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    """What each returned or raised, all begun together, each on a connection of its own."""
    barrier = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(index: int) -> None:
        try:
            barrier.wait()
            results[index] = acts[index]()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def asked() -> Invitation:
    agreements.ensure_texts(at=NOW)
    return invitations.invite_person(
        term=TermFactory(), email="ada@example.org", name="Ada", language="en", by=None, at=NOW
    )


def claims(invitation: Invitation, keys: list[str]) -> list[object]:
    return at_once(
        [
            lambda key=key: invitations.claim_invitation(  # type: ignore[misc]  # a bound default
                invitation=invitation, is_adult=True, lives_there=True, page_key=key, at=NOW
            )
            for key in keys
        ]
    )


def test_ten_browsers_with_one_link_make_one_enrolment(asked: Invitation) -> None:
    results = claims(asked, [f"page {n}" for n in range(10)])
    assert sum(isinstance(result, invitations.Joined) for result in results) == 1
    assert sum(isinstance(result, InvitationUnusable) for result in results) == 9
    assert Enrolment.objects.count() == 1
    assert User.objects.filter(email="ada@example.org").count() == 1


def test_ten_clicks_of_one_page_get_one_answer(asked: Invitation) -> None:
    results = claims(asked, ["page"] * 10)
    assert [type(result) for result in results] == [invitations.Joined] * 10
    assert len({result.enrolment.pk for result in results}) == 1  # type: ignore[attr-defined]


def test_without_the_lock_one_link_would_work_more_than_once(asked: Invitation) -> None:
    """The control: the same race with the row lock taken out is lost."""
    User.objects.create_user("ada@example.org")  # so that no unique account stops it by chance

    def unlocked(queryset: QuerySet[Invitation], **_options: object) -> QuerySet[Invitation]:
        return queryset

    held = threading.Barrier(10)
    find_owner = invitations.owner_of

    def wait_for_all(email: str) -> User | None:
        held.wait(timeout=60)  # everybody has looked before anybody writes
        return find_owner(email)

    with (
        mock.patch.object(QuerySet, "select_for_update", unlocked),
        mock.patch.object(invitations, "owner_of", wait_for_all),
    ):
        results = claims(asked, [f"page {n}" for n in range(10)])
    assert sum(isinstance(result, invitations.Joined) for result in results) > 1


def test_twenty_invitations_for_the_last_place_promise_it_once() -> None:
    agreements.ensure_texts(at=NOW)
    term = TermFactory(capacity=3)
    EnrolmentFactory(term=term)
    EnrolmentFactory(term=term)

    def invite(n: int) -> Invitation:
        return invitations.invite_person(
            term=term, email=f"p{n}@example.org", name="", language="en", by=None, at=NOW
        )

    at_once([lambda n=n: invite(n) for n in range(20)])  # type: ignore[misc]  # a bound default
    assert Invitation.objects.count() == 1
    assert Term.objects.get().enrolments.count() == 2


def test_without_the_lock_the_last_place_would_be_promised_twice() -> None:
    """The control: the same race with the lock taken out is lost."""
    term = TermFactory(capacity=1)
    held, count = threading.Barrier(2), invitations.places_left

    def wait_for_both(term: Term) -> int | None:
        places = count(term)
        held.wait(timeout=60)  # both have looked before either writes
        return places

    def invite(name: str) -> Invitation:
        return invitations.invite_person(
            term=term, email=f"{name}@example.org", name="", language="en", by=None, at=NOW
        )

    with (
        mock.patch.object(QuerySet, "select_for_update", lambda rows, **_options: rows),
        mock.patch.object(invitations, "places_left", wait_for_both),
    ):
        at_once([lambda: invite("one"), lambda: invite("other")])
    assert Invitation.objects.count() == 2


def ask_two_lists_on() -> tuple[Term, list[object]]:
    """Two coordinators ask three people each into a term that has three places."""
    agreements.ensure_texts(at=NOW)
    term = TermFactory()
    into = TermFactory(programme=term.programme, capacity=3)
    people = [row.pk for row in EnrolmentFactory.create_batch(6, term=term)]

    def ask(by: User, some: list[int]) -> int:
        return renewals.ask_on(
            term=term, people=term.enrolments.filter(pk__in=some), into=into, by=by, at=NOW
        )

    one, other = make_user("one"), make_user("other")
    return into, at_once([lambda: ask(one, people[:3]), lambda: ask(other, people[3:])])


def test_of_two_lists_asked_on_at_once_one_gets_the_last_places() -> None:
    into, results = ask_two_lists_on()
    assert sorted(map(str, results)) == sorted(["3", str(TermFull())])
    assert into.enrolments.count() == 3


def test_without_the_lock_more_would_be_asked_on_than_there_are_places() -> None:
    """The control: the same race with the lock taken out is lost."""
    held, count = threading.Barrier(2), renewals.places_left

    def wait_for_both(term: Term) -> int | None:
        held.wait(timeout=60)  # both have looked before either writes
        places = count(term)
        held.wait(timeout=60)
        return places

    with (
        mock.patch.object(QuerySet, "select_for_update", lambda rows, **_options: rows),
        mock.patch.object(renewals, "places_left", wait_for_both),
    ):
        into, results = ask_two_lists_on()
    assert results == [3, 3]
    assert into.enrolments.count() == 6


def test_two_tabs_that_accept_at_once_leave_one_acceptance_and_one_move() -> None:
    agreements.ensure_texts(at=NOW)
    enrolment = EnrolmentFactory(status="invited")
    text = agreement_text()
    results = at_once(
        [
            lambda: enrolments.accept_agreement(
                enrolment=enrolment, user=enrolment.user, text=text, at=NOW
            )
        ]
        * 5
    )
    assert [type(result) for result in results] == [Enrolment] * 5
    assert enrolment.acceptances.count() == 1
    assert list(enrolment.changes.order_by("pk").values_list("to_status", flat=True)) == [
        "invited",
        "onboarding",
    ]


def test_two_coordinators_who_decide_differently_leave_one_legal_history() -> None:
    enrolment = EnrolmentFactory()
    one, two = EnrolmentFactory().user, EnrolmentFactory().user

    def decide(by: User, to: str) -> Enrolment:
        return enrolments.move_as_coordinator(
            enrolment=enrolment, to=to, reason="other", by=by, at=NOW
        )

    results = at_once([lambda: decide(one, "removed"), lambda: decide(two, "alumni")])
    # Removed first leaves no way to alumni; alumni first may still be removed.
    refused = [result for result in results if isinstance(result, AmbassadorsError)]
    moves = list(enrolment.changes.order_by("pk").values_list("from_status", "to_status"))[3:]
    assert moves in (
        [("active", "removed")],
        [("active", "alumni"), ("alumni", "removed")],
    )
    assert len(refused) == 2 - len(moves)
    assert not any(isinstance(result, IntegrityError) for result in results)


# --- One file, two workers -----------------------------------------------------------


def read_by_two() -> tuple[RosterImport, list[object]]:
    """Two workers begin to read a file of eight rows, in parts of four, at once."""
    content = "email\n" + "".join(f"p{n}@example.org\n" for n in range(8))
    with mock.patch.object(files, "PART_ROWS", 4):
        roster = rosters.upload_roster(
            term=TermFactory(), by=None, file_name="r.csv", file=BytesIO(content.encode()), at=NOW
        )
    rosters.start_reading(roster=roster, columns={"email": 0}, allow_same_names=False, at=NOW)
    return roster, at_once([lambda: rosters.continue_roster(roster=roster, at=NOW)] * 2)


def test_two_workers_at_one_file_read_each_row_once() -> None:
    roster, results = read_by_two()
    assert True in results
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    roster.refresh_from_db()
    assert (roster.state, roster.rows_done, roster.rows.count()) == ("read", 8, 8)


def test_without_the_lock_two_workers_would_read_the_same_part() -> None:
    """The control: the same race with the lock taken out is lost, and only a constraint helps."""
    held, copy = threading.Barrier(2), rosters._copy

    def wait_for_both(*args: Any) -> None:
        held.wait(timeout=60)  # both have the same part before either writes it
        copy(*args)

    with (
        mock.patch.object(QuerySet, "select_for_update", lambda rows, **_options: rows),
        mock.patch.object(rosters, "_copy", wait_for_both),
    ):
        _roster, results = read_by_two()
    assert sorted(type(result).__name__ for result in results) == ["UniqueViolation", "bool"]


# --- Two people decide at once ----------------------------------------------------


def decide_at_once(application: Application, deciders: list[User]) -> list[object]:
    return at_once(
        [
            lambda by=by, status=status: decisions.decide_application(  # type: ignore[misc]  # likewise
                application=application,
                status=status,
                reason="fits",
                note="",
                seen_version=0,
                by=by,
                at=NOW,
            )
            for by, status in zip(deciders, ("approved", "declined"), strict=True)
        ]
    )


@pytest.fixture
def deciders(db: None) -> list[User]:
    return [make_user("first"), make_user("second")]


def test_of_two_decisions_at_once_one_stands_and_the_other_is_told(deciders: list[User]) -> None:
    sent = make_application(make_round(TermFactory()))
    results = decide_at_once(sent, deciders)
    assert sorted(type(result).__name__ for result in results) == [
        "Application",
        "DecidedMeanwhile",
    ]
    sent.refresh_from_db()
    [stands] = [result for result in results if isinstance(result, Application)]
    assert (sent.status, sent.version) == (stands.status, 1)


def test_without_the_lock_both_would_think_they_decided(deciders: list[User]) -> None:
    """The control: the same race with the row locks taken out is lost."""
    sent = make_application(make_round(TermFactory()))
    both_have_read = threading.Barrier(2)

    def is_decidable(row: Application) -> bool:
        both_have_read.wait(timeout=30)
        return True

    with (
        mock.patch.object(QuerySet, "select_for_update", lambda self, **kwargs: self),
        mock.patch.object(decisions, "_is_decidable", is_decidable),
    ):
        results = decide_at_once(sent, deciders)
    assert [type(result) for result in results] == [Application, Application]
