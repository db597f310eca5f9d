"""A person's own pages, and the staff's pages about people, roles and approvals."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import queries, rules
from accounts.access import proved_again, signed_in, staff_only
from accounts.adapters import keep_preferences
from accounts.errors import AccountsError
from accounts.forms import DecisionForm, FindPersonForm, GiveRoleForm, ProfileForm
from accounts.models import Approval, Role, StaffGrant, User
from accounts.services import access_log, approvals, grants, people
from common.text import site_language

PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def profile(request: HttpRequest) -> HttpResponse:
    """What somebody says about themselves, and the doors to how they sign in."""
    user = _me(request)
    form = ProfileForm(
        request.POST or None,
        initial={
            "name": user.name,
            "language": site_language(user.language, ""),
            "time_zone": user.time_zone,
        },
    )
    if request.method == "POST" and form.is_valid():
        user = people.change_profile(user=user, at=timezone.now(), **form.cleaned_data)
        # The page that says it is in the language just chosen.
        with override(user.language or get_language()):
            messages.success(request, _("Saved."))
        response = redirect("accounts:profile")
        keep_preferences(user, request, response)
        return response
    return render(request, "accounts/profile.html", {"form": form})


@require_safe
@signed_in
def privacy(request: HttpRequest) -> HttpResponse:
    """Who looked at what is sensitive about somebody, for nobody but them."""
    looks = Paginator(queries.looks_at(_me(request)), PAGE)
    return render(
        request, "accounts/privacy.html", {"page": looks.get_page(request.GET.get("page"))}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.ADMIN)
def people_list(request: HttpRequest) -> HttpResponse:
    """Who holds which role; and a way to one person by their whole address.

    The address is posted, so that it stands in no log and no history.
    """
    form = FindPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = queries.person_with(form.cleaned_data["email"])
        if person is not None:
            return redirect("accounts:person", pk=person.pk)
        form.add_error(
            "email", _("Nobody has an account with this address. Ask them to make one first.")
        )
    staff = Paginator(queries.staff(at=timezone.now()), PAGE)
    page = staff.get_page(request.GET.get("page"))
    return render(request, "accounts/people.html", {"form": form, "page": page})


@require_safe
@staff_only(Role.ADMIN)
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person's roles. The look is written down, and they can see it."""
    return _person_page(request, get_object_or_404(User, pk=pk, erased_at=None), GiveRoleForm())


def _person_page(request: HttpRequest, person: User, form: GiveRoleForm) -> HttpResponse:
    access_log.record_look(_me(request), person, "account and roles", timezone.now())
    context = {
        "person": person,
        "form": form,
        "held": queries.roles_held(person),
        "is_self": person.pk == request.user.pk,
        "today": timezone.now().date(),
    }
    return render(request, "accounts/person.html", context)


@require_POST
@staff_only(Role.ADMIN)
@proved_again
def give_role(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk, erased_at=None)
    form = GiveRoleForm(request.POST)
    if not form.is_valid():
        return _person_page(request, person, form)
    try:
        grants.give_role(user=person, giver=_me(request), at=timezone.now(), **form.cleaned_data)
    except AccountsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The role is given. They have to sign in again."))
    return redirect("accounts:person", pk=pk)


@require_POST
@staff_only(Role.ADMIN)
@proved_again
def withdraw_role(request: HttpRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(StaffGrant, pk=pk)
    try:
        grants.withdraw_role(grant=grant, withdrawer=_me(request), at=timezone.now())
    except AccountsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The role is withdrawn. They are signed out everywhere."))
    return redirect("accounts:person", pk=grant.user_id)


@require_safe
@staff_only(Role.ADMIN)
def audit(request: HttpRequest) -> HttpResponse:
    page = Paginator(queries.trail(), PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/audit.html", {"page": page})


@require_safe
@staff_only()
def approval_list(request: HttpRequest) -> HttpResponse:
    """What waits for a second person, and what was decided."""
    user = _me(request)
    page = Paginator(queries.approvals_for(user, at=timezone.now()), PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "accounts/approvals.html", {"page": page, "user": user})


@require_POST
@staff_only()
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve or refuse. Who asked sees it here, and is told that somebody else has to."""
    user, at = _me(request), timezone.now()
    visible = Approval.objects.visible_to(user, roles=rules.roles_of(user, at=at))
    approval = get_object_or_404(visible, pk=pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose whether to approve or to refuse."))
        return redirect("accounts:approvals")
    act = approvals.approve if form.cleaned_data["decision"] == "approve" else approvals.refuse
    try:
        act(approval=approval, approver=user, at=at)
    except AccountsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Decided."))
    return redirect("accounts:approvals")


def _me(request: HttpRequest) -> User:
    """Whoever is signed in; the decorators above made sure that somebody is."""
    assert isinstance(request.user, User)
    return request.user
