"""The door: who is looked for, who has come, and who comes without having said so.

Several phones may work at one date. A phone that was made ready keeps the list and goes on
without a network; what it scanned it sends later, each scan under its own name, so that sending
it twice is sending it once.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import signed_in, staff_only
from accounts.rules import has_role
from accounts.services import audit
from common.text import search_words
from events.access import Crew, crew_only, date_to_show, event_to_edit
from events.errors import EventsError
from events.forms import AddRsvpForm, WalkInForm
from events.models import Event, Occurrence
from events.queries import door_count, door_list, door_roster
from events.rules import can_release
from events.services.check_ins import Scan, check_in, let_in, scan, undo_check_in, walk_in
from events.services.rsvps import Guest, add_rsvp, release_rsvp

DOOR_PER_PAGE = 100
SCANS_AT_ONCE = 500


@crew_only
@require_safe
def door(request: HttpRequest, crew: Crew) -> HttpResponse:
    """How many have come, and who is looked for."""
    occurrence = crew.date(request.GET.get("date", ""))
    q = search_words(request.GET.get("q"))
    context: dict[str, Any] = {**crew.context(), "occurrence": occurrence, "q": q}
    if occurrence is not None:
        expected = door_list(occurrence, q, for_hosts=crew.host is not None)
        page = Paginator(expected, DOOR_PER_PAGE).get_page(request.GET.get("page"))
        at = timezone.now()
        context |= {
            "page": page,
            "count": door_count(occurrence),
            "others": crew.dates(),
            "walk_in": WalkInForm(),
            "has_begun": occurrence.starts_at <= at,
            "is_over": occurrence.is_over(at=at),
            "may_release": can_release(occurrence, is_host=crew.host is not None, at=at),
        }
    return render(request, "events/staff/door.html", context)


@crew_only
@never_cache
@require_safe
def door_numbers(request: HttpRequest, crew: Crew) -> HttpResponse:
    """How many have come by now, for every door that is open."""
    return JsonResponse(_numbers(_date(request, crew)))


@crew_only
@require_safe
def door_scan(request: HttpRequest, crew: Crew) -> HttpResponse:
    """The camera. The page holds nobody's name; a phone that is made ready fetches them."""
    occurrence = _date(request, crew)
    ends_at = occurrence.ends_at.isoformat()
    context = {
        **crew.context(),
        "occurrence": occurrence,
        "ends_at": ends_at,
        "count": door_count(occurrence),
        "decoder": static("js/vendor/jsQR.js"),
        "camera": static("js/camera.js"),
    }
    return render(request, "events/staff/scan.html", context)


@crew_only
@require_POST
def door_ready(request: HttpRequest, crew: Crew) -> HttpResponse:
    """The list, for a phone that shall work without a network. That it was taken is noted."""
    occurrence = _date(request, crew)
    audit.record(crew.person, "event.door_list_taken", crew.event, timezone.now())
    people = door_roster(occurrence, for_hosts=crew.host is not None)
    return JsonResponse({"people": people, **_numbers(occurrence)})


