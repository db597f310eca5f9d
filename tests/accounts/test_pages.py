"""A person's own pages, and the staff's pages about people, roles and approvals."""

from __future__ import annotations

import datetime as dt

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AccessLook, Approval, AuditEntry, Role, StaffGrant, User
from accounts.queries import needs_you
from accounts.rules import has_role
from accounts.services.access_log import record_look
from accounts.services.approvals import request_approval
from tests.accounts.conftest import PASSWORD
from tests.conftest import make_staff, make_user

BACKEND = "accounts.adapters.SignInBackend"


@pytest.fixture(autouse=True)
def _without_second_factor(settings: Settings) -> None:
    settings.REQUIRE_MFA = False


def signed_in(user: User) -> Client:
    visitor = Client()
    visitor.force_login(user, BACKEND)
    return visitor


def test_somebody_says_how_to_be_called_and_in_which_language(attendee: User) -> None:
    visitor = signed_in(attendee)
    answer = visitor.post(
        reverse("accounts:profile"),
        {"name": "Añá", "language": "es", "time_zone": "America/Bogota"},
    )

    attendee.refresh_from_db()
    assert (attendee.name, attendee.language, attendee.time_zone) == ("Añá", "es", "America/Bogota")
    assert answer.cookies["django_language"].value == "es"
    page = visitor.get(reverse("accounts:profile"))
    assert page["Content-Language"] == "es"
    assert [str(said) for said in page.context["messages"]] == ["Guardado."]
    entry = AuditEntry.objects.get(verb="profile.change")
    assert entry.fields == ["name", "language", "time_zone"]


def test_an_unknown_zone_is_refused_and_what_was_typed_stays(attendee: User) -> None:
    answer = signed_in(attendee).post(
        reverse("accounts:profile"), {"name": "New name", "time_zone": "Mars/Olympus"}
    )

    attendee.refresh_from_db()
    assert answer.status_code == 200
    assert 'value="New name"' in answer.text
    assert answer.context["form"].errors.keys() == {"time_zone"}
    assert attendee.name == "Attendee"


def test_signing_in_takes_the_language_and_zone_of_the_account_along(
    ann: User, visitor: Client
) -> None:
    User.objects.filter(pk=ann.pk).update(language="es", time_zone="Europe/Madrid")
    answer = visitor.post(reverse("account_login"), {"login": ann.email, "password": PASSWORD})

    assert answer.cookies["django_language"].value == "es"
    assert answer.cookies["tz"].value == "Europe/Madrid"


def test_a_person_sees_who_looked_and_nobody_elses_looks(
    attendee: User, outsider: User, care_coordinator: User, now: dt.datetime
) -> None:
    record_look(care_coordinator, attendee, "bookings", now, purpose="asked for help")

    seen = signed_in(attendee).get(reverse("accounts:privacy")).text
    assert "bookings" in seen
    assert "asked for help" in seen
    assert "bookings" not in signed_in(outsider).get(reverse("accounts:privacy")).text


def test_an_administrator_finds_a_person_by_their_whole_address_only(
    admin_user: User, attendee: User
) -> None:
    visitor = signed_in(admin_user)
    found = visitor.post(reverse("accounts:people"), {"email": "ATTENDEE@example.org"})
    assert found["Location"] == reverse("accounts:person", args=[attendee.pk])

    for email in ("attendee", "attendee@", "nobody@example.org"):
        answer = visitor.post(reverse("accounts:people"), {"email": email})
        assert answer.status_code == 200
        assert answer.context["form"].errors.keys() == {"email"}
        assert f'value="{email}"' in answer.text


def test_opening_a_person_is_a_look_that_they_see(admin_user: User, attendee: User) -> None:
    signed_in(admin_user).get(reverse("accounts:person", args=[attendee.pk]))

    look = AccessLook.objects.get(subject_user=attendee)
    assert (look.actor, look.what) == (admin_user, "account and roles")


def test_an_administrator_gives_a_role_until_a_day_and_withdraws_it(
    admin_user: User, attendee: User
) -> None:
    admin_user.set_unusable_password()  # nothing to prove again with
    admin_user.save()
    visitor = signed_in(admin_user)
    at = dt.datetime.now(dt.UTC)
    until = at.date() + dt.timedelta(days=5)
    visitor.post(
        reverse("accounts:give-role", args=[attendee.pk]), {"role": "care", "until_on": until}
    )
    grant = StaffGrant.objects.get(user=attendee)
    assert (grant.role, grant.until_on, grant.granted_by) == ("care", until, admin_user)

    page = visitor.post(reverse("accounts:withdraw-role", args=[grant.pk]), follow=True)
    assert "withdrawn" in page.text
    assert not has_role(attendee, at=dt.datetime.now(dt.UTC))


