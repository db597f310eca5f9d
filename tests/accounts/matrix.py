"""Who may use the routes of accounts. (django-allauth's own are in the architecture test.)"""

from accounts.models import Role
from accounts.services.approvals import request_approval
from accounts.services.grants import give_role
from tests.conftest import NOW, make_staff
from tests.permissions import SIGNED_IN, STAFF_ROLES, Cast, Route

ROUTES: dict[str, Route] = {
    "accounts:profile": Route(get=SIGNED_IN, post=SIGNED_IN),
    "accounts:privacy": Route(get=SIGNED_IN),
    "accounts:people": Route(get={"admin"}, post={"admin"}),
    "accounts:person": Route(
        get={"admin"}, some=lambda cast: {"pk": cast["outsider"].pk}, absent={"pk": 0}
    ),
    "accounts:give-role": Route(
        post={"admin"}, some=lambda cast: {"pk": cast["outsider"].pk}, absent={"pk": 0}
    ),
    "accounts:withdraw-role": Route(
        post={"admin"},
        some=lambda cast: {"pk": cast["analyst"].staff_grants.get().pk},
        absent={"pk": 0},
    ),
    "accounts:audit": Route(get={"admin"}),
    "accounts:approvals": Route(get=STAFF_ROLES),
    "accounts:decide": Route(
        post={"finance"}, some=lambda cast: {"pk": cast.things["approval"].pk}, absent={"pk": 0}
    ),
}


def enrich(cast: Cast) -> None:
    for role in STAFF_ROLES:
        give_role(user=cast[role], role=role, giver=None, at=NOW)
    cast.things["approval"] = request_approval(
        kind="matrix",
        target=cast["outsider"],
        title="Something",
        role=Role.FINANCE,
        requester=make_staff("asker", Role.FINANCE),
        at=NOW,
    )
