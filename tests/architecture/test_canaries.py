"""Every page for every role, looking for what that role must never see.

The cast carries sentinel names and addresses, and the ambassador among them has a booking and a
code. Each page of the URL configuration is opened as each role, on everybody's objects. What is
found of somebody else must be in ``MAY_SEE``: a new leak is a new line that somebody has to defend
in a review. That somebody is in therapy may be seen by no role but their own and their practice.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from ambassadors.services.agreements import withdraw_consent
from calendars.services.links import personal_link
from notifications.models import Message
from portal.views.site import not_found
from tests.architecture.test_permission_matrix import MODULES, OURS, classified
from tests.factories import (
    BookingFactory,
    CareCaseFactory,
    FitCallFactory,
    GiftFactory,
    SessionCodeFactory,
)
from tests.permissions import ROLES, Cast, Kwargs, Route

PEOPLE = ROLES[1:]

# Who may read the name and the address of whom, and why.
MAY_SEE: dict[str, set[str]] = {
    "anonymous": set(),
    "outsider": set(),
    "attendee": set(),
    "ambassador": {"delegate"},  # who handles their dates
    "recipient": set(),
    "delegate": {"ambassador"},  # whose dates they handle
    "practice": set(),
    "coordinator": {"attendee", "ambassador"},
    "care": {"practice"},  # sets practices up, with their members
    "finance": set(),
    "analyst": set(),
    "admin": set(PEOPLE),
}


# Pages whose link is the key: whoever holds it may read what is behind, and nobody can guess it.
OPENED_BY_THEIR_LINK = {
    "events:rsvp",
    "portal:personal-feed",
    "ambassadors:join",
    "ambassadors:delegate-accept",
}


def name_of(role: str) -> str:
    return f"Zq{role}zq"


def build_cast() -> Cast:
    users: dict[str, User | None] = {"anonymous": None}
    for role in PEOPLE:
        users[role] = User.objects.create_user(f"{name_of(role)}@example.org", name=name_of(role))
    cast = Cast(users)
    for module in MODULES:
        if hasattr(module, "enrich"):
            module.enrich(cast)
    return cast


def objects(route: Route, cast: Cast) -> Iterator[Kwargs]:
    """The arguments of everything in the cast that this route can show."""
    seen: list[Kwargs] = []
    if route.some is not None:
        seen.append(dict(route.some(cast)))
    if route.own is not None:
        seen += [dict(kwargs) for kwargs in route.own(cast).values()]
    yield from (kwargs for number, kwargs in enumerate(seen) if kwargs not in seen[:number])


def visitor(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="accounts.adapters.SignInBackend")
        client.get("/robots.txt")  # the first request of a session does more than the others
    return client


def look(client: Client, url: str) -> str:
    """Everything an answer says: its headers and its body."""
    with transaction.atomic():
        response = client.get(url)
        body = b"".join(response) if response.streaming else response.content
        transaction.set_rollback(True)
    return f"{response.headers}\n{body.decode(errors='replace')}".casefold()


def pages(cast: Cast) -> Iterator[str]:
    for name, route in sorted(classified().items()):
        if name in OPENED_BY_THEIR_LINK:
            continue
        for kwargs in objects(route, cast) if OURS[name] else [{}]:
            yield reverse(name, kwargs=kwargs) + route.query


@pytest.fixture(autouse=True)
def _what_is_not_there_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most answers are "not here", which says nothing of what was asked for (see the control):
    each viewer's is drawn once."""
    drawn: dict[int | None, bytes] = {}

    def not_here(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        viewer = request.user.pk if hasattr(request, "user") else None
        if viewer not in drawn:
            request.path = request.path_info = "/nothing-here/"
            drawn[viewer] = not_found(request, exception).content
        return HttpResponse(drawn[viewer], status=404)

    monkeypatch.setattr("config.urls.handler404", not_here)


@pytest.fixture
def cast(db: None, settings: Settings) -> Cast:
    settings.REQUIRE_MFA = False
    return build_cast()


def facts_of_care(cast: Cast) -> dict[str, tuple[str, set[str]]]:
    """What says that the ambassador is in therapy, and who may read it."""
    booking, code = cast.things["booking"], cast.things["code"]
    return {
        "the reference of a booking": (booking.reference, {"ambassador", "practice"}),
        "the reference of a first call": (
            cast.things["call"].reference,
            {"ambassador", "practice"},
        ),
        "the reference of a code": (code.reference, {"ambassador"}),
        "the token of a subject": (str(booking.subject), set()),
    }


def test_no_page_shows_a_role_what_it_must_never_see(cast: Cast) -> None:
    wrong: list[str] = []
    facts = facts_of_care(cast)
    visitors = {role: visitor(cast.users[role]) for role in ROLES}
    for url in pages(cast):
        for viewer in ROLES:
            text = look(visitors[viewer], url).replace(url.casefold(), "")
            for person in PEOPLE:
                if person == viewer or person in MAY_SEE[viewer]:
                    continue
                if name_of(person).casefold() in text:
                    wrong.append(f"{viewer} sees {person} on {url}")
            for fact, (words, may_see) in facts.items():
                if viewer not in may_see and words.casefold() in text:
                    wrong.append(f"{viewer} sees {fact} on {url}")
    assert wrong == []


def test_mail_names_nobody_but_who_it_is_for(cast: Cast) -> None:
    wrong = []
    role_of = {cast[person].email.casefold(): person for person in PEOPLE}
    for message in Message.objects.all():
        may_see = MAY_SEE[role_of.get(message.to.casefold(), "anonymous")]
        text = f"{message.subject} {message.text} {message.html} {message.key}".casefold()
        wrong += [
            f"{message.key} tells {message.to} about {person}"
            for person in PEOPLE
            if name_of(person).casefold() in text
            and person not in may_see
            and cast[person].email.casefold() != message.to.casefold()
        ]
    assert Message.objects.exists()
    assert wrong == []


def test_the_canaries_would_be_heard(cast: Cast) -> None:
    """The control: who may see them finds them, so a leak could not stay silent."""
    profile = look(visitor(cast["outsider"]), reverse("accounts:profile"))
    assert name_of("outsider").casefold() in profile
    person = look(visitor(cast["admin"]), reverse("accounts:person", args=[cast["outsider"].pk]))
    assert name_of("outsider").casefold() in person
    booking = reverse("therapy_credits:booking", args=[cast.things["booking"].reference])
    assert cast.things["booking"].reference.casefold() in look(visitor(cast["ambassador"]), booking)


def test_not_here_says_nothing_of_what_was_asked(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the pages above may be drawn once for each viewer."""
    monkeypatch.undo()
    outsider = visitor(cast["outsider"])
    asked = [
        reverse("therapy_credits:booking", args=[reference])
        for reference in (cast.things["booking"].reference, "NOTTHERE")
    ]
    said = [same_again(look(outsider, url).replace(url.casefold(), "")) for url in asked]
    assert said[0] == said[1]


# --- A delegate can neither see nor guess ------------------------------------------

# Tokens against forgery and replay, the number of a new answer, and the clock: in the headers of
# what is not to be stored, and on the page of one's calendar.
_CHANGES_EACH_TIME = re.compile(
    r"(nonce[-=]\"?|'expires': '|'set-cookie': '|name=\"[a-z_]*(?:token|key)\" value=\""
    r"|/answers/|last fetched )[^\"';]*"
)


def everything_seen_by(cast: Cast, role: str) -> dict[str, str]:
    """Each page and answer of the site as ``role`` gets it, and their calendar, without what
    differs from one look to the next."""
    client = visitor(cast.users[role])
    link = personal_link(user=cast[role], at=timezone.now())
    feed = reverse("portal:personal-feed", args=[link.secret])
    # The calendar first: their page of it says when it was last fetched.
    seen = {url: look(client, url) for url in [feed, *pages(cast)]}
    seen |= {f"POST {url}": answer(client, url, data) for url, data in posts(cast, role)}
    return {url: same_again(text) for url, text in seen.items()}


def same_again(text: str) -> str:
    return _CHANGES_EACH_TIME.sub("", text)


def posts(cast: Cast, role: str) -> Iterator[tuple[str, dict[str, object]]]:
    """What ``role`` may post for somebody else, each of the cast's objects in turn."""
    for name, route in sorted(classified().items()):
        if not name.startswith("portal:delegate"):
            continue
        own = route.own(cast).get(role) if route.own and "post" in route.own_methods else None
        for kwargs in objects(route, cast) if OURS[name] else [{}]:
            if role in route.post or kwargs == own:
                yield reverse(name, kwargs=kwargs), dict(route.data or {})


def answer(client: Client, url: str, data: dict[str, object]) -> str:
    """Everything that is said to whoever posts, also where they are led; nothing of it stays."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        response = client.post(url, data, follow=True)
        body = b"".join(response) if response.streaming else response.content
        transaction.set_rollback(True)
    client.cookies = cookies
    said = f"{response.status_code} {response.redirect_chain}"
    return f"{said}\n{body.decode(errors='replace')}".casefold()


def test_nothing_a_delegate_gets_depends_on_the_care_of_whom_they_help(cast: Cast) -> None:
    ambassador, care = visitor(cast["ambassador"]), reverse("therapy_credits:care")
    before, own_before = everything_seen_by(cast, "delegate"), same_again(look(ambassador, care))
    assert own_before == same_again(look(ambassador, care))
    more_care(cast)
    after = everything_seen_by(cast, "delegate")
    assert differences(before, after) == []
    # The control: the same change does show to the ambassador, so it could have shown.
    assert own_before != same_again(look(ambassador, care))


def differences(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, set[str]]]:
    """The pages that are not the same, with the lines that are new."""
    return [
        (url, set(after[url].split("\n")) - set(before[url].split("\n")))
        for url in before
        if before[url] != after[url]
    ]


def more_care(cast: Cast) -> None:
    """The ambassador books once more, takes another code, gives a session away, says that one was
    not right, asks for a first call, and takes any consent back."""
    booking = cast.things["booking"]
    BookingFactory(
        practitioner=booking.practitioner,
        subject=booking.subject,
        pool=booking.pool,
        starts_at=booking.starts_at + dt.timedelta(days=1),
    )
    SessionCodeFactory(subject=booking.subject, pool=booking.pool)
    GiftFactory(giver_subject=booking.subject, pool=booking.pool)
    CareCaseFactory(booking=booking)
    FitCallFactory(subject=booking.subject, starts_at=booking.starts_at + dt.timedelta(days=5))
    withdraw_consent(user=cast["ambassador"], at=timezone.now())


def test_a_delegate_gets_no_mail_but_the_question_they_said_yes_to(cast: Cast) -> None:
    mails = Message.objects.filter(to__iexact=cast["delegate"].email)
    assert {mail.key.partition(":")[0] for mail in mails} == {"delegate"}
