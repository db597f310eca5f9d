"""Setting practices up, their licences, their members, and reminding them."""

import datetime as dt
import re
from uuid import uuid4

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import AuditEntry, User
from accounts.services.grants import give_role
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import (
    BookingFactory,
    LicenceFactory,
    PracticeFactory,
    PractitionerFactory,
    ServiceTypeFactory,
    UserFactory,
)
from tests.therapy_credits.care import NEXT_THURSDAY_NINE, book, make_client, make_desk
from therapy_credits.errors import (
    CodeNotAccepted,
    InvitationSpent,
    LicenceAlreadyChecked,
    PracticeAlreadyChecked,
    PracticeNotReady,
    PracticeNotVerified,
    ServiceAlreadyChecked,
    SlotTaken,
    WorksElsewhere,
)
from therapy_credits.models import (
    Licence,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
)
from therapy_credits.queries.home import needs_you
from therapy_credits.queries.practices import practices_to_check, services_to_check
from therapy_credits.services.bookings import confirm_session
from therapy_credits.services.practices import (
    INVITATION_LIFE,
    accept_invitation,
    check_licence,
    check_practice,
    check_service,
    end_service,
    find_invitation,
    invite_member,
    save_service,
    set_status,
)
from therapy_credits.services.reminders import remind_people, remind_practices
from therapy_credits.services.session_codes import issue_code, redeem_code

DAY = dt.timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def care() -> User:
    """A care coordinator, who sets practices up."""
    user = UserFactory(is_demo=True)
    give_role(user=user, role="care", giver=None, at=NOW)
    return user


@pytest.fixture
def second() -> User:
    """Somebody else, who looks a second time."""
    return UserFactory()


def invitation_link(text: str) -> str:
    found = re.search(r"/practice/join/([\w-]+)/", text)
    assert found
    return found[1]


def unverified(**fields: object) -> Licence:
    return LicenceFactory(
        checked_by=None, checked_at=None, confirmed_by=None, confirmed_at=None, **fields
    )


# --- Licences ------------------------------------------------------------------------------


def test_a_licence_counts_when_two_people_have_looked(care: User, second: User) -> None:
    licence = unverified()
    once = check_licence(licence=licence, by=care, at=NOW)
    assert (once.is_verified, once.checked_by) == (False, care)
    with pytest.raises(LicenceAlreadyChecked):
        check_licence(licence=licence, by=care, at=NOW)
    twice = check_licence(licence=licence, by=second, at=NOW + DAY)
    assert (twice.is_verified, twice.confirmed_by) == (True, second)
    assert list(Licence.objects.verified()) == [licence]
    assert check_licence(licence=licence, by=care, at=NOW).confirmed_at == NOW + DAY


def test_each_look_at_a_licence_is_in_the_audit_trail(care: User) -> None:
    check_licence(licence=unverified(), by=care, at=NOW)
    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (entry.actor, entry.verb) == (care, "licence.check")


# --- Opening and pausing ---------------------------------------------------------------------


def unchecked() -> Practice:
    return PracticeFactory(
        status="pending", checked_by=None, checked_at=None, confirmed_by=None, confirmed_at=None
    )


def test_a_practice_is_checked_when_it_has_something_to_offer(care: User) -> None:
    practice = unchecked()
    with pytest.raises(PracticeNotReady):
        check_practice(practice=practice, by=care, at=NOW)
    practice.refresh_from_db()
    assert practice.checked_by is None
    assert list(practices_to_check(care)) == []
    PractitionerFactory(practice=practice)
    ServiceTypeFactory(practice=practice)
    assert list(practices_to_check(care)) == [practice]


