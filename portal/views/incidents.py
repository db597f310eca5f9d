"""Incidents at events: whoever works at one writes them, the safeguarding lead and deputy read."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, staff_only
from events.access import Crew, crew_only
from events.errors import EventsError
from events.forms.incidents import IncidentForm
from events.models import Incident
from events.services.incidents import close_incident, look_at_incident, report_incident
from portal.queries import incident_readers, incidents_for, working_day_of

GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
@GET_OR_POST
@crew_only
def report(request: HttpRequest, crew: Crew) -> HttpResponse:
    """Write down what happened at a date. Whoever wrote it does not see it again."""
    occurrence = crew.date(request.GET.get("date", ""))
    if occurrence is None:
        raise Http404
    at = timezone.now()
    readers = incident_readers()
    form = IncidentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            report_incident(
                occurrence=occurrence,
                **form.cleaned_data,
                readers=readers,
                due_at=working_day_of(at),
                by=crew.person,
                at=at,
            )
        except EventsError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Written down. It is looked at the same working day."))
            if crew.host:
                return redirect("events:hosted", slug=crew.event.slug)
            return redirect("events:staff-edit", slug=crew.event.slug)
    context = {
        **crew.context(),
        "occurrence": occurrence,
        "form": form,
        "names": get_text_list([one.get_short_name() for one in readers], _("and")),
    }
    status = 422 if form.is_bound else 200
    return render(request, "portal/incident_report.html", context, status=status)


@never_cache
@staff_only()
@require_safe
def listing(request: SignedInRequest) -> HttpResponse:
    """What waits, for the safeguarding lead and the deputy; for others there is no such page."""
    if request.user not in incident_readers():
        raise Http404
    visible = incidents_for(request.user)
    context = {
        "waiting": visible.waiting(),
        "closed": visible.exclude(closed_at=None).order_by("-closed_at")[:50],
        "now": timezone.now(),
    }
    return render(request, "portal/incidents.html", context)


@never_cache
@staff_only()
@GET_OR_POST
def incident(request: SignedInRequest, pk: int) -> HttpResponse:
    """One of them, in words; each look is noted."""
    one: Incident = get_object_or_404(incidents_for(request.user), pk=pk)
    if request.method == "POST":
        close_incident(incident=one, by=request.user, at=timezone.now())
        messages.success(request, _("Closed."))
        return redirect("portal:incidents")
    words = look_at_incident(incident=one, by=request.user, at=timezone.now())
    return render(request, "portal/incident.html", {"incident": one, "words": words})
