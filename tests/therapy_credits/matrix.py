"""Who may use the routes of therapy credits.

Nobody but the person opens a page of care, nobody but the practice a page of the
portal, and staff who set practices up reach no booking at all.
"""

from datetime import timedelta

from django.utils import timezone

from common import tokens
from common.sealing import seal
from tests.factories import (
    BookingFactory,
    CareCaseFactory,
    FitCallFactory,
    GiftFactory,
    LicenceFactory,
    PracticeMembershipFactory,
    PractitionerFactory,
    ServiceTypeFactory,
    SessionCodeFactory,
    StatementFactory,
)
from tests.permissions import EVERYONE, SIGNED_IN, STAFF_ROLES, Cast, Route
from tests.therapy_credits import pool_matrix
from tests.therapy_credits.care import make_client
from tests.therapy_credits.conftest import make_pool
from therapy_credits.models import Concern, PracticeInvitation

PRACTICE = {"practice"}
SECRET = "the-secret-of-an-invitation"
SETS_UP = {"care", "admin"}


def _practice(cast: Cast) -> dict[str, object]:
    return {"slug": cast.things["practice"].slug}


def _reference(name: str, role: str):
    return lambda cast: {role: {"reference": cast.things[name].reference}}


def _stranger(name: str):
    return lambda cast: {"reference": cast.things[name].reference}


