"""The hosts of an event, for those who run it: asking, asking again, taking back, the order."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import staff_only
from events.access import editor, event_to_edit
from events.errors import AddressUnusable, EventsError
from events.forms.hosts import AskHostForm
from events.models import Host, HostLevel, HostStatus
from events.services import hosts

_STANDING = [HostStatus.ACCEPTED, HostStatus.INVITED]


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only("coordinator")
def staff_hosts(request: HttpRequest, slug: str) -> HttpResponse:
    """Who hosts it, who was asked, and asking somebody."""
    event, at = event_to_edit(request, slug), timezone.now()
    form = AskHostForm(request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            asked = hosts.ask_host(event=event, **form.cleaned_data, by=editor(request), at=at)
        except AddressUnusable as refusal:
            form.add_error("email", str(refusal))
        except EventsError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("We have written to %(email)s.") % {"email": asked.email})
            return redirect("events:staff-hosts", slug=slug)
    rows = list(event.hosting.select_related("person").order_by("position", "pk"))
    standing = [
        (host, host.is_invited and not host.is_open(at=at))
        for host in rows
        if host.status in _STANDING
    ]
    context = {
        "event": event,
        "form": form,
        "standing": standing,
        "past": [host for host in rows if host.status not in _STANDING],
    }
    return render(request, "events/staff/hosts.html", context, status=422 if form.is_bound else 200)


@require_POST
@staff_only("coordinator")
def staff_host(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask again, take back, move up, or let them write or not."""
    event, at, by = event_to_edit(request, slug), timezone.now(), editor(request)
    host = get_object_or_404(Host.objects.filter(event=event).select_related("event"), pk=pk)
    act = request.POST.get("act")
    try:
        if act == "again":
            hosts.ask_host_again(host=host, by=by, at=at)
            messages.success(request, _("We have written to %(email)s.") % {"email": host.email})
        elif act == "take_back":
            hosts.take_back_host(host=host, by=by, at=at)
            messages.info(request, _("Taken back, from now on."))
        elif act == "up":
            hosts.move_host_up(host=host, at=at)
        elif act in HostLevel.values:
            hosts.set_host_level(host=host, level=act, by=by, at=at)
            messages.success(request, _("Saved."))
    except EventsError as refusal:
        messages.warning(request, str(refusal))
    return redirect("events:staff-hosts", slug=slug)
