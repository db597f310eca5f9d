"""Pools: finance and administrators see amounts, coordinators bands, nobody a name."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import staff_only
from accounts.errors import AccountsError
from accounts.models import Role, User
from therapy_credits import rules
from therapy_credits.domain.missed import USUAL
from therapy_credits.errors import FundingTooSmall, PolicyExists, TherapyCreditsError
from therapy_credits.forms.pools import (
    AlertForm,
    FundingForm,
    HandBackForm,
    LimitsForm,
    MissedRulesForm,
    PolicyForm,
    PolicyMissedRulesForm,
    PoolForm,
    UndoChargeForm,
)
from therapy_credits.models import Policy, Pool
from therapy_credits.queries import pools as queries
from therapy_credits.queries.missed import rules_of, rules_of_pool
from therapy_credits.services import adjustments, funding, pools

PAGE = 25


@require_safe
@staff_only(Role.COORDINATOR, Role.FINANCE, Role.ADMIN)
def listing(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    context = {
        "books": queries.books_of(Pool.objects.visible_to(_me(request), at=now)),
        "sees_amounts": rules.can_see_amounts(request.user, at=now),
    }
    return render(request, "therapy_credits/staff/pools.html", context)


@require_safe
@staff_only(Role.COORDINATOR, Role.FINANCE, Role.ADMIN)
def pool(request: HttpRequest, pk: int) -> HttpResponse:
    now = timezone.now()
    pool = get_object_or_404(Pool.objects.visible_to(_me(request), at=now), pk=pk)
    books = queries.books_of([pool])[0]
    context = {
        "pool": pool,
        "books": books,
        "policies": pool.policies.select_related("term__programme", "limits").order_by(
            "priority", "pk"
        ),
        "missed_rules": rules_of_pool(pool) or USUAL,
        "sees_amounts": rules.can_see_amounts(request.user, at=now),
    }
    if context["sees_amounts"]:
        context["can_ask"] = rules.can_ask_for_funding(request.user, at=now)
        context["fundings"] = pool.fundings.order_by("-requested_at")
        context["forecast"] = queries.forecast_of(books, at=now)
        context["adjustments"] = pool.adjustments.select_related("booking", "code").order_by(
            "-requested_at"
        )[:PAGE]
        context["page"] = Paginator(queries.journal(pool), PAGE).get_page(request.GET.get("page"))
    return render(request, "therapy_credits/staff/pool.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def create(request: HttpRequest) -> HttpResponse:
    form = PoolForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            pool = pools.open_pool(**form.cleaned_data, opener=_me(request), at=timezone.now())
        except TherapyCreditsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The pool is open. Next: fund it."))
            return redirect("therapy_credits:pool", pk=pool.pk)
    return render(request, "therapy_credits/staff/pool_new.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE)
def fund(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for funding; an administrator approves it."""
    pool = get_object_or_404(Pool, pk=pk)
    form = FundingForm(request.POST or None, pool=pool)
    if request.method == "POST" and form.is_valid():
        try:
            funding.request_funding(
                pool=pool, **form.cleaned_data, requester=_me(request), at=timezone.now()
            )
        except FundingTooSmall as error:
            form.add_error("amount", str(error))
        except (TherapyCreditsError, AccountsError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, _("Asked. It is booked when an administrator has approved it.")
            )
            return redirect("therapy_credits:pool", pk=pk)
    return render(request, "therapy_credits/staff/pool_fund.html", {"form": form, "pool": pool})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE)
