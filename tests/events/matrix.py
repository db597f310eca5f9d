"""Who may use the routes of events."""

from django.utils import timezone

from common.tokens import digest
from events.models import Event, SeriesRsvp, new_rsvp_reference
from events.services.events import set_photo
from events.services.hosts import PURPOSE, accept_host, ask_host
from events.services.payments import start_payment
from events.services.rsvps import Guest, place_rsvp
from events.services.transfers import give_place
from tests.conftest import NOW
from tests.factories import EventFactory, OccurrenceFactory, RsvpFactory
from tests.permissions import EVERYONE, SIGNED_IN, Cast, Kwargs, Route

COORDINATOR = {"coordinator"}
MONEY = {"coordinator", "finance"}


def enrich(cast: Cast) -> None:
    # In the far future, so that the real clock finds it open.
    date = OccurrenceFactory(starts_at=NOW.replace(year=2096), event__slug="the-public-event")
    draft = EventFactory(status=Event.Status.DRAFT, published_at=None)
    OccurrenceFactory(event=draft, starts_at=NOW.replace(year=2096))
    cast.things["public_event"] = set_photo(
        event=date.event, content=b"JPEG", alt="", actor=cast["coordinator"], at=NOW
    )
    cast.things["draft_event"] = draft
    cast.things["shared_draft"] = EventFactory(
        status=Event.Status.DRAFT, published_at=None, share_generation=1
    )
    cast.things["series_rsvp"] = SeriesRsvp.objects.create(
        event=date.event,
        user=cast["attendee"],
        status="active",
        reference=new_rsvp_reference(),
        placed_at=NOW,
        changed_at=NOW,
    )
    cast.things["rsvp"] = place_rsvp(occurrence=date, person=cast["attendee"], at=NOW)
    # Its own date, for whoever posts has the place afterwards.
    cast.things["given"] = give_place(
        rsvp=RsvpFactory(occurrence__starts_at=NOW.replace(year=2096)),
        to=Guest("Bo", "bo@example.org"),
        at=NOW,
    )

    priced = OccurrenceFactory(
        starts_at=NOW.replace(year=2096),
        event__price_kind="fixed",
        event__currency="GBP",
        event__price_minor=1200,
    )
    kept = place_rsvp(occurrence=priced, person=cast["attendee"], at=NOW)
    start_payment(rsvp=kept, at=NOW)
    cast.things["payment"] = kept.payments.select_related("charge").get()
    enrich_hosts(cast)


def enrich_hosts(cast: Cast) -> None:
    """The ambassador hosts an event that somebody asked to come to; the recipient is asked."""
    coordinator = cast["coordinator"]
    date = OccurrenceFactory(
        starts_at=NOW.replace(year=2096), event__slug="a-hosted-event", event__needs_approval=True
    )
    asked = ask_host(
        event=date.event, email=cast["ambassador"].email, level="cohost", by=coordinator, at=NOW
    )
    cast.things["host"] = accept_host(
        host=asked, person=cast["ambassador"], name="Marble Season", is_shown=True, at=NOW
    )
    cast.things["hosted_rsvp"] = RsvpFactory(occurrence=date)
    # Answered on the real clock.
    cast.things["asked"] = ask_host(
        event=OccurrenceFactory(starts_at=NOW.replace(year=2096)).event,
        email=cast["recipient"].email,
        level="host",
        by=coordinator,
        at=timezone.now(),
    )
    cast.things["asked"].secret_digest = digest(PURPOSE, "a-secret-of-a-test")
    cast.things["asked"].save(update_fields=["secret_digest"])


def public(cast: Cast) -> Kwargs:
    return {"slug": cast.things["public_event"].slug}


def priced(cast: Cast) -> Kwargs:
    return {"slug": cast.things["payment"].rsvp.occurrence.event.slug}


def draft(cast: Cast) -> Kwargs:
    return {"slug": cast.things["draft_event"].slug}


