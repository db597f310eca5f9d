"""Asking people of a term to go on into another: first a look at whom, then the asking."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import staff_only
from accounts.models import Role
from ambassadors import queries
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.life import RenewForm
from ambassadors.models import Enrolment, EnrolmentStatus, Term
from ambassadors.queries.renewals import Verdict, count_verdicts, letters_of, people_with
from ambassadors.services import renewals
from ambassadors.views.staff import GET_OR_POST, PAGE, TONES, acting, coordinated_term


@never_cache
@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def renew(request: HttpRequest, pk: int) -> HttpResponse:
    """Who of the list would be asked and who not, and why; a POST asks."""
    term = coordinated_term(request, pk)
    terms = {row.pk: row for row in queries.next_terms(term, at=timezone.now())}
    if not terms:
        return render(request, "ambassadors/staff_renew.html", {"term": term})
    form = RenewForm(_said(request, next(iter(terms))), term=term, terms=list(terms.values()))
    if not form.is_valid():
        messages.error(request, _("Tick the people, and choose the term they go on into."))
        return redirect("portal:staff-term", pk=pk)
    into = terms[form.cleaned_data["into"]]
    into.programme = term.programme
    people = _chosen(term, form.cleaned_data)
    if request.method == "POST":
        try:
            asked = renewals.ask_on(
                term=term, people=people, into=into, by=acting(request), at=timezone.now()
            )
        except AmbassadorsError as error:
            messages.error(request, str(error))
        else:
            words = ngettext(
                "%(n)d person is asked to go on.", "%(n)d people are asked to go on.", asked
            )
            messages.success(request, words % {"n": asked})
        return redirect(f"{request.path}?{_query(form.cleaned_data)}")
    return render(request, "ambassadors/staff_renew.html", _look(request, term, into, form, people))


def _said(request: HttpRequest, first: int) -> QueryDict:
    """What was chosen; everybody and the first term to come where nothing was."""
    said = (request.POST if request.method == "POST" else request.GET).copy()
    said.setdefault("into", str(first))
    said.setdefault("whom", "all")
    return said


def _chosen(term: Term, chosen: dict[str, Any]) -> QuerySet[Enrolment]:
    if chosen["whom"] == "ticked":
        return queries.people_of(term).filter(pk__in=chosen["ticked"])
    return queries.people_of(term, status=chosen["status"], q=chosen["q"])


def _query(chosen: dict[str, Any], **more: Any) -> str:
    """The address of this look: the same list, the same term."""
    said = QueryDict(mutable=True)
    said["into"] = str(chosen["into"])
    if chosen["whom"] == "ticked":
        said["whom"] = "ticked"
        said.setlist("ticked", [str(row.pk) for row in chosen["ticked"]])
    for name in ("status", "q"):
        if chosen[name]:
            said[name] = chosen[name]
    said.update(more)
    return said.urlencode()


def _look(
    request: HttpRequest,
    term: Term,
    into: Term,
    form: RenewForm,
    people: QuerySet[Enrolment],
) -> dict[str, Any]:
    chosen = form.cleaned_data
    counts = count_verdicts(people, into=into)
    shown = request.GET.get("verdict", "")
    shown = shown if shown in Verdict.values else _first(counts)
    rows = people_with(shown, people, into=into)
    places = queries.places_left(into)
    return {
        "term": term,
        "into": into,
        "form": form,
        "whom": _whom(chosen),
        "all": sum(counts.values()),
        "asked": counts[Verdict.ASKED],
        "not_asked": sum(counts.values()) - counts[Verdict.ASKED],
        "places_left": places,
        "too_few_places": places is not None and places < counts[Verdict.ASKED],
        "other_market": bool(into.market) and into.market != term.market,
        "letters": letters_of(into),
        "tabs": [
            {
                "label": verdict.label.capitalize(),
                "url": f"?{_query(chosen, verdict=verdict.value)}",
                "count": counts[verdict.value],
                "current": verdict.value == shown,
            }
            for verdict in Verdict
            if counts[verdict.value]
        ],
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "tones": TONES,
    }


def _first(counts: dict[str, int]) -> str:
    return next((verdict.value for verdict in Verdict if counts[verdict.value]), Verdict.ASKED)


def _whom(chosen: dict[str, Any]) -> str:
    """The list that was chosen, in words."""
    if chosen["whom"] == "ticked":
        ticked = len(chosen["ticked"])
        words = ngettext("The %(n)d person you ticked", "The %(n)d people you ticked", ticked)
        return words % {"n": ticked}
    status = chosen["status"] and str(EnrolmentStatus(chosen["status"]).label)
    if status and chosen["q"]:
        return _("Everybody who is %(status)s and has “%(q)s” in the name or address") % {
            "status": status,
            "q": chosen["q"],
        }
    if status:
        return _("Everybody who is %(status)s") % {"status": status}
    if chosen["q"]:
        return _("Everybody with “%(q)s” in the name or address") % {"q": chosen["q"]}
    return _("Everybody in the term")
