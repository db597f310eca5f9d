"""What is in a pool: in sessions for finance, in bands for everybody else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil

from django.db import models
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum
from django.utils.translation import gettext_lazy as _

from ambassadors.models import Term
from ambassadors.models.programmes import today_in
from therapy_credits.models import Account, Code, Kind, Policy, Pool, Transfer


class Band(models.TextChoices):
    """How much of what was paid in can still be given. All that most people ever see."""

    UNFUNDED = "unfunded", _("Not funded yet")
    PLENTY = "plenty", _("More than half left")
    HALF = "half", _("Half or less left")
    QUARTER = "quarter", _("A quarter or less left")
    TENTH = "tenth", _("A tenth or less left")

    @property
    def tone(self) -> str:
        """How its tag is coloured; the words say it too."""
        return {"plenty": "good", "quarter": "warm", "tenth": "bad"}.get(self.value, "")


@dataclass(frozen=True)
class PoolBooks:
    """Where a pool's sessions are. What was paid in is the sum of the next five lines."""

    pool: Pool
    paid_in: int
    unallocated: int
    with_people: int
    held: int
    used: int
    expired: int
    settled: int

    @property
    def reserve(self) -> int:
        """Of what is unallocated, what allocations leave for goodwill."""
        return ceil(self.paid_in * self.pool.goodwill_percent / 100)

    @property
    def free(self) -> int:
        """What can still be allocated."""
        return max(0, self.unallocated - self.reserve)

    @property
    def kept_back(self) -> int:
        """What is there of the reserve; goodwill may have used some of it."""
        return min(self.unallocated, self.reserve)

    @property
    def band(self) -> Band:
        if self.paid_in == 0:
            return Band.UNFUNDED
        share = self.unallocated / self.paid_in
        if share > 0.5:
            return Band.PLENTY
        if share > 0.25:
            return Band.HALF
        return Band.QUARTER if share > 0.1 else Band.TENTH


def books_of(pools: Iterable[Pool]) -> list[PoolBooks]:
    """The books of these pools, in one query over their accounts."""
    pools = sorted(pools, key=lambda pool: pool.name)
    sums: dict[tuple[int, str], tuple[int, int]] = {
        (pool_id, kind): (net, held)
        for pool_id, kind, net, held in Account.objects.filter(pool__in=pools)
        .values_list("pool_id", "kind")
        .annotate(net=Sum(F("credits_posted") - F("debits_posted")), held=Sum("debits_pending"))
    }

    def net(pool: Pool, kind: Kind) -> int:
        return int(sums.get((pool.pk, kind), (0, 0))[0])

    books = []
    for pool in pools:
        held = int(sums.get((pool.pk, Kind.LOT), (0, 0))[1])
        books.append(
            PoolBooks(
                pool=pool,
                paid_in=-net(pool, Kind.FUNDER),
                unallocated=net(pool, Kind.POOL),
                with_people=net(pool, Kind.LOT) - held,
                held=held,
                used=net(pool, Kind.PRACTICE) + net(pool, Kind.SETTLED) + net(pool, Kind.ISSUED),
                expired=net(pool, Kind.EXPIRED),
                settled=net(pool, Kind.SETTLED),
            )
        )
    return books


def policies_of(terms: Iterable[Term]) -> dict[int, list[Policy]]:
    """What people of these terms are given, by term; first what is used first. Without balances."""
    found: dict[int, list[Policy]] = {term.pk: [] for term in terms}
    policies = Policy.objects.filter(term__in=found).select_related("pool", "term__programme")
    for policy in policies.order_by("priority", "pk"):
        found[policy.term_id].append(policy)
    return found


def pools_without(term: Term) -> QuerySet[Pool]:
    """Pools that have no policy for ``term``: first those of its country."""
    return Pool.objects.exclude(policies__term=term).order_by(
        models.Case(models.When(country=term.market, then=0), default=1), "name"
    )


def terms_forgotten(*, at: datetime) -> list[tuple[Term, int]]:
    """Terms to come or running that no pool serves, of programmes whose people got sessions
    before. Each with the id of the pool that served its programme last."""
    ours = Policy.objects.filter(term__programme=OuterRef("programme"))
    terms = (
        Term.objects.filter(ended_at__isnull=True)
        .alias(_today=today_in("programme__time_zone", at))
        .filter(~Exists(Policy.objects.filter(term=OuterRef("pk"))), ends_on__gte=F("_today"))
        .annotate(served_by=Subquery(ours.order_by("-term__starts_on").values("pool")[:1]))
        .filter(served_by__isnull=False)
        .select_related("programme")
        .order_by("starts_on", "pk")
    )
    return [(term, term.served_by) for term in terms]  # type: ignore[attr-defined]  # annotated


# From the emptiest to the fullest; a pool that was never funded is not low.
LOW = (Band.TENTH, Band.QUARTER, Band.HALF)
# Use is averaged over so long, in months of 30 days.
MONTH = timedelta(days=30)
LOOKED_BACK = 3


@dataclass(frozen=True)
class Forecast:
    """How long a pool lasts, if people go on as in the last three months."""

    used_a_month: float
    # What is paid for and not used: to be given, with people, and held.
    unused: int
    # Of what people have, what expires within three months.
    expiring: int
    lasts_until: date | None

    @property
    def months(self) -> int | None:
        """Whole months; None where too little is used to say."""
        return int(self.unused / self.used_a_month) if self.used_a_month >= 1 else None


def forecast_of(books: PoolBooks, *, at: datetime) -> Forecast:
    """The forecast for the pool of ``books``. Three queries, whatever the history."""
    since = at - LOOKED_BACK * MONTH
    moved = Transfer.objects.filter(pool=books.pool, made_at__gt=since, made_at__lte=at)
    used = moved.filter(
        models.Q(phase="post") | models.Q(code=Code.GOODWILL, phase="single")
    ).aggregate(units=Sum("amount"))["units"]
    back = moved.filter(code=Code.REVERSAL, credit__kind__in=[Kind.LOT, Kind.POOL])
    used_a_month = ((used or 0) - (back.aggregate(units=Sum("amount"))["units"] or 0)) / LOOKED_BACK
    lots = Account.objects.filter(pool=books.pool, kind=Kind.LOT, closed_at=None)
    expiring = lots.filter(expires_at__gt=at, expires_at__lte=at + LOOKED_BACK * MONTH).aggregate(
        units=Sum(F("credits_posted") - F("debits_posted") - F("debits_pending"))
    )["units"]
    unused = books.unallocated + books.with_people + books.held
    lasts = at + (unused / used_a_month) * MONTH if used_a_month >= 1 else None
    return Forecast(
        used_a_month=round(used_a_month, 1),
        unused=unused,
        expiring=int(expiring or 0),
        lasts_until=lasts.date() if lasts else None,
    )


def most_to_hand_back(pool: Pool) -> int:
    """What may go back to the partner: what nobody was given, less what is kept back for
    goodwill and for finishing care while anybody still has sessions."""
    books = books_of([pool])[0]
    somebody_has = books.with_people + books.held > 0
    return books.free if somebody_has else books.unallocated


def journal(pool: Pool) -> QuerySet[Transfer]:
    """The pool's transfers, newest first. Accounts and tokens, no names: there are none."""
    return (
        Transfer.objects.filter(pool=pool)
        .select_related("debit", "credit")
        .order_by("-made_at", "-pk")
    )
