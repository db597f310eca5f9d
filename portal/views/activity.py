"""What an ambassador did for the programme: a line each, and the events they hosted."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, signed_in, staff_only
from accounts.models import Role
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.profiles import ActivityForm
from ambassadors.models import Activity, Enrolment
from ambassadors.services import profiles
from portal.queries import hosted_dates


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def mine(request: SignedInRequest, pk: int) -> HttpResponse:
    own = Enrolment.objects.filter(user=request.user).with_term().select_related("user")
    return _page(request, get_object_or_404(own, pk=pk), "portal/activity.html", "portal:activity")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.COORDINATOR)
def theirs(request: SignedInRequest, pk: int) -> HttpResponse:
    run = Enrolment.objects.run_by(request.user, at=timezone.now())
    found = get_object_or_404(run.with_term().select_related("user"), pk=pk)
    return _page(request, found, "portal/staff_activity.html", "portal:staff-activity")


def _page(
    request: SignedInRequest, enrolment: Enrolment, template: str, address: str
) -> HttpResponse:
    at = timezone.now()
    form = ActivityForm(request.POST or None, today=enrolment.term.programme.today(at=at))
    if request.method == "POST" and form.is_valid():
        try:
            profiles.note_activity(enrolment=enrolment, by=request.user, at=at, **form.cleaned_data)
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Noted."))
            return redirect(address, pk=enrolment.pk)
    context = {
        "enrolment": enrolment,
        "activities": Activity.objects.of_term(enrolment),
        "hosted": hosted_dates(enrolment, at=at),
        "form": form,
    }
    return render(request, template, context, status=422 if form.is_bound else 200)
