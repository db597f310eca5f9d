"""The door to a person's own pages of care: a PIN that no mailbox can reset, or a passkey."""

from __future__ import annotations

import datetime as dt
import secrets

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from accounts.models import User
from common import tokens
from therapy_credits.errors import AddressCodeWrong, DoorClosed, PinWrong, TooManyCodes
from therapy_credits.models import CareDoor, CareKey
from therapy_credits.services import care_mail

# After so many wrong PINs the door stays closed for an hour.
MOST_WRONG = 5
CLOSED_FOR = dt.timedelta(hours=1)
# A code that proves an address: how long it is good, for how many tries, how many a day.
CODE_LIFE = dt.timedelta(hours=1)
MOST_CODES_A_DAY = 5


def door_of(user: User) -> CareDoor | None:
    """How this person's care is closed; None where they were never asked."""
    return CareDoor.objects.filter(user=user).first()


def has_closed_care(user: User) -> bool:
    """Whether other pages must show nothing of this person's care."""
    door = door_of(user)
    return door is not None and door.is_closed


@transaction.atomic
def set_door(*, user: User, pin: str | None, address: str | None, at: dt.datetime) -> CareDoor:
    """Keep the person's answer. ``pin`` and ``address``: None leaves what is there, empty takes
    it away. A new address is sent a code, and gets mail about care when that came back. Until
    then it goes to the one confirmed before; where there is none it goes nowhere, and never to
    the mailbox that others read. Raises TooManyCodes."""
    door, _ = CareDoor.objects.select_for_update().get_or_create(
        user=user, defaults={"asked_at": at}
    )
    if pin is not None:
        door.pin_hash = make_password(pin) if pin else ""
        door.wrong_pins, door.closed_until = 0, None
    if address is not None:
        _change_address(door, address, at)
    door.save()
    return door


@transaction.atomic
def send_code_again(*, user: User, at: dt.datetime) -> None:
    """A new code to the address that waits for one; the one before is good no more.

    Raises TooManyCodes. Where none waits nothing happens.
    """
    door = CareDoor.objects.select_for_update(no_key=True).get(user=user)
    if door.new_address:
        _send_code(door, door.new_address, at)
        door.save()


def confirm_address(*, user: User, code: str, at: dt.datetime) -> None:
    """The code came back: mail about care goes there from now on.

    Raises AddressCodeWrong for another code, one whose hour is over, one used before, and after
    five wrong ones for the right one too.
    """
    with transaction.atomic():
        door = CareDoor.objects.select_for_update(no_key=True).get(user=user)
        is_live = door.code_until is not None and at < door.code_until
        is_live = is_live and door.wrong_codes < MOST_WRONG
        is_right = is_live and tokens.matches(_code_digest(door, code), door.code_digest)
        if is_right:
            door.sealed_address = _key(door).seal(door.new_address, "care-door.address")
            _forget_new_address(door)
        elif is_live:
            door.wrong_codes += 1
        door.save()
    # Outside: what was counted stays counted.
    if not is_right:
        raise AddressCodeWrong


def _change_address(door: CareDoor, address: str, at: dt.datetime) -> None:
    if address.casefold() == door.user.email.casefold():
        address = ""  # what it is without one
    if not address:
        door.sealed_address = ""
    if address in ("", door.address):
        _forget_new_address(door)
    elif address != door.new_address:
        door.sealed_new_address = _key(door).seal(address, "care-door.new-address")
        _send_code(door, address, at)


def _key(door: CareDoor) -> CareKey:
    """The key of this door's addresses, made with the first of them."""
    key, _ = CareKey.objects.get_or_create(
        token=door.key, defaults={"wrapped": CareKey.new(door.key).wrapped}
    )
    return key


def _send_code(door: CareDoor, address: str, at: dt.datetime) -> None:
    if door.codes_on != at.date():
        door.codes_on, door.codes_sent = at.date(), 0
    if door.codes_sent >= MOST_CODES_A_DAY:
        raise TooManyCodes
    code = f"{secrets.randbelow(10**6):06}"
    door.codes_sent += 1
    door.code_digest, door.code_until = _code_digest(door, code), at + CODE_LIFE
    door.wrong_codes = 0
    care_mail.send_address_code(door, address, code, at)


def _forget_new_address(door: CareDoor) -> None:
    door.sealed_new_address = door.code_digest = ""
    door.code_until, door.wrong_codes = None, 0


def _code_digest(door: CareDoor, code: str) -> str:
    return tokens.digest("care-address", f"{door.pk}|{door.new_address}|{code}")


def open_door(*, user: User, pin: str, at: dt.datetime) -> None:
    """Return for the right PIN. Raises PinWrong, and DoorClosed after five wrong ones, for an
    hour, also for the right one. Wrong ones are counted one after the other."""
    with transaction.atomic():
        door = CareDoor.objects.select_for_update(no_key=True).get(user=user)
        if door.closed_until and at < door.closed_until:
            raise DoorClosed
        is_right = check_password(pin, door.pin_hash)
        door.wrong_pins = 0 if is_right else door.wrong_pins + 1
        door.closed_until = None
        if door.wrong_pins >= MOST_WRONG:
            door.wrong_pins, door.closed_until = 0, at + CLOSED_FOR
        door.save(update_fields=["wrong_pins", "closed_until"])
    # Outside: what was counted stays counted.
    if not is_right:
        raise DoorClosed if door.closed_until else PinWrong


def forget_pin(*, user: User) -> bool:
    """Take the PIN away, by an operator who has made sure who asks. Whether there was one."""
    return bool(CareDoor.objects.filter(user=user).exclude(pin_hash="").update(pin_hash=""))
