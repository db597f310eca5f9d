"""Programmes, terms and people, for those who run them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import staff_only
from accounts.models import Role, User
from accounts.services import audit
from accounts.services.access_log import record_look
from ambassadors import queries, rules
from ambassadors.errors import AddressUnusable, AmbassadorsError
from ambassadors.forms.enrolments import InviteForm, MoveForm, ProgrammeForm, TermForm
from ambassadors.forms.profiles import ContactForm, language_names
from ambassadors.models import (
    Activity,
    Enrolment,
    EnrolmentStatus,
    Invitation,
    Profile,
    Programme,
    RosterImport,
    Term,
)
from ambassadors.services import enrolments, invitations, profiles
from ambassadors.services import programmes as programme_service
from ambassadors.views.timelines import told
from common.text import csv_lines, search_words

PAGE = 50
GET_OR_POST = ["GET", "HEAD", "POST"]
# The colour of a status, the same everywhere.
TONES = {"active": "good", "paused": "warm", "onboarding": "warm", "removed": "bad"}


def acting(request: HttpRequest) -> User:
    """Who is signed in; ``staff_only`` has seen to it that somebody is."""
    assert isinstance(request.user, User)
    return request.user


def set_up_programme(request: HttpRequest, slug: str) -> Programme:
    """A programme that this person may set up, or 404."""
    run = rules.programmes_for(request.user, *rules.SET_UP, at=timezone.now())
    return get_object_or_404(run, slug=slug)


def set_up_term(request: HttpRequest, pk: int) -> Term:
    """A term that this person may set up, or 404."""
    run = rules.programmes_for(request.user, *rules.SET_UP, at=timezone.now())
    return get_object_or_404(Term.objects.with_programme().filter(programme__in=run), pk=pk)


def coordinated_term(request: HttpRequest, pk: int) -> Term:
    """A term whose people this person may see, or 404."""
    run = rules.programmes_for(request.user, Role.COORDINATOR, at=timezone.now())
    return get_object_or_404(Term.objects.with_programme().filter(programme__in=run), pk=pk)


# --- Programmes ---------------------------------------------------------------


@require_safe
@staff_only(*rules.SET_UP)
def programmes(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    run = rules.programmes_for(request.user, *rules.SET_UP, at=now)
    context = {
        "programmes": queries.programmes_with_counts(run),
        "can_create": rules.can_create_programmes(request.user, at=now),
    }
    return render(request, "ambassadors/staff_programmes.html", context)


@require_http_methods(GET_OR_POST)
@staff_only(*rules.SET_UP)
def new_programme(request: HttpRequest) -> HttpResponse:
    if not rules.can_create_programmes(request.user, at=timezone.now()):
        raise Http404
    form = ProgrammeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        programme = programme_service.create_programme(
            programme=form.save(commit=False), by=acting(request), at=timezone.now()
        )
        messages.success(request, _("The programme is there. Add its first term."))
        return redirect("portal:staff-programme", slug=programme.slug)
    context = {"form": form, "title": _("New programme")}
    return form_page(request, form, {**context, "back_url": "/staff/programmes/"})


def programme_context(request: HttpRequest, found: Programme) -> dict[str, Any]:
    """What the page of a programme shows of this app."""
    now = timezone.now()
    terms = list(queries.terms_with_counts(found))
    for term in terms:
        term.programme = found  # saves a query for each when it says whether it runs
    return {
        "programme": found,
        "terms": [(term, term.is_running(at=now), term.is_over(at=now)) for term in terms],
        "can_see_people": rules.can_coordinate(request.user, found, at=now),
        "contact": queries.contact_of(found, at=now),
        "contact_form": ContactForm(people=queries.coordinators_of(found, at=now)),
    }


@require_POST
@staff_only(*rules.SET_UP)
def hand_over(request: HttpRequest, slug: str) -> HttpResponse:
    """Name whom the people of a programme ask."""
    now = timezone.now()
    found = set_up_programme(request, slug)
    form = ContactForm(request.POST, people=queries.coordinators_of(found, at=now))
    if not form.is_valid():
        messages.error(request, _("Choose somebody who coordinates the programme."))
        return redirect("portal:staff-programme", slug=slug)
    try:
        profiles.hand_over(programme=found, to=form.cleaned_data["to"], by=acting(request), at=now)
        messages.success(request, _("Handed over. Both are told by mail."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("portal:staff-programme", slug=slug)


@require_http_methods(GET_OR_POST)
@staff_only(*rules.SET_UP)
def edit_programme(request: HttpRequest, slug: str) -> HttpResponse:
    found = set_up_programme(request, slug)
    form = ProgrammeForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        programme_service.edit_programme(
            programme=form.save(commit=False),
            fields=form.changed_data,
            by=acting(request),
            at=timezone.now(),
        )
        messages.success(request, _("Saved."))
        return redirect("portal:staff-programme", slug=slug)
    context = {"title": _("Edit programme"), "back_url": f"/staff/programmes/{slug}/"}
    return form_page(request, form, context)


# --- Terms --------------------------------------------------------------------


@require_http_methods(GET_OR_POST)
@staff_only(*rules.SET_UP)
def new_term(request: HttpRequest, slug: str) -> HttpResponse:
    found = set_up_programme(request, slug)
    form = TermForm(request.POST or None, instance=Term(programme=found))
    if request.method == "POST" and form.is_valid():
        programme_service.create_term(
            term=form.save(commit=False), by=acting(request), at=timezone.now()
        )
        messages.success(request, _("The term is there. You can invite people to it now."))
        return redirect("portal:staff-programme", slug=slug)
    context = {"title": _("New term"), "lead": found.name}
    return form_page(request, form, {**context, "back_url": f"/staff/programmes/{slug}/"})


@require_http_methods(GET_OR_POST)
@staff_only(*rules.SET_UP)
def edit_term(request: HttpRequest, pk: int) -> HttpResponse:
    term = set_up_term(request, pk)
    back_url = f"/staff/programmes/{term.programme.slug}/"
    form = TermForm(request.POST or None, instance=term)
    if request.method == "POST" and form.is_valid():
        programme_service.edit_term(
            term=form.save(commit=False),
            fields=form.changed_data,
            by=acting(request),
            at=timezone.now(),
        )
        messages.success(request, _("Saved."))
        return redirect(back_url)
    return form_page(request, form, {"title": _("Edit term"), "back_url": back_url})


@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def end_term(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first, and says what will happen to how many."""
    term = coordinated_term(request, pk)
    if request.method == "POST":
        programme_service.end_term(term=term, by=acting(request), at=timezone.now())
        messages.success(request, _("The term is closed. Its active people are alumni now."))
        return redirect("portal:staff-term", pk=pk)
    counts = queries.count_statuses(term)
    context = {
        "term": term,
        "alumni": counts["active"] + counts["paused"],
        "leaving": counts["invited"]
        + counts["applied"]
        + counts["approved"]
        + counts["onboarding"],
        "invitations": term.invitations.standing().count(),
    }
    return render(request, "ambassadors/staff_term_end.html", context)


