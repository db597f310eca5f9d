"""Terms for people in one country: asked once, kindly, and a no is kept nowhere."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from ambassadors import errors
from ambassadors.models import Enrolment, Invitation, Reason, Term
from ambassadors.services import enrolments, invitations, personal_data, renewals
from tests.ambassadors.helpers import agreement_text, secret_of
from tests.ambassadors.test_consent import accept
from tests.ambassadors.test_joining import clock, everything, go_on, link
from tests.ambassadors.test_rosters import import_
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, TermFactory

__all__ = ["clock", "link"]  # fixtures: noon, and the link in Ada's mail

QUESTION = "Do you live in this country: United Kingdom?"
ELSEWHERE = "This term is for people who live in this country: United Kingdom."


def test_an_invitation_to_a_term_for_one_country_asks_once_and_keeps_the_yes(
    client: Client, link: str
) -> None:
    assert QUESTION in client.get(link).text
    unanswered = client.post(link, {"page_key": "k" * 20, "is_adult": "yes"})
    assert unanswered.status_code == 422
    step = go_on(client, link)["Location"]
    enrolment = Enrolment.objects.get()
    assert enrolment.country_said_at == NOW
    assert "Ambassador agreement" in client.get(step).text
    [told] = personal_data.export(enrolment.user)["enrolments"]
    assert told["said_to_live_in_its_country_at"] == NOW


def test_whoever_lives_elsewhere_hears_what_it_means_and_leaves_nothing_behind(
    client: Client, link: str, invitation: Invitation
) -> None:
    before = everything(invitation)
    page = go_on(client, link, lives_there="no").text
    assert ELSEWHERE in page
    assert "programme@example.org" in page
    assert everything(invitation) == before
    assert "_auth_user_id" not in client.session
    # Pressed by mistake: the link still works.
    assert go_on(client, link).status_code == 302
    assert Enrolment.objects.get().country_said_at == NOW


def test_the_service_takes_no_for_an_answer_too(invitation: Invitation) -> None:
    before = everything(invitation)
    with pytest.raises(errors.LivesElsewhere):
        invitations.claim_invitation(
            invitation=invitation, is_adult=True, lives_there=False, page_key="page", at=NOW
        )
    assert everything(invitation) == before


def test_a_private_programme_is_not_named_by_its_address_to_whoever_holds_the_link(
    client: Client, link: str, term: Term
) -> None:
    term.programme.is_sensitive = True
    term.programme.contact_email = "open-door@example.org"
    term.programme.save()
    page = go_on(client, link, lives_there="no").text
    assert "Ask whoever invited you" in page
    assert "open-door@" not in page
    owner = User.objects.create_user("ada@example.org")
    client.force_login(owner, backend="accounts.adapters.SignInBackend")
    assert "open-door@example.org" in go_on(client, link, lives_there="no").text


def test_a_term_for_any_country_asks_nobody(client: Client, link: str, term: Term) -> None:
    term.market = ""
    term.save()
    assert "Do you live in" not in client.get(link).text
    client.post(link, {"page_key": "k" * 20, "is_adult": "yes"})
    assert Enrolment.objects.get().country_said_at is None


def test_where_a_roster_named_the_country_nobody_is_asked(client: Client, term: Term) -> None:
    import_(
        term,
        "email,stage name,language,country\n"
        "ada@example.org,Ada,en,United Kingdom\n"
        "bo@example.org,Bo,en,\n",
    )
    invitations.send_waiting_invitations(limit=10, at=NOW)
    ada, bo = (f"/join/{secret_of(row)}/" for row in term.invitations.order_by("email"))
    assert QUESTION in client.get(bo).text
    assert QUESTION not in client.get(ada).text
    response = client.post(ada, {"page_key": "k" * 20, "is_adult": "yes"})
    assert "Ambassador agreement" in client.get(response["Location"]).text
    # What the file said is not what the person said.
    assert Enrolment.objects.get().country_said_at is None


def ask_on(enrolment: Enrolment, market: str, by: User) -> Enrolment:
    into = TermFactory(programme=enrolment.term.programme, market=market)
    people = Enrolment.objects.filter(pk=enrolment.pk)
    renewals.ask_on(term=enrolment.term, people=people, into=into, by=by, at=NOW)
    return into.enrolments.get()


def test_going_on_into_the_term_of_another_country_asks_before_anything_is_accepted(
    client: Client, enrolment: Enrolment, coordinator: User
) -> None:
    asked = ask_on(enrolment, "US", coordinator)
    with pytest.raises(errors.LivesElsewhere):
        accept(asked)
    client.force_login(asked.user)
    step = f"/me/programmes/{asked.pk}/join/"
    page = client.get(step).text
    assert "Do you live in this country: United States?" in page
    assert "Ambassador agreement" not in page
    assert client.post(step, {"lives_there": ""}).status_code == 422
    # The agreement cannot be sent past the question.
    client.post(step, {"sha256": agreement_text().sha256, "agree": "on"})
    before = Enrolment.objects.values().get(pk=asked.pk)
    no = client.post(step, {"lives_there": "no"}).text
    assert "for people who live in this country: United States" in no
    assert "programme@example.org" in no
    assert Enrolment.objects.values().get(pk=asked.pk) == before
    assert (before["status"], before["country_said_at"]) == ("invited", None)
    assert "Ambassador agreement" in client.post(step, {"lives_there": "yes"}, follow=True).text
    asked.refresh_from_db()
    assert (asked.status_reason, asked.country_said_at) == (Reason.RENEWED, NOW)
    assert accept(asked).status == "onboarding"


def test_going_on_in_the_same_country_or_in_any_asks_nothing_again(
    client: Client, enrolment: Enrolment, coordinator: User
) -> None:
    for market in ("GB", ""):
        asked = ask_on(enrolment, market, coordinator)
        client.force_login(asked.user)
        assert "Ambassador agreement" in client.get(f"/me/programmes/{asked.pk}/join/").text
    # Who comes by an invitation and has been in a term of the country is not asked either.
    again = invitations.invite_person(
        term=TermFactory(), email=enrolment.user.email, name="", language="en", by=None, at=NOW
    )
    assert not invitations.asks_country(again)


def test_whoever_is_let_back_in_before_they_answered_is_asked_then(
    client: Client, enrolment: Enrolment, coordinator: User
) -> None:
    asked = ask_on(enrolment, "US", coordinator)
    enrolments.leave(enrolment=asked, user=asked.user, at=NOW)
    enrolments.move_as_coordinator(
        enrolment=asked, to="onboarding", reason="reinstated", by=coordinator, at=NOW
    )
    with pytest.raises(errors.LivesElsewhere):
        accept(asked)
    with pytest.raises(errors.LivesElsewhere):
        enrolments.finish_joining(enrolment=asked, user=asked.user, consent=None, at=NOW)
    client.force_login(asked.user)
    page = client.get(f"/me/programmes/{asked.pk}/join/").text
    assert "Do you live in this country: United States?" in page


def make_active_by_hand(enrolment: Enrolment) -> None:
    with transaction.atomic():
        Enrolment.objects.filter(pk=enrolment.pk).update(status="active")


def test_the_database_lets_nobody_in_who_did_not_say_that_they_live_there(term: Term) -> None:
    joining = EnrolmentFactory(term=term, status="onboarding", country_said_at=None)
    # What they said, or were, in the terms of other countries is no answer here.
    EnrolmentFactory(user=joining.user, term=TermFactory(market="US"))
    EnrolmentFactory(user=joining.user, term=term_of(term, ""))
    EnrolmentFactory(
        user=joining.user, term=term_of(term, "GB"), status="removed", country_said_at=None
    )
    with pytest.raises(IntegrityError, match="nobody said that they live in the country"):
        make_active_by_hand(joining)
    Enrolment.objects.filter(pk=joining.pk).update(country_said_at=NOW)
    make_active_by_hand(joining)


def test_the_database_knows_every_other_way_in(term: Term) -> None:
    """By application, by a roster that named the country, from a term there, or any country."""
    applied = EnrolmentFactory(term=term, status="approved", country_said_at=None)
    Enrolment.objects.filter(pk=applied.pk).update(status="onboarding")
    listed = EnrolmentFactory(term=term, status="onboarding", country_said_at=None)
    Invitation.objects.create(
        term=term,
        email=listed.user.email,
        invited_at=NOW,
        is_country_known=True,
        accepted_at=NOW,
        enrolment=listed,
    )
    been = EnrolmentFactory(term=term, status="onboarding", country_said_at=None)
    EnrolmentFactory(user=been.user, term=term_of(term, "GB"), status="alumni")
    anywhere = EnrolmentFactory(term=term_of(term, ""), status="onboarding", country_said_at=None)
    for joining in (applied, listed, been, anywhere):
        make_active_by_hand(joining)
    assert Enrolment.objects.filter(status="active").count() == 4


def term_of(term: Term, market: str) -> Term:
    return TermFactory(programme=term.programme, market=market)


def test_an_application_has_answered_it_and_nobody_answers_for_another(term: Term) -> None:
    approved = EnrolmentFactory(term=term, status="approved", country_said_at=None)
    accept(approved)
    invited = EnrolmentFactory(term=term, status="invited", country_said_at=None)
    with pytest.raises(errors.IllegalMove):
        enrolments.confirm_country(enrolment=invited, user=approved.user, at=NOW)
