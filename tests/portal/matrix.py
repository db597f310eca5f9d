"""Who may use the routes of portal."""

import datetime as dt

from django.conf import settings
from django.utils import timezone

from calendars.models import InboundReply
from calendars.services.links import personal_link
from common.sealing import seal
from events.models import Incident
from tests.conftest import NOW
from tests.factories import OccurrenceFactory, RsvpFactory
from tests.permissions import (
    EVERYONE,
    NOBODY,
    SIGNED_IN,
    STAFF_ROLES,
    Cast,
    Kwargs,
    Route,
)


def enrich(cast: Cast) -> None:
    next_month = timezone.now() + dt.timedelta(days=30)
    one, other = (
        OccurrenceFactory(
            starts_at=next_month, starts_on=next_month.date(), revised_at=timezone.now()
        )
        for _ in range(2)
    )
    cast.things["public_date"] = one
    cast.things["answer_of_the_ambassador"] = RsvpFactory(occurrence=other, user=cast["ambassador"])
    for thing, about in (("letter", ""), ("letter_about_an_event", cast.things["rsvp"].reference)):
        cast.things[thing] = InboundReply.objects.create(
            kind=InboundReply.Kind.LETTER,
            desk=InboundReply.Desk.EVENTS if about else InboundReply.Desk.CARE,
            state=InboundReply.State.OPEN,
            reason=InboundReply.Reason.WORDS,
            message_id=f"<{thing}@example.org>",
            received_at=NOW,
            sender="somebody@example.org",
            about=about,
        )
    cast.things["incident"] = Incident.objects.create(
        occurrence=one,
        kind="other",
        sealed_words=seal("The lamp fell.", "incident.words"),
        reported_by=cast["coordinator"],
        reported_at=NOW,
        due_at=NOW,
    )
    cast.things["calendar_link"] = personal_link(user=cast["attendee"], at=NOW)


def _public_event(cast: Cast) -> Kwargs:
    return {"slug": cast.things["public_event"].slug}


def _rsvp(cast: Cast) -> Kwargs:
    return {"reference": cast.things["rsvp"].reference}


def _own_delegate(cast: Cast, **more: int) -> dict[str, Kwargs]:
    return {"delegate": {"pk": cast.things["delegate"].pk, **more}}


