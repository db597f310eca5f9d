"""Mails to many at once: promised under the lock, written after it.

``promise`` and ``News`` leave a row for each mail in the transaction of the change; ``write_due``
writes the mails from these rows, in portions and beside every lock. A worker that dies is
continued by the next run, and the key makes sure that nobody gets one twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from common.hints import hint
from events.models import DueMail, Event, Occurrence, Rsvp, Series, SeriesRsvp
from events.queries import people_to_tell, rsvps_to_write_to
from events.services.host_mails import tell_of_changes
from events.services.mails import prepare, prepare_of_dates, prepare_of_rules
from notifications.models import Message
from notifications.services.messages import queue_all

logger = logging.getLogger(__name__)

_OF_DATES = frozenset({"changed", "cancelled", "dates", "rules"})
# What else may be promised, and the answer it is about.
_STATUS_OF = {
    "promoted": Rsvp.Status.GOING,
    "offered": Rsvp.Status.OFFERED,
    "taken_back": Rsvp.Status.WAITLISTED,
    "waitlisted": Rsvp.Status.WAITLISTED,
    "lapsed": Rsvp.Status.DECLINED,
    "unpaid": Rsvp.Status.DECLINED,
}

_PROMISE = """
    INSERT INTO events_duemail (key, what, about, promised_at, attempts)
    SELECT key, %s, jsonb_build_array(jsonb_build_object('rsvp', rsvp)), %s, 0
    FROM unnest(%s::text[], %s::bigint[]) AS one (key, rsvp)
    ON CONFLICT (key) DO NOTHING
