"""Applying: whether one can, the draft, files, sending, and reading the decision."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from ambassadors.domain.files import mime_of
from ambassadors.errors import AdultsOnly, AmbassadorsError
from ambassadors.forms.rounds import ApplicationForm, EligibilityForm, FileForm
from ambassadors.models import (
    AdultConfirmation,
    Application,
    Attachment,
    Programme,
    Question,
    Round,
)
from ambassadors.queries import applications as reads
from ambassadors.services import applications
from common.markdown import to_html

# Which rounds this browser has answered the eligibility questions of.
_CAN_APPLY = "can_apply"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def apply(request: HttpRequest, slug: str) -> HttpResponse:
    """First whether one can, answered at once and kept nowhere; then the draft begins."""
    now = timezone.now()
    programme = get_object_or_404(Programme.objects.visible_to(request.user), slug=slug)
    rounds = list(reads.open_rounds(programme, at=now))
    asked = request.POST.get("round") or request.GET.get("round", "")
    chosen = [row for row in rounds if str(row.pk) == asked] or rounds
    if len(chosen) != 1:
        context = {
            "programme": programme,
            "rounds": rounds,
            "coming": reads.coming_rounds(programme, at=now),
        }
        return render(request, "ambassadors/apply_rounds.html", context)
    round = chosen[0]
    mine = _mine(request, round)
    if mine is not None:
        return redirect("ambassadors:application", pk=mine.pk)
    if request.user.is_authenticated and round.pk in request.session.get(_CAN_APPLY, []):
        if request.method == "POST":
            return _begin(request, round, is_adult=True)
        return _page(request, programme, round, None)
    questions = list(
        round.questions.filter(kind=Question.Kind.ELIGIBILITY).order_by("position", "pk")
    )
    ask_age = not (
        isinstance(request.user, User)
        and AdultConfirmation.objects.filter(user=request.user).exists()
    )
    form = EligibilityForm(request.POST or None, questions=questions, ask_age=ask_age)
    if request.method == "POST" and form.is_valid():
        if not form.says_adult:
            return render(request, "ambassadors/under_18.html")
        if form.reasons_against:
            context = {"programme": programme, "reasons": form.reasons_against}
            return render(request, "ambassadors/apply_not_now.html", context)
        if request.user.is_authenticated:
            return _begin(request, round, is_adult=form.says_adult)
        request.session[_CAN_APPLY] = [*request.session.get(_CAN_APPLY, []), round.pk]
        here = reverse("ambassadors:apply", args=[slug])
        return redirect(f"{reverse('account_signup')}?next={here}%3Fround%3D{round.pk}")
    return _page(request, programme, round, form)


def _page(
    request: HttpRequest, programme: Programme, round: Round, form: EligibilityForm | None
) -> HttpResponse:
    context = {
        "programme": programme,
        "round": round,
        "intro": to_html(round.intro),
        "form": form,
        "asks": round.questions.exclude(kind=Question.Kind.ELIGIBILITY).order_by("position", "pk"),
    }
    status = 422 if form is not None and form.is_bound else 200
    return render(request, "ambassadors/apply.html", context, status=status)


def _begin(request: HttpRequest, round: Round, *, is_adult: bool) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        application = applications.begin_application(
            round=round, user=request.user, is_adult=is_adult, at=timezone.now()
        )
    except AdultsOnly:
        return render(request, "ambassadors/under_18.html")
    except AmbassadorsError as error:
        messages.error(request, str(error))
        return redirect("ambassadors:programme", slug=round.term.programme.slug)
    return redirect("ambassadors:application", pk=application.pk)


def _mine(request: HttpRequest, round: Round) -> Application | None:
    if not isinstance(request.user, User):
        return None
    return Application.objects.filter(round=round, user=request.user).first()


# --- One's own application ------------------------------------------------------


def _own(request: HttpRequest, pk: int) -> Application:
    assert isinstance(request.user, User)
    own = Application.objects.filter(user=request.user)
    return get_object_or_404(own.select_related("round__term__programme", "enrolment"), pk=pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def application(request: HttpRequest, pk: int) -> HttpResponse:
    """A draft to go on with; or what was sent, and what became of it."""
    found = _own(request, pk)
    now = timezone.now()
    if found.status != Application.Status.DRAFT or not found.round.is_open(at=now):
        return _sent_page(request, found)
    questions = list(
        found.round.questions.exclude(kind=Question.Kind.ELIGIBILITY).order_by("position", "pk")
    )
    if request.method != "POST":
        return _draft_page(
            request, found, questions, ApplicationForm(application=found, questions=questions)
        )
    draft = ApplicationForm(request.POST, application=found, questions=questions)
    draft.make_draft()
    if not draft.is_valid():
        return _draft_page(request, found, questions, draft)
    try:
        found = applications.save_answers(
            application=found,
            name=draft.cleaned_data["name"].strip(),
            answers=draft.answers,
            at=now,
        )
        if "send" not in request.POST:
            messages.success(request, _("Saved. Come back whenever you like before it closes."))
            return redirect("ambassadors:application", pk=pk)
        whole = ApplicationForm(request.POST, application=found, questions=questions)
        missing = applications.missing(found)
        if not whole.is_valid() or missing:
            return _draft_page(request, found, questions, whole, missing=missing)
        applications.submit_application(application=found, at=now)
        messages.success(request, _("Sent. We have written to you that it is here."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:application", pk=pk)


def _draft_page(
    request: HttpRequest,
    found: Application,
    questions: list[Question],
    form: ApplicationForm,
    *,
    missing: set[int] = frozenset(),  # type: ignore[assignment]  # never changed
    wrong: FileForm | None = None,
) -> HttpResponse:
    files = {row.question_id: row for row in found.attachments.defer("content")}
    context = {
        "application": found,
        "round": found.round,
        "programme": found.round.term.programme,
        "form": form,
        "files": [
            {
                "form": wrong
                if wrong is not None and wrong.question == question
                else FileForm(question=question),
                "question": question,
                "file": files.get(question.pk),
                "is_missing": question.pk in missing,
            }
            for question in questions
            if question.kind == Question.Kind.FILE
        ],
    }
    is_wrong = form.is_bound or wrong is not None
    return render(
        request, "ambassadors/application_draft.html", context, status=422 if is_wrong else 200
    )


def _sent_page(request: HttpRequest, found: Application) -> HttpResponse:
    is_open = found.round.is_open(at=timezone.now())
    told = found.announced_at is not None
    status = found.status if told or not found.is_decided else Application.Status.SUBMITTED
    context = {
        "application": found,
        "round": found.round,
        "programme": found.round.term.programme,
        # Until the stated time nobody, not even by the address of a page, learns a decision.
        "status": status,
        "status_words": Application.Status(status).label,
        "answers": reads.answers_of(found, is_revealed=True),
        "can_reopen": is_open and status in ("submitted", "withdrawn") and not found.is_decided,
        "can_withdraw": status in ("submitted", "waitlisted", "draft"),
    }
    return render(request, "ambassadors/application_sent.html", context)


@require_POST
@signed_in
def attach(request: HttpRequest, pk: int, question_pk: int) -> HttpResponse:
    found = _own(request, pk)
    question = get_object_or_404(
        found.round.questions.filter(kind=Question.Kind.FILE), pk=question_pk
    )
    form = FileForm(request.POST, request.FILES, question=question)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            applications.attach_file(
                application=found,
                question=question,
                name=file.name,
                content=file.read(),
                at=timezone.now(),
            )
        except AmbassadorsError as error:
            form.add_error("file", str(error))
        else:
            messages.success(request, _("The file is added."))
            return redirect("ambassadors:application", pk=pk)
    if found.status != Application.Status.DRAFT:
        return redirect("ambassadors:application", pk=pk)
    questions = list(
        found.round.questions.exclude(kind=Question.Kind.ELIGIBILITY).order_by("position", "pk")
    )
    page_form = ApplicationForm(application=found, questions=questions)
    return _draft_page(request, found, questions, page_form, wrong=form)


@require_POST
@signed_in
def detach(request: HttpRequest, pk: int, attachment_pk: int) -> HttpResponse:
    found = _own(request, pk)
    attachment = get_object_or_404(found.attachments.defer("content"), pk=attachment_pk)
    try:
        applications.remove_file(application=found, attachment=attachment, at=timezone.now())
        messages.success(request, _("The file is removed."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:application", pk=pk)


@require_safe
@signed_in
def own_file(request: HttpRequest, pk: int, attachment_pk: int) -> HttpResponse:
    found = _own(request, pk)
    attachment = get_object_or_404(found.attachments, pk=attachment_pk)
    return as_download(attachment, attachment.name)


@require_POST
@signed_in
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    found = _own(request, pk)
    try:
        applications.reopen_application(application=found, at=timezone.now())
        messages.success(request, _("It is a draft again. Send it before the round closes."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:application", pk=pk)


@require_POST
@signed_in
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    found = _own(request, pk)
    try:
        applications.withdraw_application(application=found, at=timezone.now())
        messages.success(request, _("Taken back. Nobody reads it any more."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:application", pk=pk)


def as_download(attachment: Attachment, name: str) -> HttpResponse:
    """A file to be kept, never to be shown: whatever it holds runs nowhere near our pages."""
    mime = mime_of(attachment.kind)
    response = HttpResponse(bytes(attachment.content), content_type=mime)
    safe = "".join(c for c in name if c.isalnum() or c in "._- ")[:80].strip() or "file"
    if not safe.lower().endswith(f".{attachment.kind}"):
        safe = f"{safe}.{attachment.kind}"
    plain = safe.encode("ascii", "ignore").decode().strip() or f"file.{attachment.kind}"
    response["Content-Disposition"] = f'attachment; filename="{plain}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response
