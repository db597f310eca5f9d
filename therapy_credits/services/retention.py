"""What led from a session to its person is forgotten when its time is over. The books stay."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from ambassadors.models import Term
from notifications.models import Purge
from therapy_credits.models import (
    Account,
    Booking,
    CareCase,
    CareKey,
    Concern,
    FitCall,
    Gift,
    Kind,
    SessionCode,
    Statement,
    StatementLine,
    Subject,
)
from therapy_credits.services.subjects import forget_tokens

# What of a booking says who it was, or where they were.
NOTHING_TOLD = {
    "sealed_name": "",
    "sealed_contact": "",
    "place": "",
    "join_url": "",
    "country": "",
    "region": "",
}
_TELLS = ~Q(sealed_name="", sealed_contact="", place="", join_url="", country="", region="")


@transaction.atomic
def forget_care(*, limit: int, at: dt.datetime) -> int:
    """Forget up to ``limit`` each of: what people told for sessions settled ``CARE_DAYS`` ago, who
    is behind tokens of which everything has been over for as long, cases closed as long ago, and
    worries looked after ``CONCERN_DAYS`` ago. Leaves a row that proves it. How many."""
    older_than = at - dt.timedelta(days=settings.CARE_DAYS)
    settled = _settled(older_than).values_list("pk", flat=True)[:limit]
    rows = Booking.objects.filter(pk__in=list(settled)).update(**NOTHING_TOLD)
    rows += forget_tokens(_over(older_than).values_list("token", flat=True)[:limit])
    worries = Concern.objects.filter(closed_at__lte=at - dt.timedelta(days=settings.CONCERN_DAYS))
    for old in (CareCase.objects.filter(closed_at__lte=older_than), worries):
        keys = list(old.order_by("pk").values_list("pk", flat=True)[:limit])
        rows += old.filter(pk__in=keys).delete()[0]
    Purge.objects.create(at=at, what="care", older_than=older_than, rows=rows)
    return rows


def _settled(older_than: dt.datetime) -> QuerySet[Booking]:
    """Bookings that say whose they are, and of which nothing can be asked or paid any more: what
    took place is on a statement, approved long enough ago."""
    lines = StatementLine.objects.filter(booking=OuterRef("pk"))
    young = Q(statement__status=Statement.Status.DRAFT) | Q(statement__approved_at__gt=older_than)
    told = Booking.objects.filter(_TELLS, resolved_at__lte=older_than)
    told = told.exclude(Exists(CareCase.objects.waiting().filter(booking=OuterRef("pk"))))
    return told.exclude(Exists(lines.filter(young))).filter(
        ~Q(status=Booking.Status.ATTENDED) | Exists(lines)
    )


def _over(older_than: dt.datetime) -> QuerySet[CareKey]:
    """Keys of tokens that have a person, and nothing that is open or younger.

    A programme-year counts as open while a term that began in it goes on: somebody who is in it
    would be given another token, and their sessions again.
    """
    terms = Term.objects.filter(
        programme=OuterRef("programme"),
        starts_on__year=OuterRef("year"),
        ends_on__gte=older_than.date(),
    )
    closed = Subject.objects.annotate(goes_on=Exists(terms)).filter(
        goes_on=False, made_at__lte=older_than
    )
    token = {"subject": OuterRef("token")}
    codes = SessionCode.objects.filter(**token)
    open_things = [
        Account.objects.filter(Q(closed_at=None) | Q(closed_at__gt=older_than), **token).filter(
            kind=Kind.LOT
        ),
        Booking.objects.filter(Q(resolved_at=None) | _TELLS, **token),
        codes.filter(Q(resolved_at=None) | Q(resolved_at__gt=older_than)),
        FitCall.objects.filter(ends_at__gt=older_than, **token),
        CareCase.objects.filter(**token).waiting(),
        Gift.objects.open().filter(Q(giver_subject=OuterRef("token")) | Q(**token)),
    ]
    over = CareKey.objects.filter(token__in=closed.values("token")).exclude(person="")
    for thing in open_things:
        over = over.exclude(Exists(thing))
    return over
