"""The link in a browser: every state it can be in, and every person who can hold it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from ambassadors.models import AdultConfirmation, Enrolment, Invitation, Term
from ambassadors.services import invitations
from ambassadors.services.programmes import end_term
from tests.ambassadors.helpers import agreement_text, consent_text, secret_of
from tests.conftest import NOW
from tests.factories import TermFactory


@pytest.fixture(autouse=True)
def clock() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def link(invitation: Invitation) -> str:
    return f"/join/{secret_of(invitation)}/"


def page_key(response: HttpResponse) -> str:
    found = re.search(r'name="page_key" value="([^"]+)"', response.content.decode())
    assert found is not None
    return found[1]


def go_on(client: Client, link: str, **answers: str) -> HttpResponse:
    key = page_key(client.get(link))
    return client.post(link, {"page_key": key, "is_adult": "yes", "lives_there": "yes", **answers})


def everything(invitation: Invitation) -> tuple[object, ...]:
    return (
        Invitation.objects.values().get(pk=invitation.pk),
        User.objects.count(),
        Enrolment.objects.count(),
    )


def test_opening_the_link_changes_nothing_however_often(
    client: Client, invitation: Invitation, link: str
) -> None:
    before = everything(invitation)
    for _ in range(3):
        response = client.get(link)
        assert response.status_code == 200
        client.head(link)
    assert everything(invitation) == before
    assert "_auth_user_id" not in client.session
    assert "ada@example.org" not in response.content.decode()


def test_the_whole_way_from_link_to_active_ambassador(client: Client, link: str) -> None:
    response = go_on(client, link)
    enrolment = Enrolment.objects.get()
    step = f"/me/programmes/{enrolment.pk}/join/"
    assert response["Location"] == step
    assert client.session["_auth_user_id"] == str(enrolment.user_id)

    assert "Ambassador agreement" in client.get(step).content.decode()
    client.post(step, {"sha256": agreement_text().sha256, "agree": "on"})
    enrolment.refresh_from_db()
    assert enrolment.status == "onboarding"

    assert "Consent to handle health data" in client.get(step).content.decode()
    response = client.post(step, {"sha256": consent_text().sha256, "answer": "yes"}, follow=True)
    enrolment.refresh_from_db()
    assert enrolment.status == "active"
    assert "You are in. Welcome." in response.content.decode()
    assert [c.to_status for c in enrolment.changes.order_by("pk")] == [
        "invited",
        "onboarding",
        "active",
    ]


def test_a_double_click_on_each_step_does_it_once(client: Client, link: str) -> None:
    key = page_key(client.get(link))
    other_click = Client()
    first = client.post(link, {"page_key": key, "is_adult": "yes", "lives_there": "yes"})
    second = other_click.post(link, {"page_key": key, "is_adult": "yes", "lives_there": "yes"})
    assert first["Location"] == second["Location"]
    step = first["Location"]
    agree = {"sha256": agreement_text().sha256, "agree": "on"}
    answer = {"sha256": consent_text().sha256, "answer": "no"}
    for data in (agree, agree, answer, answer):
        assert client.post(step, data).status_code == 302
    enrolment = Enrolment.objects.get()
    assert enrolment.status == "active"
    assert enrolment.changes.count() == 3
    assert enrolment.acceptances.count() == 1


def test_a_second_tab_that_is_behind_is_shown_where_things_are(client: Client, link: str) -> None:
    step = go_on(client, link)["Location"]
    client.post(step, {"sha256": agreement_text().sha256, "agree": "on"})
    client.post(step, {"sha256": consent_text().sha256, "answer": "no"})
    late = client.post(step, {"sha256": agreement_text().sha256, "agree": "on"}, follow=True)
    assert late.redirect_chain[-1][0] == f"/me/programmes/{Enrolment.objects.get().pk}/"


def test_nothing_chosen_is_told_in_the_page(client: Client, link: str) -> None:
    response = client.post(link, {"page_key": "k" * 20})
    assert response.status_code == 422
    assert "There is a problem" in response.content.decode()
    step = go_on(client, link)["Location"]
    response = client.post(step, {"sha256": agreement_text().sha256})
    assert "Tick the box if you agree" in response.content.decode()
    client.post(step, {"sha256": agreement_text().sha256, "agree": "on"})
    response = client.post(step, {"sha256": consent_text().sha256, "answer": ""})
    assert "Choose one of the two" in response.content.decode()
    assert Enrolment.objects.get().status == "onboarding"


def test_no_to_18_shows_help_and_keeps_nothing(
    client: Client, invitation: Invitation, link: str
) -> None:
    before = everything(invitation)
    response = go_on(client, link, is_adult="no")
    page = response.content.decode()
    assert "people you can talk to now" in page
    assert 'href="/help/"' in page
    assert everything(invitation) == before
    assert not AdultConfirmation.objects.exists()


def test_the_age_is_asked_once(
    client: Client, link: str, invitation: Invitation, coordinator: User
) -> None:
    go_on(client, link)
    second = invitations.invite_person(
        term=TermFactory(),
        email=invitation.email,
        name="",
        language="en",
        by=coordinator,
        at=NOW,
    )
    page = client.get(f"/join/{secret_of(second)}/")
    assert "Are you 18" not in page.text
    client.post(f"/join/{secret_of(second)}/", {"page_key": page_key(page)})
    assert Enrolment.objects.count() == 2


def test_a_used_link_says_so_to_others_and_leads_its_owner_on(client: Client, link: str) -> None:
    step = go_on(client, link)["Location"]
    assert client.get(link)["Location"] == step
    response = Client().get(link)
    assert response.status_code == 410
    assert "This link has been used" in response.content.decode()
    assert "Sign in and go on" in response.content.decode()


def test_an_unknown_link_says_so_and_offers_a_way_on(client: Client, db: None) -> None:
    response = client.get("/join/not-a-link/")
    assert response.status_code == 404
    assert "We do not know this link" in response.content.decode()


def test_an_expired_link_sends_a_new_one_to_the_invited_address(
    client: Client, link: str, invitation: Invitation, clock: time_machine.Traveller
) -> None:
    clock.move_to(NOW + dt.timedelta(days=22))
    response = client.get(link)
    assert response.status_code == 410
    assert "Send me a new link" in response.content.decode()
    response = client.post(link + "again/")
    assert "We have sent it to a•••@example.org" in response.content.decode()
    invitation.refresh_from_db()
    assert invitation.sent_count == 2
    assert Client().get(f"/join/{secret_of(invitation)}/").status_code == 200
    assert Client().get(link).status_code == 404  # the old secret opens nothing any more


def test_a_revoked_link_and_a_closed_term_say_so(
    client: Client, link: str, invitation: Invitation, term: Term, coordinator: User
) -> None:
    end_term(term=term, by=coordinator, at=NOW)
    response = client.get(link)
    assert response.status_code == 410
    assert "taken back" in response.content.decode()


def test_this_is_not_me_is_noted_and_stops_the_link(client: Client, link: str) -> None:
    for _ in range(2):
        response = client.post(link + "decline/", follow=True)
    assert "will not hear from us about it again" in response.content.decode()
    response = client.post(
        link, {"page_key": "k" * 20, "is_adult": "yes", "lives_there": "yes"}, follow=True
    )
    assert not Enrolment.objects.exists()


def test_somebody_else_who_is_signed_in_is_told_and_can_switch(
    client: Client, link: str, invitation: Invitation, outsider: User
) -> None:
    client.force_login(outsider, backend="accounts.adapters.SignInBackend")
    page = client.get(link).content.decode()
    assert "You are signed in as somebody else" in page
    assert "a•••@example.org" in page
    assert "outsider@example.org" in page
    before = everything(invitation)
    client.post(link, {"page_key": "k" * 20, "is_adult": "yes", "lives_there": "yes"})
    assert everything(invitation) == before
    client.post(link + "switch/")
    assert "_auth_user_id" not in client.session
    go_on(client, link)
    assert Enrolment.objects.get().user.email == "ada@example.org"


def test_a_private_programme_is_named_only_after_the_person_has_said_it_is_them(
    client: Client, link: str, term: Term
) -> None:
    term.programme.is_sensitive = True
    term.programme.is_listed = False
    term.programme.contact_email = "open-door@example.org"
    term.programme.save()
    term.market = "GB"
    term.save()
    page = client.get(link).text
    assert "Open Door" not in page
    assert "for people in one country: United Kingdom" in page
    with time_machine.travel(NOW + dt.timedelta(days=60), tick=False):
        closed = client.get(link).text
    assert "This link has run out" in closed
    assert "open-door@" not in closed
    step = go_on(client, link)["Location"]
    assert "Open Door" in client.get(step).content.decode()


def test_whoever_has_a_second_factor_is_asked_for_it(
    client: Client, link: str, invitation: Invitation
) -> None:
    ada = User.objects.create_user("ada@example.org")
    TOTP.activate(ada, generate_totp_secret())
    response = go_on(client, link)
    assert response["Location"].startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in client.session


def test_a_closed_account_cannot_be_entered_by_an_invitation(
    client: Client, link: str, invitation: Invitation
) -> None:
    User.objects.create_user("ada@example.org", is_active=False)
    before = everything(invitation)
    go_on(client, link)
    assert everything(invitation) == before
    assert "_auth_user_id" not in client.session
