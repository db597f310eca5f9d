"""Reading applications: what a reviewer was asked to read, and what they say about it."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.rounds import ReviewForm
from ambassadors.models import Application, Attachment, Round
from ambassadors.queries import applications as reads
from ambassadors.services import decisions
from ambassadors.views.apply import as_download

PAGE = 50


@require_safe
@signed_in
def rounds(request: HttpRequest) -> HttpResponse:
    return render(
        request, "ambassadors/reviews.html", {"rounds": reads.rounds_to_read(request.user)}
    )


@require_safe
@signed_in
def round(request: HttpRequest, pk: int) -> HttpResponse:
    """What there is to read, what is not read yet first."""
    assert isinstance(request.user, User)
    mine = Round.objects.reviewed_by(request.user).select_related("term__programme")
    found = get_object_or_404(mine, pk=pk)
    page = Paginator(reads.to_read(found, user=request.user), PAGE)
    context = {"round": found, "page": page.get_page(request.GET.get("page"))}
    return render(request, "ambassadors/review_round.html", context)


def _readable(request: HttpRequest, pk: int) -> Application:
    mine = Application.objects.reviewable_by(request.user)
    return get_object_or_404(mine.select_related("round__term__programme"), pk=pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def application(request: HttpRequest, pk: int) -> HttpResponse:
    """One application without its name, and the rubric. What others say shows after one's own."""
    assert isinstance(request.user, User)
    found = _readable(request, pk)
    criteria = list(found.round.criteria.order_by("position", "pk"))
    review = found.reviews.filter(reviewer=request.user).first()
    form = ReviewForm(request.POST or None, criteria=criteria, review=review)
    if request.method == "POST" and form.is_valid():
        try:
            decisions.save_review(
                application=found,
                reviewer=request.user,
                scores=form.scores,
                advice=form.cleaned_data["advice"],
                comment=form.cleaned_data["comment"],
                at=timezone.now(),
            )
        except AmbassadorsError as error:
            messages.error(request, str(error))
            return redirect("ambassadors:review", pk=pk)
        messages.success(request, _("Kept. You can change it until it is decided."))
        return _next(request, found)
    context = {
        "application": found,
        "round": found.round,
        "answers": reads.answers_of(found, is_revealed=found.is_revealed),
        "form": form if found.status == Application.Status.SUBMITTED else None,
        "others": found.reviews.filter(has_conflict=False)
        .exclude(reviewer=request.user)
        .select_related("reviewer")
        .order_by("saved_at")
        if review is not None
        else [],
        "review": review,
    }
    status = 422 if form.is_bound else 200
    return render(request, "ambassadors/review.html", context, status=status)


def _next(request: HttpRequest, after: Application) -> HttpResponse:
    """The next one that is not read, or the list when all are."""
    assert isinstance(request.user, User)
    unread = reads.next_to_read(after.round, user=request.user)
    if unread is None:
        return redirect("ambassadors:review-round", pk=after.round_id)
    return redirect("ambassadors:review", pk=unread.pk)


@require_POST
@signed_in
def step_aside(request: HttpRequest, pk: int) -> HttpResponse:
    """ "I know this person": they do not read it, and nobody asks why."""
    assert isinstance(request.user, User)
    found = _readable(request, pk)
    decisions.step_aside(application=found, reviewer=request.user, at=timezone.now())
    messages.success(request, _("Thank you. You will not see this one again."))
    return _next(request, found)


@require_safe
@signed_in
def file(request: HttpRequest, pk: int) -> HttpResponse:
    """A file of an application one may read, as a download."""
    assert isinstance(request.user, User)
    files = Attachment.objects.select_related("application__round", "question")
    mine = Application.objects.reviewable_by(request.user)
    return blind_download(get_object_or_404(files.filter(application__in=mine), pk=pk))


def blind_download(found: Attachment) -> HttpResponse:
    """The file, under a name that says nothing while names are hidden."""
    application = found.application
    if found.question.hides_when_blind and not application.is_revealed:
        raise Http404
    return as_download(found, found.name if application.is_revealed else application.reference)
