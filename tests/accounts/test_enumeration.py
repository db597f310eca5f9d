"""Nobody learns from Greenroom who has an account."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from notifications.models import Message
from tests.accounts.conftest import PASSWORD

KNOWN, UNKNOWN = "ann@example.org", "eva@example.org"


def neutral(answer: HttpResponse, email: str) -> tuple[int, str, str]:
    """An answer without what differs for good reason: tokens, and the address itself."""
    body = answer.content.decode().replace(email, "EMAIL")
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", body)
    return answer.status_code, answer.headers.get("Location", ""), body


@pytest.mark.parametrize(
    ("route", "form"),
    [
        ("account_login", {"login": "EMAIL", "password": "not the right one"}),
        ("account_login", {"login": "EMAIL", "password": ""}),
        ("account_signup", {"email": "EMAIL"}),
        ("account_reset_password", {"email": "EMAIL"}),
        ("account_request_login_code", {"email": "EMAIL"}),
    ],
)
def test_known_and_unknown_addresses_get_the_same_answer(
    route: str, form: dict[str, str], ann: User
) -> None:
    answers, pages = [], []
    for email in (KNOWN, UNKNOWN):
        browser = Client()
        data = {name: email if value == "EMAIL" else value for name, value in form.items()}
        answer = browser.post(reverse(route), data)
        answers.append(neutral(answer, email))
        if answer.status_code == 302:
            pages.append(neutral(browser.get(answer["Location"]), email))

    assert answers[0] == answers[1]
    assert pages[:1] == pages[1:]


@pytest.mark.parametrize(
    "route", ["account_signup", "account_reset_password", "account_request_login_code"]
)
def test_both_get_a_mail_so_that_the_outbox_does_not_tell_either(route: str, ann: User) -> None:
    for email in (KNOWN, UNKNOWN):
        Client().post(reverse(route), {"email": email})
        assert Message.objects.filter(to=email).count() == 1


def test_a_wrong_code_says_the_same_for_both(ann: User) -> None:
    pages = []
    for email in (KNOWN, UNKNOWN):
        browser = Client()
        browser.post(reverse("account_request_login_code"), {"email": email})
        answer = browser.post(reverse("account_confirm_login_code"), {"code": "WRONG"})
        pages.append(neutral(answer, email))

    assert pages[0] == pages[1]


def test_guessing_passwords_is_stopped_with_429_even_for_the_right_one(ann: User) -> None:
    login = reverse("account_login")
    answers = [
        Client().post(login, {"login": KNOWN, "password": f"wrong {n}"}).status_code
        for n in range(6)
    ]
    browser = Client()
    last = browser.post(login, {"login": KNOWN, "password": PASSWORD})

    assert answers == [200] * 5 + [429]
    assert last.status_code == 429
    assert "_auth_user_id" not in browser.session


def test_the_limit_is_the_same_for_an_address_without_an_account(db: None) -> None:
    login = reverse("account_login")
    answers = [
        Client().post(login, {"login": UNKNOWN, "password": f"wrong {n}"}).status_code
        for n in range(6)
    ]
    assert answers == [200] * 5 + [429]


def test_asking_for_codes_again_and_again_is_stopped(ann: User) -> None:
    route = reverse("account_request_login_code")
    answers = [Client().post(route, {"email": KNOWN}).status_code for _ in range(4)]

    assert answers == [302, 302, 302, 429]
    assert Message.objects.filter(to=KNOWN).count() == 3
