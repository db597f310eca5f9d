"""Pools, practices, and some nine hundred sessions in every state."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from accounts.models import Approval, User
from accounts.services.approvals import approve
from ambassadors.models import Enrolment
from ambassadors.queries import has_health_consent
from ambassadors.services.agreements import confirm_adult
from portal.management.demo.people import confirm_addresses
from portal.management.demo.world import SEED, World
from therapy_credits.domain.matching import Need
from therapy_credits.errors import TherapyCreditsError
from therapy_credits.models import (
    Booking,
    DeskHours,
    Expiry,
    FitCallLength,
    Licence,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
    Statement,
    WeeklyHours,
)
from therapy_credits.queries.practices import open_slots_of, open_times_for_call
from therapy_credits.services import (
    bookings,
    cases,
    desk_hours,
    fit_calls,
    gifts,
    practices,
    session_codes,
    statements,
)
from therapy_credits.services.concerns import name_lead
from therapy_credits.services.expiry import expire_lots
from therapy_credits.services.funding import book_decided, request_funding
from therapy_credits.services.pools import add_policy, open_pool
from therapy_credits.services.subjects import own_tokens

_NAMESPACE = UUID(int=SEED)


@dataclass(frozen=True)
class PoolPlan:
    name: str
    partner: str
    country: str
    currency: str
    ceiling: int
    units_each: dict[tuple[str, str], int]
    """Sessions for each person, by term."""
    spare: float
    """How much more than that the partner paid for."""


POOLS = (
    PoolPlan(
        "Northlight Fund", "Northlight Streaming", "US", "USD", 16000,
        {("open-tuning", "2026 US"): 6, ("night-shift", "2026 US"): 12}, 0.4,
    ),
    PoolPlan(
        "Harbour Trust", "Harbour Records", "GB", "GBP", 9000,
        {("first-light", "2026 UK"): 12, ("first-light", "2025 UK"): 6}, 0.3,
    ),
    PoolPlan(
        "Small Hours Fund", "The Small Hours Foundation", "GB", "GBP", 8500,
        {("open-tuning", "2026 UK"): 6}, 0.07,
    ),
)  # fmt: skip


def fund_pools(world: World) -> None:
    people = {term: count for term, _first, count in world.guest_lists}
    for number, plan in enumerate(POOLS):
        at = world.ago(days=590 - number)
        pool = open_pool(
            name=plan.name,
            partner=plan.partner,
            country=plan.country,
            currency=plan.currency,
            ceiling_price_minor=plan.ceiling,
            goodwill_percent=5,
            opener=world.users["finance"],
            at=at,
        )
        needed = 0
        for key, units in plan.units_each.items():
            term = world.terms[key]
            needed += units * people[term]
            add_policy(
                pool=pool,
                term=term,
                units=units,
                expiry=Expiry.TERM_END,
                expiry_days=55,
                priority=50,
                is_paused=False,
                author=world.users["finance"],
                at=at,
            )
        units = round(needed * (1 + plan.spare) / 0.95) + 1
        request_funding(
            pool=pool,
            units=units,
            amount_minor=units * plan.ceiling,
            reference=f"{plan.name.upper().replace(' ', '-')}-1",
            request_id=uuid5(_NAMESPACE, plan.name),
            requester=world.users["finance"],
            at=at,
        )
        for approval in Approval.objects.filter(status="requested"):
            approve(approval=approval, approver=world.users["admin"], at=at)
        book_decided(at=at)


# Name shown, zone, state ("" in the UK), city.
PRACTICES = (
    ("Meadow Rooms", "America/New_York", "NY", "14 Example Street, New York"),
    ("Ninth Avenue Practice", "America/New_York", "NY", "9 Example Avenue, New York"),
    ("Porchlight", "America/New_York", "NJ", "3 Example Road, Hoboken"),
    ("Cedar & Co", "America/Chicago", "IL", "77 Example Drive, Chicago"),
    ("South Loop Rooms", "America/Chicago", "IL", "5 Example Court, Chicago"),
    ("Opal House", "America/Los_Angeles", "CA", "210 Example Boulevard, Los Angeles"),
    ("Tidal Practice", "America/Los_Angeles", "CA", "8 Example Walk, Oakland"),
    ("Magnolia Rooms", "America/Chicago", "TN", "41 Example Row, Nashville"),
    ("Lantern House", "Europe/London", "", "22 Example Lane, London"),
    ("Canal Street Rooms", "Europe/London", "", "6 Example Street, Manchester"),
    ("The Upper Room", "Europe/London", "", "1 Example Yard, London"),
    ("Quayside Practice", "Europe/London", "", "19 Example Quay, Bristol"),
    ("Northern Rooms", "Europe/London", "", "12 Example Terrace, Leeds"),
    ("Clyde House", "Europe/London", "", "30 Example Street, Glasgow"),
    ("Juniper Practice", "Europe/London", "", "2 Example Gardens, Brighton"),
)
_TOPICS = (
    ("touring", "sleep", "relationships"),
    ("stage_fright", "anxiety", "creative_block"),
    ("burnout", "money_worry", "low_mood"),
    ("identity", "public_life", "relationships"),
    ("substances", "touring", "grief"),
)
# Of three who may see people in New York, the one who may see them in London too.
REGISTERED_ON_TOUR = "Marisol Ninth"
_FIRST_NAMES = (
    "Dana", "Imogen", "Teo", "Marisol", "Kwame", "Ingrid", "Yusuf", "Paloma", "Anselm",
    "Ruth", "Beatriz", "Callum", "Noa", "Petra", "Elias", "Winnie", "Hugo", "Saoirse",
)  # fmt: skip


# The first of each is what most people book.
_SERVICES = (
    ((50, "one"), (80, "one")),
    ((50, "one"),),
    ((50, "one"), (80, "two"), (90, "group")),
)


def open_practices(world: World) -> None:
    """Fifteen practices with two or so practitioners each, their licences seen by two people."""
    admin, care = world.users["admin"], world.users["care"]
    at = world.ago(days=585)
    for number, (name, zone, state, address) in enumerate(PRACTICES[: world.count(15, at_least=4)]):
        # A small demo keeps practices of both countries.
        if world.scale < 1 and number >= 2:
            name, zone, state, address = PRACTICES[6 + number]
        country = "US" if zone.startswith("America") else "GB"
        slug = name.lower().replace(" & ", "-").replace(" ", "-")
        practice = practices.save_practice(
            practice=Practice(
                slug=slug,
                organisation=f"{name} Ltd" if country == "GB" else f"{name} LLC",
                name=name,
                country=country,
                languages=["en", "es"] if number % 2 == 0 else ["en"],
                time_zone=zone,
                contact_email=f"{slug}@example.org",
            ),
            by=admin,
            at=at,
        )
        rate = 14000 + 500 * (number % 4) if country == "US" else 7000 + 500 * (number % 3)
        for minutes, kind in _SERVICES[number % len(_SERVICES)]:
            practices.save_service(
                service=ServiceType(
                    practice=practice,
                    name=f"{minutes} minutes",
                    kind=kind,
                    minutes=minutes,
                    units=1 if minutes == 50 else 2,
                    rate_minor=rate if minutes == 50 else rate * 3 // 2,
                    currency="USD" if country == "US" else "GBP",
                ),
                by=admin,
                at=at,
            )
        for person in range(2 if number % 3 else 1):
            _add_practitioner(world, practice, number, person, state, address)
        practices.check_practice(practice=practice, by=admin, at=at)
        practices.check_practice(practice=practice, by=care, at=at)
        owner = world.users["practice"] if number == 0 else None
        if owner is None:
            owner = world.person(f"{slug}-desk", world.stage_name(), zone=zone)
            confirm_addresses([owner])
        world.desks[practice.pk] = PracticeMembership.objects.create(
            practice=practice, user=owner, role=PracticeMembership.Role.OWNER, started_at=at
        )


def _add_practitioner(
    world: World, practice: Practice, number: int, person: int, state: str, address: str
) -> None:
    admin, care, dice = world.users["admin"], world.users["care"], world.random
    at = world.ago(days=585)
    place = (number * 2 + person) % len(_FIRST_NAMES)
    name = f"{_FIRST_NAMES[place]} {practice.name.split()[0]}"
    practitioner = practices.save_practitioner(
        practitioner=Practitioner(
            practice=practice,
            slug=f"{practice.slug}-{_FIRST_NAMES[place].lower()}",
            name=name,
            languages=["en", "es"] if (number + person) % 2 == 0 else ["en"],
            topics=list(_TOPICS[(number + person) % len(_TOPICS)]),
            formats=["online", "in_person"] if person == 0 else ["online"],
            bio="Works with people on the road and in studios. Sessions begin with what you need "
            "today, and end with what you take along.",
            place=address,
            fit_call_minutes=FitCallLength.FIFTEEN if number % 2 else FitCallLength.NONE,
            join_url=f"https://rooms.example.org/{practice.slug}",
        ),
        by=admin,
        at=at,
    )
    number_there = f"{number:02}{person}-{dice.randrange(10_000, 99_999)}"
    places = {practice.country: state}
    if name == REGISTERED_ON_TOUR:
        places["GB"] = ""
    for country, region in places.items():
        licence = practices.add_licence(
            licence=Licence(
                practitioner=practitioner,
                kind=Licence.Kind.LICENCE if region else Licence.Kind.REGISTER,
                authority=f"Example State Board, {region}" if region else "Example Register",
                number=f"EX-{number_there}",
                country=country,
                region=region,
                expires_on=world.at.date() + dt.timedelta(days=dice.randrange(60, 700)),
                evidence="Looked up on the (invented) public register.",
            ),
            by=admin,
            at=at,
        )
        practices.check_licence(licence=licence, by=admin, at=at)
        practices.check_licence(licence=licence, by=care, at=at)
    for weekday in dice.sample(range(5), 4):
        first = dice.choice((9, 10, 12))
        practices.add_hours(
            hours=WeeklyHours(
                practitioner=practitioner,
                weekday=weekday + WeeklyHours.Weekday.values[0],
                starts=dt.time(first),
                ends=dt.time(first + dice.choice((6, 7, 8))),
            )
        )


def give_sessions(world: World) -> None:
    """About ninety people book, come, cancel, miss, and are cancelled on."""
    _velvet_sparrow(world)
    named = {world.users["ambassador"].pk, world.users["touring"].pk}
    in_care = [
        one
        for one in world.ambassadors
        if one.user_id not in named and has_health_consent(one.user, at=world.at)
    ]
    world.random.shuffle(in_care)
    for enrolment in in_care[: world.count(90, at_least=16)]:
        _in_care(world, enrolment)
    expire_lots(at=world.ago(days=150))
    bookings.time_out_bookings(at=world.at, limit=5000)
    _some_codes(world, in_care)
    touring = [one for one in world.ambassadors if one.user == world.users["touring"]]
    _a_gift(world, touring + in_care)
    _statements(world)
    _at_the_desk(world, in_care)


def _velvet_sparrow(world: World) -> None:
    """The ambassador of the demo: six given; three used, one booked, one cancelled on them."""
    user = world.users["ambassador"]
    practitioner = Practitioner.objects.get(slug="meadow-rooms-dana")
    for days, ending in (
        (80, "attended"),
        (59, "attended"),
        (38, "cancelled_on"),
        (24, "attended"),
    ):
        _session(world, user, practitioner, world.ago(days=days), ending)
    _session(world, user, practitioner, world.ago(hours=20), "ahead")
    _a_first_call(world, user)


def _a_first_call(world: World, user: User) -> None:
    """Before a first session with somebody else, fifteen minutes to see whether they get on."""
    practitioner = Practitioner.objects.filter(slug="ninth-avenue-practice-teo").first()
    at = world.ago(hours=18)
    if practitioner is None:  # a small demo has fewer practices
        return
    times = open_times_for_call(practitioner, at=at, until=at + dt.timedelta(days=9))
    fit_calls.book_fit_call(
        user=user,
        practitioner=practitioner,
        starts_at=times[-1],
        need=Need("US", "NY", "en", "online", frozenset()),
        time_zone=practitioner.practice.zone,
        identity=bookings.Identity(user.name, user.email),
        request_id=uuid5(_NAMESPACE, "first call"),
        at=at,
    )


def _in_care(world: World, enrolment: Enrolment) -> None:
    """One person's sessions, a week or two apart, mostly with one practitioner."""
    dice, term = world.random, enrolment.term
    people = list(
        Practitioner.objects.filter(practice__country=term.market)
        .select_related("practice")
        .order_by("pk")
    )
    practitioner = dice.choice(people)
    begun = max(enrolment.status_at, world.ago(days=200)) + dt.timedelta(days=dice.randrange(8, 30))
    if term.ends_on < world.at.date():
        begun = world.ago(days=dice.randrange(330, 420))
    at = begun
    for _turn in range(dice.randrange(6, 15)):
        if at > world.ago(hours=1):
            break
        roll = dice.random()
        ending = next(ending for share, ending in _ENDINGS if roll < share)
        _session(world, enrolment.user, practitioner, at, ending)
        at += dt.timedelta(days=dice.choice((7, 7, 10, 14)), hours=dice.randrange(5))
    if dice.random() < 0.4:
        _session(
            world, enrolment.user, practitioner, world.ago(hours=dice.randrange(2, 40)), "ahead"
        )


