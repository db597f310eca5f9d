"""A person's secret calendar link: made, changed, and replaced when it got into wrong hands."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import User
from calendars.models import FeedToken
from calendars.queries import personal_feed_key
from calendars.services.revisions import bump


@transaction.atomic
def personal_link(*, user: User, at: datetime) -> FeedToken:
    """The person's calendar link, made the first time it is asked for."""
    link, _created = FeedToken.objects.get_or_create(
        user=user, purpose=FeedToken.Purpose.PERSONAL, defaults={"rotated_at": at}
    )
    return link


@transaction.atomic
def rotate_link(*, link: FeedToken, at: datetime) -> FeedToken:
    """Give the link a new secret. The old one opens nothing from now on."""
    FeedToken.objects.filter(pk=link.pk).update(generation=F("generation") + 1, rotated_at=at)
    link.refresh_from_db()
    return link


@transaction.atomic
def choose_what_it_shows(
    *, link: FeedToken, is_discreet: bool, shows_busy: bool, at: datetime
) -> FeedToken:
    """Set what the person's calendar says to whoever looks at it."""
    FeedToken.objects.filter(pk=link.pk).update(is_discreet=is_discreet, shows_busy=shows_busy)
    bump(personal_feed_key(link.user_id), at)
    link.refresh_from_db()
    return link