BOTH = ("get", "post")
NO_PRACTICE = {"slug": "no-such-practice"}
NO_REFERENCE = {"reference": "NOSUCH"}
ROUTES = pool_matrix.ROUTES | {
    # The person's pages: whoever is signed in, and only what is their own.
    "therapy_credits:care": Route(get=SIGNED_IN),
    "therapy_credits:care-door": Route(get=SIGNED_IN, post=SIGNED_IN),
    "therapy_credits:care-private": Route(get=SIGNED_IN, post=SIGNED_IN),
    "therapy_credits:care-private-address": Route(post=SIGNED_IN),
    "therapy_credits:care-private-fine": Route(post=SIGNED_IN),
    # A worry: all staff say it; only the lead and the deputy, who are nobody here, read it.
    "therapy_credits:worried": Route(get=STAFF_ROLES, post=STAFF_ROLES),
    "therapy_credits:concerns": Route(),
    "therapy_credits:concern": Route(
        some=lambda cast: {"pk": cast.things["concern"].pk}, absent={"pk": 0}
    ),
    "therapy_credits:safeguarding-leads": Route(get={"admin"}, post={"admin"}),
    "therapy_credits:find": Route(get=SIGNED_IN, post=SIGNED_IN),
    "therapy_credits:forget-search": Route(post=SIGNED_IN),
    "therapy_credits:practitioner": Route(
        get=SIGNED_IN,
        post=SIGNED_IN,
        some=lambda cast: {"slug": cast.things["practitioner"].slug},
        absent={"slug": "nobody"},
    ),
    "therapy_credits:booking": Route(
        own=_reference("booking", "ambassador"),
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:booking-cancel": Route(
        own=_reference("booking", "ambassador"),
        own_methods=BOTH,
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:fit-call-new": Route(
        get=SIGNED_IN,
        post=SIGNED_IN,
        some=lambda cast: {"slug": cast.things["practitioner"].slug},
        # The same answer for a name that is nobody's: on to the page that says so.
        absent_is_fine=True,
    ),
    "therapy_credits:fit-call": Route(
        own=_reference("call", "ambassador"),
        some=_stranger("call_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:fit-call-cancel": Route(
        own=_reference("call", "ambassador"),
        own_methods=("post",),
        some=_stranger("call_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:fit-call-next": Route(
        own=_reference("call", "ambassador"),
        own_methods=("post",),
        some=_stranger("call_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:practice-fit-call": Route(
        own=_reference("call", "practice"),
        own_methods=BOTH,
        some=_stranger("call_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:code": Route(get=SIGNED_IN, post=SIGNED_IN),
    "therapy_credits:code-done": Route(post=SIGNED_IN),
    "therapy_credits:code-cancel": Route(
        own=_reference("code", "ambassador"),
        own_methods=("post",),
        some=_stranger("code_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:ask-desk": Route(post=SIGNED_IN),
    "therapy_credits:booking-move": Route(
        own=_reference("booking", "ambassador"),
        own_methods=BOTH,
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:booking-elsewhere": Route(
        own=_reference("booking", "ambassador"),
        own_methods=("post",),
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:booking-again": Route(
        own=_reference("booking", "ambassador"),
        own_methods=("post",),
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:booking-mismatch": Route(
        own=_reference("booking", "ambassador"),
        own_methods=("post",),
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:booking-right": Route(
        own=_reference("booking", "ambassador"),
        own_methods=("post",),
        some=_stranger("booking_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:code-right": Route(
        own=_reference("code", "ambassador"),
        own_methods=("post",),
        some=_stranger("code_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    # Gifts: the giver's own; what somebody opens is the same page for everybody.
    "therapy_credits:gift": Route(get=SIGNED_IN, post=SIGNED_IN),
    "therapy_credits:gift-done": Route(post=SIGNED_IN),
    "therapy_credits:gift-undo": Route(
        own=lambda cast: {"ambassador": {"pk": cast.things["gift"].pk}},
        own_methods=("post",),
        some=lambda cast: {"pk": cast.things["gift_of_a_stranger"].pk},
        absent={"pk": "00000000-0000-0000-0000-000000000000"},
    ),
    "therapy_credits:claim": Route(get=EVERYONE, post=EVERYONE),
    # Any link is answered alike, so that nobody learns which there are.
    "therapy_credits:claim-link": Route(
        get=EVERYONE, some=lambda cast: {"token": "any-link-there-could-be"}, absent_is_fine=True
    ),
    # The care desk: its staff, and what nobody has taken or they have.
    "therapy_credits:desk": Route(get={"care"}),
    "therapy_credits:desk-hours": Route(get=SETS_UP, post=SETS_UP),
    "therapy_credits:desk-case": Route(
        get={"care"},
        post={"care"},
        some=lambda cast: {"reference": cast.things["case"].reference},
        absent=NO_REFERENCE,
    ),
    # The portal of a practice: its members, and only its own bookings.
    "therapy_credits:practice-today": Route(get=PRACTICE),
    "therapy_credits:practice-confirm": Route(get=PRACTICE, post=PRACTICE),
    "therapy_credits:practice-undo-code": Route(
        own=_reference("redeemed_code", "practice"),
        own_methods=("post",),
        some=_stranger("code_of_a_stranger"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:practice-bookings": Route(get=PRACTICE, post=PRACTICE),
    "therapy_credits:practice-booking": Route(
        own=_reference("booking", "practice"),
        own_methods=BOTH,
        some=_stranger("booking_elsewhere"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:practice-ending": Route(
        own=_reference("booking", "practice"),
        own_methods=BOTH,
        some=_stranger("booking_elsewhere"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:practice-late-claim": Route(
        own=_reference("booking", "practice"),
        own_methods=("post",),
        some=_stranger("booking_elsewhere"),
        absent=NO_REFERENCE,
    ),
    "therapy_credits:practice-statements": Route(get=PRACTICE),
    "therapy_credits:practice-statement": Route(
        own=lambda cast: {"practice": {"pk": cast.things["statement"].pk}},
        some=lambda cast: {"pk": cast.things["statement_elsewhere"].pk},
        absent={"pk": "00000000-0000-0000-0000-000000000000"},
    ),
    "therapy_credits:practice-statement-csv": Route(
        own=lambda cast: {"practice": {"pk": cast.things["statement"].pk}},
        some=lambda cast: {"pk": cast.things["statement_elsewhere"].pk},
        absent={"pk": "00000000-0000-0000-0000-000000000000"},
    ),
    "therapy_credits:practice-hours": Route(get=PRACTICE, post=PRACTICE),
    # Whoever holds the link; what it opens, it opens to them.
    "therapy_credits:practice-join": Route(
        get=SIGNED_IN,
        post=SIGNED_IN,
        some=lambda cast: {"token": SECRET},
        absent={"token": "not-a-secret-of-ours"},
    ),
    # Setting practices up.
    "therapy_credits:staff-practices": Route(get=SETS_UP),
    "therapy_credits:staff-practice-new": Route(get=SETS_UP, post=SETS_UP),
    "therapy_credits:staff-practice": Route(get=SETS_UP, some=_practice, absent=NO_PRACTICE),
    "therapy_credits:staff-practice-edit": Route(
        get=SETS_UP, post=SETS_UP, some=_practice, absent=NO_PRACTICE
    ),
    "therapy_credits:staff-practice-status": Route(
        post=SETS_UP, some=_practice, absent=NO_PRACTICE
    ),
    "therapy_credits:staff-practice-check": Route(post=SETS_UP, some=_practice, absent=NO_PRACTICE),
    "therapy_credits:staff-service-new": Route(
        get=SETS_UP, post=SETS_UP, some=_practice, absent=NO_PRACTICE
    ),
    "therapy_credits:staff-service-check": Route(
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "pk": cast.things["service"].pk},
        absent={**NO_PRACTICE, "pk": 1},
    ),
    "therapy_credits:staff-service-end": Route(
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "pk": cast.things["service"].pk},
        absent={**NO_PRACTICE, "pk": 1},
    ),
    "therapy_credits:staff-member-new": Route(
        get=SETS_UP, post=SETS_UP, some=_practice, absent=NO_PRACTICE
    ),
    "therapy_credits:staff-member-end": Route(
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "pk": cast.things["membership"].pk},
        absent={**NO_PRACTICE, "pk": 1},
    ),
    "therapy_credits:staff-practitioner-new": Route(
        get=SETS_UP, post=SETS_UP, some=_practice, absent=NO_PRACTICE
    ),
    "therapy_credits:staff-practitioner": Route(
        get=SETS_UP,
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "person": cast.things["practitioner"].slug},
        absent={**NO_PRACTICE, "person": "nobody"},
    ),
    "therapy_credits:staff-licence-new": Route(
        get=SETS_UP,
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "person": cast.things["practitioner"].slug},
        absent={**NO_PRACTICE, "person": "nobody"},
    ),
    "therapy_credits:staff-licence-check": Route(
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "pk": cast.things["licence"].pk},
        absent={**NO_PRACTICE, "pk": 1},
    ),
    "therapy_credits:staff-licence-withdraw": Route(
        post=SETS_UP,
        some=lambda cast: {**_practice(cast), "pk": cast.things["licence"].pk},
        absent={**NO_PRACTICE, "pk": 1},
    ),
}


def enrich(cast: Cast) -> None:
    pool_matrix.enrich(cast)
    """An ambassador's booking and code, the practice they are at, and those of strangers."""
    now = timezone.now()
    pool = make_pool("Cast", units=0)
    token = make_client("cast", units=0, pool=pool, user=cast["ambassador"]).token
    practitioner = PractitionerFactory()
    practice = practitioner.practice
    PracticeInvitation.objects.create(
        practice=practice,
        email="new@example.org",
        role="owner",
        digest=tokens.digest("practice-invitation", SECRET),
        invited_by=cast["admin"],
        invited_at=now,
        expires_at=now + timedelta(days=1),
    )
    cast.things |= {
        "practice": practice,
        "practitioner": practitioner,
        "membership": PracticeMembershipFactory(practice=practice, user=cast["practice"]),
        "service": ServiceTypeFactory(practice=practice),
        "licence": LicenceFactory(
            practitioner=PractitionerFactory(practice=practice),
            checked_by=None,
            checked_at=None,
            confirmed_by=None,
            confirmed_at=None,
        ),
        "booking": BookingFactory(
            practitioner=practitioner,
            subject=token,
            pool=pool,
            starts_at=now + timedelta(days=2),
        ),
        "booking_of_a_stranger": BookingFactory(pool=pool),
        "booking_elsewhere": BookingFactory(pool=pool),
        "call": FitCallFactory(
            practitioner=practitioner, subject=token, starts_at=now + timedelta(days=4)
        ),
        "call_of_a_stranger": FitCallFactory(starts_at=now + timedelta(days=3)),
        "code": SessionCodeFactory(subject=token, pool=pool),
        "code_of_a_stranger": SessionCodeFactory(pool=pool),
        "redeemed_code": SessionCodeFactory(
            pool=pool,
            status="redeemed",
            resolved_at=now,
            practice=practice,
            held_on=now.date(),
            rate_minor=6000,
            currency="GBP",
        ),
    }
    cast.things |= {
        "concern": Concern.objects.create(
            sealed_who=seal("Wren", "concern.who"),
            sealed_words=seal("Said little all week.", "concern.words"),
            raised_by=cast["coordinator"],
            raised_at=now,
            due_at=now,
        ),
        "gift": GiftFactory(pool=pool, giver_subject=token),
        "gift_of_a_stranger": GiftFactory(pool=pool),
        "case": CareCaseFactory(booking=cast.things["booking_elsewhere"]),
        "statement": StatementFactory(practice=practice),
        "statement_elsewhere": StatementFactory(),
    }