"""


def promise(what: str, rsvps: Iterable[tuple[int, str]], *, at: datetime, once: object) -> None:
    """Promise the mail ``what`` to each of ``rsvps`` (key and reference), in one statement."""
    named = list(rsvps)
    if named:
        keys = [f"rsvp:{reference}:{what}:{once}" for _pk, reference in named]
        with connection.cursor() as cursor:
            cursor.execute(_PROMISE, [what, at, keys, [pk for pk, _reference in named]])
        hint("mail-due")


# More dates than this are told in one mail; up to this many, each has a mail that its calendar
# program can act on by itself.
FEW_DATES = 3


@dataclass(frozen=True)
class _Line:
    """What one person must hear about one date."""

    repeats: int | None
    """The key of the yes to every date in whose one entry it is."""
    starts_at: datetime
    sequence: int
    reference: str
    facts: dict[str, Any]


@dataclass
class News:
    """Who must be told of which dates, and of which rules that are not what they were."""

    by_person: dict[str, list[_Line]] = field(default_factory=dict)
    # The dates themselves, for those who host them, with the facts of each change.
    dates: dict[int, tuple[Occurrence, dict[str, Any]]] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)

    def changed(
        self, occurrence: Occurrence, was: Occurrence, *, is_moved: bool, is_elsewhere: bool
    ) -> None:
        """Everybody who comes or waits must hear that this date has another time or place."""
        facts = {"was": was, "is_moved": is_moved, "is_elsewhere": is_elsewhere}
        self.dates[occurrence.pk] = (occurrence, facts)
        moments = [was.starts_at.isoformat(), was.ends_at.isoformat()]
        self._add(occurrence, {"was": moments, "is_moved": is_moved, "is_elsewhere": is_elsewhere})

    def cancelled(self, occurrence: Occurrence) -> None:
        """Everybody who comes or waits must hear that this date does not take place."""
        self.dates[occurrence.pk] = (occurrence, {})
        self._add(occurrence, {"is_off": True})

    def added(self, occurrence: Occurrence) -> None:
        """Its hosts must hear of a date that was not there: it is theirs too."""
        self.dates[occurrence.pk] = (occurrence, {})

    def _add(self, occurrence: Occurrence, facts: Mapping[str, Any]) -> None:
        for pk, reference, repeats, email in people_to_tell(occurrence):
            line = _Line(
                repeats, occurrence.starts_at, occurrence.sequence, reference, {"rsvp": pk, **facts}
            )
            self.by_person.setdefault(email.lower(), []).append(line)

    def promise(self, event: Event, *, at: datetime) -> None:
        """Promise the mails, in the transaction of the change: what repeats as a whole, many
        single dates in one mail, and a few in a mail each."""
        self._tell_hosts(event, at)
        mails: list[DueMail] = []

        def add(key: str, what: str, about: list[dict[str, Any]]) -> None:
            mails.append(DueMail(key=key, what=what, about=about, promised_at=at))

        for lines in self.by_person.values():
            lines.sort(key=lambda line: line.starts_at)
        for pk, reference, rules, lines in self._of_regulars(event):
            about = [{"series_rsvp": pk, "series": [one.pk for one in self.series]}]
            add(
                f"series:{reference}:rules:{event.version}:{rules}",
                "rules",
                [*about, *(line.facts for line in lines)],
            )
        for lines in self.by_person.values():
            single = [line for line in lines if line.repeats is None]
            if len(single) > FEW_DATES:
                once = f"{event.version}:{max(line.sequence for line in single)}"
                add(
                    f"rsvp:{single[0].reference}:dates:{once}",
                    "dates",
                    [line.facts for line in single],
                )
                lines = [line for line in lines if line.repeats is not None]
            for line in lines:
                what = "cancelled" if "is_off" in line.facts else "changed"
                add(f"rsvp:{line.reference}:{what}:{line.sequence}", what, [line.facts])
        if mails:
            DueMail.objects.bulk_create(mails, ignore_conflicts=True, batch_size=1000)
            hint("mail-due")

    def _tell_hosts(self, event: Event, at: datetime) -> None:
        """Hosts hear of every date that changed: once, also who answered as a guest besides.

        They are few, so their mails are written at once.
        """
        if not self.dates or event.status == Event.Status.DRAFT:
            return
        for host in event.hosting.accepted().select_related("person").order_by("pk"):
            assert host.person is not None  # who has accepted is somebody
            host.event = event
            theirs = {pk: one for pk, one in self.dates.items() if host.hosts(one[0])}
            if theirs:
                tell_of_changes(host, theirs, at=at)
                self.by_person.pop(host.person.email.lower(), None)

    def _of_regulars(self, event: Event) -> Iterator[tuple[int, str, str, list[_Line]]]:
        """Those who come every time, when a rule is not what it was: the key and reference of
        their yes, what the rules are at, and their dates, which are then told with them."""
        if not self.series:
            return
        rules = "-".join(f"{one.pk}.{one.sequence}" for one in self.series)
        regulars = dict(
            event.series_rsvps.active().filter(is_repeating=True).values_list("pk", "reference")
        )
        own: dict[int | None, list[_Line]] = {}
        for email, lines in self.by_person.items():
            for line in lines:
                own.setdefault(line.repeats, []).append(line)
            self.by_person[email] = [line for line in lines if line.repeats not in regulars]
        for pk, reference in regulars.items():
            yield pk, reference, rules, own.get(pk, [])


@transaction.atomic
def write_due(*, limit: int, at: datetime) -> int:
    """Write up to ``limit`` mails that were promised; how many there were.

    Two writers never take the same. One that cannot be written stays, comes last from then on
    and is in the log.
    """
    due = list(
        DueMail.objects.select_for_update(skip_locked=True).order_by("attempts", "pk")[:limit]
    )
    lines = [line for mail in due for line in mail.about]
    rsvps = rsvps_to_write_to([line["rsvp"] for line in lines if "rsvp" in line])
    messages, done = [], []
    for mail in due:
        try:
            with transaction.atomic():
                messages += _write(mail, rsvps, at)
        except Exception:
            logger.exception("the mail %s cannot be written", mail.key)
        else:
            done.append(mail.pk)
    queue_all(messages)
    DueMail.objects.filter(pk__in=done).delete()
    failed = {mail.pk for mail in due} - set(done)
    DueMail.objects.filter(pk__in=failed).update(attempts=F("attempts") + 1)
    return len(done)


def _write(mail: DueMail, rsvps: Mapping[int, Rsvp], at: datetime) -> list[Message]:
    """The message of a promise; none when what it says is no longer so."""
    told = [
        (rsvps[line["rsvp"]], line)
        for line in mail.about
        if line.get("rsvp") in rsvps and _is_true(mail.what, rsvps[line["rsvp"]], line)
    ]
    changes = {rsvp.pk: _change(rsvp, line) for rsvp, line in told if "was" in line}
    if mail.what == "rules":
        return _write_rules(mail, [rsvp for rsvp, _l in told], changes, at)
    if not told:
        return []
    if mail.what == "dates":
        return [prepare_of_dates([rsvp for rsvp, _l in told], changes, key=mail.key, at=at)]
    ((rsvp, _line),) = told
    return [prepare(rsvp, mail.what, at=at, key=mail.key, **changes.get(rsvp.pk, {}))]


def _write_rules(
    mail: DueMail, rsvps: list[Rsvp], changes: Mapping[int, Mapping[str, Any]], at: datetime
) -> list[Message]:
    """Who has left meanwhile, or wants single dates, was told of that."""
    about = mail.about[0]
    found = SeriesRsvp.objects.active().filter(pk=about["series_rsvp"], is_repeating=True)
    series_rsvp = found.select_related("event", "user").first()
    if series_rsvp is None:
        return []
    return prepare_of_rules(series_rsvp, about["series"], rsvps, changes, key=mail.key, at=at)


def _is_true(what: str, rsvp: Rsvp, line: Mapping[str, Any]) -> bool:
    """Whether it is still so. Who has left, or taken what was offered, was told of that since."""
    if rsvp.occurrence.is_cancelled != ("is_off" in line) or not rsvp.email:
        return False
    return rsvp.is_active if what in _OF_DATES else rsvp.status == _STATUS_OF[what]


def _change(rsvp: Rsvp, line: Mapping[str, Any]) -> dict[str, Any]:
    """What changed at a date, as the mail's template wants it."""
    starts_at, ends_at = map(datetime.fromisoformat, line["was"])
    was = Occurrence(event=rsvp.occurrence.event, starts_at=starts_at, ends_at=ends_at)
    return {"is_moved": line["is_moved"], "is_elsewhere": line["is_elsewhere"], "was": was}
