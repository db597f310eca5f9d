""" "Worried about this person": to the safeguarding lead and the deputy, the same working day."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from common.sealing import seal
from therapy_credits.domain.working_days import same_working_day
from therapy_credits.errors import NobodyNamed
from therapy_credits.models import Concern, SafeguardingLead
from therapy_credits.queries.desk import desk_week
from therapy_credits.services import care_mail


@transaction.atomic
def name_lead(*, user: User, is_deputy: bool, by: User, at: dt.datetime) -> SafeguardingLead:
    """Name the lead, or the deputy, in the place of whoever it was."""
    SafeguardingLead.objects.filter(is_deputy=is_deputy).exclude(user=user).delete()
    SafeguardingLead.objects.filter(user=user).exclude(is_deputy=is_deputy).delete()
    lead, _ = SafeguardingLead.objects.get_or_create(
        user=user, defaults={"is_deputy": is_deputy, "named_at": at}
    )
    audit.record(by, "safeguarding.name", lead, at, ["user"])
    return lead


@transaction.atomic
def raise_concern(*, who: str, words: str, by: User, at: dt.datetime) -> Concern:
    """Tell the lead and the deputy. Sealed; whoever raised it does not see it again.

    Raises NobodyNamed while there is nobody to tell.
    """
    leads = list(SafeguardingLead.objects.select_related("user"))
    if not leads:
        raise NobodyNamed
    concern = Concern.objects.create(
        sealed_who=seal(who, "concern.who"),
        sealed_words=seal(words, "concern.words"),
        raised_by=by,
        raised_at=at,
        due_at=same_working_day(at, desk_week()),
    )
    for lead in leads:
        care_mail.tell_lead(lead, concern, at)
    audit.record(by, "concern.raise", concern, at)
    return concern


@transaction.atomic
def close_concern(*, concern: Concern, by: User, at: dt.datetime) -> Concern:
    """It has been looked after. Again changes nothing."""
    concern = Concern.objects.select_for_update(no_key=True).get(pk=concern.pk)
    if concern.closed_at is None:
        concern.closed_by, concern.closed_at = by, at
        concern.save(update_fields=["closed_by", "closed_at"])
        audit.record(by, "concern.close", concern, at)
    return concern