def test_a_day_that_is_over_and_a_role_that_is_none_are_refused(
    admin_user: User, attendee: User
) -> None:
    admin_user.set_unusable_password()
    admin_user.save()
    answer = signed_in(admin_user).post(
        reverse("accounts:give-role", args=[attendee.pk]),
        {"role": "king", "until_on": "2020-01-01"},
    )

    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == {"role", "until_on"}
    assert not StaffGrant.objects.filter(user=attendee).exists()


def test_a_role_is_given_only_after_proving_again_who_one_is(attendee: User) -> None:
    admin = make_staff("boss", Role.ADMIN)
    admin.set_password(PASSWORD)
    admin.save()
    visitor = signed_in(admin)
    answer = visitor.post(
        reverse("accounts:give-role", args=[attendee.pk]), {"role": "care", "until_on": ""}
    )
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert not StaffGrant.objects.filter(user=attendee).exists()

    visitor.post(answer["Location"], {"password": PASSWORD})

    assert StaffGrant.objects.get(user=attendee).role == "care"


def test_who_loses_a_role_is_signed_out_everywhere(
    admin_user: User, ann: User, now: dt.datetime
) -> None:
    from accounts.services.grants import give_role, withdraw_role

    grant = give_role(user=ann, role=Role.CARE, giver=None, at=now)
    visitor = Client()
    visitor.post(reverse("account_login"), {"login": ann.email, "password": PASSWORD})
    assert UserSession.objects.filter(user=ann).count() == 1

    withdraw_role(grant=grant, withdrawer=admin_user, at=now)

    assert visitor.get(reverse("accounts:profile")).status_code == 302


@pytest.fixture
def approval(finance: User, attendee: User, now: dt.datetime) -> Approval:
    return request_approval(
        kind="test.change",
        target=attendee,
        title="Fund the Blue pool with 300",
        role=Role.FINANCE,
        requester=finance,
        at=now,
    )


def test_what_waits_for_a_second_person_stands_in_their_list_and_not_in_the_first_ones(
    approval: Approval, finance: User, coordinator: User, now: dt.datetime
) -> None:
    second = make_staff("second", Role.FINANCE)

    assert [need.title for need in needs_you(second, at=now)] == [
        "Approve or refuse: Fund the Blue pool with 300"
    ]
    assert needs_you(finance, at=now) == []
    assert needs_you(coordinator, at=now) == []


def test_the_second_person_approves_on_the_page(approval: Approval) -> None:
    second = signed_in(make_staff("second", Role.FINANCE))
    assert approval.title in second.get(reverse("accounts:approvals")).text

    second.post(reverse("accounts:decide", args=[approval.pk]), {"decision": "approve"})

    approval.refresh_from_db()
    assert approval.status == "approved"


def test_who_asked_is_told_that_somebody_else_has_to_decide(
    approval: Approval, finance: User
) -> None:
    page = signed_in(finance).post(
        reverse("accounts:decide", args=[approval.pk]), {"decision": "approve"}, follow=True
    )

    approval.refresh_from_db()
    assert "cannot also decide" in page.text
    assert approval.status == "requested"


def test_a_decision_that_is_none_changes_nothing(approval: Approval) -> None:
    second = signed_in(make_staff("second", Role.FINANCE))
    page = second.post(
        reverse("accounts:decide", args=[approval.pk]), {"decision": ""}, follow=True
    )

    approval.refresh_from_db()
    assert "Choose whether" in page.text
    assert approval.status == "requested"


@pytest.mark.parametrize("route", ["accounts:people", "accounts:audit", "accounts:approvals"])
def test_lists_ask_the_database_as_often_for_three_rows_as_for_one(
    route: str, admin_user: User, now: dt.datetime
) -> None:
    visitor = signed_in(admin_user)

    def add(name: str) -> None:
        asker = make_staff(name, Role.ADMIN)
        request_approval(
            kind=name, target=asker, title=name, role=Role.ADMIN, requester=asker, at=now
        )

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert visitor.get(reverse(route)).status_code == 200
        return len(captured)

    add("first")
    visitor.get(reverse(route))
    with_one = queries()
    add("second")
    add("third")
    assert queries() == with_one


def test_the_list_of_looks_asks_as_often_for_three_as_for_one(
    attendee: User, now: dt.datetime
) -> None:
    visitor = signed_in(attendee)
    visitor.get(reverse("accounts:privacy"))
    counts = []
    for names in (["one"], ["two", "three"]):
        for name in names:
            record_look(make_user(name), attendee, "bookings", now)
        with CaptureQueriesContext(connection) as captured:
            visitor.get(reverse("accounts:privacy"))
        counts.append(len(captured))

    assert counts[0] == counts[1]
