"""Setting up practices in the staff console. No page here shows a client or a booking."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import staff_only
from accounts.models import Role, User
from common.money import show_money
from therapy_credits.domain.places import language_name
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.forms.staff_practices import (
    InviteForm,
    LicenceForm,
    PracticeForm,
    PractitionerForm,
    ServiceTypeForm,
)
from therapy_credits.models import (
    Licence,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
)
from therapy_credits.queries.practices import (
    licences_to_check,
    practices_to_check,
    services_to_check,
)
from therapy_credits.services import lapses
from therapy_credits.services import practices as services

care_staff = staff_only(Role.CARE, Role.ADMIN)


@care_staff
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    practices = Practice.objects.annotate(
        practitioner_count=Count("practitioners", distinct=True),
        unverified_count=Count(
            "practitioners__licences",
            filter=Q(practitioners__licences__confirmed_at=None),
            distinct=True,
        ),
    ).order_by("name", "pk")
    return render(
        request,
        "therapy_credits/staff_practices.html",
        {
            "practices": practices,
            "to_open": practices_to_check(_staff(request))[:20],
            "rates": services_to_check(_staff(request))[:20],
            "to_check": licences_to_check(_staff(request))[:20],
        },
    )


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = PracticeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        practice = services.save_practice(
            practice=form.save(commit=False), by=_staff(request), at=timezone.now()
        )
        messages.success(request, _("Kept. Add what it offers, and who works there."))
        return redirect("therapy_credits:staff-practice", practice.slug)
    return render(request, "therapy_credits/staff_form.html", {"form": form, "what": "practice"})


@care_staff
@require_safe
def practice(request: HttpRequest, slug: str) -> HttpResponse:
    one = get_object_or_404(
        Practice.objects.select_related("checked_by", "confirmed_by"), slug=slug
    )
    return render(
        request,
        "therapy_credits/staff_practice.html",
        {
            "practice": one,
            "languages": ", ".join(
                language_name(language, get_language() or "en") for language in one.languages
            ),
            "waits_for_me": practices_to_check(_staff(request)).filter(pk=one.pk).exists(),
            "services": [
                {"service": service, "rate": show_money(service.rate_minor, service.currency)}
                for service in one.service_types.not_ended().order_by("units", "minutes", "pk")
            ],
            "rates_for_me": set(services_to_check(_staff(request)).values_list("pk", flat=True)),
            "practitioners": one.practitioners.prefetch_related("licences").order_by("name"),
            "members": one.memberships.filter(ended_at=None).select_related("user"),
            "invitations": one.invitations.filter(
                accepted_at=None, expires_at__gt=timezone.now()
            ).order_by("email"),
        },
    )


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    one = get_object_or_404(Practice, slug=slug)
    form = PracticeForm(request.POST or None, instance=one)
    if request.method == "POST" and form.is_valid():
        kept = services.save_practice(
            practice=form.save(commit=False),
            by=_staff(request),
            at=timezone.now(),
            fields=form.changed_data,
        )
        messages.success(request, _("Kept."))
        return redirect("therapy_credits:staff-practice", kept.slug)
    return render(
        request,
        "therapy_credits/staff_form.html",
        {"form": form, "what": "practice", "practice": one},
    )


@care_staff
@require_POST
def status(request: HttpRequest, slug: str) -> HttpResponse:
    one = get_object_or_404(Practice, slug=slug)
    wanted = request.POST.get("status", "")
    if wanted not in Practice.Status.values:
        messages.error(request, _("Choose what the practice is to be."))
        return redirect("therapy_credits:staff-practice", one.slug)
    try:
        services.set_status(
            practice=one, status=Practice.Status(wanted), by=_staff(request), at=timezone.now()
        )
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Kept. What is booked stays booked."))
    return redirect("therapy_credits:staff-practice", one.slug)


@care_staff
@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """One of the two looks at a practice; the second opens it."""
    one = get_object_or_404(Practice, slug=slug)
    try:
        checked = services.check_practice(practice=one, by=_staff(request), at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            _("Verified by two people. It is open to clients.")
            if checked.is_verified
            else _("Noted. A second person must look too."),
        )
    return redirect("therapy_credits:staff-practice", one.slug)


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def service(request: HttpRequest, slug: str) -> HttpResponse:
    one = get_object_or_404(Practice, slug=slug)
    form = ServiceTypeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = form.save(commit=False)
        new.practice = one
        services.save_service(service=new, by=_staff(request), at=timezone.now())
        messages.success(request, _("Added. It is offered when two people have looked at it."))
        return redirect("therapy_credits:staff-practice", one.slug)
    return render(
        request,
        "therapy_credits/staff_form.html",
        {"form": form, "what": "service", "practice": one},
    )


@care_staff
@require_POST
def check_service(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One of the two looks at a rate; the second has it offered."""
    one = get_object_or_404(ServiceType, practice__slug=slug, pk=pk)
    try:
        checked = services.check_service(service=one, by=_staff(request), at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            _("Verified by two people. It is offered from now on.")
            if checked.is_verified
            else _("Noted. A second person must look too."),
        )
    return redirect("therapy_credits:staff-practice", slug)


