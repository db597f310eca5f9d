"""Who came is forgotten when its time is over. How many came is kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from events.errors import StillComing
from events.models import Answer, Occurrence, Rsvp, SeriesRsvp, new_rsvp_reference
from notifications.models import Message, Purge
from notifications.services.messages import forget_mail

_NAMES = [
    "user",
    "guest_name",
    "guest_email",
    "language",
    "companions",
    "heir_name",
    "heir_email",
    "series_rsvp",
    "reference",
    "forgotten_at",
]


def forget_rsvps(rsvps: Iterable[Rsvp], *, at: datetime) -> int:
    """Take out of these answers whose they were. What stays are numbers: how many, what became of
    it, who of them came, what was paid. Links and codes in old mails open nothing any more."""
    rows = list(rsvps)
    Answer.objects.filter(rsvp__in=rows).delete()
    for rsvp in rows:
        rsvp.user, rsvp.guest_name, rsvp.guest_email = None, "", ""
        rsvp.companions, rsvp.heir_name, rsvp.heir_email = [], "", ""
        rsvp.series_rsvp, rsvp.language = None, "en"
        rsvp.reference, rsvp.forgotten_at = new_rsvp_reference(), at
    return Rsvp.objects.bulk_update(rows, _NAMES, batch_size=500)


@transaction.atomic
def forget_guest(*, rsvp: Rsvp, at: datetime) -> None:
    """Somebody without an account wants to be forgotten, for this date. Raises StillComing while
    the date is ahead and their answer stands. Their link opens nothing from then on."""
    rsvp = Rsvp.objects.select_for_update(of=("self",)).get(pk=rsvp.pk)
    occurrence = Occurrence.objects.get(pk=rsvp.occurrence_id)
    if rsvp.user_id is not None or (rsvp.is_active and not occurrence.is_over(at=at)):
        raise StillComing
    mails = Message.objects.filter(key__startswith=f"rsvp:{rsvp.reference}:")
    forget_mail(mails.filter(to__iexact=rsvp.guest_email), at=at)
    every_time = rsvp.series_rsvp_id
    forget_rsvps([rsvp], at=at)
    SeriesRsvp.objects.filter(
        ~Exists(Rsvp.objects.filter(series_rsvp=OuterRef("pk"))),
        pk=every_time or 0,
        status__in=[SeriesRsvp.Status.ENDED, SeriesRsvp.Status.REFUSED],
    ).delete()
    Purge.objects.create(at=at, what="guest", older_than=at, rows=1)


@transaction.atomic
def forget_attendance(*, limit: int, at: datetime) -> int:
    """Forget who answered for up to ``limit`` dates' answers older than ``ATTENDANCE_DAYS``, and
    who came every time until then; leave a row that proves it. How many."""
    older_than = at - timedelta(days=settings.ATTENDANCE_DAYS)
    old = Rsvp.objects.named().filter(occurrence__ends_at__lte=older_than)
    rows = forget_rsvps(old.select_for_update(of=("self",)).order_by("pk")[:limit], at=at)
    later = Occurrence.objects.filter(event=OuterRef("event"), ends_at__gt=older_than)
    over = Q(status__in=[SeriesRsvp.Status.ENDED, SeriesRsvp.Status.REFUSED]) | ~Exists(later)
    every_time = SeriesRsvp.objects.filter(
        over,
        ~Exists(Rsvp.objects.filter(series_rsvp=OuterRef("pk"))),
        changed_at__lte=older_than,
    )
    rows += len(every_time)
    every_time.delete()
    Purge.objects.create(at=at, what="attendance", older_than=older_than, rows=rows)
    return rows