def test_a_practice_opens_when_two_people_have_looked(care: User, second: User) -> None:
    practice = unchecked()
    PractitionerFactory(practice=practice)
    ServiceTypeFactory(practice=practice)
    once = check_practice(practice=practice, by=care, at=NOW)
    assert (once.status, once.is_verified, once.checked_by) == ("pending", False, care)
    with pytest.raises(PracticeAlreadyChecked):
        check_practice(practice=practice, by=care, at=NOW)
    for status in (Practice.Status.ACTIVE, Practice.Status.PAUSED):
        with pytest.raises(PracticeNotVerified):
            set_status(practice=practice, status=status, by=second, at=NOW)
    practice.refresh_from_db()
    assert practice.status == "pending"
    assert (list(practices_to_check(care)), list(practices_to_check(second))) == ([], [practice])
    twice = check_practice(practice=practice, by=second, at=NOW + DAY)
    assert (twice.status, twice.confirmed_by) == ("active", second)
    assert check_practice(practice=practice, by=care, at=NOW).confirmed_at == NOW + DAY
    looks = AuditEntry.objects.filter(verb="practice.check").order_by("pk")
    assert list(looks.values_list("actor", flat=True)) == [care.pk, second.pk]


def test_what_was_checked_opens_again_by_one(care: User) -> None:
    practice = make_desk().practitioner.practice
    for status in (Practice.Status.PAUSED, Practice.Status.ACTIVE):
        assert set_status(practice=practice, status=status, by=care, at=NOW).status == status


def test_a_pause_keeps_what_is_booked(care: User) -> None:
    client, desk = make_client(), make_desk()
    booking = book(client, desk)
    set_status(practice=desk.practitioner.practice, status=Practice.Status.PAUSED, by=care, at=NOW)
    booking.refresh_from_db()
    assert booking.status == "booked"


# --- Rates --------------------------------------------------------------------------------------


def new_rate(practice: Practice, by: User, rate_minor: int = 7000) -> ServiceType:
    """A rate that somebody adds to a practice, as the page of staff does."""
    service = ServiceType(
        practice=practice, name="50 minutes", minutes=50, rate_minor=rate_minor, currency="GBP"
    )
    return save_service(service=service, by=by, at=NOW)


def offered_at(practice: Practice) -> list[int]:
    rates = practice.service_types.filter(is_active=True)
    return sorted(rates.values_list("rate_minor", flat=True))


def test_a_rate_added_to_an_open_practice_waits_for_two_people(care: User, second: User) -> None:
    practice = make_desk().practitioner.practice
    rate = new_rate(practice, care)
    assert offered_at(practice) == [6000]
    assert not check_service(service=rate, by=care, at=NOW).is_active
    with pytest.raises(ServiceAlreadyChecked):
        check_service(service=rate, by=care, at=NOW)
    assert (list(services_to_check(care)), list(services_to_check(second))) == ([], [rate])
    assert check_service(service=rate, by=second, at=NOW + DAY).is_active
    assert offered_at(practice) == [6000, 7000]
    assert check_service(service=rate, by=care, at=NOW).confirmed_at == NOW + DAY
    looks = AuditEntry.objects.filter(verb="practice.service-check").order_by("pk")
    assert list(looks.values_list("actor", flat=True)) == [care.pk, second.pk]


def test_the_two_looks_at_a_practice_are_looks_at_its_rates(care: User, second: User) -> None:
    practice = unchecked()
    PractitionerFactory(practice=practice)
    new_rate(practice, care)
    check_practice(practice=practice, by=care, at=NOW)
    new_rate(practice, care, 9000)  # after the first look: only the second person has seen it
    assert offered_at(practice) == []
    check_practice(practice=practice, by=second, at=NOW)
    assert offered_at(practice) == [7000]
    assert [rate.rate_minor for rate in services_to_check(care)] == [9000]
    assert list(services_to_check(second)) == []


