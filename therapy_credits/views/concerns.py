""" "Worried about this person": any of the staff says it, the lead and the deputy read it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, staff_only
from accounts.models import Role
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.forms.concerns import ConcernForm, LeadsForm
from therapy_credits.models import Concern, SafeguardingLead
from therapy_credits.services import concerns


@staff_only()
@require_http_methods(["GET", "HEAD", "POST"])
def worried(request: SignedInRequest) -> HttpResponse:
    """Say it, to the safeguarding lead and the deputy."""
    form = ConcernForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            concerns.raise_concern(**form.cleaned_data, by=request.user, at=timezone.now())
        except TherapyCreditsError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(
                request, _("Told. It is looked after today, or on the next working day.")
            )
            return redirect("therapy_credits:worried")
    return render(
        request,
        "therapy_credits/staff/worried.html",
        {
            "form": form,
            "leads": SafeguardingLead.objects.select_related("user").order_by("is_deputy"),
            "can_name": request.user.staff_grants.filter(role=Role.ADMIN).exists(),
        },
    )


@staff_only()
@require_safe
def listing(request: SignedInRequest) -> HttpResponse:
    """What waits, for the lead and the deputy; for anybody else there is no such page."""
    _only_leads(request)
    visible = Concern.objects.visible_to(request.user)
    return render(
        request,
        "therapy_credits/staff/concerns.html",
        {
            "waiting": visible.waiting(),
            "closed": visible.exclude(closed_at=None).order_by("-closed_at")[:50],
            "now": timezone.now(),
        },
    )


@staff_only()
@require_http_methods(["GET", "HEAD", "POST"])
def concern(request: SignedInRequest, pk: int) -> HttpResponse:
    """One worry: who, and what was seen."""
    one = get_object_or_404(Concern.objects.visible_to(request.user), pk=pk)
    if request.method == "POST":
        concerns.close_concern(concern=one, by=request.user, at=timezone.now())
        messages.success(request, _("Closed."))
        return redirect("therapy_credits:concerns")
    return render(request, "therapy_credits/staff/concern.html", {"concern": one})


@staff_only(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def leads(request: SignedInRequest) -> HttpResponse:
    """Name the lead and the deputy."""
    now = timezone.now()
    named = {one.is_deputy: one.user_id for one in SafeguardingLead.objects.all()}
    form = LeadsForm(
        request.POST or None,
        at=now,
        initial={"lead": named.get(False), "deputy": named.get(True)},
    )
    if request.method == "POST" and form.is_valid():
        for name, is_deputy in (("lead", False), ("deputy", True)):
            concerns.name_lead(
                user=form.cleaned_data[name], is_deputy=is_deputy, by=request.user, at=now
            )
        messages.success(request, _("Named."))
        return redirect("therapy_credits:worried")
    return render(request, "therapy_credits/staff/leads.html", {"form": form})


def _only_leads(request: SignedInRequest) -> None:
    if not SafeguardingLead.objects.filter(user=request.user).exists():
        raise Http404
