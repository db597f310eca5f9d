"""Asking one person: the mail, its link, and everything that can become of it."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import AuditEntry, User
from ambassadors import errors
from ambassadors.models import AdultConfirmation, Enrolment, Invitation, Term
from ambassadors.queries import invitation_by_secret, places_left
from ambassadors.services import invitations
from ambassadors.services.programmes import end_term
from notifications.models import Message
from tests.ambassadors.helpers import mail_of, secret_of
from tests.conftest import NOW
from tests.factories import EnrolmentFactory

LATER = NOW + dt.timedelta(days=1)


def invite(term: Term, email: str, at: dt.datetime = NOW) -> Invitation:
    return invitations.invite_person(
        term=term, email=email, name="Somebody", language="en", by=None, at=at
    )


def claim(invitation: Invitation, at: dt.datetime = NOW, key: str = "page") -> invitations.Joined:
    return invitations.claim_invitation(
        invitation=invitation, is_adult=True, lives_there=True, page_key=key, at=at
    )


def test_being_invited_makes_neither_account_nor_enrolment(invitation: Invitation) -> None:
    assert invitation.email == "ada@example.org"
    assert not User.objects.filter(email="ada@example.org").exists()
    assert not Enrolment.objects.exists()


def test_the_secret_is_in_the_mail_and_nowhere_else(invitation: Invitation) -> None:
    secret = secret_of(invitation)
    assert len(secret) == 43
    assert secret not in str(Invitation.objects.values().get())


def test_the_mail_names_programme_and_term_and_never_therapy(invitation: Invitation) -> None:
    mail = mail_of(invitation)
    assert mail.subject == "An invitation for you"
    assert "Open Door, Spring" in mail.text
    for word in ("therap", "session", "health", "wellness", "counsel"):
        assert word not in (mail.subject + mail.text + mail.html).lower()


def test_the_mail_of_a_private_programme_names_nothing(term: Term) -> None:
    term.programme.is_sensitive = True
    term.programme.save()
    mail = mail_of(invite(term, "ada@example.org"))
    for part in (mail.subject, mail.text, mail.html):
        assert "Open Door" not in part
        assert "Spring" not in part


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("", errors.AddressUnusable),
        ("ada", errors.AddressUnusable),
        ("ada@example", errors.AddressUnusable),
        ("ada@exаmple.org", errors.AddressMixesAlphabets),  # a Cyrillic а
        ("аda@example.org", errors.AddressMixesAlphabets),
        ("ada@раураӏ.com", errors.AddressMixesAlphabets),
    ],
)
def test_an_address_that_cannot_be_or_may_deceive_is_refused(
    term: Term, typed: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        invite(term, typed)
    assert not Invitation.objects.exists()
    assert not Message.objects.exists()


def test_one_address_in_any_spelling_is_invited_once(invitation: Invitation, term: Term) -> None:
    for typed in ("ada@example.org", "ADA@EXAMPLE.ORG", "ａｄａ@example.org"):
        with pytest.raises(errors.AlreadyInvited):
            invite(term, typed)
    assert Invitation.objects.count() == 1


def test_somebody_in_the_term_is_not_invited_to_it(term: Term, ambassador: User) -> None:
    with pytest.raises(errors.AlreadyEnrolled):
        invite(term, ambassador.email)


def test_open_invitations_take_up_places(term: Term) -> None:
    Term.objects.update(capacity=2)
    EnrolmentFactory(term=term)
    invite(term, "one@example.org")
    with pytest.raises(errors.TermFull):
        invite(term, "two@example.org")
    invitations.revoke_invitation(
        invitation=Invitation.objects.get(), by=EnrolmentFactory().user, at=NOW
    )
    invite(term, "two@example.org")


def test_using_the_link_makes_a_proved_account_and_an_enrolment(
    invitation: Invitation, coordinator: User
) -> None:
    joined = claim(invitation)
    assert (joined.user.email, joined.user.name) == ("ada@example.org", "Ada Lumen")
    assert not joined.user.has_usable_password()
    assert EmailAddress.objects.get(user=joined.user).verified
    change = joined.enrolment.changes.get()
    assert (change.to_status, change.actor, change.at) == (
        "invited",
        coordinator,
        invitation.invited_at,
    )


def test_using_the_link_finds_the_account_there_is(invitation: Invitation) -> None:
    ada = User.objects.create_user("ada@example.org", name="Ada of old")
    joined = claim(invitation)
    assert joined.user == ada
    assert joined.user.name == "Ada of old"


def test_using_the_link_finds_who_proved_the_address_as_a_second_one(
    invitation: Invitation, outsider: User
) -> None:
    EmailAddress.objects.create(user=outsider, email="ada@example.org", verified=True)
    assert claim(invitation).user == outsider


def test_somebody_elses_unproved_claim_to_the_address_counts_for_nothing(
    invitation: Invitation, outsider: User
) -> None:
    EmailAddress.objects.create(user=outsider, email="ada@example.org", verified=False)
    assert claim(invitation).user != outsider


def test_a_link_works_once(invitation: Invitation) -> None:
    claim(invitation, key="the page that was open")
    with pytest.raises(errors.InvitationUnusable):
        claim(invitation, key="another page")
    assert Enrolment.objects.count() == 1


def test_a_double_click_gets_the_first_clicks_answer_for_ten_minutes(
    invitation: Invitation,
) -> None:
    first = claim(invitation)
    assert claim(invitation, at=NOW + dt.timedelta(minutes=9)) == first
    with pytest.raises(errors.InvitationUnusable):
        claim(invitation, at=NOW + dt.timedelta(minutes=11))
    assert Enrolment.objects.count() == 1


def test_an_expired_link_is_refused_and_can_be_sent_again(invitation: Invitation) -> None:
    late = NOW + dt.timedelta(days=21)
    old = secret_of(invitation)
    with pytest.raises(errors.InvitationUnusable):
        claim(invitation, at=late)
    again = invitations.resend_invitation(invitation=invitation, by=None, at=late)
    assert again.sent_count == 2
    assert secret_of(again) != old
    assert claim(again, at=late).enrolment.status == "invited"


def test_it_is_not_sent_again_within_ten_minutes(invitation: Invitation) -> None:
    soon = NOW - dt.timedelta(minutes=55)
    with pytest.raises(errors.SentJustNow):
        invitations.resend_invitation(invitation=invitation, by=None, at=soon)
    assert Message.objects.count() == 1


def test_a_revoked_link_does_nothing(invitation: Invitation, coordinator: User) -> None:
    for _ in range(2):
        invitations.revoke_invitation(invitation=invitation, by=coordinator, at=NOW)
    with pytest.raises(errors.InvitationUnusable):
        claim(invitation)
    with pytest.raises(errors.InvitationUnusable):
        invitations.resend_invitation(invitation=invitation, by=coordinator, at=LATER)
    assert not Enrolment.objects.exists()


def test_this_is_not_me_is_the_last_mail_to_that_address(
    invitation: Invitation, term: Term
) -> None:
    for _ in range(2):
        invitations.decline_invitation(invitation=invitation, at=NOW)
    with pytest.raises(errors.DeclinedBefore):
        invite(term, "ada@example.org", at=LATER)
    with pytest.raises(errors.InvitationUnusable):
        invitations.resend_invitation(invitation=invitation, by=None, at=LATER)
    assert Message.objects.count() == 1


def test_somebody_under_18_leaves_no_trace(invitation: Invitation) -> None:
    before = Invitation.objects.values().get()
    with pytest.raises(errors.AdultsOnly):
        invitations.claim_invitation(
            invitation=invitation, is_adult=False, lives_there=True, page_key="page", at=NOW
        )
    assert Invitation.objects.values().get() == before
    assert not AdultConfirmation.objects.exists()
    assert not User.objects.filter(email="ada@example.org").exists()


def test_a_link_to_a_term_that_ended_is_refused(invitation: Invitation, term: Term) -> None:
    end_term(term=term, by=None, at=NOW)
    with pytest.raises(errors.InvitationUnusable):
        claim(invitation)
    assert not Enrolment.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": NOW, "declined_at": NOW},
        {"accepted_at": NOW},
        {"secret_digest": None},
        {"email": "ADA@example.org"},
    ],
)
def test_the_database_refuses_an_invitation_that_contradicts_itself(
    invitation: Invitation, change: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk).update(**change)


def test_the_database_refuses_a_second_invitation_of_one_address(invitation: Invitation) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(term=invitation.term, email=invitation.email, invited_at=NOW)


def test_all_that_ran_out_are_sent_again_with_links_of_their_own(
    term: Term, coordinator: User
) -> None:
    ran_out = [invite(term, f"p{number}@example.org") for number in range(3)]
    old = secret_of(ran_out[0])
    later = NOW + invitations.LIFETIME
    young = invite(term, "young@example.org", at=later)
    invitations.decline_invitation(invitation=ran_out[2], at=NOW)
    assert invitations.resend_run_out(term=term, by=coordinator, at=later) == 2
    assert invitations.resend_run_out(term=term, by=coordinator, at=later) == 0
    assert invitation_by_secret(old) is None
    assert Invitation.objects.get(pk=ran_out[0].pk).state(at=later) == "waiting"
    assert invitations.send_waiting_invitations(limit=10, at=later) == 2
    again = Invitation.objects.get(pk=ran_out[0].pk)
    assert (again.sent_count, again.state(at=later)) == (2, "sent")
    assert secret_of(again) != old
    young.refresh_from_db()
    assert young.sent_count == 1
    entry = AuditEntry.objects.get(verb="term.invitations.resend")
    assert (entry.actor, entry.target_id) == (coordinator, str(term.pk))


def test_what_ran_out_is_taken_back_by_the_page_and_frees_its_places(
    client: Client, term: Term, coordinator: User, settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    Term.objects.filter(pk=term.pk).update(capacity=3)
    term.refresh_from_db()
    for number in range(2):
        invite(term, f"p{number}@example.org")
    client.force_login(coordinator)
    page = f"/staff/terms/{term.pk}/invitations/"
    with time_machine.travel(NOW + invitations.LIFETIME, tick=False):
        assert "<strong>2</strong> invitations have run out" in client.get(page).text
        said = client.post(f"{page}run-out/", {"revoke": "yes"}, follow=True).text
        assert "2 invitations are taken back" in said
        assert "have run out" not in said
    assert places_left(term) == 3