@care_staff
@require_POST
def end_service(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """It is offered no more: a rate is changed by adding another and ending this one."""
    one = get_object_or_404(ServiceType, practice__slug=slug, pk=pk)
    services.end_service(service=one, by=_staff(request), at=timezone.now())
    messages.success(request, _("It is offered no more. What is booked stays booked."))
    return redirect("therapy_credits:staff-practice", slug)


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new_practitioner(request: HttpRequest, slug: str) -> HttpResponse:
    one = get_object_or_404(Practice, slug=slug)
    form = PractitionerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = form.save(commit=False)
        new.practice = one
        services.save_practitioner(practitioner=new, by=_staff(request), at=timezone.now())
        messages.success(request, _("Added. Nobody can book before a licence is verified."))
        return redirect("therapy_credits:staff-practitioner", one.slug, new.slug)
    return render(
        request,
        "therapy_credits/staff_form.html",
        {"form": form, "what": "practitioner", "practice": one},
    )


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def practitioner(request: HttpRequest, slug: str, person: str) -> HttpResponse:
    """One practitioner: what is said of them, and their licences."""
    one = get_object_or_404(
        Practitioner.objects.select_related("practice"), practice__slug=slug, slug=person
    )
    form = PractitionerForm(request.POST or None, instance=one)
    if request.method == "POST" and form.is_valid():
        kept = services.save_practitioner(
            practitioner=form.save(commit=False),
            by=_staff(request),
            at=timezone.now(),
            fields=form.changed_data,
        )
        messages.success(request, _("Kept."))
        return redirect("therapy_credits:staff-practitioner", slug, kept.slug)
    today = timezone.now().date()
    return render(
        request,
        "therapy_credits/staff_practitioner.html",
        {
            "form": form,
            "practitioner": one,
            "practice": one.practice,
            "licences": one.licences.select_related("checked_by", "confirmed_by").order_by(
                "-expires_on", "pk"
            ),
            "today": today,
        },
    )


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new_licence(request: HttpRequest, slug: str, person: str) -> HttpResponse:
    one = get_object_or_404(
        Practitioner.objects.select_related("practice"), practice__slug=slug, slug=person
    )
    now = timezone.now()
    form = LicenceForm(request.POST or None, today=now.date())
    if request.method == "POST" and form.is_valid():
        new = form.save(commit=False)
        new.practitioner = one
        services.add_licence(licence=new, by=_staff(request), at=now)
        messages.success(request, _("Added. It counts when two people have checked it."))
        return redirect("therapy_credits:staff-practitioner", slug, one.slug)
    return render(
        request,
        "therapy_credits/staff_form.html",
        {"form": form, "what": "licence", "practice": one.practice, "practitioner": one},
    )


@care_staff
@require_POST
def check_licence(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One of the two looks at the evidence."""
    one = get_object_or_404(
        Licence.objects.select_related("practitioner"), practitioner__practice__slug=slug, pk=pk
    )
    try:
        checked = services.check_licence(licence=one, by=_staff(request), at=timezone.now())
    except TherapyCreditsError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            _("Verified by two people. It counts from now on.")
            if checked.is_verified
            else _("Noted. A second person must look too."),
        )
    return redirect("therapy_credits:staff-practitioner", slug, one.practitioner.slug)


@care_staff
@require_POST
def withdraw_licence(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """It counts no more, from now on; what is booked under it is released."""
    one = get_object_or_404(
        Licence.objects.select_related("practitioner__practice"),
        practitioner__practice__slug=slug,
        pk=pk,
    )
    released = lapses.withdraw_licence(licence=one, by=_staff(request), at=timezone.now())
    messages.success(
        request,
        ngettext(
            "Withdrawn. %(n)d booking was released at no cost to the client.",
            "Withdrawn. %(n)d bookings were released at no cost to the clients.",
            released,
        )
        % {"n": released},
    )
    return redirect("therapy_credits:staff-practitioner", slug, one.practitioner.slug)


@care_staff
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    one = get_object_or_404(Practice, slug=slug)
    form = InviteForm(request.POST or None, practice=one)
    if request.method == "POST" and form.is_valid():
        services.invite_member(
            practice=one, by=_staff(request), at=timezone.now(), **form.cleaned_data
        )
        messages.success(request, _("Invited. The link is on its way."))
        return redirect("therapy_credits:staff-practice", one.slug)
    return render(
        request,
        "therapy_credits/staff_form.html",
        {"form": form, "what": "member", "practice": one},
    )


@care_staff
@require_POST
def end_membership(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    one = get_object_or_404(
        PracticeMembership.objects.select_related("practice"), practice__slug=slug, pk=pk
    )
    services.end_membership(membership=one, by=_staff(request), at=timezone.now())
    messages.success(request, _("Ended. That account no longer opens the portal."))
    return redirect("therapy_credits:staff-practice", slug)


def _staff(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
