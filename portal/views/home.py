"""Home of a signed-in person, and home of the staff: what is next, and what waits for them."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

import events.queries
from accounts.access import SignedInRequest, signed_in, staff_only
from portal.queries import home_sections, is_asked_about_mail, needs_you


@signed_in
@require_safe
def me(request: SignedInRequest) -> HttpResponse:
    """What is next for this person: what waits for them, events, programmes, sessions."""
    at = timezone.now()
    context = {
        "needs": needs_you(request.user, at=at),
        "sections": home_sections(request.user, at=at),
        "is_asked_about_mail": is_asked_about_mail(request.user, at=at),
    }
    return render(request, "portal/me.html", context)


@staff_only()
@require_safe
def staff(request: SignedInRequest) -> HttpResponse:
    """What waits for this member of staff, the next dates they run, and the doors they have."""
    at = timezone.now()
    context = {
        "needs": needs_you(request.user, at=at),
        "dates": events.queries.next_dates_run_by(request.user, at=at),
    }
    return render(request, "portal/staff.html", context)