# --- People -------------------------------------------------------------------


def people_context(request: HttpRequest, term: Term) -> dict[str, Any]:
    """What the page of a term shows of this app: its people, filtered and found."""
    status, q = request.GET.get("status", ""), search_words(request.GET.get("q"))
    status = status if status in EnrolmentStatus.values else ""
    context = _term_context(request, term, q=q, current=status or "all")
    pages = Paginator(queries.people_of(term, status=status, q=q), PAGE)
    if not q:
        # The tabs have counted them.
        pages.count = next((tab["count"] for tab in context["tabs"] if tab["current"]), 0)
    return {
        **context,
        "page": pages.get_page(request.GET.get("page")),
        "status": status,
        "tones": TONES,
        "next_terms": queries.next_terms(term, at=timezone.now()),
    }


@require_safe
@staff_only(Role.COORDINATOR)
def invitation_list(request: HttpRequest, pk: int) -> HttpResponse:
    term = coordinated_term(request, pk)
    now = timezone.now()
    q = search_words(request.GET.get("q"))
    page = Paginator(queries.open_invitations(term, q=q), PAGE).get_page(request.GET.get("page"))
    rows = [(invitation, invitation.state(at=now)) for invitation in page.object_list]
    context = {
        **_term_context(request, term, q=q, current="invitations"),
        "page": page,
        "rows": rows,
    }
    return render(request, "ambassadors/staff_invitations.html", context)


def _term_context(request: HttpRequest, term: Term, *, q: str, current: str) -> dict[str, Any]:
    """The head of a term's pages: its tabs with counts, its places, its imports."""
    counts = queries.count_statuses(term)
    asked = queries.count_invitations(term, at=timezone.now())
    here = f"/staff/terms/{term.pk}/"
    tabs = [{"label": _("All"), "url": here, "count": sum(counts.values()), "key": "all"}]
    tabs += [
        {
            "label": status.label.capitalize(),
            "url": f"{here}?status={status.value}",
            "count": counts[status.value],
            "key": status.value,
        }
        for status in EnrolmentStatus
        if counts[status.value]
    ]
    tabs.append(
        {
            "label": _("Invitations"),
            "url": f"{here}invitations/",
            "count": asked["open"],
            "key": "invitations",
        }
    )
    return {
        "term": term,
        "q": q,
        "tabs": [{**tab, "current": tab["key"] == current} for tab in tabs],
        "places_left": queries.places_left(term),
        "run_out": asked["run_out"],
        "is_over": term.is_over(at=timezone.now()),
        "rosters": term.roster_imports.exclude(state=RosterImport.State.DONE),
    }