def hand_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that sessions nobody was given go back to the partner; an administrator approves it."""
    pool = get_object_or_404(Pool, pk=pk)
    form = HandBackForm(request.POST or None, most=queries.most_to_hand_back(pool))
    if request.method == "POST" and form.is_valid():
        try:
            adjustments.request_return(
                pool=pool, **form.cleaned_data, requester=_me(request), at=timezone.now()
            )
        except (TherapyCreditsError, AccountsError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Asked. It is booked when an administrator approved it."))
            return redirect("therapy_credits:pool", pk=pk)
    context = {"form": form, "pool": pool, "most": form.most, "what": "hand-back"}
    return render(request, "therapy_credits/staff/adjust.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE)
def undo_charge(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that what was charged for one booking or code be undone; an administrator approves it."""
    pool = get_object_or_404(Pool, pk=pk)
    form = UndoChargeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            adjustments.request_reversal(
                pool=pool, **form.cleaned_data, requester=_me(request), at=timezone.now()
            )
        except (TherapyCreditsError, AccountsError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Asked. It is booked when an administrator approved it."))
            return redirect("therapy_credits:pool", pk=pk)
    context = {"form": form, "pool": pool, "what": "undo-charge"}
    return render(request, "therapy_credits/staff/adjust.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def alerts(request: HttpRequest, pk: int) -> HttpResponse:
    """Who of the partner hears, in steps and on fixed days, that little is left."""
    pool = get_object_or_404(Pool, pk=pk)
    form = AlertForm(request.POST or None, initial={"address": pool.alert_email})
    if request.method == "POST" and form.is_valid():
        pools.set_alert_address(
            pool=pool, **form.cleaned_data, author=_me(request), at=timezone.now()
        )
        messages.success(request, _("Kept."))
        return redirect("therapy_credits:pool", pk=pk)
    context = {"form": form, "pool": pool}
    return render(request, "therapy_credits/staff/alerts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def limits(request: HttpRequest, pk: int) -> HttpResponse:
    """Networks and kinds of session it pays for. More later, never less."""
    pool = get_object_or_404(Pool, pk=pk)
    # Nothing marked is an answer too.
    form = LimitsForm(
        request.POST if request.method == "POST" else None,
        initial={"networks": pool.networks, "kinds": pool.kinds},
    )
    if request.method == "POST" and form.is_valid():
        try:
            pools.widen_limits(
                pool=pool,
                networks=form.cleaned_data.get("networks", []),
                kinds=form.cleaned_data["kinds"],
                author=_me(request),
                at=timezone.now(),
            )
        except TherapyCreditsError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Kept."))
            return redirect("therapy_credits:pool", pk=pk)
    context = {"form": form, "pool": pool}
    return render(request, "therapy_credits/staff/limits.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def missed_rules(request: HttpRequest, pk: int) -> HttpResponse:
    """The pool's table for missed sessions. It counts for what is given from now on."""
    pool = get_object_or_404(Pool, pk=pk)
    form = MissedRulesForm(request.POST or None, rules=rules_of_pool(pool) or USUAL)
    if request.method == "POST" and form.is_valid():
        pools.set_missed_rules(
            pool=pool, rules=form.cleaned_rules, author=_me(request), at=timezone.now()
        )
        messages.success(request, _("Saved. It counts for what is given from now on."))
        return redirect("therapy_credits:pool", pk=pk)
    context = {"form": form, "pool": pool}
    return render(request, "therapy_credits/staff/missed_rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def add_policy(request: HttpRequest, pk: int) -> HttpResponse:
    pool = get_object_or_404(Pool, pk=pk)
    form = PolicyForm(request.POST or None, pool=pool, initial={"term": request.GET.get("term")})
    if request.method == "POST" and form.is_valid():
        try:
            pools.add_policy(pool=pool, **form.cleaned_data, author=_me(request), at=timezone.now())
        except PolicyExists as error:
            form.add_error("term", str(error))
        except TherapyCreditsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. Ambassadors are given their sessions now."))
            return redirect("therapy_credits:pool", pk=pk)
    return render(request, "therapy_credits/staff/policy.html", {"form": form, "pool": pool})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def policy(request: HttpRequest, pk: int, policy_id: UUID) -> HttpResponse:
    policy = _policy(pk, policy_id)
    form = PolicyForm(request.POST or None, pool=policy.pool, policy=policy)
    if request.method == "POST" and form.is_valid():
        try:
            pools.change_policy(
                policy=policy, **form.cleaned_data, author=_me(request), at=timezone.now()
            )
        except TherapyCreditsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. It counts for what is given from now on."))
            return redirect("therapy_credits:pool", pk=pk)
    context = {"form": form, "pool": policy.pool, "policy": policy}
    return render(request, "therapy_credits/staff/policy.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Role.FINANCE, Role.ADMIN)
def policy_missed_rules(request: HttpRequest, pk: int, policy_id: UUID) -> HttpResponse:
    """What missing a session means for what one policy gives; empty is the pool's table."""
    policy = _policy(pk, policy_id)
    own = bool(policy.limits and policy.limits.missed_rules)
    form = PolicyMissedRulesForm(
        request.POST if request.method == "POST" else None,
        rules=rules_of(policy.limits) if own else (),
    )
    if request.method == "POST" and form.is_valid():
        pools.set_policy_missed_rules(
            policy=policy, rules=form.cleaned_rules, author=_me(request), at=timezone.now()
        )
        messages.success(request, _("Saved. It counts for what is given from now on."))
        return redirect("therapy_credits:pool", pk=pk)
    context = {
        "form": form,
        "pool": policy.pool,
        "policy": policy,
        "pool_rules": rules_of_pool(pk) or USUAL,
    }
    return render(request, "therapy_credits/staff/missed_rules.html", context)


def _policy(pk: int, policy_id: UUID) -> Policy:
    policies = Policy.objects.select_related("pool", "term__programme", "limits")
    return get_object_or_404(policies, pool=pk, pk=policy_id)


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)
