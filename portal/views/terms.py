"""A programme and a term as staff see them: its people, and what they are given."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, staff_only
from accounts.models import Role
from ambassadors.rules import SET_UP
from ambassadors.views import staff
from therapy_credits.queries.pools import policies_of, pools_without
from therapy_credits.rules import can_set_policies


@require_safe
@staff_only(*SET_UP)
def programme(request: SignedInRequest, slug: str) -> HttpResponse:
    found = staff.set_up_programme(request, slug)
    context = staff.programme_context(request, found)
    policies = policies_of([term for term, _running, _over in context["terms"]])
    rows = [
        (term, is_running, is_over, policies[term.pk])
        for term, is_running, is_over in context["terms"]
    ]
    context |= {
        "terms": rows,
        "uncovered": [term for term, _running, is_over, given in rows if not (is_over or given)],
        "can_set_policies": can_set_policies(request.user, at=timezone.now()),
    }
    return render(request, "portal/staff_programme.html", context)


@require_safe
@staff_only(Role.COORDINATOR)
def term(request: SignedInRequest, pk: int) -> HttpResponse:
    """The people of a term, and in words what each of them is given. Never what they use."""
    found = staff.coordinated_term(request, pk)
    can_set = can_set_policies(request.user, at=timezone.now())
    context = {
        **staff.people_context(request, found),
        "policies": policies_of([found])[found.pk],
        "can_set_policies": can_set,
        "other_pools": pools_without(found)[:8] if can_set else [],
    }
    return render(request, "portal/staff_term.html", context)
