"""Who works at the care desk, and what waits there."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from accounts.models import Role, StaffGrant, User


def care_staff(*, at: dt.datetime) -> QuerySet[User]:
    """Who can look after a case."""
    grants = StaffGrant.objects.active(at=at).filter(role=Role.CARE)
    return User.objects.filter(pk__in=grants.values("user"), is_active=True).order_by("name", "pk")
