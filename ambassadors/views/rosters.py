"""A roster file: upload, name its columns, look at what would change, import, watch."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import staff_only
from accounts.models import Role
from ambassadors import rules
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.enrolments import ColumnsForm, RosterForm
from ambassadors.models import RosterImport, RosterResult
from ambassadors.services import rosters
from ambassadors.views.staff import GET_OR_POST, PAGE, acting, coordinated_term
from common.text import csv_lines

# Up to here the page does it at once; above, the worker does and the page shows how far it is.
AT_ONCE = 1_000
_State = RosterImport.State


def _roster(request: HttpRequest, pk: int) -> RosterImport:
    run = rules.programmes_for(request.user, Role.COORDINATOR, at=timezone.now())
    found = RosterImport.objects.filter(term__programme__in=run).select_related("term__programme")
    return get_object_or_404(found, pk=pk)


@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    term = coordinated_term(request, pk)
    form = RosterForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            roster = rosters.upload_roster(
                term=term,
                by=acting(request),
                file_name=file.name,
                file=file,
                at=timezone.now(),
            )
        except AmbassadorsError as error:
            form.add_error("file", str(error))
        else:
            return redirect("ambassadors:roster", pk=roster.pk)
    context = {"term": term, "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "ambassadors/roster_upload.html", context, status=status)


@never_cache
@require_safe
@staff_only(Role.COORDINATOR)
def roster(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the import is: naming columns, being read, to be looked at, being imported, done."""
    found = _roster(request, pk)
    if found.state == _State.UPLOADED or ("columns" in request.GET and found.state == _State.READ):
        return _columns_page(request, found, None)
    context = {"roster": found, "term": found.term, "is_running": _is_running(found)}
    if found.state in (_State.READ, _State.DONE):
        result = request.GET.get("result", "")
        shown = result if result in RosterResult.values else _most_telling(found)
        rows = found.rows.filter(result=shown).order_by("number")
        context |= {
            "tabs": [
                {
                    "label": _label(found, kind).capitalize(),
                    "url": f"?result={kind.value}",
                    "count": found.counts.get(kind.value, 0),
                    "current": kind.value == shown,
                }
                for kind in RosterResult
            ],
            "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
            "is_problem": shown == RosterResult.PROBLEM,
            "to_import": found.counts.get("new", 0) + found.counts.get("changed", 0),
            "problems": found.counts.get("problem", 0),
        }
    return render(request, "ambassadors/roster.html", context)


def _is_running(roster: RosterImport) -> bool:
    return roster.state in (_State.READING, _State.IMPORTING)


def _most_telling(roster: RosterImport) -> str:
    order = (RosterResult.PROBLEM, RosterResult.NEW, RosterResult.CHANGED, RosterResult.SAME)
    return next((kind.value for kind in order if roster.counts.get(kind.value)), "new")


def _label(roster: RosterImport, kind: RosterResult) -> str:
    if roster.state != _State.DONE:
        return str(kind.label)
    return {
        RosterResult.NEW: _("invited"),
        RosterResult.CHANGED: _("corrected"),
        RosterResult.SAME: _("already there"),
        RosterResult.PROBLEM: _("not imported"),
    }[kind]


@require_POST
@staff_only(Role.COORDINATOR)
def read(request: HttpRequest, pk: int) -> HttpResponse:
    """Compare the file with what there is. Changes nothing."""
    found = _roster(request, pk)
    form = ColumnsForm(request.POST, header=found.header)
    if not form.is_valid():
        return _columns_page(request, found, form)
    try:
        rosters.start_reading(
            roster=found,
            columns=form.columns,
            allow_same_names=form.cleaned_data["allow_same_names"],
            at=timezone.now(),
        )
    except AmbassadorsError as error:
        messages.error(request, str(error))
    _go_on_at_once(found)
    return redirect("ambassadors:roster", pk=pk)


@require_POST
@staff_only(Role.COORDINATOR)
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Import what the comparison showed."""
    found = _roster(request, pk)
    try:
        rosters.start_importing(roster=found, by=acting(request), at=timezone.now())
    except AmbassadorsError as error:
        messages.error(request, str(error))
    _go_on_at_once(found)
    return redirect("ambassadors:roster", pk=pk)


@require_POST
@staff_only(Role.COORDINATOR)
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    found = _roster(request, pk)
    try:
        rosters.discard_roster(roster=found)
        messages.success(request, _("The file is forgotten. Nothing was changed."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
        return redirect("ambassadors:roster", pk=pk)
    return redirect("portal:staff-term", pk=found.term_id)


@require_safe
@staff_only(Role.COORDINATOR)
def problems_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """The rows that cannot be imported, each with what to do, to be corrected in a spreadsheet."""
    found = _roster(request, pk)
    response = HttpResponse(csv_lines(_problem_rows(found)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="roster-{pk}-problems.csv"'
    return response


def _problem_rows(roster: RosterImport) -> Iterator[tuple[object, ...]]:
    yield ("row", "email", "stage name", "language", "country", "problem")
    problems = roster.rows.filter(result=RosterResult.PROBLEM).order_by("number")
    for row in problems.iterator(chunk_size=500):
        yield (
            row.number,
            row.email,
            row.name,
            row.language,
            row.country,
            row.get_problem_display(),
        )


def _go_on_at_once(roster: RosterImport) -> None:
    if roster.rows_total <= AT_ONCE:
        while rosters.continue_roster(roster=roster, at=timezone.now()):
            pass


def _columns_page(
    request: HttpRequest, roster: RosterImport, form: ColumnsForm | None
) -> HttpResponse:
    bound = form is not None
    form = form or ColumnsForm(
        header=roster.header,
        initial={**roster.columns, "allow_same_names": roster.allow_same_names},
    )
    context = {
        "roster": roster,
        "term": roster.term,
        "form": form,
        "sample": rosters.sample_rows(roster, 3),
    }
    status = 422 if bound else 200
    return render(request, "ambassadors/roster_columns.html", context, status=status)
