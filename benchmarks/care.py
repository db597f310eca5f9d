"""What practices and people in care do most: confirming a session, and looking at what is left."""

import datetime as dt
import json
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import cycle, islice
from uuid import UUID, uuid4

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Scope, User
from accounts.services.api_keys import make_api_key
from benchmarks import postgres
from benchmarks.data import BACKEND, CSRF, cost_of
from benchmarks.load import HOST, Load, drive, post
from benchmarks.report import Plan, Result
from benchmarks.servers import serve
from common.codes import new_reference
from therapy_credits.models import (
    Account,
    Booking,
    Code,
    Kind,
    Phase,
    Pool,
    Practice,
    PracticeMembership,
    Practitioner,
    ServiceType,
    Transfer,
)
from therapy_credits.services import ledger
from therapy_credits.services.subjects import key_of, own_tokens

CLIENTS = 8
PRACTICES = 100
CHECKERS = ("first", "second")
# Sessions beside those of the rounds, by which the cost of one is measured.
SPARE = 60
REDEMPTIONS = "/api/v1/redemptions"


@dataclass(frozen=True)
class Desk:
    """A practice, the browser of its owner, and the key of its program."""

    practitioner: Practitioner
    service: ServiceType
    session_key: str
    secret: str


@dataclass(frozen=True)
class Waiting:
    """A session of which nothing has been said."""

    desk: Desk
    booking: int
    reference: str
    held_on: dt.date

    @property
    def path(self) -> str:
        return f"/practice/bookings/{self.reference}/"

    @property
    def facts(self) -> dict[str, str]:
        return {"reference": self.reference, "held_on": self.held_on.isoformat()}

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.desk.secret}",
            "Idempotency-Key": f"session-{self.reference}",
        }


@dataclass(frozen=True)
class Way:
    """How a session is confirmed: the request, and the bare SQL that writes the same rows."""

    work: str
    as_request: Callable[[Waiting], bytes]
    once: Callable[[Client, Waiting], HttpResponse]
    status: int
    sql: str
    limit_is: str


def measure(plan: Plan, pool: Pool) -> Iterator[Result]:
    """Needs the lots of ``pool``."""
    yield from _confirming(plan, pool)
    yield _balance(plan, pool)


def _confirming(plan: Plan, pool: Pool) -> Iterator[Result]:
    """Both ways beside the bare SQL of each, and beside two accounts without a rule: all in turn.

    In one run, because what they share (the disk's cache, a checkpoint, somebody else's work)
    moves all of them by more than what they differ.
    """
    ways = (
        Way(
            *("session confirmed over HTTP", _on_the_page, _once_on_the_page, 302),
            *(postgres.CONFIRM, "pgbench: the same rows in the same tables, one statement"),
        ),
        Way(
            *("session confirmed by API", _by_program, _once_by_program, 201),
            postgres.CONFIRM_AND_ANSWER,
            "pgbench: the same rows in the same tables, the answer too, one statement",
        ),
    )
    desks = make_desks()
    needed = plan.rounds * (plan.confirmed_a_round + plan.confirmed_in_sql) + SPARE
    waiting = deque(make_waiting(pool, desks, needed * len(ways)))
    with connection.cursor() as cursor:
        # As PostgreSQL does by itself within a minute.
        cursor.execute("ANALYZE therapy_credits_booking, therapy_credits_transfer")
    client = Client(headers={"host": HOST})
    with serve("config.wsgi", "/healthz") as site:
        costs = [cost_of(lambda way=way: way.once(client, waiting.popleft())) for way in ways]
        loads: list[list[Load]] = [[] for _ in ways]
        limits: list[list[float]] = [[] for _ in ways]
        bare = []
        for _ in range(plan.rounds):
            for n, way in enumerate(ways):
                loads[n].append(_drive(plan, site, waiting, way))
                limits[n].append(_in_sql(plan, waiting, way.sql))
            bare.append(postgres.pgbench(postgres.MOVE, clients=CLIENTS, seconds=plan.seconds))
    for n, way in enumerate(ways):
        rate = statistics.median(load.rate for load in loads[n])
        p50_ms = round(statistics.median(load.p50_ms for load in loads[n]), 2)
        for limit, limit_is in (
            (limits[n], way.limit_is),
            (bare, "pgbench: two accounts and a transfer, no rules"),
        ):
            yield Result(
                way.work, rate, statistics.median(limit), limit_is, p50_ms=p50_ms, cost=costs[n]
            )


