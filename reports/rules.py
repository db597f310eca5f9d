"""Who may read and publish usage reports."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AnonymousUser

from accounts.models import Role, User
from accounts.rules import has_role


def can_publish_reports(user: User | AnonymousUser, *, at: datetime) -> bool:
    """Publishing is for good, so it is for analysts and admins."""
    return has_role(user, Role.ANALYST, Role.ADMIN, at=at)
