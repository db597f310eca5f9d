"""Setting up pools and what they give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import audit
from ambassadors.models import Term
from common.hints import hint
from therapy_credits.domain.missed import MissedRule
from therapy_credits.errors import LimitsNarrower, LimitsWider, PolicyExists, PoolExists
from therapy_credits.models import Expiry, Limits, MissedSessionRule, Policy, Pool
from therapy_credits.queries.missed import rules_of_pool
from therapy_credits.queries.pools import LOW, Band, PoolBooks, books_of
from therapy_credits.services import care_mail, ledger

# Days of the month on which alerts go out, and no other.
ALERT_DAYS = (1, 15)


@transaction.atomic
def open_pool(
    *,
    name: str,
    partner: str,
    country: str,
    currency: str,
    ceiling_price_minor: int,
    goodwill_percent: int,
    opener: User,
    at: datetime,
    networks: Sequence[str] = (),
    kinds: Sequence[str] = (),
) -> Pool:
    """A new pool with nothing in it. Its country, currency and ceiling price are for good.

    ``networks`` of practices and ``kinds`` of session are what it pays for; none is all.
    """
    try:
        with transaction.atomic():
            pool = Pool.objects.create(
                name=name,
                partner=partner,
                country=country,
                currency=currency,
                ceiling_price_minor=ceiling_price_minor,
                goodwill_percent=goodwill_percent,
                networks=list(networks),
                kinds=list(kinds),
                opened_at=at,
            )
    except IntegrityError as error:
        raise PoolExists from error
    ledger.open_pool(pool=pool)
    audit.record(opener, "pool.open", pool, at)
    return pool


@transaction.atomic
def widen_limits(
    *, pool: Pool, networks: Sequence[str], kinds: Sequence[str], author: User, at: datetime
) -> Pool:
    """Let the pool pay for more: more networks, more kinds, or (empty) all of them.

    Raises LimitsNarrower for less: what was given would be worth less than when it was given.
    """
    pool = Pool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    for old, new in ((pool.networks, networks), (pool.kinds, kinds)):
        if new and (not old or not set(old) <= set(new)):
            raise LimitsNarrower
    pool.networks, pool.kinds = list(networks), list(kinds)
    pool.save(update_fields=["networks", "kinds"])
    audit.record(author, "pool.limits", pool, at, ["networks", "kinds"])
    return pool


@transaction.atomic
def add_policy(
    *,
    pool: Pool,
    term: Term,
    units: int,
    expiry: Expiry,
    expiry_days: int,
    priority: int,
    is_paused: bool,
    author: User,
    at: datetime,
    networks: Sequence[str] = (),
    kinds: Sequence[str] = (),
    goodwill_percent: int | None = None,
) -> Policy:
    """From now on each active ambassador of ``term`` is given ``units`` from ``pool``, once.

    ``networks``, ``kinds`` and ``goodwill_percent`` may be narrower than the pool's;
    empty is as in the pool. Raises PolicyExists and LimitsWider.
    """
    _check_within(pool, networks, kinds, goodwill_percent)
    try:
        with transaction.atomic():
            policy = Policy.objects.create(
                pool=pool,
                term=term,
                units=units,
                expiry=expiry,
                expiry_days=expiry_days,
                priority=priority,
                limits=_limits(pool, networks, kinds, []),
                goodwill_percent=goodwill_percent,
                paused_at=at if is_paused else None,
            )
    except IntegrityError as error:
        raise PolicyExists from error
    audit.record(author, "policy.add", policy, at)
    hint("allocation-due")
    return policy


@transaction.atomic
def change_policy(
    *,
    policy: Policy,
    units: int,
    expiry: Expiry,
    expiry_days: int,
    priority: int,
    is_paused: bool,
    author: User,
    at: datetime,
    networks: Sequence[str] = (),
    kinds: Sequence[str] = (),
    goodwill_percent: int | None = None,
) -> Policy:
    """Change what is given from now on. What was given stays as it was given.

    Raises LimitsWider for networks, kinds or a reserve that the pool does not allow.
    """
    policy = _lock_policy(policy)
    _check_within(policy.pool, networks, kinds, goodwill_percent)
    wanted = {
        "limits": _limits_after(policy, networks=networks, kinds=kinds),
        "goodwill_percent": goodwill_percent,
        "units": units,
        "expiry": expiry,
        "expiry_days": expiry_days,
        "priority": priority,
        "paused_at": (policy.paused_at or at) if is_paused else None,
    }
    changed = [name for name, value in wanted.items() if getattr(policy, name) != value]
    if not changed:
        return policy
    for name in changed:
        setattr(policy, name, wanted[name])
    policy.save(update_fields=changed)
    audit.record(author, "policy.change", policy, at, fields=changed)
    hint("allocation-due")
    return policy


@transaction.atomic
def set_policy_missed_rules(
    *, policy: Policy, rules: Sequence[MissedRule], author: User, at: datetime
) -> Policy:
    """What missing a session means for what this policy gives from now on; none: as in the pool."""
    policy = _lock_policy(policy)
    limits = _limits_after(policy, rules=[rule.numbers for rule in rules])
    if limits != policy.limits:
        policy.limits = limits
        policy.save(update_fields=["limits"])
        audit.record(author, "policy.missed-rules", policy, at, ["limits"])
    return policy


def _lock_policy(policy: Policy) -> Policy:
    locked = Policy.objects.select_for_update(of=("self",)).select_related("pool", "limits")
    return locked.get(pk=policy.pk)


def _check_within(
    pool: Pool, networks: Sequence[str], kinds: Sequence[str], goodwill_percent: int | None
) -> None:
    for of_pool, own in ((pool.networks, networks), (pool.kinds, kinds)):
        if of_pool and not set(own) <= set(of_pool):
            raise LimitsWider
    if goodwill_percent is not None and goodwill_percent < pool.goodwill_percent:
        raise LimitsWider


def _limits_after(
    policy: Policy,
    *,
    networks: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    rules: list[list[int]] | None = None,
) -> Limits | None:
    """The policy's limits with these in place of its own: the same row where nothing changes."""
    old = policy.limits
    own = old or Limits()
    if networks is None:
        networks = own.networks
    if kinds is None:
        kinds = own.kinds
    if rules is None:
        rules = own.missed_rules
    if (list(networks), list(kinds), rules) == (own.networks, own.kinds, own.missed_rules):
        return old
    return _limits(policy.pool, networks, kinds, rules)


