"""Rounds for those who run a programme: setting up, the list, deciding, telling."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import staff_only
from accounts.models import Role
from accounts.services.access_log import record_look
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.rounds import (
    DECISIONS,
    AnnounceForm,
    BulkForm,
    CriterionForm,
    DecisionForm,
    QuestionForm,
    ReviewerForm,
    RoundForm,
)
from ambassadors.models import (
    Application,
    Attachment,
    Criterion,
    Question,
    Round,
    RoundReviewer,
)
from ambassadors.queries import applications as reads
from ambassadors.services import decisions
from ambassadors.services import rounds as service
from ambassadors.views.reviews import blind_download
from ambassadors.views.staff import GET_OR_POST, acting, coordinated_term, form_page
from common.text import search_words

PAGE = 100


def _run_round(request: HttpRequest, pk: int) -> Round:
    run = Round.objects.run_by(acting(request), at=timezone.now())
    return get_object_or_404(run.select_related("term__programme"), pk=pk)


@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def new(request: HttpRequest, pk: int) -> HttpResponse:
    term = coordinated_term(request, pk)
    zone = term.programme.time_zone
    form = RoundForm(request.POST or None, instance=Round(term=term, time_zone=zone))
    if request.method == "POST" and form.is_valid():
        try:
            round = service.create_round(
                round=form.save(commit=False), by=acting(request), at=timezone.now()
            )
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The round is there. Say now what it asks and who reads."))
            return redirect("ambassadors:staff-round-setup", pk=round.pk)
    context = {
        "title": _("New round"),
        "lead": f"{term.programme.name}, {term.name}",
        "back_url": f"/staff/terms/{pk}/rounds/",
    }
    return form_page(request, form, context)


@require_safe
@staff_only(Role.COORDINATOR)
def listing(request: HttpRequest, pk: int) -> HttpResponse:
    """The rounds of a term."""
    term = coordinated_term(request, pk)
    now = timezone.now()
    rounds = term.rounds.order_by("-opens_at", "-pk")
    for row in rounds:
        row.term = term
    context = {"term": term, "rounds": [(row, row.is_open(at=now)) for row in rounds]}
    return render(request, "ambassadors/staff_rounds.html", context)


@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    form = RoundForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            service.edit_round(
                round=form.save(commit=False),
                fields=form.changed_fields,
                by=acting(request),
                at=timezone.now(),
            )
        except AmbassadorsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("ambassadors:staff-round-setup", pk=pk)
    context = {
        "title": _("Edit the round"),
        "lead": found.name,
        "back_url": f"/staff/rounds/{pk}/setup/",
    }
    return form_page(request, form, context)


# --- What it asks, how it is read -----------------------------------------------


@require_safe
@staff_only(Role.COORDINATOR)
def setup(request: HttpRequest, pk: int) -> HttpResponse:
    return _setup_page(request, _run_round(request, pk))


def _setup_page(
    request: HttpRequest, found: Round, **forms: QuestionForm | CriterionForm | ReviewerForm
) -> HttpResponse:
    context: dict[str, Any] = {
        "round": found,
        "term": found.term,
        "questions": found.questions.order_by("position", "pk"),
        "criteria": found.criteria.order_by("position", "pk"),
        "reviewers": reads.reviewers_with_progress(found),
        "is_fixed": found.applications.exists(),
        "question_form": QuestionForm(),
        "criterion_form": CriterionForm(),
        "reviewer_form": ReviewerForm(),
        **forms,
    }
    status = 422 if forms else 200
    return render(request, "ambassadors/staff_round_setup.html", context, status=status)


@require_POST
@staff_only(Role.COORDINATOR)
def add_question(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    form = QuestionForm(request.POST, instance=Question(round=found))
    if not form.is_valid():
        return _setup_page(request, found, question_form=form)
    return _done(
        request,
        found,
        lambda: service.add_question(
            question=form.save(commit=False), by=acting(request), at=timezone.now()
        ),
    )


@require_POST
@staff_only(Role.COORDINATOR)
def question(request: HttpRequest, pk: int, question_pk: int) -> HttpResponse:
    """Take a question out, or move it up."""
    found = _run_round(request, pk)
    row = get_object_or_404(found.questions, pk=question_pk)
    act = service.move_question_up if "up" in request.POST else service.remove_question
    return _done(request, found, lambda: act(question=row, by=acting(request), at=timezone.now()))


@require_POST
@staff_only(Role.COORDINATOR)
def add_criterion(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    form = CriterionForm(request.POST, instance=Criterion(round=found))
    if not form.is_valid():
        return _setup_page(request, found, criterion_form=form)
    return _done(
        request,
        found,
        lambda: service.add_criterion(
            criterion=form.save(commit=False), by=acting(request), at=timezone.now()
        ),
    )


@require_POST
@staff_only(Role.COORDINATOR)
def remove_criterion(request: HttpRequest, pk: int, criterion_pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    row = get_object_or_404(found.criteria, pk=criterion_pk)
    return _done(
        request,
        found,
        lambda: service.remove_criterion(criterion=row, by=acting(request), at=timezone.now()),
    )


@require_POST
@staff_only(Role.COORDINATOR)
def add_reviewer(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    form = ReviewerForm(request.POST)
    if form.is_valid():
        try:
            service.add_reviewer(
                round=found,
                email=form.cleaned_data["email"],
                by=acting(request),
                at=timezone.now(),
            )
        except AmbassadorsError as error:
            form.add_error("email", str(error))
        else:
            return redirect("ambassadors:staff-round-setup", pk=pk)
    return _setup_page(request, found, reviewer_form=form)


@require_POST
@staff_only(Role.COORDINATOR)
def remove_reviewer(request: HttpRequest, pk: int, user_pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    row = get_object_or_404(
        RoundReviewer.objects.filter(round=found).select_related("user"), user_id=user_pk
    )
    return _done(
        request,
        found,
        lambda: service.remove_reviewer(
            round=found, user=row.user, by=acting(request), at=timezone.now()
        ),
    )


@require_POST
@staff_only(Role.COORDINATOR)
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    return _done(
        request,
        found,
        lambda: service.publish_round(round=found, by=acting(request), at=timezone.now()),
        words=_("Published. People can apply from the day it opens."),
    )


def _done(request: HttpRequest, round: Round, act: Any, *, words: str = "") -> HttpResponse:
    try:
        act()
    except AmbassadorsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, words or _("Saved."))
    return redirect("ambassadors:staff-round-setup", pk=round.pk)


# --- Applications ---------------------------------------------------------------


def _filtered(request: HttpRequest, found: Round, data: Any) -> QuerySet[Application]:
    status = data.get("filter_status", "") or ""
    return reads.applications_of(
        found,
        user=acting(request),
        status=status if status in Application.Status.values else "",
        q=search_words(data.get("q")),
        order=data.get("order", "") or "",
    )


@require_safe
@staff_only(Role.COORDINATOR)
def round(request: HttpRequest, pk: int) -> HttpResponse:
    """The applications of a round, the best first, to be decided one by one or together."""
    found = _run_round(request, pk)
    counts = reads.count_applications(found, user=acting(request))
    current = request.GET.get("filter_status", "")
    tabs = [
        {
            "label": _("All"),
            "url": "?",
            "count": counts.total,
            "current": not current,
        },
        *(
            {
                "label": status.label.capitalize(),
                "url": f"?filter_status={status.value}",
                "count": counts.by_status.get(status.value, 0),
                "current": current == status.value,
            }
            for status in (Application.Status.SUBMITTED, *Application.DECIDED)
        ),
    ]
    page = Paginator(_filtered(request, found, request.GET), PAGE)
    context = {
        "round": found,
        "term": found.term,
        "tabs": tabs,
        "page": page.get_page(request.GET.get("page")),
        "q": search_words(request.GET.get("q")),
        "order": request.GET.get("order", ""),
        "current": current,
        "decisions": DECISIONS,
        "reasons": Application.Reason.choices,
        "announce_form": AnnounceForm(round=found),
        "untold": counts.untold,
        "free": reads.free_places(found.term),
        "sent_count": _sent(found),
    }
    return render(request, "ambassadors/staff_round.html", context)


def _sent(found: Round) -> int:
    """Of a round whose applications are gone: how many were sent and not taken back."""
    kept = found.statistics or {}
    return sum(kept.get(str(status), 0) for status in ("submitted", *Application.DECIDED))


@never_cache
@require_POST
@staff_only(Role.COORDINATOR)
def decide_many(request: HttpRequest, pk: int) -> HttpResponse:
    """The same decision for several: first what it would do, then, once confirmed, doing it."""
    found = _run_round(request, pk)
    form = BulkForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a decision, a reason, and whom it is for."))
        return redirect("ambassadors:staff-round", pk=pk)
    chosen = _filtered(request, found, request.POST)
    ticked = [int(value) for value in request.POST.getlist("ticked") if value.isdecimal()]
    if form.cleaned_data["which"] == "ticked":
        chosen = chosen.filter(pk__in=ticked)
    applications = Application.objects.filter(pk__in=chosen.order_by().values("pk"))
    if "confirmed" in request.POST:
        return _decide_them(request, found, applications, form)
    waiting = applications.filter(status=Application.Status.SUBMITTED)
    count = waiting.count()
    free = reads.free_places(found.term)
    context = {
        "round": found,
        "count": count,
        "left_out": applications.count() - count,
        "sample": waiting.select_related("round").defer("answers").order_by("reference")[:20],
        "decision": dict(DECISIONS)[form.cleaned_data["status"]],
        "reason": Application.Reason(form.cleaned_data["reason"]).label,
        "data": [
            *((key, request.POST.get(key, "")) for key in ("which", "status", "reason")),
            *((key, request.POST.get(key, "")) for key in ("filter_status", "q", "order")),
            *(("ticked", str(value)) for value in ticked),
        ],
        "too_many": form.cleaned_data["status"] == Application.Status.APPROVED
        and free is not None
        and count > free,
        "free": free,
    }
    return render(request, "ambassadors/staff_round_preview.html", context)


def _decide_them(
    request: HttpRequest, found: Round, chosen: QuerySet[Application], form: BulkForm
) -> HttpResponse:
    try:
        done = decisions.decide_many(
            applications=chosen,
            round=found,
            status=form.cleaned_data["status"],
            reason=form.cleaned_data["reason"],
            by=acting(request),
            at=timezone.now(),
        )
    except AmbassadorsError as error:
        messages.error(request, str(error))
    else:
        words = ngettext("%(n)d application is decided.", "%(n)d applications are decided.", done)
        messages.success(request, words % {"n": done})
    return redirect("ambassadors:staff-round", pk=found.pk)


@require_POST
@staff_only(Role.COORDINATOR)
def announce(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run_round(request, pk)
    form = AnnounceForm(request.POST, round=found)
    if form.is_valid():
        decisions.set_announcement(
            round=found,
            announce_at=form.cleaned_data["announce_at"],
            by=acting(request),
            at=timezone.now(),
        )
        messages.success(request, _("Everybody who is decided by then is told at that time."))
    else:
        messages.error(request, " ".join(str(word) for word in form.errors["announce_at"]))
    return redirect("ambassadors:staff-round", pk=pk)


def _run_application(request: HttpRequest, pk: int) -> Application:
    run = Application.objects.run_by(acting(request), at=timezone.now())
    return get_object_or_404(
        run.select_related("round__term__programme", "decided_by", "user", "enrolment"), pk=pk
    )


@never_cache
@require_http_methods(GET_OR_POST)
@staff_only(Role.COORDINATOR)
def application(request: HttpRequest, pk: int) -> HttpResponse:
    """One application with what was said about it, and the decision."""
    found = _run_application(request, pk)
    form = DecisionForm(request.POST or None, initial=_initial(found))
    if request.method == "POST" and form.is_valid():
        try:
            decisions.decide_application(
                application=found, by=acting(request), at=timezone.now(), **form.cleaned_data
            )
        except AmbassadorsError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Decided. The person is told at the stated time."))
        return redirect("ambassadors:staff-application", pk=pk)
    if found.is_revealed:
        record_look(acting(request), found.user, "application", timezone.now())
    can_decide = found.announced_at is None or found.status == Application.Status.WAITLISTED
    context = {
        "application": found,
        "round": found.round,
        "answers": reads.answers_of(found, is_revealed=found.is_revealed),
        "reviews": found.reviews.select_related("reviewer").order_by("saved_at"),
        "form": form if can_decide else None,
    }
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/staff_application.html", context, status=status)


def _initial(found: Application) -> dict[str, Any]:
    initial: dict[str, Any] = {"seen_version": found.version}
    if found.is_decided:
        initial |= {"status": found.status, "reason": found.reason, "note": found.note}
    return initial


@require_safe
@staff_only(Role.COORDINATOR)
def file(request: HttpRequest, pk: int) -> HttpResponse:
    files = Attachment.objects.select_related("application__round", "question")
    run = Application.objects.run_by(acting(request), at=timezone.now())
    return blind_download(get_object_or_404(files.filter(application__in=run), pk=pk))
