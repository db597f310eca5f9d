"""What others may ask about enrolments and consent."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from accounts.models import User
from ambassadors.models import Consent


def has_health_consent(user: User, *, at: datetime) -> bool:
    """Whether ``user`` has said yes to health data being handled, and it stood at ``at``."""
    return Consent.objects.filter(
        Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=at), user=user, given_at__lte=at
    ).exists()