# Cumulative shares of how sessions end.
_ENDINGS = (
    (0.68, "attended"),
    (0.80, "cancelled"),
    (0.86, "cancelled_on"),
    (0.91, "missed"),
    (0.95, "late_cancel"),
    (1.01, "forgotten"),
)


def _session(
    world: World, user: User, practitioner: Practitioner, at: dt.datetime, ending: str
) -> Booking | None:
    """Book the first time after about ``at`` and let it end as told, if it is over by now."""
    service = ServiceType.objects.get(practice_id=practitioner.practice_id, units=1)
    slots = open_slots_of(practitioner, service, at=at, until=at + dt.timedelta(days=9))
    if not slots:
        return None
    starts_at = world.random.choice(slots[:12] if ending != "ahead" else slots[-8:])
    licence = practitioner.licences.get(country=practitioner.practice.country)
    desk = world.desks[practitioner.practice_id]
    try:
        booking = bookings.book_session(
            user=user,
            practitioner=practitioner,
            service=service,
            starts_at=starts_at,
            format="online",
            where=bookings.Whereabouts(
                licence.country, licence.region, ZoneInfo(practitioner.practice.time_zone)
            ),
            identity=bookings.Identity(user.name, user.email),
            request_id=uuid5(_NAMESPACE, f"{user.pk}-{at}"),
            at=at,
        )
        if ending == "cancelled" and starts_at - at > dt.timedelta(hours=30):
            return bookings.cancel_booking(
                booking=booking, user=user, agreed="in_time", at=at + dt.timedelta(hours=2)
            )
        if ending == "cancelled_on":
            return bookings.practice_cancel(
                booking=booking,
                membership=desk,
                at=min(starts_at, world.at) - dt.timedelta(hours=3),
            )
        told_at = starts_at + dt.timedelta(hours=world.random.randrange(1, 30))
        if told_at >= world.at or ending in ("ahead", "forgotten"):
            return booking
        outcome = ending if ending in bookings.OUTCOMES else "attended"
        return bookings.confirm_session(
            booking=booking, membership=desk, outcome=outcome, at=told_at
        )
    except TherapyCreditsError:
        # Out of sessions, or the licence does not reach that far: life.
        return None


