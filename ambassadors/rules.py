"""Who may do what with programmes and the people in them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import Role, StaffGrant, User
from ambassadors.models import Programme

# Setting up a programme is configuration; the people in it are a coordinator's.
SET_UP = (Role.COORDINATOR, Role.ADMIN)


def programmes_for(user: User | AnonymousUser, *roles: str, at: datetime) -> QuerySet[Programme]:
    """Programmes in which ``user`` holds one of ``roles`` at ``at`` (any role when none named)."""
    return Programme.objects.run_by(user, *roles, at=at)


def can_create_programmes(user: User | AnonymousUser, *, at: datetime) -> bool:
    """Somebody who is not limited to the programmes there are."""
    return (
        isinstance(user, User)
        and user.is_active
        and StaffGrant.objects.active(at=at)
        .filter(user=user, role__in=SET_UP, all_programmes=True)
        .exists()
    )


def can_coordinate(user: User | AnonymousUser, programme: Programme, *, at: datetime) -> bool:
    """Whether ``user`` may see and change who is enrolled in ``programme``."""
    return programmes_for(user, Role.COORDINATOR, at=at).filter(pk=programme.pk).exists()
