"""When calendar links were last used: noted in the cache by each use, written down on schedule."""

from __future__ import annotations

from datetime import datetime

from calendars import gateway
from calendars.models import FETCHES_KEPT, FeedFetch, FeedToken

_AT_ONCE = 1000


def write_down_fetches(*, at: datetime) -> int:
    """Write down what the cache has noted, and forget what is older than seven days. How many
    were written; again writes nothing new. What the cache lost stays as it was written last."""
    written = 0
    links = FeedToken.objects.open().order_by("pk").values_list("pk", "generation")
    batch: list[tuple[int, int]] = []
    for link in links.iterator(chunk_size=_AT_ONCE):
        batch.append(link)
        if len(batch) == _AT_ONCE:
            written += _write(batch)
            batch = []
    written += _write(batch)
    FeedFetch.objects.filter(fetched_at__lt=at - FETCHES_KEPT).delete()
    return written


def last_fetch(link: FeedToken, *, at: datetime) -> gateway.Fetch | None:
    """The last use within seven days of the link as it is now; a replaced one starts anew."""
    noted = gateway.noted_fetches([(link.pk, link.generation)]).get(link.pk)
    if noted is not None:
        return noted
    written = FeedFetch.objects.filter(
        link=link, generation=link.generation, fetched_at__gte=at - FETCHES_KEPT
    ).first()
    return gateway.Fetch(written.fetched_at, written.program) if written else None


def _write(links: list[tuple[int, int]]) -> int:
    noted = gateway.noted_fetches(links)
    generations = dict(links)
    known = dict(FeedFetch.objects.filter(link__in=noted).values_list("link", "fetched_at"))
    rows = [
        FeedFetch(
            link_id=pk,
            generation=generations[pk],
            fetched_at=fetch.at,
            program=fetch.program[:40],
        )
        for pk, fetch in noted.items()
        if known.get(pk) != fetch.at
    ]
    FeedFetch.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["link"],
        update_fields=["generation", "fetched_at", "program"],
    )
    return len(rows)
