"""A passkey from being made to signing in with it, on the browser's own virtual authenticator."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.journeys.conftest import PHONE, Open


def give_authenticator(page: Page) -> None:
    """The device's lock, which says yes by itself (W3C WebAuthn, section 11: automation)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_made_and_opens_the_door(
    open_page: Open,
    attendee: User,
    check_accessible: Callable[[Page], None],
) -> None:
    EmailAddress.objects.create(user=attendee, email=attendee.email, verified=True, primary=True)
    page = open_page("/accounts/login/", width=PHONE)
    give_authenticator(page)
    page.get_by_role("textbox", name="E-mail address").fill(attendee.email)
    page.get_by_role("textbox", name="Password").fill("greenroom-test")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    check_accessible(page)
    page.get_by_role("textbox", name="Password").fill("greenroom-test")
    page.get_by_role("button", name="Continue").click()
    check_accessible(page)
    page.get_by_role("textbox", name="What do you call this device?").fill("My phone")
    expect(page.get_by_role("checkbox", name="Let it sign me in alone")).to_be_checked()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Add a passkey")).not_to_be_visible()
    assert Authenticator.objects.filter(user=attendee, type="webauthn").count() == 1

    page.goto("/accounts/2fa/webauthn/")
    check_accessible(page)
    expect(page.get_by_text("My phone")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