def test_what_is_no_longer_offered_is_neither_booked_nor_redeemed_and_what_is_booked_stays(
    care: User,
) -> None:
    client, desk = make_client(), make_desk()
    booking = book(client, desk)
    code = issue_code(user=client.user, request_id=uuid4(), at=NOW)
    for _ in range(2):
        end_service(service=desk.service, by=care, at=NOW)
    assert AuditEntry.objects.filter(verb="practice.service-end").count() == 1
    desk.service.refresh_from_db()
    with pytest.raises(SlotTaken):
        book(client, desk, NEXT_THURSDAY_NINE + dt.timedelta(hours=2))
    with pytest.raises(CodeNotAccepted):
        redeem_code(
            text=code.text or "",
            membership=desk.membership,
            service=desk.service,
            held_on=NOW.date(),
            address="192.0.2.1",
            at=NOW,
        )
    after = NEXT_THURSDAY_NINE + dt.timedelta(hours=1)
    done = confirm_session(
        booking=booking, membership=desk.membership, outcome="attended", at=after
    )
    assert (done.status, done.rate_minor) == ("attended", 6000)


def test_a_rate_that_was_never_offered_is_taken_away(care: User) -> None:
    practice = make_desk().practitioner.practice
    end_service(service=new_rate(practice, care), by=care, at=NOW)
    assert practice.service_types.count() == 1


# --- Members ------------------------------------------------------------------------------------


def invite(care: User, **fields: object):
    practice = fields.pop("practice", None) or PracticeFactory()
    invitation = invite_member(
        practice=practice,
        email="New@example.org",
        role=fields.pop("role", "owner"),
        practitioner=fields.pop("practitioner", None),
        by=care,
        at=NOW,
    )
    return invitation, invitation_link(Message.objects.latest("pk").text)


def test_an_invitation_makes_a_member_once(care: User, second: User) -> None:
    invitation, secret = invite(care)
    assert find_invitation(secret) == invitation
    assert secret not in str(vars(invitation))
    membership = accept_invitation(invitation=invitation, user=second, at=NOW)
    assert (membership.practice, membership.role) == (invitation.practice, "owner")
    assert accept_invitation(invitation=invitation, user=second, at=NOW) == membership
    with pytest.raises(InvitationSpent):
        accept_invitation(invitation=invitation, user=UserFactory(), at=NOW)
    assert PracticeMembership.objects.count() == 1


def test_an_invitation_runs_out_and_a_new_one_replaces_it(care: User, second: User) -> None:
    invitation, _ = invite(care)
    with pytest.raises(InvitationSpent):
        accept_invitation(invitation=invitation, user=second, at=NOW + INVITATION_LIFE)
    again, _ = invite(care, practice=invitation.practice)
    with pytest.raises(InvitationSpent):
        accept_invitation(invitation=invitation, user=second, at=NOW)
    accept_invitation(invitation=again, user=second, at=NOW)


def test_somebody_who_works_elsewhere_cannot_accept(care: User) -> None:
    invitation, _ = invite(care)
    with pytest.raises(WorksElsewhere):
        accept_invitation(
            invitation=invitation, user=make_desk("Elsewhere").membership.user, at=NOW
        )


def test_a_practitioner_who_accepts_is_tied_to_their_bookings(care: User, second: User) -> None:
    practitioner = PractitionerFactory()
    invitation, _ = invite(
        care, practice=practitioner.practice, role="practitioner", practitioner=practitioner
    )
    accept_invitation(invitation=invitation, user=second, at=NOW)
    practitioner.refresh_from_db()
    assert practitioner.user == second


# --- The pages of staff -------------------------------------------------------------------------


@pytest.fixture
def staff(care: User) -> Browser:
    browser = Browser()
    browser.force_login(care, backend="accounts.adapters.SignInBackend")
    return browser


PRACTICE = {
    "organisation": "Harbour Rooms Ltd",
    "name": "Harbour Rooms",
    "slug": "harbour-rooms",
    "country": "US",
    "languages": ["en", "es"],
    "time_zone": "America/New_York",
    "contact_email": "desk@harbour.example.org",
    "contact_phone": "",
    "lead_hours": 12,
    "buffer_minutes": 10,
}
PRACTITIONER = {
    "name": "Idris Vance",
    "slug": "idris-vance",
    "languages": ["en"],
    "formats": ["online"],
    "topics": ["touring"],
    "bio": "",
    "place": "",
    "join_url": "https://meet.example.org/idris",
}
LICENCE = {
    "kind": "licence",
    "authority": "An invented board",
    "number": "NY-1",
    "country": "US",
    "region": "US-NY",
    "expires_on": "2027-06-01",
    "evidence": "Looked up on 1 June 2026.",
}