@require_safe
@staff_only(Role.COORDINATOR)
def people_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """The people of a term as a file; cells cannot be taken for formulas."""
    term = coordinated_term(request, pk)
    audit.record(acting(request), "term.export", term, timezone.now())
    response = HttpResponse(csv_lines(_people_rows(term)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="people-{term.pk}.csv"'
    return response


def _people_rows(term: Term) -> Iterator[tuple[object, ...]]:
    yield ("email", "stage name", "language", "status", "since")
    for enrolment in queries.people_of(term).iterator(chunk_size=500):
        user, since = enrolment.user, f"{enrolment.status_at:%Y-%m-%d}"
        yield (user.email, user.name, user.language, enrolment.status, since)


@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    term = coordinated_term(request, pk)
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invitation = invitations.invite_person(
                term=term, by=acting(request), at=timezone.now(), **form.cleaned_data
            )
        except AddressUnusable as error:
            form.add_error("email", str(error))
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request,
                _("The invitation to %(email)s is on its way.") % {"email": invitation.email},
            )
            return redirect("ambassadors:staff-invitations", pk=pk)
    context = {
        "title": _("Invite one person"),
        "lead": f"{term.programme.name}, {term.name}",
        "back_url": f"/staff/terms/{pk}/",
        "button": _("Send the invitation"),
        "note": _("The mail does not name the programme, because belonging to it is private.")
        if term.programme.is_sensitive
        else _("The mail names the programme and the term, and nothing else."),
    }
    return form_page(request, form, context)


def _run_invitation(request: HttpRequest, pk: int) -> Invitation:
    run = rules.programmes_for(request.user, Role.COORDINATOR, at=timezone.now())
    return get_object_or_404(Invitation.objects.filter(term__programme__in=run), pk=pk)


@require_POST
@staff_only(Role.COORDINATOR)
def resend(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = _run_invitation(request, pk)
    try:
        invitations.resend_invitation(invitation=invitation, by=acting(request), at=timezone.now())
        messages.success(request, _("A new link is on its way. The old one no longer works."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:staff-invitations", pk=invitation.term_id)


@require_POST
@staff_only(Role.COORDINATOR)
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = _run_invitation(request, pk)
    try:
        invitations.revoke_invitation(invitation=invitation, by=acting(request), at=timezone.now())
        messages.success(request, _("The invitation is taken back. Its link no longer works."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:staff-invitations", pk=invitation.term_id)


@require_POST
@staff_only(Role.COORDINATOR)
def settle_run_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Send every invitation that ran out anew, or take them all back."""
    term = coordinated_term(request, pk)
    act = invitations.revoke_run_out if "revoke" in request.POST else invitations.resend_run_out
    try:
        count = act(term=term, by=acting(request), at=timezone.now())
    except AmbassadorsError as error:
        messages.error(request, str(error))
        return redirect("ambassadors:staff-invitations", pk=pk)
    if act is invitations.revoke_run_out:
        words = ngettext(
            "%(n)d invitation is taken back, and its place is free again.",
            "%(n)d invitations are taken back, and their places are free again.",
            count,
        )
    else:
        words = ngettext(
            "%(n)d invitation is being sent again.",
            "%(n)d invitations are being sent again.",
            count,
        )
    messages.success(request, words % {"n": count})
    return redirect("ambassadors:staff-invitations", pk=pk)


def _run_enrolment(request: HttpRequest, pk: int) -> Enrolment:
    run = Enrolment.objects.run_by(acting(request), at=timezone.now())
    return get_object_or_404(run.select_related("user", "term__programme"), pk=pk)


@require_safe
@staff_only(Role.COORDINATOR)
def enrolment(request: HttpRequest, pk: int) -> HttpResponse:
    """One person in one term: status, history, moves. Never balances, bookings or consent."""
    found = _run_enrolment(request, pk)
    record_look(acting(request), found.user, "enrolment", timezone.now())
    return _enrolment_page(request, found, MoveForm(enrolment=found))


@require_POST
@staff_only(Role.COORDINATOR)
def move(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_enrolment(request, pk)
    form = MoveForm(request.POST, enrolment=found)
    if not form.is_valid():
        return _enrolment_page(request, found, form)
    try:
        enrolments.move_as_coordinator(
            enrolment=found, by=acting(request), at=timezone.now(), **form.cleaned_data
        )
        messages.success(request, _("Done. The history below says so."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:staff-enrolment", pk=pk)


def _enrolment_page(request: HttpRequest, found: Enrolment, form: MoveForm) -> HttpResponse:
    context = {
        "enrolment": found,
        "term": found.term,
        "tone": TONES.get(found.status, ""),
        "history": told(found, to=acting(request)),
        "language": " ".join(language_names([found.user.language])),
        "accepted": found.acceptances.order_by("-accepted_at").first(),
        "others": Enrolment.objects.run_by(acting(request), at=timezone.now())
        .filter(user=found.user)
        .exclude(pk=found.pk)
        .with_term()
        .order_by("-status_at"),
        "form": form if found.coordinator_moves else None,
        "absences": found.user.absences.not_over(timezone.now().date()),
        "profile": (profile := Profile.objects.filter(user=found.user).first()),
        "languages": language_names(profile.languages) if profile else [],
        "activities": Activity.objects.of_term(found),
        "has_left": found.status in (EnrolmentStatus.ALUMNI, EnrolmentStatus.REMOVED),
    }
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/staff_enrolment.html", context, status=status)


def form_page(request: HttpRequest, form: Any, context: dict[str, Any]) -> HttpResponse:
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/staff_form.html", {"form": form, **context}, status=status)
