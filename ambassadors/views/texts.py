"""The texts people say yes to: reading, publishing a version, translating, naming a reviewer."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import proved_again, staff_only
from accounts.errors import AccountsError
from accounts.models import Role, StaffGrant
from ambassadors import queries
from ambassadors.errors import AmbassadorsError
from ambassadors.forms.texts import NewVersionForm, ReachForm, ReviewedForm, TranslationForm
from ambassadors.models import Agreement, AgreementText, AgreementVersion
from ambassadors.services import agreements, reach
from ambassadors.views.staff import GET_OR_POST, acting, form_page
from common.markdown import to_html


@require_safe
@staff_only(Role.ADMIN)
def texts(request: HttpRequest) -> HttpResponse:
    """Every text, its newest version, and how many have yet to answer it."""
    return render(
        request, "ambassadors/staff_texts.html", {"standings": queries.texts_with_counts()}
    )


@require_safe
@staff_only(Role.ADMIN)
def text(request: HttpRequest, slug: str) -> HttpResponse:
    """One text with all its versions, newest first; any of them can be read in full."""
    agreement = get_object_or_404(Agreement, slug=slug)
    versions = list(agreement.versions.prefetch_related("texts").order_by("-number"))
    asked = request.GET.get("text", "")
    languages = AgreementText.objects.filter(version__agreement=agreement)
    shown = languages.filter(pk=asked).first() if asked.isdecimal() else None
    if shown is None and versions:
        shown = queries.text_in(versions[0], "en")
    context = {
        "agreement": agreement,
        "versions": versions,
        "shown": shown,
        "body": to_html(shown.body, top=3) if shown else "",
        "owing": next(
            (row.owing for row in queries.texts_with_counts() if row.agreement == agreement), 0
        ),
    }
    return render(request, "ambassadors/staff_text.html", context)


@require_http_methods(GET_OR_POST)
@staff_only(Role.ADMIN)
@proved_again
def new_version(request: HttpRequest, slug: str) -> HttpResponse:
    """Publish the next version, beginning from the words there are."""
    agreement = get_object_or_404(Agreement, slug=slug)
    newest = agreement.versions.order_by("-number").first()
    words = queries.text_in(newest, "en")
    initial = {"title": words.title, "body": words.body} if words else {}
    form = NewVersionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        agreements.publish_version(
            agreement=agreement,
            texts={"en": (data["title"], data["body"])},
            is_material=data["is_material"],
            by=acting(request),
            at=timezone.now(),
        )
        messages.success(
            request, _("Published. Name who reviewed it, and add it in other languages.")
        )
        return redirect("ambassadors:staff-text", slug=slug)
    context = {
        "title": _("New version"),
        "lead": agreement.name,
        "back_url": f"/staff/texts/{slug}/",
        "button": _("Publish"),
        "note": _(
            "People who join from now on see these words. They are kept for good: a mistake is"
            " corrected by another version. English comes first; other languages follow."
        ),
    }
    return form_page(request, form, context)


@require_http_methods(GET_OR_POST)
@staff_only(Role.ADMIN)
def translate(request: HttpRequest, pk: int) -> HttpResponse:
    """A version in one more language. It is shown once a person has reviewed it."""
    version = get_object_or_404(AgreementVersion.objects.select_related("agreement"), pk=pk)
    form = TranslationForm(request.POST or None, version=version)
    if request.method == "POST" and form.is_valid():
        try:
            added = agreements.add_translation(
                version=version, by=acting(request), at=timezone.now(), **form.cleaned_data
            )
        except AmbassadorsError as error:
            form.add_error("locale", str(error))
        else:
            messages.success(request, _("Kept. People read it once a reviewer is named."))
            return redirect(f"/staff/texts/{version.agreement.slug}/?text={added.pk}")
    context = {
        "title": _("Add a language"),
        "lead": str(version),
        "back_url": f"/staff/texts/{version.agreement.slug}/",
    }
    return form_page(request, form, context)


@require_http_methods(GET_OR_POST)
@staff_only(Role.ADMIN)
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """Name who read a text and stands for it."""
    found = get_object_or_404(AgreementText.objects.select_related("version__agreement"), pk=pk)
    back_url = f"/staff/texts/{found.version.agreement.slug}/?text={found.pk}"
    form = ReviewedForm(request.POST or None, initial={"reviewed_on": timezone.now().date()})
    if request.method == "POST" and form.is_valid():
        agreements.mark_reviewed(
            text=found, by=acting(request), at=timezone.now(), **form.cleaned_data
        )
        messages.success(request, _("Marked as reviewed. Readers see by whom."))
        return redirect(back_url)
    context = {
        "title": _("Mark as reviewed"),
        "lead": found.title,
        "back_url": back_url,
        "button": _("Mark as reviewed"),
    }
    return form_page(request, form, context)


@require_http_methods(GET_OR_POST)
@staff_only(Role.ADMIN)
@proved_again
def grant_reach(request: HttpRequest, pk: int) -> HttpResponse:
    """Which programmes a staff role reaches."""
    open_grants = StaffGrant.objects.filter(withdrawn_at__isnull=True, role=Role.COORDINATOR)
    grant = get_object_or_404(open_grants.select_related("user"), pk=pk)
    back_url = f"/staff/people/{grant.user_id}/"
    form = ReachForm(
        request.POST or None,
        initial={
            "all_programmes": "yes" if grant.all_programmes else "no",
            "programmes": grant.programmes.values_list("programme_id", flat=True),
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            reach.set_reach(grant=grant, by=acting(request), at=timezone.now(), **form.cleaned_data)
        except (AmbassadorsError, AccountsError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. It holds from now on."))
            return redirect(back_url)
    context = {
        "title": _("What this role reaches"),
        "lead": f"{grant.user}, {grant.get_role_display()}",
        "back_url": back_url,
        "note": _(
            "Where a role reaches only some programmes, the others, their people and their events"
            " do not exist for this person."
        ),
    }
    return form_page(request, form, context)
