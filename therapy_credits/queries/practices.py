"""Reading practices: who works there, when they are open, who fits a person."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from accounts.models import User
from common.prepared import Prepared
from therapy_credits.domain import matching
from therapy_credits.domain.slots import DayException, Rules, Span, Window, open_slots
from therapy_credits.models import (
    Booking,
    BusyTime,
    FitCall,
    HoursException,
    Licence,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
    WeeklyHours,
)

# Times are worked out for so many at once, until there is enough to choose from.
CHUNK = 40
ENOUGH = 20


def membership_of(user: User | AnonymousUser) -> PracticeMembership | None:
    """The practice this person works for now, if any."""
    if not isinstance(user, User) or not user.is_active:
        return None
    return _membership.first(user_id=user.pk)


@Prepared
def _membership(user_id: int) -> QuerySet[PracticeMembership]:
    current = PracticeMembership.objects.current().filter(user=user_id)
    return current.select_related("practice").order_by("pk")[:1]


def owner_of(practice_id: int | None) -> PracticeMembership | None:
    """The first owner of a practice, who answers for what its programs do."""
    return _owner.first(practice_id=practice_id)


@Prepared
def _owner(practice_id: int) -> QuerySet[PracticeMembership]:
    owners = PracticeMembership.objects.current().filter(
        practice=practice_id, role=PracticeMembership.Role.OWNER
    )
    return owners.select_related("practice").order_by("pk")[:1]


def works_for_a_practice(user: User | AnonymousUser, *, at: dt.datetime) -> bool:
    """Whether this person's sessions end early, as those of staff do."""
    return membership_of(user) is not None


def own_practitioners(membership: PracticeMembership) -> QuerySet[Practitioner]:
    """Whose hours this member may change: everybody's, or a practitioner's own."""
    practitioners = Practitioner.objects.filter(practice=membership.practice).order_by("name", "pk")
    if membership.role == PracticeMembership.Role.PRACTITIONER:
        practitioners = practitioners.filter(user=membership.user)
    return practitioners


@dataclass(frozen=True)
class Offer:
    """A practitioner who fits, with the times, and why."""

    practitioner: Practitioner
    service: ServiceType
    slots: tuple[dt.datetime, ...]
    topics: tuple[str, ...]
    authority: matching.Authority
    rank: tuple[object, ...]


def find_offers(
    need: matching.Need,
    *,
    payable: Q,
    zone: ZoneInfo,
    at: dt.datetime,
    until: dt.datetime,
    only: str = "",
) -> list[Offer]:
    """Who fits ``need`` and is paid for by ``payable`` (a condition on service types), best first.

    The database applies the hard filters and puts those who share most topics
    first; times are worked out until there is enough to choose from. ``only`` is
    the slug of one practitioner. Offered is the smallest service that fits.
    """
    payable &= Q(kind=need.kind)
    fitting = _fitting(need, payable, at)
    if only:
        fitting = fitting.filter(slug=only)
    keys = list(fitting.values_list("pk", flat=True))
    offers: list[Offer] = []
    # Those who share most topics first, until there is enough to choose from: somebody whose
    # times are all taken must not keep others from being seen.
    for start in range(0, len(keys), CHUNK):
        offers += _offers_of(keys[start : start + CHUNK], need, payable, zone, at, until)
        if len(offers) >= ENOUGH:
            break
    return sorted(offers, key=lambda offer: offer.rank)


def _offers_of(
    keys: list[int],
    need: matching.Need,
    payable: Q,
    zone: ZoneInfo,
    at: dt.datetime,
    until: dt.datetime,
) -> list[Offer]:
    """Those of these practitioners who have a time, in a fixed number of queries."""
    rows = (
        Practitioner.objects.filter(pk__in=keys)
        .select_related("practice")
        .prefetch_related("licences")
    )
    practitioners = {one.pk: one for one in rows}
    services = _first_services(practitioners.values(), payable)
    minutes = {pk: service.minutes for pk, service in services.items()}
    slots = open_slots_of_many(practitioners.values(), minutes, at=at, until=until)
    matches = matching.find_matches(
        need, [_candidate(one, slots[pk]) for pk, one in practitioners.items()], zone=zone
    )
    return [
        Offer(practitioners[m.key], services[m.key], m.slots, m.topics, m.authority, m.rank)
        for m in matches
    ]


