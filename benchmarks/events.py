"""Saying yes, the list of events, and their feed, over HTTP."""

import json
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from benchmarks import postgres
from benchmarks.data import Guests, cost_of, make_events, make_own_calendar
from benchmarks.load import HOST, Load, drive, fetch, get
from benchmarks.report import Plan, Result, compare
from benchmarks.servers import serve
from calendars.queries import EVENTS_FEED
from calendars.services.revisions import bump
from events.models import Event, Occurrence, Rsvp, Seats

CLIENTS = 8
EVENTS = 2000
BUSY_EVENTS = 1000
OWN_DATES = 50
LIST, FEED = "/events/", "/events/feed.ics"
ZIPPED = {"Accept-Encoding": "gzip"}
CACHED = "benchmark-feed"


def measure(plan: Plan) -> Iterator[Result]:
    events = make_events(EVENTS, places=100_000)
    with serve("config.wsgi", "/healthz") as site:
        yield from _rsvps(plan, site, events)
        yield from _reading(plan, site, make_own_calendar(events[:OWN_DATES]), events[-1].slug)
        yield from _from_the_cache(plan, site)
        yield from _any_page(plan, site)
        yield _first_feed(plan, site)


def _rsvps(plan: Plan, site: int, events: Sequence[Event]) -> Iterator[Result]:
    guests = Guests(plan.guests_a_round * plan.rounds * 3 + 30)
    person = Client(headers={"host": HOST})

    def once() -> HttpResponse:
        guests.sign_in_next(person)
        return person.post(f"/events/{events[-1].slug}/rsvp/")

    def ours(chosen: Sequence[Event], clients: int) -> Load:
        requests = guests.say_yes_to(chosen, people=plan.guests_a_round)
        return _only(302, drive(site, requests, clients=clients, seconds=plan.seconds))

    def limit(events: int, clients: int) -> float:
        return postgres.pgbench(
            postgres.PLACE, clients=clients, seconds=plan.seconds, events=events
        )

    hot, busy = events[:1], events[:BUSY_EVENTS]
    cost = cost_of(once)
    for work, chosen, clients, limit_is in (
        ("RSVP, one event, 8 clients", hot, 8, "pgbench: the same lock and rows"),
        ("RSVP, one event, 32 clients", hot, 32, "pgbench: the same lock and rows"),
        ("RSVP, 1,000 events, 8 clients", busy, 8, "pgbench: the same rows"),
    ):
        yield compare(
            plan,
            work,
            partial(ours, chosen, clients),
            partial(limit, len(chosen), clients),
            limit_is,
            cost,
        )
    going = Rsvp.objects.filter(status=Rsvp.Status.GOING).count()
    counted = sum(Seats.objects.values_list("firm", flat=True))
    if going != counted:
        raise RuntimeError(f"{going} people are going, and {counted} seats are taken")


def _reading(plan: Plan, site: int, own: str, slug: str) -> Iterator[Result]:
    person = Client(headers={"host": HOST})
    _status, answer, _body = fetch(site, get(FEED, ZIPPED))
    known = {**ZIPPED, "If-None-Match": answer["etag"]}
    _status, answer, _body = fetch(site, get(own, ZIPPED))
    own_known = {**ZIPPED, "If-None-Match": answer["etag"]}
    page = f"/events/{slug}/"
    with _from_memory(site, {page: {}, LIST: {}, FEED: ZIPPED, own: ZIPPED}) as memory:
        for work, path, headers, status in (
            ("page of an event", page, {}, 200),
            ("event list, 2,000 events", LIST, {}, 200),
            ("public feed of 2,000 events, whole", FEED, ZIPPED, 200),
            ("public feed of 2,000 events, not changed", FEED, known, 304),
            ("personal feed of 50 dates, whole", own, ZIPPED, 200),
            ("personal feed of 50 dates, not changed", own, own_known, 304),
        ):
            ask = partial(_ask, plan, get(path, headers), status)
            yield compare(
                plan,
                work,
                partial(ask, site),
                _rate_of(partial(ask, memory)),
                "the same bytes from memory",
                cost_of(partial(person.get, path, headers=headers)),
            )


def _from_the_cache(plan: Plan, site: int) -> Iterator[Result]:
    """The whole feed beside a view that does nothing but send the same bytes from the cache."""
    _status, _answer, body = fetch(site, get(FEED, ZIPPED))
    cache.set(CACHED, body, 3600)
    with serve("benchmarks.cached", "/", BENCHMARK_CACHE_KEY=CACHED) as cached:
        yield compare(
            plan,
            "public feed of 2,000 events, whole",
            partial(_ask, plan, get(FEED, ZIPPED), 200, site),
            _rate_of(partial(_ask, plan, get("/feed.ics", ZIPPED), 200, cached)),
            "a view that sends the same bytes from the cache",
        )


def _any_page(plan: Plan, site: int) -> Iterator[Result]:
    with serve("benchmarks.bare", "/") as bare:
        yield compare(
            plan,
            "any page at all (/healthz)",
            partial(_ask, plan, get("/healthz"), 200, site),
            _rate_of(partial(_ask, plan, get("/"), 200, bare)),
            "Django with nothing in it",
            cost_of(partial(Client(headers={"host": HOST}).get, "/healthz")),
        )


def _first_feed(plan: Plan, site: int) -> Result:
    """The feed after a change, when nobody has asked for it yet."""
    ours, limit = [], []
    table = Occurrence._meta.db_table
    for _ in range(plan.rounds):
        bump(EVENTS_FEED, timezone.now())
        began = time.perf_counter()
        fetch(site, get(FEED, ZIPPED))
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with postgres.connect() as connection:
            query = f"SELECT vevent FROM {table} ORDER BY starts_at"  # noqa: S608 - our own name
            "".join(str(text) for (text,) in connection.execute(query).fetchall()).encode()
        limit.append(time.perf_counter() - began)
    return Result(
        "public feed of 2,000 events, first after a change",
        statistics.median(ours) * 1000,
        statistics.median(limit) * 1000,
        "reading the rows and joining them",
        unit="ms",
    )


@contextmanager
def _from_memory(site: int, paths: Mapping[str, Mapping[str, str]]) -> Iterator[int]:
    """A server that has the site's answers to ``paths`` in memory; its port."""
    answers = {}
    for path, asked in paths.items():
        status, headers, body = fetch(site, get(path, asked))
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
        kept = [(n, headers[n]) for n in ("content-type", "content-encoding") if n in headers]
        answers[path] = {
            "etag": headers.get("etag", ""),
            "headers": [*kept, ("Content-Length", str(len(body)))],
            "body": b64encode(body).decode(),
        }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(answers, file)
        file.flush()
        with serve("benchmarks.memory", LIST, BENCHMARK_ANSWERS=file.name) as port:
            yield port


def _ask(plan: Plan, request: bytes, status: int, port: int) -> Load:
    return _only(status, drive(port, request, clients=CLIENTS, seconds=plan.seconds))


def _rate_of(measure: Callable[[], Load]) -> Callable[[], float]:
    return lambda: measure().rate


def _only(status: int, load: Load) -> Load:
    if set(load.statuses) != {status}:
        raise RuntimeError(f"expected only {status}, got {dict(load.statuses)}")
    return load
