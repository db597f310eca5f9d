"""Who may do what with pools."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AnonymousUser

from accounts.models import Role, User
from accounts.rules import has_role


def can_see_amounts(user: User | AnonymousUser, *, at: datetime) -> bool:
    """Whether pools are shown in sessions and money; everybody else sees bands."""
    return has_role(user, Role.FINANCE, Role.ADMIN, at=at)


def can_ask_for_funding(user: User | AnonymousUser, *, at: datetime) -> bool:
    """An administrator approves, so nobody but finance asks."""
    return has_role(user, Role.FINANCE, at=at)


def can_set_policies(user: User | AnonymousUser, *, at: datetime) -> bool:
    """Whether ``user`` may say what the people of a term are given."""
    return has_role(user, Role.FINANCE, Role.ADMIN, at=at)
