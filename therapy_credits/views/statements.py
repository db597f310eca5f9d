"""Statements: a practice reads its own, finance checks them and asks a second person."""

from __future__ import annotations

import csv
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, staff_only
from accounts.errors import AccountsError
from accounts.models import Approval, Role
from accounts.rules import has_role
from common.money import to_decimal
from therapy_credits.access import practice_only
from therapy_credits.models import Booking, PracticeMembership, Statement
from therapy_credits.queries.statements import lines_of, with_totals
from therapy_credits.services import statements
from therapy_credits.views.practice import frame

PAGE = 25
# Who at a practice reads about money. Practitioners see their own bookings only.
MONEY = (PracticeMembership.Role.OWNER, PracticeMembership.Role.FRONT_DESK)


@practice_only(*MONEY)
@require_safe
def practice_list(request: HttpRequest, membership: PracticeMembership) -> HttpResponse:
    own = Statement.objects.visible_to_practice(membership.practice).newest_first()
    return render(
        request,
        "therapy_credits/practice_statements.html",
        {
            **frame(membership, "statements"),
            "page": Paginator(with_totals(own), PAGE).get_page(request.GET.get("page")),
        },
    )


@practice_only(*MONEY)
@require_safe
def practice_statement(
    request: HttpRequest, membership: PracticeMembership, pk: UUID
) -> HttpResponse:
    return render(
        request,
        "therapy_credits/practice_statement.html",
        {**frame(membership, "statements"), **_described(_own(membership, pk))},
    )


@practice_only(*MONEY)
@require_safe
def practice_csv(request: HttpRequest, membership: PracticeMembership, pk: UUID) -> HttpResponse:
    """The same lines for a spreadsheet. The file's name says nothing about what it is."""
    statement = _own(membership, pk)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="statement-{statement.number}.csv"'
    response.write("\ufeff")  # a spreadsheet then reads it as UTF-8
    table = csv.writer(response)
    table.writerow(["reference", "day", "kind", "outcome", "sessions", "amount", "currency"])
    for line in lines_of(statement):
        amount = to_decimal(line.amount_minor, statement.currency)
        table.writerow(
            [
                line.reference,
                line.held_on.isoformat(),
                line.kind,
                line.outcome,
                line.units,
                amount,
                statement.currency,
            ]
        )
    return response


@staff_only(Role.FINANCE, Role.ADMIN)
@require_safe
def staff_list(request: HttpRequest) -> HttpResponse:
    everyone = with_totals(Statement.objects.newest_first())
    return render(
        request,
        "therapy_credits/staff/statements.html",
        {
            "page": Paginator(everyone, PAGE).get_page(request.GET.get("page")),
            "waiting": statements.waiting_for_money()[:PAGE],
        },
    )


@staff_only(Role.FINANCE, Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def staff_statement(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """One statement; finance asks an administrator to stand behind it."""
    now = timezone.now()
    statement = get_object_or_404(with_totals(Statement.objects.all()), pk=pk)
    can_ask = statement.status == Statement.Status.DRAFT and has_role(
        request.user, Role.FINANCE, at=now
    )
    asked = Approval.objects.waiting().filter(kind=statements.KIND, target_id=str(pk)).first()
    if request.method == "POST":
        if not can_ask:
            messages.error(request, _("Only finance asks, and only for a draft."))
        else:
            try:
                statements.request_approval(statement=statement, requester=request.user, at=now)
            except AccountsError as error:
                messages.error(request, str(error))
            else:
                messages.success(
                    request, _("Asked. It is settled when an administrator approved it.")
                )
        return redirect("therapy_credits:staff-statement", pk=pk)
    return render(
        request,
        "therapy_credits/staff/statement.html",
        {**_described(statement), "can_ask": can_ask and asked is None, "asked": asked},
    )


def _own(membership: PracticeMembership, pk: UUID) -> Statement:
    own = Statement.objects.visible_to_practice(membership.practice)
    return get_object_or_404(with_totals(own), pk=pk)


def _described(statement: Statement) -> dict[str, Any]:
    return {
        "statement": statement,
        "lines": [
            {"line": line, "outcome": Booking.Status(line.outcome).label}
            for line in lines_of(statement)
        ],
    }
