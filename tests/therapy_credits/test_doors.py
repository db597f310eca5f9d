"""A door of one's own before the pages of care, and worries that only two people read."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from allauth.account.internal.flows import login
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import Role, User
from accounts.services.grants import give_role
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import UserFactory
from tests.therapy_credits.care import Client, book, make_client, make_desk
from tests.therapy_credits.test_care_races import at_once
from therapy_credits.errors import (
    AddressCodeWrong,
    DoorClosed,
    NobodyNamed,
    PinWrong,
    TooManyCodes,
)
from therapy_credits.models import CareDoor, Concern, SafeguardingLead
from therapy_credits.services import concerns, doors
from therapy_credits.services.reminders import remind_people

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
PIN = "480216"
PRIVATE = "only-me@example.org"


@pytest.fixture(autouse=True)
def _fast_and_without_a_second_factor(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client_() -> Client:
    return make_client()


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user, backend="accounts.adapters.SignInBackend")
    return browser


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def close(client: Client, **other: Any) -> CareDoor:
    return doors.set_door(user=client.user, **({"pin": PIN, "address": None, "at": NOW} | other))


# --- The door ----------------------------------------------------------------------------


def test_without_a_pin_nothing_stands_before_it(client_: Client) -> None:
    assert browser_of(client_.user).get("/care/").status_code == 200


@pytest.mark.parametrize("name", ["care", "find", "code", "gift", "care-private"])
def test_a_closed_page_opens_after_the_pin_and_nowhere_else(client_: Client, name: str) -> None:
    close(client_)
    browser = browser_of(client_.user)
    page = reverse(f"therapy_credits:{name}")
    door = reverse("therapy_credits:care-door")
    assert browser.get(page)["Location"] == door
    assert browser.post(page)["Location"] == door
    browser.get(page)
    assert "That is not your PIN" in text(browser.post(door, {"pin": "0000"}))
    assert browser.post(door, {"pin": PIN})["Location"] == page
    assert browser.get(page).status_code == 200
    assert browser_of(client_.user).get(page).status_code == 302, "another browser stays outside"


def test_a_booking_behind_the_door_is_shown_nowhere(client_: Client) -> None:
    booking = book(client_, make_desk())
    close(client_)
    browser = browser_of(client_.user)
    page = reverse("therapy_credits:booking", args=[booking.reference])
    assert browser.get(page).status_code == 302
    home = text(browser.get("/me/"))
    assert booking.reference not in home
    assert "left" not in home.partition("<main")[2].partition("</main>")[0]


def test_it_closes_again_after_a_quarter_of_an_hour(client_: Client) -> None:
    close(client_)
    browser = browser_of(client_.user)
    browser.post(reverse("therapy_credits:care-door"), {"pin": PIN})
    with time_machine.travel(NOW + 14 * MINUTE, tick=False):
        assert browser.get("/care/").status_code == 200
    with time_machine.travel(NOW + 28 * MINUTE, tick=False):
        assert browser.get("/care/").status_code == 200, "it was used meanwhile"
    with time_machine.travel(NOW + 44 * MINUTE, tick=False):
        assert browser.get("/care/").status_code == 302


def test_a_passkey_just_proved_opens_it_and_a_password_does_not(client_: Client) -> None:
    close(client_)

    def signed_in_by(**record: Any) -> int:
        browser = browser_of(client_.user)
        session = browser.session
        session["account_authentication_methods"] = [record | {"at": NOW.timestamp()}]
        whose = login._AUTHENTICATION_METHODS_USER_SESSION_KEY
        session[whose] = login.user_id_to_str(client_.user)
        session.save()
        return browser.get("/care/").status_code

    assert signed_in_by(method="mfa", type="webauthn") == 200
    assert signed_in_by(method="password") == 302
    assert signed_in_by(method="mfa", type="totp") == 302


def test_five_wrong_pins_close_it_for_an_hour_even_for_the_right_one(client_: Client) -> None:
    close(client_)
    for _ in range(4):
        with pytest.raises(PinWrong):
            doors.open_door(user=client_.user, pin="1111", at=NOW)
    for pin in ("1111", PIN):
        with pytest.raises(DoorClosed):
            doors.open_door(user=client_.user, pin=pin, at=NOW)
    doors.open_door(user=client_.user, pin=PIN, at=NOW + 60 * MINUTE)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_wrong_pins_at_once_are_all_counted() -> None:
    client = make_client()
    close(client)
    answers = at_once(*[lambda: doors.open_door(user=client.user, pin="1111", at=NOW)] * 8)
    assert answers.count(PinWrong) == 4
    assert answers.count(DoorClosed) == 4


def test_mail_goes_to_the_private_address_and_nowhere_else(client_: Client) -> None:
    close(client_, address=PRIVATE)
    assert PRIVATE not in str(CareDoor.objects.values())
    asked = Message.objects.get()
    assert (asked.to, asked.subject) == (PRIVATE, "Greenroom: this address")
    doors.confirm_address(user=client_.user, code=code_in(asked), at=NOW)
    book(client_, make_desk())
    assert Message.objects.filter(to=PRIVATE).count() == 2
    assert not Message.objects.filter(to=client_.user.email).exists()


def code_in(mail: Message) -> str:
    (code,) = re.findall(r"\b\d{6}\b", mail.text)
    return code


def sent_code() -> str:
    """The code in the newest mail to the private address."""
    mails = Message.objects.filter(to=PRIVATE, key__startswith="private-address")
    return code_in(mails.order_by("-pk")[0])


def other_than(code: str) -> str:
    return "000000" if code != "000000" else "111111"


def test_before_the_code_came_back_no_mail_goes_anywhere_and_the_page_says_so(
    client_: Client,
) -> None:
    close(client_, pin=None, address=PRIVATE)
    booking = book(client_, make_desk())
    to_them = Message.objects.filter(to__in=[PRIVATE, client_.user.email])
    assert [mail.subject for mail in to_them] == ["Greenroom: this address"]
    browser = browser_of(client_.user)
    assert "No mail about these pages reaches you" in text(browser.get("/care/"))
    page = text(browser.get(reverse("therapy_credits:care-private")))
    assert f"We sent a code to <strong>{PRIVATE}</strong>" in page
    assert "It does not go to the address you sign in with" in page
    # Confirmed, the reminder comes, though nobody was told of the booking by mail.
    doors.confirm_address(user=client_.user, code=sent_code(), at=NOW)
    remind_people(at=booking.starts_at - 60 * MINUTE)
    assert Message.objects.filter(to=PRIVATE, subject__endswith="tomorrow").count() == 1


def test_a_new_address_takes_over_when_it_is_confirmed_and_not_before(client_: Client) -> None:
    other = "elsewhere@example.org"
    close(client_, pin=None, address=PRIVATE)
    doors.confirm_address(user=client_.user, code=sent_code(), at=NOW)
    close(client_, pin=None, address=other)
    book(client_, make_desk())
    assert Message.objects.filter(to=PRIVATE, subject__endswith="confirmed").count() == 1
    code = code_in(Message.objects.get(to=other))
    doors.confirm_address(user=client_.user, code=code, at=NOW)
    assert CareDoor.objects.get().address == other
    with pytest.raises(AddressCodeWrong):
        doors.confirm_address(user=client_.user, code=code, at=NOW)
    # Emptied, and the address one signs in with, are the same: no address of its own.
    for address in ("", client_.user.email.upper()):
        close(client_, pin=None, address=PRIVATE)
        close(client_, pin=None, address=address)
        door = CareDoor.objects.get()
        assert (door.address, door.new_address, door.code_digest) == ("", "", "")


def test_a_code_is_good_once_for_an_hour_and_five_tries(client_: Client) -> None:
    close(client_, pin=None, address=PRIVATE)
    code = sent_code()
    assert code not in str(CareDoor.objects.values())
    with pytest.raises(AddressCodeWrong):
        doors.confirm_address(user=client_.user, code=code, at=NOW + 60 * MINUTE)
    for _ in range(5):
        with pytest.raises(AddressCodeWrong):
            doors.confirm_address(user=client_.user, code=other_than(code), at=NOW)
    with pytest.raises(AddressCodeWrong):
        doors.confirm_address(user=client_.user, code=code, at=NOW)
    doors.send_code_again(user=client_.user, at=NOW)
    fresh = sent_code()
    if fresh != code:
        with pytest.raises(AddressCodeWrong):
            doors.confirm_address(user=client_.user, code=code, at=NOW)
    doors.confirm_address(user=client_.user, code=fresh, at=NOW)
    assert CareDoor.objects.get().address == PRIVATE


def test_nobody_fills_a_mailbox_with_codes(client_: Client) -> None:
    close(client_, pin=None, address=PRIVATE)
    for _ in range(4):
        doors.send_code_again(user=client_.user, at=NOW)
    with pytest.raises(TooManyCodes):
        doors.send_code_again(user=client_.user, at=NOW)
    with pytest.raises(TooManyCodes):
        close(client_, pin=None, address="stranger@example.org")
    assert Message.objects.count() == 5
    doors.send_code_again(user=client_.user, at=NOW + dt.timedelta(days=1))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_wrong_codes_at_once_are_all_counted() -> None:
    client = make_client()
    close(client, pin=None, address=PRIVATE)
    wrong = other_than(sent_code())
    hand = [lambda: doors.confirm_address(user=client.user, code=wrong, at=NOW)]
    assert at_once(*hand * 8) == [AddressCodeWrong] * 8
    assert CareDoor.objects.get().wrong_codes == 5


def test_a_code_belongs_to_an_address_whoever_writes(client_: Client) -> None:
    door = close(client_, pin=None, address=PRIVATE)
    with pytest.raises(IntegrityError, match="code_belongs"), transaction.atomic():
        CareDoor.objects.filter(pk=door.pk).update(sealed_new_address="")


def test_confirming_it_in_the_browser(client_: Client) -> None:
    browser = browser_of(client_.user)
    page = reverse("therapy_credits:care-private")
    answer = browser.post(page, {"address": PRIVATE}, follow=True)
    assert "Confirm your private address" in text(answer)
    confirm, code = reverse("therapy_credits:care-private-address"), sent_code()
    assert "Type the code" in text(browser.post(confirm, follow=True))
    wrong = browser.post(confirm, {"code": other_than(code)}, follow=True)
    assert "That is not the code" in text(wrong)
    assert "A new code" in text(browser.post(confirm, {"action": "again"}, follow=True))
    spaced = f" {sent_code()[:3]} {sent_code()[3:]} "
    assert "goes there now" in text(browser.post(confirm, {"code": spaced}, follow=True))
    assert f"Mail about these pages goes to {PRIVATE}" in text(browser.get(page))
    assert browser.post(confirm, {"code": code})["Location"] == page


def test_setting_changing_and_taking_it_away_in_the_browser(client_: Client) -> None:
    browser = browser_of(client_.user)
    page = reverse("therapy_credits:care-private")
    wrong = text(browser.post(page, {"pin": "12", "again": "13"}))
    assert "Four to eight digits." in wrong
    wrong = text(browser.post(page, {"pin": "123456", "again": "654321"}))
    assert "The two are not the same." in wrong
    assert not CareDoor.objects.exists()
    browser.post(page, {"pin": PIN, "again": PIN, "address": PRIVATE})
    assert CareDoor.objects.get().is_closed
    assert CareDoor.objects.get().new_address == PRIVATE
    browser.post(page, {"pin": "", "again": "", "address": ""})
    assert (CareDoor.objects.get().is_closed, CareDoor.objects.get().address) == (True, "")
    browser.post(page, {"pin": "", "again": "", "remove_pin": "on"})
    assert not CareDoor.objects.get().is_closed


def test_the_question_is_asked_until_it_is_answered(client_: Client) -> None:
    browser = browser_of(client_.user)
    question = "Does anybody else read your mail?"
    assert question in text(browser.get("/care/"))
    # Where joining ends, too.
    assert question in text(browser.get("/me/"))
    answer = browser.post(reverse("therapy_credits:care-private-fine"), {"back": "home"})
    assert answer["Location"] == "/me/"
    assert question not in text(browser.get("/me/"))
    assert question not in text(browser.get("/care/"))


def test_who_may_have_no_sessions_is_not_asked_who_reads_their_mail(client: Client) -> None:
    assert "read your mail" not in text(browser_of(UserFactory()).get("/me/"))


def test_no_mailbox_resets_it_an_operator_does(client_: Client) -> None:
    close(client_)
    call_command("forget_care_pin", client_.user.email.upper())
    assert not CareDoor.objects.get().is_closed
    with pytest.raises(CommandError):
        call_command("forget_care_pin", client_.user.email)


# --- Worried about somebody ----------------------------------------------------------------


@pytest.fixture
def staff() -> dict[str, User]:
    people = {}
    for name, role in (("admin", Role.ADMIN), ("lead", Role.CARE), ("deputy", Role.COORDINATOR)):
        people[name] = UserFactory(name=name.title())
        give_role(user=people[name], role=role, giver=None, at=NOW)
    return people


def name_both(staff: dict[str, User]) -> None:
    for name in ("lead", "deputy"):
        concerns.name_lead(user=staff[name], is_deputy=name == "deputy", by=staff["admin"], at=NOW)


def test_told_the_lead_and_the_deputy_read_it_and_nobody_else(staff: dict[str, User]) -> None:
    admin = browser_of(staff["admin"])
    page = reverse("therapy_credits:worried")
    facts = {"who": "Wren of the road crew", "words": "Gave away a guitar."}
    assert "No safeguarding lead is named yet" in text(admin.post(page, facts))
    admin.post(
        reverse("therapy_credits:safeguarding-leads"),
        {"lead": staff["lead"].pk, "deputy": staff["deputy"].pk},
    )
    assert "Told." in text(admin.post(page, facts, follow=True))
    stored = str(Concern.objects.values())
    assert "Wren" not in stored
    assert "guitar" not in stored
    one = reverse("therapy_credits:concern", args=[Concern.objects.get().pk])
    for name in ("lead", "deputy"):
        assert "Gave away a guitar." in text(browser_of(staff[name]).get(one))
    assert admin.get(one).status_code == 404, "not even who told it"
    assert admin.get(reverse("therapy_credits:concerns")).status_code == 404
    mails = Message.objects.filter(subject="Greenroom: please look today")
    assert {mail.to for mail in mails} == {staff["lead"].email, staff["deputy"].email}
    assert "Wren" not in "".join(mail.text for mail in mails)
    browser_of(staff["deputy"]).post(one)
    assert Concern.objects.get().closed_by == staff["deputy"]


def test_lead_and_deputy_are_two_people(staff: dict[str, User]) -> None:
    admin = browser_of(staff["admin"])
    same = {"lead": staff["lead"].pk, "deputy": staff["lead"].pk}
    page = reverse("therapy_credits:safeguarding-leads")
    assert "Two different people" in text(admin.post(page, same))
    name_both(staff)
    with pytest.raises(IntegrityError), transaction.atomic():
        SafeguardingLead.objects.create(user=staff["admin"], is_deputy=False, named_at=NOW)
    concerns.name_lead(user=staff["deputy"], is_deputy=False, by=staff["admin"], at=NOW)
    assert [(one.user, one.is_deputy) for one in SafeguardingLead.objects.all()] == [
        (staff["deputy"], False)
    ]


def test_it_is_due_the_same_working_day(staff: dict[str, User]) -> None:
    name_both(staff)
    concern = concerns.raise_concern(who="A", words="B", by=staff["admin"], at=NOW)
    assert concern.due_at == NOW.replace(hour=18)
    late = NOW.replace(hour=19)
    concern = concerns.raise_concern(who="A", words="B", by=staff["admin"], at=late)
    assert concern.due_at == late + 60 * MINUTE


def test_while_nobody_is_named_nothing_is_kept(staff: dict[str, User]) -> None:
    with pytest.raises(NobodyNamed):
        concerns.raise_concern(who="A", words="B", by=staff["admin"], at=NOW)
    assert not Concern.objects.exists()
