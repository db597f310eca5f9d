"""Mail that a person of the staff must look at, and answers of calendars that did not count."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import SignedInRequest, staff_only
from accounts.models import Role, User
from accounts.services.access_log import record_look
from calendars.models import InboundReply
from calendars.services.inbound import close
from portal.queries import inbound_for, with_rsvps

PER_PAGE = 40
DESKS = (Role.COORDINATOR, Role.CARE)


@staff_only(*DESKS)
@require_safe
def letters(request: SignedInRequest) -> HttpResponse:
    """What waits for a person, and, on the other tab, what is settled."""
    mine = inbound_for(request.user, at=timezone.now())
    is_past = request.GET.get("show") == "past"
    rows = mine.past() if is_past else mine.for_a_person()
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "mails": with_rsvps(page.object_list),
        "is_past": is_past,
        "tabs": [
            {"label": _("For a person"), "url": "?", "current": not is_past},
            {"label": _("Settled"), "url": "?show=past", "current": is_past},
        ],
    }
    return render(request, "portal/letters.html", context)


@staff_only(*DESKS)
@never_cache
@require_safe
def letter(request: SignedInRequest, number: int) -> HttpResponse:
    """One mail, with its words. Looking at somebody's is noted, and they can see it."""
    at = timezone.now()
    found = get_object_or_404(inbound_for(request.user, at=at), pk=number)
    with transaction.atomic():
        writer = User.objects.filter(email=found.sender).first() if found.sender else None
        if writer is not None:
            record_look(request.user, writer, "letter", at)
        (mail,) = with_rsvps([found])
        return render(request, "portal/letter.html", {"mail": mail, "text": found.text})


@staff_only(*DESKS)
@require_POST
def close_letter(request: SignedInRequest, number: int) -> HttpResponse:
    at = timezone.now()
    found: InboundReply = get_object_or_404(inbound_for(request.user, at=at), pk=number)
    close(reply=found, actor=request.user, at=at)
    messages.success(request, _("Done. It stays under “Settled” for 30 days."))
    return redirect("portal:letters")
