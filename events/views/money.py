"""What was paid for events, and giving it back: for who runs them, and for finance.

Finance sees amounts and references, never names.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.access import staff_only
from common.money import write_money
from events.access import editor
from events.forms import RefundForm
from events.models import Event, Payment
from events.queries import (
    events_with_money,
    money_by_event,
    paid_and_returned,
    payments_of,
)
from events.services.payments import cancelled_payments, refund_everyone, refund_payment
from payments.errors import PaymentsError
from payments.services.refunds import left_of, look_after

PER_PAGE = 50


def _event(request: HttpRequest, slug: str) -> Event:
    """An event whose money this person may see; 404 for every other."""
    return get_object_or_404(events_with_money(editor(request), at=timezone.now()), slug=slug)


def _runs(request: HttpRequest, event: Event) -> bool:
    at = timezone.now()
    return Event.objects.editable_by(request.user, at=at).filter(pk=event.pk).exists()


@require_safe
@staff_only("coordinator", "finance")
def staff_money(request: HttpRequest) -> HttpResponse:
    """Every event that somebody has paid for, the newest first."""
    events = events_with_money(editor(request), at=timezone.now()).order_by("-pk")
    page = Paginator(events, PER_PAGE).get_page(request.GET.get("page"))
    sums = money_by_event([event.pk for event in page])
    rows = [(event, sums.get(event.pk)) for event in page]
    return render(request, "events/staff/money.html", {"page": page, "rows": rows})


@require_safe
@staff_only("coordinator", "finance")
def staff_payments(request: HttpRequest, slug: str) -> HttpResponse:
    """What was paid for one event, what was given back, and what did not go as it should."""
    event = _event(request, slug)
    page = Paginator(payments_of(event), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "event": event,
        "page": page,
        "sums": paid_and_returned(event),
        "names_people": _runs(request, event),
        "to_give_back": sum(left_of(one.charge) for one in cancelled_payments(event)),
    }
    return render(request, "events/staff/payments.html", context)


@staff_only("coordinator", "finance")
def staff_refund(request: HttpRequest, slug: str, reference: str) -> HttpResponse:
    """Give back some or all of one payment, with a reason; or note that a failure is seen to."""
    event = _event(request, slug)
    payment = get_object_or_404(payments_of(event), charge__reference=reference.upper())
    charge, at = payment.charge, timezone.now()
    if request.method == "POST" and (failed := request.POST.get("seen")):
        for refund in charge.refunds.filter(pk=failed if failed.isdecimal() else 0):
            look_after(refund=refund, actor=editor(request), at=at)
        messages.success(request, _("Noted. It is not listed as open any more."))
        return redirect("events:staff-refund", slug=slug, reference=charge.reference)
    left = left_of(charge)
    first = {"key": uuid4(), "amount": write_money(left, charge.currency)}
    form = RefundForm(request.POST or None, currency=charge.currency, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            _refund(payment, form, request)
        except PaymentsError as refusal:
            form.add_error("amount", str(refusal))
        else:
            messages.success(request, _("It is on its way back to the card."))
            return redirect("events:staff-payments", slug=slug)
    context = {
        "event": event,
        "payment": payment,
        "charge": charge,
        "left": left,
        "refunds": charge.refunds.select_related("asked_by").order_by("pk"),
        "form": form if left else None,
        "names_people": _runs(request, event),
    }
    return render(request, "events/staff/refund.html", context)


def _refund(payment: Payment, form: RefundForm, request: HttpRequest) -> None:
    data: dict[str, Any] = form.cleaned_data
    refund_payment(
        payment=payment,
        amount_minor=data["amount"],
        reason=data["reason"],
        key=str(data["key"]),
        actor=editor(request),
        at=timezone.now(),
    )


@staff_only("coordinator", "finance")
def staff_refund_everyone(request: HttpRequest, slug: str) -> HttpResponse:
    """After dates were called off: give back all that was paid for them."""
    event = _event(request, slug)
    if request.method == "POST":
        count = refund_everyone(event=event, actor=editor(request), at=timezone.now())
        text = ngettext(
            "%(count)d payment is on its way back.",
            "%(count)d payments are on their way back.",
            count,
        )
        messages.success(request, text % {"count": count})
        return redirect("events:staff-payments", slug=slug)
    left = [amount for one in cancelled_payments(event) if (amount := left_of(one.charge))]
    context = {
        "event": event,
        "count": len(left),
        "total": sum(left),
        "currency": paid_and_returned(event).currency,
    }
    return render(request, "events/staff/refund_everyone.html", context)
