"""Who may use the usage reports."""

from datetime import UTC, datetime

from reports.models import PublishedReport
from tests.permissions import STAFF_ROLES, Cast, Route


def enrich(cast: Cast) -> None:
    cast.things["report"] = PublishedReport.objects.create(
        slug="2025-q4",
        year=2025,
        quarter=4,
        method_version="1",
        content={
            "rows": [],
            "tables": [{"key": "events", "measures": [], "rows": [], "total": []}],
        },
        content_sha256="0" * 64,
        published_at=datetime(2026, 1, 20, tzinfo=UTC),
    )


def published(cast: Cast) -> dict[str, str]:
    return {"slug": cast.things["report"].slug}


READ = Route(get=STAFF_ROLES, some=published, absent={"slug": "2019-q1"})

ROUTES = {
    "reports:survey": Route(
        get={"coordinator"},
        some=lambda cast: {"slug": cast.things["public_event"].slug},
        absent={"slug": "no-such-event"},
    ),
    "reports:list": Route(get=STAFF_ROLES),
    "reports:page": READ,
    "reports:csv": READ,
    "reports:json": READ,
    "reports:xlsx": READ,
    "reports:draft": Route(
        get={"analyst", "admin"},
        post={"analyst", "admin"},
        some=published,
        absent={"slug": "2019-q1"},
    ),
}
