"""A person's own programmes, agreements and consent."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from ambassadors import queries
from ambassadors.errors import AmbassadorsError, TextChanged
from ambassadors.forms.enrolments import AgreeForm, ConsentForm, CountryForm
from ambassadors.forms.profiles import language_names
from ambassadors.models import (
    Agreement,
    AgreementText,
    Application,
    Consent,
    Enrolment,
    EnrolmentStatus,
)
from ambassadors.models.enrolments import JOINING
from ambassadors.services import agreements, enrolments
from ambassadors.views.join import STEPS, lives_elsewhere
from ambassadors.views.timelines import told
from common.markdown import to_html

_S = EnrolmentStatus


def _own(request: HttpRequest, pk: int) -> Enrolment:
    assert isinstance(request.user, User)
    own = Enrolment.objects.filter(user=request.user).select_related(
        "term__programme", "term__agreement_version"
    )
    return get_object_or_404(own, pk=pk)


@require_safe
@signed_in
def my_programmes(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    own = Enrolment.objects.filter(user=request.user).with_term().order_by("-status_at", "-pk")
    context = {
        "enrolments": own,
        "applications": Application.objects.filter(user=request.user)
        .select_related("round__term__programme")
        .defer("answers")
        .order_by("-begun_at"),
        "has_consent": queries.has_health_consent(request.user, at=timezone.now()),
    }
    return render(request, "ambassadors/my_programmes.html", context)


@require_safe
@signed_in
def my_enrolment(request: HttpRequest, pk: int) -> HttpResponse:
    assert isinstance(request.user, User)
    enrolment = _own(request, pk)
    context = {
        "enrolment": enrolment,
        "programme": enrolment.term.programme,
        "history": told(enrolment, to=request.user),
        "acceptances": enrolment.acceptances.order_by("-accepted_at"),
        "has_consent": queries.has_health_consent(request.user, at=timezone.now()),
        "can_resume": enrolment.status == _S.PAUSED and enrolment.status_by == request.user,
        "is_joining": enrolment.status in JOINING,
        "is_in_grace": enrolment.term.is_in_grace(at=timezone.now()),
        "absences": request.user.absences.not_over(timezone.now().date()),
        "contact": queries.contact_of(enrolment.term.programme, at=timezone.now()),
        "owes_agreement": queries.owes_agreement(enrolment),
    }
    return render(request, "ambassadors/my_enrolment.html", context)


@require_safe
@signed_in
def my_agreement(request: HttpRequest, pk: int) -> HttpResponse:
    """The copies of what was agreed to, as it was shown; the newest first."""
    enrolment = _own(request, pk)
    acceptances = list(enrolment.acceptances.select_related("version").order_by("-accepted_at"))
    if not acceptances:
        raise Http404
    context = {
        "enrolment": enrolment,
        "copies": [
            {
                "acceptance": row,
                "language": " ".join(language_names([row.locale_shown])),
                "body": to_html(row.snapshot, top=2),
            }
            for row in acceptances
        ],
    }
    return render(request, "ambassadors/my_agreement.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def join_step(request: HttpRequest, pk: int) -> HttpResponse:
    """The step of joining that is next: the agreement, then the consent, then none."""
    enrolment = _own(request, pk)
    if enrolment.term.is_over(at=timezone.now()):
        return redirect("ambassadors:my-enrolment", pk=pk)
    if queries.owes_country(enrolment):
        return _country_step(request, enrolment)
    if enrolment.status in (_S.INVITED, _S.APPROVED):
        return _agreement_step(request, enrolment)
    if enrolment.status == _S.ONBOARDING:
        version = queries.required_version(enrolment.term)
        if not enrolment.acceptances.filter(version=version).exists():
            return _agreement_step(request, enrolment)  # let back in, or the text has changed
        return _consent_step(request, enrolment)
    if queries.owes_agreement(enrolment):
        return _agreement_step(request, enrolment)  # a changed text: their place stays theirs
    return redirect("ambassadors:my-enrolment", pk=pk)


def _country_step(request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
    """Asked on into the term of another country: do they live there? A no writes nothing."""
    assert isinstance(request.user, User)
    term = enrolment.term
    form = CountryForm(request.POST or None, country=term.market_name)
    here = reverse("ambassadors:join-step", args=[enrolment.pk])
    if request.method == "POST" and form.is_valid():
        if not form.cleaned_data["lives_there"]:
            return lives_elsewhere(request, term, url=here, is_named=True)
        try:
            enrolments.confirm_country(enrolment=enrolment, user=request.user, at=timezone.now())
        except AmbassadorsError as error:
            messages.error(request, str(error))
        return redirect(here)
    context = {
        "enrolment": enrolment,
        "programme": term.programme,
        "form": form,
        "steps": [str(step) for step in STEPS],
    }
    return render(
        request, "ambassadors/join_country.html", context, status=422 if form.is_bound else 200
    )


def _agreement_step(request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
    assert isinstance(request.user, User)
    text = queries.text_in(queries.required_version(enrolment.term), get_language() or "en")
    form = AgreeForm(request.POST or None, initial={"sha256": text.sha256 if text else ""})
    if request.method == "POST" and form.is_valid() and text is not None:
        try:
            if form.cleaned_data["sha256"] != text.sha256:
                raise TextChanged
            enrolments.accept_agreement(
                enrolment=enrolment, user=request.user, text=text, at=timezone.now()
            )
        except AmbassadorsError as error:
            messages.error(request, str(error))
        return redirect("ambassadors:join-step", pk=enrolment.pk)
    return _step(request, enrolment, text, form, current=2)


def _consent_step(request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
    assert isinstance(request.user, User)
    text = consent_text()
    form = ConsentForm(request.POST or None, initial={"sha256": text.sha256 if text else ""})
    # A second click of the step before lands here with its own fields: show this step.
    if request.method == "POST" and "answer" not in request.POST and "agree" in request.POST:
        return redirect("ambassadors:join-step", pk=enrolment.pk)
    if request.method == "POST" and form.is_valid() and text is not None:
        says_yes = form.cleaned_data["answer"] == "yes"
        try:
            if form.cleaned_data["sha256"] != text.sha256:
                raise TextChanged
            enrolments.finish_joining(
                enrolment=enrolment,
                user=request.user,
                consent=text if says_yes else None,
                at=timezone.now(),
            )
        except AmbassadorsError as error:
            messages.error(request, str(error))
            return redirect("ambassadors:join-step", pk=enrolment.pk)
        messages.success(request, _("You are in. Welcome."))
        return redirect("portal:me")
    return _step(request, enrolment, text, form, current=3)


def _step(
    request: HttpRequest,
    enrolment: Enrolment,
    text: AgreementText | None,
    form: AgreeForm | ConsentForm,
    *,
    current: int,
) -> HttpResponse:
    context = {
        "enrolment": enrolment,
        "programme": enrolment.term.programme,
        "text": text,
        "body": to_html(text.body, top=2) if text else "",
        "form": form,
        "steps": [str(step) for step in STEPS],
        "current": current,
        "is_again": enrolment.status in (_S.ACTIVE, _S.PAUSED),
        "in_english_only": text is not None and _is_fallback(text),
    }
    return render(
        request, "ambassadors/join_step.html", context, status=422 if form.is_bound else 200
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def my_consent(request: HttpRequest) -> HttpResponse:
    """What the consent says, whether it stands, and giving it or taking it back."""
    assert isinstance(request.user, User)
    standing = Consent.objects.filter(user=request.user, withdrawn_at__isnull=True).first()
    text = consent_text()
    if request.method == "POST":
        if "withdraw" in request.POST:
            agreements.withdraw_consent(user=request.user, at=timezone.now())
            messages.success(request, _("Your consent is withdrawn. Nothing booked was cancelled."))
        elif text is not None and request.POST.get("give") == text.sha256:
            agreements.give_consent(user=request.user, text=text, at=timezone.now())
            messages.success(request, _("Your consent is kept. You can take it back at any time."))
        else:
            messages.error(request, str(TextChanged()))
        return redirect("ambassadors:my-consent")
    # A text that changed materially is asked about again, below what was said yes to.
    is_older = standing is not None and queries.consent_has_changed(standing)
    shown = standing.snapshot if standing else text.body if text else ""
    context = {
        "standing": standing,
        "past": Consent.objects.filter(user=request.user, withdrawn_at__isnull=False).order_by(
            "-withdrawn_at"
        ),
        "text": text,
        "body": to_html(shown, top=2),
        "newer_body": to_html(text.body, top=2) if is_older and text else "",
        "in_english_only": text is not None and not standing and _is_fallback(text),
    }
    return render(request, "ambassadors/my_consent.html", context)


@require_POST
@signed_in
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    assert isinstance(request.user, User)
    enrolment = _own(request, pk)
    try:
        enrolments.pause(enrolment=enrolment, user=request.user, at=timezone.now())
        messages.success(request, _("Paused. You can resume whenever you like."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:my-enrolment", pk=pk)


@require_POST
@signed_in
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    assert isinstance(request.user, User)
    enrolment = _own(request, pk)
    try:
        enrolments.resume(enrolment=enrolment, user=request.user, at=timezone.now())
        messages.success(request, _("Welcome back. You are active again."))
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:my-enrolment", pk=pk)


def consent_text() -> AgreementText | None:
    version = queries.current_version(Agreement.Kind.HEALTH_CONSENT)
    return queries.text_in(version, get_language() or "en")


def _is_fallback(text: AgreementText) -> bool:
    language = get_language() or "en"
    return text.locale not in (language, language.partition("-")[0])