def _in_sql(plan: Plan, waiting: deque[Waiting], sql: str) -> float:
    """Confirm the next sessions with nothing but SQL; how many a second."""
    bookings = [waiting.popleft().booking for _ in range(plan.confirmed_in_sql)]
    first, last = bookings[0], bookings[-1]
    if last - first != len(bookings) - 1:
        raise RuntimeError("the bookings do not follow one another")
    rate = postgres.pgbench(
        sql,
        clients=CLIENTS,
        transactions=plan.confirmed_in_sql // CLIENTS,
        first=first,
        turn=0,
        by=User.objects.values_list("pk", flat=True)[0],
        key=ApiKey.objects.values_list("pk", flat=True)[0],
    )
    done = Booking.objects.filter(pk__range=(first, last), status=Booking.Status.ATTENDED)
    if done.count() != len(bookings):
        raise RuntimeError("not every session was confirmed")
    return rate


def _balance(plan: Plan, pool: Pool) -> Result:
    """The page of somebody with a long history, and of somebody who was just given sessions."""
    people = User.objects.filter(email__startswith="ambassador").order_by("pk")[:2]
    clients = [Client(headers={"host": HOST}) for _ in people]
    at = timezone.now()
    for client, person in zip(clients, people, strict=True):
        client.cookies[settings.SESSION_COOKIE_NAME] = _signed_in(person, at, is_short=False)
    _make_history(pool, own_tokens(people[0])[0], uses=plan.people // 2)
    long, short = (cost_of(partial(client.get, "/care/")) for client in clients)
    if long.statements != short.statements:
        raise RuntimeError(f"{long.statements} statements, and {short.statements} without history")
    took: list[list[float]] = [[], []]
    for _ in range(plan.rounds * 5):
        for client, times in zip(clients, took, strict=True):
            began = time.perf_counter()
            if client.get("/care/").status_code != 200:
                raise RuntimeError("the page of care did not open")
            times.append((time.perf_counter() - began) * 1000)
    return Result(
        f"care page, {plan.people:,} transfers behind it",
        *(statistics.median(times) for times in took),
        "the same page with one transfer behind it",
        unit="ms",
        cost=long,
    )


# Held and used, one unit at a time.
HOLD_ALL = """
INSERT INTO therapy_credits_transfer (id, pool_id, phase, code, debit_id, credit_id, amount,
    "group", timeout_at, actor, request_hash, made_at)
SELECT md5('hold ' || n)::uuid, %(pool)s, 'pending', 'HOLD', %(lot)s, %(practice)s, 1,
       md5('group ' || n)::uuid, %(at)s + interval '30 days', %(actor)s, '', %(at)s
  FROM generate_series(1, %(uses)s) AS n
"""
USE_ALL = """
INSERT INTO therapy_credits_transfer (id, pool_id, phase, code, debit_id, credit_id, amount,
    pending_id, pending_amount, "group", actor, request_hash, made_at)
SELECT md5('use ' || n)::uuid, %(pool)s, 'post', 'REDEEM', %(lot)s, %(practice)s, 1,
       md5('hold ' || n)::uuid, 1, md5('group ' || n)::uuid, %(actor)s, '', %(at)s
  FROM generate_series(1, %(uses)s) AS n
"""


def _make_history(pool: Pool, token: UUID, *, uses: int) -> None:
    at = timezone.now()
    lot = ledger.allocate(
        pool=pool,
        subject=token,
        units=uses,
        priority=50,
        effective_at=at,
        expires_at=at + dt.timedelta(days=365),
        transfer_id=uuid4(),
        actor=ledger.SYSTEM,
        at=at,
    )
    practice = Account.objects.filter(pool=pool, kind=Kind.PRACTICE).first()
    assert practice
    facts = {"pool": pool.pk, "lot": lot.pk, "practice": practice.pk, "uses": uses}
    with connection.cursor() as cursor:
        for statement in (HOLD_ALL, USE_ALL, "ANALYZE therapy_credits_transfer"):
            cursor.execute(statement, {**facts, "actor": ledger.SYSTEM, "at": at})


def _drive(plan: Plan, site: int, waiting: deque[Waiting], way: Way) -> Load:
    requests = deque(way.as_request(waiting.popleft()) for _ in range(plan.confirmed_a_round))
    load = drive(site, requests, clients=CLIENTS, seconds=plan.seconds)
    if load.statuses != Counter({way.status: load.statuses.total()}):
        raise RuntimeError(f"expected only {way.status}, got {dict(load.statuses)}")
    return load


def _on_the_page(one: Waiting) -> bytes:
    cookies = {
        settings.SESSION_COOKIE_NAME: one.desk.session_key,
        settings.CSRF_COOKIE_NAME: CSRF,
    }
    return post(
        one.path,
        f"csrfmiddlewaretoken={CSRF}&action=attended".encode(),
        {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
    )


def _by_program(one: Waiting) -> bytes:
    return post(REDEMPTIONS, json.dumps(one.facts).encode(), one.headers, "application/json")


def _once_on_the_page(client: Client, one: Waiting) -> HttpResponse:
    client.cookies.clear()  # what the page before said was read long ago
    client.cookies[settings.SESSION_COOKIE_NAME] = one.desk.session_key
    return client.post(one.path, {"action": "attended"})


def _once_by_program(client: Client, one: Waiting) -> HttpResponse:
    client.cookies.clear()  # a program has none
    return client.post(REDEMPTIONS, one.facts, content_type="application/json", headers=one.headers)


def make_desks() -> list[Desk]:
    """Practices with one practitioner and one service each."""
    return [_make_desk(n) for n in range(PRACTICES)]


def _make_desk(number: int) -> Desk:
    at = timezone.now()
    first, second = (User.objects.create_user(f"{who}{number}@example.org") for who in CHECKERS)
    practice = Practice.objects.create(
        slug=f"practice-{number}",
        organisation=f"Practice {number} Ltd",
        name=f"Practice {number}",
        status=Practice.Status.ACTIVE,
        country="GB",
        languages=["en"],
        time_zone="Europe/London",
        contact_email=f"practice{number}@example.org",
        created_at=at,
        checked_by=first,
        checked_at=at,
        confirmed_by=second,
        confirmed_at=at,
    )
    practitioner = Practitioner.objects.create(
        practice=practice,
        slug=f"practitioner-{number}",
        name=f"Practitioner {number}",
        languages=["en"],
        formats=["online"],
    )
    service = ServiceType.objects.create(
        practice=practice, name="Session", minutes=50, rate_minor=7000, currency="GBP"
    )
    owner = User.objects.create_user(f"owner{number}@example.org")
    PracticeMembership.objects.create(
        practice=practice, user=owner, role=PracticeMembership.Role.OWNER, started_at=at
    )
    Authenticator.objects.create(user=owner, type=Authenticator.Type.TOTP, data={})
    _key, secret = make_api_key(
        name=f"Software {number}",
        scopes=[Scope.REDEMPTIONS_WRITE],
        practice_id=practice.pk,
        at=at,
    )
    return Desk(practitioner, service, _signed_in(owner, at), secret)


def _signed_in(user: User, at: dt.datetime, *, is_short: bool = True) -> str:
    """The key of a session that has been there a while: the first page of one does more."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = BACKEND
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session["signed_in_at"] = session["seen_at"] = at.timestamp()
    session["is_short"] = is_short
    session.save()
    key: str = session.session_key
    return key


def make_waiting(pool: Pool, desks: Sequence[Desk], count: int) -> list[Waiting]:
    """Sessions of the last weeks, an hour apart at each practice, each held from its own lot."""
    at = timezone.now().replace(minute=0, second=0, microsecond=0)
    lots = Account.objects.filter(pool=pool, kind=Kind.LOT).order_by("pk")
    accounts = {
        desk.practitioner.pk: ledger.practice_account(
            pool_id=pool.pk, practice_id=desk.practitioner.practice_id
        )
        for desk in desks
    }
    bookings, holds = [], []
    for n, lot in enumerate(islice(cycle(lots), count)):
        desk = desks[n % len(desks)]
        starts_at = at - dt.timedelta(hours=2 + n // len(desks))
        ends_at = starts_at + dt.timedelta(minutes=50)
        assert lot.subject
        key = key_of(lot.subject)
        booking = Booking(
            reference=new_reference(),
            request_id=uuid4(),
            subject=lot.subject,
            pool=pool,
            practice_id=desk.practitioner.practice_id,
            practitioner=desk.practitioner,
            service=desk.service,
            starts_at=starts_at,
            ends_at=ends_at,
            format="online",
            sealed_name=key.seal("Wren", "booking.name"),
            sealed_contact=key.seal("wren@example.org", "booking.contact"),
            country="GB",
            hold_group=uuid4(),
            hold_until=ends_at + dt.timedelta(days=30),
            units=1,
            rate_minor=7000,
            currency="GBP",
            booked_at=starts_at,
        )
        holds.append(
            Transfer(
                id=ledger.first_hold_of(booking.hold_group),
                pool=pool,
                phase=Phase.PENDING,
                code=Code.HOLD,
                debit=lot,
                credit=accounts[desk.practitioner.pk],
                amount=1,
                group=booking.hold_group,
                timeout_at=booking.hold_until,
                actor=lot.subject,
                request_hash=b"",
                made_at=timezone.now(),
            )
        )
        bookings.append(booking)
    Booking.objects.bulk_create(bookings, batch_size=2000)
    Transfer.objects.bulk_create(holds, batch_size=2000)
    zone = desks[0].practitioner.practice.zone
    return [
        Waiting(
            desks[n % len(desks)],
            booking.pk,
            booking.reference,
            booking.starts_at.astimezone(zone).date(),
        )
        for n, booking in enumerate(bookings)
    ]
