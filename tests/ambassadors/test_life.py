"""Life in a programme: away, going on, grace, leaving, and what happens afterwards."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from ambassadors import errors
from ambassadors.models import Absence, Enrolment, Reason, Term
from ambassadors.queries import needs_you
from ambassadors.services import absences, enrolments, programmes
from notifications.models import Message
from tests.ambassadors.helpers import agreement_text
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, TermFactory

TODAY = NOW.date()


@pytest.fixture(autouse=True)
def _at_noon(settings: object) -> object:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def next_term(term: Term) -> Term:
    """The programme's next one, with places for two."""
    return TermFactory(
        programme=term.programme,
        name="Autumn",
        starts_on=dt.date(2027, 1, 1),
        ends_on=dt.date(2027, 12, 31),
        capacity=2,
    )


def mails(start: str) -> list[Message]:
    return list(Message.objects.filter(key__startswith=start).order_by("pk"))


# --- Away ---------------------------------------------------------------------------


def test_somebody_says_when_they_are_on_tour_and_takes_it_back(
    client: Client, ambassador: User, coordinator: User, enrolment: Enrolment
) -> None:
    client.force_login(ambassador)
    data = {"kind": "tour", "starts_on": "2026-06-10", "ends_on": "2026-06-24", "time_zone": ""}
    assert client.post("/me/away/", data).status_code == 302
    assert client.post("/me/away/", data).status_code == 302  # a second click is the first
    absence = Absence.objects.get()
    assert (absence.user, absence.said_by) == (ambassador, ambassador)
    staff = Client()
    staff.force_login(coordinator)
    assert "On tour" in staff.get(f"/staff/enrolments/{enrolment.pk}/").content.decode()
    client.post(f"/me/away/{absence.pk}/remove/")
    assert not Absence.objects.exists()


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-06-24", "2026-06-10"), ("2026-05-01", "2026-05-02"), ("2026-06-10", "2036-06-10")],
)
def test_days_that_cannot_be_are_refused(
    client: Client, ambassador: User, first: str, last: str
) -> None:
    client.force_login(ambassador)
    data = {"kind": "leave", "starts_on": first, "ends_on": last}
    assert client.post("/me/away/", data).status_code == 422
    assert not Absence.objects.exists()