def _fitting(need: matching.Need, payable: Q, at: dt.datetime) -> QuerySet[Practitioner]:
    """Who passes the hard filters, those who share most topics first."""
    of_place = Licence.objects.verified().filter(
        practitioner=OuterRef("pk"),
        country=need.country,
        region__in={"", need.region},
        expires_on__gte=at.date(),
    )
    paid = ServiceType.objects.filter(payable, practice=OuterRef("practice"), is_active=True)
    # Nobody asked for a topic: the same for all.
    shared: Combinable = Value(0)
    for topic in sorted(need.topics):
        shared += Case(When(topics__contains=[topic], then=1), default=0)
    return (
        Practitioner.objects.bookable()
        .filter(
            Exists(of_place),
            Exists(paid),
            languages__contains=[need.language],
            formats__contains=[need.format],
        )
        .annotate(shared_topics=shared)
        .order_by("-shared_topics", "pk")
    )


def open_slots_of(
    practitioner: Practitioner,
    service: ServiceType,
    *,
    at: dt.datetime,
    until: dt.datetime,
    besides: Booking | None = None,
) -> list[dt.datetime]:
    """The times one practitioner has for ``service``; that of ``besides`` counts as free."""
    slots = open_slots_of_many(
        [practitioner], {practitioner.pk: service.minutes}, at=at, until=until, besides=besides
    )
    return slots[practitioner.pk]


def open_times_for_call(
    practitioner: Practitioner, *, at: dt.datetime, until: dt.datetime
) -> list[dt.datetime]:
    """The times one practitioner has for a free first call; none where they offer no call."""
    if not practitioner.fit_call_minutes:
        return []
    minutes = {practitioner.pk: practitioner.fit_call_minutes}
    return open_slots_of_many([practitioner], minutes, at=at, until=until)[practitioner.pk]


def open_slots_of_many(
    practitioners: Iterable[Practitioner],
    minutes: dict[int, int],
    *,
    at: dt.datetime,
    until: dt.datetime,
    besides: Booking | None = None,
) -> dict[int, list[dt.datetime]]:
    """The times of several, each of so many ``minutes``, in five queries however many they are."""
    people = list(practitioners)
    keys = [one.pk for one in people]
    hours: dict[int, list[Window]] = defaultdict(list)
    for pk, weekday, starts, ends in _hours(keys):
        hours[pk].append(Window(weekday, starts, ends))
    exceptions: dict[int, list[DayException]] = defaultdict(list)
    for pk, on_date, opens, closes in _exceptions(keys, at):
        exceptions[pk].append(DayException(on_date, opens, closes))
    busy: dict[int, list[Span]] = defaultdict(list)
    for pk, starts_at, ends_at in _busy(keys, at, until, besides):
        busy[pk].append((starts_at, ends_at))
    return {
        one.pk: open_slots(
            hours=hours[one.pk],
            exceptions=exceptions[one.pk],
            busy=busy[one.pk],
            zone=one.practice.zone,
            rules=Rules(
                minutes=minutes[one.pk],
                buffer_minutes=one.practice.buffer_minutes,
                lead=dt.timedelta(hours=one.practice.lead_hours),
                step_minutes=_step(minutes[one.pk], one.practice.buffer_minutes),
            ),
            at=at,
            until=until,
        )
        for one in people
    }


def services_to_choose(
    practice: Practice, need: matching.Need, payable: Q, *, units: int
) -> list[ServiceType]:
    """What fits ``need`` there and takes at most so many units, the smallest first."""
    offered = ServiceType.objects.filter(
        payable, practice=practice, kind=need.kind, is_active=True, units__lte=units
    )
    return list(offered.order_by("units", "minutes", "pk"))