@time_machine.travel(NOW, tick=False)
def test_a_practice_is_set_up_from_nothing_to_open(staff: Browser, second: User, settings) -> None:
    settings.REQUIRE_MFA = False
    assert staff.post("/staff/practices/new/", PRACTICE).status_code == 302
    base = "/staff/practices/harbour-rooms/"
    service = {"name": "50 minutes", "kind": "one", "minutes": 50, "units": 1, "rate_minor": 9000}
    staff.post(base + "services/", service | {"currency": "usd"})
    staff.post(base + "practitioners/", PRACTITIONER)
    staff.post(base + "practitioners/idris-vance/licences/", LICENCE)
    staff.post(base + "members/", {"email": "owner@example.org", "role": "owner"})
    staff.post(base + "status/", {"status": "active"})
    practice = Practice.objects.get()
    licence = Licence.objects.get()
    assert (practice.status, practice.languages) == ("pending", ["en", "es"])
    assert practice.service_types.get().currency == "USD"
    assert (licence.country, licence.region, licence.is_verified) == ("US", "NY", False)
    staff.post(f"{base}licences/{licence.pk}/check/")
    staff.post(base + "status/", {"status": "ended"})
    assert "Set up again" in staff.get(base).content.decode()
    staff.post(base + "status/", {"status": "pending"})
    staff.post(base + "check/")
    for path in ("", "practitioners/idris-vance/"):
        assert "A second person must look too" in staff.get(base + path).content.decode()
    give_role(user=second, role="admin", giver=None, at=NOW)
    other = Browser()
    other.force_login(second, backend="accounts.adapters.SignInBackend")
    other.post(f"{base}licences/{licence.pk}/check/")
    assert "Practices that need you" in other.get("/staff/practices/").content.decode()
    other.post(f"{base}check/")
    licence.refresh_from_db()
    practice.refresh_from_db()
    assert (licence.is_verified, practice.status) == (True, "active")