def _some_codes(world: World, in_care: list[Enrolment]) -> None:
    """Codes taken to a practice: some redeemed, some out, some run out."""
    dice = world.random
    desk = next(iter(world.desks.values()))
    service = ServiceType.objects.get(practice_id=desk.practice_id, units=1)
    for number, enrolment in enumerate(in_care[-world.count(14, at_least=4) :]):
        at = world.ago(days=dice.randrange(4, 60))
        try:
            issued = session_codes.issue_code(
                user=enrolment.user, request_id=uuid5(_NAMESPACE, f"code {number}"), at=at
            )
            if number % 2 == 0 and enrolment.term.market == "US" and issued.text:
                day = at + dt.timedelta(days=3)
                session_codes.redeem_code(
                    text=issued.text,
                    membership=desk,
                    service=service,
                    held_on=day.date(),
                    address="198.51.100.7",
                    at=day + dt.timedelta(hours=5),
                )
        except TherapyCreditsError:
            continue
    session_codes.expire_codes(at=world.at)


def _a_gift(world: World, in_care: list[Enrolment]) -> None:
    """The ambassador on tour gave two sessions to the recipient, who accepted; one gift waits."""
    recipient = world.users["recipient"]
    confirm_adult(user=recipient, at=world.ago(days=9))
    given = 0
    for number, enrolment in enumerate(in_care):
        at = world.ago(days=9) if given == 0 else world.ago(hours=0)
        if given == 2 or enrolment.user_id == recipient.pk:
            continue
        try:
            new = gifts.give_sessions(
                user=enrolment.user,
                units=2 - given,
                contact="",
                request_id=uuid5(_NAMESPACE, f"gift {number}"),
                at=at,
            )
            if given == 0:
                gifts.claim_gift(
                    opener=gifts.Opener(link=new.link or ""),
                    user=recipient,
                    at=at + dt.timedelta(hours=3),
                )
        except TherapyCreditsError:
            continue
        given += 1


