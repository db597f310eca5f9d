"""Writing the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Model

from accounts.models import AuditEntry, User


def record(
    actor: User | None, verb: str, target: Model, at: datetime, fields: Iterable[str] = ()
) -> AuditEntry:
    """Note that ``actor`` did ``verb`` to ``target``, in the transaction of the change itself.

    ``fields`` are names of fields, never their values.
    """
    return AuditEntry.objects.create(
        at=at,
        actor=actor,
        verb=verb,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        fields=list(fields),
    )
