"""The separate yes to health data, and the agreement that is not it."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from accounts.models import User
from ambassadors import errors
from ambassadors.models import Acceptance, Agreement, AgreementText, Consent, Enrolment, Term
from ambassadors.queries import has_health_consent
from ambassadors.services import agreements, enrolments
from tests.ambassadors.helpers import agreement_text, consent_text
from tests.conftest import NOW
from tests.factories import EnrolmentFactory

LATER = NOW + dt.timedelta(days=3)


@pytest.fixture
def joining(term: Term, outsider: User) -> Enrolment:
    """Has used the link, and agreed to nothing yet."""
    return EnrolmentFactory(term=term, user=outsider, status="invited")


def accept(enrolment: Enrolment, text: AgreementText | None = None) -> Enrolment:
    return enrolments.accept_agreement(
        enrolment=enrolment, user=enrolment.user, text=text or agreement_text(), at=NOW
    )


def test_agreement_then_consent_makes_an_active_ambassador(joining: Enrolment) -> None:
    accept(joining)
    done = enrolments.finish_joining(
        enrolment=joining, user=joining.user, consent=consent_text(), at=NOW
    )
    assert done.status == "active"
    assert has_health_consent(joining.user, at=NOW)


def test_no_to_the_consent_makes_an_active_ambassador_too(joining: Enrolment) -> None:
    accept(joining)
    done = enrolments.finish_joining(enrolment=joining, user=joining.user, consent=None, at=NOW)
    assert done.status == "active"
    assert not has_health_consent(joining.user, at=NOW)
    assert not Consent.objects.exists()


def test_nobody_becomes_active_without_the_agreement(joining: Enrolment) -> None:
    with pytest.raises(errors.IllegalMove):
        enrolments.finish_joining(
            enrolment=joining, user=joining.user, consent=consent_text(), at=NOW
        )
    joining.refresh_from_db()
    assert joining.status == "invited"
    assert not Consent.objects.exists()


def test_nobody_agrees_for_somebody_else(joining: Enrolment, attendee: User) -> None:
    with pytest.raises(errors.IllegalMove):
        enrolments.accept_agreement(enrolment=joining, user=attendee, text=agreement_text(), at=NOW)
    assert not Acceptance.objects.exists()


def test_the_acceptance_keeps_the_words_their_hash_language_time_and_person(
    joining: Enrolment,
) -> None:
    accept(joining)
    text, kept = agreement_text(), Acceptance.objects.get()
    whole = f"{text.title}\n\n{text.body}".encode()
    assert kept.text_sha256 == text.sha256 == hashlib.sha256(whole).hexdigest()
    assert (kept.snapshot, kept.locale_shown) == (text.body, "en")
    assert (kept.accepted_by, kept.accepted_at) == (joining.user, NOW)


def test_agreeing_to_a_text_that_was_replaced_meanwhile_is_refused(joining: Enrolment) -> None:
    old = agreement_text()
    agreements.publish_version(
        agreement=Agreement.objects.get(kind="agreement"),
        texts={"en": ("New", "New words.")},
        is_material=True,
        at=LATER,
    )
    with pytest.raises(errors.TextChanged):
        accept(joining, old)
    assert not Acceptance.objects.exists()
    accept(joining, agreement_text())


def test_a_translation_is_shown_only_once_somebody_has_reviewed_it(
    joining: Enrolment, client: Client
) -> None:
    version = agreement_text().version
    spanish = AgreementText.objects.create(
        version=version, locale="es", title="Acuerdo", body="Hola.", sha256="0" * 64
    )
    client.force_login(joining.user)
    url = f"/me/programmes/{joining.pk}/join/"
    page = client.get(url, headers={"Accept-Language": "es"}).content.decode()
    assert "Ambassador agreement" in page
    assert 'lang="en"' in page
    spanish.review, spanish.reviewed_by, spanish.reviewed_on = "reviewed", "R. Vega", NOW.date()
    spanish.save()
    page = client.get(url, headers={"Accept-Language": "es"}).content.decode()
    assert "Acuerdo" in page


def test_a_consent_can_be_taken_back_and_given_again(outsider: User, term: Term) -> None:
    agreements.give_consent(user=outsider, text=consent_text(), at=NOW)
    assert agreements.withdraw_consent(user=outsider, at=LATER)
    assert has_health_consent(outsider, at=NOW)
    assert not has_health_consent(outsider, at=LATER)
    assert not agreements.withdraw_consent(user=outsider, at=LATER)
    agreements.give_consent(user=outsider, text=consent_text(), at=LATER)
    assert has_health_consent(outsider, at=LATER)
    assert Consent.objects.count() == 2


def test_withdrawing_leaves_the_place_in_the_programme(
    enrolment: Enrolment, ambassador: User
) -> None:
    agreements.give_consent(user=ambassador, text=consent_text(), at=NOW)
    agreements.withdraw_consent(user=ambassador, at=LATER)
    enrolment.refresh_from_db()
    assert enrolment.status == "active"


def test_a_consent_given_in_one_term_is_not_asked_for_again_in_the_next(
    joining: Enrolment,
) -> None:
    agreements.give_consent(user=joining.user, text=consent_text(), at=NOW)
    assert accept(joining).status == "active"


@pytest.mark.parametrize("table", ["consent", "acceptance", "agreementtext"])
@pytest.mark.parametrize(
    "statement", ["DELETE FROM ambassadors_{}", "UPDATE ambassadors_{} SET {} = 'x'"]
)
def test_what_people_said_yes_to_cannot_be_rewritten_by_hand(
    joining: Enrolment, table: str, statement: str
) -> None:
    accept(joining)
    agreements.give_consent(user=joining.user, text=consent_text(), at=NOW)
    column = "body" if table == "agreementtext" else "snapshot"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, column))


def test_a_withdrawal_cannot_be_undone_by_hand(outsider: User, term: Term) -> None:
    agreements.give_consent(user=outsider, text=consent_text(), at=NOW)
    agreements.withdraw_consent(user=outsider, at=LATER)
    with pytest.raises(DatabaseError), transaction.atomic():
        Consent.objects.update(withdrawn_at=None)


def test_the_database_keeps_one_standing_consent_per_person(outsider: User, term: Term) -> None:
    consent = agreements.give_consent(user=outsider, text=consent_text(), at=NOW)
    consent.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        consent.save(force_insert=True)


def test_the_texts_are_published_once_and_say_that_they_are_drafts(term: Term) -> None:
    agreements.ensure_texts(at=LATER)
    assert AgreementText.objects.count() == 2
    assert set(AgreementText.objects.values_list("review", flat=True)) == {"draft"}
    consent = consent_text().body
    for promise in ("risk", "child", "court", "hear about it first", "12 months", "take your yes"):
        assert promise in consent


def test_the_consent_page_gives_and_takes_back(ambassador: User, client: Client) -> None:
    client.force_login(ambassador)
    client.post("/me/consent/", {"give": consent_text().sha256})
    assert Consent.objects.filter(user=ambassador, withdrawn_at=None).count() == 1
    page = client.get("/me/consent/").content.decode()
    assert "Take my consent back" in page
    client.post("/me/consent/", {"withdraw": "yes"})
    client.post("/me/consent/", {"withdraw": "yes"})
    assert not Consent.objects.filter(withdrawn_at=None).exists()


def test_a_yes_to_a_text_that_was_not_shown_is_not_kept(ambassador: User, client: Client) -> None:
    client.force_login(ambassador)
    client.post("/me/consent/", {"give": "0" * 64})
    assert not Consent.objects.exists()