def _own_enrolment(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": {"pk": cast.things["enrolment"].pk}}


def _enrolment_of_a_stranger(cast: Cast) -> Kwargs:
    return {"pk": cast.things["enrolment_of_a_stranger"].pk}


def _date(cast: Cast) -> dict[str, Kwargs]:
    return _own_delegate(cast, occurrence_pk=cast.things["public_date"].pk)


def _answer(cast: Cast) -> dict[str, Kwargs]:
    return _own_delegate(cast, rsvp_pk=cast.things["answer_of_the_ambassador"].pk)


def _absence(cast: Cast) -> dict[str, Kwargs]:
    return _own_delegate(cast, absence_pk=cast.things["absence"].pk)


ROUTES: dict[str, Route] = {
    "portal:activity": Route(
        own=_own_enrolment,
        own_methods=("get", "post"),
        some=_enrolment_of_a_stranger,
        absent={"pk": 0},
    ),
    "portal:staff-activity": Route(
        get={"coordinator"}, post={"coordinator"}, some=_enrolment_of_a_stranger, absent={"pk": 0}
    ),
    "portal:staff-programme": Route(
        get={"coordinator", "admin"},
        some=lambda cast: {"slug": cast.things["programme"].slug},
        absent={"slug": "no-such-programme"},
    ),
    "portal:staff-term": Route(
        get={"coordinator"},
        some=lambda cast: {"pk": cast.things["term"].pk},
        absent={"pk": 0},
    ),
    "portal:delegations": Route(get=SIGNED_IN),
    "portal:delegate": Route(own=_own_delegate, own_methods=("get", "post"), absent={"pk": 0}),
    "portal:delegate-yes": Route(
        own=_date, own_methods=("post",), absent={"pk": 0, "occurrence_pk": 0}
    ),
    "portal:delegate-leave": Route(
        own=_answer, own_methods=("post",), absent={"pk": 0, "rsvp_pk": 0}
    ),
    "portal:delegate-back": Route(
        own=_absence, own_methods=("post",), absent={"pk": 0, "absence_pk": 0}
    ),
    "portal:home": Route(get=EVERYONE),
    "portal:language": Route(post=EVERYONE, data={"language": "en"}),
    "portal:me": Route(get=SIGNED_IN),
    "portal:my-data": Route(get=SIGNED_IN),
    "portal:my-data-file": Route(get=SIGNED_IN),
    # Nobody's address is typed here, so nobody is erased.
    "portal:erase": Route(get=SIGNED_IN, post=SIGNED_IN, data={"address": ""}),
    "portal:erased": Route(get=EVERYONE),
    "portal:my-care-data": Route(get=SIGNED_IN),
    "portal:my-care-data-file": Route(get=SIGNED_IN),
    "portal:staff": Route(get=STAFF_ROLES),
    "portal:robots": Route(get=EVERYONE),
    "portal:sitemap": Route(get=EVERYONE),
    "portal:oembed": Route(
        get=EVERYONE,
        query=f"?url={settings.BASE_URL}/events/the-public-event/",
    ),
    "portal:embed-events": Route(get=EVERYONE),
    "portal:embed-event": Route(get=EVERYONE, some=_public_event, absent={"slug": "no-such-event"}),
    # Who works at an event writes it; only the lead and the deputy, who are nobody here, read it.
    "portal:report-incident": Route(
        get={"coordinator"},
        post={"coordinator"},
        some=_public_event,
        own=lambda cast: {"ambassador": {"slug": cast.things["host"].event.slug}},
        own_methods=("get", "post"),
        absent={"slug": "no-such-event"},
    ),
    "portal:incidents": Route(),
    "portal:incident": Route(
        some=lambda cast: {"pk": cast.things["incident"].pk}, absent={"pk": 0}
    ),
    "portal:letters": Route(get={"coordinator", "care"}),
    # One is about an event, one may be about care: each desk reads its own and nothing else.
    "portal:letter": Route(
        own=lambda cast: {
            "coordinator": {"number": cast.things["letter_about_an_event"].pk},
            "care": {"number": cast.things["letter"].pk},
        },
        absent={"number": 0},
    ),
    "portal:close-letter": Route(
        own=lambda cast: {
            "coordinator": {"number": cast.things["letter_about_an_event"].pk},
            "care": {"number": cast.things["letter"].pk},
        },
        own_methods=("post",),
        absent={"number": 0},
    ),
    # The API knows no sessions, only keys (tests/portal/test_api.py): a signed-in person is to it
    # like anybody else, who may read public events and nothing more.
    "api:home": Route(get=EVERYONE),
    "api:docs": Route(get=EVERYONE),
    "api:openapi-json": Route(get=EVERYONE),
    "api:api-root": Route(get=EVERYONE),
    "api:list_events": Route(get=EVERYONE),
    "api:get_event": Route(get=EVERYONE, some=_public_event, absent={"slug": "no-such-event"}),
    "api:get_event_calendar": Route(
        get=EVERYONE, some=_public_event, absent={"slug": "no-such-event"}
    ),
    "api:make_rsvp": Route(some=_public_event, absent={"slug": "no-such-event"}),
    "api:get_rsvp": Route(some=_rsvp, absent={"reference": "NOSUCHONE0"}),
    "api:patch_rsvp": Route(some=_rsvp, absent={"reference": "NOSUCHONE0"}),
    "api:delete_rsvp": Route(some=_rsvp, absent={"reference": "NOSUCHONE0"}),
    "api:get_booking": Route(
        some=lambda cast: {"reference": "NOSUCHONE0"}, absent={"reference": "NOSUCHONE1"}
    ),
    "api:make_redemption": Route(),
    "api:list_enrolments": Route(),
    "api:ask_to_join": Route(),
    # By key only, and only what is its practice's own.
    "api:list_statements": Route(),
    "api:get_statement": Route(
        some=lambda cast: {"id": cast.things["statement"].pk},
        absent={"id": "00000000-0000-0000-0000-000000000000"},
    ),
    "api:nothing": Route(some=lambda cast: {"rest": "nothing"}, absent={"rest": "nowhere/at/all"}),
    # The link is the key: whoever holds it may read the calendar, and nobody can guess it.
    "portal:personal-feed": Route(
        get=EVERYONE,
        some=lambda cast: {"secret": cast.things["calendar_link"].secret},
        absent={"secret": "1-guess"},
    ),
    "portal:styleguide": Route(get=NOBODY),  # answers only where DEBUG is on
}
