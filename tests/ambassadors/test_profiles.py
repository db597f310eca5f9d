"""People as they show themselves, whom they ask, and what they did."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import Role, User
from accounts.services.grants import give_role, withdraw_role
from ambassadors import errors
from ambassadors.models import Activity, Enrolment, Profile, ProgrammeContact, PublicCard, Term
from ambassadors.queries import needs_you
from ambassadors.services import enrolments, profiles
from events.models import Event
from events.services.hosts import accept_host, ask_host
from notifications.models import Message
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory, OccurrenceFactory


@pytest.fixture(autouse=True)
def _at_noon(settings: object) -> object:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def own(client: Client, ambassador: User) -> Client:
    client.force_login(ambassador)
    return client


def card(**fields: object) -> dict[str, object]:
    return {
        "name": "Velvet Sparrow",
        "pronouns": "they/them",
        "pronouns_to": "programme",
        "languages": "English, español",
        "about": "Zqaboutzq",
        "links": "https://music.example.org/velvet",
        **fields,
    }


def public_page() -> str:
    return Client().get("/programmes/open-door/").content.decode()


@pytest.mark.parametrize(
    "name", ["Velvet Sparrow", "ヴェルヴェット", "عصفور", "Воробей", "Björk 🎤"]
)
def test_a_stage_name_is_in_any_script(own: Client, ambassador: User, name: str) -> None:
    assert own.post("/me/card/", card(name=name)).status_code == 302
    ambassador.refresh_from_db()
    profile = Profile.objects.get(user=ambassador)
    assert (ambassador.name, profile.languages) == (name, ["en", "es"])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", "Vel\u202evet"),
        ("name", "\u200b\u200d"),
        ("languages", "English, Klingonese"),
        ("links", "javascript:alert(1)"),
        ("links", "\n".join(f"https://example.org/{n}" for n in range(6))),
    ],
)
def test_what_cannot_be_shown_is_refused_with_words(own: Client, field: str, wrong: str) -> None:
    page = own.post("/me/card/", card(**{field: wrong}))
    assert page.status_code == 422
    assert page.context["form"].errors.keys() == {field}
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    ("audience", "staff_sees", "public_sees"),
    [("nobody", False, False), ("programme", True, False), ("everybody", True, True)],
)
def test_pronouns_are_seen_by_whom_one_chose(
    own: Client,
    enrolment: Enrolment,
    coordinator: User,
    audience: str,
    staff_sees: bool,
    public_sees: bool,
) -> None:
    shown = {"shown_in": [enrolment.term.programme_id]}
    own.post("/me/card/", card(pronouns="zq/zem", pronouns_to=audience, **shown))
    staff = Client()
    staff.force_login(coordinator)
    page = staff.get(f"/staff/enrolments/{enrolment.pk}/").content.decode()
    assert ("zq/zem" in page) == staff_sees
    assert ("zq/zem" in public_page()) == public_sees


def test_a_card_is_public_only_by_a_yes_and_gone_with_it(own: Client, term: Term) -> None:
    own.post("/me/card/", card())
    assert "Zqaboutzq" not in public_page()
    own.post("/me/card/", card(shown_in=[term.programme_id]))
    assert "Zqaboutzq" in public_page()
    own.post("/me/card/", card())
    assert "Zqaboutzq" not in public_page()
    assert not PublicCard.objects.exists()


@pytest.mark.parametrize("why", ["sensitive", "unlisted", "left", "paused"])
def test_a_card_hides_with_whatever_makes_belonging_private_or_past(
    own: Client, enrolment: Enrolment, why: str
) -> None:
    programme = enrolment.term.programme
    own.post("/me/card/", card(shown_in=[programme.pk]))
    viewer = Client()
    viewer.force_login(enrolment.user)
    if why == "left":
        enrolments.leave(enrolment=enrolment, user=enrolment.user, at=NOW)
    elif why == "paused":
        enrolments.pause(enrolment=enrolment, user=enrolment.user, at=NOW)
    else:
        programme.is_sensitive = why == "sensitive"
        programme.is_listed = why != "unlisted"
        programme.save()
    page = viewer.get("/programmes/open-door/").content.decode()
    assert "Zqaboutzq" not in page


def test_nobody_asks_to_be_shown_in_a_sensitive_programme_or_one_not_theirs(
    own: Client, ambassador: User, term: Term
) -> None:
    term.programme.is_sensitive = True
    term.programme.save()
    profiles.save_profile(
        user=ambassador,
        name="Velvet",
        pronouns="",
        pronouns_to="nobody",
        languages=[],
        about="",
        links=[],
        shown_in=[term.programme],
        at=NOW,
    )
    assert not PublicCard.objects.exists()
    assert "shown_in" not in own.get("/me/card/").context["form"].fields


# --- Whom to ask --------------------------------------------------------------------


def test_the_contact_is_handed_over_and_both_are_told(
    client: Client, enrolment: Enrolment, coordinator: User
) -> None:
    second = make_user("second")
    give_role(user=second, role=Role.COORDINATOR, giver=None, at=NOW)
    programme = enrolment.term.programme
    client.force_login(coordinator)
    url = f"/staff/programmes/{programme.slug}/contact/"
    client.post(url, {"to": coordinator.pk})
    client.post(url, {"to": second.pk})
    client.post(url, {"to": second.pk})
    assert ProgrammeContact.objects.filter(programme=programme).count() == 2
    assert {mail.to for mail in Message.objects.filter(key__startswith="contact:")} == {
        coordinator.email,
        second.email,
    }
    assert programme.name not in "".join(
        mail.subject + mail.text for mail in Message.objects.all()
    ).replace("/staff/programmes/open-door/", "")
    own = Client()
    own.force_login(enrolment.user)
    assert "<strong>Second</strong>" in own.get(f"/me/programmes/{enrolment.pk}/").content.decode()


def test_only_who_coordinates_a_programme_is_its_contact(
    term: Term, coordinator: User, outsider: User
) -> None:
    with pytest.raises(errors.NotTheirProgramme):
        profiles.hand_over(programme=term.programme, to=outsider, by=coordinator, at=NOW)
    assert not ProgrammeContact.objects.exists()


def test_whoever_no_longer_coordinates_is_nobodys_contact_and_another_is_asked_for(
    client: Client, enrolment: Enrolment, coordinator: User, admin_user: User
) -> None:
    programme = enrolment.term.programme
    profiles.hand_over(programme=programme, to=coordinator, by=coordinator, at=NOW)
    assert [need.kind for need in needs_you(admin_user, at=NOW)] == []
    withdraw_role(
        grant=coordinator.staff_grants.get(role=Role.COORDINATOR), withdrawer=admin_user, at=NOW
    )
    [need] = needs_you(admin_user, at=NOW)
    assert (need.kind, need.url) == ("contact", "/staff/programmes/open-door/")
    client.force_login(enrolment.user)
    assert "<strong>Coordinator</strong>" not in client.get(f"/me/programmes/{enrolment.pk}/").text
    second = make_user("second")
    give_role(user=second, role=Role.COORDINATOR, giver=None, at=NOW)
    profiles.hand_over(programme=programme, to=second, by=admin_user, at=NOW)
    assert needs_you(admin_user, at=NOW) == []


def test_the_database_keeps_one_contact_at_a_time(term: Term, coordinator: User) -> None:
    profiles.hand_over(programme=term.programme, to=coordinator, by=coordinator, at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        ProgrammeContact.objects.create(
            programme=term.programme, user=make_user("second"), since_at=NOW
        )


# --- What one did -------------------------------------------------------------------


def host_by(event: Event, person: User, by: User, *, at: dt.datetime) -> None:
    asked = ask_host(event=event, email=person.email, level="host", by=by, at=at)
    accept_host(host=asked, person=person, name=person.name, is_shown=False, at=at)


def test_activities_are_noted_by_both_sides_and_hosted_events_count_by_themselves(
    own: Client, ambassador: User, enrolment: Enrolment, coordinator: User
) -> None:
    past = dt.datetime(2026, 5, 4, 16, tzinfo=dt.UTC)
    dates = [
        OccurrenceFactory(starts_at=past),
        OccurrenceFactory(starts_at=past, event__programme=enrolment.term.programme),
        OccurrenceFactory(starts_at=past, event__visibility="unlisted"),  # not anybody's to know
        OccurrenceFactory(starts_at=past, cancelled_at=past),
        OccurrenceFactory(),  # still to come
    ]
    for date in dates:
        host_by(date.event, ambassador, coordinator, at=past - dt.timedelta(days=9))
    too_late = OccurrenceFactory(starts_at=past)
    host_by(too_late.event, ambassador, coordinator, at=NOW)
    OccurrenceFactory(event__hosts=ambassador.name, starts_at=past)  # a name is no person
    url = f"/me/programmes/{enrolment.pk}/activity/"
    page = own.get(url)
    assert len(page.context["hosted"]) == 2
    said = {"kind": "welcomed", "on": "2026-06-01", "note": "Two new people"}
    for _ in range(2):
        own.post(url, said)
    assert own.post(url, {**said, "on": "2026-07-01"}).status_code == 422
    staff = Client()
    staff.force_login(coordinator)
    staff.post(f"/staff/enrolments/{enrolment.pk}/activity/", {"kind": "spoke", "on": "2026-06-02"})
    noted = list(Activity.objects.of_term(enrolment))
    assert [(row.kind, row.said_by) for row in noted] == [
        ("spoke", coordinator),
        ("welcomed", ambassador),
    ]


def test_whoever_has_not_joined_has_done_nothing_yet(term: Term, coordinator: User) -> None:
    joining = EnrolmentFactory(term=term, status="onboarding")
    with pytest.raises(errors.NotInTheTerm):
        profiles.note_activity(
            enrolment=joining, kind="spoke", on=NOW.date(), note="", by=coordinator, at=NOW
        )
