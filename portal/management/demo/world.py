"""What the parts of the demo share: the clock, the dice, the people."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from accounts.models import User
from ambassadors.models import Enrolment, Term
from portal.management.demo.words import FIRST_WORDS, SECOND_WORDS
from therapy_credits.models import PracticeMembership

SEED = 20_260_601


@dataclass
class World:
    """The demo as far as it is staged. ``scale`` 1.0 is the large one."""

    at: dt.datetime
    scale: float
    random: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - dice, not secrets
    users: dict[str, User] = field(default_factory=dict)
    attendees: list[User] = field(default_factory=list)
    terms: dict[tuple[str, str], Term] = field(default_factory=dict)
    """By the programme's slug and the term's name."""
    guest_lists: list[tuple[Term, int, int]] = field(default_factory=list)
    """Each term with its first day (from today) and how many are invited."""
    ambassadors: list[Enrolment] = field(default_factory=list)
    desks: dict[int, PracticeMembership] = field(default_factory=dict)
    """By practice, who confirms its sessions."""
    _names: set[str] = field(default_factory=set)

    def count(self, large: int, *, at_least: int = 1) -> int:
        """How many of what the large demo has ``large`` of."""
        return max(at_least, round(large * self.scale))

    def stage_name(self) -> str:
        """An invented name nobody else in this world has."""
        while True:
            first, second = self.random.choice(FIRST_WORDS), self.random.choice(SECOND_WORDS)
            name = self.random.choice([f"{first} {second}", f"{second} {first}", f"The {second}s"])
            if name not in self._names:
                self._names.add(name)
                return name

    def person(self, handle: str, name: str, *, language: str = "en", zone: str = "UTC") -> User:
        """An account that signs in by a code sent to it; a password comes with ``sign_in``."""
        return User.objects.create_user(
            f"{handle}@example.org", name=name, language=language, time_zone=zone, is_demo=True
        )

    def local(self, zone: str, days: int, hour: int, minute: int = 0) -> dt.datetime:
        """``hour:minute`` by the clock of ``zone``, ``days`` from today there."""
        day = self.at.astimezone(ZoneInfo(zone)).date() + dt.timedelta(days=days)
        return dt.datetime.combine(day, dt.time(hour, minute), ZoneInfo(zone))

    def ago(self, **delta: float) -> dt.datetime:
        return self.at - dt.timedelta(**delta)