def _first_services(people: Iterable[Practitioner], payable: Q) -> dict[int, ServiceType]:
    """For each practitioner the smallest service of their practice that is paid for."""
    people = list(people)
    offered = ServiceType.objects.filter(
        payable, is_active=True, practice__in={one.practice_id for one in people}
    ).order_by("-units", "-minutes", "-pk")
    smallest = {service.practice_id: service for service in offered}
    return {one.pk: smallest[one.practice_id] for one in people}


def _step(minutes: int, buffer_minutes: int) -> int:
    """Starts fall on half hours, or on the session's own rhythm where that is longer."""
    return -(-(minutes + buffer_minutes) // 30) * 30


def _candidate(one: Practitioner, slots: Sequence[dt.datetime]) -> matching.Candidate:
    return matching.Candidate(
        key=one.pk,
        languages=frozenset(one.languages),
        formats=frozenset(one.formats),
        topics=frozenset(one.topics),
        authorities=tuple(
            matching.Authority(licence.country, licence.region, licence.expires_on)
            for licence in one.licences.all()
            if licence.is_verified
        ),
        slots=tuple(slots),
    )


def _hours(keys: list[int]) -> Iterable[tuple[int, int, dt.time, dt.time]]:
    return WeeklyHours.objects.filter(practitioner__in=keys).values_list(
        "practitioner_id", "weekday", "starts", "ends"
    )


def _exceptions(
    keys: list[int], at: dt.datetime
) -> Iterable[tuple[int, dt.date, dt.time | None, dt.time | None]]:
    # From yesterday on: the practice's day may not be the day in UTC.
    since = at.date() - dt.timedelta(days=1)
    return HoursException.objects.filter(practitioner__in=keys, on_date__gte=since).values_list(
        "practitioner_id", "on_date", "starts", "ends"
    )


def _busy(
    keys: list[int], at: dt.datetime, until: dt.datetime, besides: Booking | None
) -> Iterator[tuple[int, dt.datetime, dt.datetime]]:
    """What is booked, calls too, and what their own calendars say."""
    day = dt.timedelta(days=1)
    near = {"practitioner__in": keys, "ends_at__gt": at - day, "starts_at__lt": until + day}
    booked = Booking.objects.filter(status__in=Booking.TAKES_TIME, **near)
    if besides:
        booked = booked.exclude(pk=besides.pk)
    for rows in (booked, FitCall.objects.kept().filter(**near), BusyTime.objects.filter(**near)):
        yield from rows.values_list("practitioner_id", "starts_at", "ends_at")


def practices_to_check(user: User) -> QuerySet[Practice]:
    """Practices that wait for ``user`` before they open; those with nothing to offer yet do not."""
    offered = ServiceType.objects.not_ended().filter(practice=OuterRef("pk"))
    people = Practitioner.objects.filter(practice=OuterRef("pk"))
    return (
        Practice.objects.filter(
            Exists(offered), Exists(people), status=Practice.Status.PENDING, confirmed_at=None
        )
        .exclude(checked_by=user)
        .order_by("created_at", "pk")
    )


def services_to_check(user: User) -> QuerySet[ServiceType]:
    """What was added to practices after their own check, and waits for ``user`` before it is
    offered."""
    return (
        ServiceType.objects.filter(confirmed_at=None, practice__confirmed_at__isnull=False)
        .exclude(checked_by=user)
        .exclude(practice__status=Practice.Status.ENDED)
        .select_related("practice")
        .order_by("pk")
    )


def licences_to_check(user: User) -> QuerySet[Licence]:
    """Licences that wait for ``user``: for a first look, or a second by somebody else."""
    return (
        Licence.objects.filter(confirmed_at=None, withdrawn_at=None)
        .exclude(checked_by=user)
        .select_related("practitioner__practice")
        .order_by("added_at", "pk")
    )
