"""Asking people of a term to go on into another: any number at once, and each decides."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.services import audit
from ambassadors.errors import NotRenewable, TermFull
from ambassadors.models import Enrolment, EnrolmentStatus, Reason, Term
from ambassadors.queries import places_left
from ambassadors.queries.renewals import Verdict, people_with
from ambassadors.services.enrolments import write_to
from common.hints import hint

# One statement for any number. Somebody may come in by a link meanwhile, which does not wait for
# the term: then there is nothing to ask.
_ASK = f"""
    INSERT INTO ambassadors_enrolment
        (term_id, user_id, status, status_at, status_by_id, status_reason,
         is_farewell_due, is_renewal_due)
    SELECT %(term)s, unnest(%(users)s::bigint[]), '{EnrolmentStatus.INVITED}', %(at)s, %(by)s,
           '{Reason.RENEWED}', false, true
    ON CONFLICT (term_id, user_id) DO NOTHING
"""


@transaction.atomic
def ask_on(*, term: Term, people: QuerySet[Enrolment], into: Term, by: User, at: datetime) -> int:
    """Ask those of ``people`` (all of ``term``) who can go on into ``into``; how many.

    What they have from ``term`` stays apart. Whoever is there already is passed over, so that
    twice is once. All or nothing: where there are fewer places than people, nobody is asked.
    The letters are promised here and written by a task.
    """
    # The term's row is the lock for its places, as where somebody is invited.
    row = Term.objects.select_for_update(of=("self",)).select_related("programme").get(pk=into.pk)
    if row.programme_id != term.programme_id or row.pk == term.pk or row.is_over(at=at):
        raise NotRenewable
    # Held, so that nobody is removed or leaves between the look and the asking.
    able = people_with(Verdict.ASKED, people.filter(term=term), into=row)
    users = list(
        able.select_for_update(of=("self",)).order_by("pk").values_list("user_id", flat=True)
    )
    places = places_left(row)
    if places is not None and len(users) > places:
        raise TermFull
    with connection.cursor() as cursor:
        # Checked row by row. Left for the end of the transaction, the checks pile up, and every
        # line of the history that the trigger writes walks past all that wait.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(_ASK, {"term": row.pk, "users": users, "by": by.pk, "at": at})
        asked = int(cursor.rowcount)
    if asked:
        audit.record(by, "term.renew", row, at)
        hint("renewals-due")
    return asked


@transaction.atomic
def write_renewals(*, limit: int, at: datetime) -> int:
    """Write to people who are asked to go on, unless they answered meanwhile; how many rows."""
    due = (
        Enrolment.objects.filter(is_renewal_due=True)
        .select_related("term__programme", "user")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("term", "pk")[:limit]
    )
    rows = list(due)
    for row in rows:
        if row.status == EnrolmentStatus.INVITED:
            write_to(row, "renewal", f"renewal:{row.pk}", at=at)
    Enrolment.objects.filter(pk__in=[row.pk for row in rows]).update(is_renewal_due=False)
    return len(rows)
