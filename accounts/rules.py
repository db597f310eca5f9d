"""Who may do what, as far as accounts know. What depends on a programme is in ambassadors."""

from __future__ import annotations

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import OuterRef, QuerySet

from accounts.models import Approval, Role, StaffGrant, User


def has_role(user: User | AnonymousUser, *roles: str, at: datetime) -> bool:
    """Whether ``user`` holds one of ``roles`` at ``at``, in any programme.

    Without ``roles``: whether they are staff at all.
    """
    if not isinstance(user, User) or not user.is_active:
        return False
    grants = StaffGrant.objects.active(at=at).filter(user=user)
    if roles:
        grants = grants.filter(role__in=roles)
    return grants.exists()


def roles_of(user: User | AnonymousUser, *, at: datetime) -> set[str]:
    """Every role ``user`` holds at ``at``, in any programme."""
    if not isinstance(user, User) or not user.is_active:
        return set()
    return set(StaffGrant.objects.active(at=at).filter(user=user).values_list("role", flat=True))


def lacks_second_factor(user: User) -> bool:
    """Whether ``user`` must set up a second factor before a page that asks for one.

    Demo accounts need none while DEBUG is on; with DEBUG off their flag means nothing.
    """
    if not settings.REQUIRE_MFA or (settings.DEBUG and user.is_demo):
        return False
    # Known already of who is signed in: see accounts/adapters.py.
    known: bool | None = getattr(user, "has_second_factor", None)
    return not (second_factors(user.pk).exists() if known is None else known)


def second_factors(user: int | OuterRef) -> QuerySet[Authenticator]:
    """What somebody can prove who they are with besides their first way, codes on paper aside."""
    factors: QuerySet[Authenticator] = Authenticator.objects.filter(user=user)
    return factors.exclude(type=Authenticator.Type.RECOVERY_CODES)


def can_decide(user: User, approval: Approval, *, at: datetime) -> bool:
    """Whether ``user`` may approve or refuse: of the right role, and not who asked."""
    return approval.requester_id != user.pk and has_role(user, approval.role, at=at)


def can_give_roles(user: User | AnonymousUser, *, at: datetime) -> bool:
    return has_role(user, Role.ADMIN, at=at)