@crew_only
@require_POST
def door_sync(request: HttpRequest, crew: Crew) -> HttpResponse:
    """What a phone has scanned, just now or a while ago: what became of each."""
    occurrence = _date(request, crew)
    at = timezone.now()
    try:
        scans = [_read(one, at) for one in json.loads(request.body)["scans"][:SCANS_AT_ONCE]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return JsonResponse({"problem": "scans"}, status=400)
    results = []
    for one in scans:
        found = scan(occurrence=occurrence, actor=crew.person, at=at, **one)
        if found.rsvp and not crew.sees(found.rsvp):
            found = Scan("unknown")
        results.append(
            {
                "id": str(one["scan_id"]),
                "outcome": found.outcome,
                "reference": found.rsvp.reference if found.rsvp else one["reference"],
                "name": crew.name_of(found.rsvp) if found.rsvp else "",
                "party": found.rsvp.party_size if found.rsvp else 0,
                "came_at": found.came_at.isoformat() if found.came_at else None,
            }
        )
    return JsonResponse({"results": results, **_numbers(occurrence)})


def _read(one: dict[str, Any], at: datetime) -> dict[str, Any]:
    """One scan as a phone sends it. Raises what a malformed one raises."""
    seen_at = parse_datetime(one["seen_at"]) if one.get("seen_at") else at
    if seen_at is None or seen_at.tzinfo is None:
        raise ValueError
    people = one.get("people")
    return {
        "scan_id": UUID(one["id"]),
        "reference": str(one["reference"])[:12].replace("\x00", ""),
        "people_count": int(people) if people else None,
        "seen_at": seen_at,
    }


def _numbers(occurrence: Occurrence) -> dict[str, int]:
    count = door_count(occurrence)
    return {"came": count.came, "expected": count.expected, "waiting": count.waiting}


def _date(request: HttpRequest, crew: Crew) -> Occurrence:
    occurrence = crew.date(request.GET.get("date", ""))
    if occurrence is None:
        raise Http404
    return occurrence


@crew_only
@require_POST
def door_act(request: HttpRequest, crew: Crew, reference: str) -> HttpResponse:
    """They came; or that was a mistake; or who waited gets in; or a place is taken back."""
    rsvp = crew.rsvp(reference)
    act, at = request.POST.get("act"), timezone.now()
    people = request.POST.get("people", "")
    count = int(people) if people.isdecimal() and len(people) < 4 else rsvp.party_size
    name = {"name": crew.name_of(rsvp)}
    try:
        if act == "in":
            check_in(rsvp=rsvp, people_count=count, actor=crew.person, at=at)
            messages.success(request, _("%(name)s is in.") % name)
        elif act == "let":
            let_in(rsvp=rsvp, actor=crew.person, at=at)
            messages.success(request, _("%(name)s is in.") % name)
        elif act == "undo":
            undo_check_in(rsvp=rsvp, actor=crew.person, at=at)
            messages.info(request, _("Undone: %(name)s is not in.") % name)
        elif act == "release":
            if not can_release(rsvp.occurrence, is_host=crew.host is not None, at=at):
                raise Http404
            release_rsvp(rsvp=rsvp, actor=crew.person, at=at)
            messages.info(request, _("The place of %(name)s is free again.") % name)
    except EventsError as refusal:
        messages.warning(request, str(refusal))
    return _back(crew.event, rsvp.occurrence, request.POST.get("q", ""))


def _back(event: Event, occurrence: Occurrence, q: str = "") -> HttpResponse:
    path = reverse("events:door", args=[event.slug])
    return redirect(f"{path}?{urlencode({'date': occurrence.page_day, **({'q': q} if q else {})})}")


@crew_only
@require_POST
def door_walk_in(request: HttpRequest, crew: Crew) -> HttpResponse:
    """Somebody is there who never said yes."""
    event, occurrence = crew.event, _date(request, crew)
    form = WalkInForm(request.POST)
    if not form.is_valid():
        messages.warning(request, _("Say how many people they are: from 1 to 50."))
        return _back(event, occurrence)
    name = form.cleaned_data["name"].strip() or _("Walked in")
    try:
        walk_in(
            occurrence=occurrence,
            name=name,
            people_count=form.cleaned_data["people_count"],
            actor=crew.person,
            at=timezone.now(),
        )
    except EventsError as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("%(name)s is in.") % {"name": name})
    return _back(event, occurrence)


@staff_only("coordinator")
def door_add(request: HttpRequest, slug: str) -> HttpResponse:
    """Say yes for somebody who told staff."""
    event = event_to_edit(request, slug)
    day = request.POST.get("date") or request.GET.get("date", "")
    occurrence = date_to_show(event, day)
    form = AddRsvpForm(request.POST or None, event=event)
    if request.method == "POST" and occurrence is not None and form.is_valid():
        guest = Guest(form.cleaned_data["name"], form.cleaned_data["email"])
        try:
            rsvp = add_rsvp(
                occurrence=occurrence,
                guest=guest,
                **form.party,
                language=get_language() or "en",
                at=timezone.now(),
            )
        except EventsError as refusal:
            form.add_error(None, str(refusal))
        else:
            text = _("It is full: they are on the waiting list.")
            if rsvp.is_going:
                text = _("They are going.")
            elif rsvp.is_paying:
                text = _("A place is kept for them until it is paid, for a day at most.")
            messages.success(request, text)
            return _back(event, occurrence, rsvp.reference)
    if occurrence is None:
        return redirect("events:door", slug=event.slug)
    context = {"event": event, "occurrence": occurrence, "form": form}
    return render(request, "events/staff/add.html", context)


@signed_in
@require_safe
def door_worker(request: HttpRequest) -> HttpResponse:
    """The script that lets the scanner open without a network. Its address decides what it may
    answer for: pages under /staff/events/, of which it takes the scanner alone."""
    at = timezone.now()
    is_host = Event.objects.hosted_by(request.user, at=at).exists()
    if not is_host and not has_role(request.user, "coordinator", at=at):
        raise Http404
    context = {
        "files": [
            static(name)
            for name in (
                "css/tokens.css",
                "css/base.css",
                "css/components.css",
                "css/pages.css",
                "js/page.js",
                "js/localtime.js",
                "js/camera.js",
                "js/door.js",
                "js/vendor/jsQR.js",
            )
        ]
    }
    return render(request, "events/staff/worker.js", context, content_type="text/javascript")
