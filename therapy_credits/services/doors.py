"""The door to a person's own pages of care: a PIN that no mailbox can reset, or a passkey."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from accounts.models import User
from common.sealing import seal
from therapy_credits.errors import DoorClosed, PinWrong
from therapy_credits.models import CareDoor
from therapy_credits.services import care_mail

# After so many wrong PINs the door stays closed for an hour.
MOST_WRONG = 5
CLOSED_FOR = dt.timedelta(hours=1)


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
    it away. Mail about care goes to ``address`` from now on, which is told so."""
    door, _ = CareDoor.objects.select_for_update().get_or_create(
        user=user, defaults={"asked_at": at}
    )
    if pin is not None:
        door.pin_hash = make_password(pin) if pin else ""
        door.wrong_pins, door.closed_until = 0, None
    if address is not None and address != door.address:
        door.sealed_address = seal(address, "care-door.address") if address else ""
        if address:
            care_mail.greet_private_address(door, address, at)
    door.save()
    return door


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