def _statements(world: World) -> None:
    """The months behind are settled; the last one waits for finance."""
    finance, admin = world.users["finance"], world.users["admin"]
    first = world.at.replace(day=1, hour=5, minute=0, second=0, microsecond=0)
    for months in range(4, -1, -1):
        at = first
        for _ in range(months):
            at = (at - dt.timedelta(days=1)).replace(day=1)
        statements.draft_statements(at=at)
        if months == 0:
            return
        for statement in Statement.objects.filter(status="draft"):
            statements.request_approval(statement=statement, requester=finance, at=at)
        for approval in Approval.objects.waiting().filter(kind=statements.KIND):
            approve(approval=approval, approver=admin, at=at)
        statements.book_decided(at=at)


def _at_the_desk(world: World, in_care: list[Enrolment]) -> None:
    """Its hours, one question answered with no, somebody to find, and who looks after worries."""
    at, care = world.ago(hours=2), world.users["care"]
    desk_hours.set_zone(time_zone="Europe/London", by=care, at=world.ago(days=90))
    for weekday in range(5):
        desk_hours.add_hours(
            hours=DeskHours(weekday=weekday, starts=dt.time(9), ends=dt.time(17, 30)),
            by=care,
            at=world.ago(days=90),
        )
    lately = Booking.objects.filter(status="attended", resolved_at__gt=world.ago(days=5))
    for booking in lately.exclude(subject__in=own_tokens(world.users["ambassador"]))[:1]:
        cases.open_dispute(source=booking, at=at)
    need = Need("US", "TX", "es", "online", frozenset({"touring"}))
    for enrolment in in_care[:5]:
        try:
            cases.ask_to_find(user=enrolment.user, need=need, at=at)
        except TherapyCreditsError:
            continue
        break
    for name, is_deputy in (("care", False), ("coordinator", True)):
        name_lead(
            user=world.users[name],
            is_deputy=is_deputy,
            by=world.users["admin"],
            at=world.ago(days=90),
        )
