"""What the measurements need: events, people who are signed in, a funded programme."""

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Sequence
from uuid import uuid4

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from ambassadors.models import Enrolment, EnrolmentStatus, Programme, Term
from benchmarks.load import post
from benchmarks.report import Cost
from calendars.domain.vevent import render_vevent
from calendars.queries import EVENTS_FEED
from calendars.services.links import personal_link
from calendars.services.revisions import bump
from events.models import Event, Occurrence, Visibility, new_uid
from events.queries import public_entry
from events.services.rsvps import place_rsvp
from therapy_credits.models import Policy, Pool
from therapy_credits.services import ledger

CSRF = "c" * 32
BACKEND = "accounts.adapters.SignInBackend"


def make_events(count: int, *, places: int) -> list[Event]:
    """Published public events, an hour apart, each on one date with ``places``."""
    at = timezone.now()
    events = Event.objects.bulk_create(
        [
            Event(
                slug=f"evening-circle-{n}",
                title=f"Evening circle {n}",
                summary="An unhurried hour to land after the week.",
                body="Come as you are. **Nothing to prepare.**",
                status=Event.Status.PUBLISHED,
                visibility=Visibility.PUBLIC,
                time_zone=("Europe/Berlin", "America/New_York", "Europe/London")[n % 3],
                place_name="Studio Lindenhof",
                address="Lindenstrasse 12, Berlin",
                safety_lead="Mara Lindqvist",
                host_briefing="Open the room early.",
                emergency_number="112",
                emergency_address="Lindenstrasse 12, courtyard door",
                quiet_space="The small control room",
                published_at=at,
                edited_at=at,
            )
            for n in range(count)
        ]
    )
    first = at.replace(minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    dates = []
    for n, event in enumerate(events):
        starts_at = first + dt.timedelta(hours=n)
        date = Occurrence(
            event=event,
            starts_at=starts_at,
            ends_at=starts_at + dt.timedelta(minutes=90),
            starts_on=starts_at.astimezone(event.zone).date(),
            capacity=places,
            uid=new_uid(),
            revised_at=at,
        )
        date.vevent = render_vevent(public_entry(date))
        dates.append(date)
    Occurrence.objects.bulk_create(dates)
    bump(EVENTS_FEED, at)
    return events


def make_own_calendar(events: Sequence[Event]) -> str:
    """The path of the calendar of somebody who goes to each of ``events``."""
    at = timezone.now()
    person = User.objects.create_user("subscriber@example.org")
    for event in events:
        place_rsvp(occurrence=event.occurrences.select_related("event").get(), person=person, at=at)
    return f"/calendar/{personal_link(user=person, at=at).secret}.ics"


def cost_of(request: Callable[[], HttpResponse], *, times: int = 20) -> Cost:
    """Of one request of the test client, sent ``times`` after two that are not counted."""
    for _ in range(2):
        request()
    began = time.process_time()
    for _ in range(times):
        request()
    cpu_ms = (time.process_time() - began) / times * 1000
    with CaptureQueriesContext(connection) as queries:
        request()
    return Cost(round(cpu_ms, 2), len(queries))


class Guests:
    """People who are signed in, each of whom says yes once."""

    def __init__(self, count: int) -> None:
        users = User.objects.bulk_create(
            [
                User(email=f"guest{n}@example.org", name=f"Guest {n}", password="!")  # noqa: S106 - no password
                for n in range(count)
            ]
        )
        now = timezone.now()
        store = SessionStore()
        self._keys = deque(f"benchmark{n:023d}" for n in range(count))
        Session.objects.bulk_create(
            [
                Session(
                    session_key=key,
                    session_data=store.encode(
                        {
                            "_auth_user_id": str(user.pk),
                            "_auth_user_backend": BACKEND,
                            "_auth_user_hash": user.get_session_auth_hash(),
                            # They have been here a while: the first page of a session does more.
                            "signed_in_at": now.timestamp(),
                            "seen_at": now.timestamp(),
                            "is_short": False,
                        }
                    ),
                    expire_date=now + dt.timedelta(days=1),
                )
                for key, user in zip(self._keys, users, strict=True)
            ]
        )

    def sign_in_next(self, client: Client) -> None:
        """Let ``client`` be the next of them, in a browser of their own."""
        client.cookies.clear()
        client.cookies[settings.SESSION_COOKIE_NAME] = self._keys.popleft()

    def say_yes_to(self, events: Sequence[Event], *, people: int) -> deque[bytes]:
        """The requests of that many, spread over ``events``."""
        return deque(
            post(
                f"/events/{events[n % len(events)].slug}/rsvp/",
                f"csrfmiddlewaretoken={CSRF}".encode(),
                {
                    "Cookie": f"{settings.SESSION_COOKIE_NAME}={self._keys.popleft()}; "
                    f"{settings.CSRF_COOKIE_NAME}={CSRF}"
                },
            )
            for n in range(people)
        )


def make_ambassadors(count: int, *, units: int) -> Pool:
    """That many active people in one term, and a pool whose policy gives each ``units``."""
    at = timezone.now()
    programme = Programme.objects.create(
        name="Open Door",
        slug="open-door",
        summary="Time and quiet help.",
        contact_email="a@b.example",
    )
    term = Term.objects.create(
        programme=programme,
        name="This year",
        starts_on=at.date() - dt.timedelta(days=30),
        ends_on=at.date() + dt.timedelta(days=300),
    )
    with connection.cursor() as cursor:
        # Straight in: the history of each enrolment is not what is measured.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            """INSERT INTO accounts_user (email, name, password, language, time_zone, is_active,
                   is_staff, is_superuser, is_demo, joined_at)
               SELECT 'ambassador' || n || '@example.org', '', '!', '', '', true, false, false,
                      false, %s FROM generate_series(1, %s) AS n""",
            [at, count],
        )
        people = User.objects.filter(email__startswith="ambassador").values_list("pk", flat=True)
        Enrolment.objects.bulk_create(
            (
                Enrolment(term=term, user_id=pk, status=EnrolmentStatus.ACTIVE, status_at=at)
                for pk in people
            ),
            batch_size=5000,
        )
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE")
    pool = Pool.objects.create(
        name="Northlight",
        partner="Northlight Records",
        country="GB",
        currency="GBP",
        ceiling_price_minor=7000,
        opened_at=at,
    )
    ledger.open_pool(pool=pool)
    ledger.fund(pool=pool, units=count * units * 2, transfer_id=uuid4(), actor=ledger.SYSTEM, at=at)
    Policy.objects.create(pool=pool, term=term, units=units)
    return pool