@time_machine.travel(NOW, tick=False)
def test_a_rate_is_changed_by_two_people_in_the_browser(
    staff: Browser, care: User, second: User, settings
) -> None:
    settings.REQUIRE_MFA = False
    practice = make_desk().practitioner.practice
    base = f"/staff/practices/{practice.slug}/"
    form = {"name": "50 minutes", "kind": "one", "minutes": 50, "units": 1, "currency": "GBP"}
    page = staff.post(base + "services/", form | {"rate_minor": 7000}, follow=True)
    assert "It is offered when two people have looked at it." in page.content.decode()
    old, new = practice.service_types.order_by("pk")
    page = staff.post(f"{base}services/{new.pk}/check/", follow=True).content.decode()
    assert "You have looked. A second person must look too." in page
    assert f"services/{new.pk}/check/" not in page
    give_role(user=second, role="admin", giver=None, at=NOW)
    other = Browser()
    other.force_login(second, backend="accounts.adapters.SignInBackend")
    assert "Rates that need you" in other.get("/staff/practices/").content.decode()
    assert "A rate waits for your look" in str([one.title for one in needs_you(second, at=NOW)])
    other.post(f"{base}services/{new.pk}/check/")
    page = other.post(f"{base}services/{old.pk}/end/", follow=True).content.decode()
    assert "70.00" in page
    assert "60.00" not in page
    assert offered_at(practice) == [7000]


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("path", "form", "words"),
    [
        ("new/", PRACTICE | {"slug": "a b"}, "Enter a valid"),
        ("new/", PRACTICE | {"country": "XX"}, "Select a valid choice"),
        ("new/", PRACTICE | {"time_zone": "Mars/Base"}, "Select a valid choice"),
        ("here/services/", {"name": "x", "minutes": 5}, "Between 10 and 240 minutes"),
        ("here/services/", {"currency": "POUNDS"}, "at most 3"),
        ("here/practitioners/", PRACTITIONER | {"join_url": ""}, "need a link to join"),
        ("here/practitioners/", PRACTITIONER | {"formats": ["in_person"]}, "need an address"),
        ("here/practitioners/noor/licences/", LICENCE | {"region": "CA-ON"}, "not in the country"),
        ("here/practitioners/noor/licences/", LICENCE | {"expires_on": "2026-06-02"}, "lapsed"),
        ("here/members/", {"email": "a@example.org", "role": "practitioner"}, "Say which"),
        ("here/members/", {"email": "not-an-address", "role": "owner"}, "valid email"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_kept(
    staff: Browser, settings, path: str, form: dict[str, object], words: str
) -> None:
    settings.REQUIRE_MFA = False
    practice = PracticeFactory(slug="here")
    PractitionerFactory(practice=practice, slug="noor")
    response = staff.post(f"/staff/practices/{path}", form)
    assert response.status_code == 200
    assert words.lower() in response.content.decode().lower()
    assert (Practice.objects.count(), Practitioner.objects.count()) == (1, 1)
    assert (Licence.objects.count(), practice.service_types.count()) == (0, 0)
    assert practice.invitations.count() == 0


@time_machine.travel(NOW, tick=False)
def test_joining_by_the_link_takes_a_press_of_a_button(care: User, second: User, settings) -> None:
    settings.REQUIRE_MFA = False
    _, secret = invite(care)
    browser = Browser()
    url = reverse("therapy_credits:practice-join", args=[secret])
    assert browser.get(url).url.startswith("/accounts/login/")
    browser.force_login(second, backend="accounts.adapters.SignInBackend")
    assert "Join Lantern House" in browser.get(url).content.decode()
    assert PracticeMembership.objects.count() == 0
    assert browser.post(url).url == "/practice/"
    assert PracticeMembership.objects.get().user == second
    assert "has been used" in browser.get(url).content.decode()
    gone = browser.get(reverse("therapy_credits:practice-join", args=["nothing"]))
    assert gone.status_code == 404
    assert "ask the person who invited you" in gone.content.decode()


# --- Reminders ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "asked"), [(0, 0), (1, 1), (2, 0), (3, 1), (7, 1), (14, 1), (20, 0)]
)
def test_a_practice_is_asked_after_1_3_7_and_14_days(pool, days: int, asked: int) -> None:
    booking = BookingFactory(pool=pool)
    at = booking.ends_at + days * DAY + dt.timedelta(minutes=1)
    for _ in range(2):
        assert remind_practices(at=at) == asked
    mails = list(Message.objects.all())
    assert len(mails) == asked
    if asked:
        assert mails[0].to == booking.practice.contact_email
        assert mails[0].subject == "Greenroom: 1 booking to confirm"


def test_a_practice_that_has_answered_is_not_asked(pool) -> None:
    BookingFactory(pool=pool, status="attended", resolved_at=NOW)
    assert remind_practices(at=NOW + 2 * DAY) == 0


def test_a_person_is_reminded_once_the_day_before() -> None:
    client, desk = make_client(), make_desk()
    booking = book(client, desk)
    Message.objects.all().delete()
    assert remind_people(at=NEXT_THURSDAY_NINE - 2 * DAY) == 0
    for hours in (24, 23, 1):
        assert remind_people(at=NEXT_THURSDAY_NINE - dt.timedelta(hours=hours)) == 1
    (mail,) = Message.objects.all()
    assert (mail.to, mail.subject) == (
        client.user.email,
        f"Greenroom {booking.reference}: tomorrow",
    )
    assert remind_people(at=NEXT_THURSDAY_NINE) == 0
