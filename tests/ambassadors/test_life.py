"""Life in a programme: away, going on, grace, leaving, and what happens afterwards."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from ambassadors import errors
from ambassadors.models import Absence, Activity, Delegate, Enrolment, Reason, Term
from ambassadors.queries import needs_you
from ambassadors.queries.renewals import Verdict, people_with
from ambassadors.services import (
    absences,
    delegates,
    enrolments,
    programmes,
    renewals,
    retention,
)
from ambassadors.services.invitations import invite_person
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


def ask_on(into: Term, by: User, *rows: Enrolment) -> int:
    """Ask the people of ``rows`` (of one term) to go on, and write their letters."""
    term = rows[0].term
    people = term.enrolments.filter(pk__in=[row.pk for row in rows])
    asked = renewals.ask_on(term=term, people=people, into=into, by=by, at=NOW)
    renewals.write_renewals(limit=10, at=NOW)
    return asked


def test_a_coordinator_looks_asks_people_to_go_on_and_they_decide(
    client: Client, enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    client.force_login(coordinator)
    page = f"/staff/terms/{enrolment.term_id}/renew/"
    data = {"whom": "ticked", "ticked": [enrolment.pk], "into": next_term.pk}
    assert "<strong>1</strong> person would be asked by mail." in client.get(page, data).text
    assert not next_term.enrolments.exists()
    for _ in range(2):
        client.post(page, data)
    asked = Enrolment.objects.get(term=next_term)
    assert (asked.status, asked.status_reason) == ("invited", Reason.RENEWED)
    assert "0 of 1 letters" in client.get(page, data).text
    assert [renewals.write_renewals(limit=10, at=NOW) for _ in range(2)] == [1, 0]
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


def test_the_look_says_of_everybody_why_they_would_not_be_asked(
    client: Client, term: Term, next_term: Term, coordinator: User
) -> None:
    people = {status: EnrolmentFactory(term=term, status=status) for status in ("paused", "alumni")}
    joining = EnrolmentFactory(term=term, status="onboarding")
    removed = EnrolmentFactory(term=term, status="removed")
    there, said_no, invited, closed = EnrolmentFactory.create_batch(4, term=term)
    EnrolmentFactory(term=next_term, user=there.user)
    EnrolmentFactory(term=next_term, user=said_no.user, status="removed")
    invite_person(
        term=next_term,
        email=invited.user.email,
        name="",
        language="en",
        by=coordinator,
        at=NOW,
    )
    User.objects.filter(pk=closed.user_id).update(is_active=False)
    Term.objects.filter(pk=next_term.pk).update(capacity=None)
    verdicts = {
        row.pk: verdict
        for verdict in Verdict.values
        for row in people_with(verdict, term.enrolments.all(), into=next_term)
    }
    assert verdicts == {
        people["paused"].pk: "asked",
        people["alumni"].pk: "asked",
        joining.pk: "joining",
        removed.pk: "left",
        there.pk: "there",
        said_no.pk: "said_no",
        invited.pk: "invited",
        closed.pk: "closed",
    }
    client.force_login(coordinator)
    page = f"/staff/terms/{term.pk}/renew/"
    text = client.get(page, {"into": next_term.pk}).text
    assert "<strong>2</strong> people would be asked by mail." in text
    assert "<strong>6</strong> would not" in text
    shown = client.get(page, {"into": next_term.pk, "verdict": "said_no"}).text
    assert said_no.user.email in shown
    assert there.user.email not in shown
    client.post(page, {"into": next_term.pk})
    new = next_term.enrolments.filter(status_reason=Reason.RENEWED)
    assert {row.user_id for row in new} == {row.user_id for row in people.values()}


def test_a_filtered_list_asks_exactly_whom_it_shows_and_costs_the_same(
    client: Client, term: Term, next_term: Term, coordinator: User
) -> None:
    Term.objects.filter(pk=next_term.pk).update(capacity=None)
    client.force_login(coordinator)
    EnrolmentFactory(term=term, status="paused", user__name="Velvet One")
    url = f"/staff/terms/{term.pk}/renew/?into={next_term.pk}&status=paused&q=velvet"
    client.get(url)  # a first visit also writes the session
    with CaptureQueriesContext(connection) as one:
        assert "<strong>1</strong> person" in client.get(url).text
    for number in range(60):
        EnrolmentFactory(term=term, status="paused", user__name=f"Velvet {number}")
    EnrolmentFactory(term=term, status="active", user__name="Velvet Awake")
    EnrolmentFactory(term=term, status="paused", user__name="Indigo")
    with CaptureQueriesContext(connection) as many:
        assert "<strong>61</strong> people" in client.get(url).text
    assert len(many) == len(one) <= 12
    client.post(
        f"/staff/terms/{term.pk}/renew/",
        {"into": next_term.pk, "status": "paused", "q": "velvet"},
    )
    assert next_term.enrolments.count() == 61
    entries = AuditEntry.objects.filter(verb="term.renew", target_id=str(next_term.pk))
    assert entries.count() == 1


def test_nothing_ticked_asks_nobody(
    client: Client, enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    client.force_login(coordinator)
    page = f"/staff/terms/{enrolment.term_id}/renew/"
    for data in ({"whom": "ticked"}, {"whom": "ticked", "ticked": ["0"]}, {"into": "0"}):
        answer = client.post(page, data, follow=True)
        assert "Tick the people, and choose the term" in answer.text
    next_term.delete()
    assert "There is no term to go on into" in client.get(page).text
    assert Enrolment.objects.count() == 1


def test_no_thank_you_frees_the_place_and_nobody_asks_why(
    client: Client, enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    ask_on(next_term, coordinator, enrolment)
    asked = next_term.enrolments.get()
    client.force_login(enrolment.user)
    client.post(f"/me/programmes/{asked.pk}/leave/")
    asked.refresh_from_db()
    enrolment.refresh_from_db()
    assert (asked.status, asked.status_reason) == ("removed", Reason.OWN_WISH)
    assert enrolment.status == "active"
    assert not asked.is_farewell_due
    assert ask_on(next_term, coordinator, enrolment) == 0


def test_whoever_said_no_before_the_letter_was_written_gets_none(
    enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    people = enrolment.term.enrolments.all()
    renewals.ask_on(term=enrolment.term, people=people, into=next_term, by=coordinator, at=NOW)
    enrolments.leave(enrolment=next_term.enrolments.get(), user=enrolment.user, at=NOW)
    assert renewals.write_renewals(limit=10, at=NOW) == 1
    assert mails("renewal:") == []


def test_not_more_go_on_than_there_are_places(
    client: Client, term: Term, next_term: Term, coordinator: User
) -> None:
    EnrolmentFactory.create_batch(3, term=term)
    with pytest.raises(errors.TermFull):
        ask_on(next_term, coordinator, *term.enrolments.all())
    client.force_login(coordinator)
    page = client.get(f"/staff/terms/{term.pk}/renew/").text
    assert "That term has 2 places left" in page
    assert "Ask 3 people" not in page
    assert not next_term.enrolments.exists()
    assert mails("renewal:") == []


def test_nobody_is_asked_on_into_another_programme_or_a_term_that_is_over(
    enrolment: Enrolment, next_term: Term, coordinator: User
) -> None:
    over = TermFactory(programme=next_term.programme, ends_on=dt.date(2026, 1, 2))
    for wrong in (TermFactory(), over, enrolment.term):
        with pytest.raises(errors.NotRenewable):
            ask_on(wrong, coordinator, enrolment)
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


def test_who_has_not_finished_joining_is_reminded_once_after_a_week(
    term: Term, next_term: Term, enrolment: Enrolment, coordinator: User
) -> None:
    waiting = [EnrolmentFactory(term=term, status=status) for status in ("approved", "onboarding")]
    EnrolmentFactory(term=TermFactory(ends_on=dt.date(2026, 1, 2)), status="onboarding")
    Enrolment.objects.update(status_at=NOW)
    almost = NOW + dt.timedelta(days=7) - dt.timedelta(seconds=1)
    assert enrolments.remind_of_joining(limit=10, at=almost) == 0
    told = [
        enrolments.remind_of_joining(limit=10, at=NOW + dt.timedelta(days=days))
        for days in (7, 8, 30)
    ]
    assert told == [2, 0, 0]
    sent = mails("joining-waits:")
    assert {mail.to for mail in sent} == {row.user.email for row in waiting}
    assert {mail.subject for mail in sent} == {"Your place waits for you"}


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
    ask_on(next_term, coordinator, enrolment)
    enrolments.write_of_endings(limit=10, at=dt.datetime(2026, 12, 10, tzinfo=dt.UTC))
    enrolments.leave(enrolment=enrolment, user=enrolment.user, at=NOW)
    enrolments.write_farewells(limit=10, at=NOW)
    enrolments.remind_of_joining(limit=10, at=NOW + dt.timedelta(days=7))
    prefixes = ("renewal:", "term-ends:", "place-ended:", "joining-waits:")
    sent = [mail for prefix in prefixes for mail in mails(prefix)]
    assert len(sent) == 4
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


# --- Long over ------------------------------------------------------------------------


def test_what_a_term_left_behind_goes_two_years_after_its_last_day(
    term: Term, enrolment: Enrolment, coordinator: User
) -> None:
    day = dt.date(2026, 6, 5)
    user = enrolment.user
    Activity.objects.create(enrolment=enrolment, kind="spoke", on=day, said_by=user)
    Absence.objects.create(user=user, kind="tour", starts_on=day, ends_on=day, said_by=user)
    asked = invite_person(
        term=term, email="zq@example.org", name="Zq", language="en", by=coordinator, at=NOW
    )
    delegates.ask_delegate(ambassador=user, email="m@example.org", until_on=day, at=NOW)
    last = dt.datetime.combine(term.ends_on, dt.time(), dt.UTC)
    early = last + dt.timedelta(days=730)

    assert retention.forget_programmes(at=NOW + dt.timedelta(days=732)).rows == 0
    assert retention.forget_programmes(at=NOW + dt.timedelta(days=733)).rows == 2, "away, delegate"
    assert retention.forget_programmes(at=early).rows == 0
    proof = retention.forget_programmes(at=early + dt.timedelta(days=1))
    assert (proof.what, proof.rows) == ("programmes", 2)
    assert retention.forget_programmes(at=early + dt.timedelta(days=1)).rows == 0
    asked.refresh_from_db()
    assert (asked.name, asked.email) == ("", f"{asked.pk}@forgotten.invalid")
    assert not Activity.objects.exists()
    assert not Delegate.objects.exists()
    assert Enrolment.objects.filter(pk=enrolment.pk).exists()