def limits_to_give(policy: Policy) -> Limits | None:
    """The limits of what ``policy`` gives now.

    Its own; and where it has no table for missed sessions, with the one its pool has now. So what
    was given keeps the table it was given under, whatever becomes of the pool's.
    """
    own = policy.limits.missed_rules if policy.limits else []
    of_pool = [rule.numbers for rule in rules_of_pool(policy.pool)]
    return _limits_after(policy, rules=own or of_pool)


def _limits(
    pool: Pool, networks: Sequence[str], kinds: Sequence[str], rules: Sequence[Sequence[int]]
) -> Limits | None:
    """None where nothing is narrower. As a row never changes, the same limits are the same row: so
    what two policies give alike can be held together."""
    if not (networks or kinds or rules):
        return None
    wanted = {"networks": list(networks), "kinds": list(kinds), "missed_rules": list(rules)}
    earlier = Limits.objects.filter(pool=pool, **wanted).order_by("pk").first()
    return earlier or Limits.objects.create(pool=pool, **wanted)


@transaction.atomic
def set_missed_rules(
    *, pool: Pool, rules: Sequence[MissedRule], author: User, at: datetime
) -> None:
    """What missing a session means for what is given from now on, where a policy says nothing."""
    Pool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    MissedSessionRule.objects.filter(pool=pool).delete()
    MissedSessionRule.objects.bulk_create(
        MissedSessionRule(
            pool=pool,
            nth=rule.nth,
            notice_hours=rule.notice_hours,
            units_charged=rule.units_charged,
            fee_percent=rule.fee_percent,
        )
        for rule in rules
    )
    audit.record(author, "pool.missed-rules", pool, at, ["missed_rules"])


@transaction.atomic
def set_alert_address(*, pool: Pool, address: str, author: User, at: datetime) -> None:
    """Who of the partner hears when little is left; empty for nobody."""
    Pool.objects.filter(pk=pool.pk).update(alert_email=address)
    audit.record(author, "pool.alerts", pool, at, ["alert_email"])


def alert_low_pools(*, at: datetime) -> int:
    """On the 1st and the 15th, tell finance and the partner of each pool that fell a step.

    Only on these days, and only the step: an alert at the moment somebody books, or
    with a number, would tell what that person did. How many pools it told of.
    """
    if at.astimezone(UTC).day not in ALERT_DAYS:
        return 0
    return sum(_alert(books, at) for books in books_of(Pool.objects.all()))


@transaction.atomic
def _alert(books: PoolBooks, at: datetime) -> bool:
    pool = Pool.objects.select_for_update(no_key=True).get(pk=books.pool.pk)
    band = books.band
    fell = band in LOW and (
        pool.alerted_band not in LOW or LOW.index(band) < LOW.index(Band(pool.alerted_band))
    )
    if fell:
        care_mail.tell_low(pool, str(band.value), at)
    if pool.alerted_band != band:
        pool.alerted_band = band
        pool.save(update_fields=["alerted_band"])
    return fell
