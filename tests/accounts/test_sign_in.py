"""Signing in: by a code in a mail, by password, with a second factor."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from notifications.models import Message
from tests.accounts.conftest import PASSWORD, code_in, last_mail
from tests.factories import OccurrenceFactory, PracticeMembershipFactory, RsvpFactory
from tests.therapy_credits.care import make_client

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def is_signed_in(visitor: Client) -> bool:
    return "_auth_user_id" in visitor.session


def ask_for_code(visitor: Client, email: str = "ann@example.org") -> None:
    answer = visitor.post(reverse("account_request_login_code"), {"email": email})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/code/confirm/")


def test_a_code_that_came_by_mail_signs_in(ann: User, visitor: Client) -> None:
    ask_for_code(visitor)
    mail = last_mail()
    assert (mail.to, mail.subject) == ("ann@example.org", "Your sign-in code")

    answer = visitor.post(reverse("account_confirm_login_code"), {"code": code_in(mail)})

    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert is_signed_in(visitor)


def test_a_code_works_once(ann: User, visitor: Client) -> None:
    ask_for_code(visitor)
    code = code_in(last_mail())
    visitor.post(reverse("account_confirm_login_code"), {"code": code})
    visitor.logout()
    visitor.post(reverse("account_confirm_login_code"), {"code": code})

    assert not is_signed_in(visitor)


def test_a_code_works_for_ten_minutes(ann: User, visitor: Client) -> None:
    ask_for_code(visitor)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10, seconds=1)):
        visitor.post(reverse("account_confirm_login_code"), {"code": code_in(last_mail())})

    assert not is_signed_in(visitor)


def test_three_wrong_codes_end_the_attempt(ann: User, visitor: Client) -> None:
    ask_for_code(visitor)
    code = code_in(last_mail())
    for _ in range(3):
        visitor.post(reverse("account_confirm_login_code"), {"code": "WRONG-CODE"})
    visitor.post(reverse("account_confirm_login_code"), {"code": code})

    assert not is_signed_in(visitor)


def test_a_password_signs_in(ann: User, visitor: Client) -> None:
    answer = visitor.post(
        reverse("account_login"), {"login": "ANN@example.org", "password": PASSWORD}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert is_signed_in(visitor)


def test_without_a_password_the_same_form_mails_a_code(ann: User, visitor: Client) -> None:
    answer = visitor.post(reverse("account_login"), {"login": ann.email, "password": ""})

    assert answer["Location"] == reverse("account_confirm_login_code")
    assert last_mail().subject == "Your sign-in code"
    assert not is_signed_in(visitor)


def test_somebody_new_makes_an_account_and_confirms_the_address_by_a_code(
    db: None, visitor: Client
) -> None:
    answer = visitor.post(reverse("account_signup"), {"email": "new@example.org"})
    assert answer["Location"] == reverse("account_email_verification_sent")
    mail = last_mail()
    assert (mail.to, mail.subject) == ("new@example.org", "Your code")
    assert not is_signed_in(visitor)

    visitor.post(reverse("account_email_verification_sent"), {"code": code_in(mail)})

    assert is_signed_in(visitor)
    assert EmailAddress.objects.get(email="new@example.org").verified


def test_a_forgotten_password_is_chosen_anew_by_a_link_whose_get_changes_nothing(
    ann: User, visitor: Client
) -> None:
    visitor.post(reverse("account_reset_password"), {"email": ann.email})
    link = next(
        word for word in last_mail().text.split() if "/password/reset/key/" in word
    ).removeprefix("http://testserver")
    page = visitor.get(link, follow=True)
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)

    visitor.post(
        page.redirect_chain[-1][0],
        {"password1": "another long phrase", "password2": "another long phrase"},
    )

    ann.refresh_from_db()
    assert ann.check_password("another long phrase")
    assert last_mail().subject == "Your password has changed"


def add_totp(user: User) -> Authenticator:
    from allauth.core import context
    from django.test import RequestFactory

    with context.request_context(RequestFactory().get("/")):
        return TOTP.activate(user, SECRET).instance


def totp_code(at: float) -> str:
    return format_hotp_value(hotp_value(SECRET, int(at) // 30))


def test_a_second_factor_is_asked_for_after_the_password(ann: User, visitor: Client) -> None:
    add_totp(ann)
    answer = visitor.post(reverse("account_login"), {"login": ann.email, "password": PASSWORD})
    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(visitor)

    now = dt.datetime.now(dt.UTC).timestamp()
    visitor.post(reverse("mfa_authenticate"), {"code": totp_code(now)})

    assert is_signed_in(visitor)


def test_a_second_factor_is_asked_for_after_a_code_by_mail(ann: User, visitor: Client) -> None:
    add_totp(ann)
    ask_for_code(visitor)
    answer = visitor.post(reverse("account_confirm_login_code"), {"code": code_in(last_mail())})

    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(visitor)


def test_the_code_of_an_app_works_once(ann: User) -> None:
    add_totp(ann)
    with time_machine.travel(dt.datetime(2026, 6, 3, 12, tzinfo=dt.UTC), tick=False):
        code = totp_code(dt.datetime(2026, 6, 3, 12, tzinfo=dt.UTC).timestamp())
        browsers = [Client(), Client()]
        for visitor in browsers:
            visitor.post(reverse("account_login"), {"login": ann.email, "password": PASSWORD})
            visitor.post(reverse("mfa_authenticate"), {"code": code})

        assert [is_signed_in(visitor) for visitor in browsers] == [True, False]


def test_the_secrets_of_second_factors_are_unreadable_in_the_database(ann: User) -> None:
    add_totp(ann)
    seed = RecoveryCodes.generate_seed()
    codes = RecoveryCodes.activate(ann).generate_codes()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(data::text, ' ') FROM mfa_authenticator")
        (stored,) = cursor.fetchone()

    assert SECRET not in stored
    assert seed not in stored
    assert not any(code in stored for code in codes)
    authenticator = Authenticator.objects.get(user=ann, type="totp")
    assert authenticator.data["secret"] != SECRET
    assert len(RecoveryCodes.activate(ann).generate_codes()) == 10


def test_an_unknown_mail_is_never_sent_past_the_outbox(ann: User, visitor: Client) -> None:
    from django.core import mail

    ask_for_code(visitor)
    visitor.post(reverse("account_reset_password"), {"email": ann.email})

    assert mail.outbox == []
    assert Message.objects.count() == 2


@pytest.mark.parametrize("name", ["spotify_login"])
def test_the_spotify_button_is_there_only_when_it_is_configured(
    name: str, db: None, visitor: Client, settings: object
) -> None:
    url = reverse(name)
    assert url not in visitor.get(reverse("account_login")).text
    settings.SOCIALACCOUNT_PROVIDERS = {  # type: ignore[attr-defined]
        "spotify": {"APPS": [{"client_id": "id", "secret": "secret"}]}
    }

    assert url in visitor.get(reverse("account_login")).text
    answer = visitor.post(url)
    assert answer["Location"].startswith("https://accounts.spotify.com/authorize?")


def where_signing_in_leads(user: User, wanted: str = "") -> str:
    answer = Client().post(
        reverse("account_login") + wanted, {"login": user.email, "password": PASSWORD}
    )
    assert answer.status_code == 302
    return answer["Location"]


def test_who_only_works_for_a_practice_comes_to_its_day(ann: User) -> None:
    assert where_signing_in_leads(ann) == "/me/"
    membership = PracticeMembershipFactory(user=ann)
    assert where_signing_in_leads(ann) == "/practice/"
    assert where_signing_in_leads(ann, "?next=/accounts/sessions/") == "/accounts/sessions/"

    membership.ended_at = timezone.now()
    membership.save()
    assert where_signing_in_leads(ann) == "/me/"


def test_who_has_something_of_their_own_comes_home(ann: User) -> None:
    PracticeMembershipFactory(user=ann)
    soon = timezone.now() + dt.timedelta(days=3)
    rsvp = RsvpFactory(occurrence=OccurrenceFactory(starts_at=soon), user=ann)
    assert where_signing_in_leads(ann) == "/me/"

    rsvp.delete()
    make_client(user=ann)
    assert where_signing_in_leads(ann) == "/me/"
