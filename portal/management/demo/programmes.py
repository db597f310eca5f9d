"""Three invented programmes, their terms, and some 240 people enrolled in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from accounts.models import User
from ambassadors.models import (
    Agreement,
    AgreementText,
    Enrolment,
    EnrolmentStatus,
    Programme,
    Reason,
    Term,
)
from ambassadors.queries import current_version, text_in
from ambassadors.services import enrolments, invitations, programmes
from ambassadors.services.agreements import ensure_texts
from portal.management.demo.world import World
from therapy_credits.services.allocation import allocate_due

# Who of the demo sign-ins is in which term.
NAMED = {("open-tuning", "2026 US"): ("ambassador", "touring")}


@dataclass(frozen=True)
class Plan:
    slug: str
    name: str
    summary: str
    zone: str
    is_sensitive: bool
    terms: tuple[tuple[str, str, int, int, int], ...]
    """Name, market, first and last day (days from today), people in the large demo."""


PLANS = (
    Plan(
        "first-light", "First Light", "A year beside artists whose first record is out.",
        "Europe/London", False,
        (("2026 UK", "GB", -210, 155, 70), ("2025 UK", "GB", -575, -211, 26)),
    ),
    Plan(
        "open-tuning", "Open Tuning", "For queer and trans artists, made with them.",
        "America/New_York", True,
        (("2026 US", "US", -240, 125, 62), ("2026 UK", "GB", -150, 215, 28)),
    ),
    Plan(
        "night-shift", "Night Shift", "For touring crew and session players.",
        "America/Chicago", False,
        (("2026 US", "US", -180, 185, 54),),
    ),
)  # fmt: skip


def open_terms(world: World) -> None:
    """The programmes and their terms, with nobody in them yet."""
    ensure_texts(at=world.ago(days=600))
    for plan in PLANS:
        programme = programmes.create_programme(
            programme=Programme(
                slug=plan.slug,
                name=plan.name,
                summary=plan.summary,
                description="Events, a contact person and free sessions, for one term. "
                "What you do with them is nobody's business but yours.",
                time_zone=plan.zone,
                is_sensitive=plan.is_sensitive,
                is_listed=not plan.is_sensitive,
                contact_email=f"{plan.slug}@example.org",
            ),
            by=world.users["coordinator"],
            at=world.ago(days=595),
        )
        for name, market, first, last, people in plan.terms:
            term = programmes.create_term(
                term=Term(
                    programme=programme,
                    name=name,
                    market=market,
                    starts_on=world.at.date() + dt.timedelta(days=first),
                    ends_on=world.at.date() + dt.timedelta(days=last),
                    capacity=round(people * 1.4) + 8,
                ),
                by=world.users["coordinator"],
                at=world.ago(days=594),
            )
            world.terms[(plan.slug, name)] = term
            world.guest_lists.append((term, first, world.count(people, at_least=14)))


def enrol(world: World) -> None:
    """Let people join day by day, and sessions be given each week, as it would have happened."""
    arrivals = sorted(_arrivals(world), key=lambda arrival: arrival.at)
    next_allocation = arrivals[0].at
    for arrival in arrivals:
        while next_allocation < arrival.at:
            allocate_due(at=next_allocation)
            next_allocation += dt.timedelta(days=7)
        _arrive(world, arrival)
    for term in world.terms.values():
        if term.ends_on < world.at.date():
            programmes.end_term(term=term, by=world.users["coordinator"], at=world.ago(days=208))
    allocate_due(at=world.ago(days=5))


@dataclass(frozen=True)
class Arrival:
    """Somebody who opens an invitation at ``at``. ``handle`` is a demo sign-in, or empty."""

    at: dt.datetime
    term: Term
    handle: str
    email: str


def _arrivals(world: World) -> Iterator[Arrival]:
    dice = world.random
    for term, first_day, people in world.guest_lists:
        handles = NAMED.get((term.programme.slug, term.name), ())
        for number in range(people):
            handle = handles[number] if number < len(handles) else ""
            # Mostly in the first weeks, some stragglers.
            late = 5 if handle else dice.triangular(0, min(120, -first_day - 10), 8)
            at = world.at + dt.timedelta(days=first_day + late, minutes=dice.randrange(600))
            slug = f"{term.programme.slug}-{term.pk}-{number:03}"
            email = world.users[handle].email if handle else f"{slug}@example.org"
            yield Arrival(at, term, handle, email)


def _arrive(world: World, arrival: Arrival) -> None:
    """Nearly everybody joins; some never answer, a few say "not me", pause or leave."""
    dice, at, handle = world.random, arrival.at, arrival.handle
    coordinator = world.users["coordinator"]
    invitation = invitations.invite_person(
        term=arrival.term,
        email=arrival.email,
        name=world.users[handle].name if handle else world.stage_name(),
        language=dice.choice(("en", "en", "en", "es")),
        by=coordinator,
        at=at - dt.timedelta(days=3),
    )
    fate = 1.0 if handle else dice.random()
    if fate < 0.06:
        if fate < 0.02:
            invitations.decline_invitation(invitation=invitation, at=at)
        return
    joined = invitations.claim_invitation(
        invitation=invitation,
        is_adult=True,
        lives_there=True,
        page_key=arrival.email,
        at=at,
    )
    user = joined.user
    if not handle:
        user.is_demo = True
        user.time_zone = "Europe/London" if arrival.term.market == "GB" else "America/New_York"
        user.save(update_fields=["is_demo", "time_zone"])
    enrolment = _join(joined.enrolment, user, fate < 0.12 or fate > 0.3, at)
    if fate < 0.08:
        enrolments.pause(enrolment=enrolment, user=user, at=world.ago(days=9))
    elif fate < 0.1:
        enrolments.move_as_coordinator(
            enrolment=enrolment,
            to=EnrolmentStatus.REMOVED,
            reason=Reason.OWN_WISH,
            by=coordinator,
            at=world.ago(days=6),
        )
    else:
        world.ambassadors.append(enrolment)


def _join(enrolment: Enrolment, user: User, with_consent: bool, at: dt.datetime) -> Enrolment:
    agreement = _text(Agreement.Kind.AGREEMENT)
    enrolment = enrolments.accept_agreement(
        enrolment=enrolment, user=user, text=agreement, at=at + dt.timedelta(minutes=2)
    )
    consent = _text(Agreement.Kind.HEALTH_CONSENT) if with_consent else None
    return enrolments.finish_joining(
        enrolment=enrolment, user=user, consent=consent, at=at + dt.timedelta(minutes=3)
    )


def _text(kind: Agreement.Kind) -> AgreementText:
    text = text_in(current_version(kind), "en")
    assert text is not None, "ensure_texts made one"
    return text
