"""Texts people say yes to: their versions, who reviewed them, and who is asked again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.errors import NotYourself
from accounts.models import AuditEntry, Role, StaffGrant, User
from accounts.services.grants import give_role
from ambassadors import errors, queries
from ambassadors.models import Agreement, AgreementText, AgreementVersion, Consent, Enrolment, Term
from ambassadors.services import agreements, enrolments, reach
from ambassadors.tasks import tell_of_changed_texts
from notifications.models import Message
from tests.ambassadors.helpers import agreement_text, consent_text
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, EventFactory, ProgrammeFactory

LATER = NOW + dt.timedelta(days=1)


@pytest.fixture
def agreed(enrolment: Enrolment) -> Enrolment:
    """Ambassador who agreed to the first version."""
    agreements.record_acceptance(
        enrolment=enrolment, text=agreement_text(), user=enrolment.user, at=NOW
    )
    return enrolment


@pytest.fixture
def office(client: Client, admin_user: User, settings: object) -> Client:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    client.force_login(admin_user, "accounts.adapters.SignInBackend")
    client.post(reverse("account_reauthenticate"), {"password": "greenroom-test"})
    return client


def publish(slug: str = "ambassador", *, is_material: bool = True) -> AgreementVersion:
    return agreements.publish_version(
        agreement=Agreement.objects.get(slug=slug),
        texts={"en": ("A new text", "New words.\n")},
        is_material=is_material,
        at=LATER,
    )


def test_a_material_version_asks_those_who_agreed_before(agreed: Enrolment) -> None:
    assert not queries.owes_agreement(agreed)
    publish()
    assert queries.owes_agreement(agreed)
    enrolments.accept_agreement(enrolment=agreed, user=agreed.user, text=agreement_text(), at=LATER)
    assert not queries.owes_agreement(agreed)
    agreed.refresh_from_db()
    assert agreed.status == "active"
    assert agreed.acceptances.count() == 2


def test_better_words_ask_nobody(agreed: Enrolment) -> None:
    publish(is_material=False)
    assert not queries.owes_agreement(agreed)


def test_words_after_a_material_version_do_not_hide_it(agreed: Enrolment) -> None:
    publish()
    publish(is_material=False)
    assert queries.owes_agreement(agreed)


def test_a_term_with_a_version_of_its_own_is_asked_about_no_other(
    agreed: Enrolment, term: Term
) -> None:
    term.agreement_version = agreement_text().version
    term.save()
    publish()
    agreed = Enrolment.objects.select_related("term__agreement_version").get(pk=agreed.pk)
    assert not queries.owes_agreement(agreed)
    assert tell_of_changed_texts() == 0


def test_everybody_who_owes_an_answer_is_told_once(agreed: Enrolment, term: Term) -> None:
    for other in EnrolmentFactory.create_batch(4, term=term):
        agreements.record_acceptance(
            enrolment=other, text=agreement_text(), user=other.user, at=NOW
        )
    publish()
    told = [agreements.tell_of_changes(limit=2, at=LATER) for _ in range(4)]
    assert told == [2, 2, 1, 0]
    mails = Message.objects.filter(key__startswith="text-changed:")
    assert mails.count() == 5
    assert {mail.subject for mail in mails} == {"A text you agreed to has changed"}
    assert "Open Door" not in "".join(mail.text for mail in mails)


def test_a_changed_consent_is_asked_about_and_the_old_yes_stands(ambassador: User) -> None:
    agreements.give_consent(user=ambassador, text=consent_text(), at=NOW)
    publish("health-data")
    assert queries.has_health_consent(ambassador, at=LATER)
    assert [need.url for need in queries.needs_you(ambassador, at=LATER)] == ["/me/consent/"]
    agreements.give_consent(user=ambassador, text=consent_text(), at=LATER)
    assert queries.needs_you(ambassador, at=LATER) == []
    old, new = Consent.objects.order_by("given_at")
    assert (old.withdrawn_at, new.withdrawn_at) == (LATER, None)


def test_the_person_is_shown_the_new_text_and_keeps_their_place(
    client: Client, agreed: Enrolment
) -> None:
    publish()
    client.force_login(agreed.user)
    assert "has a new version" in client.get(f"/me/programmes/{agreed.pk}/").content.decode()
    page = client.get(f"/me/programmes/{agreed.pk}/join/").content.decode()
    assert "New words." in page
    data = {"sha256": agreement_text().sha256, "agree": "on"}
    client.post(f"/me/programmes/{agreed.pk}/join/", data)
    assert not queries.owes_agreement(agreed)


def test_an_administrator_publishes_translates_and_names_the_reviewer(
    office: Client, term: Term, agreed: Enrolment
) -> None:
    first = office.get("/staff/texts/ambassador/")
    assert "Ambassador agreement" in first.content.decode()
    data = {"title": "Second", "body": "Words.\r\n\r\nMore.", "is_material": "yes"}
    assert office.post("/staff/texts/ambassador/new/", data).status_code == 302
    version = queries.current_version(Agreement.Kind.AGREEMENT)
    assert version is not None
    assert (version.number, version.is_material) == (2, True)
    assert version.texts.get().body == "Words.\n\nMore.\n"
    spanish = {"locale": "es", "title": "Segunda", "body": "Palabras."}
    office.post(f"/staff/texts/versions/{version.pk}/translate/", spanish)
    # Nobody has to say yes to a translation that nobody read.
    text = queries.text_in(version, "es")
    assert text is not None
    assert text.locale == "en"
    added = version.texts.get(locale="es")
    review = {"reviewed_by": "Lucía Prado", "reviewed_on": "2026-06-01"}
    office.post(f"/staff/texts/words/{added.pk}/reviewed/", review)
    text = queries.text_in(version, "es")
    assert text is not None
    assert (text.locale, text.reviewed_by) == ("es", "Lucía Prado")
    verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"agreement.publish", "agreement.translate", "agreement.review"} <= verbs
    page = office.get("/staff/texts/").content.decode()
    assert "1 person has yet to answer it." in page


def test_a_text_is_reviewed_on_a_day_that_has_come(office: Client, term: Term) -> None:
    text = agreement_text()
    wrong = {"reviewed_by": "Lucía Prado", "reviewed_on": "2999-01-01"}
    response = office.post(f"/staff/texts/words/{text.pk}/reviewed/", wrong)
    assert response.status_code == 422
    assert AgreementText.objects.get(pk=text.pk).review == "draft"


def test_a_language_is_added_once(term: Term, admin_user: User) -> None:
    version = agreement_text().version
    words = {"locale": "en", "title": "Again", "body": "Again"}
    with pytest.raises(errors.AlreadyTranslated):
        agreements.add_translation(version=version, by=admin_user, at=NOW, **words)
    assert version.texts.count() == 1


# --- What a role reaches --------------------------------------------------------


@pytest.fixture
def local(term: Term) -> User:
    """Coordinator of whatever their grant reaches: at first, everything."""
    user = make_user("local")
    give_role(user=user, role=Role.COORDINATOR, giver=None, at=NOW)
    return user


def test_an_administrator_limits_a_role_to_some_programmes(
    office: Client, local: User, term: Term
) -> None:
    other = ProgrammeFactory()
    EventFactory(programme=other)
    grant = StaffGrant.objects.get(user=local)
    data = {"all_programmes": "no", "programmes": [term.programme_id]}
    assert office.post(f"/staff/grants/{grant.pk}/", data).status_code == 302
    seen = Client()
    seen.force_login(local)
    assert seen.get("/staff/programmes/open-door/").status_code == 200
    assert seen.get(f"/staff/programmes/{other.slug}/").status_code == 404
    assert "Some programmes" in office.get(f"/staff/people/{local.pk}/").content.decode()


def test_a_role_limited_to_nothing_is_refused(office: Client, local: User) -> None:
    grant = StaffGrant.objects.get(user=local)
    response = office.post(f"/staff/grants/{grant.pk}/", {"all_programmes": "no"})
    assert response.status_code == 422
    grant.refresh_from_db()
    assert grant.all_programmes


def test_nobody_changes_what_their_own_role_reaches(local: User, term: Term) -> None:
    grant = StaffGrant.objects.get(user=local)
    with pytest.raises(NotYourself):
        reach.set_reach(
            grant=grant, all_programmes=False, programmes=[term.programme], by=local, at=NOW
        )
    assert not grant.programmes.exists()


def test_a_new_last_day_does_not_widen_a_role(local: User, term: Term, admin_user: User) -> None:
    grant = StaffGrant.objects.get(user=local)
    reach.set_reach(
        grant=grant, all_programmes=False, programmes=[term.programme], by=admin_user, at=NOW
    )
    give_role(
        user=local, role=Role.COORDINATOR, giver=admin_user, at=NOW, until_on=dt.date(2027, 1, 1)
    )
    grant.refresh_from_db()
    assert (grant.all_programmes, grant.until_on) == (False, dt.date(2027, 1, 1))
    assert grant.programmes.count() == 1
