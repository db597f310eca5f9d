"""Reads of accounts that are more than one queryset method."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Model, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import rules
from accounts.models import AccessLook, ApiKey, Approval, AuditEntry, StaffGrant, User
from common.needs import NeedsYou
from common.prepared import Prepared


def person_with(email: str) -> User | None:
    """The person with exactly this address, in any case."""
    return User.objects.filter(email__iexact=email.strip()).first()


def key_opened_by(secret: str) -> ApiKey | None:
    """The live key that ``secret`` is."""
    return _live_key.first(digest=ApiKey.digest_of(secret))


@Prepared
def _live_key(digest: str) -> QuerySet[ApiKey]:
    return ApiKey.objects.live().filter(key_digest=digest)


def roles_held(user: User) -> QuerySet[StaffGrant]:
    """Every role ``user`` has or had, the newest first, with who gave and who took it."""
    return (
        StaffGrant.objects.filter(user=user)
        .select_related("granted_by", "withdrawn_by")
        .order_by("-granted_at", "-pk")
    )


def staff(*, at: datetime) -> QuerySet[StaffGrant]:
    """Every role that is held now, by person."""
    return StaffGrant.objects.active(at=at).select_related("user").order_by("user__email", "role")


def trail() -> QuerySet[AuditEntry]:
    """The audit trail, the newest first."""
    return AuditEntry.objects.select_related("actor").order_by("-pk")


def trail_of(target: Model) -> QuerySet[AuditEntry]:
    """The audit trail of one thing, the newest first."""
    return trail().filter(target_type=target._meta.label_lower, target_id=str(target.pk))


def looks_at(user: User) -> QuerySet[AccessLook]:
    """Who looked at ``user``, the newest first."""
    return AccessLook.objects.filter(subject_user=user).select_related("actor").order_by("-pk")


def approvals_for(user: User, *, at: datetime) -> QuerySet[Approval]:
    """What ``user`` may decide or has asked for: what waits first, then the newest decisions."""
    return (
        Approval.objects.visible_to(user, roles=rules.roles_of(user, at=at))
        .select_related("requester", "decider")
        .order_by(F("decided_at").desc(nulls_first=True), "-requested_at", "-pk")
    )


def needs_you(user: User | AnonymousUser, *, at: datetime) -> list[NeedsYou]:
    """Requests that wait for a second person, and may have this one."""
    if not isinstance(user, User):
        return []
    waiting = Approval.objects.waiting().filter(role__in=rules.roles_of(user, at=at))
    return [
        NeedsYou(
            title=_("Approve or refuse: %(what)s") % {"what": approval.title},
            url=reverse("accounts:approvals"),
            kind="approval",
        )
        for approval in waiting.exclude(requester=user).order_by("requested_at", "pk")
    ]
