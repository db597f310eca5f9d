"""The language of the permission matrix.

Every route of the site says in ``tests/<app>/matrix.py`` who may use it:

    ROUTES = {
        "events:list": Route(get=EVERYONE),
        "events:staff-edit": Route(
            get={"coordinator"}, post={"coordinator"},
            some=lambda cast: {"slug": cast.things["event"].slug}, absent={"slug": "no-such-event"},
        ),
        "therapy_credits:booking": Route(
            own=lambda cast: {"ambassador": {"reference": cast.things["booking"].reference}},
            some=lambda cast: {"reference": cast.things["booking_of_a_stranger"].reference},
            absent={"reference": "NOSUCH"},
        ),
    }

    def enrich(cast: Cast) -> None:
        # Optional: what this app adds to the cast (memberships, enrolments, objects).
        cast.things["event"] = ...

``tests/architecture/test_permission_matrix.py`` walks the URL configuration, fails for a route
that nobody classified, and tries each route as each role, with GET and POST, on what is the
role's own, on what is somebody else's, and on what does not exist. Allowed means: anything but
"sign in first", 401, 403, 404 and 405. Denied means exactly: "sign in first" (for the anonymous),
401 or 403 (only under ``/api/``), 404, or 405 when the method is not there for anybody. What may
not be seen must answer like what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User

ROLES = (
    "anonymous",
    "outsider",
    "attendee",
    "ambassador",
    "recipient",
    "delegate",
    "practice",
    "coordinator",
    "care",
    "finance",
    "analyst",
    "admin",
)
STAFF_ROLES = frozenset({"coordinator", "care", "finance", "analyst", "admin"})

EVERYONE = frozenset(ROLES)
SIGNED_IN = EVERYONE - {"anonymous"}
NOBODY: frozenset[str] = frozenset()

Kwargs = Mapping[str, Any]


@dataclass
class Cast:
    """One user per role (``None`` for the anonymous) and the things apps made for them."""

    users: dict[str, User | None]
    things: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, role: str) -> User:
        user = self.users[role]
        assert user is not None, f"{role} has no account"
        return user


@dataclass(frozen=True)
class Route:
    """Who may use one named route, and on what."""

    get: frozenset[str] | set[str] = NOBODY
    """Roles that may read any object of this route (all of them, for a route without arguments)."""
    post: frozenset[str] | set[str] = NOBODY
    """Roles that may post to any object of this route."""
    own: Callable[[Cast], dict[str, Kwargs]] | None = None
    """Per role, the arguments of an object that is its own: always allowed, by ``own_methods``."""
    own_methods: tuple[str, ...] = ("get",)
    some: Callable[[Cast], Kwargs] | None = None
    """The arguments of an object that is nobody's in the cast (a stranger's, or everybody's)."""
    absent: Kwargs | None = None
    """Arguments that name nothing."""
    query: str = ""
    """A query string the route cannot do without."""
    data: Mapping[str, Any] | None = None
    """What to post; nothing by default, which a form answers with its errors."""
    absent_is_fine: bool = False
    """The route takes free arguments (a language, a country): nothing is absent."""
