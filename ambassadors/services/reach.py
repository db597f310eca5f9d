"""Which programmes a staff role reaches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import StaffGrant, User
from accounts.services import audit
from accounts.services.grants import give_role
from ambassadors.errors import NoReach
from ambassadors.models import Programme, ProgrammeGrant


@transaction.atomic
def set_reach(
    *,
    grant: StaffGrant,
    all_programmes: bool,
    programmes: Iterable[Programme],
    by: User,
    at: datetime,
) -> StaffGrant:
    """Let ``grant`` reach every programme, those to come too, or exactly ``programmes``."""
    chosen = set() if all_programmes else {programme.pk for programme in programmes}
    if not all_programmes and not chosen:
        raise NoReach
    row = give_role(
        user=grant.user,
        role=grant.role,
        giver=by,
        at=at,
        until_on=grant.until_on,
        all_programmes=all_programmes,
    )
    before = set(row.programmes.values_list("programme_id", flat=True))
    row.programmes.exclude(programme__in=chosen).delete()
    ProgrammeGrant.objects.bulk_create(
        ProgrammeGrant(grant=row, programme_id=pk) for pk in sorted(chosen - before)
    )
    if chosen != before:
        audit.record(by, "role.reach", row, at, fields=["programmes"])
    return row
