"""Giving ambassadors what a policy says, and taking back what was left behind.

Entitlement is pulled: these read who is enrolled, and make it so. Both can run
as often as anybody likes, at the same time too: a person is given what a policy
says once, because the transfer's id derives from the policy and their token.

Consent to health data is not asked for here. Everybody active is given the
same, so what was given says nothing about a person; asking for consent first
would make the books say who refused it. Consent is asked for before anything
is held, where care begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef

from ambassadors.models import Enrolment, EnrolmentStatus
from therapy_credits.models import Account, Kind, Policy
from therapy_credits.services import ledger, subjects
from therapy_credits.services.ledger import SYSTEM
from therapy_credits.services.pools import limits_to_give

# People who leave keep what is free for a while, so that nobody can infer who is in care.
KEPT_AFTER_LEAVING = timedelta(days=60)
LEFT = (EnrolmentStatus.ALUMNI, EnrolmentStatus.REMOVED)


def allocate_due(*, at: datetime) -> int:
    """Give every active ambassador what the policies of their term say. How many lots it made.

    Where a pool cannot serve everybody without its goodwill reserve, those
    enrolled first are served, and the others when the pool is funded again.
    """
    policies = (
        Policy.objects.filter(paused_at__isnull=True, term__ended_at__isnull=True)
        .select_related("pool", "limits", "term__programme")
        .order_by("priority", "pk")
    )
    return sum(_allocate(policy, at) for policy in policies)


# One statement makes all the lots and all the transfers into them.
GIVE = """
WITH lots AS (
    INSERT INTO therapy_credits_account
        (pool_id, kind, bounded, debits_pending, debits_posted, credits_pending, credits_posted,
         subject, priority, effective_at, expires_at, limits_id)
    SELECT %(pool)s, 'lot', true, 0, 0, 0, 0,
           staged.token, %(priority)s, %(at)s, %(expires_at)s, %(limits)s
      FROM staged_subject AS staged
     WHERE NOT EXISTS (
         SELECT 1 FROM therapy_credits_transfer AS earlier
          WHERE earlier.id = md5(%(policy)s || ' ' || staged.token)::uuid)
     ORDER BY staged.position
     LIMIT %(people)s
    RETURNING id, subject
)
INSERT INTO therapy_credits_transfer
    (id, pool_id, phase, code, debit_id, credit_id, amount, "group", actor, request_hash, made_at)
SELECT md5(%(policy)s || ' ' || lots.subject)::uuid, %(pool)s, 'single', 'ALLOCATE',
       %(source)s, lots.id, %(units)s, %(policy)s::uuid, %(actor)s,
       sha256(convert_to(%(policy)s || ' ' || lots.subject || ' ' || %(units)s, 'UTF8')), %(at)s
  FROM lots
"""


@transaction.atomic
def _allocate(policy: Policy, at: datetime) -> int:
    expires_at = policy.expires_at(at=at)
    if expires_at <= at:
        return 0
    with connection.cursor() as cursor:
        # Another run of this may hold the pool for the seconds it takes.
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        source = Account.objects.filter(pool=policy.pool, kind=Kind.POOL).locked().get()
        reserve = ledger.goodwill_reserve(pool=policy.pool, percent=policy.goodwill_percent)
        free = source.left - reserve
        if free < policy.units:
            return 0
        subjects.stage(
            user_ids=Enrolment.objects.active(at=at)
            .filter(term=policy.term)
            .order_by("pk")
            .values_list("user_id", flat=True),
            programme_id=policy.term.programme_id,
            year=policy.term.starts_on.year,
            make_at=at,
        )
        limits = limits_to_give(policy)
        cursor.execute(
            GIVE,
            {
                "pool": policy.pool_id,
                "policy": str(policy.pk),
                "priority": policy.priority,
                "units": policy.units,
                "people": free // policy.units,
                "source": source.pk,
                "at": at,
                "expires_at": expires_at,
                "limits": limits.pk if limits else None,
                "actor": SYSTEM,
            },
        )
        return int(cursor.rowcount)


def claw_back_due(*, at: datetime) -> int:
    """Return to the pools what is free of people who left 60 days ago. From how many lots.

    What is held stays held. A person who is still in another term of the same
    programme-year has not left.
    """
    left = Enrolment.objects.filter(status__in=LEFT, status_at__lte=at - KEPT_AFTER_LEAVING)
    years = left.values_list("term__programme_id", "term__starts_on__year").distinct()
    return sum(_claw_back(programme_id, year, at) for programme_id, year in years)


# By an array of ids, as ledger.LOCK_FOR_HOLD.
LOCK_LOTS_AND_POOLS = """
WITH lots AS (
    SELECT id, pool_id FROM therapy_credits_account
     WHERE kind = 'lot' AND closed_at IS NULL
       AND subject IN (SELECT token FROM staged_subject)
)
SELECT id FROM therapy_credits_account
 WHERE id = ANY (ARRAY(
    SELECT id FROM lots
     UNION ALL
    SELECT there.id FROM therapy_credits_account AS there
     WHERE there.kind = 'pool' AND there.pool_id IN (SELECT pool_id FROM lots)))
 ORDER BY id
   FOR NO KEY UPDATE
"""

TAKE_BACK = """
INSERT INTO therapy_credits_transfer
    (id, pool_id, phase, code, debit_id, credit_id, amount, actor, request_hash, made_at)
SELECT md5('CLAWBACK ' || lot.id || ' ' || lot.debits_posted)::uuid, lot.pool_id,
       'single', 'CLAWBACK', lot.id, pool.id,
       lot.credits_posted - lot.debits_posted - lot.debits_pending, %(actor)s, '', %(at)s
  FROM therapy_credits_account AS lot
  JOIN therapy_credits_account AS pool ON pool.pool_id = lot.pool_id AND pool.kind = 'pool'
 WHERE lot.kind = 'lot' AND lot.id = ANY (%(locked)s)
   AND lot.credits_posted - lot.debits_posted - lot.debits_pending > 0
"""


@transaction.atomic
def _claw_back(programme_id: int, year: int, at: datetime) -> int:
    enrolments = Enrolment.objects.filter(
        term__programme_id=programme_id, term__starts_on__year=year
    )
    stays = enrolments.filter(user=OuterRef("user")).exclude(
        status__in=LEFT, status_at__lte=at - KEPT_AFTER_LEAVING
    )
    subjects.stage(
        user_ids=enrolments.exclude(Exists(stays)).values_list("user_id", flat=True).distinct(),
        programme_id=programme_id,
        year=year,
    )
    return _take_back_staged(at)


@transaction.atomic
def give_up_units(tokens: Iterable[UUID], *, at: datetime) -> int:
    """Return to the pools at once what is free under these tokens, of somebody who is erased: no
    one could use it any more. From how many lots."""
    subjects.stage_tokens(tokens)
    return _take_back_staged(at)


def _take_back_staged(at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LOTS_AND_POOLS)
        locked = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(TAKE_BACK, {"actor": SYSTEM, "at": at, "locked": locked})
        taken = int(cursor.rowcount)
    Account.objects.filter(pk__in=locked, kind=Kind.LOT).filter(
        debits_pending=0, credits_posted=F("debits_posted")
    ).update(closed_at=at)
    return taken
