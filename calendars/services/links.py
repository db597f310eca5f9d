"""A person's secret calendar link: made, changed, and replaced when it got into wrong hands."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import User
from calendars.models import FeedToken
from calendars.queries import personal_feed_key
from calendars.services.revisions import bump
from common.hints import hint


@transaction.atomic
def personal_link(*, user: User, at: datetime) -> FeedToken:
    """The person's calendar link, made the first time it is asked for, opened if it was closed."""
    link, _created = FeedToken.objects.get_or_create(
        user=user, purpose=FeedToken.Purpose.PERSONAL, defaults={"rotated_at": at}
    )
    if link.closed_at is not None:
        link.closed_at, link.rotated_at = None, at
        link.save(update_fields=["closed_at", "rotated_at"])
    return link


@transaction.atomic
def rotate_link(*, link: FeedToken, at: datetime) -> FeedToken:
    """Give the link a new secret. The old one opens nothing from now on."""
    FeedToken.objects.filter(pk=link.pk).update(generation=F("generation") + 1, rotated_at=at)
    link.refresh_from_db()
    return link


@transaction.atomic
def close_link(*, link: FeedToken, at: datetime) -> FeedToken:
    """Let the link open nothing, until the person opens it again, which makes a new secret.

    The row stays, with its choices and its generation: without it, a later link would have the
    old secret.
    """
    FeedToken.objects.filter(pk=link.pk, closed_at__isnull=True).update(
        generation=F("generation") + 1, closed_at=at
    )
    link.refresh_from_db()
    return link


@transaction.atomic
def choose_what_it_shows(
    *,
    link: FeedToken,
    wants_plain_titles: bool,
    shows_busy: bool,
    wants_single_dates: bool = False,
    alarm_minutes: int | None = None,
    at: datetime,
) -> FeedToken:
    """Set what the person's calendar says to whoever looks at it."""
    # Of the person and not of the link: invitations by mail heed it too, without asking for one.
    User.objects.filter(pk=link.user_id).update(
        wants_plain_titles=wants_plain_titles, wants_single_dates=wants_single_dates
    )
    FeedToken.objects.filter(pk=link.pk).update(shows_busy=shows_busy, alarm_minutes=alarm_minutes)
    bump(personal_feed_key(link.user_id), at)
    hint("calendar-form-chosen")
    link.refresh_from_db()
    return link