def hosted(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": {"slug": cast.things["host"].event.slug}}


def hosted_rsvp(cast: Cast) -> dict[str, Kwargs]:
    kwargs = {"reference": cast.things["hosted_rsvp"].reference}
    return {"ambassador": {**hosted(cast)["ambassador"], **kwargs}}


ABSENT = {"slug": "no-such-event"}

ROUTES: dict[str, Route] = {
    "events:list": Route(get=EVERYONE),
    "events:feed": Route(get=EVERYONE),
    "events:feed-json": Route(get=EVERYONE),
    "events:feed-atom": Route(get=EVERYONE),
    "events:event": Route(get=EVERYONE, some=public, absent=ABSENT),
    "events:event-file": Route(get=EVERYONE, some=public, absent=ABSENT),
    "events:picture": Route(get=EVERYONE, some=public, absent=ABSENT),
    "events:photo": Route(get=EVERYONE, some=public, absent=ABSENT),
    "events:place-rsvp": Route(post=EVERYONE, some=public, absent=ABSENT),
    # The link is the key: whoever holds it may use it, and nobody can guess it.
    "events:rsvp": Route(
        get=EVERYONE,
        post=EVERYONE,
        some=lambda cast: {"token": cast.things["rsvp"].token},
        absent={"token": "0000000000-guess"},
    ),
    "events:paid": Route(
        get=EVERYONE,
        some=lambda cast: {"token": cast.things["rsvp"].token},
        absent={"token": "0000000000-guess"},
    ),
    "events:series-rsvp": Route(
        get=EVERYONE,
        post=EVERYONE,
        some=lambda cast: {"token": cast.things["series_rsvp"].token},
        absent={"token": "0000000000-guess"},
    ),
    "events:survey": Route(
        get=EVERYONE,
        post=EVERYONE,
        some=lambda cast: {"token": cast.things["rsvp"].token},
        absent={"token": "0000000000-guess"},
    ),
    "events:given": Route(
        get=EVERYONE,
        post=EVERYONE,
        some=lambda cast: {"token": cast.things["given"].heir_token},
        absent={"token": "0000000000-guess"},
    ),
    "events:mine": Route(get=SIGNED_IN),
    "events:my-export": Route(get=SIGNED_IN),
    # Who is not the person it went to, learns nothing of it.
    "events:host-invitation": Route(
        get=SIGNED_IN,
        post=SIGNED_IN,
        some=lambda cast: {"token": "a-secret-of-a-test"},
        absent={"token": "a-guess"},
    ),
    "events:host-asked": Route(
        own=lambda cast: {"recipient": {"pk": cast.things["asked"].pk}},
        own_methods=("get", "post"),
        absent={"pk": 999_999},
    ),
    "events:hosting": Route(get=SIGNED_IN),
    "events:hosted": Route(own=hosted, absent=ABSENT),
    "events:hosted-self": Route(own=hosted, own_methods=("get", "post"), absent=ABSENT),
    "events:hosted-words": Route(own=hosted, own_methods=("get", "post"), absent=ABSENT),
    "events:staff-hosts": Route(
        get=COORDINATOR,
        post=COORDINATOR,
        some=lambda cast: hosted(cast)["ambassador"],
        absent=ABSENT,
    ),
    "events:staff-host": Route(
        post=COORDINATOR,
        some=lambda cast: {**hosted(cast)["ambassador"], "pk": cast.things["host"].pk},
        absent={**ABSENT, "pk": 1},
    ),
    "events:staff-money": Route(get=MONEY),
    # A public event is looked after by finance too; what is a draft is not.
    "events:staff-payments": Route(get=MONEY, some=priced, absent=ABSENT),
    "events:staff-refund": Route(
        get=MONEY,
        post=MONEY,
        some=lambda cast: {**priced(cast), "reference": cast.things["payment"].charge.reference},
        absent={**ABSENT, "reference": "0000000000"},
    ),
    "events:staff-refund-everyone": Route(get=MONEY, post=MONEY, some=priced, absent=ABSENT),
    "events:staff-list": Route(get=COORDINATOR),
    "events:import-calendar": Route(get=COORDINATOR, post=COORDINATOR),
    "events:staff-new": Route(get=COORDINATOR, post=COORDINATOR),
    "events:staff-edit": Route(get=COORDINATOR, post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-preview": Route(get=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-publish": Route(post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-cancel": Route(get=COORDINATOR, post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-export": Route(get=COORDINATOR),
    "events:staff-import": Route(get=COORDINATOR, post=COORDINATOR),
    "events:staff-month": Route(get=COORDINATOR),
    "events:staff-copy": Route(post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-photo": Route(get=COORDINATOR, post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-share": Route(get=COORDINATOR, post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-history": Route(get=COORDINATOR, some=draft, absent=ABSENT),
    # As with an RSVP, the link is the key.
    "events:shared-draft": Route(
        get=EVERYONE,
        some=lambda cast: {"token": cast.things["shared_draft"].share_token},
        absent={"token": "1-guess"},
    ),
    "events:staff-dates": Route(get=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-repeat": Route(get=COORDINATOR, post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-date": Route(
        get=COORDINATOR,
        post=COORDINATOR,
        some=lambda cast: {**draft(cast), "day": "2096-06-03"},
        absent={**ABSENT, "day": "2096-06-03"},
    ),
    "events:staff-people": Route(get=COORDINATOR, some=public, own=hosted, absent=ABSENT),
    "events:staff-people-export": Route(post=COORDINATOR, some=public, absent=ABSENT),
    "events:staff-person": Route(
        post=COORDINATOR,
        some=lambda cast: {**public(cast), "reference": cast.things["rsvp"].reference},
        own=hosted_rsvp,
        own_methods=("post",),
        absent={**ABSENT, "reference": "0000000000"},
    ),
    "events:staff-questions": Route(get=COORDINATOR, post=COORDINATOR, some=draft, absent=ABSENT),
    "events:staff-message": Route(
        get=COORDINATOR,
        post=COORDINATOR,
        some=public,
        own=hosted,
        own_methods=("get", "post"),
        absent=ABSENT,
    ),
    "events:staff-regulars": Route(
        get=COORDINATOR,
        post=COORDINATOR,
        some=public,
        own=hosted,
        own_methods=("get", "post"),
        absent=ABSENT,
    ),
    "events:staff-answers": Route(get=COORDINATOR, some=public, own=hosted, absent=ABSENT),
    "events:door": Route(get=COORDINATOR, some=public, own=hosted, absent=ABSENT),
    "events:door-worker": Route(get=COORDINATOR | {"ambassador"}),
    "events:door-numbers": Route(get=COORDINATOR, some=public, own=hosted, absent=ABSENT),
    "events:door-scan": Route(get=COORDINATOR, some=public, own=hosted, absent=ABSENT),
    "events:door-ready": Route(
        post=COORDINATOR, some=public, own=hosted, own_methods=("post",), absent=ABSENT
    ),
    "events:door-sync": Route(
        post=COORDINATOR, some=public, own=hosted, own_methods=("post",), absent=ABSENT
    ),
    "events:door-walk-in": Route(
        post=COORDINATOR, some=public, own=hosted, own_methods=("post",), absent=ABSENT
    ),
    "events:door-add": Route(get=COORDINATOR, post=COORDINATOR, some=public, absent=ABSENT),
    "events:door-act": Route(
        post=COORDINATOR,
        some=lambda cast: {**public(cast), "reference": cast.things["rsvp"].reference},
        own=hosted_rsvp,
        own_methods=("post",),
        absent={**ABSENT, "reference": "0000000000"},
    ),
}
