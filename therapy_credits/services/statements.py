"""What practices are owed: drafted each month, approved by a second person, then settled."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from uuid import uuid4, uuid5

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Approval, Role, User
from accounts.services import approvals
from therapy_credits.models import (
    Booking,
    CareCase,
    Code,
    Practice,
    SessionCode,
    Statement,
    StatementLine,
    Transfer,
)
from therapy_credits.queries.charges import earned_units
from therapy_credits.services import ledger, subjects
from therapy_credits.services.cases import ASKED_FOR, TOLD_BY_PRACTICE
from therapy_credits.services.ledger import SYSTEM

KIND = "statement"


def draft_statements(*, at: dt.datetime) -> int:
    """Draft the statements of the month before ``at``. How many were new; again, none.

    On them is what is confirmed, undisputed for seven days and on no statement
    yet, whatever month it was in; and the corrections of what was settled and
    undone since. A practice to which nothing is owed has none.
    """
    first = at.astimezone(dt.UTC).date().replace(day=1)
    month = (first - dt.timedelta(days=1)).replace(day=1)
    until = dt.datetime.combine(first, dt.time(), dt.UTC)
    practices = Practice.objects.order_by("pk")
    return sum(_draft(practice, month, min(until, at), at) for practice in practices)


@transaction.atomic
def _draft(practice: Practice, month: dt.date, until: dt.datetime, at: dt.datetime) -> int:
    # The practice's row: two runs at once draft one after the other.
    Practice.objects.select_for_update(no_key=True).get(pk=practice.pk)
    by_currency: dict[str, list[StatementLine]] = defaultdict(list)
    for currency, line in [*_sessions(practice, until), *_corrections(practice)]:
        by_currency[currency].append(line)
    drafted = 0
    for currency, lines in sorted(by_currency.items()):
        is_there = Statement.objects.filter(practice=practice, currency=currency, month=month)
        # What is owed must not be below zero: a correction waits for something to take it from.
        if is_there.exists() or sum(line.amount_minor for line in lines) < 0:
            continue
        statement = Statement.objects.create(
            id=uuid4(), practice=practice, currency=currency, month=month, drafted_at=at
        )
        for line in lines:
            line.statement = statement
        StatementLine.objects.bulk_create(lines)
        drafted += 1
    return drafted


def waiting_for_money() -> QuerySet[Booking]:
    """Missed sessions that cost the person nothing, while the pool had nothing to pay them with."""
    paid = Transfer.objects.filter(group=OuterRef("hold_group")).filter(
        Q(code=Code.GOODWILL, phase="single") | Q(phase="post")
    )
    return (
        Booking.objects.filter(status__in=[Booking.Status.MISSED, Booking.Status.LATE_CANCEL])
        .exclude(Exists(paid))
        .select_related("practice", "pool")
        .order_by("resolved_at")
    )


def pay_what_waits(*, at: dt.datetime) -> int:
    """Pay the practices for such sessions from pools that can again. How many."""
    paid = 0
    for booking in waiting_for_money():
        paid += bool(ledger.pay_goodwill(group=booking.hold_group, actor=SYSTEM, at=at))
    return paid


def request_approval(*, statement: Statement, requester: User, at: dt.datetime) -> None:
    """Ask an administrator to stand behind the statement. Raises what approvals raise."""
    approvals.request_approval(
        kind=KIND,
        target=statement,
        title=_("Statement %(number)s of %(practice)s")
        % {"number": statement.number, "practice": statement.practice},
        role=Role.ADMIN,
        requester=requester,
        at=at,
        url=reverse("therapy_credits:staff-statement", args=[statement.pk]),
    )


def book_decided(*, at: dt.datetime) -> int:
    """Approve and settle the statements that a second person approved. How many."""
    waiting = Statement.objects.filter(status=Statement.Status.DRAFT)
    ids = [str(pk) for pk in waiting.values_list("pk", flat=True)]
    approved = Approval.objects.filter(kind=KIND, target_id__in=ids, status="approved")
    return sum(_approve(approval, at) for approval in approved.select_related("decider"))


@transaction.atomic
def _approve(approval: Approval, at: dt.datetime) -> bool:
    statement = Statement.objects.select_for_update(of=("self",)).get(pk=approval.target_id)
    if statement.status != Statement.Status.DRAFT:
        return False
    assert approval.decider is not None
    _drop_what_changed(statement)
    units: dict[int, int] = defaultdict(int)
    pools = {}
    for line in statement.lines.select_related("pool"):
        pools[line.pool_id] = line.pool
        # A correction was taken back from settled when it was undone.
        units[line.pool_id] += max(0, line.units)
    for pool_id, settled in sorted(units.items()):
        if settled:
            ledger.settle(
                pool=pools[pool_id],
                practice_id=statement.practice_id,
                units=settled,
                statement=statement.pk,
                transfer_id=uuid5(statement.pk, f"pool {pool_id}"),
                actor=subjects.actor_token(approval.decider),
                at=at,
            )
    statement.status, statement.approved_at = Statement.Status.APPROVED, at
    statement.save(update_fields=["status", "approved_at"])
    return True


def _drop_what_changed(statement: Statement) -> None:
    """Take off what was disputed or undone since the draft; it comes back when it is due again."""
    lines = list(
        statement.lines.filter(kind=StatementLine.Kind.SESSION).select_related("booking", "code")
    )
    earned = earned_units(source.hold_group for line in lines if (source := _source(line)))
    disputed = CareCase.objects.disputes().waiting()
    gone = [
        line.pk
        for line in lines
        if earned.get(_source(line).hold_group, 0) != line.units
        or disputed.filter(booking=line.booking_id, code=line.code_id).exists()
    ]
    StatementLine.objects.filter(pk__in=gone).delete()


def _sessions(practice: Practice, until: dt.datetime) -> Iterable[tuple[str, StatementLine]]:
    """What is confirmed, was not disputed while it could be, and stands on no statement."""
    quiet_since = until - ASKED_FOR
    bookings = list(
        _unsettled(Booking.objects.all(), "booking").filter(
            practice=practice, status__in=TOLD_BY_PRACTICE, resolved_at__lte=quiet_since
        )
    )
    codes = list(
        _unsettled(SessionCode.objects.all(), "code").filter(
            practice=practice,
            status=SessionCode.Status.REDEEMED,
            resolved_at__lte=quiet_since,
        )
    )
    earned = earned_units([one.hold_group for one in (*bookings, *codes)])
    for booking in bookings:
        units = earned.get(booking.hold_group, 0)
        if units > 0:
            yield (
                booking.currency,
                StatementLine(
                    booking=booking,
                    pool_id=booking.pool_id,
                    held_on=booking.starts_at.astimezone(practice.zone).date(),
                    outcome=booking.status,
                    units=units,
                    amount_minor=owed_minor(
                        booking.rate_minor, units, booking.units, booking.fee_percent
                    ),
                ),
            )
    for code in codes:
        units = earned.get(code.hold_group, 0)
        if units > 0:
            assert code.held_on is not None
            assert code.rate_minor is not None
            yield (
                code.currency,
                StatementLine(
                    code=code,
                    pool_id=code.pool_id,
                    held_on=code.held_on,
                    outcome=Booking.Status.ATTENDED,
                    units=units,
                    amount_minor=owed_minor(code.rate_minor, units, code.units, 100),
                ),
            )


def _corrections(practice: Practice) -> Iterable[tuple[str, StatementLine]]:
    """What stands on an approved statement and was undone since."""
    settled = (
        StatementLine.objects.filter(
            statement__practice=practice,
            statement__status=Statement.Status.APPROVED,
            kind=StatementLine.Kind.SESSION,
        )
        .exclude(
            Exists(
                StatementLine.objects.filter(
                    booking=OuterRef("booking"), kind=StatementLine.Kind.CORRECTION
                )
            )
        )
        .exclude(
            Exists(
                StatementLine.objects.filter(
                    code=OuterRef("code"), kind=StatementLine.Kind.CORRECTION
                )
            )
        )
        .filter(
            # Undone by hand or after a dispute: only these can need correcting.
            Exists(Booking.objects.filter(pk=OuterRef("booking"), status=Booking.Status.REVERSED))
            | Exists(
                SessionCode.objects.filter(pk=OuterRef("code"), status=SessionCode.Status.UNDONE)
            )
        )
        .select_related("booking", "code", "statement")
    )
    lines = list(settled)
    earned = earned_units(_source(line).hold_group for line in lines)
    for line in lines:
        undone = line.units - earned.get(_source(line).hold_group, 0)
        if undone > 0:
            yield (
                line.statement.currency,
                StatementLine(
                    kind=StatementLine.Kind.CORRECTION,
                    booking=line.booking,
                    code=line.code,
                    pool_id=line.pool_id,
                    held_on=line.held_on,
                    outcome=line.outcome,
                    units=-undone,
                    amount_minor=-owed_minor(line.amount_minor, undone, line.units, 100),
                ),
            )


def owed_minor(rate_minor: int, units: int, of_units: int, fee_percent: int) -> int:
    """The share of a rate, rounded to the nearest minor unit, halves up."""
    share = rate_minor * units * fee_percent
    whole = of_units * 100
    return (2 * share + whole) // (2 * whole)


def _unsettled(sources: QuerySet, name: str) -> QuerySet:  # type: ignore[type-arg]  # bookings or codes
    lines = StatementLine.objects.filter(**{name: OuterRef("pk")})
    disputed = CareCase.objects.disputes().exclude(status=CareCase.Status.CLOSED)
    return sources.exclude(Exists(lines)).exclude(Exists(disputed.filter(**{name: OuterRef("pk")})))


def _source(line: StatementLine) -> Booking | SessionCode:
    source = line.booking or line.code
    assert source is not None
    return source
