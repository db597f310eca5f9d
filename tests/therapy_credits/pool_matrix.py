"""Who may use the routes of pools: part of ``matrix``, in a file of its own."""

from __future__ import annotations

from ambassadors.models import Term
from tests.factories import TermFactory
from tests.permissions import Cast, Route
from tests.therapy_credits.conftest import make_pool
from therapy_credits.models import Policy

MONEY = {"finance", "admin"}
NO_POLICY = "00000000-0000-0000-0000-000000000000"

ROUTES: dict[str, Route] = {
    "therapy_credits:pools": Route(get={"coordinator"} | MONEY),
    "therapy_credits:pool": Route(
        get={"coordinator"} | MONEY,
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:pool-new": Route(get=MONEY, post=MONEY),
    "therapy_credits:pool-fund": Route(
        get={"finance"},
        post={"finance"},
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:pool-hand-back": Route(
        get={"finance"},
        post={"finance"},
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:pool-undo-charge": Route(
        get={"finance"},
        post={"finance"},
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:pool-alerts": Route(
        get=MONEY,
        post=MONEY,
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:pool-limits": Route(
        get=MONEY,
        post=MONEY,
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:missed-rules": Route(
        get=MONEY,
        post=MONEY,
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    "therapy_credits:staff-statements": Route(get=MONEY),
    "therapy_credits:staff-statement": Route(
        get=MONEY,
        post=MONEY,
        some=lambda cast: {"pk": cast.things["statement"].pk},
        absent={"pk": NO_POLICY},
    ),
    "therapy_credits:policy-new": Route(
        get=MONEY,
        post=MONEY,
        some=lambda cast: {"pk": cast.things["pool"].pk},
        absent={"pk": 0},
    ),
    **{
        f"therapy_credits:{name}": Route(
            get=MONEY,
            post=MONEY,
            some=lambda cast: {
                "pk": cast.things["pool"].pk,
                "policy_id": cast.things["policy"].pk,
            },
            absent={"pk": 0, "policy_id": NO_POLICY},
        )
        for name in ("policy", "policy-missed-rules")
    },
}


def enrich(cast: Cast) -> None:
    cast.things["pool"] = make_pool("Matrix")
    term = Term.objects.first() or TermFactory()
    cast.things["policy"] = Policy.objects.create(pool=cast.things["pool"], term=term, units=1)
