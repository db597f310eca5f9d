"""Reads that join several apps for one page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

import accounts.queries
import ambassadors.queries
import events.queries
import therapy_credits.queries.home
from accounts.models import Role, User
from accounts.rules import roles_of
from ambassadors.models import Enrolment, Programme
from calendars.models import InboundReply, InboundReplyQuerySet
from common.needs import NeedsYou
from events.models import (
    Event,
    Host,
    Incident,
    IncidentQuerySet,
    Occurrence,
    Rsvp,
    Visibility,
)
from therapy_credits.domain.working_days import same_working_day
from therapy_credits.models import PracticeMembership, SafeguardingLead
from therapy_credits.queries.desk import desk_week
from therapy_credits.services.doors import door_of, has_closed_care
from therapy_credits.services.subjects import own_tokens

# By when somebody who wrote has an answer, as the receipt they get says.
ANSWER_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Door:
    """A page of a console, and the staff roles it opens for (all of them when none is named)."""

    label: str | Promise
    url: str
    icon: str
    roles: frozenset[str] = frozenset()
    inside: tuple[str, ...] = ()
    """Further addresses whose pages belong under this entry."""

    def leads_to(self, path: str) -> bool:
        """Whether the page at ``path`` is behind this door (a console's home: only itself)."""
        if self.url.count("/") == 2:
            return path == self.url
        return path.startswith((self.url, *self.inside))


STAFF_DOORS = (
    Door(_("Today"), "/staff/", "home"),
    Door(_("Events"), "/staff/events/", "calendar", frozenset({Role.COORDINATOR})),
    Door(
        _("Payments"),
        "/staff/payments/",
        "coins",
        frozenset({Role.COORDINATOR, Role.FINANCE}),
    ),
    Door(
        _("Programmes"),
        "/staff/programmes/",
        "people",
        frozenset({Role.COORDINATOR, Role.ADMIN}),
        (
            "/staff/terms/",
            "/staff/enrolments/",
            "/staff/rosters/",
            "/staff/rounds/",
            "/staff/applications/",
        ),
    ),
    Door(
        _("Pools"),
        "/staff/pools/",
        "wallet",
        frozenset({Role.FINANCE, Role.COORDINATOR, Role.ADMIN}),
    ),
    Door(_("Statements"), "/staff/statements/", "list", frozenset({Role.FINANCE, Role.ADMIN})),
    Door(_("Mail"), "/staff/mail/", "mail", frozenset({Role.COORDINATOR, Role.CARE})),
    Door(_("Practices"), "/staff/practices/", "heart", frozenset({Role.CARE, Role.ADMIN})),
    Door(_("Care desk"), "/staff/care/", "lamp", frozenset({Role.CARE})),
    Door(
        _("Worried?"),
        "/staff/worried/",
        "warning",
        inside=("/staff/safeguarding/", "/staff/incidents/"),
    ),
    Door(_("Reports"), "/staff/reports/", "chart", inside=("/reports/",)),
    Door(_("Approvals"), "/staff/approvals/", "check", frozenset({Role.FINANCE, Role.ADMIN})),
    Door(
        _("People and roles"),
        "/staff/people/",
        "key",
        frozenset({Role.ADMIN}),
        ("/staff/grants/",),
    ),
    Door(_("Agreements"), "/staff/texts/", "list", frozenset({Role.ADMIN})),
    Door(_("Audit"), "/staff/audit/", "lock", frozenset({Role.ADMIN})),
)
PRACTICE_DOORS = (
    Door(_("Today"), "/practice/", "home"),
    Door(_("Confirm"), "/practice/confirm/", "check"),
    Door(_("Bookings"), "/practice/bookings/", "calendar"),
    Door(_("Hours"), "/practice/hours/", "clock"),
    Door(_("Statements"), "/practice/statements/", "list"),
)


def staff_doors(user: User | AnonymousUser, *, at: datetime) -> list[Door]:
    """The pages of the staff console this person's roles open; none for who is not staff."""
    roles = roles_of(user, at=at)
    return [door for door in STAFF_DOORS if roles and (not door.roles or door.roles & roles)]


def practice_doors(user: User | AnonymousUser) -> list[Door]:
    """The pages of the practice portal; none for who works for no practice."""
    if not isinstance(user, User):
        return []
    works = PracticeMembership.objects.current().filter(user=user).exists()
    return list(PRACTICE_DOORS) if works else []


def next_occurrences(*, at: datetime, limit: int = 4) -> QuerySet[Occurrence]:
    """What is on next, for everybody."""
    return (
        Occurrence.objects.visible_to(AnonymousUser())
        .listed()
        .upcoming(at=at)
        .filter(cancelled_at=None, event__status="published")
        .select_related("event")[:limit]
    )


@dataclass(frozen=True)
class Page:
    """A page of the sitemap."""

    url: str
    changed_on: date | None = None


def pages_to_list(*, at: datetime) -> list[Page]:
    """Every page a search engine may list, at most as many as one sitemap may hold."""
    names = ("portal:home", "events:list", "ambassadors:programmes", "resources:help")
    pages = [Page(f"{settings.BASE_URL}{reverse(name)}") for name in names]
    programmes = Programme.objects.listed().order_by("slug").values_list("slug", flat=True)
    pages += [
        Page(f"{settings.BASE_URL}{reverse('ambassadors:programme', args=[slug])}")
        for slug in programmes
    ]
    dates = Occurrence.objects.visible_to(AnonymousUser()).listed().upcoming(at=at)
    events = Event.objects.filter(pk__in=dates.order_by().values("event"))
    pages += [
        Page(
            f"{settings.BASE_URL}{reverse('events:event', args=[slug])}",
            edited_at and edited_at.date(),
        )
        for slug, edited_at in events.order_by("slug").values_list("slug", "edited_at")[:45_000]
    ]
    return pages


@dataclass(frozen=True)
class Section:
    """What one app shows on a person's home: its own template, and the cards that go into it."""

    template: str
    cards: Any


def needs_you(user: User, *, at: datetime) -> list[NeedsYou]:
    """What waits for this person in every app: what runs out first, first."""
    apps = (accounts.queries, ambassadors.queries, events.queries, therapy_credits.queries.home)
    needs = [need for app in apps for need in app.needs_you(user, at=at)]
    needs += _letters_waiting(user, at)
    needs += [
        NeedsYou(
            title=str(_("Something happened at an event: please look today")),
            url=reverse("portal:incident", args=[one.pk]),
            kind="safeguarding",
            due_at=one.due_at,
        )
        for one in incidents_for(user).waiting()[:20]
    ]
    return sorted(needs, key=lambda need: (need.due_at is None, need.due_at or at))


def _letters_waiting(user: User, at: datetime) -> list[NeedsYou]:
    oldest = inbound_for(user, at=at).for_a_person().first()
    if oldest is None:
        return []
    due_at = oldest.received_at + ANSWER_WITHIN
    return [
        NeedsYou(str(_("Somebody wrote to us")), url="/staff/mail/", kind="mail", due_at=due_at)
    ]


def incident_readers() -> list[User]:
    """Who reads what happened at events: the safeguarding lead and the deputy."""
    leads = SafeguardingLead.objects.select_related("user").order_by("is_deputy")
    return [lead.user for lead in leads]


def incidents_for(user: User) -> IncidentQuerySet:
    """All incidents for those who read them, and none for anybody else, who wrote one too."""
    incidents = Incident.objects.select_related("occurrence__event", "reported_by")
    return incidents if user in incident_readers() else incidents.none()


def working_day_of(at: datetime) -> datetime:
    """By when something is looked at that must be looked at the same working day."""
    return same_working_day(at, desk_week())


def inbound_for(user: User, *, at: datetime) -> InboundReplyQuerySet:
    """The mail that this person's roles let them read.

    Coordinators: what is about RSVPs and hosts of events they run. Care coordinators: everything
    that is not about an event, because it may be about care.
    """
    roles = roles_of(user, at=at)
    mine = Q(pk__in=[])
    if Role.COORDINATOR in roles:
        events = Event.objects.editable_by(user, at=at)
        rsvps = Rsvp.objects.filter(occurrence__event__in=events)
        hosts = Host.objects.filter(event__in=events)
        mine |= Q(desk=InboundReply.Desk.EVENTS) & (
            Q(about__in=rsvps.values("reference")) | Q(about__in=hosts.values("reference"))
        )
    if Role.CARE in roles:
        mine |= Q(desk=InboundReply.Desk.CARE)
    return InboundReply.objects.filter(mine)


@dataclass(frozen=True)
class InboundRow:
    """A mail beside what it is about."""

    mail: InboundReply
    rsvp: Rsvp | None
    host: Host | None = None


def with_rsvps(mails: Iterable[InboundReply]) -> list[InboundRow]:
    """The mails, each with the RSVP or the host its address named."""
    mails = list(mails)
    names = [mail.about for mail in mails if mail.about]
    rsvps = Rsvp.objects.filter(reference__in=names).select_related("occurrence__event", "user")
    hosts = Host.objects.filter(reference__in=names).select_related("event")
    by_name = {rsvp.reference: rsvp for rsvp in rsvps}
    hosting = {host.reference: host for host in hosts}
    return [InboundRow(mail, by_name.get(mail.about), hosting.get(mail.about)) for mail in mails]


def home_sections(user: User, *, at: datetime) -> list[Section]:
    """What each app shows on this person's home; an app with nothing to show is left out."""
    sections = [
        Section(
            "therapy_credits/_home_card.html",
            therapy_credits.queries.home.home_cards(
                own_tokens(user), at=at, is_closed=has_closed_care(user)
            ),
        ),
        Section("events/_home_card.html", events.queries.home_cards(user, at=at)),
        Section("events/_hosting_card.html", events.queries.hosting_cards(user, at=at)),
        Section("ambassadors/_home_card.html", ambassadors.queries.home_cards(user, at=at)),
    ]
    return [section for section in sections if section.cards]


def is_asked_about_mail(user: User, *, at: datetime) -> bool:
    """Whether somebody who may have sessions was never asked who else reads their mail."""
    return ambassadors.queries.has_health_consent(user, at=at) and door_of(user) is None


def is_here_for_a_practice(user: User | AnonymousUser, *, at: datetime) -> bool:
    """Whether somebody works for a practice, and their own home has nothing else to show them."""
    if not practice_doors(user) or not isinstance(user, User) or roles_of(user, at=at):
        return False
    waits_elsewhere = any(need.kind != "practice" for need in needs_you(user, at=at))
    return not waits_elsewhere and not home_sections(user, at=at)


def hosted_dates(enrolment: Enrolment, *, at: datetime) -> list[Occurrence]:
    """Dates of the enrolment's term that are over and that its person hosted.

    Of the programme, or such as anybody may know of. Needs the user and the term.
    """
    term = enrolment.term
    dates = events.queries.dates_hosted_in(enrolment.user, term.starts_on, term.ends_on, at=at)
    return list(
        dates.filter(Q(event__programme=term.programme_id) | Q(event__visibility=Visibility.PUBLIC))
    )
