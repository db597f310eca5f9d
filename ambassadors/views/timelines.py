"""An enrolment's history in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from accounts.models import User
from ambassadors.models import Enrolment, EnrolmentChange


@dataclass(frozen=True)
class Entry:
    """One line of ``components/timeline.html``."""

    title: str
    text: str
    at: datetime
    by: str


def told(enrolment: Enrolment, *, to: User) -> list[Entry]:
    """Newest first, in the programme's zone. The person learns that staff did it, not who."""
    zone = ZoneInfo(enrolment.term.programme.time_zone)
    changes = enrolment.changes.select_related("actor").order_by("-pk")
    return [
        Entry(
            title=change.get_to_status_display().capitalize(),
            text=change.get_reason_display() if change.reason else "",
            # A naive time is shown as it is: in the programme's zone, not the server's.
            at=change.at.astimezone(zone).replace(tzinfo=None),
            by=_actor(change, enrolment, to),
        )
        for change in changes
    ]


def _actor(change: EnrolmentChange, enrolment: Enrolment, reader: User) -> str:
    if change.actor is None:
        return ""
    if change.actor_id == reader.pk:
        return _("you")
    if change.actor_id == enrolment.user_id:
        return _("the person")
    return _("the programme") if reader.pk == enrolment.user_id else str(change.actor)
