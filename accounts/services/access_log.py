"""Writing down who looked at whom."""

from __future__ import annotations

from datetime import datetime

from accounts.models import AccessLook, User


def record_look(
    actor: User, subject_user: User, what: str, at: datetime, purpose: str = ""
) -> AccessLook | None:
    """Note that ``actor`` looked at ``what`` of ``subject_user``, who can see it.

    Call it before showing, in the same transaction as the read: what cannot be
    noted is not shown. Looking at oneself is not noted.
    """
    if actor.pk == subject_user.pk:
        return None
    return AccessLook.objects.create(
        at=at, actor=actor, subject_user=subject_user, what=what, purpose=purpose
    )
