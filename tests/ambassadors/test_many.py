"""The numbers that are promised, measured: by hand and nightly, with ``make soak``.

Each says what it took: ``pytest -m soak -s tests/ambassadors/test_many.py`` is the measurement.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from ambassadors.models import Application, Enrolment, EnrolmentStatus, Invitation, Review, Term
from ambassadors.services import renewals, rosters
from common.codes import new_reference
from tests.ambassadors.rounds import make_round
from tests.conftest import NOW
from tests.factories import TermFactory

pytestmark = [pytest.mark.soak, pytest.mark.django_db]

ROWS, PEOPLE, ASKED = 50_000, 5_000, 20_000


def say(words: str) -> None:
    print(words)  # noqa: T201  # what was measured is for whoever runs it


@contextmanager
def timed(what: str) -> Iterator[list[float]]:
    """What it took, in seconds, when it is over; and it is printed."""
    took: list[float] = []
    start = time.perf_counter()
    yield took
    took.append(time.perf_counter() - start)
    say(f"{what}: {took[0]:.2f} s")


def peak_megabytes() -> float:
    """The most memory this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def roster_of(rows: int, path: Path) -> Path:
    with path.open("w") as file:
        file.write("email,stage name,language,country\n")
        for n in range(rows):
            file.write(f"p{n}@example.org,Stage Name {n},{'es' if n % 3 else 'en'},GB\n")
    return path


def import_roster(term: Term, path: Path) -> None:
    with path.open("rb") as file:
        roster = rosters.upload_roster(term=term, by=None, file_name=path.name, file=file, at=NOW)
    rosters.start_reading(roster=roster, columns=roster.columns, allow_same_names=False, at=NOW)
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    rosters.start_importing(roster=roster, by=None, at=NOW)
    while rosters.continue_roster(roster=roster, at=NOW):
        pass


def test_fifty_thousand_rows_are_imported_in_a_minute_with_the_memory_of_five(
    term: Term, tmp_path: Path
) -> None:
    import_roster(TermFactory(programme=term.programme), roster_of(5_000, tmp_path / "few.csv"))
    before = peak_megabytes()
    many = roster_of(ROWS, tmp_path / "many.csv")
    with timed(f"a roster of {ROWS} rows ({many.stat().st_size / 1e6:.1f} MB)") as took:
        import_roster(term, many)
    more = peak_megabytes() - before
    say(f"memory beyond that of 5,000 rows: {more:.1f} MB")
    assert term.invitations.count() == ROWS
    assert took[0] < 60
    # A part of the file at a time: what the allocator keeps may differ a little, the file does not
    # show.
    assert more < 3
    with timed("the same file again"):
        import_roster(term, many)
    assert Invitation.objects.filter(term=term).count() == ROWS


def test_a_round_of_five_thousand_is_listed_filtered_and_decided(
    client: Client, term: Term, coordinator: User, attendee: User, settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    round = make_round(term, attendee)
    people = add_people(PEOPLE)
    question = round.questions.get(kind="long")
    applications = Application.objects.bulk_create(
        Application(
            round=round,
            user=user,
            reference=new_reference(),
            name=user.name,
            answers={str(question.pk): "A year of company. " * 40},
            status=Application.Status.SUBMITTED,
            begun_at=NOW,
            saved_at=NOW,
            submitted_at=NOW,
        )
        for user in people
    )
    criterion = round.criteria.first()
    assert criterion is not None
    Review.objects.bulk_create(
        Review(
            application=row,
            reviewer=attendee,
            scores={str(criterion.pk): n % 5 + 1},
            score=n % 5 + 1,
            advice="yes",
            saved_at=NOW,
        )
        for n, row in enumerate(applications)
    )
    client.force_login(coordinator)
    here = f"/staff/rounds/{round.pk}/"
    client.get(here)  # a first visit also writes the session
    for what, url in (
        ("listed", here),
        ("its last page", f"{here}?page=100"),
        ("filtered", f"{here}?filter_status=submitted&order=reviews"),
        ("searched", f"{here}?q={applications[4321].reference}"),
    ):
        with CaptureQueriesContext(connection) as captured, timed(f"{what}, a page"):
            assert client.get(url).status_code == 200
        say(f"  {len(captured)} queries")
        assert len(captured) <= 10
    decline = {"which": "all", "status": "declined", "reason": "no_places"}
    with CaptureQueriesContext(connection) as captured, timed("the look before deciding all"):
        assert client.post(f"{here}decide/", decline).status_code == 200
    assert len(captured) <= 10
    with CaptureQueriesContext(connection) as captured, timed("deciding all") as took:
        client.post(f"{here}decide/", {**decline, "confirmed": "yes"})
    say(f"  {len(captured)} queries")
    assert len(captured) <= 10
    assert took[0] < 5
    assert round.applications.filter(status="declined").count() == PEOPLE


@pytest.mark.django_db(transaction=True)  # what waits for a commit is part of the cost
def test_twenty_thousand_people_are_asked_to_go_on(
    client: Client, term: Term, coordinator: User, settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    people = add_people(ASKED)
    for first in range(0, ASKED, 2_000):
        portion = [
            Enrolment(
                term=term,
                user=user,
                status=EnrolmentStatus.INVITED,
                status_at=NOW,
                country_said_at=NOW,
            )
            for user in people[first : first + 2_000]
        ]
        Enrolment.objects.bulk_create(portion)
        some = Enrolment.objects.filter(pk__in=[row.pk for row in portion])
        for status in (EnrolmentStatus.ONBOARDING, EnrolmentStatus.ACTIVE):
            some.update(status=status)
    into = TermFactory(programme=term.programme, ends_on=timezone.now().date().replace(year=2030))
    client.force_login(coordinator)
    page = f"/staff/terms/{term.pk}/renew/"
    client.get(page, {"into": into.pk})
    with CaptureQueriesContext(connection) as captured, timed("the look"):
        assert f"<strong>{ASKED}</strong> people" in client.get(page, {"into": into.pk}).text
    say(f"  {len(captured)} queries")
    with CaptureQueriesContext(connection) as captured, timed("asking") as took:
        client.post(page, {"into": into.pk})
    say(f"  {len(captured)} queries")
    assert len(captured) <= 20
    assert took[0] < 5
    assert into.enrolments.filter(status=EnrolmentStatus.INVITED).count() == ASKED
    with timed("a thousand of their letters"):
        for _ in range(10):
            assert renewals.write_renewals(limit=100, at=NOW) == 100


def add_people(count: int) -> list[User]:
    return User.objects.bulk_create(
        User(email=f"many{n}@example.org", name=f"Many {n}", language="en") for n in range(count)
    )
