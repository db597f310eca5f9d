"""The staff console of programmes: what coordinators do, and what they never see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AccessLook, AuditEntry, Role, StaffGrant, User
from accounts.services.grants import give_role
from ambassadors import queries
from ambassadors.models import Enrolment, Invitation, Programme, ProgrammeGrant, Term
from ambassadors.services import agreements, enrolments, invitations, programmes
from ambassadors.services.rosters import continue_roster, start_reading, upload_roster
from ambassadors.tasks import end_terms
from tests.ambassadors.helpers import consent_text
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, ProgrammeFactory, TermFactory, UserFactory


@pytest.fixture
def staff(client: Client, coordinator: User, term: Term, settings: object) -> Client:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    Term.objects.update(ends_on=timezone.now().date() + dt.timedelta(days=30))
    client.force_login(coordinator)
    return client


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- Lists --------------------------------------------------------------------


def add_programme(term: Term) -> None:
    TermFactory(programme=ProgrammeFactory())


def add_term(term: Term) -> None:
    EnrolmentFactory(term=TermFactory(programme=term.programme))


def add_person(term: Term) -> None:
    EnrolmentFactory(term=term)


def add_invitation(term: Term) -> None:
    invitations.invite_person(
        term=term,
        email=UserFactory.build().email.replace("person", "asked"),
        name="Asked",
        language="en",
        by=None,
        at=NOW,
    )


@pytest.mark.parametrize(
    ("url", "add"),
    [
        ("/staff/programmes/", add_programme),
        ("/staff/programmes/open-door/", add_term),
        ("/staff/terms/{term}/", add_person),
        ("/staff/terms/{term}/invitations/", add_invitation),
        ("/staff/terms/{term}/people.csv", add_person),
        ("/programmes/", add_programme),
    ],
)
def test_a_list_of_three_asks_no_more_than_a_list_of_one(
    staff: Client, term: Term, url: str, add: Callable[[Term], None]
) -> None:
    url = url.format(term=term.pk)
    add(term)
    count_queries(staff, url)  # whatever is remembered after the first request
    one = count_queries(staff, url)
    add(term)
    add(term)
    assert count_queries(staff, url) == one
    assert one <= 13


def test_my_programmes_asks_the_same_for_three_as_for_one(client: Client, ambassador: User) -> None:
    client.force_login(ambassador)
    count_queries(client, "/me/programmes/")
    one = count_queries(client, "/me/programmes/")
    EnrolmentFactory(user=ambassador)
    EnrolmentFactory(user=ambassador)
    assert count_queries(client, "/me/programmes/") == one


def test_people_are_filtered_by_status_and_found_by_part_of_name_or_address(
    staff: Client, term: Term
) -> None:
    for name, status in (("Tide Marrow", "active"), ("Ñusta Quispe", "paused")):
        EnrolmentFactory(term=term, user__name=name, status=status)

    def shown(query: str) -> list[str]:
        page = staff.get(f"/staff/terms/{term.pk}/?{query}").content.decode()
        return [name for name in ("Tide Marrow", "Ñusta Quispe") if name in page]

    assert shown("") == ["Tide Marrow", "Ñusta Quispe"]
    assert shown("status=paused") == ["Ñusta Quispe"]
    assert shown("q=marr") == ["Tide Marrow"]
    assert shown("q=nobody") == []
    assert shown("status=nonsense&page=999") == ["Tide Marrow", "Ñusta Quispe"]


def test_the_file_of_people_cannot_be_taken_for_formulas(staff: Client, term: Term) -> None:
    EnrolmentFactory(term=term, user__name="=HYPERLINK(0)", user__email="+1@example.org")
    content = staff.get(f"/staff/terms/{term.pk}/people.csv").content.decode()
    assert content.startswith("\ufeffemail,")
    assert content.splitlines()[1].startswith("'+1@example.org,'=HYPERLINK(0),")
    assert AuditEntry.objects.filter(verb="term.export").count() == 1


# --- Setting up ---------------------------------------------------------------


def test_a_coordinator_makes_a_programme_and_its_term(staff: Client) -> None:
    form = {"name": "Long Road", "time_zone": "Europe/Madrid", "is_sensitive": "on"}
    response = staff.post("/staff/programmes/new/", form)
    assert response["Location"] == "/staff/programmes/long-road/"
    dates = {"name": "2027", "starts_on": "2027-01-01", "ends_on": "2027-12-31", "market": "ES"}
    staff.post("/staff/programmes/long-road/terms/new/", dates)
    term = Term.objects.get(programme__slug="long-road")
    assert (term.market, term.starts_on, term.capacity) == ("ES", dt.date(2027, 1, 1), None)
    assert queries.required_version(term) is not None


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "", "time_zone": "UTC"}, "required"),
        ({"name": "New", "time_zone": "UTC"}, "used by a page of ours"),
        ({"name": "Open Door", "time_zone": "UTC"}, "already exists"),
        ({"name": "Other", "slug": "open-door", "time_zone": "UTC"}, "has this address"),
        ({"name": "灯", "time_zone": "UTC"}, "Latin letters"),
        ({"name": "Other", "time_zone": "Mars/Olympus"}, "valid choice"),
        ({"name": "Other", "time_zone": "UTC", "contact_email": "no"}, "valid email"),
    ],
)
def test_a_wrong_programme_is_told_in_the_page_and_not_kept(
    staff: Client, form: dict[str, str], words: str
) -> None:
    response = staff.post("/staff/programmes/new/", form)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert Programme.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "T", "starts_on": "2027-02-01", "ends_on": "2027-01-01"}, "before the first"),
        ({"name": "Spring", "starts_on": "2027-01-01", "ends_on": "2027-02-01"}, "Choose another"),
        ({"name": "T", "starts_on": "soon", "ends_on": "2027-02-01"}, "valid date"),
        (
            {"name": "T", "starts_on": "2027-01-01", "ends_on": "2027-02-01", "capacity": "0"},
            "greater than or equal to 1",
        ),
        (
            {"name": "T", "starts_on": "2027-01-01", "ends_on": "2027-02-01", "market": "XX"},
            "valid choice",
        ),
    ],
)
def test_a_wrong_term_is_told_in_the_page_and_not_kept(
    staff: Client, form: dict[str, str], words: str
) -> None:
    response = staff.post("/staff/programmes/open-door/terms/new/", form)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert Term.objects.count() == 1


def test_inviting_by_the_page_keeps_what_was_typed_when_it_is_wrong(
    staff: Client, term: Term
) -> None:
    url = f"/staff/terms/{term.pk}/invite/"
    response = staff.post(url, {"email": "ada@exаmple.org", "name": "Ada", "language": "en"})
    assert response.status_code == 422
    assert "mixes letters of different alphabets" in response.content.decode()
    assert 'value="Ada"' in response.content.decode()
    staff.post(url, {"email": "Ada@example.org", "name": "Ada", "language": "en"})
    response = staff.post(url, {"email": "ada@example.org", "name": "Ada", "language": "en"})
    assert "has been invited to this term already" in response.content.decode()
    assert Invitation.objects.count() == 1


# --- Limits -------------------------------------------------------------------


def test_no_form_takes_a_name_that_turns_the_words_beside_it_around(
    staff: Client, term: Term, outsider: User
) -> None:
    invite = {"email": "ada@example.org", "name": "Vel\u202evet", "language": "en"}
    page = staff.post(f"/staff/terms/{term.pk}/invite/", invite)
    assert page.context["form"].errors.keys() == {"name"}
    staff.force_login(outsider)
    page = staff.post("/me/profile/", {"name": "Vel\u202evet"})
    assert page.context["form"].errors.keys() == {"name"}
    outsider.refresh_from_db()
    assert outsider.name == "Outsider"
    assert not Invitation.objects.exists()


def test_a_coordinator_of_one_programme_meets_the_others_as_absent(
    client: Client, term: Term, settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    local = make_user("local")
    give_role(user=local, role=Role.COORDINATOR, giver=None, at=NOW, all_programmes=False)
    other = EnrolmentFactory()
    mine = EnrolmentFactory(term=term)
    ProgrammeGrant.objects.create(
        grant=StaffGrant.objects.get(user=local), programme=term.programme
    )
    client.force_login(local)
    assert client.get(f"/staff/enrolments/{mine.pk}/").status_code == 200
    for url in (
        f"/staff/enrolments/{other.pk}/",
        f"/staff/terms/{other.term.pk}/",
        f"/staff/terms/{other.term.pk}/people.csv",
        f"/staff/programmes/{other.term.programme.slug}/",
        "/staff/programmes/new/",
    ):
        assert client.get(url).status_code == 404
    assert other.term.programme.name not in client.get("/staff/programmes/").content.decode()
    client.post(f"/staff/enrolments/{other.pk}/move/", {"to": "removed", "reason": "other"})
    other.refresh_from_db()
    assert other.status == "active"


def test_an_administrator_sets_up_terms_and_sees_nobody_in_them(
    client: Client, admin_user: User, enrolment: Enrolment, settings: object
) -> None:
    Term.objects.update(ends_on=timezone.now().date() + dt.timedelta(days=30))
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    client.force_login(admin_user)
    page = client.get("/staff/programmes/open-door/").content.decode()
    assert f'href="/staff/terms/{enrolment.term_id}/edit/"' in page
    assert f'href="/staff/terms/{enrolment.term_id}/"' not in page
    assert client.get(f"/staff/terms/{enrolment.term_id}/").status_code == 404


def test_nothing_a_coordinator_sees_tells_who_consented(
    staff: Client, enrolment: Enrolment, ambassador: User
) -> None:
    urls = [
        f"/staff/enrolments/{enrolment.pk}/",
        f"/staff/terms/{enrolment.term_id}/",
        f"/staff/terms/{enrolment.term_id}/people.csv",
    ]

    def pages() -> list[str]:
        return [staff.get(url).content.decode().split("csrfmiddlewaretoken")[0] for url in urls]

    before = pages()
    agreements.give_consent(user=ambassador, text=consent_text(), at=NOW)
    assert pages() == before


def test_each_look_at_a_person_is_kept_and_shows_whose_it_was(
    staff: Client, enrolment: Enrolment, coordinator: User
) -> None:
    staff.get(f"/staff/enrolments/{enrolment.pk}/")
    look = AccessLook.objects.get()
    assert (look.actor, look.subject_user, look.what) == (coordinator, enrolment.user, "enrolment")


# --- Moves --------------------------------------------------------------------


def test_a_coordinator_pauses_with_a_reason_that_the_person_can_read(
    staff: Client, enrolment: Enrolment, coordinator: User
) -> None:
    url = f"/staff/enrolments/{enrolment.pk}/"
    staff.post(url + "move/", {"to": "paused", "reason": "on_leave"})
    change = enrolment.changes.latest("pk")
    assert (change.to_status, change.reason, change.actor) == ("paused", "on_leave", coordinator)
    own = Client()
    own.force_login(enrolment.user)
    page = own.get(f"/me/programmes/{enrolment.pk}/").content.decode()
    assert "on tour or on leave" in page
    assert "coordinator" not in page.lower()


@pytest.mark.parametrize(
    ("status", "to"),
    [("invited", "onboarding"), ("onboarding", "active"), ("alumni", "active"), ("active", "x")],
)
def test_a_move_that_is_not_a_coordinators_is_refused_and_changes_nothing(
    staff: Client, term: Term, status: str, to: str
) -> None:
    enrolment = EnrolmentFactory(term=term, status=status)
    told = enrolment.changes.count()
    response = staff.post(f"/staff/enrolments/{enrolment.pk}/move/", {"to": to, "reason": "other"})
    assert response.status_code == 422
    enrolment.refresh_from_db()
    assert (enrolment.status, enrolment.changes.count()) == (status, told)


def test_a_reason_is_asked_for(staff: Client, enrolment: Enrolment) -> None:
    response = staff.post(f"/staff/enrolments/{enrolment.pk}/move/", {"to": "removed"})
    assert response.status_code == 422
    enrolment.refresh_from_db()
    assert enrolment.status == "active"


def test_whoever_is_let_back_in_agrees_once_more(term: Term, coordinator: User) -> None:
    enrolment = EnrolmentFactory(term=term, status="removed")
    back = enrolments.move_as_coordinator(
        enrolment=enrolment, to="onboarding", reason="reinstated", by=coordinator, at=NOW
    )
    client = Client()
    client.force_login(back.user)
    Term.objects.update(ends_on=timezone.now().date())
    page = client.get(f"/me/programmes/{back.pk}/join/").content.decode()
    assert "Ambassador agreement" in page


def test_a_person_pauses_and_resumes_but_not_what_staff_paused(
    client: Client, enrolment: Enrolment, coordinator: User
) -> None:
    client.force_login(enrolment.user)
    url = f"/me/programmes/{enrolment.pk}/"
    for _ in range(2):
        client.post(url + "pause/")
    enrolment.refresh_from_db()
    assert enrolment.status == "paused"
    for _ in range(2):
        client.post(url + "resume/")
    enrolment.refresh_from_db()
    assert (enrolment.status, enrolment.changes.count()) == ("active", 5)
    enrolments.move_as_coordinator(
        enrolment=enrolment, to="paused", reason="on_leave", by=coordinator, at=NOW
    )
    response = client.post(url + "resume/", follow=True)
    assert "Somebody from the programme paused this" in response.content.decode()
    enrolment.refresh_from_db()
    assert enrolment.status == "paused"


# --- The end of a term --------------------------------------------------------


def test_a_closed_term_makes_alumni_and_stops_its_links(term: Term, coordinator: User) -> None:
    people = {
        status: EnrolmentFactory(term=term, status=status)
        for status in ("invited", "onboarding", "active", "paused", "alumni", "removed")
    }
    add_invitation(term)
    later = NOW + dt.timedelta(hours=1)
    for _ in range(2):
        programmes.end_term(term=term, by=coordinator, at=later)
    after = {status: Enrolment.objects.get(pk=p.pk).status for status, p in people.items()}
    assert after == {
        "invited": "removed",
        "onboarding": "removed",
        "active": "alumni",
        "paused": "alumni",
        "alumni": "alumni",
        "removed": "removed",
    }
    assert not Invitation.objects.standing().exists()
    change = people["active"].changes.latest("pk")
    assert (change.reason, change.actor, change.at) == ("term_ended", coordinator, later)
    assert AuditEntry.objects.filter(verb="term.end").count() == 1


def test_a_term_closes_by_itself_when_its_last_day_has_passed(term: Term) -> None:
    enrolment = EnrolmentFactory(term=term)
    other = EnrolmentFactory(term=TermFactory(ends_on=dt.date(2099, 1, 1)))
    Term.objects.filter(pk=term.pk).update(ends_on=timezone.now().date() - dt.timedelta(days=2))
    assert end_terms() == 1
    assert end_terms() == 0
    enrolment.refresh_from_db()
    other.refresh_from_db()
    assert (enrolment.status, other.status) == ("alumni", "active")


# --- What portal and reports ask ----------------------------------------------


def test_what_waits_for_whom(term: Term, coordinator: User, outsider: User) -> None:
    joining = EnrolmentFactory(term=term, user=outsider, status="onboarding")
    add_invitation(term)
    roster = upload_roster(
        term=term,
        by=coordinator,
        file_name="r.csv",
        file=BytesIO(b"email\na@example.org\n"),
        at=NOW,
    )
    start_reading(roster=roster, columns={"email": 0}, allow_same_names=False, at=NOW)
    continue_roster(roster=roster, at=NOW)
    later = NOW + dt.timedelta(days=22)
    mine = queries.needs_you(outsider, at=later)
    assert [(n.kind, n.url) for n in mine] == [("enrolment", f"/me/programmes/{joining.pk}/join/")]
    theirs = queries.needs_you(coordinator, at=later)
    assert [(n.kind, n.url) for n in theirs] == [
        ("roster", f"/staff/rosters/{roster.pk}/"),
        ("invitation", f"/staff/terms/{term.pk}/invitations/"),
    ]


def test_the_home_card_shows_terms_that_are_not_over(ambassador: User, outsider: User) -> None:
    EnrolmentFactory(user=ambassador, status="removed")
    (card,) = queries.home_cards(ambassador, at=NOW)
    assert [e.status for e in card.enrolments] == ["active"]
    assert queries.home_cards(outsider, at=NOW) == []


def test_enrolled_people_are_counted_once_each_by_programme_and_quarter(term: Term) -> None:
    london, other = term.programme, TermFactory()
    both = UserFactory()
    feb, may = (dt.datetime(2026, month, 10, tzinfo=dt.UTC) for month in (2, 5))
    first = EnrolmentFactory(term=term, user=both, status_at=feb)
    EnrolmentFactory(term=other, user=both, status_at=may)
    EnrolmentFactory(term=term, status="onboarding", status_at=feb)
    Enrolment.objects.filter(pk=first.pk).update(status="paused", status_at=may)
    q1, q2, q3 = dt.date(2026, 1, 1), dt.date(2026, 4, 1), dt.date(2026, 7, 1)
    counted = {
        (row.quarter_starts_on, row.programme_id): row.people
        for row in queries.count_enrolled_people(first=q1, last=q3)
    }
    assert counted == {
        (q1, None): 1,
        (q1, london.pk): 1,
        (q2, None): 1,  # one person in two programmes is one person
        (q2, london.pk): 1,
        (q2, other.programme_id): 1,
        (q3, None): 1,
        (q3, other.programme_id): 1,
    }


def test_a_quarter_begins_at_midnight_where_the_programme_is(term: Term) -> None:
    term.programme.time_zone = "Pacific/Auckland"
    term.programme.save()
    # Already the first of July in Auckland.
    EnrolmentFactory(term=term, status_at=dt.datetime(2026, 6, 30, 12, 30, tzinfo=dt.UTC))
    counted = queries.count_enrolled_people(first=dt.date(2026, 4, 1), last=dt.date(2026, 7, 1))
    assert {row.quarter_starts_on for row in counted} == {dt.date(2026, 7, 1)}