def test_the_database_refuses_days_that_run_backwards(ambassador: User) -> None:
    absence = absences.add_absence(
        user=ambassador,
        kind="tour",
        starts_on=TODAY,
        ends_on=TODAY,
        time_zone="",
        by=ambassador,
        at=NOW,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Absence.objects.filter(pk=absence.pk).update(ends_on=TODAY - dt.timedelta(days=1))


# --- Going on ----------------------------------------------------------------------


def test_a_coordinator_asks_people_to_go_on_and_they_decide(
    client: Client, enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    client.force_login(coordinator)
    data = {"ticked": [enrolment.pk], "into": next_term.pk}
    for _ in range(2):
        client.post(f"/staff/terms/{enrolment.term_id}/renew/", data)
    asked = Enrolment.objects.get(term=next_term)
    assert (asked.status, asked.status_reason) == ("invited", Reason.RENEWED)
    [mail] = mails("renewal:")
    assert mail.subject == "You are asked to go on"
    client.force_login(enrolment.user)
    assert [need.kind for need in needs_you(enrolment.user, at=NOW)] == ["enrolment"]
    page = client.get(f"/me/programmes/{asked.pk}/").content.decode()
    assert "You are asked to go on in this term." in page
    client.post(
        f"/me/programmes/{asked.pk}/join/", {"sha256": agreement_text().sha256, "agree": "on"}
    )
    asked.refresh_from_db()
    enrolment.refresh_from_db()
    assert (asked.status, enrolment.status) == ("onboarding", "active")


def test_no_thank_you_frees_the_place_and_nobody_asks_why(
    client: Client, enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    asked = enrolments.renew(enrolment=enrolment, into=next_term, by=coordinator, at=NOW)
    client.force_login(enrolment.user)
    client.post(f"/me/programmes/{asked.pk}/leave/")
    asked.refresh_from_db()
    enrolment.refresh_from_db()
    assert (asked.status, asked.status_reason) == ("removed", Reason.OWN_WISH)
    assert enrolment.status == "active"
    assert not asked.is_farewell_due


def test_not_more_go_on_than_there_are_places(
    term: Term, next_term: Term, coordinator: User
) -> None:
    EnrolmentFactory.create_batch(3, term=term)
    with pytest.raises(errors.TermFull):
        enrolments.renew_many(
            enrolments=term.enrolments.all(), into=next_term, by=coordinator, at=NOW
        )
    assert not next_term.enrolments.exists()
    assert mails("renewal:") == []


def test_nobody_is_asked_on_into_another_programme_or_a_term_that_is_over(
    enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    over = TermFactory(programme=next_term.programme, ends_on=dt.date(2026, 1, 2))
    for wrong in (TermFactory(), over):
        with pytest.raises(errors.NotRenewable):
            enrolments.renew(enrolment=enrolment, into=wrong, by=coordinator, at=NOW)
    assert Enrolment.objects.filter(user=enrolment.user).count() == 1


# --- The end, grace, and afterwards ------------------------------------------------------


def test_people_stay_active_in_the_days_of_grace_and_become_alumni_after(
    term: Term, enrolment: Enrolment, client: Client
) -> None:
    term.ends_on, term.grace_days = TODAY - dt.timedelta(days=1), 7
    term.save()
    assert programmes.end_due_terms(at=NOW) == 0
    client.force_login(enrolment.user)
    page = client.get(f"/me/programmes/{enrolment.pk}/").content.decode()
    assert "Until 9 June 2026 you stay connected" in page
    assert not Enrolment.objects.active(at=NOW).exists()  # nothing new is given
    assert programmes.end_due_terms(at=NOW + dt.timedelta(days=6)) == 0
    assert programmes.end_due_terms(at=NOW + dt.timedelta(days=7)) == 1
    enrolment.refresh_from_db()
    assert enrolment.status == "alumni"


def test_a_month_before_the_end_people_are_told_once(term: Term, enrolment: Enrolment) -> None:
    assert enrolments.write_of_endings(limit=10, at=NOW) == 0
    soon = dt.datetime(2026, 12, 2, 12, tzinfo=dt.UTC)
    assert enrolments.write_of_endings(limit=10, at=soon) == 1
    assert enrolments.write_of_endings(limit=10, at=soon) == 0
    [mail] = mails("term-ends:")
    assert mail.subject == "Your term ends soon"
    assert "31 December 2026" in mail.text


def test_everybody_of_a_closed_term_is_written_to_in_portions(
    term: Term, coordinator: User
) -> None:
    EnrolmentFactory.create_batch(3, term=term)
    EnrolmentFactory(term=term, status="onboarding")
    programmes.end_term(term=term, by=coordinator, at=NOW)
    told = [enrolments.write_farewells(limit=2, at=NOW) for _ in range(3)]
    assert told == [2, 1, 0]
    assert {mail.subject for mail in mails("place-ended:")} == {"About your place"}


def test_mail_of_a_sensitive_programme_does_not_name_it(
    term: Term, enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    term.programme.is_sensitive = True
    term.programme.save()
    enrolments.renew(enrolment=enrolment, into=next_term, by=coordinator, at=NOW)
    enrolments.write_of_endings(limit=10, at=dt.datetime(2026, 12, 10, tzinfo=dt.UTC))
    enrolments.leave(enrolment=enrolment, user=enrolment.user, at=NOW)
    enrolments.write_farewells(limit=10, at=NOW)
    sent = [*mails("renewal:"), *mails("term-ends:"), *mails("place-ended:")]
    assert len(sent) == 3
    assert "Open Door" not in "".join(mail.subject + mail.text for mail in sent)


def test_whoever_leaves_sees_what_happens_and_takes_their_data_along(
    client: Client, enrolment: Enrolment
) -> None:
    client.force_login(enrolment.user)
    page = client.get(f"/me/programmes/{enrolment.pk}/leave/").content.decode()
    assert "Leave this term?" in page
    client.post(f"/me/programmes/{enrolment.pk}/leave/")
    enrolment.refresh_from_db()
    assert (enrolment.status, enrolment.status_reason) == ("alumni", Reason.OWN_WISH)
    page = client.get(f"/me/programmes/{enrolment.pk}/").content.decode()
    assert "Whatever is booked stays booked" in page
    kept = json.loads(client.get("/me/programmes/export/").content)
    assert [row["status"] for row in kept["enrolments"]] == ["alumni"]
    assert kept["enrolments"][0]["history"][-1]["reason"] == "own_wish"


def test_who_was_removed_learns_why_and_who_looks_at_it_again(
    client: Client, enrolment: Enrolment, coordinator: User
) -> None:
    enrolment.term.programme.appeal_email = "second-look@example.org"
    enrolment.term.programme.save()
    enrolments.move_as_coordinator(
        enrolment=enrolment,
        to="removed",
        reason=Reason.BROKE_AGREEMENT,
        by=coordinator,
        at=NOW,
    )
    assert enrolments.write_farewells(limit=10, at=NOW) == 1
    client.force_login(enrolment.user)
    page = client.get(f"/me/programmes/{enrolment.pk}/").content.decode()
    assert "second-look@example.org" in page
    assert "did not keep to the agreement" in page
    client.force_login(coordinator)
    page = client.get(f"/staff/enrolments/{enrolment.pk}/").content.decode()
    assert "second-look@example.org" in page


def test_somebody_let_back_in_at_once_gets_no_farewell(
    enrolment: Enrolment, coordinator: User
) -> None:
    for to, reason in (("removed", Reason.OTHER), ("onboarding", Reason.REINSTATED)):
        enrolments.move_as_coordinator(
            enrolment=enrolment, to=to, reason=reason, by=coordinator, at=NOW
        )
    enrolments.write_farewells(limit=10, at=NOW)
    assert mails("place-ended:") == []


def test_leaving_is_ones_own(client: Client, enrolment: Enrolment, outsider: User) -> None:
    client.force_login(outsider)
    assert client.post(f"/me/programmes/{enrolment.pk}/leave/").status_code == 404
    enrolment.refresh_from_db()
    assert enrolment.status == "active"
