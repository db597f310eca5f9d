"""Everything that is kept about a person, asked of each app, for that person alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import accounts.services.personal_data
import ambassadors.services.personal_data
import calendars.services.personal_data
import events.services.personal_data
import notifications.services.personal_data
import therapy_credits.services.personal_data
from accounts.models import User


def export(user: User) -> dict[str, Any]:
    """All of it but care, which has a page and a file of its own behind the person's door."""
    return {
        "account": accounts.services.personal_data.export(user),
        "events": events.services.personal_data.export(user),
        "programmes": ambassadors.services.personal_data.export(user),
        "calendars": calendars.services.personal_data.export(user),
        "mail": notifications.services.personal_data.export(user),
        "work": therapy_credits.services.personal_data.export_work(user),
    }


def export_care(user: User, *, at: datetime) -> dict[str, Any]:
    """What is kept about sessions, for pages behind ``care_only``."""
    return {"sessions": therapy_credits.services.personal_data.export(user, at=at)}
