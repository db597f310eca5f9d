"""What this app keeps about a person, for the person."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession

from accounts.models import User
from accounts.queries import looks_at, roles_held


def export(user: User) -> dict[str, Any]:
    """Everything about ``user`` that is kept here, but for what lets somebody in: passwords,
    keys and codes are kept so that nobody can read them, the person neither."""
    return {
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "time_zone": user.time_zone,
        "joined_at": user.joined_at,
        "plain_titles": user.wants_plain_titles,
        "single_dates": user.wants_single_dates,
        "has_a_password": user.has_usable_password(),
        "second_factors": list(
            Authenticator.objects.filter(user=user)
            .order_by("created_at")
            .values("type", "created_at", "last_used_at")
        ),
        "signed_in_on": list(
            UserSession.objects.filter(user=user)
            .order_by("created_at")
            .values("user_agent", "ip", "created_at", "last_seen_at")
        ),
        "roles": [
            {
                "role": grant.role,
                "given_at": grant.granted_at,
                "until_on": grant.until_on,
                "withdrawn_at": grant.withdrawn_at,
            }
            for grant in roles_held(user)
        ],
        "who_looked": [
            {"at": look.at, "who": str(look.actor), "what": look.what, "purpose": look.purpose}
            for look in looks_at(user)
        ],
    }
