"""Who may use the routes of accounts. (django-allauth's own are in the architecture test.)"""

from accounts.services.grants import give_role
from tests.conftest import NOW
from tests.permissions import STAFF_ROLES, Cast, Route

ROUTES: dict[str, Route] = {}


def enrich(cast: Cast) -> None:
    for role in STAFF_ROLES:
        give_role(user=cast[role], role=role, giver=None, at=NOW)
