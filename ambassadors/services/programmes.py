"""Setting up programmes and their terms, and closing terms."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.services import audit
from ambassadors.models import Enrolment, EnrolmentStatus, Invitation, Programme, Reason, Term
from ambassadors.services.agreements import ensure_texts
from common.hints import hint

_S = EnrolmentStatus


@transaction.atomic
def create_programme(*, programme: Programme, by: User | None, at: datetime) -> Programme:
    """Keep a new programme (its fields already checked by a form or by ``full_clean``)."""
    programme.save(force_insert=True)
    audit.record(by, "programme.create", programme, at)
    return programme


@transaction.atomic
def edit_programme(*, programme: Programme, fields: list[str], by: User, at: datetime) -> Programme:
    """Keep what changed in ``fields``."""
    if fields:
        programme.save(update_fields=fields)
        audit.record(by, "programme.edit", programme, at, fields=fields)
    return programme


@transaction.atomic
def create_term(*, term: Term, by: User | None, at: datetime) -> Term:
    """Keep a new term, and see that there is an agreement its people can read."""
    ensure_texts(at=at)
    term.save(force_insert=True)
    audit.record(by, "term.create", term, at)
    return term


@transaction.atomic
def edit_term(*, term: Term, fields: list[str], by: User, at: datetime) -> Term:
    if fields:
        term.save(update_fields=fields)
        audit.record(by, "term.edit", term, at, fields=fields)
    return term


@transaction.atomic
def end_term(*, term: Term, by: User | None, at: datetime) -> Term:
    """Close a term: its people become alumni, whoever had not finished joining leaves,
    links stop working. ``by`` is nobody when its last day has passed. Closing twice is once.
    """
    row = Term.objects.select_for_update().get(pk=term.pk)
    if row.ended_at is not None:
        return row
    people = Enrolment.objects.filter(term=row)
    trace = {"status_by": by, "status_at": at, "status_reason": Reason.TERM_ENDED}
    # In this order, so that somebody who finishes joining meanwhile is met by the second.
    people.filter(status__in=[_S.INVITED, _S.APPLIED, _S.APPROVED, _S.ONBOARDING]).update(
        status=_S.REMOVED, **trace
    )
    people.filter(status__in=[_S.ACTIVE, _S.PAUSED]).update(
        status=_S.ALUMNI, is_farewell_due=True, **trace
    )
    Invitation.objects.filter(term=row).standing().update(revoked_at=at)
    row.ended_at = at
    row.save(update_fields=["ended_at"])
    audit.record(by, "term.end", row, at, fields=["ended_at"])
    hint("farewells-due")
    return row


def end_due_terms(*, at: datetime) -> int:
    """Close every term whose last day has passed where its programme is; how many."""
    due = Term.objects.open_but_over(at=at)
    for term in due:
        end_term(term=term, by=None, at=at)
    return len(due)
