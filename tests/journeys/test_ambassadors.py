"""From a coordinator's invitation to an active ambassador, in a browser."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Role
from accounts.services.grants import give_role
from ambassadors.models import Consent, Enrolment
from ambassadors.services.agreements import ensure_texts
from ambassadors.services.invitations import invite_person
from notifications.models import Message
from tests.conftest import make_user
from tests.factories import ProgrammeFactory, TermFactory
from tests.journeys.conftest import PHONE


def test_from_invitation_to_active_ambassador(
    open_page: Callable[..., Page],
    check_accessible: Callable[[Page], None],
    settings: Any,
) -> None:
    settings.REQUIRE_MFA = False
    now = timezone.now()
    ensure_texts(at=now)
    coordinator = make_user("coordinator")
    give_role(user=coordinator, role=Role.COORDINATOR, giver=None, at=now)
    term = TermFactory(
        programme=ProgrammeFactory(name="Open Door", slug="open-door"),
        name="Spring",
        starts_on=now.date() - dt.timedelta(days=1),
        ends_on=now.date() + dt.timedelta(days=90),
    )

    desk = open_page("/staff/programmes/", user=coordinator)
    check_accessible(desk)
    desk.get_by_role("link", name="Open Door").click()
    check_accessible(desk)
    desk.get_by_role("link", name="Spring", exact=True).click()
    check_accessible(desk)
    desk.get_by_role("link", name="Invite one person").click()
    desk.get_by_label("E-mail address").fill("Ada@example.org")
    desk.get_by_label("Stage name").fill("Ada Lumen")
    check_accessible(desk)
    desk.get_by_role("button", name="Send the invitation").click()
    expect(desk.get_by_text("The invitation to ada@example.org is on its way.")).to_be_visible()
    check_accessible(desk)

    link = re.search(r"/join/\S+/", Message.objects.get(to="ada@example.org").text)
    assert link is not None
    page = open_page(link[0], width=PHONE)
    check_accessible(page)
    for question in ("Are you 18 or over?", "Do you live in this country: United Kingdom?"):
        page.get_by_role("group", name=question).get_by_label("Yes", exact=True).check()
    page.get_by_role("button", name="This is me, go on").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Ambassador agreement")
    check_accessible(page)
    page.get_by_label("I have read this and I agree").check()
    page.get_by_role("button", name="Agree and go on").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Consent to handle health data")
    check_accessible(page)
    page.get_by_label("Yes, I consent").check()
    page.get_by_role("button", name="Finish").click()

    expect(page.get_by_text("You are in. Welcome.")).to_be_visible()
    check_accessible(page)
    enrolment = Enrolment.objects.get(term=term)
    assert (enrolment.user.email, enrolment.status) == ("ada@example.org", "active")
    assert Consent.objects.filter(user=enrolment.user, withdrawn_at=None).exists()

    for path in (
        "/me/programmes/",
        f"/me/programmes/{enrolment.pk}/agreement/",
        "/me/consent/",
        "/programmes/",
        "/programmes/open-door/",
    ):
        page.goto(path)
        check_accessible(page)

    desk.goto(f"/staff/terms/{term.pk}/")
    desk.get_by_role("link", name="Ada Lumen").click()
    expect(desk.get_by_text("accepted", exact=False).first).to_be_visible()
    check_accessible(desk)
    assert "onsent given" not in desk.content()


def test_the_invitation_works_without_scripts(
    open_page: Callable[..., Page], settings: Any
) -> None:
    now = timezone.now()
    term = TermFactory(ends_on=now.date() + dt.timedelta(days=90))
    invite_person(term=term, email="bo@example.org", name="Bo", language="en", by=None, at=now)
    link = re.search(r"/join/\S+/", Message.objects.get(to="bo@example.org").text)
    assert link is not None
    page = open_page(link[0], scripts=False)
    for question in ("Are you 18 or over?", "Do you live in this country: United Kingdom?"):
        page.get_by_role("group", name=question).get_by_label("Yes", exact=True).check()
    page.get_by_role("button", name="This is me, go on").click()
    page.get_by_label("I have read this and I agree").check()
    page.get_by_role("button", name="Agree and go on").click()
    page.get_by_label("No, or not now").check()
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_text("You are in. Welcome.")).to_be_visible()
    assert Enrolment.objects.get(term=term).status == "active"
    assert not Consent.objects.exists()
