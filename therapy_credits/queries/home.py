"""What the pages that gather several apps ask of this one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Role, User
from accounts.rules import has_role
from common.needs import NeedsYou
from therapy_credits.models import Booking, CareCase, Concern, Statement
from therapy_credits.queries.balances import Balance, balance_of
from therapy_credits.queries.bookings import bookings_of, bookings_of_member
from therapy_credits.queries.pools import terms_forgotten
from therapy_credits.queries.practices import (
    licences_to_check,
    membership_of,
    practices_to_check,
    services_to_check,
)
from therapy_credits.rules import can_set_policies


@dataclass(frozen=True)
class HomeCard:
    """What ``/me/`` shows of the person's sessions (``therapy_credits/_home_card.html``)."""

    balance: Balance
    next_booking: Booking | None


def home_cards(
    tokens: Sequence[UUID], *, at: dt.datetime, is_closed: bool = False
) -> list[HomeCard]:
    """One card for who has, or had, sessions; none for everybody else, and none where the person
    closed their care: the page it would stand on is open.

    ``tokens`` are the reader's own (``services.subjects.own_tokens``).
    """
    if is_closed:
        return []
    balance = balance_of(tokens, at=at)
    if not balance.has_ever_had_any:
        return []
    upcoming = bookings_of(tokens).upcoming(at=at).select_related("practitioner__practice")
    return [HomeCard(balance, upcoming.first())]


def needs_you(user: User, *, at: dt.datetime) -> list[NeedsYou]:
    """For members of a practice, sessions to confirm; for care staff, licences to check."""
    waiting = []
    membership = membership_of(user)
    if membership:
        count = bookings_of_member(membership).to_confirm(at=at).count()
        if count:
            title = ngettext(
                "%(n)d session waits for your word: did it take place?",
                "%(n)d sessions wait for your word: did they take place?",
                count,
            )
            url = reverse("therapy_credits:practice-bookings")
            waiting.append(NeedsYou(title=title % {"n": count}, url=url, kind="practice"))
    if has_role(user, Role.CARE, at=at):
        waiting += [
            NeedsYou(
                title=_("A case at the care desk waits for somebody"),
                url=reverse("therapy_credits:desk-case", args=[case.reference]),
                kind="care",
                due_at=case.due_at,
            )
            for case in CareCase.objects.visible_to(user).waiting()[:20]
        ]
    waiting += [
        NeedsYou(
            title=_("Somebody is worried: please look today"),
            url=reverse("therapy_credits:concern", args=[concern.pk]),
            kind="safeguarding",
            due_at=concern.due_at,
        )
        for concern in Concern.objects.visible_to(user).waiting()[:20]
    ]
    if has_role(user, Role.FINANCE, at=at):
        drafts = Statement.objects.filter(status=Statement.Status.DRAFT).count()
        if drafts:
            title = ngettext(
                "%(n)d statement is drafted: look at it and ask for approval",
                "%(n)d statements are drafted: look at them and ask for approval",
                drafts,
            )
            url = reverse("therapy_credits:staff-statements")
            waiting.append(NeedsYou(title=title % {"n": drafts}, url=url, kind="statement"))
    if can_set_policies(user, at=at):
        waiting += [
            NeedsYou(
                title=_("No pool gives sessions to the people of %(term)s yet")
                % {"term": f"{term.programme}, {term}"},
                url=reverse("therapy_credits:policy-new", args=[pool_id]) + f"?term={term.pk}",
                kind="policy",
            )
            for term, pool_id in terms_forgotten(at=at)[:20]
        ]
    if has_role(user, Role.CARE, Role.ADMIN, at=at):
        waiting += [
            NeedsYou(
                title=_("A practice waits for your look before it opens"),
                url=reverse("therapy_credits:staff-practice", args=[practice.slug]),
                kind="practice-check",
            )
            for practice in practices_to_check(user)[:20]
        ]
        waiting += [
            NeedsYou(
                title=_("A rate waits for your look before it is offered"),
                url=reverse("therapy_credits:staff-practice", args=[service.practice.slug]),
                kind="rate",
            )
            for service in services_to_check(user)[:20]
        ]
        waiting += [
            NeedsYou(
                title=_("A licence waits for your look"),
                url=reverse(
                    "therapy_credits:staff-practitioner",
                    args=[licence.practitioner.practice.slug, licence.practitioner.slug],
                ),
                kind="licence",
            )
            for licence in licences_to_check(user)
        ]
    return waiting
