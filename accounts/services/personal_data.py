"""What this app keeps about a person, for the person."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.utils.translation import gettext as _

from accounts.models import Erasure, User
from accounts.queries import looks_at, roles_held
from accounts.rules import has_role
from accounts.services import audit
from common.erasing import NOWHERE, Obstacle


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


def addresses_of(user: User) -> set[str]:
    """Every address that they have proved to be theirs, in lower case."""
    proved = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return {address.lower() for address in (user.email, *proved)}


def obstacles(user: User, *, at: datetime) -> list[Obstacle]:
    """What must be settled before ``user`` can be erased."""
    if user.is_staff or user.is_superuser or has_role(user, at=at):
        return [Obstacle(_("You work here. Ask an administrator to take your roles away first."))]
    return []


def erase(user: User, *, at: datetime) -> None:
    """Nobody can sign in as ``user`` any more, and the row names nobody. It stays as a number:
    the logs and histories that point to it cannot be rewritten."""
    for session in UserSession.objects.filter(user=user):
        session.end()
    for rows in (UserSession, Authenticator, SocialAccount, EmailAddress):
        rows.objects.filter(user=user).delete()
    user.email, user.name, user.language, user.time_zone = f"{uuid4()}{NOWHERE}", "", "", ""
    user.wants_plain_titles = user.wants_single_dates = user.is_active = False
    user.last_login, user.erased_at = None, at
    user.set_unusable_password()
    user.save()
    Erasure.objects.get_or_create(user_id=user.pk, defaults={"erased_at": at})
    audit.record(user, "account.erase", user, at)
