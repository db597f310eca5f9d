"""Publishing a quarter: protect, freeze, store, once."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from reports.domain.disclosure import METHOD_VERSION
from reports.domain.quarters import Quarter
from reports.domain.tables import protected_tables
from reports.errors import AlreadyPublished, QuarterNotOver
from reports.models import PublishedReport
from reports.queries import Books, measures, report_rows


def draft_content(quarter: Quarter, *, at: datetime) -> dict[str, Any]:
    """What publishing ``quarter`` at ``at`` would show: already protected, safe to look at."""
    rows = report_rows(quarter)
    books = Books(quarter, at=at)
    tables = protected_tables(
        [row.key for row in rows],
        measures(books, rows),
        {"events_held": books.events_held(rows)},
    )
    return {
        "quarter": quarter.slug,
        "starts_on": quarter.starts_on.isoformat(),
        "ends_on": quarter.ends_on.isoformat(),
        "rows": [{"key": row.key, "name": row.name, "time_zone": row.time_zone} for row in rows],
        "tables": tables,
    }


@transaction.atomic
def publish_report(*, quarter: Quarter, actor: User | None, at: datetime) -> PublishedReport:
    """Freeze and publish ``quarter``.

    Raises QuarterNotOver before the 15th day after its end (UTC), and AlreadyPublished the second
    time: a report that changed would give away, by the difference, what it withheld.
    """
    if at.date() < quarter.publishable_on:
        raise QuarterNotOver
    content = draft_content(quarter, at=at)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        with transaction.atomic():
            return PublishedReport.objects.create(
                slug=quarter.slug,
                year=quarter.year,
                quarter=quarter.number,
                method_version=METHOD_VERSION,
                content=content,
                content_sha256=hashlib.sha256(canonical.encode()).hexdigest(),
                published_at=at,
                published_by=actor,
            )
    except IntegrityError as error:
        raise AlreadyPublished from error
