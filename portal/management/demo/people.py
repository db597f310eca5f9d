"""The sign-ins, the staff, and the people who come to events."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts.models import Role, User
from accounts.services.grants import give_role
from portal.management.demo.world import World

PASSWORD = "greenroom"  # noqa: S105 - the contract's demo password, refused unless DEBUG

# handle → (name, language, zone)
SIGN_INS = {
    "attendee": ("Alex Balcony", "en", "Europe/London"),
    "ambassador": ("Velvet Sparrow", "en", "America/New_York"),
    "recipient": ("Nova Porch", "en", "America/New_York"),
    "practice": ("Dana Meadow", "en", "America/New_York"),
    "coordinator": ("Chris Atlas", "en", "Europe/London"),
    "care": ("Sam Lantern", "en", "Europe/London"),
    "finance": ("Jo Ribbon", "en", "Europe/London"),
    "analyst": ("Noor Signal", "en", "America/New_York"),
    "admin": ("Ada Arcade", "en", "Europe/London"),
    "outsider": ("Robin Static", "en", "Europe/London"),
    # The second person where two are needed.
    "finance2": ("Lee Almanac", "en", "Europe/London"),
    # An artist on tour between New York and London.
    "touring": ("Indigo Motel", "en", "America/New_York"),
}
_ROLES = {
    "coordinator": Role.COORDINATOR,
    "care": Role.CARE,
    "finance": Role.FINANCE,
    "finance2": Role.FINANCE,
    "analyst": Role.ANALYST,
    "admin": Role.ADMIN,
}
_ZONES = ("Europe/London", "America/New_York", "America/Los_Angeles", "Europe/Berlin")


def stage(world: World) -> None:
    for handle, (name, language, zone) in SIGN_INS.items():
        user = world.person(handle, name, language=language, zone=zone)
        user.set_password(PASSWORD)
        user.is_staff = user.is_superuser = handle == "admin"
        user.save(update_fields=["password", "is_staff", "is_superuser"])
        world.users[handle] = user
    for handle, role in _ROLES.items():
        give_role(user=world.users[handle], role=role, giver=None, at=world.ago(days=700))
    world.attendees = [world.users["attendee"]]
    for number in range(world.count(110, at_least=30)):
        world.attendees.append(
            world.person(
                f"guest{number:03}",
                world.stage_name(),
                language=world.random.choice(("en", "en", "en", "es")),
                zone=world.random.choice(_ZONES),
            )
        )
    confirm_addresses([*world.users.values(), *world.attendees[1:]])


def confirm_addresses(users: list[User]) -> None:
    """Every demo address counts as proved, so that nobody is asked to confirm it."""
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users],
        ignore_conflicts=True,
    )
